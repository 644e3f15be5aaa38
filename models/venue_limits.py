"""How many orders and cancels a live venue is sent, and when: its limits, its modes, and orders of unknown fate.

Nothing here is done in another mode.

Why a refusal and not a queue: an order's price is good for half a second. What finds no token, or a venue that takes no
orders, is refused in figures, and its strategy decides anew. A cancel waits for its token instead, and is sent; a stop
that would wait for longer than the venue takes to notice that we are gone is left to that: we give no sign of life.

Why a bundle is held up with its first leg or not at all: legs without the others are a position that nobody wanted. The
legs come one right after the other; what follows a leg that was sent is as urgent as an exit, and uses what is kept for
those, and none follows a leg that was refused.
"""

from collections.abc import Callable, Mapping
from typing import Final

from models.cells import TradingState
from models.executor_parameters import ExecutorParameters, Mode
from models.limiter import Limiter
from models.messages.base import MarketId
from models.messages.control import RaiseCell, SetOperatorState
from models.messages.lanes import LeaveToHeartbeat, LimitsSeen, VenueModeSeen
from models.messages.orders import OrderAccepted, OrderRejected, PlaceOrder, SubmitCancel
from models.order_life import Messages, OrderLife
from models.order_register import OrderRecord
from models.orders import UNCERTAIN, OrderEvent, OrderState
from models.slow_answers import SlowAnswers
from models.stops import Refusal
from models.venue_mode import PERSONAL, VenueGate

VENUE: Final = "venue"
"""The source of the cell on everything while the venue does not take all of what we trade."""

LATENCY: Final = "latency"
"""The source of the cell on everything while the venue answers too slowly for quotes."""

_MODE: Final = "mode"
"""Key of the deadline at which the venue is asked whether it takes orders again."""

_CANCELLABLE: Final = UNCERTAIN | {OrderState.WORKING, OrderState.CANCELLING}
_MS: Final = 1_000_000


class VenueLimits(OrderLife):
    """The life of orders at a venue that counts what it is sent."""

    def __init__(self, mode: Mode, parameters: ExecutorParameters, identify: Callable[[PlaceOrder], str]) -> None:
        super().__init__(mode, parameters, identify)
        self._live = mode == "live"
        self._siblings: Mapping[MarketId, tuple[MarketId, ...]] = {}
        """The other markets of each one's neg-risk event."""
        self._limiter = Limiter(
            parameters.rate_tier,
            {"orders": parameters.orders_kept_for_exits, "cancels": parameters.cancels_kept_for_stops},
            parameters.mode_pause_first_ms,
            parameters.mode_pause_max_ms,
        )
        self._gate = VenueGate(parameters.mode_pause_first_ms, parameters.mode_pause_max_ms)
        self._held = TradingState.ACTIVE
        self._slow = SlowAnswers(
            parameters.slow_answers_ms, parameters.slow_tail_ms, parameters.slow_answer_ms, parameters.slow_pause_ms
        )
        self._lapses_ns = 0
        self._bundle: str | None = None
        """The bundle whose legs came last, and why its last leg was refused."""
        self._broken: Refusal | None = None
        if self._live:
            self._handlers |= {
                LimitsSeen: self._limits_seen,
                VenueModeSeen: self._mode_seen,
                SetOperatorState: self._operator_said,
            }

    # May it be sent?

    def _refusal(self, placed: PlaceOrder, now_ns: int) -> Refusal | None:
        if self._broken is not None and self._follows(placed):
            return self._broken
        refusal = self._held_up(placed, now_ns)
        if placed.bundle is not None:
            self._bundle, self._broken = placed.bundle, refusal
        return refusal

    def _follows(self, placed: PlaceOrder) -> bool:
        """Whether another leg of its bundle came before it."""
        return placed.bundle is not None and placed.bundle == self._bundle

    def _exits(self, placed: PlaceOrder) -> bool:
        return self._follows(placed) or super()._exits(placed)

    def _held_up(self, placed: PlaceOrder, now_ns: int) -> Refusal | None:
        refusal = super()._refusal(placed, now_ns)
        if refusal is not None or not self._live:
            return refusal
        urgent = self._exits(placed)
        refusal = (
            self._unsafe(placed.market, now_ns)
            or (None if urgent else self._unsafe_beside(placed.market, now_ns))
            or self._gate.refusal(placed, now_ns)
            or (None if urgent else self._slow.refusal())
            or self._limited(urgent, now_ns)
        )
        if refusal is None and not urgent:
            self._slow.sent(placed.intent)
        return refusal

    def _unsafe(self, market: MarketId, now_ns: int) -> Refusal | None:
        """Return why nobody could say what a new order would be added to: it replaces no unknown one."""
        return self._unknown_in(market, now_ns)

    def _unsafe_beside(self, market: MarketId, now_ns: int) -> Refusal | None:
        """Return why an order of unknown fate elsewhere in the event may stand for the same risk."""
        around = (self._unknown_in(one, now_ns) for one in self._siblings.get(market, ()))
        return next(filter(None, around), None)

    def _unknown_in(self, market: MarketId, now_ns: int) -> Refusal | None:
        for record in self._orders.open_in(market):
            if record.state is OrderState.DISPUTED:
                return Refusal("disputed_order", f"the venue contradicts itself on {record.order_id}")
            if record.state is OrderState.UNKNOWN:
                age_ms = (now_ns - record.sent_ns) // _MS
                return Refusal("unknown_order", f"{record.order_id} was sent {age_ms} ms ago and may stand")
        return None

    def _limited(self, urgent: bool, now_ns: int) -> Refusal | None:
        """Take a token; a new quote has to leave some for hedges and exits, and must be one that can be cancelled."""
        room, others = self._limiter.room("cancels", urgent=urgent), len(self._orders.open_in(None)) - 1
        if others >= room:
            return Refusal("rate_limited", f"{others} open orders >= {room} that can be cancelled at once")
        if not urgent and self._limiter.wait_ns("cancels", now_ns, urgent=False):
            return Refusal("rate_limited", self._limiter.figures("cancels", now_ns, urgent=False))
        if self._limiter.take("orders", now_ns, urgent=urgent):
            return Refusal("rate_limited", self._limiter.figures("orders", now_ns, urgent=urgent))
        return None

    def _limits_seen(self, seen: LimitsSeen, now_ns: int) -> Messages:
        self._limiter.seen(seen, now_ns)
        return ()

    # Does it take any?

    def _mode_seen(self, seen: VenueModeSeen, now_ns: int) -> Messages:
        """Follow the venue. What is not meant for us alone is asked for again when its time has come."""
        self._gate.seen(seen)
        if self._gate.until_ns is not None and self._gate.state is not TradingState.ACTIVE:
            self._deadlines.put(_MODE, self._gate.until_ns)
        advice = "; then `keel resume`" if self._gate.mode in PERSONAL else ""
        return self._hold(self._gate.state, f"{self._gate.mode}: {seen.text}{advice}")

    def _operator_said(self, said: SetOperatorState, now_ns: int) -> Messages:
        """Try again with a venue that had shut us out, for a person has looked into it."""
        if said.verb != "resume" or said.market is not None or self._gate.mode not in PERSONAL:
            return ()
        self._gate.resume()
        return self._hold(TradingState.ACTIVE, "")

    def _hold(self, state: TradingState, reason: str) -> Messages:
        if state is self._held:
            return ()
        self._held = state
        return (RaiseCell(None, VENUE, state, reason if state is not TradingState.ACTIVE else ""),)

    # Does it answer in time?

    def _accepted(self, accepted: OrderAccepted, now_ns: int) -> Messages:
        slow = self._timed(accepted.order_id, now_ns)
        return *super()._accepted(accepted, now_ns), *slow

    def _rejected(self, rejected: OrderRejected, now_ns: int) -> Messages:
        slow = self._timed(rejected.order_id, now_ns)
        return *super()._rejected(rejected, now_ns), *slow

    def _ended(self, record: OrderRecord, event: OrderEvent, reason: str, now_ns: int) -> Messages:
        if event is OrderEvent.NOT_SENT:
            self._slow.unsent(record.placed.intent)
        return super()._ended(record, event, reason, now_ns)

    def _timed(self, order_id: str, now_ns: int) -> Messages:
        """Take the time of the first word on an order; pull the quotes of all markets when it was too long.

        By our clock alone: that of the venue, which stands on what its stream says, may be seconds away from ours.
        """
        record = self._orders.of_id(order_id)
        if not self._live or record is None or record.state is not OrderState.PLACING:
            return ()
        why = self._slow.answered(record.placed.intent, now_ns - record.sent_ns, now_ns)
        if why is None:
            return ()
        assert self._slow.until_ns is not None
        self._deadlines.put(LATENCY, self._slow.until_ns)
        return (RaiseCell(None, LATENCY, TradingState.REDUCING, why),)

    def _due(self, key: str, now_ns: int) -> Messages:
        if key == _MODE:
            return self._hold(TradingState.ACTIVE, "") if self._gate.mode not in PERSONAL else ()
        if key == LATENCY:
            self._slow.ask()
            return (RaiseCell(None, LATENCY, TradingState.ACTIVE, ""),)
        return super()._due(key, now_ns)

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
            return self._left_to_heartbeat(wait_ns, now_ns) if record.cancel_urgent else ()
        if record.state is not OrderState.UNKNOWN:
            return super()._send_cancel(record, now_ns)
        record.cancels_sent += 1
        self._deadlines.put(record.order_id, now_ns + self._cancel_repeat_ns(record))
        return (SubmitCancel(record.order_id, record.placed.market, record.cancel_reason),)

    def _cancel_repeat_ns(self, record: OrderRecord) -> int:
        if not self._live:
            return super()._cancel_repeat_ns(record)
        first_ms, most_ms = self._parameters.cancel_answer_ms, self._parameters.cancel_repeat_max_ms
        if self._gate.mode == "disabled":
            first_ms = min(first_ms, self._parameters.mode_pause_first_ms)  # it has answered, and may think again
        return min(first_ms << min(max(record.cancels_sent - 1, 0), 20), max(first_ms, most_ms)) * _MS

    def _left_to_heartbeat(self, wait_ns: int, now_ns: int) -> Messages:
        until_ns = now_ns + wait_ns
        if wait_ns <= self._parameters.lapse_ms * _MS or until_ns <= self._lapses_ns:
            return ()
        self._lapses_ns = until_ns + wait_ns
        return (LeaveToHeartbeat(until_ns, f"no token for a cancel within {wait_ns // _MS} ms"),)
