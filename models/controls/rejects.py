"""Orders that the venue refuses: what goes on being refused is wrong, here or there, and is not tried for ever.

Counted are the venue's refusals in its own words. Not counted is what is no fault: a post-only order that would have
crossed, because the book moved while it was on its way (after three in a minute a slot waits by itself, see
`models/own_orders.py`; those beyond `crossings` a minute in a market count here too), and a FOK or FAK that found
nothing to take. Nor is what the venue says of itself: that it takes no orders now has a cell of its own
(`models/venue_mode.py`). Our own refusals never get this far.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from models.cells import TradingState
from models.controls.control import Control
from models.controls.timed import Held, Recent, TimedControls
from models.markets import Market
from models.messages.base import MarketId
from models.messages.control import Reading, SetOperatorState
from models.messages.orders import OrderChanged
from models.orders import OrderState
from models.parameters import parameter

if TYPE_CHECKING:
    from models.engine import EngineParameters

IN_MARKET: Final = "rejects_market"
IN_ALL: Final = "rejects_total"
RATIO: Final = "reject_ratio"

_CROSSES: Final = "crosses"
_NO_FAULT: Final = (
    "fok order", "fak order", "fully filled", "no orders found to match", "post-only mode", "post_only_mode",
    "cancel-only", "trading is", "closed only", "rate limit", "too many requests", "not yet ready",
)  # fmt: skip
"""Parts of the venue's words for a refusal that says nothing of the order."""

_ANSWERED: Final = frozenset({OrderState.WORKING, OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED})
_SECOND_NS: Final = 1_000_000_000
_MINUTE_NS: Final = 60 * _SECOND_NS


class RejectParameters(msgspec.Struct, frozen=True):
    """How many orders the venue may refuse."""

    market: Annotated[
        int, parameter("So many refused orders of a market within a minute pause it.", "count", ge=2, le=100)
    ] = 5
    market_pause_s: Annotated[
        int, parameter("A market whose orders are refused is paused for so long.", "seconds", ge=1, le=86_400)
    ] = 60
    total: Annotated[
        int,
        parameter("So many refused orders within a minute in all leave only what reduces.", "count", ge=2, le=1_000),
    ] = 20
    ratio: Annotated[
        float, parameter("A larger part of the answered orders refused leaves only what reduces.", "ratio", gt=0, le=1)
    ] = 0.25
    ratio_window_s: Annotated[
        int, parameter("The part is that of the orders answered within this time.", "seconds", ge=10, le=3_600)
    ] = 300
    ratio_orders: Annotated[int, parameter("Fewer answered orders say nothing yet.", "count", ge=1, le=10_000)] = 20
    clean_s: Annotated[
        int, parameter("Opening goes on once no limit on all markets was broken for so long.", "seconds", ge=1,
                       le=86_400)
    ] = 300  # fmt: skip
    crossings: Annotated[
        int,
        parameter("So many post-only orders of a market that would have crossed are no fault within a minute: three "
                  "for each side of each token.", "count", ge=0, le=1_000),
    ] = 12  # fmt: skip


class Rejects(TimedControls):
    """Counts what the venue answers to orders."""

    controls = (
        Control(
            IN_MARKET, "meanwhile", "all", "the market is paused",
            "orders of the market that the venue refused within a minute, but those that crossed or found nothing",
            ("rejects.market", "rejects.market_pause_s", "rejects.crossings"),
        ),
        Control(
            IN_ALL, "meanwhile", "open", "only what lowers the risk goes on",
            "orders of all markets that the venue refused within a minute, but those that crossed or found nothing",
            ("rejects.total", "rejects.clean_s"),
        ),
        Control(
            RATIO, "meanwhile", "open", "only what lowers the risk goes on",
            "part of the orders answered within the window that the venue refused",
            ("rejects.ratio", "rejects.ratio_window_s", "rejects.ratio_orders", "rejects.clean_s"),
        ),
    )  # fmt: skip
    counts = (OrderChanged,)
    hears = (*counts, SetOperatorState)
    timer = "rejects"

    def __init__(self, parameters: RejectParameters, markets: Mapping[MarketId, Market]) -> None:
        pause, reduce = TradingState.CANCEL_ONLY, TradingState.REDUCING
        super().__init__(markets, {IN_MARKET: pause, IN_ALL: reduce, RATIO: reduce})
        self._parameters = parameters
        self._asked: set[str] = set()
        self._crossings: dict[MarketId, Recent] = {}
        self._in_market: dict[MarketId, Recent] = {}
        self._in_all = Recent(_MINUTE_NS)
        self._refused = Recent(parameters.ratio_window_s * _SECOND_NS)
        self._answered = Recent(parameters.ratio_window_s * _SECOND_NS)

    def changed(self, parameters: "EngineParameters") -> None:
        self._parameters = parameters.rejects

    # Counting

    def counted(self, message: Any, now_ns: int) -> Held:
        """Count the venue's first word on an order."""
        order: OrderChanged = message
        if order.state is OrderState.PLACING:
            self._asked.add(order.order_id)
            return ()
        if order.state is OrderState.UNKNOWN or order.order_id not in self._asked:
            return ()
        self._asked.discard(order.order_id)
        if order.state not in _ANSWERED:
            return ()
        self._answered.add(now_ns)
        if order.state is not OrderState.REJECTED or not self._is_fault(order, now_ns):
            return ()
        return self._rejected(order, now_ns)

    def _is_fault(self, order: OrderChanged, now_ns: int) -> bool:
        said = order.reason.lower()
        if _CROSSES in said:
            crossings = self._crossings.setdefault(order.market, Recent(_MINUTE_NS))
            return crossings.add(now_ns) > self._parameters.crossings
        return not any(part in said for part in _NO_FAULT)

    def _rejected(self, order: OrderChanged, now_ns: int) -> Held:
        limits, market = self._parameters, order.market
        clean_ns = now_ns + limits.clean_s * _SECOND_NS
        counted = self._in_market.setdefault(market, Recent(_MINUTE_NS))
        here, in_all, refused = counted.add(now_ns), self._in_all.add(now_ns), self._refused.add(now_ns)
        out: Held = ()
        if here >= limits.market:
            counted.clear()
            reason = f"{here} orders refused within 60 s >= {limits.market}, the last: {order.reason}"
            pause_ns = limits.market_pause_s * _SECOND_NS
            out += self.cells[IN_MARKET].hold(market, reason, now_ns + pause_ns, now_ns)
        if in_all >= limits.total:
            reason = f"{in_all} orders refused within 60 s >= {limits.total}, the last: {order.reason}"
            out += self.cells[IN_ALL].hold(None, reason, clean_ns, now_ns)
        answered = self._answered.count(now_ns)
        if answered >= limits.ratio_orders and refused > limits.ratio * answered:
            figures = f"{refused} of {answered} orders refused within {limits.ratio_window_s} s"
            reason = f"{figures}, {refused / answered:.2f} > {limits.ratio:g}, the last: {order.reason}"
            out += self.cells[RATIO].hold(None, reason, clean_ns, now_ns)
        return out

    # What is read

    def readings(self, now_ns: int) -> Iterator[Reading]:
        limits = self._parameters
        for market, counted in self._in_market.items():
            held = self.cells[IN_MARKET].reason(market)
            yield Reading(
                IN_MARKET, self.slug(market), counted.count(now_ns), limits.market, "refusals", held is not None,
                held or "",
            )  # fmt: skip
        held = self.cells[IN_ALL].reason(None)
        yield Reading(
            IN_ALL, "all", self._in_all.count(now_ns), limits.total, "refusals", held is not None, held or ""
        )  # fmt: skip
        answered, refused = self._answered.count(now_ns), self._refused.count(now_ns)
        part, held = refused / answered if answered >= limits.ratio_orders else None, self.cells[RATIO].reason(None)
        note = held or f"{refused} of {answered} answered orders"
        yield Reading(RATIO, "all", part, limits.ratio, "ratio", held is not None, note)
