"""A live executor with a test's hand on the lanes, the user feed, and the clock."""

from collections.abc import Iterable
from typing import Any

from models.executor import ExecutorMachine
from models.executor_recall import RecalledExecutor
from models.messages.base import Message
from models.messages.control import RaiseCell
from models.messages.lanes import (
    AccountRead,
    CancelUnanswered,
    HoldingsRead,
    LimitsSeen,
    OpenOrderSeen,
    OrderFound,
    OrderNotFound,
    QueryFailed,
    QueryOrder,
    ReadAccount,
    ReadHoldings,
    SubmitUnanswered,
    VenueModeSeen,
)
from models.messages.orders import IntentDenied, PlaceOrder, UserFeedLost, UserFeedRestored
from models.units import Size
from models.venue_account import RECOVERY
from tests.models.venue import Floor, S
from tests.models.wishes import M


def name(order: PlaceOrder) -> str:
    """The hash that a live order would have."""
    return f"0x{order.intent}"


class LiveFloor(Floor):
    """A live machine that is connected and has read its account, unless `ready` is false."""

    def __init__(
        self,
        *,
        ready: bool = True,
        siblings: dict[str, tuple[str, ...]] | None = None,
        groups: dict[str, tuple[str, ...]] | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__("paper", groups, **parameters)
        self.mode = "live"
        self.machine = ExecutorMachine("run", "live", self.parameters, self.desks, name, siblings or {})
        if ready:
            self.connect()
            self.read(tokens={M: (0, 0)})
            self.said.clear()

    def begin_anew(self, chain: list[Message] | None = None) -> tuple[Message, ...]:
        machine = self.machine = RecalledExecutor("run", "live", self.parameters, self.desks, name)
        for entry in self.chain if chain is None else chain:
            machine.recall(entry, self.now_ns)
        said = machine.recalled(self.now_ns)
        self.said += said
        return said

    # The user feed

    def connect(self, market: str | None = None) -> tuple[Message, ...]:
        return self.tell(UserFeedRestored(market, self.now_ns))

    def lose(self, reason: str = "closed") -> tuple[Message, ...]:
        return self.tell(UserFeedLost(reason, None))

    # The lanes

    def unanswered(self, order: PlaceOrder, text: str = "timed out") -> tuple[Message, ...]:
        return self.tell(SubmitUnanswered(name(order), order.market, text, self.now_ns))

    def cancel_unanswered(self, order: PlaceOrder) -> tuple[Message, ...]:
        return self.tell(CancelUnanswered(name(order), order.market, "timed out", self.now_ns))

    def found(self, order: PlaceOrder, state: Any = "live", filled: Size = 0) -> tuple[Message, ...]:
        return self.tell(OrderFound(name(order), order.market, state, filled, state.upper(), self.now_ns))

    def not_found(self, order: PlaceOrder, at_ns: int | None = None) -> tuple[Message, ...]:
        return self.tell(OrderNotFound(name(order), order.market, self.now_ns if at_ns is None else at_ns))

    def query_failed(self, order: PlaceOrder | None = None) -> tuple[Message, ...]:
        return self.tell(QueryFailed(None if order is None else name(order), "no route", self.now_ns))

    def read(
        self,
        listed: Iterable[PlaceOrder] = (),
        tokens: dict[str, tuple[Size, Size]] | None = None,
        *,
        asked_ns: int | None = None,
    ) -> tuple[Message, ...]:
        """Answer with a whole read that lists these orders, asked for just now, and with one of holdings."""
        self.now_ns += 1
        seen = tuple(
            OpenOrderSeen(name(order), order.market, order.outcome, order.side, order.price, order.size, 0)
            for order in listed
        )
        asked = self.now_ns if asked_ns is None else asked_ns
        said = self.tell(AccountRead("test", seen, 0, asked, self.now_ns))
        return said if tokens is None else (*said, *self.look(tokens, asked))

    def look(self, tokens: dict[str, tuple[Size, Size]], asked_ns: int | None = None) -> tuple[Message, ...]:
        """Answer with what the wallet holds, asked for just now."""
        self.now_ns += 1
        return self.tell(HoldingsRead(tokens, self.now_ns if asked_ns is None else asked_ns, self.now_ns))

    def limits(
        self, bucket: Any = "orders", remaining: int = 1_000, tier: str = "Standard", retry_after_ms: int | None = None
    ) -> tuple[Message, ...]:
        return self.tell(LimitsSeen(bucket, remaining, tier, retry_after_ms, self.now_ns))

    def venue_mode(self, mode: Any, until_ns: int | None = None) -> tuple[Message, ...]:
        return self.tell(VenueModeSeen(mode, f"it is {mode}", until_ns, self.now_ns))

    # What came of it

    def unknown(self, order: PlaceOrder) -> str:
        """Approve an order and let its answer be lost."""
        order_id = self.approve(order)
        self.unanswered(order)
        return order_id

    def questions(self) -> list[str]:
        return [message.order_id for message in self.heard(QueryOrder)]

    def reads(self) -> list[str]:
        return [message.reason for message in self.heard(ReadAccount)]

    def looks(self) -> list[list[str]]:
        """Return of which markets the holdings were asked for."""
        return [list(message.markets) for message in self.heard(ReadHoldings)]

    def denials(self) -> list[tuple[str, str]]:
        return [(message.reason, message.detail) for message in self.heard(IntentDenied)]

    def cells(self) -> list[tuple[str | None, str, str]]:
        """Market, source and state of every cell that was raised, but for that of the recovery."""
        raised = [cell for cell in self.heard(RaiseCell) if cell.source != RECOVERY]
        return [(cell.market, cell.source, cell.state.name) for cell in raised]

    def recovery(self) -> list[tuple[str, str]]:
        """State and reason of the cell that stands until the account was read after a start, each time it was said."""
        return [(cell.state.name, cell.reason) for cell in self.heard(RaiseCell) if cell.source == RECOVERY]

    def absent_for_good(self, order: PlaceOrder) -> None:
        """Let the venue answer every question, from now on, that the order is nowhere."""
        for _ in range(60):
            if not self.questions_open(order):
                return
            self.not_found(order)
            self.wait(S)

    def questions_open(self, order: PlaceOrder) -> bool:
        return not self.last(order).state.value.startswith(("never", "cancelled"))

    @staticmethod
    def id_of(order: PlaceOrder) -> str:
        return name(order)


HALTED_ALL = (None, "foreign", "HALTED")
HALTED = (M, "executor", "HALTED")
