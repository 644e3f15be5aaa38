"""One rule for who proposes and who enforces: the band, the fuse, and what lowers a position."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.markets import NO, YES, Market, Outcome, Side
from models.messages.market import FlowUpdated
from models.phase import PhaseParameters, hedge_outcome, kept_by_fuse, phase_of, reduces, signed_size
from models.units import SHARE

BAND = 5 * SHARE


@pytest.mark.parametrize(
    ("net", "phase"),
    [(0, "Balanced"), (BAND - 1, "Balanced"), (1 - BAND, "Balanced"), (BAND, "Hedge"), (-BAND, "Hedge")],
)
def test_a_market_is_balanced_below_the_band_and_a_hedge_from_it_on(net: int, phase: str) -> None:
    assert phase_of(net, False, BAND) == phase
    assert phase_of(net, True, BAND) == "Fused"


def test_the_band_is_the_markets_minimum_order_unless_it_is_set() -> None:
    market = Market("m", "slug", ("1", "2"), min_order_size=7 * SHARE)
    assert PhaseParameters().band(market) == 7 * SHARE
    assert PhaseParameters(flat_band=SHARE).band(market) == SHARE


def test_the_hedge_is_the_token_that_is_missing() -> None:
    assert hedge_outcome(1) == NO
    assert hedge_outcome(-1) == YES


@pytest.mark.parametrize(
    ("net", "direction", "kept"),
    [(BAND, 1, NO), (BAND, -1, None), (-BAND, -1, YES), (-BAND, 1, None), (BAND - 1, 1, None)],
)
def test_the_fuse_keeps_a_hedge_that_the_flow_runs_towards(net: int, direction: int, kept: Outcome | None) -> None:
    flow = FlowUpdated("m", 0, 0, 0, 0, True, direction, 0)
    assert kept_by_fuse(net, BAND, flow, PhaseParameters(fuse_keeps_hedge=True)) == kept
    assert kept_by_fuse(net, BAND, flow, PhaseParameters()) is None


def test_buying_yes_and_selling_no_raise_net() -> None:
    moves = {(outcome, side): signed_size(outcome, side, 3) for outcome in (YES, NO) for side in Side}
    assert moves == {(YES, Side.BUY): 3, (YES, Side.SELL): -3, (NO, Side.BUY): -3, (NO, Side.SELL): 3}


@pytest.mark.proves("I11")
@given(st.integers(-20, 20), st.integers(0, 20), st.integers(0, 20), st.integers(-20, 20))
def test_what_reduces_lowers_net_without_passing_zero_whatever_else_fills(
    net: int, rising: int, falling: int, move: int
) -> None:
    allowed = reduces(net + rising, net - falling, net, move)
    others = falling if net > 0 else rising
    sign = (net > 0) - (net < 0)
    assert allowed == (move * sign < 0 and sign * net - others - abs(move) >= 0)
