"""Every market's positions and open orders as the risk supervisor counts them itself, and what all of them come to.

It is kept from the ledger's events and the orders alone. Past profit and loss is no part of what can be lost
(`models/stakes.py`), but it is of the cash.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from models.fees import taker_fee
from models.markets import Fees, Market, Outcome, Side, neg_risk_siblings, would_trade
from models.messages.base import MarketId, Message, Tag
from models.messages.orders import OrderChanged, PlaceOrder
from models.messages.position import Position
from models.orders import TERMINAL, UNCERTAIN
from models.phase import signed_size
from models.positions import advance, cash_flow, leg_of, net_diff
from models.stakes import Holding, Nets, RestingOrder, Stakes, stakes_of
from models.units import Money, Size


class MarketExposure:
    """One market's positions and open orders over all desks, as the risk supervisor counts them itself."""

    def __init__(self, fees: Fees | None = None) -> None:
        self.unknown: set[str] = set()
        self.orders: dict[str, RestingOrder] = {}
        self.holding = Holding()
        self.fees = fees or Fees()
        """By which orders are counted from now on."""
        self._positions: dict[Tag, Position] = {}
        self._stakes: Stakes | None = None
        self._asked: tuple[PlaceOrder, ...] = ()
        self._then: Stakes | None = None
        """What was asked for last besides: several controls ask for the same, and then it is approved."""

    @property
    def net(self) -> Size:
        """YES minus NO in micro-shares."""
        return self.holding.yes - self.holding.no

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held, open, unknown or unsettled: only then may the market's actors stop."""
        return not self.orders and next(self.held(), None) is None

    def position(self, tag: Tag) -> Position:
        """Return what a desk holds, and what it has won."""
        return self._positions.get(tag, Position())

    def held(self) -> Iterator[tuple[Tag, Position]]:
        """Walk the desks that hold something, or wait for the venue's last word on what they traded or merged."""
        for tag, position in self._positions.items():
            if position.yes.shares or position.no.shares or position.provisional or position.merging:
                yield tag, position

    def moved(self, tag: Tag, event: Message) -> None:
        """Apply an event of the ledger to a desk's position."""
        position = advance(self._positions.get(tag, Position()), event)
        if position is not None:
            self._positions[tag] = position
            self._now(None)
            legs = [(one.yes, one.no) for one in self._positions.values()]
            self.holding = Holding(
                sum(yes.shares for yes, _ in legs),
                sum(no.shares for _, no in legs),
                sum(yes.cost for yes, _ in legs),
                sum(no.cost for _, no in legs),
            )

    def approved(self, order: PlaceOrder) -> None:
        """Count an approved intent at once, before the executor has said anything."""
        then = None if order.intent in self.orders else self.stakes((order,))
        self.orders[order.intent] = self._resting(order)
        self._now(then)

    def order_changed(self, event: OrderChanged) -> None:
        """Follow an order; a cancelling or unknown one keeps its exposure until the venue has spoken."""
        if event.state in UNCERTAIN:
            self.unknown.add(event.intent)
        else:
            self.unknown.discard(event.intent)
        self._now(None)
        standing = self._standing(event)
        if standing is None:
            self.orders.pop(event.intent, None)
        else:
            self.orders[event.intent] = standing

    def is_known(self, event: OrderChanged) -> bool:
        """Whether an order's event leaves what may still fill as it was: most only say where it stands."""
        unknown = event.state in UNCERTAIN
        return unknown == (event.intent in self.unknown) and self.orders.get(event.intent) == self._standing(event)

    def has_order(self, outcome: Outcome, side: Side) -> bool:
        """Whether any order on one side of a token may still fill."""
        return any(order.outcome == outcome and order.side is side for order in self.orders.values())

    def sellable(self, tag: Tag, outcome: Outcome, before: tuple[PlaceOrder, ...] = ()) -> Size:
        """Return the shares of a desk that are settled, not on their way into a merge, and not offered yet."""
        position = self._positions.get(tag, Position())
        offered = sum(
            order.remaining
            for order in self._at_risk(before)
            if order.tag == tag and order.outcome == outcome and order.side is Side.SELL
        )
        return leg_of(position, outcome).settled - position.merging - offered

    def nets(self, before: tuple[PlaceOrder, ...] = (), tag: Tag | None = None) -> Nets:
        """Return the net of all desks, or of one, with what its orders could make of it."""
        if tag is None:
            return self.stakes(before).nets
        now = up = down = net_diff(self._positions.get(tag, Position()))
        for order in self._at_risk(before):
            if order.tag == tag:
                move = signed_size(order.outcome, order.side, order.remaining)
                up, down = up + max(move, 0), down + min(move, 0)
        return Nets(now, up, down)

    def nets_of_desks(self) -> Iterator[tuple[Tag, Nets]]:
        """Walk the desks that hold something or have an order open, each with its own net."""
        for tag in dict.fromkeys((*self._positions, *(order.tag for order in self.orders.values()))):
            nets = self.nets(tag=tag)
            if any(nets):
                yield tag, nets

    def crossing(self, order: PlaceOrder, before: tuple[PlaceOrder, ...] = ()) -> RestingOrder | None:
        """Return an own order that would trade with this one."""
        for own in self._at_risk(before):
            if would_trade(order.outcome, order.side, order.price, own.outcome, own.side, own.price):
                return own
        return None

    def stakes(self, extra: tuple[PlaceOrder, ...] = ()) -> Stakes:
        """Return what is held and offered, and `extra` as if it were approved besides."""
        if self._stakes is None:
            self._stakes = stakes_of(self.holding).with_orders(self.orders.values())
        if not extra:
            return self._stakes
        if self._then is None or extra != self._asked:
            self._asked, self._then = extra, self._stakes.with_orders(map(self._resting, extra))
        return self._then

    def _now(self, stakes: Stakes | None) -> None:
        self._stakes, self._then = stakes, None

    def worst_case(self, extra: tuple[PlaceOrder, ...] = ()) -> Money:
        """Return the most of what is held and offered that can be lost, over YES, NO and VOID; never negative."""
        return self.stakes(extra).worst_case

    def cash_flow(self) -> Money:
        """Return the dollars that the market has brought in so far, those of unsettled sales not; negative: spent."""
        return sum(
            cash_flow(position) - sum(fill.cash - fill.fee for fill in position.provisional if fill.side is Side.SELL)
            for position in self._positions.values()
        )

    def _at_risk(self, before: tuple[PlaceOrder, ...]) -> list[RestingOrder]:
        return [*self.orders.values(), *map(self._resting, before)]

    def _standing(self, event: OrderChanged) -> RestingOrder | None:
        remaining = event.size - event.filled
        if event.state in TERMINAL or remaining <= 0:
            return None
        fee = 0 if event.post_only else taker_fee(self.fees, event.price, remaining)
        return RestingOrder(event.tag, event.outcome, event.side, event.price, remaining, fee)

    def _resting(self, order: PlaceOrder) -> RestingOrder:
        fee = 0 if order.post_only else taker_fee(self.fees, order.price, order.size)
        return RestingOrder(order.tag, order.outcome, order.side, order.price, order.size, fee)


class Totals(NamedTuple):
    """What all markets come to: open orders, markets with anything in them, and dollars.

    `unknown` counts orders of unknown fate, `worst_case` sums the worst cases, `bids` is what all bids would take, `up`
    and `down` sum their leans, `cash_flow` is what was earned so far, less what was spent, and `cost` is that of
    what is held.
    """

    open_orders: int = 0
    in_use: int = 0
    unknown: int = 0
    worst_case: Money = 0
    bids: Money = 0
    up: Money = 0
    down: Money = 0
    cash_flow: Money = 0
    cost: Money = 0


class Exposures:
    """The exposures of all markets with their totals, which every intent is held against."""

    def __init__(self, markets: Mapping[MarketId, Market]) -> None:
        self.markets = markets
        self.totals = Totals()
        self._exposures: dict[MarketId, MarketExposure] = {}
        self._parts: dict[MarketId, Totals] = {}
        self._siblings = neg_risk_siblings(markets)

    def unknown_around(self, market: MarketId) -> int:
        """Return how many orders of unknown fate there are in a market and in the others of its neg-risk event."""
        if not self.totals.unknown:
            return 0
        return sum(self.part_of(one).unknown for one in (market, *self._siblings.get(market, ())))

    def of(self, market: MarketId) -> MarketExposure:
        """Return a market's exposure, an empty one where nothing was ever done."""
        exposure = self._exposures.get(market)
        if exposure is None:
            known = self.markets.get(market)
            exposure = self._exposures[market] = MarketExposure(None if known is None else known.fees)
        return exposure

    def listed(self, market: Market) -> None:
        """Go by what is known of a market now: something may have been counted there before anything was."""
        self.of(market.id).fees = market.fees

    def in_use(self) -> Iterator[tuple[Market, MarketExposure]]:
        """Walk the markets in which something is held, open, unknown or unsettled."""
        for market, part in self._parts.items():
            if part.in_use and market in self.markets:
                yield self.markets[market], self._exposures[market]

    def part_of(self, market: MarketId) -> Totals:
        """Return what a market adds to the totals, as it was after its last change."""
        return self._parts.get(market, _NOTHING)

    def worst_case_of(self, market: MarketId) -> Money:
        """Return a market's worst case as it was after its last change."""
        return self.part_of(market).worst_case

    def recount(self) -> None:
        """Make the totals anew, after exposures were changed one by one and not through `change`."""
        self.totals, self._parts = Totals(), {}
        for market, exposure in self._exposures.items():
            self._count(market, exposure)

    def change(self, market: MarketId, apply: Callable[[MarketExposure], None]) -> MarketExposure:
        """Apply a change to one market and keep the totals."""
        exposure = self.of(market)
        apply(exposure)
        self._count(market, exposure)
        return exposure

    def _count(self, market: MarketId, exposure: MarketExposure) -> None:
        was, all_in_all = self.part_of(market), self.totals
        stakes = exposure.stakes()
        lean = stakes.lean()
        part = self._parts[market] = Totals(
            len(exposure.orders),
            int(not exposure.is_flat),
            len(exposure.unknown),
            stakes.worst_case,
            stakes.bids,
            lean.up,
            lean.down,
            exposure.cash_flow(),
            exposure.holding.yes_cost + exposure.holding.no_cost,
        )
        self.totals = Totals(*(total + new - old for total, new, old in zip(all_in_all, part, was, strict=True)))


_NOTHING: Final = Totals()
