"""What an order may cost: on the grid, away from certainty, and not far on the wrong side of the market.

Why the net mid of the supervisor's own book: our own orders move the gross one, and a price that follows its own quote
is what a collar is there to stop. Why on the harmful side alone: to bid far below the market costs nothing. Without two
sides there is no mid; then nothing is opened (`models/controls/market_guard.py`), and an exit may take what is there.

Why an exit has a collar of its own: what a flatten may trade at must pass, in cheap tokens too; wider it may not be,
for an exit at any price is a chase. Why only openings count towards the pause: it would take the exits away as well.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from models.cells import TradingState
from models.controls.control import Control, Guard, Refusal
from models.ladder import NO_ASK, NO_BID
from models.markets import YES, Market, Side
from models.messages.base import MarketId, Message
from models.messages.control import RaiseCell, Reading
from models.messages.market import BookUpdated
from models.messages.orders import IntentDenied, PlaceOrder
from models.messages.runtime import WakeAt
from models.parameters import parameter
from models.units import ONE, Price, format_price

if TYPE_CHECKING:
    from models.engine import EngineParameters

_MS = 1_000_000


class PriceParameters(msgspec.Struct, frozen=True):
    """How far from certainty, and how near to the market, an order has to be."""

    bounds_ticks: Annotated[
        int, parameter("Nothing is opened nearer to 0 or 1 than so many ticks.", "count", ge=1, le=20)
    ] = 2
    collar: Annotated[
        Price, parameter("Furthest beyond the net mid that an order may open.", "price", gt=0, le=2_000)
    ] = 500
    collar_share: Annotated[
        float, parameter("And furthest as a share of the mid; two ticks are always allowed.", "ratio", gt=0, le=1)
    ] = 0.20
    collar_refusals: Annotated[
        int, parameter("So many orders beyond the collar within the window pause their market.", "count", ge=1, le=100)
    ] = 5
    collar_window_ms: Annotated[
        int, parameter("Window in which orders beyond the collar are counted.", "ms", ge=1, le=600_000)
    ] = 60_000
    collar_pause_ms: Annotated[int, parameter("How long such a market is paused.", "ms", ge=0, le=3_600_000)] = 300_000


class PriceGuard(Guard):
    """Holds prices against the newest book of each market. `exit_collar` is how far a flatten may trade."""

    controls = (
        Control("price_grid", "before", "all", "the order is refused", "price against the market's tick", ()),
        Control(
            "price_bounds", "before", "open", "the order is refused", "ticks between the price and 0 or 1",
            ("price.bounds_ticks",),
        ),
        Control(
            "collar", "before", "all", "the order is refused; several within the window pause the market",
            "how far the price is above the net mid for a buy, below it for a sale; an exit may go as far as a flatten",
            (
                "price.collar", "price.collar_share", "price.collar_refusals", "price.collar_window_ms",
                "price.collar_pause_ms", "flatten.collar",
            ),
        ),
    )  # fmt: skip
    hears = (BookUpdated, IntentDenied)
    timer = "collar"

    def __init__(self, parameters: PriceParameters, markets: Mapping[MarketId, Market], exit_collar: Price) -> None:
        self._parameters = parameters
        self._markets = markets
        self._exit_collar = exit_collar
        self._books: dict[MarketId, BookUpdated] = {}
        self._beyond_ns: dict[MarketId, deque[int]] = {}
        self._paused_until_ns: dict[MarketId, int] = {}

    def refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], opens: bool, now_ns: int) -> Refusal | None:
        book = self._books.get(order.market)
        tick = self._markets[order.market].tick if book is None else book.tick
        if order.price % tick:
            return Refusal("price_grid", f"{format_price(order.price)} is no multiple of {format_price(tick)}")
        least = self._parameters.bounds_ticks * tick
        if opens and not least <= order.price <= ONE - least:
            bounds = f"[{format_price(least)}, {format_price(ONE - least)}]"
            return Refusal("price_bounds", f"{format_price(order.price)} outside {bounds}")
        return None if book is None else self._collar_refusal(order, book, opens, now_ns)

    def changed(self, parameters: "EngineParameters") -> None:
        self._parameters = parameters.price

    def heard(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        if isinstance(message, BookUpdated):
            self._books[message.market] = message
            return ()
        beyond = self._beyond_ns.get(message.market, ())
        if message.reason != "collar" or len(beyond) < self._parameters.collar_refusals:
            return ()
        self._beyond_ns[message.market].clear()
        until_ns = now_ns + self._parameters.collar_pause_ms * _MS
        self._paused_until_ns[message.market] = until_ns
        paused = RaiseCell(message.market, "collar", TradingState.CANCEL_ONLY, "beyond_collar")
        return (paused, WakeAt(min(self._paused_until_ns.values()), self.timer))

    def woke(self, now_ns: int) -> tuple[Message, ...]:
        over = [market for market, until_ns in self._paused_until_ns.items() if until_ns <= now_ns]
        for market in over:
            del self._paused_until_ns[market]
        lifted = (RaiseCell(market, "collar", TradingState.ACTIVE, "") for market in over)
        return (*lifted, *(WakeAt(at_ns, self.timer) for at_ns in sorted(self._paused_until_ns.values())[:1]))

    def readings(self, now_ns: int) -> Iterable[Reading]:
        yield Reading("price_grid", "all", None, None, "price")
        yield Reading("price_bounds", "all", None, self._parameters.bounds_ticks, "ticks")
        yield Reading("collar", "all", None, self._parameters.collar / ONE, "price")
        for market, known in self._markets.items():
            beyond = len(self._beyond_in(market, now_ns))
            if beyond or market in self._paused_until_ns:
                left_s = max(0, self._paused_until_ns.get(market, now_ns) - now_ns) // 1_000_000_000
                note = f"paused for {left_s} s more" if market in self._paused_until_ns else ""
                limit = self._parameters.collar_refusals
                yield Reading("collar", known.slug, beyond, limit, "refusals", market in self._paused_until_ns, note)

    def _collar_refusal(self, order: PlaceOrder, book: BookUpdated, opens: bool, now_ns: int) -> Refusal | None:
        if book.bid == NO_BID or book.ask == NO_ASK:
            return None
        twice_mid = book.bid + book.ask if order.outcome == YES else 2 * ONE - book.bid - book.ask
        twice_beyond = 2 * order.price - twice_mid if order.side is Side.BUY else twice_mid - 2 * order.price
        # A mid may lie between two prices, so all is compared in half units.
        twice_collar = self._twice_collar(twice_mid, book.tick)
        if not opens:
            twice_collar = max(twice_collar, 2 * self._exit_collar)
        if twice_beyond <= twice_collar:
            return None
        if opens:
            self._beyond_in(order.market, now_ns).append(now_ns)
        where = "above" if order.side is Side.BUY else "below"
        beyond = (
            f"{format_price(order.price)} is {twice_beyond / 2 / ONE:.4f} {where} the mid {twice_mid / 2 / ONE:.4f}"
        )
        return Refusal("collar", f"{beyond}, more than {twice_collar / 2 / ONE:.4f}")

    def _twice_collar(self, twice_mid: Price, tick: Price) -> Price:
        share = int(twice_mid * self._parameters.collar_share)
        return max(4 * tick, min(2 * self._parameters.collar, share))

    def _beyond_in(self, market: MarketId, now_ns: int) -> deque[int]:
        beyond = self._beyond_ns.setdefault(market, deque())
        while beyond and now_ns - beyond[0] >= self._parameters.collar_window_ms * _MS:
            beyond.popleft()
        return beyond
