"""What could happen to one market's money: kept from the ledger's events and the orders alone, by payoff in each
outcome.

Why by payoff and not by sum: a pair of YES and NO is riskless however large it is, and a resting NO bid lowers the loss
of a YES holder in one outcome and raises it in the other. The worst case is the worst of the outcomes, each with those
resting and in-flight orders filled that make it worse.
"""

import msgspec

from models.markets import NO, YES, Outcome, Side
from models.messages.base import Message, Tag
from models.messages.orders import OrderChanged, PlaceOrder
from models.messages.position import Position
from models.orders import TERMINAL, OrderState
from models.phase import signed_size
from models.positions import advance, leg_of
from models.units import ONE, Money, Price, Size, cash_of, cash_of_rounded_up

_PAYOUTS_OF_YES = (ONE, 0, ONE // 2)
"""YES wins, NO wins, void."""


class RestingOrder(msgspec.Struct, frozen=True, gc=False):
    """An order that can still fill: approved, on its way, resting, being cancelled, or of unknown fate."""

    outcome: Outcome
    side: Side
    price: Price
    remaining: Size


class MarketExposure:
    """One market's positions and open orders over all desks, as the risk supervisor counts them itself."""

    def __init__(self) -> None:
        self.unknown: set[str] = set()
        self.orders: dict[str, RestingOrder] = {}
        self._positions: dict[Tag, Position] = {}

    @property
    def net(self) -> Size:
        """YES minus NO in micro-shares."""
        return self._shares(YES) - self._shares(NO)

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held, open, unknown or unsettled: only then may the market's actors stop."""
        return not self.orders and all(
            not (position.yes.shares or position.no.shares or position.provisional or position.merging)
            for position in self._positions.values()
        )

    def settled(self, outcome: Outcome) -> Size:
        """Return the shares of a token that may be sold: settled, and not on their way to a dollar."""
        return sum(leg_of(position, outcome).settled - position.merging for position in self._positions.values())

    def moved(self, tag: Tag, event: Message) -> None:
        """Apply an event of the ledger to a desk's position."""
        position = advance(self._positions.get(tag, Position()), event)
        if position is not None:
            self._positions[tag] = position

    def approved(self, order: PlaceOrder) -> None:
        """Count an approved intent at once, before the executor has said anything."""
        self.orders[order.intent] = RestingOrder(order.outcome, order.side, order.price, order.size)

    def order_changed(self, event: OrderChanged) -> None:
        """Follow an order; a cancelling or unknown one keeps its exposure until the venue has spoken."""
        if event.state is OrderState.UNKNOWN:
            self.unknown.add(event.intent)
        else:
            self.unknown.discard(event.intent)
        remaining = event.size - event.filled
        if event.state in TERMINAL or remaining <= 0:
            self.orders.pop(event.intent, None)
        else:
            self.orders[event.intent] = RestingOrder(event.outcome, event.side, event.price, remaining)

    def worst_net(self) -> tuple[Size, Size]:
        """Return net with every order that raises it filled, and with every order that lowers it filled."""
        up = down = self.net
        for order in self.orders.values():
            move = signed_size(order.outcome, order.side, order.remaining)
            if move > 0:
                up += move
            else:
                down += move
        return up, down

    def worst_case(self, extra: tuple[PlaceOrder, ...] = ()) -> Money:
        """Return the most of what is held and offered that can be lost from here, over YES, NO and VOID; never
        negative.

        It is the cost of what is held, less what the outcome pays for it, plus the loss of every order that the outcome
        turns against us. Past profit and loss is not part of it.
        """
        at_risk = [(order.outcome, order.side, order.price, order.remaining) for order in self.orders.values()]
        at_risk += [(order.outcome, order.side, order.price, order.size) for order in extra]
        cost = sum(position.yes.cost + position.no.cost for position in self._positions.values())
        yes, no = self._shares(YES), self._shares(NO)
        worst = 0
        for payout_yes in _PAYOUTS_OF_YES:
            loss = cost - cash_of(payout_yes, yes) - cash_of(ONE - payout_yes, no)
            for outcome, side, price, size in at_risk:
                payout = payout_yes if outcome == YES else ONE - payout_yes
                edge = payout - price if side is Side.BUY else price - payout
                if edge < 0:
                    loss += cash_of_rounded_up(-edge, size)
            worst = max(worst, loss)
        return worst

    def _shares(self, outcome: Outcome) -> Size:
        return sum(leg_of(position, outcome).shares for position in self._positions.values())
