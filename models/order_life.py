"""The life of every order from approval to the venue's last word, and the only ledger, at any venue.

Why the last fills are waited for: a cancelled order of which the venue matched more than we have been told keeps its
exposure until the missing fills have arrived. Otherwise its replacement would stand beside a fill that nobody counted.

Where reality contradicts the table or the ledger, nothing is guessed: the market is halted by a cell of this source.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from models.accounts import Accounts
from models.cells import TradingState
from models.churn import Churn
from models.deadlines import Deadlines
from models.executor_parameters import ExecutorParameters, Mode
from models.markets import Side
from models.messages.base import MarketId, Message
from models.messages.control import RaiseCell
from models.messages.orders import (
    CancelMarket,
    CancelOrder,
    CancelRejected,
    IntentDenied,
    OrderAccepted,
    OrderApproved,
    OrderCancelled,
    OrderNotJournalled,
    OrderRejected,
    PlaceOrder,
    SubmitCancel,
    SubmitOrder,
    TradeReported,
)
from models.messages.runtime import Woke
from models.order_register import OrderRecord, OrderRegister
from models.orders import OrderEvent, OrderState, TimeInForce
from models.phase import signed_size
from models.positions import net_diff
from models.stops import Refusal, Stops
from models.units import Size, cash_of_rounded_up, format_size

SOURCE: Final = "executor"
"""The source of the cells that this machine raises."""

DUST: Final[Size] = 10_000
"""The venue may match a hundredth of a share too much, or count one that no trade tells of."""

NEVER_STOOD: Final = frozenset({OrderState.REJECTED, OrderState.NEVER_SENT, OrderState.NEVER_ACCEPTED})
"""Ends of orders that, as far as we knew, the venue never had on its book."""

RESTS: Final = frozenset({TimeInForce.GTC, TimeInForce.GTD})
"""Orders that stay in the book; all others take at once or die."""

_TTL: Final = "ttl "
"""Before an order's id: the deadline of its rest, not of an answer."""

_MS: Final = 1_000_000

Messages: TypeAlias = tuple[Message, ...]


class OrderLife:
    """All orders and positions of one run.

    `identify` gives an approved order the name that it has for ever, the same for the same order.
    """

    def __init__(
        self,
        mode: Mode,
        parameters: ExecutorParameters,
        identify: Callable[[PlaceOrder], str],
    ) -> None:
        self._mode: Mode = mode
        self._parameters = parameters
        self._identify = identify
        self._orders = OrderRegister(parameters.remembered_orders)
        self._accounts = Accounts()
        self._deadlines = Deadlines("orders")
        self._stops = Stops()
        self._churn = Churn(parameters.churn_per_second)
        self._handlers: dict[type[Message], Callable[[Any, int], Messages]] = {
            OrderApproved: self._approved,
            OrderNotJournalled: self._not_journalled,
            CancelOrder: self._cancel_order,
            CancelMarket: self._cancel_market,
            OrderAccepted: self._accepted,
            OrderRejected: self._rejected,
            OrderCancelled: self._cancelled,
            CancelRejected: self._cancel_rejected,
            TradeReported: self._traded,
            Woke: self._woke,
        }

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """Take in one message; return what to submit, what changed, and the next deadline."""
        handler = self._handlers.get(type(message))
        if handler is None:
            return ()
        return (*handler(message, now_ns), *self._deadlines.ask())

    # From intent to the wire

    def _approved(self, approved: OrderApproved, now_ns: int) -> Messages:
        placed = approved.order
        if self._orders.of_intent(placed.intent) is not None:
            return ()
        record = self._orders.add(self._identify(placed), placed)
        refusal = self._refusal(placed, now_ns)
        if refusal is not None:
            return self._never_sent(record, refusal, now_ns)
        record.sent_ns = now_ns
        self._deadlines.put(record.order_id, now_ns + self._parameters.submit_answer_ms * _MS)
        if self._parameters.order_ttl_ms and placed.time_in_force in RESTS:
            self._deadlines.put(_TTL + record.order_id, now_ns + self._parameters.order_ttl_ms * _MS)
        return SubmitOrder(record.order_id, placed, now_ns), record.changed(placed.reason, now_ns)

    def _refusal(self, placed: PlaceOrder, now_ns: int) -> Refusal | None:
        if self._accounts.is_resolved(placed.market):
            return Refusal("resolved", "the market has paid out")
        stopped = self._stops.refusal(placed) or (Refusal("observe") if self._mode == "observe" else None)
        if stopped is not None or self._exits(placed):
            return stopped
        return self._churn.refusal(placed.market, now_ns)

    def _exits(self, placed: PlaceOrder) -> bool:
        """Whether an order sells what is held or hedges it: the last thing that a bound may hold up."""
        net = net_diff(self._accounts.position(placed.tag, placed.market))
        return placed.side is Side.SELL or signed_size(placed.outcome, placed.side, placed.size) * net < 0

    def _never_sent(self, record: OrderRecord, refusal: Refusal, now_ns: int) -> Messages:
        placed = record.placed
        changed = self._ended(record, OrderEvent.NOT_SENT, refusal.reason, now_ns)
        if refusal.detail is None:
            return changed
        return _denied(placed, refusal.reason, refusal.detail, now_ns), *changed

    def _not_journalled(self, failed: OrderNotJournalled, now_ns: int) -> Messages:
        record = self._orders.of_id(failed.order_id)
        changed = () if record is None else self._ended(record, OrderEvent.NOT_SENT, failed.reason, now_ns)
        if record is None or not changed:
            return ()
        word, _, detail = failed.reason.partition(": ")
        return _denied(record.placed, word, detail or failed.reason, now_ns), *changed

    # Cancels

    def _cancel_order(self, cancel: CancelOrder, now_ns: int) -> Messages:
        record = self._orders.of_intent(cancel.intent)
        if record is not None:
            self._churn.cancelled(cancel.market, now_ns)
            return self._cancel(record, cancel.reason, now_ns, urgent=False)
        self._stops.cancelled_early(cancel)
        return ()

    def _cancel_market(self, cancel: CancelMarket, now_ns: int) -> Messages:
        self._stops.cancelled(cancel, now_ns)
        open_orders = self._orders.open_in(cancel.market, outcome=cancel.outcome, side=cancel.side)
        return tuple(message for record in open_orders for message in self._cancel(record, cancel.reason, now_ns))

    def _cancel(self, record: OrderRecord, reason: str, now_ns: int, *, urgent: bool = True) -> Messages:
        """Want an order gone: at once where it works, as soon as it is accepted else. The first reason stays."""
        record.cancel_urgent = record.cancel_urgent or urgent
        if record.cancel_reason is not None:
            return ()
        record.cancel_reason = reason
        return self._send_cancel(record, now_ns)

    def _send_cancel(self, record: OrderRecord, now_ns: int) -> Messages:
        repeated = record.state is OrderState.CANCELLING
        if record.cancel_reason is None or record.taken_off is not None or not record.happened(OrderEvent.CANCEL_SENT):
            return ()
        record.cancels_sent += 1
        self._deadlines.put(record.order_id, now_ns + self._cancel_repeat_ns(record))
        submit = SubmitCancel(record.order_id, record.placed.market, record.cancel_reason)
        return (submit,) if repeated else (submit, record.changed(record.cancel_reason, now_ns))

    def _cancel_repeat_ns(self, record: OrderRecord) -> int:
        """Return how long the venue may take to answer a cancel, or to think again."""
        return self._parameters.cancel_answer_ms * _MS

    # The venue's answers

    def _accepted(self, accepted: OrderAccepted, now_ns: int) -> Messages:
        record = self._orders.of_id(accepted.order_id)
        if record is None:
            return self._foreign(accepted.market, f"foreign order {accepted.order_id}")
        if not record.happened(OrderEvent.ACCEPTED):
            return self._accepted_after_all(record, now_ns) if record.state in NEVER_STOOD else ()
        record.accepted_ns = now_ns
        self._deadlines.drop(record.order_id)
        record.cancel_reason = record.cancel_reason or self._stops.ended_by(record.placed)
        return record.changed("accepted", now_ns), *self._send_cancel(record, now_ns)

    def _accepted_after_all(self, record: OrderRecord, now_ns: int) -> Messages:
        """Want an order gone of which we were told, or had concluded, that it never stood."""
        cancel = SubmitCancel(record.order_id, record.placed.market, "accepted_after_all")
        alarm = self._alarm(record.placed.market, f"{record.state.value} order was accepted: {record.order_id}")
        return cancel, alarm

    def _rejected(self, rejected: OrderRejected, now_ns: int) -> Messages:
        record = self._orders.of_id(rejected.order_id)
        if record is None or not record.is_open:
            return ()
        if record.state in (OrderState.PLACING, OrderState.UNKNOWN):
            return self._ended(record, OrderEvent.REJECTED, rejected.text, now_ns)
        return (record.changed(f"ignored, it was accepted: {rejected.text}", now_ns),)

    def _cancelled(self, cancelled: OrderCancelled, now_ns: int) -> Messages:
        record = self._orders.of_id(cancelled.order_id)
        if record is None or not record.is_open:
            return ()
        record.cancel_reason = record.cancel_reason or cancelled.text or "venue"
        return self._taken_off(record, cancelled.filled, now_ns)

    def _taken_off(self, record: OrderRecord, filled: Size, now_ns: int) -> Messages:
        """End an order that is off the book with so much matched, or wait for what of that was not told yet."""
        missing = min(filled, record.placed.size) - record.filled
        if missing <= DUST:
            return self._ended(record, OrderEvent.CANCELLED, record.cancel_reason or "venue", now_ns)
        self._deadlines.drop(record.order_id)
        record.taken_off = min(filled, record.placed.size)
        return (record.changed(f"off the book, {format_size(missing)} matched shares not yet told", now_ns),)

    def _cancel_rejected(self, rejected: CancelRejected, now_ns: int) -> Messages:
        record = self._orders.of_id(rejected.order_id)
        if record is None or record.taken_off is not None or not record.happened(OrderEvent.CANCEL_REFUSED):
            return ()
        self._deadlines.put(record.order_id, now_ns + self._cancel_repeat_ns(record))
        return (record.changed(rejected.text, now_ns),)

    def _traded(self, report: TradeReported, now_ns: int) -> Messages:
        record = self._orders.of_id(report.order_id)
        if record is None:
            return self._foreign(report.market, f"foreign fill {report.trade_id} of {report.order_id}")
        booking = self._accounts.book(report, record.placed)
        out: list[Message] = [*booking.events]
        unknown = f"unknown trade status {report.status}" if booking.trouble == "unknown_status" else None
        if booking.first:
            out += self._matched(record, unknown or "filled", now_ns)
        elif unknown is not None:
            out.append(record.changed(unknown, now_ns))
        if booking.trouble in ("disputed", "contradiction"):
            out.append(self._alarm(record.placed.market, f"{booking.trouble} trade {report.trade_id}"))
        return *out, *self._redeem(record.placed.market, now_ns)

    def _redeem(self, market: MarketId, now_ns: int) -> Messages:
        """Pay a market out that is resolved, as far as nothing of it can change any more."""
        return self._accounts.redeem(market, now_ns)

    def _matched(self, record: OrderRecord, reason: str, now_ns: int) -> Messages:
        """Count a new fill into the order's size, and end an order that it completes; a dead one stays dead."""
        matched = self._accounts.matched(record.order_id)
        record.matched(matched)
        alarm: Messages = ()
        if self._is_overfilled(record, matched):
            alarm = (self._alarm(record.placed.market, f"disputed: overfilled order {record.order_id}"),)
        elif record.state in NEVER_STOOD:
            return record.changed(reason, now_ns), *self._filled_after_all(record, now_ns)
        if record.is_open and record.filled == record.placed.size:
            return *self._ended(record, OrderEvent.FILLED, reason, now_ns), *alarm
        if record.is_open and record.taken_off is not None and record.filled >= record.taken_off:
            return *self._ended(record, OrderEvent.CANCELLED, record.cancel_reason or "venue", now_ns), *alarm
        return record.changed(reason, now_ns), *alarm

    def _is_overfilled(self, record: OrderRecord, matched: Size) -> bool:
        """Whether the venue matched more than was ordered: shares, or dollars of a buy that takes at once.

        Such a buy is told in dollars, and gets more shares where it meets a better price.
        """
        placed = record.placed
        if placed.side is Side.BUY and placed.time_in_force not in RESTS:
            return self._accounts.paid(record.order_id) > cash_of_rounded_up(placed.price, placed.size + DUST)
        return matched > placed.size + DUST

    def _filled_after_all(self, record: OrderRecord, now_ns: int) -> Messages:
        return (self._alarm(record.placed.market, f"{record.state.value} order was filled: {record.order_id}"),)

    def _ended(self, record: OrderRecord, event: OrderEvent, reason: str, now_ns: int) -> Messages:
        if not record.happened(event):
            return ()
        record.ended_ns = now_ns
        self._deadlines.drop(record.order_id)
        self._deadlines.drop(_TTL + record.order_id)
        for order_id in self._orders.end(record, self._may_forget):
            self._accounts.forget(order_id)
        return (record.changed(reason, now_ns),)

    def _may_forget(self, record: OrderRecord) -> bool:
        """Whether nothing is left to be said of an order that has ended."""
        return self._accounts.is_final(record.order_id)

    def _foreign(self, market: MarketId, what: str) -> Messages:
        return (self._alarm(market, what),)

    @staticmethod
    def _alarm(market: MarketId, reason: str) -> RaiseCell:
        return RaiseCell(market, SOURCE, TradingState.HALTED, reason)

    # Deadlines

    def _woke(self, woke: Woke, now_ns: int) -> Messages:
        return tuple(message for key in self._deadlines.take_due(now_ns) for message in self._due(key, now_ns))

    def _due(self, key: str, now_ns: int) -> Messages:
        """Do what a deadline was set for: an answer did not come, or an order has rested for long enough."""
        record = self._orders.of_id(key.removeprefix(_TTL))
        assert record is not None, "an order that has ended has no deadlines"
        if key.startswith(_TTL):
            return self._cancel(record, "ttl", now_ns)
        if record.state is OrderState.PLACING:
            return self._unanswered(record, f"no answer in {self._parameters.submit_answer_ms} ms", now_ns)
        return self._send_cancel(record, now_ns)

    def _unanswered(self, record: OrderRecord, reason: str, now_ns: int) -> Messages:
        """Take an order for one of unknown fate: it may stand."""
        return (record.changed(reason, now_ns),) if record.happened(OrderEvent.TIMED_OUT) else ()


def _denied(placed: PlaceOrder, reason: str, detail: str, now_ns: int) -> IntentDenied:
    return IntentDenied(placed.intent, placed.tag, placed.market, placed.outcome, placed.side, reason, detail, now_ns)
