"""Sizes at a level that wait for their counterpart: a decrease for its print, a print for its decrease.

Why both wait: the venue says one trade twice, as a smaller level and, 7 to 230 ms later, as a print (sometimes the
other way round). Whichever comes first is kept here; the second takes it away, so that the trade counts once.
"""

from collections import deque
from typing import NamedTuple

from models.markets import Side
from models.units import Price, Size


class Level(NamedTuple):
    """A price of one side of a book, in YES terms."""

    side: Side
    price: Price


class Part(NamedTuple):
    """A size and the moment, in its market's sequence, at which it happened."""

    moment: int
    size: Size


class Waiting:
    """Sizes by level, each for a limited time, taken in the order in which they came."""

    def __init__(self, wait_ns: int) -> None:
        self._wait_ns = wait_ns
        self._entries: deque[_Entry] = deque()
        self._at: dict[Level, deque[_Entry]] = {}

    def add(self, level: Level, part: Part, now_ns: int) -> None:
        """Let a size wait at a level."""
        entry = _Entry(level, part, now_ns)
        self._entries.append(entry)
        same_level = self._at.get(level)
        if same_level is None:
            same_level = self._at[level] = deque()
        same_level.append(entry)

    def take(self, level: Level, size: Size) -> tuple[Part, ...]:
        """Take up to `size` of what waits at a level, oldest first."""
        waiting = self._at.get(level)
        if waiting is None:
            return ()
        taken: list[Part] = []
        for entry in waiting:
            part = min(size, entry.size)
            if part:
                taken.append(Part(entry.moment, part))
                entry.size -= part
                size -= part
        return tuple(taken)

    def size_at(self, level: Level, since: int = -1) -> Size:
        """Return what waits at a level and happened after a moment."""
        return sum(entry.size for entry in self._at.get(level, ()) if entry.moment > since)

    def pop_expired(self, now_ns: int) -> tuple[Level, Part] | None:
        """Drop the oldest size that has waited too long and return what was not taken of it; None where none has."""
        while self._entries and self._entries[0].at_ns + self._wait_ns < now_ns:
            entry = self._entries.popleft()
            same_level = self._at[entry.level]
            same_level.popleft()
            if not same_level:
                del self._at[entry.level]
            if entry.size:
                return entry.level, Part(entry.moment, entry.size)
        return None


class _Entry:
    """One waiting size; what is taken makes it smaller."""

    __slots__ = ("at_ns", "level", "moment", "size")

    def __init__(self, level: Level, part: Part, at_ns: int) -> None:
        self.level = level
        self.moment, self.size = part
        self.at_ns = at_ns
