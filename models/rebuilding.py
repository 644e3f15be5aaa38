"""Builds the executor's orders and accounts again from what an earlier life had journalled.

Why the journal decides what was sent: an order is passed on only after its row is on the disk. One that was announced
and whose `SubmitOrder` is not in the chain has therefore never left, whatever became of the message.
"""

from models.accounts import Accounts
from models.messages.base import Message
from models.messages.market import MarketResolved
from models.messages.orders import (
    FillCounted,
    FillSettled,
    FillVoided,
    MergeChanged,
    OrderChanged,
    PlaceOrder,
    PositionsRedeemed,
    SubmitOrder,
)
from models.order_register import OrderRecord, OrderRegister
from models.orders import TERMINAL, TimeInForce


class Rebuilding:
    """Takes entries in their order; `orders` and `accounts` are empty at its beginning."""

    def __init__(self, orders: OrderRegister, accounts: Accounts) -> None:
        self._orders = orders
        self._accounts = accounts
        self._unsent: dict[str, OrderRecord] = {}

    def take(self, entry: Message) -> None:
        """Learn one entry; kinds that say nothing of orders and accounts are passed over."""
        match entry:
            case SubmitOrder():
                if self._unsent.pop(entry.order_id, None) is None:
                    self._orders.add(entry.order_id, entry.order)
            case OrderChanged():
                self._order_changed(entry)
            case FillCounted():
                self._accounts.recall_fill(entry, known=self._orders.of_id(entry.order_id) is not None)
            case FillSettled() | FillVoided():
                self._accounts.recall_fill(entry, known=self._orders.of_id(entry.fill.order_id) is not None)
            case MergeChanged():
                self._accounts.recall_merge(entry)
            case PositionsRedeemed():
                self._accounts.recall_payout(entry)
            case MarketResolved():
                self._accounts.resolve(entry)
            case _:
                pass

    def unsent(self) -> tuple[OrderRecord, ...]:
        """Return the orders that have not ended and were never journalled, and so never sent."""
        return tuple(record for record in self._unsent.values() if record.is_open)

    def _order_changed(self, event: OrderChanged) -> None:
        record = self._orders.of_id(event.order_id)
        if record is None:
            if event.state in TERMINAL:
                return  # of an order that is not worth remembering
            record = self._unsent[event.order_id] = self._orders.add(event.order_id, _wish_of(event))
        was_open = record.is_open
        record.recall(event)
        if was_open and not record.is_open:
            for order_id in self._orders.end(record, self._accounts.is_final):
                self._accounts.forget(order_id)


def _wish_of(event: OrderChanged) -> PlaceOrder:
    return PlaceOrder(
        event.intent, event.tag, event.market, event.outcome, event.side, event.price, event.size, event.post_only,
        TimeInForce.GTC, event.reason, 0, event.at_ns,
    )  # fmt: skip
