"""What could happen to one market's money: kept from fills and orders alone, by payoff in each outcome.

Why by payoff and not by sum: a pair of YES and NO is riskless whatever it cost to count, and a resting NO bid lowers the
loss of a YES holder in one outcome and raises it in the other. The worst case is the worst of the outcomes, each with
those resting and in-flight orders filled that make it worse.
"""

import msgspec

from models.markets import NO, YES, Outcome, Side
from models.messages.orders import FillCounted, OrderChanged, PlaceOrder
from models.orders import TERMINAL, OrderState
from models.phase import signed_size
from models.units import ONE, Money, Price, Size, cash_of, cash_of_rounded_up


class RestingOrder(msgspec.Struct, frozen=True, gc=False):
    """An order that can still fill: approved, on its way, resting, being cancelled, or of unknown fate."""

    tag: str
    outcome: Outcome
    side: Side
    price: Price
    remaining: Size
    post_only: bool


class MarketExposure:
    """One market's shares, cash and open orders over all desks, as the risk supervisor counts them itself."""

    def __init__(self) -> None:
        self.shares: list[Size] = [0, 0]
        self.settled: list[Size] = [0, 0]
        self.paid: Money = 0
        self.fees: Money = 0
        self.unknown: set[str] = set()
        self.unsettled: dict[tuple[str, str], Size] = {}
        self.orders: dict[str, RestingOrder] = {}

    @property
    def net(self) -> Size:
        """YES minus NO in micro-shares."""
        return self.shares[YES] - self.shares[NO]

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held, open, unknown or unsettled: only then may the market's actors stop."""
        return not (self.shares[YES] or self.shares[NO] or self.orders or self.unsettled)

    def approved(self, order: PlaceOrder) -> None:
        """Count an approved intent at once, before the executor has said anything."""
        self.orders[order.intent] = RestingOrder(
            order.tag, order.outcome, order.side, order.price, order.size, order.post_only
        )

    def order_changed(self, event: OrderChanged) -> None:
        """Follow an order; a cancelling or unknown one keeps its exposure until the venue has spoken."""
        if event.state is OrderState.UNKNOWN:
            self.unknown.add(event.intent)
        else:
            self.unknown.discard(event.intent)
        remaining = event.size - event.filled
        if event.state in TERMINAL or remaining <= 0:
            self.orders.pop(event.intent, None)
            return
        self.orders[event.intent] = RestingOrder(
            event.tag, event.outcome, event.side, event.price, remaining, event.post_only
        )

    def filled(self, fill: FillCounted) -> None:
        """Count a fill; its shares are unsettled until confirmed."""
        self._move(fill, 1)
        self.unsettled[(fill.trade_id, fill.order_id)] = fill.size

    def fill_settled(self, fill: FillCounted) -> None:
        """A fill was confirmed: its shares may be sold."""
        if self.unsettled.pop((fill.trade_id, fill.order_id), None) is not None:
            self.settled[fill.outcome] += fill.size if fill.side is Side.BUY else -fill.size

    def fill_voided(self, fill: FillCounted) -> None:
        """Take a failed fill back exactly."""
        if self.unsettled.pop((fill.trade_id, fill.order_id), None) is None:
            self.settled[fill.outcome] -= fill.size if fill.side is Side.BUY else -fill.size
        self._move(fill, -1)

    def merged(self, size: Size, cost: Money) -> None:
        """Pairs became dollars."""
        for outcome in (YES, NO):
            self.shares[outcome] -= size
            self.settled[outcome] -= size
        self.paid -= size - cost

    def redeemed(self, payout_yes: Price) -> None:
        """The market paid out; nothing is held any more."""
        self.paid -= cash_of(payout_yes, self.shares[YES]) + cash_of(ONE - payout_yes, self.shares[NO])
        self.shares = [0, 0]
        self.settled = [0, 0]

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
        """Return the most that can still be lost from here (micro-dollars, not negative), over YES, NO and VOID.

        Past realised profit and loss is not part of it: it is the value at stake in what is held and offered.
        """
        return max(0, *(self._loss(payout, extra) for payout in (ONE, 0, ONE // 2)))

    def _loss(self, payout_yes: Price, extra: tuple[PlaceOrder, ...]) -> Money:
        loss = self.cost_at_stake()
        loss -= cash_of(payout_yes, self.shares[YES]) + cash_of(ONE - payout_yes, self.shares[NO])
        resting = [(order.outcome, order.side, order.price, order.remaining) for order in self.orders.values()]
        resting += [(order.outcome, order.side, order.price, order.size) for order in extra]
        for outcome, side, price, size in resting:
            payout = payout_yes if outcome == YES else ONE - payout_yes
            edge = payout - price if side is Side.BUY else price - payout
            if edge < 0:
                loss += cash_of_rounded_up(-edge, size)
        return loss

    def cost_at_stake(self) -> Money:
        """Return what was paid for what is still held: cash out less cash in, never below zero while shares are held."""
        held = self.shares[YES] or self.shares[NO]
        return max(0, self.paid) if held else 0

    def _move(self, fill: FillCounted, sign: int) -> None:
        shares = fill.size if fill.side is Side.BUY else -fill.size
        self.shares[fill.outcome] += sign * shares
        self.paid += sign * (fill.cash if fill.side is Side.BUY else -fill.cash)
        self.fees += sign * fill.fee
