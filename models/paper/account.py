"""The paper account: cash and shares, what of them is set aside, and what has not settled yet.

Why proceeds wait: a sale that fails gives its shares back and takes its dollars back. Dollars that were spent meanwhile
would leave a hole, so a sale pays at CONFIRMED, as a purchase delivers at CONFIRMED.
"""

from typing import NamedTuple

import msgspec

from models.markets import NO, YES, Outcome, Side
from models.messages.base import MarketId
from models.messages.orders import TradeReported
from models.paper.orders import PaperOrder
from models.units import ONE, Money, Price, Size, cash_of


class Trade(NamedTuple):
    """A fill as it was matched, and the dollars that change hands for it, fee apart."""

    report: TradeReported
    cash: Money


class Holding:
    """Shares of one token. `settled` may be sold or merged as far as it is not `offered`; `coming` has not settled."""

    __slots__ = ("coming", "offered", "settled")

    def __init__(self) -> None:
        self.settled: Size = 0
        self.offered: Size = 0
        self.coming: Size = 0

    @property
    def free(self) -> Size:
        return self.settled - self.offered


class HoldingSummary(NamedTuple):
    """One token's shares for reports."""

    market: MarketId
    outcome: Outcome
    settled: Size
    offered: Size
    coming: Size


class AccountSummary(msgspec.Struct, frozen=True):
    """The account at a moment. `cash` includes `reserved`, but not `proceeds` of unsettled sales nor `rebates`."""

    cash: Money
    reserved: Money
    proceeds: Money
    fees: Money
    rebates: Money
    holdings: tuple[HoldingSummary, ...]


class Account:
    """Books what the venue does. No method leaves cash or shares negative if `can_claim` was asked before `claim`."""

    def __init__(self, cash: Money) -> None:
        self.cash = cash
        self.reserved: Money = 0
        self.proceeds: Money = 0
        self.fees: Money = 0
        self.rebates: Money = 0
        self._holdings: dict[tuple[MarketId, Outcome], Holding] = {}
        self._payouts: dict[MarketId, Price] = {}

    def holding(self, market: MarketId, outcome: Outcome) -> Holding:
        """Return the shares of a token."""
        return self._holdings.setdefault((market, outcome), Holding())

    def can_claim(self, order: PaperOrder, amount: int) -> bool:
        """Say whether so much can be set aside for an order, counting what already is."""
        wish = order.wish
        free = self.cash - self.reserved if wish.side is Side.BUY else self.holding(wish.market, wish.outcome).free
        return amount - order.claim <= free

    def claim(self, order: PaperOrder, amount: int) -> None:
        """Set exactly so much aside for an order: dollars for a buy, shares for a sale."""
        change, order.claim = amount - order.claim, amount
        if order.wish.side is Side.BUY:
            self.reserved += change
        else:
            self.holding(order.wish.market, order.wish.outcome).offered += change

    def match(self, trade: Trade) -> None:
        """Book a trade at MATCHED: what we give leaves at once, what we get is on its way."""
        report, holding = trade.report, self._held(trade)
        self.fees += report.fee
        self.rebates += report.rebate
        if report.side is Side.BUY:
            self.cash -= trade.cash + report.fee
            holding.coming += report.size
        else:
            holding.settled -= report.size
            self.proceeds += trade.cash - report.fee

    def confirm(self, trade: Trade) -> None:
        """Book CONFIRMED: what was on its way arrives."""
        report = trade.report
        if report.side is Side.BUY:
            self._held(trade).coming -= report.size
            self._deliver(report.market, report.outcome, report.size)
        else:
            self.proceeds -= trade.cash - report.fee
            self.cash += trade.cash - report.fee

    def fail(self, trade: Trade) -> None:
        """Book FAILED: everything that `match` did is undone."""
        report = trade.report
        self.fees -= report.fee
        self.rebates -= report.rebate
        if report.side is Side.BUY:
            self.cash += trade.cash + report.fee
            self._held(trade).coming -= report.size
        else:
            self.proceeds -= trade.cash - report.fee
            self._deliver(report.market, report.outcome, report.size)

    def free_pairs(self, market: MarketId) -> Size:
        """Return how many settled pairs are free of offers."""
        return min(self.holding(market, YES).free, self.holding(market, NO).free)

    def take_pairs(self, market: MarketId, size: Size) -> None:
        """Send pairs to be merged; the caller asked `free_pairs`."""
        self.holding(market, YES).settled -= size
        self.holding(market, NO).settled -= size

    def merged(self, size: Size, cost: Money) -> Money:
        """Book a confirmed merge, a dollar for each pair, and return what it cost: never more than it brings."""
        cost = min(cost, size)
        self.cash += size - cost
        return cost

    def resolve(self, market: MarketId, payout_yes: Price) -> None:
        """Pay the settled shares of a resolved market; what settles later is paid when it does."""
        self._payouts[market] = payout_yes
        for outcome in (YES, NO):
            holding = self.holding(market, outcome)
            size, holding.settled = holding.settled, 0
            self._deliver(market, outcome, size)

    def summary(self) -> AccountSummary:
        """Return the account for reports, tokens that were never held left out."""
        holdings = tuple(
            HoldingSummary(market, outcome, holding.settled, holding.offered, holding.coming)
            for (market, outcome), holding in sorted(self._holdings.items())
            if holding.settled or holding.coming
        )
        return AccountSummary(self.cash, self.reserved, self.proceeds, self.fees, self.rebates, holdings)

    def _held(self, trade: Trade) -> Holding:
        return self.holding(trade.report.market, trade.report.outcome)

    def _deliver(self, market: MarketId, outcome: Outcome, size: Size) -> None:
        payout_yes = self._payouts.get(market)
        if payout_yes is None:
            self.holding(market, outcome).settled += size
        else:
            self.cash += cash_of(payout_yes if outcome == YES else ONE - payout_yes, size)
