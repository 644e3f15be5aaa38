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
from models.parameters import parameter
from models.sizes import placeable
from models.strategy import Bundle, MarketView, Take, Targets, View
from models.units import DOLLAR, ONE, SHARE, Money, Price, Size, cash_of_rounded_up


class CompleteSetParameters(msgspec.Struct, frozen=True):
    """When a set is cheap enough."""

    min_edge: Annotated[
        Price, parameter("Least edge per set after fees and buffer.", "price", env=["MIN_EDGE_THRESHOLD"], ge=0)
    ] = 100
    failure_buffer: Annotated[
        Price, parameter("Cost set aside per set for a leg that fails.", "price", env=["FAILURE_BUFFER"], ge=0)
    ] = 20


class CompleteSet:
    """One decision per event."""

    name: ClassVar[str] = "complete_set"
    scope: ClassVar[Literal["market", "group"]] = "group"
    style: ClassVar[Literal["maker", "taker"]] = "taker"

    def __init__(self, parameters: CompleteSetParameters, exhaustive: frozenset[str] = frozenset()) -> None:
        self.parameters = parameters
        self._exhaustive = exhaustive

    def groups(self, catalogue: Catalogue) -> tuple[tuple[MarketId, ...], ...]:
        """Every event of two or more markets, in the event's own order."""
        self._exhaustive = frozenset(group.id for group in catalogue.groups.values() if group.exhaustive)
        return tuple(group.markets for group in catalogue.groups.values() if len(group.markets) > 1)

    def targets(self, view: View) -> Targets:
        """Return the cheaper set as a bundle, or the gate that refused each."""
        markets = tuple(view.markets.values())
        gates: list[Gate] = []
        payouts: tuple[tuple[Outcome, Price], ...] = ((YES, ONE), (NO, ONE * (len(markets) - 1)))
        for outcome, payout in payouts:
            if outcome == YES and not self._is_exhaustive(markets):
                gates.append(Gate("exhaustive", False, blocks="yes", note="not_proven_exhaustive"))
                continue
            size = _common_size(markets, outcome)
            costs = [_walk(market, outcome, size) for market in markets]
            if size == 0 or any(cost is None for cost in costs):
                gates.append(Gate("depth", False, size, None, "size", blocks="yes" if outcome == YES else "no"))
                continue
            total = sum(cost[0] for cost in costs if cost is not None)
            edge = payout - -(-total * ONE // size) - self.parameters.failure_buffer
            gates.append(Gate("edge", edge >= self.parameters.min_edge, edge, self.parameters.min_edge, "price"))
            if edge >= self.parameters.min_edge:
                legs = tuple(
                    Take(market.market.id, outcome, Side.BUY, cost[1], size, "complete_set")
                    for market, cost in zip(markets, costs, strict=True)
                    if cost is not None
                )
                return Targets(bundles=(Bundle(legs, payout, "complete_set"),), gates=tuple(gates), reason="taking_set")
        return Targets(gates=tuple(gates), reason=f"no_{next(gate.name for gate in gates if not gate.passed)}")

    def snapshot(self) -> bytes:
        """No private state."""
        return b""

    def restore(self, state: bytes) -> None:
        """No private state."""

    def _is_exhaustive(self, markets: tuple[MarketView, ...]) -> bool:
        return all(
            market.market.group in self._exhaustive and not market.market.placeholder and market.market.accepting_orders
            for market in markets
        )


def _common_size(markets: tuple[MarketView, ...], outcome: Outcome) -> Size:
    """Return the least shares that every leg's minimum and the venue's dollar for marketable buys allow, 0 without
    asks.
    """
    asks = [market.touch(outcome) for market in markets]
    if any(touch.ask_size == 0 for touch in asks):
        return 0
    dollar = max(-(-DOLLAR * ONE // touch.ask) for touch in asks)
    return placeable(max(dollar, *(market.market.min_order_size for market in markets)) + SHARE // 100)


def _walk(market: MarketView, outcome: Outcome, size: Size) -> tuple[Money, Price] | None:
    """Return cost with fee of buying `size` at the asks, and the worst price; None where depth is short."""
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
