"""`bin/prove crash`: a live engine is killed again and again, and each time its books are held against the venue's.

One sandbox, one data folder, many lives (`crash_lives`). Several such runs may go on at once, each with a seed, a
sandbox and an engine of its own: two cores survive twice as many kills.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from threading import Event
from typing import Final

from actors.runtime.clock import monotonic_ns
from research.prove.crash_lives import Asked, Came, Lives
from research.prove.postgres import reachable
from research.prove.processes import sandbox, wait
from research.prove.witness import Findings

SCHEMA: Final = "keel.prove.crash/2"
_LOOK_S: Final = 0.2


@dataclass(slots=True)
class CrashReport:
    """What came of all runs; `took_s` by the wall clock."""

    asked: Asked
    folder: Path
    runs: Sequence[Came] = ()
    took_s: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether every claim that was checked held."""
        return not sum(self.findings.wrong.values())

    @property
    def findings(self) -> Findings:
        """The claims of all runs together."""
        return joined([run.findings for run in self.runs])

    def kills(self, figure: str) -> Counter[str]:
        """Return `survived` or `missed` of all runs together."""
        return sum((getattr(run, figure) for run in self.runs), Counter[str]())

    def seconds(self, figure: str) -> list[float]:
        """Return `ready_s` or `equal_s` of all starts."""
        return [one for run in self.runs for one in getattr(run, figure)]

    def sum(self, figure: str) -> int:
        """Return `refused`, `orders`, `fills`, `merges` or `redeemed` of all runs together."""
        return sum(getattr(run, figure) for run in self.runs)


def prove_crash(asked: Asked, told: Callable[[float], object], folder: Path | None = None) -> CrashReport:
    """Run and compare. `told` hears how much is done, as a share; Ctrl-C ends it early.

    Raises RuntimeError where a sandbox or an engine cannot be brought up at all.
    """
    folder = folder or Path(mkdtemp(prefix="keel-prove-crash-"))
    began_ns, ending = monotonic_ns(), Event()
    runs = [
        Lives(replace(asked, kills=kills, seed=asked.seed + number), folder / str(number), ending)
        for number, kills in enumerate(_shares(asked.kills, asked.at_once))
    ]
    with ThreadPoolExecutor(len(runs)) as pool:
        under_way = [pool.submit(_run, run) for run in runs]
        try:
            while not all(one.done() for one in under_way):
                told(sum(run.lived for run in runs) / asked.kills)
                wait(_LOOK_S)
        except KeyboardInterrupt:
            ending.set()
        return CrashReport(asked, folder, [one.result() for one in under_way], (monotonic_ns() - began_ns) / 1e9)


def joined(findings: Sequence[Findings]) -> Findings:
    """Return several findings as one."""
    whole = Findings()
    for one in findings:
        whole.checked.update(one.checked)
        whole.wrong.update(one.wrong)
        whole.cases += one.cases
    return whole


def _shares(kills: int, at_once: int) -> list[int]:
    """Share the kills out among so many runs, each of which has one at least."""
    runs = min(kills, at_once)
    return [kills // runs + (number < kills % runs) for number in range(runs)]


def _run(run: Lives) -> Came:
    asked, folder = run.asked, run.came.folder
    folder.mkdir(parents=True, exist_ok=True)
    flags = ["--profile", asked.profile, "--seed", asked.seed, "--faults", asked.faults]
    flags += ["--clock-speed", asked.clock_speed, "--log", folder / "sandbox.jsonl", "--accounts", asked.account + 1]
    if asked.markets_count is not None:
        flags += ["--markets-count", asked.markets_count]
    with reachable(asked.db) as server, sandbox(*flags) as venue:
        return run.all(venue, server)
