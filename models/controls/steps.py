"""How controls hold markets back for a time: quotes stand back, then nothing but cancels, and back by the same steps.

Why a market that was disabled stands back first when its time is over: nobody has found out that it is any better.
"""

from collections.abc import Iterator
from typing import Final

from models.cells import TradingState
from models.deadlines import Deadlines
from models.messages.base import MarketId
from models.messages.control import MarketHeld, SetOperatorState

_LIFTS: Final = ("resume", "on")


class Steps:
    """The markets that are held, by control. `pause_ns` of 0: a step ends when a person says so.

    Deadlines are put under keys that begin with `prefix`; whoever keeps `deadlines` says when one is `due`.
    """

    prefix: Final = "hold "

    def __init__(self, deadlines: Deadlines, widen_ticks: int, pause_ns: int) -> None:
        self._deadlines = deadlines
        self._widen_ticks = widen_ticks
        self._pause_ns = pause_ns
        self._held: dict[tuple[str, MarketId | None], MarketHeld] = {}

    def of(self, control: str, market: MarketId) -> MarketHeld | None:
        """Return how a control holds a market, None where it does not."""
        return self._held.get((control, market))

    def __iter__(self) -> Iterator[MarketHeld]:
        return iter(self._held.values())

    def up(self, control: str, market: MarketId, reason: str, now_ns: int) -> MarketHeld:
        """Have a market's quotes stand back; disable it where they do already."""
        state = TradingState.CANCEL_ONLY if (control, market) in self._held else TradingState.ACTIVE
        return self._step(control, market, state, reason, now_ns)

    def pause(self, control: str, market: MarketId, reason: str, pause_ns: int, now_ns: int) -> MarketHeld:
        """Disable a market for a time, after which it goes on as before."""
        return self.take(MarketHeld(market, control, TradingState.CANCEL_ONLY, 0, reason, now_ns + pause_ns, now_ns))

    def let_go(self, control: str, market: MarketId | None, reason: str, now_ns: int) -> MarketHeld:
        """Hold a market no longer."""
        return self.take(MarketHeld(market, control, TradingState.ACTIVE, 0, reason, None, now_ns))

    def due(self, key: str, now_ns: int) -> MarketHeld:
        """End a step whose time is over."""
        control, market = key.removeprefix(self.prefix).split(" ", 1)
        held = self._held[control, market]
        if held.state is TradingState.ACTIVE or not held.ticks_back:
            return self.let_go(control, market, "its time is over", now_ns)
        return self._step(control, market, TradingState.ACTIVE, f"disabled before: {held.reason}", now_ns)

    def lifted(self, said: SetOperatorState, now_ns: int) -> tuple[MarketHeld, ...]:
        """Let a market go of which a person says that it shall trade."""
        if said.verb not in _LIFTS:
            return ()
        held = [control for control, market in self._held if market == said.market]
        return tuple(self.let_go(control, said.market, f"{said.verb} by {said.who}", now_ns) for control in held)

    def take(self, held: MarketHeld) -> MarketHeld:
        """Hold a market as was said of it."""
        key = f"{self.prefix}{held.control} {held.market}"
        self._deadlines.drop(key)
        if held.until_ns is not None:
            self._deadlines.put(key, held.until_ns)
        if held.state is TradingState.ACTIVE and not held.ticks_back:
            self._held.pop((held.control, held.market), None)
        else:
            self._held[held.control, held.market] = held
        return held

    def _step(self, control: str, market: MarketId, state: TradingState, reason: str, now_ns: int) -> MarketHeld:
        until_ns = now_ns + self._pause_ns if self._pause_ns else None
        return self.take(MarketHeld(market, control, state, self._widen_ticks, reason, until_ns, now_ns))
