"""Take the token that an outside reference has left behind: the reference moved, the market has not yet.

The move of both is measured over the same `lookback` samples, one sample per reference update. The edge is what is left
of the reference's move after the market's own, and after crossing the spread and paying the fee twice: with real crypto
fees the seed's thresholds never earn it, and the gate says so in figures.
"""

from collections import deque
from math import inf
from typing import Annotated, ClassVar, Literal

import msgspec

from models.fees import taker_fee
from models.markets import NO, YES, Catalogue, Outcome, Side
from models.messages.base import MarketId
from models.messages.decisions import Gate
from models.parameters import parameter
from models.sizes import least_take, placeable
from models.strategy import MarketView, Take, Targets, View
from models.units import ONE, SHARE, Size


class LeadLagParameters(msgspec.Struct, frozen=True):
    """When a move is large enough, and how much to take."""

    lookback: Annotated[
        int, parameter("Samples over which a move is measured.", "count", env=["LEAD_LAG_LOOKBACK_POINTS"], ge=2)
    ] = 6
    spot_move_min_pct: Annotated[
        float, parameter("Least move of the reference, percent.", "ratio", env=["LEAD_LAG_SPOT_MOVE_MIN_PCT"], ge=0)
    ] = 0.25
    edge_min_pct: Annotated[
        float,
        parameter(
            "Least edge after the market's own move, percent of price.", "ratio", env=["LEAD_LAG_EDGE_MIN_PCT"], ge=0
        ),
    ] = 0.20
    order_size: Annotated[Size, parameter("Shares per take.", "shares", env=["PM_ORDER_SIZE_SHARES"], gt=0)] = (
        10 * SHARE
    )


class LeadLag:
    """One taker decision per market and reference."""

    name: ClassVar[str] = "lead_lag"
    scope: ClassVar[Literal["market", "group"]] = "market"
    style: ClassVar[Literal["maker", "taker"]] = "taker"

    def __init__(self, parameters: LeadLagParameters) -> None:
        self.parameters = parameters
        self._samples: deque[tuple[float, float]] = deque(maxlen=parameters.lookback)
        self._seen_ns = -1

    def groups(self, catalogue: Catalogue) -> tuple[tuple[MarketId, ...], ...]:
        """Only markets that follow a reference."""
        return tuple((market.id,) for market in catalogue.markets.values() if market.reference is not None)

    def targets(self, view: View) -> Targets:
        """Return a take of the token that the reference's move has made cheap."""
        market = view.alone()
        reference = view.references.get(market.market.reference or "")
        # A price that is no positive number says nothing; it must not enter the samples.
        if reference is None or not 0 < reference.value < inf:
            return Targets(gates=(Gate("reference", False, note="missing_spot"),), reason="missing_spot")
        if reference.at_ns > self._seen_ns:
            self._seen_ns = reference.at_ns
            self._samples.append((reference.value, _mid(market, YES)))
        lookback = self.parameters.lookback
        if len(self._samples) < lookback:
            return Targets(gates=(Gate("samples", False, len(self._samples), lookback),), reason="warmup")
        old_spot, old_mid = self._samples[0]
        spot_pct = min((reference.value / old_spot - 1) * 100, _MOVE_MAX_PCT)
        outcome = YES if spot_pct >= 0 else NO
        touch, mid = market.touch(outcome), _mid(market, outcome)
        fee_pct = 2 * taker_fee(market.market.fees, touch.ask, SHARE) * ONE / SHARE / mid * 100
        edge_pct = abs(spot_pct) - (mid / (old_mid if outcome == YES else ONE - old_mid) - 1) * 100
        size = placeable(min(self.parameters.order_size, touch.ask_size))
        least = least_take(market.market, touch.ask)
        gates = (
            _gate("spot_move", abs(spot_pct), self.parameters.spot_move_min_pct),
            _gate("edge", edge_pct, self.parameters.edge_min_pct),
            _gate("net_edge", edge_pct - (touch.ask - touch.bid) / mid * 100 - fee_pct, 0.0),
            Gate("liquidity", size >= least, size, least, "size"),
        )
        failed = next((gate for gate in gates if not gate.passed), None)
        if failed is not None:
            return Targets(gates=gates, reason=_REASONS[failed.name])
        take = Take(market.market.id, outcome, Side.BUY, touch.ask, size, "lead_lag")
        return Targets(takes=(take,), gates=gates, reason="taking")

    def snapshot(self) -> bytes:
        """Write down the samples."""
        return msgspec.json.encode((self._seen_ns, list(self._samples)))

    def restore(self, state: bytes) -> None:
        """Take the samples back."""
        self._seen_ns, samples = msgspec.json.decode(state, type=tuple[int, list[tuple[float, float]]])
        self._samples = deque(samples, maxlen=self.parameters.lookback)


_MOVE_MAX_PCT = 1e6
"""Where a price begins next to nothing its move has no figure."""

_REASONS = {
    "spot_move": "spot_move_too_small",
    "edge": "low_edge",
    "net_edge": "net_edge_too_low",
    "liquidity": "insufficient_liquidity",
}


def _mid(market: MarketView, outcome: Outcome) -> float:
    touch = market.touch(outcome)
    return (touch.bid + touch.ask) / 2


def _gate(name: str, value_pct: float, least_pct: float) -> Gate:
    """Figures of a gate in 1/10,000 of a percent: gates carry integers."""
    return Gate(name, value_pct >= least_pct, round(value_pct * 10_000), round(least_pct * 10_000), "percent_e4")
