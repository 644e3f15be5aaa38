"""What the executor and the lanes to a live venue say to each other, beyond what a paper venue says as well.

    SubmitOrder -> (submit lane) OrderAccepted | OrderRejected | OrderNotJournalled | SubmitUnanswered
    SubmitCancel -> (cancel lane) CancelRejected | CancelUnanswered | ConfirmCancel
    ConfirmCancel -> (query lane) OrderCancelled | CancelRejected | CancelUnanswered
    QueryOrder -> (query lane) OrderFound | OrderNotFound | QueryFailed
    ReadAccount -> (query lane) TradeReported ... AccountRead | QueryFailed
    ReadHoldings -> (query lane) HoldingsRead

Why "not found" and "failed" are two messages: a venue that says it does not know an order has said something, a line
that broke has not. Only the first is evidence, and not even it is proof.
"""

from collections.abc import Hashable
from typing import ClassVar, Literal, TypeAlias

import msgspec

from models.markets import Outcome, Side
from models.messages.base import Lane, MarketId, Message
from models.units import Money, Price, Size

Found: TypeAlias = Literal["live", "matched", "cancelled", "traded"]
VenueMode: TypeAlias = Literal["normal", "restarting", "post_only", "cancel_only", "disabled", "blocked", "closed_only"]


class SubmitUnanswered(Message, frozen=True, gc=False):
    """Bytes of an order left and no answer can be relied on: the order may stand. `text` says what was heard."""

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str
    market: MarketId
    text: str
    at_ns: int


class CancelUnanswered(Message, frozen=True, gc=False):
    """A cancel has no answer that can be relied on; it may be repeated, for cancelling twice changes nothing."""

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str
    market: MarketId
    text: str
    at_ns: int


class ConfirmCancel(Message, frozen=True, gc=False):
    """Ask how an order ended, before anybody is told that it has: a cancel is answered without what was matched.

    `text` is why the venue did not cancel (already matched or cancelled), empty where it did.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str
    market: MarketId
    text: str


class QueryOrder(Message, frozen=True, gc=False):
    """Ask the venue for an order by its id: the order itself, then open orders, then trades.

    `since_ns`: when it was made at the earliest; older trades are not read.
    """

    lane: ClassVar[Lane] = Lane.INTENT
    order_id: str
    market: MarketId
    since_ns: int = 0

    @property
    def key(self) -> Hashable:
        return self.order_id


class OrderFound(Message, frozen=True, gc=False):
    """The venue knows an order; `filled` is what it says was matched, `text` its own word for the state.

    `traded`: it knows the order by its trades alone, neither among the open ones nor by its name.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str
    market: MarketId
    state: Found
    filled: Size
    text: str
    at_ns: int


class OrderNotFound(Message, frozen=True, gc=False):
    """The venue answered every question about an order and knows it nowhere, its trades included."""

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str
    market: MarketId
    at_ns: int


class QueryFailed(Message, frozen=True, gc=False):
    """A question got no answer. `order_id` is the order that was asked for, None when the account was."""

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str | None
    text: str
    at_ns: int


class ReadAccount(Message, frozen=True, gc=False):
    """Read open orders, trades and cash: at the start, after every reconnect, and on a cadence.

    Trades are read back to `since_ns`.
    """

    lane: ClassVar[Lane] = Lane.INTENT
    reason: str
    since_ns: int

    @property
    def key(self) -> Hashable:
        return "account"


class ReadHoldings(Message, frozen=True, gc=False):
    """Read what the wallet holds of these markets: two requests each, and the venue answers only so many."""

    lane: ClassVar[Lane] = Lane.INTENT
    markets: tuple[MarketId, ...]

    @property
    def key(self) -> Hashable:
        return "holdings"


class OpenOrderSeen(msgspec.Struct, frozen=True):
    """One order that rests at the venue under our account."""

    order_id: str
    market: MarketId
    outcome: Outcome
    side: Side
    price: Price
    size: Size
    filled: Size


class AccountRead(Message, frozen=True):
    """The whole of what the venue says of our account: all pages, or there is no such message.

    `asked_ns` is when the first page was asked for: what happened later may be in it or not. Its trades came before
    this as `TradeReported`.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    reason: str
    open_orders: tuple[OpenOrderSeen, ...]
    cash: Money
    asked_ns: int
    at_ns: int


class CashRead(Message, frozen=True, gc=False):
    """The executor's own: what the venue says is in the account, as of `asked_ns` or a little later."""

    lane: ClassVar[Lane] = Lane.ORDER
    cash: Money
    asked_ns: int
    at_ns: int


class CashFound(Message, frozen=True, gc=False):
    """Risk's own: so much of the cash is not of our trades. It was there before us, or was paid in since."""

    lane: ClassVar[Lane] = Lane.ORDER
    cash: Money
    at_ns: int


class HoldingsRead(Message, frozen=True):
    """What the wallet holds of some markets, YES and NO; one that is not named was not read, or could not be."""

    lane: ClassVar[Lane] = Lane.ORDER
    tokens: dict[MarketId, tuple[Size, Size]]
    asked_ns: int
    at_ns: int


class DriftFound(Message, frozen=True, gc=False):
    """The executor's own: the wallet holds other than our ledger says, twice in a row; nothing is corrected for it.

    `least` and `most` are what it may hold, with all that is under way taken into account. Said once as long as it
    stays the same; `held` within the bounds says that it is over.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    market: MarketId
    outcome: Outcome
    held: Size
    least: Size
    most: Size
    at_ns: int


class HoldingsFound(Message, frozen=True, gc=False):
    """The executor's own: what the wallet held of a market before we ever traded there. It is not ours.

    It is left alone and counted nowhere; later reads are compared with what remains without it.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    market: MarketId
    yes: Size
    no: Size
    at_ns: int


class LimitsSeen(Message, frozen=True, gc=False):
    """What the venue's headers say of our signer's bucket after a call; `refused`: it was one too many."""

    lane: ClassVar[Lane] = Lane.ORDER
    bucket: Literal["orders", "cancels"]
    remaining: int
    tier: str
    retry_after_ms: int | None
    at_ns: int
    refused: bool = False


class VenueModeSeen(Message, frozen=True, gc=False):
    """How the venue said it takes orders now; `until_ns` where it said for how long."""

    lane: ClassVar[Lane] = Lane.ORDER
    mode: VenueMode
    text: str
    until_ns: int | None
    at_ns: int


class HeartbeatResumed(Message, frozen=True, gc=False):
    """The venue hears us again after a silence in which it may have cancelled everything."""

    lane: ClassVar[Lane] = Lane.ORDER
    at_ns: int


class LeaveToHeartbeat(Message, frozen=True, gc=False):
    """Give no sign of life until then: cancels would come later than the venue's own, upon our silence."""

    lane: ClassVar[Lane] = Lane.CONTROL
    until_ns: int
    reason: str

    @property
    def key(self) -> Hashable:
        return "heartbeat"
