"""What is tied up, and which way it leans: at cost, pairs left out, bids counted from where they have paired off."""

import pytest

from models.markets import NO, YES, Outcome, Side
from models.stakes import Holding, Lean, RestingOrder, stakes_of
from models.units import DOLLAR, SHARE


def holding(yes: int = 0, no: int = 0, *, yes_cents: int = 0, no_cents: int = 0) -> Holding:
    cent = DOLLAR // 100
    return Holding(yes * SHARE, no * SHARE, yes * yes_cents * cent, no * no_cents * cent)


def resting(outcome: Outcome, shares: int, cents: int, side: Side = Side.BUY, fee: int = 0) -> RestingOrder:
    return RestingOrder("tag", outcome, side, cents * 100, shares * SHARE, fee)


@pytest.mark.parametrize(
    ("held", "orders", "up", "down"),
    [
        (holding(), [], 0, 0),
        (holding(10, yes_cents=40), [], 4, 4),
        (holding(0, 10, no_cents=30), [], -3, -3),
        (holding(10, 10, yes_cents=90, no_cents=5), [], 0, 0),
        (holding(10, 4, yes_cents=50, no_cents=40), [], 3, 3),
        (holding(), [resting(YES, 10, 50), resting(NO, 10, 30)], 5, -3),
        (holding(10, yes_cents=40), [resting(YES, 5, 60)], 7, 4),
        (holding(10, yes_cents=40), [resting(NO, 10, 50)], 4, 0),
        (holding(10, yes_cents=40), [resting(NO, 5, 50)], 4, 2),
        (holding(10, yes_cents=40), [resting(NO, 15, 50)], 4, -2.5),
        (holding(0, 10, no_cents=40), [resting(YES, 20, 50)], 1 * 5, -4),
        (holding(10, yes_cents=40), [resting(YES, 10, 60, Side.SELL)], 4, 4),
    ],
)
def test_the_lean_is_what_is_unpaired_at_cost(
    held: Holding, orders: list[RestingOrder], up: float, down: float
) -> None:
    found = stakes_of(held).with_orders(orders).lean()
    assert found == Lean(round(up * DOLLAR), round(down * DOLLAR))


def test_a_sale_that_was_told_before_its_buy_leans_nowhere() -> None:
    assert stakes_of(Holding(no=-5 * SHARE)).lean() == Lean(0, 0)
    assert stakes_of(Holding(yes=-5 * SHARE)).lean() == Lean(0, 0)


def test_a_pair_ties_up_its_cost_and_risks_nothing() -> None:
    stakes = stakes_of(holding(10, 10, yes_cents=48, no_cents=51))
    assert (stakes.tied_up(YES), stakes.tied_up(NO), stakes.worst_case) == (4_800_000, 5_100_000, 0)


def test_bids_tie_up_what_filling_them_would_take_with_its_fee_and_offers_nothing() -> None:
    orders = [resting(YES, 10, 50, fee=20_000), resting(YES, 10, 60, Side.SELL), resting(NO, 10, 30)]
    stakes = stakes_of(holding(10, yes_cents=40)).with_orders(orders)
    assert (stakes.tied_up(YES), stakes.tied_up(NO)) == (9_020_000, 3_000_000)
    assert stakes.bids == 8_020_000


def test_orders_added_one_by_one_or_at_once_come_to_the_same() -> None:
    orders = [resting(YES, 10, 50, fee=20_000), resting(NO, 7, 33), resting(YES, 3, 60, Side.SELL)]
    held = stakes_of(holding(10, 3, yes_cents=40, no_cents=20))
    one_by_one = held
    for order in orders:
        one_by_one = one_by_one.with_orders([order])
    assert one_by_one == held.with_orders(orders)
