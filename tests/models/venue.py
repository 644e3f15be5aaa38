"""An executor with a test's hand on both of its sides: the engine that wishes and the venue that answers."""

from typing import TypeVar

import msgspec

from models.cells import TradingState
from models.executor import ExecutorMachine, ExecutorParameters, Mode
from models.executor_recall import RecalledExecutor
from models.messages.base import Message
from models.messages.control import TradingStateChanged
from models.messages.market import BookEpochChanged
from models.messages.orders import (
    CancelMarket,
    CancelOrder,
    CancelRejected,
    FillCounted,
    FillSettled,
    FillVoided,
    MergeChanged,
    MergePairs,
    OrderAccepted,
    OrderApproved,
    OrderCancelled,
    OrderChanged,
    OrderRejected,
    PlaceOrder,
    SubmitCancel,
    SubmitOrder,
)
from models.messages.position import LedgerSnapshot, Position
from models.messages.recall import Chained
from models.messages.runtime import ActorRestarted, Woke
from models.order_ids import paper_order_id
from models.orders import OrderState
from models.units import SHARE, Size
from tests.models.wishes import TAG, M, report

MS = 1_000_000
S = 1_000 * MS
Kind = TypeVar("Kind", bound=Message)


class Floor:
    """The machine, its clock, and everything that it has said."""

    def __init__(
        self, mode: Mode = "paper", groups: dict[str, tuple[str, ...]] | None = None, **parameters: int
    ) -> None:
        self.mode: Mode = mode
        self.parameters = msgspec.structs.replace(ExecutorParameters(), **parameters)
        self.desks = {TAG: groups or {M: (M,)}, "other": {M: (M,)}}
        self.machine: ExecutorMachine = ExecutorMachine("run", mode, self.parameters, self.desks)
        self.now_ns = 10 * S
        self.told: list[Message] = []
        self.said: list[Message] = []
        self.chain: list[Message] = []
        """What a journal would have chained of all this."""

    def tell(self, message: Message) -> tuple[Message, ...]:
        said = self.machine.step(message, self.now_ns)
        self.told.append(message)
        self.said += said
        self.chain += [each for each in (message, *said) if isinstance(each, Chained)]
        return said

    def begin_anew(self, chain: list[Message] | None = None) -> tuple[Message, ...]:
        """Let a new machine take the place of this one, recalled from the chain; return what it says at last."""
        machine = self.machine = RecalledExecutor("run", self.mode, self.parameters, self.desks)
        for entry in self.chain if chain is None else chain:
            machine.recall(entry, self.now_ns)
        said = machine.recalled(self.now_ns)
        self.said += said
        return said

    def heard(self, kind: type[Kind]) -> list[Kind]:
        """Everything of a kind that was said so far."""
        return [message for message in self.said if isinstance(message, kind)]

    # The engine

    def approve(self, order: PlaceOrder) -> str:
        """Approve an order and return its id."""
        self.tell(OrderApproved(order, 0))
        return self.id_of(order)

    def cancel(self, order: PlaceOrder, reason: str = "reprice") -> tuple[Message, ...]:
        return self.tell(CancelOrder(order.intent, order.market, reason))

    def cancel_market(
        self, market: str | None = M, reason: str = "toxic_flow", **narrowed: object
    ) -> tuple[Message, ...]:
        return self.tell(CancelMarket(market, reason, **narrowed))  # pyright: ignore[reportArgumentType]

    def set_state(self, state: TradingState) -> tuple[Message, ...]:
        return self.tell(TradingStateChanged(M, state, (), self.now_ns))

    def set_epoch(self, epoch: int) -> tuple[Message, ...]:
        return self.tell(BookEpochChanged(M, epoch, 100, "gap"))

    def merge(self, shares: int, created_ns: int = 7) -> MergeChanged:
        """Ask for a merge and return the first word on it."""
        changed = self.tell(MergePairs(TAG, M, shares * SHARE, "when_blocked", created_ns))[0]
        assert isinstance(changed, MergeChanged)
        return changed

    def wait(self, ns: int) -> tuple[Message, ...]:
        """Let time pass and the machine's timer come."""
        self.now_ns += ns
        return self.tell(Woke("orders"))

    # The venue

    def accept(self, order: PlaceOrder) -> tuple[Message, ...]:
        return self.tell(OrderAccepted(self.id_of(order), order.market, self.now_ns))

    def reject(self, order: PlaceOrder, text: str = "no") -> tuple[Message, ...]:
        return self.tell(OrderRejected(self.id_of(order), order.market, text, self.now_ns))

    def cancelled(self, order: PlaceOrder, filled: Size = 0, text: str = "") -> tuple[Message, ...]:
        return self.tell(OrderCancelled(self.id_of(order), order.market, filled, text, self.now_ns))

    def refuse_cancel(self, order: PlaceOrder, text: str = "Order already matched") -> tuple[Message, ...]:
        return self.tell(CancelRejected(self.id_of(order), order.market, text, self.now_ns))

    def trade(
        self, order: PlaceOrder, status: str, trade_id: str = "t1", size: Size | None = None
    ) -> tuple[Message, ...]:
        return self.tell(report(order, self.id_of(order), status, trade_id, size, at_ns=self.now_ns))

    # What came of it

    def working(self, order: PlaceOrder) -> str:
        """Approve and accept an order."""
        order_id = self.approve(order)
        self.accept(order)
        return order_id

    def state(self, order: PlaceOrder) -> OrderState:
        return self.last(order).state

    def last(self, order: PlaceOrder) -> OrderChanged:
        """The latest word on an order."""
        return [changed for changed in self.heard(OrderChanged) if changed.intent == order.intent][-1]

    def submitted(self) -> list[str]:
        return [message.order_id for message in self.heard(SubmitOrder)]

    def cancels(self) -> list[tuple[str, str]]:
        """Id and reason of every cancel that was sent."""
        return [(message.order_id, message.reason) for message in self.heard(SubmitCancel)]

    def held(self) -> Size:
        """Shares that the fill events add up to."""
        counted = sum(message.size for message in self.heard(FillCounted))
        return counted - sum(message.fill.size for message in self.heard(FillVoided))

    def settled(self) -> Size:
        return sum(message.fill.size for message in self.heard(FillSettled))

    def position(self, tag: str = TAG) -> Position:
        """What the executor's ledger says of the market."""
        restarted = ActorRestarted(name=f"inventory/{tag}/{M}", scope=M, restarts=1)
        (snapshot,) = self.machine.step(restarted, self.now_ns)
        assert isinstance(snapshot, LedgerSnapshot)
        return snapshot.position

    @staticmethod
    def id_of(order: PlaceOrder) -> str:
        return paper_order_id("run", order)
