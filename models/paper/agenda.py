"""What the venue will do later, each thing at its own time."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

from models.messages.runtime import WakeAt

_TIMER: Final = "agenda"


class Agenda:
    """Actions in the order of their times; those of one time in the order in which they were planned."""

    def __init__(self) -> None:
        self._actions: list[tuple[int, int, Callable[[int], None]]] = []
        self._planned = 0
        self._asked_ns: int | None = None

    def plan(self, due_ns: int, action: Callable[[int], None]) -> None:
        """Have something done at a time; it is told that time."""
        self._planned += 1
        heappush(self._actions, (due_ns, self._planned, action))

    def run(self, until_ns: int) -> None:
        """Do everything that is due, and what follows from it within the time."""
        while self._actions and self._actions[0][0] <= until_ns:
            due_ns, _, action = heappop(self._actions)
            action(due_ns)

    def woken(self) -> None:
        """Note that the deadline that was asked for has come."""
        self._asked_ns = None

    def ask(self) -> tuple[WakeAt, ...]:
        """Return the wish to be woken for the next action, if it is not standing already."""
        if not self._actions or self._actions[0][0] == self._asked_ns:
            return ()
        self._asked_ns = self._actions[0][0]
        return (WakeAt(at_ns=self._asked_ns, timer=_TIMER),)
