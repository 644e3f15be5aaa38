"""What could happen to a market's money: kept from the ledger's events and the orders alone, by payoff in each outcome.

Why by payoff and not by sum: a pair of YES and NO is riskless however large it is, and a resting NO bid lowers the loss
of a YES holder in one outcome and raises it in the other. The worst case is the worst of the outcomes, each with those
resting and in-flight orders filled that make it worse.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

import msgspec

from models.fees import taker_fee
from models.markets import NO, YES, Fees, Market, Outcome, Side, neg_risk_siblings, would_trade
from models.messages.base import MarketId, Message, Tag
from models.messages.orders import OrderChanged, PlaceOrder
from models.messages.position import Position
from models.orders import TERMINAL, UNCERTAIN
from models.phase import signed_size
from models.positions import advance, cash_flow, leg_of, net_diff
from models.units import ONE, Money, Price, Size, cash_of, cash_of_rounded_up

Losses: TypeAlias = tuple[Money, Money, Money]
"""What is lost where YES wins, where NO wins, and where the market is void; negative is what is won."""

_PAYOUTS_OF_YES: Final = (ONE, 0, ONE // 2)


class RestingOrder(msgspec.Struct, frozen=True, gc=False):
    """An order that can still fill: approved, on its way, resting, being cancelled, or of unknown fate.

    `fee` is what filling the rest of it would cost besides, 0 for one that only rests.
    """

    tag: Tag
    outcome: Outcome
    side: Side
    price: Price
    remaining: Size
    fee: Money = 0


class Nets(NamedTuple):
    """YES minus NO in micro-shares: now, with every order filled that raises it, and with every one that lowers it."""

    now: Size
    up: Size
    down: Size


class Lean(NamedTuple):
    """Dollars at cost of the unpaired YES, less those of the unpaired NO: as far up and down as orders can take it."""

    up: Money
    down: Money


class Holding(NamedTuple):
    """What all desks hold of a market together."""

    yes: Size = 0
    no: Size = 0
    yes_cost: Money = 0
    no_cost: Money = 0


class MarketExposure:
    """One market's positions and open orders over all desks, as the risk supervisor counts them itself."""

    def __init__(self, fees: Fees | None = None) -> None:
        self.unknown: set[str] = set()
        self.orders: dict[str, RestingOrder] = {}
        self.holding = Holding()
        self._fees = fees or Fees()
        self._positions: dict[Tag, Position] = {}
        self._losses: Losses | None = None

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
            self._losses = None
            legs = [(one.yes, one.no) for one in self._positions.values()]
            self.holding = Holding(
                sum(yes.shares for yes, _ in legs),
                sum(no.shares for _, no in legs),
                sum(yes.cost for yes, _ in legs),
                sum(no.cost for _, no in legs),
            )

    def approved(self, order: PlaceOrder) -> None:
        """Count an approved intent at once, before the executor has said anything."""
        self.orders[order.intent] = self._resting(order)
        self._losses = None

    def order_changed(self, event: OrderChanged) -> None:
        """Follow an order; a cancelling or unknown one keeps its exposure until the venue has spoken."""
        if event.state in UNCERTAIN:
            self.unknown.add(event.intent)
        else:
            self.unknown.discard(event.intent)
        self._losses = None
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
        now = up = down = self.net if tag is None else net_diff(self._positions.get(tag, Position()))
        for order in self._at_risk(before):
            if tag in (None, order.tag):
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

    def losses(self, extra: tuple[PlaceOrder, ...] = ()) -> Losses:
        """Return the most that each outcome can cost: what is held and offered, and `extra` approved besides.

        It is the cost of what is held, less what the outcome pays for it, plus the loss of every order that the outcome
        turns against us. Past profit and loss is not part of it.
        """
        if self._losses is None:
            self._losses = self._losses_of(self.orders.values(), self.holding)
        if not extra:
            return self._losses
        more = self._losses_of(map(self._resting, extra), Holding())
        return (self._losses[0] + more[0], self._losses[1] + more[1], self._losses[2] + more[2])

    def worst_case(self, extra: tuple[PlaceOrder, ...] = ()) -> Money:
        """Return the most of what is held and offered that can be lost, over YES, NO and VOID; never negative."""
        return max(0, *self.losses(extra))

    def bids(self, outcome: Outcome, extra: tuple[PlaceOrder, ...] = ()) -> Money:
        """Return the dollars that filling all bids for a token would take, with the fees of those that take."""
        return sum(
            cash_of_rounded_up(order.price, order.remaining) + order.fee
            for order in self._at_risk(extra)
            if order.outcome == outcome and order.side is Side.BUY
        )

    def taken_by(self, order: PlaceOrder) -> Money:
        """Return the dollars that filling an order takes, with its fee; 0 for a sale."""
        if order.side is Side.SELL:
            return 0
        return cash_of_rounded_up(order.price, order.size) + self._resting(order).fee

    def cash_flow(self) -> Money:
        """Return the dollars that the market has brought in so far, those of unsettled sales not; negative: spent."""
        return sum(
            cash_flow(position) - sum(fill.cash - fill.fee for fill in position.provisional if fill.side is Side.SELL)
            for position in self._positions.values()
        )

    def tied_up(self, outcome: Outcome, extra: tuple[PlaceOrder, ...] = ()) -> Money:
        """Return the dollars that a token holds, or would hold with its bids filled: in pairs too, which risk none."""
        held = self.holding.yes_cost if outcome == YES else self.holding.no_cost
        return held + self.bids(outcome, extra)

    def lean(self, extra: tuple[PlaceOrder, ...] = ()) -> Lean:
        """Return which way the dollars of what is unpaired lean, once with all bids for YES filled, once with NO's.

        Bids count from where they have paired off what is held of the other token. Sales only give up what is held.
        """
        held, net, cost = self.holding, self.net, 0
        if net > 0 and held.yes > 0:
            cost = held.yes_cost * net // held.yes
        elif net < 0 and held.no > 0:
            cost = held.no_cost * net // held.no
        sizes: list[Size] = [0, 0]
        for order in self._at_risk(extra):
            if order.side is Side.BUY:
                sizes[order.outcome] += order.remaining
        return Lean(
            cost + self._opened(YES, sizes[YES], max(0, -net), -cost, extra),
            cost - self._opened(NO, sizes[NO], max(0, net), cost, extra),
        )

    def _opened(self, outcome: Outcome, size: Size, paired: Size, cost: Money, extra: tuple[PlaceOrder, ...]) -> Money:
        """Return by how much bids move the lean: what they pair off is given up at its cost, the rest adds its own."""
        if not size:
            return 0
        given_up = cost * min(size, paired) // paired if paired else 0
        return given_up + self.bids(outcome, extra) * max(0, size - paired) // size

    def _losses_of(self, orders: Iterable[RestingOrder], held: Holding) -> Losses:
        cost = held.yes_cost + held.no_cost
        standing = tuple(orders)
        won, lost, void = (
            cost - cash_of(at, held.yes) - cash_of(ONE - at, held.no) + sum(_loss(order, at) for order in standing)
            for at in _PAYOUTS_OF_YES
        )
        return won, lost, void

    def _at_risk(self, before: tuple[PlaceOrder, ...]) -> list[RestingOrder]:
        return [*self.orders.values(), *map(self._resting, before)]

    def _standing(self, event: OrderChanged) -> RestingOrder | None:
        remaining = event.size - event.filled
        if event.state in TERMINAL or remaining <= 0:
            return None
        fee = 0 if event.post_only else taker_fee(self._fees, event.price, remaining)
        return RestingOrder(event.tag, event.outcome, event.side, event.price, remaining, fee)

    def _resting(self, order: PlaceOrder) -> RestingOrder:
        fee = 0 if order.post_only else taker_fee(self._fees, order.price, order.size)
        return RestingOrder(order.tag, order.outcome, order.side, order.price, order.size, fee)


class Totals(NamedTuple):
    """What all markets come to: open orders, markets with anything in them, and dollars.

    `worst_case` sums their worst cases, `bids` is what all bids would take, `up` and `down` sum their leans, and
    `cash_flow` is what was earned so far, less what was spent.
    """

    open_orders: int = 0
    in_use: int = 0
    worst_case: Money = 0
    bids: Money = 0
    up: Money = 0
    down: Money = 0
    cash_flow: Money = 0


class Exposures:
    """The exposures of all markets with their totals, which every intent is held against."""

    def __init__(self, markets: Mapping[MarketId, Market]) -> None:
        self.markets = markets
        self.totals = Totals()
        self._exposures: dict[MarketId, MarketExposure] = {}
        self._parts: dict[MarketId, Totals] = {}
        self._siblings = neg_risk_siblings(markets)

    @property
    def unknown(self) -> int:
        """Orders of unknown fate in all markets."""
        return sum(len(exposure.unknown) for exposure in self._exposures.values())

    def unknown_around(self, market: MarketId) -> int:
        """Return how many orders of unknown fate there are in a market and in the others of its neg-risk event."""
        return sum(len(self.of(one).unknown) for one in (market, *self._siblings.get(market, ())))

    def of(self, market: MarketId) -> MarketExposure:
        """Return a market's exposure, an empty one where nothing was ever done."""
        exposure = self._exposures.get(market)
        if exposure is None:
            known = self.markets.get(market)
            exposure = self._exposures[market] = MarketExposure(None if known is None else known.fees)
        return exposure

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
        lean = exposure.lean()
        part = self._parts[market] = Totals(
            len(exposure.orders),
            int(not exposure.is_flat),
            exposure.worst_case(),
            exposure.bids(YES) + exposure.bids(NO),
            lean.up,
            lean.down,
            exposure.cash_flow(),
        )
        self.totals = Totals(*(total + new - old for total, new, old in zip(all_in_all, part, was, strict=True)))


_NOTHING: Final = Totals()


def _loss(order: RestingOrder, payout_of_yes: Price) -> Money:
    """Return what an order would lose in an outcome if it filled, 0 where it would win: then it is not counted on."""
    payout = payout_of_yes if order.outcome == YES else ONE - payout_of_yes
    edge = payout - order.price if order.side is Side.BUY else order.price - payout
    return max(0, cash_of_rounded_up(-edge, order.remaining) + order.fee)
