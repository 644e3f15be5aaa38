"""Orders, from the wish of a strategy to the last word of the venue.

    PlaceOrder -> (risk) OrderApproved | IntentDenied -> (executor) SubmitOrder -> (journal, gate, lane) the venue
    the venue -> OrderAccepted | OrderRejected | OrderCancelled | CancelRejected | TradeReported -> (executor)
    the user feed -> ForeignOrderSeen, UserFeedLost, UserFeedRestored, UserFeedProven -> (executor)
    OrderChanged, FillCounted, FillSettled, FillVoided -> everyone who counts

`OrderDenied`-like words are ours (`IntentDenied`), `Rejected` is the venue's.
"""

from collections.abc import Hashable
from typing import ClassVar, Final

from models.markets import Outcome, Side
from models.messages.base import Lane, MarketId, Message, Tag
from models.messages.operations import Batch
from models.orders import OrderState, TimeInForce
from models.units import Money, Price, Size

INTENT_TIME_TO_LIVE_NS: Final = 500_000_000


class PlaceOrder(Message, frozen=True, gc=False):
    """A wish to place one order; it dies unanswered after 500 ms, because a stale quote must not be sent.

    `intent` names it for ever: (tag, market, token, side, sequence). `epoch` is the book epoch its price was made in.
    `bundle` is set on the legs of a bundle, `expires_ns` on a GTD order and no other: when the venue shall let it go.
    """

    lane: ClassVar[Lane] = Lane.INTENT
    time_to_live_ns: ClassVar[int | None] = INTENT_TIME_TO_LIVE_NS
    intent: str
    tag: Tag
    market: MarketId
    outcome: Outcome
    side: Side
    price: Price
    size: Size
    post_only: bool
    time_in_force: TimeInForce
    reason: str
    epoch: int
    created_ns: int
    bundle: str | None = None
    expires_ns: int | None = None

    @property
    def key(self) -> Hashable:
        return (self.market, self.outcome, self.side, self.tag)


class PlaceBundle(Message, frozen=True, gc=False):
    """Legs of equal shares that are reserved all or none; a complete share pays `payout`."""

    lane: ClassVar[Lane] = Lane.INTENT
    time_to_live_ns: ClassVar[int | None] = INTENT_TIME_TO_LIVE_NS
    bundle: str
    tag: Tag
    group: str
    legs: tuple[PlaceOrder, ...]
    payout: Price
    created_ns: int

    @property
    def key(self) -> Hashable:
        return (self.group, self.tag)


class IntentDenied(Message, frozen=True, gc=False):
    """Our own refusal of an intent, with the control that refused and its numbers in words."""

    lane: ClassVar[Lane] = Lane.ORDER
    intent: str
    tag: Tag
    market: MarketId
    outcome: Outcome
    side: Side
    reason: str
    detail: str
    at_ns: int


class OrderApproved(Message, frozen=True, gc=False):
    """An intent whose worst case was checked and reserved in the same step. Only RiskSupervisor makes one."""

    lane: ClassVar[Lane] = Lane.ORDER
    order: PlaceOrder
    reserved: Money


class SubmitOrder(Message, frozen=True, gc=False):
    """An order on its way to the venue: journalled first, sent as it is. `order_id` is its hash."""

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str
    order: PlaceOrder
    submitted_ns: int


class OrderNotJournalled(Message, frozen=True, gc=False):
    """The durable commit failed, or the gate was closed: the order was not passed on and was never sent."""

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str
    reason: str


class CancelOrder(Message, frozen=True, gc=False):
    """A coordinator no longer wants an order. Known by its intent, because the id may not exist yet."""

    lane: ClassVar[Lane] = Lane.CONTROL
    intent: str
    market: MarketId
    reason: str

    @property
    def key(self) -> Hashable:
        return self.intent


class CancelMarket(Message, frozen=True, gc=False):
    """Cancel every order of a market (None: of all), or of one of its tokens and sides, whoever placed it."""

    lane: ClassVar[Lane] = Lane.CONTROL
    market: MarketId | None
    reason: str
    outcome: Outcome | None = None
    side: Side | None = None

    @property
    def key(self) -> Hashable:
        return (self.market, self.outcome, self.side)


class SubmitCancel(Message, frozen=True, gc=False):
    """A cancel on its way to the venue; journalled beside, never before."""

    lane: ClassVar[Lane] = Lane.CONTROL
    order_id: str
    market: MarketId
    reason: str

    @property
    def key(self) -> Hashable:
        return self.order_id


class OrderAccepted(Message, frozen=True, gc=False):
    """The venue took the order; what crossed is reported as trades, the rest of a GTC rests."""

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str
    market: MarketId
    at_ns: int


class OrderRejected(Message, frozen=True, gc=False):
    """The venue refused the order; `text` is its own error text."""

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str
    market: MarketId
    text: str
    at_ns: int


class OrderCancelled(Message, frozen=True, gc=False):
    """The venue took the order off its book. `filled` is what it says was matched before."""

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str
    market: MarketId
    filled: Size
    text: str
    at_ns: int


class CancelRejected(Message, frozen=True, gc=False):
    """The venue did not cancel: `text` says why (already matched, unknown id)."""

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str
    market: MarketId
    text: str
    at_ns: int


class TradeReported(Message, frozen=True, gc=False):
    """The venue's word on one of our fills: raw, may come twice, late, or out of order.

    `status` is one of `models.ledger.STATUSES`. `fee` is what we pay as taker, `rebate` what accrues to us as maker.
    `cash` is what changes hands, fee apart, where the venue's word gives it exactly; None: what `price` and `size` make
    it. A taker meets several prices in one trade, `price` is then the nearest to their mean.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    trade_id: str
    order_id: str
    market: MarketId
    outcome: Outcome
    side: Side
    price: Price
    size: Size
    status: str
    maker: bool
    at_ns: int
    fee: Money = 0
    rebate: Money = 0
    cash: Money | None = None


class ForeignOrderSeen(Message, frozen=True, gc=False):
    """The venue has an order of our account that is not ours: a second writer, or a stolen key. Trading must halt.

    `trade_id` is set where it was seen by a fill. `market` is the venue's condition id where we do not know the market.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str
    market: MarketId
    trade_id: str | None
    at_ns: int


class UserFeedLost(Message, frozen=True, gc=False):
    """The venue's word on our orders and fills does not reach us any more.

    `heard_ns` is when it last did, None where nobody knows: the feed died. In the lane of what it interrupts, so that a
    loss and a return are never read in the wrong order.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    reason: str
    heard_ns: int | None


class UserFeedRestored(Message, frozen=True, gc=False):
    """From now on we hear of our orders and fills; what was said before is gone and has to be read from the venue.

    `market` is None after a connection was made, also the first one: the venue repeats nothing. It names the one market
    of which something came that could not be understood.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    market: MarketId | None
    at_ns: int


class UserFeedProven(Message, frozen=True, gc=False):
    """The first event of our account came over the connection that stands: its credentials are the right ones.

    Until then silence may mean that nothing happens, or that the venue never knew us: to wrong credentials it says
    nothing at all.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    at_ns: int


class OrderChanged(Message, frozen=True, gc=False):
    """The state of one of our orders after something happened to it; `reason` says what, in words.

    `taken_off`: the venue took it off its book with so much matched, and of that we have not been told all yet.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    order_id: str
    intent: str
    tag: Tag
    market: MarketId
    outcome: Outcome
    side: Side
    price: Price
    size: Size
    filled: Size
    state: OrderState
    reason: str
    at_ns: int
    post_only: bool = True
    taken_off: Size | None = None


class FillCounted(Message, frozen=True, gc=False):
    """A fill, exactly once. `cash` is what was paid (BUY) or received (SELL) for it, fee apart.

    `cost_out` is the part of the leg's cost that left with a SELL, so that a void can bring exactly it back; 0 for a
    BUY, which adds its cash.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    trade_id: str
    order_id: str
    intent: str
    tag: Tag
    market: MarketId
    outcome: Outcome
    side: Side
    price: Price
    size: Size
    cash: Money
    fee: Money
    rebate: Money
    maker: bool
    at_ns: int
    cost_out: Money = 0


class FillSettled(Message, frozen=True, gc=False):
    """A counted fill was confirmed on chain: its shares may now be sold or merged."""

    lane: ClassVar[Lane] = Lane.ORDER
    fill: FillCounted
    at_ns: int


class FillVoided(Message, frozen=True, gc=False):
    """A counted fill failed on chain: quantity, cost, cash, fee and rebate go back exactly as they came."""

    lane: ClassVar[Lane] = Lane.ORDER
    fill: FillCounted
    at_ns: int


class MergePairs(Message, frozen=True, gc=False):
    """Turn up to `size` settled pairs of YES and NO into a dollar each; `reason` is the policy or the command."""

    lane: ClassVar[Lane] = Lane.ORDER
    tag: Tag
    market: MarketId
    size: Size
    reason: str
    created_ns: int


class SubmitMerge(Message, frozen=True, gc=False):
    """A merge on its way to the venue; in live without a `batch` it is to be signed, and with one to be sent."""

    lane: ClassVar[Lane] = Lane.ORDER
    operation: str
    market: MarketId
    size: Size
    batch: Batch | None = None


class MergeReported(Message, frozen=True, gc=False):
    """The venue's word on a merge: `confirmed` or `failed`, with what it cost."""

    lane: ClassVar[Lane] = Lane.ORDER
    operation: str
    market: MarketId
    status: str
    cost: Money
    at_ns: int
    text: str = ""


class MergeChanged(Message, frozen=True, gc=False):
    """The journalled state of a merge: `requested`, `submitted`, `confirmed`, `failed`; `text` says why it failed.

    In live it is submitted as `batch`. One that came to nothing at once has size 0.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    operation: str
    tag: Tag
    market: MarketId
    size: Size
    state: str
    cost: Money
    at_ns: int
    batch: Batch | None = None
    text: str = ""


class PositionsRedeemed(Message, frozen=True, gc=False):
    """A resolved market paid a desk out: every YES share got `payout_yes`, every NO share ONE minus it."""

    lane: ClassVar[Lane] = Lane.ORDER
    tag: Tag
    market: MarketId
    payout_yes: Price
    at_ns: int
