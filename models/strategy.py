"""What a strategy is: a pure function from what is known to what is wanted.

    targets(view) -> Targets

It never sends, cancels or re-prices anything: `models/quotes.py` turns targets into orders, and does thresholds,
debounce, order life and churn once for all. A strategy says only which resting quotes it wants (`Quote`), what it would
take now (`Take`, `Bundle`), what it withholds and why, and the gates it asked, in order.

It may keep private state that is a function of what it was shown, and must be able to write it down (`snapshot`); one
that keeps none is `Stateless`. The same view twice gives the same targets, and the very same object says at once that
nothing has changed.
"""

from typing import ClassVar, Literal, Protocol

import msgspec

from models.cells import TradingState
from models.markets import Catalogue, Market, Outcome, Side
from models.messages.base import MarketId, Tag
from models.messages.control import CellNote
from models.messages.decisions import Gate
from models.messages.market import BookUpdated, FlowUpdated, ReferenceUpdated
from models.messages.position import Position
from models.orders import OrderState, TimeInForce
from models.phase import Phase
from models.units import ONE, Price, Size


class Touch(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask of one token in the net book, with sizes; a missing bid is 0, a missing ask ONE, of size 0."""

    bid: Price
    bid_size: Size
    ask: Price
    ask_size: Size

    @property
    def two_sided(self) -> bool:
        return self.bid_size > 0 and self.ask_size > 0


class WorkingOrder(msgspec.Struct, frozen=True, gc=False):
    """One of the desk's own orders that is not terminal."""

    intent: str
    outcome: Outcome
    side: Side
    price: Price
    remaining: Size
    state: OrderState


class MarketView(msgspec.Struct, frozen=True, gc=False):
    """One market as a strategy sees it. `unusable` says why its book may not be used, None when it may.

    `state`, `cells`, and by how many ticks to stand `ticks_back` and why, are what risk said last; `working` are the
    desk's own orders that are not over.
    """

    market: Market
    phase: Phase
    state: TradingState
    cells: tuple[CellNote, ...]
    book: BookUpdated | None
    flow: FlowUpdated | None
    position: Position
    working: tuple[WorkingOrder, ...]
    unusable: str | None
    resolved: bool = False
    ticks_back: int = 0
    because: str = ""

    @property
    def tick(self) -> Price:
        return self.book.tick if self.book is not None else self.market.tick

    @property
    def net(self) -> Size:
        """YES minus NO in micro-shares."""
        return self.position.yes.shares - self.position.no.shares

    def touch(self, outcome: Outcome) -> Touch:
        """Return the touch of a token in the net book: the NO token's is the mirror of the YES token's."""
        book = self.book
        if book is None:
            return Touch(0, 0, ONE, 0)
        bid_size = book.bids.size_at(book.bid)
        ask_size = book.asks.size_at(book.ask)
        if outcome == 0:
            return Touch(book.bid, bid_size, book.ask, ask_size)
        return Touch(ONE - book.ask, ask_size, ONE - book.bid, bid_size)


class View(msgspec.Struct, frozen=True, gc=False):
    """All that a strategy may look at: the markets of its group, outside references, and the time.

    `exhaustive`: it is proven that exactly one of the markets resolves YES.
    """

    tag: Tag
    now_ns: int
    markets: dict[MarketId, MarketView]
    references: dict[str, ReferenceUpdated]
    exhaustive: bool = False

    def alone(self) -> MarketView:
        """Return the one market of a group of one."""
        (market,) = self.markets.values()
        return market


class Quote(msgspec.Struct, frozen=True, gc=False):
    """A resting order that is wanted: post-only, one per (market, token, side).

    `formula` says how the price came about. `urgent` marks a hedge: it does not wait for the debounce and never rests
    more than its size. `anchor` is twice the net mid that the price was made from, None where it was made from
    something else; while that has moved by no more than a tick, an order that stands a tick off is kept.
    """

    market: MarketId
    outcome: Outcome
    side: Side
    price: Price
    size: Size
    reason: str
    formula: str = ""
    urgent: bool = False
    anchor: Price | None = None


class Take(msgspec.Struct, frozen=True, gc=False):
    """A one-shot order (FAK or FOK) against what is visible, at `limit` or better.

    It goes alone: quotes of its market are withdrawn first, and it waits until nothing of the desk stands there.
    """

    market: MarketId
    outcome: Outcome
    side: Side
    limit: Price
    size: Size
    reason: str
    time_in_force: TimeInForce = TimeInForce.FAK


class Bundle(msgspec.Struct, frozen=True, gc=False):
    """Takes of equal shares over several tokens that only make sense together; a complete share pays `payout`."""

    legs: tuple[Take, ...]
    payout: Price
    reason: str


class Withheld(msgspec.Struct, frozen=True, gc=False):
    """A quote that is not wanted now, and why: the reason with which a working order there is cancelled."""

    market: MarketId
    outcome: Outcome
    side: Side
    reason: str


class Targets(msgspec.Struct, frozen=True, gc=False):
    """What is wanted now. `reason` is the first thing that stopped quoting, or what the quotes are for."""

    quotes: tuple[Quote, ...] = ()
    takes: tuple[Take, ...] = ()
    bundles: tuple[Bundle, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    gates: tuple[Gate, ...] = ()
    reason: str = ""


class Strategy(Protocol):
    """One file under `models/strategies/`: what it wants, never how it is sent.

    Declared, not asked for: `scope`, whether it decides on single markets or on groups; `style`, whether it rests
    (`maker`) or takes.
    """

    name: ClassVar[str]
    scope: ClassVar[Literal["market", "group"]]
    style: ClassVar[Literal["maker", "taker"]]

    @property
    def parameters(self) -> msgspec.Struct:
        """The frozen parameters it was built with."""
        ...

    def groups(self, catalogue: Catalogue) -> tuple[tuple[MarketId, ...], ...]:
        """Return the markets that are decided on together, one tuple a group; a maker decides on every market alone."""
        ...

    def targets(self, view: View) -> Targets:
        """Return what is wanted now."""
        ...

    def snapshot(self) -> bytes:
        """Write down private state; empty where there is none."""
        ...

    def restore(self, state: bytes) -> None:
        """Take back what `snapshot` wrote."""
        ...


class Stateless:
    """The part of a strategy that remembers nothing between two views."""

    def snapshot(self) -> bytes:
        """There is nothing to write down."""
        return b""

    def restore(self, state: bytes) -> None:
        """There is nothing to take back."""


def each_alone(catalogue: Catalogue) -> tuple[tuple[MarketId, ...], ...]:
    """Return every market as a group of its own."""
    return tuple((market,) for market in catalogue.markets)
