"""Sizes on the venue's grid, and the least that may be bought at once."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from models.markets import Market
from models.sizes import SIZE_STEP, least_take, placeable
from models.units import DOLLAR, ONE, SHARE

MARKET = Market("m", "slug", ("1", "2"))


@given(st.integers(0, 10**12))
def test_a_placeable_size_is_the_largest_of_two_decimals(size: int) -> None:
    assert placeable(size) % SIZE_STEP == 0
    assert 0 <= size - placeable(size) < SIZE_STEP


@given(st.integers(1, ONE - 1))
def test_the_least_take_is_the_least_on_the_grid_that_is_worth_a_dollar_and_makes_the_minimum(price: int) -> None:
    size = least_take(MARKET, price)
    assert size % SIZE_STEP == 0
    assert size >= MARKET.min_order_size
    assert Fraction(size * price, ONE) >= DOLLAR
    one_less = size - SIZE_STEP
    assert one_less < MARKET.min_order_size or Fraction(one_less * price, ONE) < DOLLAR


def test_a_leg_at_a_cent_needs_a_hundred_shares() -> None:
    assert least_take(MARKET, 100) == 100 * SHARE
    assert least_take(MARKET, 5_000) == 5 * SHARE
