"""Cells that a control of risk raises and that end at a time, and counts of what happened within one."""

from collections import deque
from collections.abc import Iterator

from models.cells import TradingState
from models.deadlines import Deadlines
from models.messages.base import MarketId
from models.messages.control import CommandApplied, RaiseCell, SetOperatorState

Cells = tuple[RaiseCell, ...]


class Recent:
    """When something happened within the last `window_ns`. Times do not go back."""

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._at_ns: deque[int] = deque()

    def add(self, at_ns: int) -> int:
        """Count one; return how many there are with it."""
        self._at_ns.append(at_ns)
        return self.count(at_ns)

    def count(self, now_ns: int) -> int:
        """Return how many there are."""
        while self._at_ns and now_ns - self._at_ns[0] > self._window_ns:
            self._at_ns.popleft()
        return len(self._at_ns)

    def fewer_ns(self, than: int) -> int:
        """Return when there are fewer than so many again, if no more come; there are as many now."""
        return self._at_ns[-than] + self._window_ns + 1

    def clear(self) -> None:
        """Begin anew."""
        self._at_ns.clear()


class TimedCells:
    """The cells of one control: on markets, or on all (None). What stands is not raised anew, but may last longer.

    Deadlines are put under keys that begin with the control's name and a blank.
    """

    def __init__(self, deadlines: Deadlines, control: str, state: TradingState) -> None:
        self.control = control
        self._deadlines = deadlines
        self._state = state
        self._held: dict[MarketId | None, str] = {}

    def __iter__(self) -> Iterator[tuple[MarketId | None, str]]:
        """Walk what is held, and why."""
        return iter(self._held.items())

    def hold(self, market: MarketId | None, reason: str, until_ns: int | None) -> Cells:
        """Raise the cell until then, or until it is let go."""
        key = self._key(market)
        self._deadlines.drop(key)
        if until_ns is not None:
            self._deadlines.put(key, until_ns)
        if market in self._held:
            return ()
        self._held[market] = reason
        return (RaiseCell(market, self.control, self._state, reason),)

    def until(self, market: MarketId | None, until_ns: int) -> None:
        """Let what is held go then; nothing where it is not."""
        if market in self._held:
            self._deadlines.put(self._key(market), until_ns)

    def let_go(self, market: MarketId | None) -> Cells:
        """Lift the cell, if it is raised."""
        self._deadlines.drop(self._key(market))
        if self._held.pop(market, None) is None:
            return ()
        return (RaiseCell(market, self.control, TradingState.ACTIVE, ""),)

    def due(self, key: str) -> Cells:
        """Lift the cell whose deadline has come; nothing for a key of another control."""
        control, market = key.split(" ", 1)
        return self.let_go(market or None) if control == self.control else ()

    def lifted(self, said: SetOperatorState | CommandApplied) -> Cells:
        """Lift the cell of a market, or that on all, of which a person says that it shall trade."""
        return self.let_go(said.market) if said.verb in ("resume", "on") else ()

    def _key(self, market: MarketId | None) -> str:
        return f"{self.control} {market or ''}"
