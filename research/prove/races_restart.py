"""A supervisor that mends deaths while others write: the dead handles nothing once its successor has begun.

Each life writes down that it began and what it handled, all into one list, so the order of lives is the order of the
list. In some of the races a child hangs and is given up: when it goes on, it is nobody any more.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import count
from random import Random
from threading import Event, Thread  # noqa: TID251 - those outside who write and kill
from typing import Final

from pykka import ActorDeadError, ActorRef

from actors.runtime.actor import Context
from actors.runtime.dispatcher import Dispatcher
from actors.runtime.supervision import ChildSpec, Strategy, Supervision
from actors.runtime.supervisor import Supervisor
from research.prove.races_mail import (
    KINDS,
    Derived,
    Dies,
    Entry,
    Ground,
    Hangs,
    Reader,
    Told,
    Writer,
    spin,
    sum_of,
    together,
    unaccounted,
    until,
)
from research.prove.witness import Findings

_CHILDREN: Final = 2
_SPINS: Final = 30_000
_MS: Final = 1_000_000
_ASK_S: Final = 2.0


_MAIL: Final = [kind for kind in KINDS if kind is not Derived]
"""What was superseded in the mailbox of a life that is over could not be counted."""


class _Family:
    """A supervisor with children whose lives are counted; each child is to run at one of the `places`."""

    def __init__(self, ground: Ground, strategy: Strategy, places: Sequence[Dispatcher], *, hangs: bool) -> None:
        self._ground = ground
        self._patience_ns = _MS if hangs else 20_000 * _MS
        self.name = ground.name()
        self.names = [ground.name() for _ in places]
        self.read: dict[str, list[Entry]] = {name: [] for name in self.names}
        self.go_on = Event()
        supervision = Supervision(strategy, 1_000_000, backoff_ns=_MS // 20, backoff_cap_ns=_MS // 5)
        specs = [self._child(name, place) for name, place in zip(self.names, places, strict=True)]
        Supervisor.start(Context(self.name, ground.control, "nobody"), supervision, specs)

    def _child(self, name: str, place: Dispatcher) -> ChildSpec:
        lives = count(1)

        def start(context: Context) -> ActorRef[Reader]:
            return Reader.start(context, next(lives), self.read[name], self.go_on)

        return ChildSpec(name, start, place, stop_timeout_ns=self._patience_ns)

    def life(self, name: str) -> int:
        """Return which life of a child has begun last."""
        return max((life for life, message in tuple(self.read[name]) if message is None), default=0)

    def ends(self) -> bool:
        """End all; False where somebody stays."""
        self.go_on.set()
        self._ground.directory.stop(self.name)
        return until(lambda: not any(map(self._ground.directory.find, (self.name, *self.names))))


class RestartRace:
    """Writers, killers, and a family."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def attempt(self, random: Random, findings: Findings, figures: Counter[str]) -> None:
        """Let children die and be stopped at moments of chance."""
        ground = self._ground
        places = [random.choice(ground.places) for _ in range(_CHILDREN)]
        family = self._family(random.choice(list(Strategy)), places, findings)
        first = {name: ground.directory.find(name) for name in family.names}
        writers = [self._writer(random, name, number) for number in range(2) for name in family.names]
        deaths = [(random.choice(family.names), random.random() < 0.3, random.randrange(_SPINS)) for _ in range(3)]

        def kill() -> None:
            for number, (name, stopped, turns) in enumerate(deaths):
                spin(turns)
                if stopped:
                    ground.directory.stop(name)
                else:
                    ground.directory.send(name, Dies(99, number))

        findings.hold("nobody hangs", together([*writers, Thread(target=kill, daemon=True)]), lambda: family.name)
        for name, ref in first.items():
            if ref is not None and family.life(name) > 1:
                findings.hold("an old reference says that it is dead", _is_refused(ref), lambda name=name: name)
        dies = Counter(name for name, stopped, _ in deaths if not stopped)
        self._end(family, writers, dies, findings)
        figures["restarts"] += sum(family.life(name) - 1 for name in family.names)

    def given_up(self, random: Random, findings: Findings, figures: Counter[str]) -> None:
        """Let a child hang while its brother dies: it is given up, another takes its place, and it goes on then."""
        ground = self._ground
        threads = ground.places[1]
        family = self._family(Strategy.ONE_FOR_ALL, [threads, threads], findings, hangs=True)
        hanging, brother = family.names
        before = ground.directory.mailbox(hanging)
        ground.directory.send(hanging, Hangs(98, 0))
        findings.hold("it hangs", until(lambda: len(family.read[hanging]) > 1), lambda: str(family.read))
        writers = [self._writer(random, hanging, number) for number in range(2)]
        ground.directory.send(brother, Dies(99, 0))
        findings.hold("nobody hangs", together(writers), lambda: family.name)
        findings.hold("another takes its place", until(lambda: family.life(hanging) > 1), lambda: str(family.read))
        family.go_on.set()
        ended = until(lambda: before is not None and before.owner is None)
        findings.hold("who was given up ends when it goes on", ended, lambda: str(family.read[hanging]))
        self._end(family, writers, Counter({brother: 1}), findings)
        figures["given up"] += 1

    def _family(
        self, strategy: Strategy, places: Sequence[Dispatcher], findings: Findings, *, hangs: bool = False
    ) -> _Family:
        self._ground.clean()
        family = _Family(self._ground, strategy, places, hangs=hangs)
        up = until(lambda: all(family.life(name) for name in family.names))
        findings.hold("a family comes up", up, lambda: str(family.read))
        return family

    def _writer(self, random: Random, name: str, number: int) -> Writer:
        return Writer(self._ground.directory, name, number, random.choices(_MAIL, k=12))

    def _end(self, family: _Family, writers: list[Writer], dies: Counter[str], findings: Findings) -> None:
        """End a family, and hold what each of its children handled against what it was sent."""
        ground = self._ground
        findings.hold("a family ends", family.ends(), lambda: str(ground.directory.names()))
        findings.hold("nothing aborts", not ground.aborted, lambda: str(ground.aborted))
        for name in family.names:
            read = family.read[name]
            lives = [life for life, _ in read]
            findings.hold(
                "the dead handles nothing once another has begun", lives == sorted(lives), lambda read=read: str(read)
            )
            sent = sum_of([one for one in writers if one.to == name]) + Counter(Dies=dies[name])
            missing = unaccounted(ground, name, read, sent, findings)
            findings.hold(
                "what was sent is handled or a dead letter",
                not any(missing.values()),
                lambda missing=missing: str(missing),
            )


def _is_refused(ref: ActorRef[Reader]) -> bool:
    try:
        ref.ask(Told(97, 0), timeout=_ASK_S)
    except ActorDeadError:
        return True
    return False
