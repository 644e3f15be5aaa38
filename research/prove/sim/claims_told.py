"""What risk may go by, counted by other arithmetic: what it was told is held, what may still fill, what that comes to.

Prices are whole 1/10,000 dollar and sizes micro-shares, so that nothing is rounded before the end.
"""

from collections.abc import Iterable
from typing import NamedTuple

from models.markets import NO, YES, Outcome, Side
from models.messages.base import MarketId, Message
from models.messages.orders import OrderChanged
from models.orders import TERMINAL
from research.prove.sim.claims_holdings import ONE, Holdings


class Open(NamedTuple):
    """An order that may still fill, as risk was told of it."""

    market: MarketId
    outcome: Outcome
    side: Side
    price: int
    left: int

    @property
    def move(self) -> int:
        """By how much YES less NO moves when it fills."""
        return self.left if (self.outcome == YES) is (self.side is Side.BUY) else -self.left

    @property
    def cost(self) -> int:
        """What filling it as a bid takes, in micro-dollars, rounded down."""
        return self.price * self.left // ONE if self.side is Side.BUY else 0


class Nets(NamedTuple):
    """YES less NO: now, with all that raises it filled, and with all that lowers it."""

    now: int
    up: int
    down: int


class Told:
    """Positions and open orders, by intent, as one actor was told of them; and as the disk has them."""

    def __init__(self) -> None:
        self.open: dict[str, Open] = {}
        self.held = Holdings()
        self._committed = Holdings()
        self._committed_open: dict[str, Open] = {}

    def changed(self, change: OrderChanged) -> None:
        """Follow an order that it was told of."""
        _follow(self.open, change)

    def committed(self, message: Message) -> None:
        """Note what is on the disk."""
        self._committed.take(message)
        if isinstance(message, OrderChanged):
            _follow(self._committed_open, message)

    def recalled(self) -> None:
        """Go by the disk, as somebody does who was rebuilt."""
        self.held, self.open = self._committed.copy(), dict(self._committed_open)

    def of(self, market: MarketId, more: Open | None = None) -> list[Open]:
        """Return the orders of a market that may still fill, with one more."""
        orders = [one for one in self.open.values() if one.market == market]
        return [*orders, more] if more is not None else orders

    def nets(self, market: MarketId) -> Nets:
        """Return the net of a market, and what its orders could make of it."""
        now = self.held.of(market).net
        moves = [one.move for one in self.of(market)]
        return Nets(now, now + sum(move for move in moves if move > 0), now + sum(move for move in moves if move < 0))

    def sellable(self, market: MarketId, outcome: Outcome) -> int:
        """Return the shares that are settled, on no way into a merge, and not offered yet."""
        held = self.held.of(market)
        offered = sum(one.left for one in self.of(market) if (one.outcome, one.side) == (outcome, Side.SELL))
        return (held.settled_yes if outcome == YES else held.settled_no) - held.merging - offered

    def worst(self, market: MarketId, more: Open | None = None) -> int:
        """Return the most that can be lost from here on: in the worst outcome, with what makes it worse filled."""
        return max(0, max(self.loss(market, payout, more) for payout in (ONE, 0, ONE // 2)) // ONE)

    def worst_of_event(self, markets: Iterable[MarketId], more: Open | None = None) -> int:
        """Return the least that the worst outcome of an event costs: one of its markets pays YES, or all are void."""
        known = tuple(markets)
        paid = [{market: ONE if market == winner else 0 for market in known} for winner in known]
        outcomes = [*paid, dict.fromkeys(known, ONE // 2)]
        return max(0, max(sum(self.loss(*each, more) for each in outcome.items()) for outcome in outcomes) // ONE)

    def loss(self, market: MarketId, payout_yes: int, more: Open | None = None) -> int:
        """Return what is lost from here on where YES pays so much, with what makes it worse filled; negative: won.

        It is in micro-dollars times 10,000, and what is held is worth what was paid for it.
        """
        held = self.held.of(market)
        won = held.yes * payout_yes + held.no * (ONE - payout_yes)
        orders = self.of(market, more if more is not None and more.market == market else None)
        return self.held.cost(market) * ONE - won + sum(max(0, -_gain(one, payout_yes)) for one in orders)

    def tied_up(self, market: MarketId, outcome: Outcome, more: Open) -> int:
        """Return the dollars that a token holds with its bids filled."""
        bids = sum(one.cost for one in self.of(market, more) if one.outcome == outcome)
        return self.held.cost_of(market, outcome) + bids

    def leans(self, market: MarketId, outcome: Outcome, more: Open | None = None) -> int:
        """Return the least that dollars lean towards an outcome once its bids fill; negative: they lean away.

        Shares without a pair count at their average cost. The dearest bids pair off first: so less is never right.
        """
        held, against = self.held.of(market), NO if outcome == YES else YES
        own, other = (held.yes, held.no) if outcome == YES else (held.no, held.yes)
        bids = sorted(
            (one for one in self.of(market, more) if one.outcome == outcome and one.side is Side.BUY),
            key=lambda one: -one.price,
        )
        pairs = max(0, other - own)
        leans = -self.held.cost_of(market, against) * pairs // other if pairs else 0
        leans += self.held.cost_of(market, outcome) * max(0, own - other) // own if own else 0
        for one in bids:
            paired = min(pairs, one.left)
            if paired:
                leans += self.held.cost_of(market, against) * paired // other
                pairs -= paired
            leans += one.price * (one.left - paired) // ONE
        return leans


def lowers(order: Open, nets: Nets) -> bool:
    """Whether an order lowers |YES less NO| and cannot pass zero, whatever of its side fills beside it."""
    if nets.now > 0:
        return order.move < 0 <= nets.down + order.move
    return nets.now < 0 < order.move and nets.up + order.move <= 0


def _gain(order: Open, payout_yes: int) -> int:
    """Return what filling an order brings if YES pays so much, in micro-dollars times 10,000."""
    pays = payout_yes if order.outcome == YES else ONE - payout_yes
    each = pays - order.price if order.side is Side.BUY else order.price - pays
    return each * order.left


def _follow(orders: dict[str, Open], change: OrderChanged) -> None:
    left = change.size - change.filled
    if change.state in TERMINAL or left <= 0:
        orders.pop(change.intent, None)
    else:
        orders[change.intent] = Open(change.market, change.outcome, change.side, change.price, left)
