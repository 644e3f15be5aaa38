"""What could happen to a market's money: kept from the ledger's events and the orders alone, by payoff in each outcome.

Why by payoff and not by sum: a pair of YES and NO is riskless however large it is, and a resting NO bid lowers the loss
of a YES holder in one outcome and raises it in the other. The worst case is the worst of the outcomes, each with those
resting and in-flight orders filled that make it worse.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from models.fees import taker_fee
from models.markets import YES, Fees, Market, Outcome, Side, neg_risk_siblings, would_trade
from models.messages.base import MarketId, Message, Tag
from models.messages.orders import OrderChanged, PlaceOrder
from models.messages.position import Position
from models.orders import TERMINAL, UNCERTAIN
from models.phase import signed_size
from models.positions import advance, leg_of, net_diff
from models.units import ONE, Money, Price, Size, cash_of, cash_of_rounded_up

_PAYOUTS_OF_YES = (ONE, 0, ONE // 2)
"""YES wins, NO wins, void."""


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


class MarketExposure:
    """One market's positions and open orders over all desks, as the risk supervisor counts them itself."""

    def __init__(self, fees: Fees | None = None) -> None:
        self.unknown: set[str] = set()
        self.orders: dict[str, RestingOrder] = {}
        self._fees = fees or Fees()
        self._positions: dict[Tag, Position] = {}

    @property
    def net(self) -> Size:
        """YES minus NO in micro-shares."""
        return sum(net_diff(position) for position in self._positions.values())

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held, open, unknown or unsettled: only then may the market's actors stop."""
        return not self.orders and next(self.held(), None) is None

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

    def approved(self, order: PlaceOrder) -> None:
        """Count an approved intent at once, before the executor has said anything."""
        self.orders[order.intent] = self._resting(order)

    def order_changed(self, event: OrderChanged) -> None:
        """Follow an order; a cancelling or unknown one keeps its exposure until the venue has spoken."""
        if event.state in UNCERTAIN:
            self.unknown.add(event.intent)
        else:
            self.unknown.discard(event.intent)
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

    def crossing(self, order: PlaceOrder, before: tuple[PlaceOrder, ...] = ()) -> RestingOrder | None:
        """Return an own order that would trade with this one."""
        for own in self._at_risk(before):
            if would_trade(order.outcome, order.side, order.price, own.outcome, own.side, own.price):
                return own
        return None

    def worst_case(self, extra: tuple[PlaceOrder, ...] = ()) -> Money:
        """Return the most of what is held and offered that can be lost, over YES, NO and VOID; never negative.

        It is the cost of what is held, less what the outcome pays for it, plus the loss of every order that the outcome
        turns against us. Past profit and loss is not part of it.
        """
        at_risk = self._at_risk(extra)
        held = tuple(self._positions.values())
        cost = sum(position.yes.cost + position.no.cost for position in held)
        yes, no = sum(position.yes.shares for position in held), sum(position.no.shares for position in held)
        return max(
            0,
            *(
                cost - cash_of(payout, yes) - cash_of(ONE - payout, no) + sum(_loss(order, payout) for order in at_risk)
                for payout in _PAYOUTS_OF_YES
            ),
        )

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


class Exposures:
    """The exposures of all markets with their totals, which every intent is held against."""

    def __init__(self, markets: Mapping[MarketId, Market]) -> None:
        self.open_orders = 0
        self.worst_case: Money = 0
        self._markets = markets
        self._exposures: dict[MarketId, MarketExposure] = {}
        self._worst_cases: dict[MarketId, Money] = {}
        self._siblings = neg_risk_siblings(markets)

    def unknown_around(self, market: MarketId) -> int:
        """Return how many orders of unknown fate there are in a market and in the others of its neg-risk event."""
        return sum(len(self.of(one).unknown) for one in (market, *self._siblings.get(market, ())))

    def of(self, market: MarketId) -> MarketExposure:
        """Return a market's exposure, an empty one where nothing was ever done."""
        exposure = self._exposures.get(market)
        if exposure is None:
            known = self._markets.get(market)
            exposure = self._exposures[market] = MarketExposure(None if known is None else known.fees)
        return exposure

    def worst_case_of(self, market: MarketId) -> Money:
        """Return a market's worst case as it was after its last change."""
        return self._worst_cases.get(market, 0)

    def recount(self) -> None:
        """Make the totals anew, after exposures were changed one by one and not through `change`."""
        self.open_orders = sum(len(exposure.orders) for exposure in self._exposures.values())
        self._worst_cases = {market: exposure.worst_case() for market, exposure in self._exposures.items()}
        self.worst_case = sum(self._worst_cases.values())

    def change(self, market: MarketId, apply: Callable[[MarketExposure], None]) -> MarketExposure:
        """Apply a change to one market and keep the totals."""
        exposure = self.of(market)
        open_before = len(exposure.orders)
        apply(exposure)
        self.open_orders += len(exposure.orders) - open_before
        worst_case = exposure.worst_case()
        self.worst_case += worst_case - self._worst_cases.get(market, 0)
        self._worst_cases[market] = worst_case
        return exposure


def _loss(order: RestingOrder, payout_of_yes: Price) -> Money:
    """Return what an order would lose in an outcome if it filled, 0 where it would win: then it is not counted on."""
    payout = payout_of_yes if order.outcome == YES else ONE - payout_of_yes
    edge = payout - order.price if order.side is Side.BUY else order.price - payout
    return max(0, cash_of_rounded_up(-edge, order.remaining) + order.fee)
