"""Market data: what feeds tell a market's actors, and what those tell each other.

Raw mail (frames, prints, tick changes) is never conflated: a level change carries the new size of one level only, and
trades are summed. Derived mail (`BookUpdated`, `FlowUpdated`) is the whole truth at a moment, so the newest is enough.
"""

from collections.abc import Hashable
from typing import ClassVar

import msgspec

from models.depth import Depth
from models.markets import Outcome, Side
from models.messages.base import Lane, MarketId, Message
from models.units import Price, Size

Level = tuple[Price, Size]


class LevelChange(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """New total size of one level of one token (0 removes it), and the venue's hash of that token's book afterwards."""

    outcome: Outcome
    side: Side
    price: Price
    size: Size
    hash: str = ""


class BookFrame(Message, frozen=True, gc=False):
    """A full book of one token. `source` is `ws`, or `rest` for the answer to a snapshot request.

    `tick`, `min_order_size`, `neg_risk`, `last_trade_price` and `version` are None where the frame does not say; the
    last three enter the venue's hash and are kept as its own text.
    """

    lane: ClassVar[Lane] = Lane.MARKET
    market: MarketId
    outcome: Outcome
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    timestamp_ms: int
    received_ns: int
    hash: str = ""
    tick: Price | None = None
    min_order_size: str | None = None
    neg_risk: bool | None = None
    last_trade_price: str | None = None
    version: str | None = None
    source: str = "ws"


class LevelsChanged(Message, frozen=True, gc=False):
    """The changes of one `price_change` frame, of both tokens, to be applied together."""

    lane: ClassVar[Lane] = Lane.MARKET
    market: MarketId
    changes: tuple[LevelChange, ...]
    timestamp_ms: int
    received_ns: int


class TradePrinted(Message, frozen=True, gc=False):
    """A `last_trade_price` print as the venue sent it; `side` is the taker's, `price_text` enters the venue's hash."""

    lane: ClassVar[Lane] = Lane.MARKET
    market: MarketId
    outcome: Outcome
    side: Side
    price: Price
    size: Size
    timestamp_ms: int
    received_ns: int
    transaction_hash: str = ""
    price_text: str = ""


class TickSizeChanged(Message, frozen=True, gc=False):
    """The venue moved a market to another price grid; resting orders of the finer grid are no longer valid."""

    lane: ClassVar[Lane] = Lane.MARKET
    market: MarketId
    tick: Price
    timestamp_ms: int
    received_ns: int


class MarketResolved(Message, frozen=True, gc=False):
    """A market's result. `payout_yes` is what a YES share pays: ONE, 0, or 5000 for a void market."""

    lane: ClassVar[Lane] = Lane.ORDER
    market: MarketId
    payout_yes: Price
    received_ns: int


class FeedLost(Message, frozen=True, gc=False):
    """The connection that carries a market's frames is gone or silent: what the book says is no longer true."""

    lane: ClassVar[Lane] = Lane.CONTROL
    market: MarketId
    reason: str

    @property
    def key(self) -> Hashable:
        return self.market


class FeedRestored(Message, frozen=True, gc=False):
    """The connection is back. `resynchronise`: frames were missed, so each token waits for its next full book."""

    lane: ClassVar[Lane] = Lane.MARKET
    market: MarketId
    resynchronise: bool


class FeedCounted(Message, frozen=True, gc=False):
    """What a feed has been through since it began: how often it was connected, and what it could not understand."""

    lane: ClassVar[Lane] = Lane.MARKET
    feed: str
    connections: int
    malformed: dict[str, int]

    @property
    def key(self) -> Hashable:
        return self.feed


class BookVerified(Message, frozen=True, gc=False):
    """Proof of life for a quiet token: the venue's own book (by REST, hash compared) equals ours.

    `synthetic`: a replay assumed it.
    """

    lane: ClassVar[Lane] = Lane.MARKET
    market: MarketId
    at_ns: int
    synthetic: bool = False


class RequestSnapshot(Message, frozen=True, gc=False):
    """Ask the venue for the full books of a market (answered by `BookFrame`s with source `rest`)."""

    lane: ClassVar[Lane] = Lane.INTENT
    market: MarketId
    reason: str

    @property
    def key(self) -> Hashable:
        return self.market


class BookUpdated(Message, frozen=True, gc=False):
    """The state of a market's one book after a frame, in YES terms; the NO book is its mirror (1 - p, sides swapped).

    `bids` and `asks` hold the *net* book: our own acknowledged orders are taken out, and `bid` and `ask` are its touch.
    `gross_bid` and `gross_ask` are the venue's touch with them (0 and ONE: no such side). `unusable` says why nothing
    may be decided on this book (`gap`, `stale`, `no_book`, `books_not_mirrored`, `crossed`, `locked`, `one_sided`),
    None when it may be. `event_ns` is when the venue last said something about it, `proven_ns` when it was last proven.
    """

    lane: ClassVar[Lane] = Lane.MARKET
    market: MarketId
    book_seq: int
    epoch: int
    tick: Price
    bids: Depth
    asks: Depth
    bid: Price
    ask: Price
    gross_bid: Price
    gross_ask: Price
    unusable: str | None
    event_ns: int
    proven_ns: int

    @property
    def key(self) -> Hashable:
        return self.market


class BookEpochChanged(Message, frozen=True, gc=False):
    """Prices made before this are void.

    `reason` is `gap` (one opened), `tick_changed`, `restarted` (the book is a new one) or `resynchronised` (a gap
    closed), the gravest where several happened at once; `detail` says all in words.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    market: MarketId
    epoch: int
    tick: Price
    reason: str
    detail: str = ""


class BookResynchronised(Message, frozen=True, gc=False):
    """A token that was in a gap got its full book."""

    lane: ClassVar[Lane] = Lane.ORDER
    market: MarketId
    outcome: Outcome
    gap_ms: int


class TradeSeen(Message, frozen=True, gc=False):
    """One trade of the market, once, in YES terms: `side` is the taker's, `price` a YES price.

    `outcome` is the token that the print named (the seed's flow rule keeps a window per token). `inferred`: no print
    came, the trade is read from what a `book` frame removed from the touch.
    """

    lane: ClassVar[Lane] = Lane.MARKET
    market: MarketId
    outcome: Outcome
    side: Side
    price: Price
    size: Size
    at_ns: int
    inferred: bool = False


class FlowUpdated(Message, frozen=True, gc=False):
    """Signed taker flow of a market over the window, in micro-shares, and whether it is toxic.

    `yes_score` and `no_score` are buy minus sell of each token; `net_score` is the one flow in YES terms. `direction`
    is +1 when the toxic flow buys YES (or sells NO), -1 the other way, 0 when not toxic. `threshold` is the one in
    force.
    """

    lane: ClassVar[Lane] = Lane.MARKET
    market: MarketId
    yes_score: Size
    no_score: Size
    net_score: Size
    threshold: Size
    toxic: bool
    direction: int
    at_ns: int

    @property
    def key(self) -> Hashable:
        return self.market


class ReferenceUpdated(Message, frozen=True, gc=False):
    """An outside price: an exchange's spot, an odds feed's fair value.

    `value` is an estimate: a float in the reference's own unit.
    """

    lane: ClassVar[Lane] = Lane.MARKET
    name: str
    value: float
    at_ns: int

    @property
    def key(self) -> Hashable:
        return self.name
