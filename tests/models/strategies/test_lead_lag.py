"""The reference moves, the market lags: what is taken, and which gate says no in figures."""

import pytest

from models.markets import NO, YES, Catalogue, Fees, Market, Side
from models.messages.market import ReferenceUpdated
from models.strategies.lead_lag import LeadLag, LeadLagParameters
from models.strategy import Targets, View
from models.units import SHARE
from tests.models.coordination import book, market, seen, view

FREE = market(reference="BTC/USD", fees=Fees())
CHARGED = market(reference="BTC/USD", fees=Fees(70_000))


def shown(
    value: float | None, at_ns: int, bid: int = 4_900, ask: int = 5_000, of: Market = FREE, shares: int = 50
) -> View:
    base = view(seen(book(bid, ask, shares=shares), listed=of))
    references = {} if value is None else {"BTC/USD": ReferenceUpdated("BTC/USD", value, at_ns)}
    return View(base.tag, base.now_ns, base.markets, references)


def play(
    strategy: LeadLag, *values: float, of: Market = FREE, bid: int = 4_900, ask: int = 5_000, shares: int = 50
) -> Targets:
    targets = Targets()
    for at_ns, value in enumerate(values):
        targets = strategy.targets(shown(value, at_ns, bid, ask, of, shares))
    return targets


def lead_lag(lookback: int = 3, **given: float) -> LeadLag:
    return LeadLag(LeadLagParameters(lookback=lookback, **given))  # pyright: ignore[reportArgumentType]


def test_without_a_reference_nothing_is_known() -> None:
    assert lead_lag().targets(shown(None, 0)).reason == "missing_spot"


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_price_that_is_none_says_nothing_and_spoils_no_sample(value: float) -> None:
    strategy = lead_lag()
    play(strategy, 100.0, 100.0)
    before = strategy.snapshot()
    assert strategy.targets(shown(value, 9)).reason == "missing_spot"
    assert strategy.snapshot() == before


def test_the_first_samples_are_a_warm_up() -> None:
    targets = play(lead_lag(3), 100.0, 110.0)
    assert targets.reason == "warmup"
    assert [(gate.value, gate.threshold) for gate in targets.gates] == [(2, 3)]


def test_a_rise_that_the_market_has_not_followed_is_taken_on_yes_and_a_fall_on_no() -> None:
    (take,) = play(lead_lag(), 100.0, 103.0, 106.0).takes
    assert (take.outcome, take.side, take.limit, take.size) == (YES, Side.BUY, 5_000, 10 * SHARE)
    (take,) = play(lead_lag(), 100.0, 97.0, 94.0).takes
    assert (take.outcome, take.side, take.limit) == (NO, Side.BUY, 5_100)


def test_a_market_that_has_followed_leaves_no_edge() -> None:
    strategy = lead_lag()
    strategy.targets(shown(100.0, 0, 4_900, 5_000))
    strategy.targets(shown(103.0, 1, 5_050, 5_150))
    targets = strategy.targets(shown(106.0, 2, 5_250, 5_350))
    assert targets.takes == ()
    assert targets.reason == "low_edge"


def test_a_small_move_is_not_taken() -> None:
    assert play(lead_lag(), 100.0, 100.1, 100.2).reason == "spot_move_too_small"


def test_crossing_the_spread_and_two_fees_eat_the_edge_and_the_gate_says_so_in_figures() -> None:
    targets = play(lead_lag(), 100.0, 100.2, 100.4, of=CHARGED)
    assert targets.reason == "net_edge_too_low"
    gate = next(gate for gate in targets.gates if gate.name == "net_edge")
    # 0.40 % of edge - 2.02 % of spread - 7.07 % of fees, in 1/10,000 of a percent.
    assert gate.value == pytest.approx((0.4 - 100 / 4_950 * 100 - 2 * 175 / 4_950 * 100) * 10_000, abs=1)


def test_a_market_without_a_fee_earns_what_a_market_with_one_does_not() -> None:
    assert play(lead_lag(), 100.0, 102.0, 105.0, of=CHARGED).takes == ()
    assert len(play(lead_lag(), 100.0, 102.0, 105.0, of=FREE).takes) == 1


def test_too_few_shares_at_the_ask_are_not_taken() -> None:
    assert play(lead_lag(), 100.0, 103.0, 106.0, shares=4).reason == "insufficient_liquidity"


def test_a_buy_at_once_is_worth_a_dollar_or_is_not_sent() -> None:
    targets = play(lead_lag(), 100.0, 150.0, 250.0, bid=700, ask=800)
    assert targets.reason == "insufficient_liquidity", "ten shares at 0.08 are 80 cents"


def test_one_update_of_the_reference_is_one_sample() -> None:
    strategy = lead_lag()
    for _ in range(5):
        assert strategy.targets(shown(100.0, 7)).reason == "warmup"


def test_only_markets_that_follow_a_reference_are_decided_on() -> None:

    listed = Catalogue({"m": FREE, "n": market("n")})
    assert lead_lag().groups(listed) == (("m",),)
