"""The venue's fee page, figure by figure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fees import maker_rebate, taker_fee
from models.markets import Fees
from models.units import ONE, SHARE, parse_money, parse_price

CRYPTO = Fees(rate_e6=70_000, rebate_share_e6=200_000)
SPORTS = Fees(rate_e6=50_000, rebate_share_e6=150_000)
POLITICS = Fees(rate_e6=40_000, rebate_share_e6=250_000)


@pytest.mark.parametrize(
    "fees, price, dollars",
    [
        (CRYPTO, "0.3", "1.47"),
        (CRYPTO, "0.99", "0.0693"),
        (CRYPTO, "0.5", "1.75"),
        (SPORTS, "0.5", "1.25"),
        (POLITICS, "0.5", "1"),
        (Fees(), "0.5", "0"),
    ],
)
def test_a_hundred_shares_cost_what_the_page_says(fees: Fees, price: str, dollars: str) -> None:
    assert taker_fee(fees, parse_price(price), 100 * SHARE) == parse_money(dollars)


def test_a_fee_is_rounded_to_five_decimals() -> None:
    # 1.234567 shares at 0.31: 0.07 x 0.2139 x 1.234567 = 0.018485...
    assert taker_fee(CRYPTO, parse_price("0.31"), 1_234_567) == parse_money("0.01849")


def test_less_than_a_thousandth_of_a_cent_is_no_fee() -> None:
    # 0.07 x 0.0001 x 0.9999 = 0.000007 a share would round up to 0.00001, but what is below that is not charged.
    assert taker_fee(CRYPTO, 1, SHARE) == 0
    assert taker_fee(CRYPTO, 1, 2 * SHARE) == parse_money("0.00001")


def test_the_exponent_applies_to_the_price_part_alone() -> None:
    assert taker_fee(Fees(rate_e6=1_000_000, exponent=2), ONE // 2, SHARE) == parse_money("0.0625")


def test_the_rebate_is_the_makers_share_of_the_takers_fee() -> None:
    assert maker_rebate(CRYPTO, parse_price("0.5"), 100 * SHARE) == parse_money("0.35")
    assert maker_rebate(SPORTS, parse_price("0.5"), 100 * SHARE) == parse_money("0.1875")
    assert maker_rebate(POLITICS, parse_price("0.31"), 5 * SHARE) == parse_money("0.010695")
    assert maker_rebate(SPORTS, 1, 3 * SHARE) == 1, "0.15 of 0.00001, rounded down"


@given(st.integers(1, ONE - 1), st.integers(1, 10**12))
def test_yes_and_no_pay_the_same_fee_for_the_same_trade(price: int, size: int) -> None:
    fee = taker_fee(CRYPTO, price, size)
    assert fee == taker_fee(CRYPTO, ONE - price, size)
    assert fee % 10 == 0
    assert 0 <= maker_rebate(CRYPTO, price, size) <= fee
