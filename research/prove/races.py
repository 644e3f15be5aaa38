"""`bin/prove races`: threads and processes against each other, with a switch interval that changes them all the time.

Each race is run again and again with parameters of chance, which its number decides: how many take part, what is said
and about when. A seed gives the same parameters again, but threads never run twice alike; so what is printed for a race
that was lost runs it many times.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple, TypeAlias

from actors.gate import Gate
from actors.runtime.clock import SystemClock, monotonic_ns
from research.prove.races_clear import clears
from research.prove.races_locks import locks
from research.prove.races_mail import Ground, MailRace, ground
from research.prove.races_orders import CHANGES, KILLS, Attempt, Made, orders
from research.prove.races_restart import RestartRace
from research.prove.witness import Findings

SCHEMA: Final = "keel.prove.races/1"
AGAIN: Final = 1_000
"""How often a race that was lost is run again by the command that is printed."""
_SWITCH_S: Final = 1e-6
_MEMORY: Final = "/dev/shm"  # noqa: S108 - the folder is made in it, under a name that nobody knows
"""Where a kill does not wait for a disk, which would give what comes too late the time to be in time."""

Ready: TypeAlias = Callable[[Path, Made], AbstractContextManager[Attempt]]
"""Has ready what a race needs, in a folder, with gates of that make; yields what runs it once."""


class Race(NamedTuple):
    """A race, and how many of all tries are of it."""

    ready: Ready
    share: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be run: `tries` in all, shared out among the races, or all of the one that is named.

    `again`: each try so often.
    """

    tries: int = 2_000
    seed: int = 1
    only: str | None = None
    again: int = 1


@dataclass(slots=True)
class RaceReport:
    """What came of it: how often each race was run and how long it took, what they counted, and the claims."""

    asked: Asked
    tries: Counter[str] = field(default_factory=Counter[str])
    took_s: dict[str, float] = field(default_factory=dict[str, float])
    figures: Counter[str] = field(default_factory=Counter[str])
    findings: Findings = field(default_factory=Findings)

    @property
    def holds(self) -> bool:
        """Whether every claim held in every race."""
        return not sum(self.findings.wrong.values())


def production(latch: Path) -> Gate:
    """Make the gate that an engine has."""
    return Gate(latch, SystemClock())


def prove_races(asked: Asked, told: Callable[[float], object], made: Made = production) -> RaceReport:
    """Run them. `told` hears how much is done, as a share; Ctrl-C ends it early."""
    report = RaceReport(asked)
    names = [asked.only] if asked.only is not None else list(RACES)
    shares = sum(RACES[name].share for name in names)
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        for number, name in enumerate(names):
            told(number / len(names))
            _run(report, name, max(asked.tries * RACES[name].share // shares, 1), made)
    except KeyboardInterrupt:
        pass
    finally:
        sys.setswitchinterval(before_s)
    return report


def _run(report: RaceReport, name: str, tries: int, made: Made) -> None:
    began_ns = monotonic_ns()
    memory = _MEMORY if Path(_MEMORY).is_dir() else None
    with (
        TemporaryDirectory(prefix="keel-races-", dir=memory) as folder,
        RACES[name].ready(Path(folder), made) as attempt,
    ):
        for seed in range(report.asked.seed, report.asked.seed + tries):
            for _ in range(report.asked.again):
                found = Findings()
                attempt(Random(f"{name}/{seed}"), found, report.figures)
                _note(report.findings, found, name, seed)
                report.tries[name] += 1
    report.took_s[name] = (monotonic_ns() - began_ns) / 1e9


def _note(findings: Findings, found: Findings, name: str, seed: int) -> None:
    findings.checked.update(found.checked)
    findings.wrong.update(found.wrong)
    if found.cases:
        again = f"bin/prove races --only {name} --seed {seed} --tries 1 --again {AGAIN}"
        findings.cases += [f"{name}, seed {seed}: {case} ({again})" for case in found.cases]


def _of_actors(chosen: Callable[[Ground], Attempt]) -> Ready:
    @contextmanager
    def race(*_: object) -> Iterator[Attempt]:
        with ground() as actors:
            yield chosen(actors)

    return race


RACES: Final[Mapping[str, Race]] = {
    "kill": Race(lambda folder, made: orders(folder, KILLS, made), 5),
    "change": Race(lambda folder, made: orders(folder, CHANGES, made), 3),
    "clear": Race(clears, 3),
    "stop": Race(_of_actors(lambda actors: MailRace(actors).stop), 3),
    "overflow": Race(_of_actors(lambda actors: MailRace(actors).overflow), 2),
    "restart": Race(_of_actors(lambda actors: RestartRace(actors).attempt), 2),
    "give-up": Race(_of_actors(lambda actors: RestartRace(actors).given_up), 1),
    "lock": Race(locks, 1),
}
"""Every race by its name."""
