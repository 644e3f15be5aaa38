"""How many orders and cancels a live venue is sent, and when: its limits, its modes, and orders of unknown fate.

Nothing here is done in another mode.

Why a refusal and not a queue: an order's price is good for half a second. What finds no token, or a venue that takes no
orders, is refused in figures, and its strategy decides anew. A cancel waits for its token instead, and is sent.
"""

from collections.abc import Callable
from typing import Final

from models.cells import TradingState
from models.executor_parameters import ExecutorParameters, Mode
from models.limiter import Limiter
from models.messages.base import MarketId
from models.messages.control import RaiseCell
from models.messages.lanes import LimitsSeen, VenueModeSeen
from models.messages.orders import PlaceOrder, SubmitCancel
from models.order_life import Messages, OrderLife
from models.order_register import OrderRecord
from models.orders import OrderState
from models.stops import Refusal
from models.venue_mode import VenueGate

VENUE: Final = "venue"
"""The source of the cell on everything while the venue has shut us out."""

_CANCELLABLE: Final = frozenset({OrderState.UNKNOWN, OrderState.WORKING, OrderState.CANCELLING})
_MS: Final = 1_000_000


class VenueLimits(OrderLife):
    """The life of orders at a venue that counts what it is sent."""

    def __init__(self, mode: Mode, parameters: ExecutorParameters, identify: Callable[[PlaceOrder], str]) -> None:
        super().__init__(mode, parameters, identify)
        self._live = mode == "live"
        self._limiter = Limiter(
            parameters.rate_tier,
            {"orders": parameters.orders_kept_for_exits, "cancels": parameters.cancels_kept_for_stops},
        )
        self._gate = VenueGate(parameters.mode_pause_first_ms, parameters.mode_pause_max_ms)
        if self._live:
            self._handlers |= {LimitsSeen: self._limits_seen, VenueModeSeen: self._mode_seen}

    # May it be sent?

    def _refusal(self, placed: PlaceOrder, now_ns: int) -> Refusal | None:
        refusal = super()._refusal(placed, now_ns)
        if refusal is not None or not self._live:
            return refusal
        return (
            self._unsafe(placed.market, now_ns) or self._gate.refusal(placed, now_ns) or self._limited(placed, now_ns)
        )

    def _unsafe(self, market: MarketId, now_ns: int) -> Refusal | None:
        """Return why nobody could say what a new order would be added to: it replaces no unknown one."""
        for record in self._orders.open_in(market):
            if record.state is OrderState.UNKNOWN:
                age_ms = (now_ns - record.sent_ns) // _MS
                return Refusal("unknown_order", f"{record.order_id} was sent {age_ms} ms ago and may stand")
        return None

    def _limited(self, placed: PlaceOrder, now_ns: int) -> Refusal | None:
        """Take a token; a new quote has to leave some for hedges and exits, and must be one that can be cancelled."""
        urgent = self._exits(placed)
        if not urgent and self._limiter.wait_ns("cancels", now_ns, urgent=False):
            return Refusal("rate_limited", self._limiter.figures("cancels", now_ns, urgent=False))
        if self._limiter.take("orders", now_ns, urgent=urgent):
            return Refusal("rate_limited", self._limiter.figures("orders", now_ns, urgent=urgent))
        return None

    def _limits_seen(self, seen: LimitsSeen, now_ns: int) -> Messages:
        self._limiter.seen(seen, now_ns)
        return ()

    def _mode_seen(self, seen: VenueModeSeen, now_ns: int) -> Messages:
        """Follow the venue; being shut out is for a person to see to."""
        was_blocked = self._gate.mode == "blocked"
        self._gate.seen(seen)
        if was_blocked == (seen.mode == "blocked"):
            return ()
        return (
            RaiseCell(None, VENUE, *((TradingState.ACTIVE, "") if was_blocked else (TradingState.HALTED, seen.text))),
        )

    # Cancels

    def _cancel(self, record: OrderRecord, reason: str, now_ns: int, *, urgent: bool = True) -> Messages:
        hurried = urgent and not record.cancel_urgent and record.cancel_reason is not None and not record.cancels_sent
        said = super()._cancel(record, reason, now_ns, urgent=urgent)
        return self._send_cancel(record, now_ns) if hurried else said

    def _send_cancel(self, record: OrderRecord, now_ns: int) -> Messages:
        """Send it when there is a token, also to an order of unknown fate: to cancel what is not there harms nobody."""
        if not self._live or record.cancel_reason is None or record.taken_off is not None:
            return super()._send_cancel(record, now_ns)
        if record.state not in _CANCELLABLE:
            return ()
        wait_ns = self._limiter.take("cancels", now_ns, urgent=record.cancel_urgent)
        if wait_ns:
            self._deadlines.put(record.order_id, now_ns + wait_ns)
            return ()
        if record.state is not OrderState.UNKNOWN:
            return super()._send_cancel(record, now_ns)
        record.cancels_sent += 1
        self._deadlines.put(record.order_id, now_ns + self._cancel_repeat_ns(record))
        return (SubmitCancel(record.order_id, record.placed.market, record.cancel_reason),)

    def _cancel_repeat_ns(self, record: OrderRecord) -> int:
        if not self._live:
            return super()._cancel_repeat_ns(record)
        first_ms, most_ms = self._parameters.cancel_answer_ms, self._parameters.cancel_repeat_max_ms
        return min(first_ms << min(max(record.cancels_sent - 1, 0), 20), max(first_ms, most_ms)) * _MS
