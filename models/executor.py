"""The executor's machine: the life of every order from approval to the venue's last word, and the only ledger.

Why the last fills are waited for: a cancelled order of which the venue matched more than we have been told keeps its
exposure until the missing fills have arrived. Otherwise its replacement would stand beside a fill that nobody counted.

Where reality contradicts the table or the ledger, nothing is guessed: the market is halted by a cell of this source.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from models.accounts import Accounts
from models.cells import TradingState
from models.deadlines import Deadlines
from models.messages.base import MarketId, Message, Tag
from models.messages.control import RaiseCell, TradingStateChanged
from models.messages.market import BookEpochChanged, MarketResolved
from models.messages.orders import (
    CancelMarket,
    CancelOrder,
    CancelRejected,
    IntentDenied,
    MergePairs,
    MergeReported,
    OrderAccepted,
    OrderApproved,
    OrderCancelled,
    OrderNotJournalled,
    OrderRejected,
    PlaceOrder,
    SubmitCancel,
    SubmitMerge,
    SubmitOrder,
    TradeReported,
)
from models.messages.position import OrdersSnapshot
from models.messages.runtime import ActorFailed, ActorRestarted, Woke
from models.order_ids import paper_order_id
from models.order_register import OrderRecord, OrderRegister
from models.orders import OrderEvent, OrderState
from models.parameters import parameter
from models.stops import Refusal, Stops
from models.units import Size, format_size

Mode: TypeAlias = Literal["observe", "paper", "backtest"]

SOURCE: Final = "executor"
"""The source of the cells that this machine raises."""

_OVERFILL_MAX: Final[Size] = 10_000
"""The venue may match a hundredth of a share too much; more than that is a contradiction."""

_MS: Final = 1_000_000

_Messages: TypeAlias = tuple[Message, ...]


class ExecutorParameters(msgspec.Struct, frozen=True):
    """How long the venue may take to answer, and how much is remembered."""

    submit_answer_ms: Annotated[
        int, parameter("An order without an answer for this long is of unknown fate.", "ms", gt=0)
    ] = 5_000
    cancel_answer_ms: Annotated[
        int, parameter("A cancel that was refused or not answered for this long is sent again.", "ms", gt=0)
    ] = 2_000
    remembered_orders: Annotated[
        int, parameter("Ended orders that are remembered, against repeated intents and late fills.", "count", ge=1)
    ] = 20_000


class ExecutorMachine:
    """All orders and positions of one run. `desks` maps a tag to its groups, and those to their markets."""

    def __init__(
        self,
        run_id: str,
        mode: Mode,
        parameters: ExecutorParameters,
        desks: Mapping[Tag, Mapping[str, tuple[MarketId, ...]]],
    ) -> None:
        self._run_id = run_id
        self._mode: Mode = mode
        self._parameters = parameters
        self._desks = desks
        self._orders = OrderRegister(parameters.remembered_orders)
        self._accounts = Accounts()
        self._deadlines = Deadlines("orders")
        self._stops = Stops()
        self._handlers: dict[type[Message], Callable[[Any, int], _Messages]] = {
            OrderApproved: self._approved,
            OrderNotJournalled: self._not_journalled,
            CancelOrder: self._cancel_order,
            CancelMarket: self._cancel_market,
            OrderAccepted: self._accepted,
            OrderRejected: self._rejected,
            OrderCancelled: self._cancelled,
            CancelRejected: self._cancel_rejected,
            TradeReported: self._traded,
            MergePairs: self._merge,
            MergeReported: self._merge_reported,
            MarketResolved: self._resolved,
            BookEpochChanged: self._epoch_changed,
            TradingStateChanged: self._state_changed,
            ActorFailed: self._actor_failed,
            ActorRestarted: self._actor_restarted,
            Woke: self._woke,
        }

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """Take in one message; return what to submit, what changed, and the next deadline."""
        handler = self._handlers.get(type(message))
        if handler is None:
            return ()
        return (*handler(message, now_ns), *self._deadlines.ask())

    # From intent to the wire

    def _approved(self, approved: OrderApproved, now_ns: int) -> _Messages:
        placed = approved.order
        if self._orders.of_intent(placed.intent) is not None:
            return ()
        record = self._orders.add(paper_order_id(self._run_id, placed), placed)
        refusal = self._refusal(placed)
        if refusal is not None:
            return self._never_sent(record, refusal, now_ns)
        self._deadlines.put(record.order_id, now_ns + self._parameters.submit_answer_ms * _MS)
        return SubmitOrder(record.order_id, placed, now_ns), record.changed(placed.reason, now_ns)

    def _refusal(self, placed: PlaceOrder) -> Refusal | None:
        if self._accounts.is_resolved(placed.market):
            return Refusal("resolved", "the market has paid out")
        return self._stops.refusal(placed) or (Refusal("observe") if self._mode == "observe" else None)

    def _never_sent(self, record: OrderRecord, refusal: Refusal, now_ns: int) -> _Messages:
        placed = record.placed
        changed = self._ended(record, OrderEvent.NOT_SENT, refusal.reason, now_ns)
        if refusal.detail is None:
            return changed
        denied = IntentDenied(
            placed.intent, placed.tag, placed.market, placed.outcome, placed.side,
            refusal.reason, refusal.detail, now_ns,
        )  # fmt: skip
        return denied, *changed

    def _not_journalled(self, failed: OrderNotJournalled, now_ns: int) -> _Messages:
        record = self._orders.of_id(failed.order_id)
        return () if record is None else self._ended(record, OrderEvent.NOT_SENT, failed.reason, now_ns)

    # Cancels

    def _cancel_order(self, cancel: CancelOrder, now_ns: int) -> _Messages:
        record = self._orders.of_intent(cancel.intent)
        if record is not None:
            return self._cancel(record, cancel.reason, now_ns)
        self._stops.cancelled_early(cancel)
        return ()

    def _cancel_market(self, cancel: CancelMarket, now_ns: int) -> _Messages:
        self._stops.cancelled(cancel, now_ns)
        open_orders = self._orders.open_in(cancel.market, outcome=cancel.outcome, side=cancel.side)
        return tuple(message for record in open_orders for message in self._cancel(record, cancel.reason, now_ns))

    def _cancel(self, record: OrderRecord, reason: str, now_ns: int) -> _Messages:
        """Want an order gone: at once where it works, as soon as it is accepted else. The first reason stays."""
        if record.cancel_reason is not None:
            return ()
        record.cancel_reason = reason
        return self._send_cancel(record, now_ns)

    def _send_cancel(self, record: OrderRecord, now_ns: int) -> _Messages:
        repeated = record.state is OrderState.CANCELLING
        if record.cancel_reason is None or record.taken_off is not None or not record.happened(OrderEvent.CANCEL_SENT):
            return ()
        self._deadlines.put(record.order_id, now_ns + self._parameters.cancel_answer_ms * _MS)
        submit = SubmitCancel(record.order_id, record.placed.market, record.cancel_reason)
        return (submit,) if repeated else (submit, record.changed(record.cancel_reason, now_ns))

    # The venue's answers

    def _accepted(self, accepted: OrderAccepted, now_ns: int) -> _Messages:
        record = self._orders.of_id(accepted.order_id)
        if record is None:
            return (self._alarm(accepted.market, f"foreign order {accepted.order_id}"),)
        if not record.happened(OrderEvent.ACCEPTED):
            if record.state not in (OrderState.REJECTED, OrderState.NEVER_SENT):
                return ()
            cancel = SubmitCancel(record.order_id, record.placed.market, "accepted_after_all")
            return cancel, self._alarm(
                record.placed.market, f"{record.state.value} order was accepted: {record.order_id}"
            )
        self._deadlines.drop(record.order_id)
        record.cancel_reason = record.cancel_reason or self._stops.ended_by(record.placed)
        return record.changed("accepted", now_ns), *self._send_cancel(record, now_ns)

    def _rejected(self, rejected: OrderRejected, now_ns: int) -> _Messages:
        record = self._orders.of_id(rejected.order_id)
        if record is None or not record.is_open:
            return ()
        if record.state in (OrderState.PLACING, OrderState.UNKNOWN):
            return self._ended(record, OrderEvent.REJECTED, rejected.text, now_ns)
        return (record.changed(f"ignored, it was accepted: {rejected.text}", now_ns),)

    def _cancelled(self, cancelled: OrderCancelled, now_ns: int) -> _Messages:
        record = self._orders.of_id(cancelled.order_id)
        if record is None or not record.is_open:
            return ()
        record.cancel_reason = record.cancel_reason or cancelled.text or "venue"
        missing = min(cancelled.filled, record.placed.size) - record.filled
        if missing <= 0:
            return self._ended(record, OrderEvent.CANCELLED, record.cancel_reason, now_ns)
        self._deadlines.drop(record.order_id)
        record.taken_off = min(cancelled.filled, record.placed.size)
        return (record.changed(f"off the book, {format_size(missing)} matched shares not yet told", now_ns),)

    def _cancel_rejected(self, rejected: CancelRejected, now_ns: int) -> _Messages:
        record = self._orders.of_id(rejected.order_id)
        if record is None or record.taken_off is not None or not record.happened(OrderEvent.CANCEL_REFUSED):
            return ()
        self._deadlines.put(record.order_id, now_ns + self._parameters.cancel_answer_ms * _MS)
        return (record.changed(rejected.text, now_ns),)

    def _traded(self, report: TradeReported, now_ns: int) -> _Messages:
        record = self._orders.of_id(report.order_id)
        if record is None:
            return (self._alarm(report.market, f"foreign fill {report.trade_id} of {report.order_id}"),)
        booking = self._accounts.book(report, record.placed)
        out: list[Message] = [*booking.events]
        unknown = f"unknown trade status {report.status}" if booking.trouble == "unknown_status" else None
        if booking.first:
            out += self._matched(record, unknown or "filled", now_ns)
        elif unknown is not None:
            out.append(record.changed(unknown, now_ns))
        if booking.trouble in ("disputed", "contradiction"):
            out.append(self._alarm(record.placed.market, f"{booking.trouble} trade {report.trade_id}"))
        return *out, *self._accounts.redeem(record.placed.market, now_ns)

    def _matched(self, record: OrderRecord, reason: str, now_ns: int) -> _Messages:
        """Count a new fill into the order's size, and end an order that it completes; a dead one stays dead."""
        matched = self._accounts.matched(record.order_id)
        record.matched(matched)
        alarm: _Messages = ()
        if matched > record.placed.size + _OVERFILL_MAX:
            alarm = (self._alarm(record.placed.market, f"overfilled order {record.order_id}"),)
        elif record.state in (OrderState.REJECTED, OrderState.NEVER_SENT):
            alarm = (self._alarm(record.placed.market, f"{record.state.value} order was filled: {record.order_id}"),)
        if record.is_open and record.filled == record.placed.size:
            return *self._ended(record, OrderEvent.FILLED, reason, now_ns), *alarm
        if record.is_open and record.taken_off is not None and record.filled >= record.taken_off:
            return *self._ended(record, OrderEvent.CANCELLED, record.cancel_reason or "venue", now_ns), *alarm
        return record.changed(reason, now_ns), *alarm

    def _ended(self, record: OrderRecord, event: OrderEvent, reason: str, now_ns: int) -> _Messages:
        if not record.happened(event):
            return ()
        self._deadlines.drop(record.order_id)
        for order_id in self._orders.end(record, self._accounts.is_final):
            self._accounts.forget(order_id)
        return (record.changed(reason, now_ns),)

    @staticmethod
    def _alarm(market: MarketId, reason: str) -> RaiseCell:
        return RaiseCell(market, SOURCE, TradingState.HALTED, reason)

    # Pairs and payouts

    def _merge(self, wish: MergePairs, now_ns: int) -> _Messages:
        changed = self._accounts.request_merge(wish, now_ns)
        if changed.state == "failed":
            return (changed,)
        submitted = msgspec.structs.replace(changed, state="submitted")
        return changed, SubmitMerge(changed.operation, changed.market, changed.size), submitted

    def _merge_reported(self, report: MergeReported, now_ns: int) -> _Messages:
        ended = self._accounts.merge_reported(report)
        return () if ended is None else (ended, *self._accounts.redeem(ended.market, now_ns))

    def _resolved(self, resolved: MarketResolved, now_ns: int) -> _Messages:
        """The venue drops every order of a resolved market; fills of it may still come, and are counted."""
        self._accounts.resolve(resolved)
        gone = [
            message
            for record in self._orders.open_in(resolved.market)
            for message in self._ended(record, OrderEvent.CANCELLED, "market_resolved", now_ns)
        ]
        return *gone, *self._accounts.redeem(resolved.market, now_ns)

    # What the rest of the engine says

    def _epoch_changed(self, changed: BookEpochChanged, now_ns: int) -> _Messages:
        self._stops.epoch_changed(changed)
        return ()

    def _state_changed(self, changed: TradingStateChanged, now_ns: int) -> _Messages:
        self._stops.state_changed(changed)
        return ()

    def _actor_failed(self, failed: ActorFailed, now_ns: int) -> _Messages:
        """Cancel the markets that an actor of ours no longer watches."""
        _, markets = self._whose(failed.name)
        return tuple(
            message
            for market in markets
            for message in self._cancel_market(CancelMarket(market, "actor_failed"), now_ns)
        )

    def _actor_restarted(self, restarted: ActorRestarted, now_ns: int) -> _Messages:
        """Give an empty actor what it has to know of us. A coordinator's position comes through its inventory."""
        tag, markets = self._whose(restarted.name)
        kind = restarted.name.partition("/")[0]
        out: list[Message] = []
        for market in markets:
            if kind in ("inventory", "coordinator"):
                out.append(self._accounts.snapshot(tag, market, now_ns))
            if kind == "coordinator":
                out += self._restated(tag, market, now_ns)
            elif kind == "book":
                out += [record.changed("restated", now_ns) for record in self._orders.open_in(market)]
        return tuple(out)

    def _restated(self, tag: Tag, market: MarketId, now_ns: int) -> _Messages:
        open_orders = self._orders.open_in(market, tag=tag)
        restated = [record.changed("restated", now_ns) for record in open_orders]
        return *restated, OrdersSnapshot(tag, market, len(open_orders))

    def _whose(self, actor: str) -> tuple[Tag, tuple[MarketId, ...]]:
        """Return desk and markets of an actor by its name; no markets for one that serves none."""
        kind, _, rest = actor.partition("/")
        if kind in ("book", "flow"):
            return "", (rest,)
        if kind not in ("inventory", "coordinator"):
            return "", ()
        tag, _, serves = rest.partition("/")
        return tag, self._desks.get(tag, {}).get(serves, (serves,))

    def _woke(self, woke: Woke, now_ns: int) -> _Messages:
        out: list[Message] = []
        for order_id in self._deadlines.take_due(now_ns):
            record = self._orders.of_id(order_id)
            if record is not None and record.happened(OrderEvent.TIMED_OUT):
                out.append(record.changed(f"no answer in {self._parameters.submit_answer_ms} ms", now_ns))
            elif record is not None:
                out += self._send_cancel(record, now_ns)
        return tuple(out)
