"""One trade is told twice, as a smaller level and as a print, in either order: each half waits here for the other.

Why both wait: 7 to 230 ms lie between them. Whichever comes first is kept; the second takes it away, so that the trade
counts once.

Why a decrease is looked up and not noted: every other book shrinks somewhere, and hardly ever where a print or an order
of ours asks for it.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from models.markets import Side
from models.messages.market import BookUpdated
from models.units import Price, Size


class Level(NamedTuple):
    """A price of one side of a book, in YES terms."""

    side: Side
    price: Price


class Part(NamedTuple):
    """A size and the moment, in its market's sequence, at which it happened."""

    moment: int
    size: Size


class Prints:
    """Prints whose smaller level has not been seen yet, each for a limited time."""

    def __init__(self, wait_ns: int) -> None:
        self._wait_ns = wait_ns
        self._entries: deque[_Print] = deque()
        self._at: dict[Level, deque[_Print]] = {}

    @property
    def levels(self) -> Iterable[Level]:
        """The levels at which a print waits; not to be kept."""
        return self._at

    def add(self, level: Level, size: Size, now_ns: int) -> None:
        """Let a print wait for the decrease of its level."""
        entry = _Print(level, size, now_ns)
        self._entries.append(entry)
        self._at.setdefault(level, deque()).append(entry)

    def take(self, level: Level, size: Size) -> Size:
        """Take up to `size` of what waits at a level, oldest first; return how much was there."""
        left = size
        for entry in self._at.get(level, ()):
            part = min(left, entry.size)
            entry.size -= part
            left -= part
        return size - left

    def expire(self, now_ns: int) -> None:
        """Forget what has waited too long."""
        while self._entries and self._entries[0].at_ns + self._wait_ns < now_ns:
            entry = self._entries.popleft()
            same_level = self._at[entry.level]
            same_level.popleft()
            if not same_level:
                del self._at[entry.level]


class Decreases:
    """What the levels of one market lost within a limited time and no print has explained."""

    def __init__(self, wait_ns: int) -> None:
        self._wait_ns = wait_ns
        self._steps: deque[Step] = deque()

    def see(self, step: "Step") -> None:
        """Take the newest change of the book."""
        self._steps.append(step)

    def take(self, level: Level, size: Size) -> tuple[Part, ...]:
        """Explain up to `size` of what a level lost, oldest first."""
        taken: list[Part] = []
        for step in self._steps:
            part = step.unexplained(level)
            if part:
                part = min(part, size)
                step.explain(level, part)
                taken.append(Part(step.moment, part))
                size -= part
                if not size:
                    break
        return tuple(taken)

    def size_at(self, level: Level, since: int = -1) -> Size:
        """Return what a level lost after a moment and nothing has explained."""
        size = 0
        for step in reversed(self._steps):
            if step.moment <= since:
                break
            size += step.unexplained(level)
        return size

    def pop_expired(self, now_ns: int) -> "Step | None":
        """Drop the oldest change of the book that has waited too long and return it; None where none has."""
        if self._steps and self._steps[0].at_ns + self._wait_ns < now_ns:
            return self._steps.popleft()
        return None


class Step:
    """From one good book of a market to the next."""

    __slots__ = ("_asks", "_bids", "_explained", "at_ns", "moment")

    def __init__(self, before: BookUpdated, after: BookUpdated, moment: int, at_ns: int) -> None:
        self.moment = moment
        self.at_ns = at_ns
        self._bids = before.bids.sizes, after.bids.sizes
        self._asks = before.asks.sizes, after.asks.sizes
        self._explained: dict[Level, Size] | None = None

    def unexplained(self, level: Level) -> Size:
        """Return by how much a level shrank, less what prints have explained of it."""
        side, price = level
        before, after = self._bids if side is Side.BUY else self._asks
        gone = before.get(price, 0) - after.get(price, 0)
        if gone <= 0:
            return 0
        return gone if self._explained is None else gone - self._explained.get(level, 0)

    def explain(self, level: Level, size: Size) -> None:
        """Put a part of what a level lost down to a print."""
        if self._explained is None:
            self._explained = {}
        self._explained[level] = self._explained.get(level, 0) + size


class _Print:
    """One waiting print; what is taken makes it smaller."""

    __slots__ = ("at_ns", "level", "size")

    def __init__(self, level: Level, size: Size, at_ns: int) -> None:
        self.level = level
        self.size = size
        self.at_ns = at_ns
