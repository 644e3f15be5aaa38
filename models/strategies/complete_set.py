"""Buy a whole set of an event's outcomes for less than it must pay: all YES pay 1 together, all NO pay n - 1.

YES sets only where it is proven that exactly one outcome wins; NO sets need no such proof (if none wins, they pay n).
What counts is what can be executed: for common shares q, the price of walking every leg's asks for q, with fees and a
buffer for the leg that fails. Depth short on any leg means not executable.
"""

from typing import Annotated, ClassVar, Literal

import msgspec

from models.fees import taker_fee
from models.markets import NO, YES, Catalogue, Outcome, Side
from models.messages.base import MarketId
from models.messages.decisions import Gate
from models.orders import TimeInForce
from models.parameters import parameter
from models.sizes import least_take
from models.strategy import Bundle, MarketView, Stateless, Take, Targets, View
from models.units import ONE, Money, Price, Size, cash_of_rounded_up


class CompleteSetParameters(msgspec.Struct, frozen=True):
    """When a set is cheap enough."""

    min_edge: Annotated[
        Price, parameter("Least edge per set after fees and buffer.", "price", env=["MIN_EDGE_THRESHOLD"], ge=0)
    ] = 100
    failure_buffer: Annotated[
        Price, parameter("Cost set aside per set for a leg that fails.", "price", env=["FAILURE_BUFFER"], ge=0)
    ] = 20


class CompleteSet(Stateless):
    """One decision per event."""

    name: ClassVar[str] = "complete_set"
    scope: ClassVar[Literal["market", "group"]] = "group"
    style: ClassVar[Literal["maker", "taker"]] = "taker"

    def __init__(self, parameters: CompleteSetParameters) -> None:
        self.parameters = parameters

    def groups(self, catalogue: Catalogue) -> tuple[tuple[MarketId, ...], ...]:
        """Every event of two or more markets, in the event's own order."""
        return tuple(group.markets for group in catalogue.groups.values() if len(group.markets) > 1)

    def targets(self, view: View) -> Targets:
        """Return the first set that is cheap enough as a bundle, or the gates that refused both."""
        markets = tuple(view.markets.values())
        gates = [Gate("exhaustive", view.exhaustive, blocks="yes", note="proven that exactly one of them wins")]
        payouts: list[tuple[Outcome, Price]] = [(NO, ONE * (len(markets) - 1))]
        if view.exhaustive:
            payouts.insert(0, (YES, ONE))
        for outcome, payout in payouts:
            bundle = self._bundle(markets, outcome, payout, gates)
            if bundle is not None:
                return Targets(bundles=(bundle,), gates=tuple(gates), reason="taking_set")
        return Targets(gates=tuple(gates), reason=_REASONS[gates[-1].name])

    def _bundle(
        self, markets: tuple[MarketView, ...], outcome: Outcome, payout: Price, gates: list[Gate]
    ) -> Bundle | None:
        """Return the set of one outcome where its edge is large enough, and append the gate that says so or why not."""
        blocks = "yes" if outcome == YES else "no"
        size = max(least_take(market.market, market.touch(outcome).ask) for market in markets)
        walks = [_walk(market, outcome, size) for market in markets]
        if any(walk is None for walk in walks):
            gates.append(Gate("depth", False, size, None, "size", blocks))
            return None
        bought = [walk for walk in walks if walk is not None]
        cost = -(-sum(paid for paid, _ in bought) * ONE // size)
        edge, least = payout - cost - self.parameters.failure_buffer, self.parameters.min_edge
        gates.append(Gate("edge", edge >= least, edge, least, "price", blocks))
        if edge < least:
            return None
        legs = tuple(
            Take(market.market.id, outcome, Side.BUY, worst, size, "complete_set", TimeInForce.FOK)
            for market, (_, worst) in zip(markets, bought, strict=True)
        )
        return Bundle(legs, payout, "complete_set")


_REASONS = {"depth": "not_executable", "edge": "edge_too_low"}


def _walk(market: MarketView, outcome: Outcome, size: Size) -> tuple[Money, Price] | None:
    """Return the cost of buying `size` at the asks, fee included, and the worst price; None where depth is short."""
    book = market.book
    if book is None:
        return None
    asks = book.asks.ascending() if outcome == YES else ((ONE - price, held) for price, held in book.bids.descending())
    cost, left = 0, size
    for price, held in asks:
        part = min(left, held)
        cost += cash_of_rounded_up(price, part) + taker_fee(market.market.fees, price, part)
        left -= part
        if left == 0:
            return cost, price
    return None
