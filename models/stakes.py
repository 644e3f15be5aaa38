"""What a market's holding and its open orders come to: by payoff in each outcome, in dollars tied up, and in net.

Why by payoff and not by sum: a pair of YES and NO is riskless however large it is, and a resting NO bid lowers the loss
of a YES holder in one outcome and raises it in the other. The worst case is the worst of the outcomes, each with those
resting and in-flight orders filled that make it worse.

Why all of it in one pass: every intent is held against each of these figures, and an order adds to them what it adds,
whatever else there is.
"""

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import msgspec

from models.markets import NO, YES, Outcome, Side
from models.messages.base import Tag
from models.units import ONE, Money, Price, Size, cash_of, cash_of_rounded_up

Losses: TypeAlias = tuple[Money, Money, Money]
"""What is lost where YES wins, where NO wins, and where the market is void; negative is what is won."""


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


class Holding(NamedTuple):
    """What all desks hold of a market together."""

    yes: Size = 0
    no: Size = 0
    yes_cost: Money = 0
    no_cost: Money = 0


class Nets(NamedTuple):
    """YES minus NO in micro-shares: now, with every order filled that raises it, and with every one that lowers it."""

    now: Size
    up: Size
    down: Size


class Lean(NamedTuple):
    """Dollars at cost of the unpaired YES, less those of the unpaired NO: as far up and down as bids can take it."""

    up: Money
    down: Money


class Stakes(NamedTuple):
    """The figures of one market. `losses` hold every order that an outcome turns against us, the bids are by token."""

    held: Holding
    losses: Losses
    nets: Nets
    bid_sizes: tuple[Size, Size] = (0, 0)
    bid_costs: tuple[Money, Money] = (0, 0)
    bid_highest: tuple[Price, Price] = (0, 0)

    @property
    def worst_case(self) -> Money:
        """The most that can be lost, over YES, NO and VOID; never negative. What is past is not part of it."""
        return max(0, *self.losses)

    @property
    def bids(self) -> Money:
        """Dollars that filling all bids would take, with the fees of those that take."""
        return self.bid_costs[YES] + self.bid_costs[NO]

    def tied_up(self, outcome: Outcome) -> Money:
        """Return the dollars that a token holds, or would hold with its bids filled: in pairs too, which risk none."""
        return (self.held.yes_cost if outcome == YES else self.held.no_cost) + self.bid_costs[outcome]

    def lean(self) -> Lean:
        """Return which way the dollars of what is unpaired lean, once with all bids for YES filled, once with NO's.

        Bids count from where they have paired off what is held of the other token, the dearest last: whichever of them
        fills first, what is left never leans further. Sales only give up what is held.
        """
        held, net, cost = self.held, self.nets.now, 0
        if net > 0 and held.yes > 0:
            cost = held.yes_cost * net // held.yes
        elif net < 0 and held.no > 0:
            cost = held.no_cost * net // held.no
        return Lean(
            cost + self._leant(YES, max(0, -net), -cost),
            cost - self._leant(NO, max(0, net), cost),
        )

    def _leant(self, outcome: Outcome, pairs: Size, given_up: Money) -> Money:
        """Return how far bids move the lean: what they pair off is given up at its cost, the rest adds its own."""
        size = self.bid_sizes[outcome]
        freed = given_up * min(size, pairs) // pairs if pairs else 0
        opened = cash_of_rounded_up(self.bid_highest[outcome], max(0, size - pairs))
        return freed + min(self.bid_costs[outcome], opened)

    def with_orders(self, orders: Iterable[RestingOrder]) -> "Stakes":
        """Return the figures with more orders that may fill."""
        won, lost, void = self.losses
        now, up, down = self.nets
        sizes, costs, highest = list(self.bid_sizes), list(self.bid_costs), list(self.bid_highest)
        for order in orders:
            size, is_yes, buys = order.remaining, order.outcome == YES, order.side is Side.BUY
            taken = cash_of_rounded_up(order.price if buys else ONE - order.price, size) + order.fee
            gained = cash_of(ONE - order.price if buys else order.price, size) - order.fee
            # Of its own token's two results one takes what it staked, the other gives what it lacked to a dollar.
            if is_yes is buys:
                lost += taken
                won += max(0, -gained)
                up += size
            else:
                won += taken
                lost += max(0, -gained)
                down -= size
            void += max(0, cash_of_rounded_up(order.price - _HALF if buys else _HALF - order.price, size) + order.fee)
            if buys:
                sizes[order.outcome] += size
                costs[order.outcome] += taken
                highest[order.outcome] = max(highest[order.outcome], order.price)
        return Stakes(
            self.held,
            (won, lost, void),
            Nets(now, up, down),
            (sizes[YES], sizes[NO]),
            (costs[YES], costs[NO]),
            (highest[YES], highest[NO]),
        )


def stakes_of(held: Holding) -> Stakes:
    """Return the figures of a holding alone: its cost, less what each outcome pays for it."""
    cost, net = held.yes_cost + held.no_cost, held.yes - held.no
    losses = (cost - held.yes, cost - held.no, cost - cash_of(_HALF, held.yes) - cash_of(_HALF, held.no))
    return Stakes(held, losses, Nets(net, net, net))


_HALF = ONE // 2
