"""The checker of a simulated run: all claims, one history, and of what is broken the smallest slice of events.

Why a fold of plain events: whatever raised can be folded again, with less and less of what happened, until every event
that is left is needed.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from research.prove.sim.claims_approving import Approving
from research.prove.sim.claims_base import Claim, Subject
from research.prove.sim.claims_ending import Ending
from research.prove.sim.claims_history import Facts, History, Logged, Settled
from research.prove.sim.claims_leaving import Leaving
from research.prove.sim.claims_ledger import Ledger
from research.prove.sim.claims_life import Life
from research.prove.sim.claims_reacting import Reacting
from research.prove.sim.contract import (
    Answered,
    Committed,
    Crashed,
    Died,
    Event,
    Faulted,
    Framed,
    Happening,
    Refused,
    Said,
    Started,
    Stepped,
    Violation,
    World,
    Written,
)
from research.prove.sim.slice import lines_of, sliced

CLAIMS: Final[tuple[type[Claim], ...]] = (Leaving, Approving, Ledger, Life, Reacting, Ending)
INVARIANTS: Final = tuple(sorted({name for claim in CLAIMS for name in claim.invariants}, key=lambda one: int(one[1:])))
"""Every invariant that a run is held to at each step."""

_KEPT: Final = 400_000
"""Events that are kept for a slice; of a run there are fewer."""

_Take = Callable[[Any], None]


class Fold:
    """History and claims of one run, told event by event."""

    def __init__(self, facts: Facts) -> None:
        self.checks: Counter[str] = Counter()
        self.history = History(facts)
        self._claims = tuple(claim(self.history, self.checks) for claim in CLAIMS)
        self._takers: dict[Subject, list[tuple[Claim, _Take]]] = {}
        for claim in self._claims:
            for subject, take in claim.hears().items():
                self._takers.setdefault(subject, []).append((claim, take))
        self._learns: dict[type[Event], _Take] = {
            Written: self._written,
            Answered: lambda event: self.history.answered(event.call, event.status, event.body),
            Framed: lambda event: self.history.framed(event.channel, event.text),
            Committed: lambda event: self.history.committed_all(event.messages),
            Logged: lambda event: self.history.logged(event.line),
            Faulted: lambda event: self.history.faulted(event.fault, event.what, event.at_ns),
            Started: self._started,
            Crashed: self._crashed,
            Died: self._disturbed,
            Refused: self._disturbed,
        }
        self._before: frozenset[type[Event]] = frozenset({Written, Committed})
        """Events that the claims judge by what was before them."""

    def wants(self, event: Event) -> bool:
        """Whether anybody would look at an event."""
        return type(event) in self._learns or any(subject in self._takers for subject in _subjects(event))

    def take(self, event: Event) -> None:
        """Take an event. Raises Violation."""
        kind = type(event)
        learns = self._learns.get(kind)
        if learns is not None and kind not in self._before:
            learns(event)
        for subject in _subjects(event):
            for claim, take in self._takers.get(subject, ()):
                claim.at(event.step)
                take(event)
        if learns is not None and kind in self._before:
            learns(event)

    def _written(self, event: Written) -> None:
        self.history.called(event.call, event.at_ns, event.method, event.path, event.body)

    def _started(self, event: Started) -> None:
        self.history.run, self.history.running = event.number, True
        self.history.disturbed_ns = event.at_ns

    def _crashed(self, event: Crashed) -> None:
        self.history.running = False
        self.history.disturbed_ns = event.at_ns

    def _disturbed(self, event: Event) -> None:
        self.history.disturbed_ns = event.at_ns


class Claims:
    """The checker of one run; see `contract.Checker`."""

    def __init__(self) -> None:
        self.checks: Counter[str] = Counter()
        self._fold: Fold | None = None
        self._kept: deque[Event] = deque(maxlen=_KEPT)
        self._logged = 0
        self._violation: Violation | None = None

    def hear(self, event: Happening, world: World) -> None:
        """Take an event, and before it what the exchange has written down. Raises Violation, and raises it again."""
        if self._violation is not None:
            raise self._violation
        fold = self._fold or self._begin(world)
        try:
            self._log(fold, event.step, world)
            self._take(fold, event)
        except Violation as violation:
            self._violation = violation
            raise

    def settled(self, world: World) -> None:
        """Judge the end. Raises Violation."""
        if self._violation is not None:
            raise self._violation
        fold = self._fold or self._begin(world)
        try:
            self._log(fold, world.step, world)
            self._take(fold, Settled(world.step, world.now_ns))
        except Violation as violation:
            self._violation = violation
            raise

    @property
    def slice(self) -> tuple[str, ...]:
        """The events that show what was broken, as few as were found, in words; none where all holds.

        It is made when it is asked for, which takes seconds.
        """
        violation, fold = self._violation, self._fold
        if violation is None or fold is None:
            return ()
        facts = fold.history.facts
        return tuple(lines_of(sliced(tuple(self._kept), violation, lambda some: first_violation(facts, some))))

    def _begin(self, world: World) -> Fold:
        facts = Facts(world.address, world.wallet, world.tag, world.markets, world.parameters)
        self._fold = Fold(facts)
        self.checks = self._fold.checks
        return self._fold

    def _log(self, fold: Fold, step: int, world: World) -> None:
        log = world.exchange.log
        while self._logged < log.last:
            for text in log.after(self._logged, 1_000):
                line = msgspec.json.decode(text)
                self._logged = line["n"]
                self._take(fold, Logged(step, line["at_ns"], line))

    def _take(self, fold: Fold, event: Event) -> None:
        if fold.wants(event):
            self._kept.append(event)
            fold.take(event)


def first_violation(facts: Facts, events: Iterable[Event]) -> Violation | None:
    """Fold some events and return what they break first; None where they break nothing, or make no sense."""
    fold = Fold(facts)
    try:
        for event in events:
            fold.take(event)
    except Violation as violation:
        return violation
    except (LookupError, ValueError, AssertionError):
        return None
    return None


def _subjects(event: Event) -> tuple[Subject, ...]:
    kind = type(event)
    if isinstance(event, Said | Stepped):
        return (kind, (kind, type(event.message)))
    if isinstance(event, Logged):
        return (kind, str(event.line["kind"]))
    return (kind,)
