"""Controls that hold markets, or all of them, by cells that end at a time, and counts of what happened within one.

Why a cell is said as `MarketHeld`: what is counted can be counted again from the journal as far as that goes back, but
not what a person has let go meanwhile, nor since when something was good again. So cells stand in the journal by
themselves, and whoever takes a dead supervisor's place holds what it held, for as long. Counts of seconds and minutes
are made anew from the orders and fills that are recalled, and begin at the latest checkpoint.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

from models.cells import TradingState
from models.controls.control import Guard
from models.deadlines import Deadlines
from models.markets import Market
from models.messages.base import MarketId, Message
from models.messages.control import MarketHeld, SetOperatorState

Held = tuple[MarketHeld, ...]

_LIFTS = ("resume", "on")


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
    """The cells of one control: on markets, or on all (None). What stands keeps its reason, but may last longer.

    Deadlines are put under keys that begin with the control's name and a blank.
    """

    def __init__(self, deadlines: Deadlines, control: str, state: TradingState) -> None:
        self.control = control
        self._deadlines = deadlines
        self._state = state
        self._held: dict[MarketId | None, MarketHeld] = {}

    def reason(self, market: MarketId | None) -> str | None:
        """Return why a market is held, None where it is not."""
        held = self._held.get(market)
        return None if held is None else held.reason

    def hold(self, market: MarketId | None, reason: str, until_ns: int | None, now_ns: int) -> Held:
        """Hold a market until then, or until it is let go."""
        standing = self._held.get(market)
        if standing is not None and standing.until_ns == until_ns:
            return ()
        said = reason if standing is None else standing.reason
        return self.take(MarketHeld(market, self.control, self._state, 0, said, until_ns, now_ns))

    def let_go(self, market: MarketId | None, reason: str, now_ns: int) -> Held:
        """Let a market go, if it is held."""
        if market not in self._held:
            return ()
        return self.take(MarketHeld(market, self.control, TradingState.ACTIVE, 0, reason, None, now_ns))

    def let_go_all(self, reason: str, now_ns: int) -> Held:
        """Let go whatever is held."""
        return tuple(said for market in tuple(self._held) for said in self.let_go(market, reason, now_ns))

    def take(self, held: MarketHeld) -> Held:
        """Hold a market as was said of it, or no longer."""
        key = f"{self.control} {held.market or ''}"
        self._deadlines.drop(key)
        if held.until_ns is not None:
            self._deadlines.put(key, held.until_ns)
        if held.state is TradingState.ACTIVE:
            self._held.pop(held.market, None)
        else:
            self._held[held.market] = held
        return (held,)


class TimedControls(Guard, ABC):
    """A family whose controls hold by `TimedCells`. `counts` are the messages that it counts, when told and recalled.

    `markets` names them for people.
    """

    counts: ClassVar[tuple[type[Message], ...]] = ()

    def __init__(self, markets: Mapping[MarketId, Market], states: Mapping[str, TradingState]) -> None:
        self.deadlines = Deadlines(self.timer)
        self.cells = {control: TimedCells(self.deadlines, control, state) for control, state in states.items()}
        self._markets = markets

    @abstractmethod
    def counted(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        """Count a message of the kinds in `counts`."""

    def due(self, key: str, now_ns: int) -> tuple[Message, ...]:
        """Let go what is held until now."""
        control, market = key.split(" ", 1)
        return self.cells[control].let_go(market or None, "its time is over", now_ns)

    def heard(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        if isinstance(message, SetOperatorState):
            return self._lifted(message, now_ns)
        return *self.counted(message, now_ns), *self.deadlines.ask()

    def woke(self, now_ns: int) -> tuple[Message, ...]:
        said = [said for key in self.deadlines.take_due(now_ns) for said in self.due(key, now_ns)]
        return *said, *self.deadlines.ask()

    def recall(self, entry: Any, at_ns: int) -> tuple[Message, ...]:
        if isinstance(entry, MarketHeld):
            return self.cells[entry.control].take(entry) if entry.control in self.cells else ()
        return self.counted(entry, at_ns) if isinstance(entry, self.counts) else ()

    def recalled(self, now_ns: int) -> tuple[Message, ...]:
        return self.woke(now_ns)

    def slug(self, market: MarketId) -> str:
        """Return a market's name for people."""
        known = self._markets.get(market)
        return market if known is None else known.slug

    def _lifted(self, said: SetOperatorState, now_ns: int) -> Held:
        """Let go a market, or what is held on all, of which a person says that it shall trade."""
        if said.verb not in _LIFTS:
            return ()
        why = f"{said.verb} by {said.who}"
        return tuple(held for cells in self.cells.values() for held in cells.let_go(said.market, why, now_ns))
