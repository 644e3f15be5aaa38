"""The executor that takes a dead one's place: what that one knew comes from the journal's chain, and from nothing else.

Why the journal decides what was sent: an order is passed on only after its row is on the disk. One that was announced
and whose `SubmitOrder` is not in the chain has therefore never left, whatever became of the message.

Why everything that rests is cancelled: it was priced before the fall, and nobody has watched it since.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from models.executor import ExecutorMachine
from models.executor_parameters import ExecutorParameters, Mode
from models.messages.base import MarketId, Message, Tag
from models.messages.control import RaiseCell, TradingStateChanged
from models.messages.lanes import HoldingsFound
from models.messages.market import BookEpochChanged, MarketResolved
from models.messages.operations import RedemptionChanged
from models.messages.orders import (
    CancelMarket,
    FillCounted,
    FillSettled,
    FillVoided,
    MergeChanged,
    OrderChanged,
    PlaceOrder,
    PositionsRedeemed,
    SubmitOrder,
)
from models.messages.position import LedgerSnapshot
from models.messages.recall import Checkpointed
from models.messages.runtime import ActorFailed, ActorRestarted
from models.order_register import OrderRecord
from models.orders import TERMINAL, OrderEvent, TimeInForce

_RECOVERED: Final = "recovered"
_MS: Final = 1_000_000


class RecalledExecutor(ExecutorMachine):
    """Is told every entry of its run by `recall`, then `recalled`; from then on it is an executor like any other."""

    def __init__(
        self,
        run_id: str,
        mode: Mode,
        parameters: ExecutorParameters,
        desks: Mapping[Tag, Mapping[str, tuple[MarketId, ...]]],
        identify: Callable[[PlaceOrder], str] | None = None,
        siblings: Mapping[MarketId, tuple[MarketId, ...]] = MappingProxyType({}),
    ) -> None:
        super().__init__(run_id, mode, parameters, desks, identify, siblings)
        self._unsent: dict[str, OrderRecord] = {}
        self._begun = True  # it reads the account once it knows what to hold it against

    def recall(self, entry: Message, at_ns: int) -> None:
        """Learn one entry; kinds that say nothing of orders and accounts are passed over."""
        if isinstance(entry, Checkpointed):
            self._recall_checkpoint(entry)
        self._reading.lived(at_ns)
        self._learn(entry)

    def meanwhile(self, message: Message, now_ns: int) -> tuple[Message, ...] | None:
        """Take in at once what does not depend on what is recalled; None for what has to wait for it."""
        match message:
            case TradingStateChanged() | BookEpochChanged():
                return self.step(message, now_ns)
            case ActorFailed() | ActorRestarted():
                return ()  # in the end everything is cancelled, and everybody told all
            case _:
                return None

    def recalled(self, now_ns: int) -> tuple[Message, ...]:
        """Cancel what rests, what has no answer yet as soon as it gets one; then say all, so that all agree with us."""
        self._stops.cancelled(CancelMarket(None, _RECOVERED), now_ns)
        out: list[Message] = []
        for record in self._unsent.values():
            out += self._ended(record, OrderEvent.NOT_SENT, "not_journalled", now_ns)
        out += self._operations_again()
        for market, payout_yes in self._accounts.resolved():
            out += self._resolved(MarketResolved(market, payout_yes, now_ns), now_ns)
        for record in self._orders.open_in(None):
            self._deadlines.put(record.order_id, now_ns + self._parameters.submit_answer_ms * _MS)
            out += self._cancel(record, _RECOVERED, now_ns)
        out += self._ask_for_all(now_ns)
        for tag, groups in self._desks.items():
            for market in dict.fromkeys(market for members in groups.values() for market in members):
                out += (self._accounts.snapshot(tag, market, now_ns), *self._restated(tag, market, now_ns))
        return (*out, *self._deadlines.ask())

    def _learn(self, entry: Message) -> None:
        match entry:
            case SubmitOrder():
                record = self._unsent.pop(entry.order_id, None)
                if record is None:
                    record = self._orders.add(entry.order_id, entry.order)
                record.sent_ns = entry.submitted_ns
            case OrderChanged():
                self._recall_order(entry)
            case FillCounted() | FillSettled() | FillVoided():
                fill = entry if isinstance(entry, FillCounted) else entry.fill
                self._accounts.recall_fill(entry, known=self._orders.of_id(fill.order_id) is not None)
            case MergeChanged():
                self._accounts.recall_merge(entry)
            case PositionsRedeemed():
                self._accounts.recall_payout(entry)
            case RedemptionChanged():
                self._accounts.recall_redemption(entry)
            case MarketResolved():
                self._accounts.resolve(entry)
            case RaiseCell():
                self._reading.recall(entry)
            case HoldingsFound():
                self._reading.recall_found(entry)
            case LedgerSnapshot():
                self._accounts.recall_position(entry)
            case _:
                pass

    def _recall_checkpoint(self, before: Checkpointed) -> None:
        """Learn what stands for all that was before it. It is the first entry, or nothing that is not known."""
        if self._reading.has_lived:
            return
        self._reading.lived(before.began_ns)
        for _, entry in before.entries:
            self._learn(entry)
        for fill in before.fills:
            self._accounts.recall_counted(fill)

    def _recall_order(self, event: OrderChanged) -> None:
        record = self._orders.of_id(event.order_id)
        if record is None:
            if event.state in TERMINAL:
                return  # never sent, and never to be heard of again
            record = self._unsent[event.order_id] = self._orders.add(event.order_id, _wish_of(event))
        if not record.is_open and event.state in TERMINAL:
            record.matched(event.filled)  # fills may come late
            return
        if not record.is_open:
            self._orders.reopen(record)
        record.recall(event)
        if not record.is_open:
            for order_id in self._orders.end(record, self._may_forget):
                self._accounts.forget(order_id)


def _wish_of(event: OrderChanged) -> PlaceOrder:
    return PlaceOrder(
        event.intent, event.tag, event.market, event.outcome, event.side, event.price, event.size, event.post_only,
        TimeInForce.GTC, event.reason, 0, event.at_ns,
    )  # fmt: skip
