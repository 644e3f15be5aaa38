"""What the board shows at one moment: immutable, complete, numbered; every surface reads the same one.

Why the raw messages stand in it and no texts: a figure is made into words by the surface that shows it, from the same
integers, so a terminal, a JSON document and a test cannot disagree at one `snapshot_id`.
"""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from models.cells import TradingState
from models.flattening import REMOVED, SWITCH
from models.markets import YES, LeftOut, Market, Outcome, Side
from models.messages.base import MarketId, Tag
from models.messages.control import CellNote, CommandApplied, ExposureUpdated, FlattenChanged, RiskRead
from models.messages.decisions import Explanation, Gate
from models.messages.market import BookUpdated, FeedCounted, FlowUpdated
from models.messages.position import Position
from models.orders import OrderState
from models.units import ONE, Money, Price, Size
from models.words import is_on, state_word


class Engine(msgspec.Struct, frozen=True):
    """The process that is shown. `run` names this run in the journal; `merges`: it can merge pairs.

    `wallet` is the address whose money it trades, empty where it trades none. `left_out` are markets that it was told
    to trade and that had ended when it started, and those that it knows only for what is held there.
    """

    mode: str
    tags: tuple[Tag, ...]
    run: str
    pid: int
    version: str
    started_ns: int
    merges: bool = True
    wallet: str = ""
    left_out: tuple[LeftOut, ...] = ()


class OrderLine(msgspec.Struct, frozen=True, gc=False):
    """One order that may still fill."""

    intent: str
    order_id: str
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


class MarketLine(msgspec.Struct, frozen=True, gc=False):
    """A market, whoever trades it. `payout_yes` is set once it is resolved."""

    market: Market
    state: TradingState = TradingState.ACTIVE
    cells: tuple[CellNote, ...] = ()
    book: BookUpdated | None = None
    flow: FlowUpdated | None = None
    exposure: ExposureUpdated | None = None
    payout_yes: Price | None = None

    @property
    def on(self) -> bool:
        """Whether no operator switched it off."""
        return is_on(self.cells)

    @property
    def removed(self) -> bool:
        """Whether it was taken out of the catalogue; what it won and lost stays part of the figures of this run."""
        return any(cell.source == SWITCH and cell.reason == REMOVED for cell in self.cells)


class Profit(msgspec.Struct, frozen=True, gc=False):
    """Profit and loss. `unrealized` is None while something is held that never had a good mark.

    `marked_ns` is when the oldest mark in it was good, None where nothing is held that needs one.
    """

    realized: Money = 0
    unrealized: Money | None = 0
    fees: Money = 0
    rebates: Money = 0
    marked_ns: int | None = None

    @property
    def total(self) -> Money:
        """All parts; what has no mark counts as nothing won and nothing lost."""
        return self.realized + (self.unrealized or 0) - self.fees + self.rebates

    def plus(self, other: "Profit") -> "Profit":
        """Return the sum; its mark is as old as the older one, and missing where one is missing."""
        known = self.unrealized is not None and other.unrealized is not None
        marks = [mark for mark in (self.marked_ns, other.marked_ns) if mark is not None]
        return Profit(
            self.realized + other.realized,
            (self.unrealized or 0) + (other.unrealized or 0) if known else None,
            self.fees + other.fees,
            self.rebates + other.rebates,
            min(marks, default=None),
        )


class DeskLine(msgspec.Struct, frozen=True, gc=False):
    """A desk in a market: what it holds and wants, and what it did since the start.

    `flatten` is how far it has come with flattening, None where nobody has asked for that.
    """

    tag: Tag
    market: MarketId
    position: Position = Position()
    profit: Profit = Profit()
    explanation: Explanation | None = None
    explained: str = ""
    flatten: FlattenChanged | None = None
    decisions: int = 0
    orders: int = 0
    fills: int = 0
    cancels: int = 0
    denials: int = 0

    @property
    def net(self) -> Size:
        """YES minus NO, in micro-shares."""
        return self.position.yes.shares - self.position.no.shares

    @property
    def phase(self) -> str:
        """What its coordinator proposed last."""
        return self.explanation.phase if self.explanation is not None else "Balanced"

    @property
    def stopped_opening(self) -> Gate | None:
        """The first gate that keeps it from opening, None where it may."""
        if self.explanation is None:
            return None
        failed = (gate for gate in self.explanation.gates if not gate.passed and gate.blocks in ("open", "all"))
        return next(failed, None)


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """One event worth a line; `slug` is empty where no market is meant.

    `level` is DEBUG (what happens many times a minute), INFO, SUCCESS, WARNING or ERROR.
    """

    sequence: int
    at_ns: int
    level: str
    slug: str
    text: str


class Counts(msgspec.Struct, frozen=True):
    """What happened since the start. `errors_recent` are those of the last 15 minutes."""

    orders: int = 0
    fills: int = 0
    voids: int = 0
    cancels: int = 0
    rejects: int = 0
    cancels_by_reason: dict[str, int] = {}
    denials_by_reason: dict[str, int] = {}
    dead_letters_by_reason: dict[str, int] = {}
    resyncs: int = 0
    restarts: int = 0
    errors: int = 0
    errors_recent: int = 0
    last_error: str = ""
    last_error_ns: int | None = None


class Spell(msgspec.Struct, frozen=True, gc=False):
    """How often something was so, and for how long in all, summed over the desks or markets where it was."""

    what: str
    times: int
    ns: int


class Board(msgspec.Struct, frozen=True):
    """Everything that people may see, at `at_ns`.

    `commands` holds the newest answers of risk, `fences` those read; `feeds` what each connection has been through;
    `risk` where the controls stood when somebody last asked. `idle` are the spells of desks without a quote by their
    reason, `holds` those in which nothing could be placed by what held it.
    """

    snapshot_id: int
    at_ns: int
    engine: Engine
    markets: dict[MarketId, MarketLine]
    desks: dict[tuple[Tag, MarketId], DeskLine]
    orders: dict[str, OrderLine]
    counts: Counts
    log: tuple[LogLine, ...]
    commands: dict[str, CommandApplied]
    fences: frozenset[str]
    feeds: dict[str, FeedCounted] = {}
    risk: RiskRead | None = None
    idle: tuple[Spell, ...] = ()
    holds: tuple[Spell, ...] = ()

    @property
    def profit(self) -> Profit:
        """Profit and loss over all desks."""
        total = Profit()
        for desk in self.desks.values():
            total = total.plus(desk.profit)
        return total

    @property
    def decisions(self) -> int:
        """Changes of what desks want, or why."""
        return sum(desk.decisions for desk in self.desks.values())

    @property
    def feed_ns(self) -> int | None:
        """When the venue last said something about any market."""
        return max((line.book.event_ns for line in self.markets.values() if line.book is not None), default=None)

    @property
    def killed(self) -> CellNote | None:
        """The latch, where it is closed."""
        cells = (cell for line in self.markets.values() for cell in line.cells)
        return next((cell for cell in cells if cell.state is TradingState.KILLED), None)

    def by_name(self, name: str) -> MarketLine | None:
        """Find a market by id, slug or condition id."""
        found = self.markets.get(name)
        if found is not None:
            return found
        named = (line for line in self.markets.values() if name in (line.market.slug, line.market.condition_id))
        return next(named, None)

    def desks_of(self, market: MarketId) -> Iterator[DeskLine]:
        """Walk the desks that trade a market."""
        found = (self.desks.get((tag, market)) for tag in self.engine.tags)
        return (desk for desk in found if desk is not None)

    def explanations(self, market: MarketId) -> list[Explanation]:
        """Return how the desks of a market last explained themselves, under the trading state of now."""
        line = self.markets[market]
        said = (desk.explanation for desk in self.desks_of(market))
        return [replace(one, state=line.state, cells=line.cells) for one in said if one is not None]

    def open_orders(self, market: MarketId | None = None) -> list[OrderLine]:
        """Return the orders that may still fill, of one market or of all, oldest first."""
        return [order for order in self.orders.values() if market is None or order.market == market]

    def word(self, desk: DeskLine) -> str:
        """Return the one word for the state of a desk in its market."""
        line = self.markets[desk.market]
        return state_word(line.state, line.cells, desk.phase)

    def holding(self, market: MarketId) -> tuple[Size, Size]:
        """Return the YES and NO shares of all desks in a market."""
        desks = tuple(self.desks_of(market))
        return sum(desk.position.yes.shares for desk in desks), sum(desk.position.no.shares for desk in desks)


def token_touch(book: BookUpdated, outcome: Outcome) -> tuple[Price | None, Price | None]:
    """Return best bid and ask of a token in the net book, None where a side is empty."""
    bid = book.bid if len(book.bids) else None
    ask = book.ask if len(book.asks) else None
    if outcome == YES:
        return bid, ask
    return None if ask is None else ONE - ask, None if bid is None else ONE - bid
