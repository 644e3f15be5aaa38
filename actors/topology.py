"""Who tells whom: every arrow between actors, in one table.

Why one table and not addresses in the actors: a machine returns what it has to say and knows nobody; so the same
machine runs in a market of its own, in a group, under several desks, with or without a database, and a reader finds
every arrow of the system on one page. Addresses are names, looked up when a message is sent, so a restart leaves none
stale.

Names: `book/M`, `flow/M` belong to a market; `inventory/TAG/M` and `coordinator/TAG/GROUP` to a desk on it; the global
ones are `risk`, `executor`, `journal`, `board`, `feed`, `markets`, and either `venue` or a live venue's lanes.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from models.messages import (
    audit,
    catalogue,
    control,
    decisions,
    lanes,
    losses,
    market,
    operations,
    orders,
    position,
    recall,
    records,
    reload,
)
from models.messages import runtime as runtime_messages
from models.messages.base import MarketId, Message, Tag

RISK = "risk"
EXECUTOR = "executor"
JOURNAL = "journal"
VENUE = "venue"
BOARD = "board"
FEED = "feed"
SUBMIT_LANE = "lane/submit"
CANCEL_LANE = "lane/cancel"
QUERY_LANE = "lane/query"
OPERATIONS_LANE = "lane/operations"
HEARTBEAT = "lane/heartbeat"
MARKETS = "markets"

Route = Callable[[Any], Iterable[str]]


def book_name(market_id: MarketId) -> str:
    """Name of a market's book actor."""
    return f"book/{market_id}"


def flow_name(market_id: MarketId) -> str:
    """Name of a market's flow actor."""
    return f"flow/{market_id}"


def inventory_name(tag: Tag, market_id: MarketId) -> str:
    """Name of a desk's inventory actor on a market."""
    return f"inventory/{tag}/{market_id}"


def coordinator_name(tag: Tag, group: str) -> str:
    """Name of a desk's coordinator of a group; a market alone is a group of its own name."""
    return f"coordinator/{tag}/{group}"


class Topology:
    """The arrows of one engine.

    `desks` maps a tag to the groups that it decides on (group name -> markets). `present` names the global actors that
    this process has beside the core; nothing is sent to one that it has not. `recording`: the journal takes everything
    worth a row, not only what it must commit and pass on. `own_orders_in_feed`: books must take our orders out of what
    the venue shows.
    """

    def __init__(
        self,
        desks: Mapping[Tag, Mapping[str, tuple[MarketId, ...]]],
        references: Mapping[MarketId, str],
        present: frozenset[str],
        *,
        recording: bool,
        own_orders_in_feed: bool,
    ) -> None:
        self._coordinators: dict[MarketId, tuple[str, ...]] = {}
        self._desk: dict[tuple[Tag, MarketId], tuple[str, ...]] = {}
        self._followers: dict[str, tuple[str, ...]] = {}
        for tag, groups in desks.items():
            for group, members in groups.items():
                self._add_desk(tag, group, members, references)
        self._own_orders_in_feed = own_orders_in_feed
        self._board = (BOARD,) if BOARD in present else ()
        self._venue = (VENUE,) if VENUE in present else ()
        self._cancels = (CANCEL_LANE,) if CANCEL_LANE in present else self._venue
        self._queries = (QUERY_LANE,) if QUERY_LANE in present else ()
        self._heartbeat = (HEARTBEAT,) if HEARTBEAT in present else ()
        self._operations = (JOURNAL,) if OPERATIONS_LANE in present else self._venue
        self._feed = (FEED,) if FEED in present else ()
        self._rows = (JOURNAL,) if JOURNAL in present and recording else ()
        self._seen = self._rows + self._board
        self._routes = self._table()

    def route(self, message: Message) -> Iterable[str]:
        """Return the names of those who are told a message. Raises KeyError for a kind that has no arrow."""
        return self._routes[type(message)](message)

    def add(self, tag: Tag, market_id: MarketId, reference: str | None) -> None:
        """Add the arrows of a market of which a desk decides alone. From any thread: each entry is made at once."""
        followed = {} if reference is None else {market_id: reference}
        self._add_desk(tag, market_id, (market_id,), followed)

    def remove(self, market_id: MarketId) -> None:
        """Take the arrows to those away who decide on a market alone: they have stopped for good."""
        gone = self._coordinators.pop(market_id, ())
        for reference, names in self._followers.copy().items():
            self._followers[reference] = tuple(name for name in names if name not in gone)
        for at in [at for at in self._desk.copy() if at[1] == market_id]:
            del self._desk[at]

    def tap(self, hears: Mapping[type[Message], Callable[[Any], object]]) -> None:
        """Have messages of some kinds heard the moment they are said, before anybody is sent them."""
        for kind, hear in hears.items():
            self._routes[kind] = _tapped(hear, self._routes[kind])

    def _add_desk(
        self, tag: Tag, group: str, members: tuple[MarketId, ...], references: Mapping[MarketId, str]
    ) -> None:
        name = coordinator_name(tag, group)
        for member in members:
            if name not in self._coordinators.get(member, ()):
                self._coordinators[member] = (*self._coordinators.get(member, ()), name)
            self._desk[(tag, member)] = (name,)
            reference = references.get(member)
            if reference is not None and name not in self._followers.get(reference, ()):
                self._followers[reference] = (*self._followers.get(reference, ()), name)

    def _table(self) -> dict[type[Message], Route]:
        board, rows, seen, venue = self._board, self._rows, self._seen, self._venue
        deciders = self._coordinators
        desk = self._desk
        return {
            # From feeds to a market's book; the book alone knows what they mean.
            market.BookFrame: _book,
            market.LevelsChanged: _book,
            market.TradePrinted: _book,
            market.TickSizeChanged: _book,
            market.FeedLost: _book,
            market.FeedRestored: _book,
            market.BookVerified: _book,
            market.FeedCounted: lambda _: board,
            market.RequestSnapshot: lambda _: self._feed,
            market.MarketResolved: lambda m: (RISK, EXECUTOR, *venue, *deciders.get(m.market, ()), *seen),
            market.ReferenceUpdated: lambda m: self._followers.get(m.name, ()),
            # From a market's book and flow.
            market.BookUpdated: lambda m: (RISK, *venue, *deciders.get(m.market, ()), *seen),
            market.TradeSeen: lambda m: (*venue, flow_name(m.market), *rows),
            market.BookEpochChanged: lambda m: (EXECUTOR, *deciders.get(m.market, ()), *rows),
            market.BookResynchronised: lambda _: seen,
            market.FlowUpdated: lambda m: (RISK, *deciders.get(m.market, ()), *board),
            # From a desk.
            position.InventoryUpdated: lambda m: (*desk.get((m.tag, m.market), ()), *seen),
            orders.MergePairs: lambda _: (EXECUTOR,),
            orders.PlaceOrder: lambda _: (RISK, *rows),
            orders.PlaceBundle: lambda _: (RISK, *rows),
            orders.CancelOrder: lambda _: (EXECUTOR,),
            decisions.DecisionMade: lambda _: seen,
            decisions.Explained: lambda _: board,
            # From risk.
            orders.OrderApproved: lambda _: (EXECUTOR,),
            orders.CancelMarket: lambda _: (EXECUTOR,),
            orders.IntentDenied: lambda m: (*desk.get((m.tag, m.market), ()), *seen),
            control.TradingStateChanged: lambda m: (EXECUTOR, *deciders.get(m.market, ()), *seen),
            control.CommandApplied: lambda _: seen,
            control.ExposureUpdated: lambda _: board,
            control.FlattenChanged: lambda _: (RISK, *board),
            control.MarketParked: lambda _: (MARKETS, *seen),
            control.RaiseCell: lambda _: (RISK, *rows),
            control.KillLatched: lambda _: seen,
            control.MarketHeld: lambda _: rows,
            losses.LossesNoted: lambda _: rows,
            control.ReadRisk: lambda _: (RISK,),
            control.RiskRead: lambda _: board,
            # From the executor.
            orders.SubmitOrder: lambda _: (JOURNAL,),
            orders.SubmitCancel: lambda _: (*self._cancels, *rows),
            lanes.ConfirmCancel: lambda _: self._queries,  # from the lane of cancels
            lanes.QueryOrder: lambda _: self._queries,
            lanes.ReadAccount: lambda _: self._queries,
            lanes.ReadHoldings: lambda _: self._queries,
            lanes.DriftFound: lambda _: (RISK, *seen),
            lanes.HoldingsFound: lambda _: seen,
            lanes.CashRead: lambda _: (RISK,),
            lanes.CashFound: lambda _: rows,
            orders.SubmitMerge: lambda _: self._operations,
            operations.SubmitRedemption: lambda _: self._operations,
            orders.OrderChanged: self._order_changed,
            orders.FillCounted: lambda m: (inventory_name(m.tag, m.market), RISK, *seen),
            orders.FillSettled: lambda m: (inventory_name(m.fill.tag, m.fill.market), RISK, *seen),
            orders.FillVoided: lambda m: (inventory_name(m.fill.tag, m.fill.market), RISK, *seen),
            orders.MergeChanged: lambda m: (inventory_name(m.tag, m.market), RISK, *seen),
            operations.RedemptionChanged: lambda _: seen,
            orders.PositionsRedeemed: lambda m: (inventory_name(m.tag, m.market), RISK, *seen),
            position.LedgerSnapshot: lambda m: (inventory_name(m.tag, m.market),),
            position.OrdersSnapshot: lambda m: desk.get((m.tag, m.market), ()),
            # From the venue.
            orders.OrderAccepted: _executor,
            orders.OrderRejected: _executor,
            orders.OrderCancelled: _executor,
            orders.CancelRejected: _executor,
            orders.TradeReported: _executor,
            orders.MergeReported: _executor,
            operations.OperationSigned: _executor,
            operations.RedemptionReported: _executor,
            orders.OrderNotJournalled: _executor,
            orders.ForeignOrderSeen: _executor,
            orders.UserFeedLost: lambda _: (EXECUTOR, RISK),
            orders.UserFeedRestored: lambda _: (EXECUTOR, RISK),
            orders.UserFeedProven: _executor,
            lanes.SubmitUnanswered: _executor,
            lanes.CancelUnanswered: _executor,
            lanes.OrderFound: _executor,
            lanes.OrderNotFound: _executor,
            lanes.QueryFailed: _executor,
            lanes.AccountRead: _executor,
            lanes.HoldingsRead: _executor,
            lanes.LimitsSeen: _executor,
            lanes.VenueModeSeen: _executor,
            lanes.HeartbeatResumed: _executor,
            lanes.LeaveToHeartbeat: lambda _: self._heartbeat,
            # Between the core's own, after a death.
            recall.RecallAsked: lambda _: (JOURNAL,),
            recall.Recalled: lambda _: (RISK, EXECUTOR),
            recall.RecallEnded: lambda _: (RISK, EXECUTOR),
            # From operators, supervisors and the watchdog.
            catalogue.MarketListed: lambda _: (*board, EXECUTOR, *venue, *self._feed, *rows, RISK),
            control.SetOperatorState: lambda _: (RISK, EXECUTOR),
            control.Kill: lambda _: (RISK,),
            control.ClearKill: lambda _: (RISK,),
            control.Explain: lambda m: desk.get((m.tag, m.market), ()),
            audit.CommandAnswered: lambda _: rows,
            audit.Fence: lambda _: board,
            records.ProfitMarked: lambda _: rows,
            records.StoppedCleanly: lambda _: rows,
            records.SegmentOpened: lambda _: rows,
            records.RanUnder: lambda _: rows,
            reload.ParametersChanged: lambda _: self._changeable(),
            records.FillMarkedOut: lambda _: rows,
            records.LatencyMeasured: lambda _: rows,
            runtime_messages.ActorFailed: lambda _: (EXECUTOR, *seen),
            runtime_messages.ActorRestarted: lambda _: (EXECUTOR, RISK, *seen),
            runtime_messages.ActorQuarantined: lambda _: (RISK, EXECUTOR, *seen),
            runtime_messages.HandlerSlow: lambda _: (RISK, *rows),
            runtime_messages.HandlerRecovered: lambda _: (RISK, *rows),
        }

    def _changeable(self) -> tuple[str, ...]:
        """Who goes by parameters that may change: risk first, so that nobody is ahead of the limits."""
        desks = self._desk.copy()  # a market may be added meanwhile
        inventories = (inventory_name(tag, market_id) for tag, market_id in desks)
        deciders = dict.fromkeys(name for names in desks.values() for name in names)
        return (RISK, *inventories, *deciders)

    def _order_changed(self, message: orders.OrderChanged) -> tuple[str, ...]:
        told = (*self._desk.get((message.tag, message.market), ()), RISK, *self._seen)
        return (*told, book_name(message.market)) if self._own_orders_in_feed else told


def _tapped(hear: Callable[[Any], object], route: Route) -> Route:
    def heard(message: Any) -> Iterable[str]:
        hear(message)
        return route(message)

    return heard


def _book(message: Any) -> tuple[str]:
    return (book_name(message.market),)


def _executor(_: Message) -> tuple[str]:
    return (EXECUTOR,)
