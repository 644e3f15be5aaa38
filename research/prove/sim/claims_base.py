"""What a claim is: a few invariants that hear the events which concern them, and raise where one does not hold."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, TypeAlias

from models.messages.base import Message
from research.prove.sim.claims_history import Facts, History, Settled
from research.prove.sim.contract import Event, Said, Stepped, Violation

Subject: TypeAlias = "type[Event] | tuple[type[Event], type[Message]] | str"
"""What is heard: a kind of event, a kind of message said or stepped, or a kind of line of the exchange's log."""

Hears: TypeAlias = Mapping[Subject, Callable[[Any], None]]

S: Final = 1_000_000_000
MS: Final = 1_000_000


class Claim:
    """Judges by the history, which has taken an event before the claim is told of it."""

    invariants: ClassVar[tuple[str, ...]] = ()

    def __init__(self, history: History, checks: Counter[str]) -> None:
        self.history = history
        self._checks = checks
        self._step = 0

    @property
    def facts(self) -> Facts:
        """What does not change."""
        return self.history.facts

    def hears(self) -> Hears:
        """Return what it wants to hear, and who takes it."""
        return {Settled: self.settled}

    def at(self, step: int) -> None:
        """Be told at which event it is asked."""
        self._step = step

    def settled(self, event: Settled) -> None:
        """Judge the end."""

    def hold(self, invariant: str, holds: bool, found: Callable[[], str]) -> None:
        """Count one check. Raises Violation where it does not hold."""
        self._checks[invariant] += 1
        if not holds:
            raise Violation(invariant, found(), self._step)


def said(kind: type[Message]) -> tuple[type[Event], type[Message]]:
    """Name a message as it is sent."""
    return (Said, kind)


def stepped(kind: type[Message]) -> tuple[type[Event], type[Message]]:
    """Name a message as it is taken."""
    return (Stepped, kind)
