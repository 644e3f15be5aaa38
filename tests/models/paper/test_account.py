"""Money and shares: reservation, settlement, merge, resolution."""

import pytest

from models.markets import NO, YES
from models.messages.orders import MergeReported, TradeReported
from models.orders import TimeInForce
from models.paper.account import HoldingSummary
from models.paper.parameters import PaperParameters
from models.paper.settlement import settlement_of
from models.units import DOLLAR, ONE, SHARE, parse_money
from tests.models.paper.world import BUY, CRYPTO, MS, SELL, World, market

FOK = TimeInForce.FOK
FIXED = PaperParameters(settlement_median_ms=2_000, settlement_p95_ms=2_000)
FAILING = PaperParameters(settlement_median_ms=2_000, settlement_p95_ms=2_000, failed_share=1.0)


def statuses(world: World, order_id: str) -> list[tuple[str, int]]:
    return [(trade.status, trade.at_ns // MS) for trade in world.of(TradeReported) if trade.order_id == order_id]


def test_a_trade_is_matched_at_once_and_confirmed_later_under_one_id() -> None:
    world = World(parameters=FIXED)
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("a", BUY, "0.52", "10", kind=FOK)
    world.wait(2_000)
    assert statuses(world, "a") == [("MATCHED", 50), ("CONFIRMED", 2_050)]
    assert len({trade.trade_id for trade in world.of(TradeReported)}) == 1


def test_shares_may_be_sold_only_when_they_are_confirmed() -> None:
    world = World(parameters=FIXED)
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("a", BUY, "0.52", "10", kind=FOK)
    world.wait(1_900)
    world.place("early", SELL, "0.60", "10")
    world.wait(50)
    world.place("late", SELL, "0.60", "10")
    assert world.refusals() == ["not enough balance / allowance"]
    assert world.accepted() == ["a", "late"]


def test_offered_shares_cannot_be_offered_or_merged_again() -> None:
    world = World(parameters=FIXED)
    world.buy_settled("yes", YES, "0.50", "10")
    world.buy_settled("no", NO, "0.45", "10")
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("ask", SELL, "0.60", "6")
    world.merge("too much", "5")
    world.merge("enough", "4")
    world.wait(30_050)
    assert [(answer.operation, answer.status) for answer in world.of(MergeReported)] == [
        ("too much", "failed"),
        ("enough", "confirmed"),
    ]


def test_a_sale_pays_when_it_is_confirmed() -> None:
    world = World(parameters=FIXED)
    world.buy_settled("buy", YES, "0.50", "10")
    world.book({"0.60": "100"}, {})
    world.place("sell", SELL, "0.60", "10", kind=FOK)
    assert world.machine.cash == 995 * DOLLAR
    assert world.machine.summary().proceeds == 6 * DOLLAR
    world.wait(2_000)
    assert world.machine.cash == 1_001 * DOLLAR
    assert world.machine.summary().holdings == ()


def test_a_failed_buy_gives_back_cash_fee_and_no_shares() -> None:
    world = World(market(fees=CRYPTO), parameters=FAILING)
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("a", BUY, "0.52", "10", kind=FOK)
    assert world.machine.cash < 995 * DOLLAR
    world.wait(2_000)
    assert statuses(world, "a") == [("MATCHED", 50), ("FAILED", 2_050)]
    assert world.machine.summary() == World().machine.summary()


def test_a_failed_maker_fill_takes_its_rebate_back() -> None:
    world = World(market(fees=CRYPTO), parameters=FAILING)
    world.book({"0.48": "100"}, {"0.52": "80"})
    world.place("a", BUY, "0.50", "10")
    world.trade(SELL, "0.49", "10")
    assert world.machine.summary().rebates > 0
    world.wait(2_000)
    assert world.machine.summary() == World().machine.summary()


def test_a_failed_sale_gives_the_shares_back() -> None:
    seed = seed_whose_first_trades(["buy#1"], ["sell#1"])
    world = World(parameters=HALF_FAILING, seed=seed)
    world.buy_settled("buy", YES, "0.50", "10")
    world.book({"0.60": "100"}, {})
    world.place("sell", SELL, "0.60", "10", kind=FOK)
    world.wait(2_000)
    assert statuses(world, "sell")[-1][0] == "FAILED"
    assert world.machine.cash == 995 * DOLLAR
    assert world.machine.summary().holdings == (HoldingSummary("m", YES, 10 * SHARE, 0, 0),)


def test_the_cash_of_a_fill_follows_the_exchange_contract() -> None:
    world = World()
    world.book({"0.33": "1"}, {"0.60": "80"})
    world.place("a", BUY, "0.33", "10")
    world.trade(SELL, "0.33", "1.000001")
    world.trade(SELL, "0.33", "3.000002")
    assert world.fills() == [("0.33", "0.000001"), ("0.33", "3.000002")]
    assert world.machine.cash == 1_000 * DOLLAR - 0 - parse_money("0.99")  # both rounded down


def test_pairs_are_merged_into_dollars_after_the_delay() -> None:
    world = World(parameters=PaperParameters(settlement_median_ms=2_000, settlement_p95_ms=2_000, merge_cost=20_000))
    world.buy_settled("yes", YES, "0.50", "10")
    world.buy_settled("no", NO, "0.45", "8")
    before = world.machine.cash
    started = world.now_ns
    world.merge("m1", "8")
    world.merge("m1", "8")
    world.wait(30_049)
    assert world.of(MergeReported) == []
    world.wait(1)
    assert world.of(MergeReported) == [MergeReported("m1", "m", "confirmed", 20_000, started + 30_050 * MS)]
    assert world.machine.cash == before + 8 * DOLLAR - 20_000
    assert world.machine.summary().holdings == (HoldingSummary("m", YES, 2 * SHARE, 0, 0),)


def test_unsettled_pairs_cannot_be_merged() -> None:
    world = World(parameters=FIXED)
    world.buy_settled("yes", YES, "0.50", "10")
    world.book({"0.55": "10"}, {})
    world.place("no", BUY, "0.45", "10", outcome=NO, kind=FOK)
    world.merge("m1", "10")
    world.wait(50)
    assert [answer.status for answer in world.of(MergeReported)] == ["failed"]


@pytest.mark.parametrize("payout, worth", [(ONE, 10), (0, 6), (5_000, 8)])
def test_a_resolved_market_pays_both_tokens(payout: int, worth: int) -> None:
    world = World(parameters=FIXED)
    world.buy_settled("yes", YES, "0.50", "10")
    world.buy_settled("no", NO, "0.50", "6")
    before = world.machine.cash
    world.resolve(payout)
    world.resolve(payout)
    assert world.machine.cash == before + worth * DOLLAR
    assert world.machine.summary().holdings == ()


def test_a_trade_that_settles_after_the_resolution_is_paid_then() -> None:
    world = World(parameters=FIXED)
    world.book({"0.48": "100"}, {"0.50": "80"})
    world.place("a", BUY, "0.50", "10", kind=FOK)
    world.resolve(ONE)
    assert world.machine.cash == 995 * DOLLAR
    world.wait(2_000)
    assert world.machine.cash == 1_005 * DOLLAR


HALF_FAILING = PaperParameters(settlement_median_ms=2_000, settlement_p95_ms=2_000, failed_share=0.5)


def seed_whose_first_trades(confirmed: list[str], failed: list[str]) -> int:
    """Find a seed under which these trades of `HALF_FAILING` end so."""
    return next(
        seed
        for seed in range(1_000)
        if not any(settlement_of(seed, name, HALF_FAILING).failed for name in confirmed)
        and all(settlement_of(seed, name, HALF_FAILING).failed for name in failed)
    )
