"""No order is larger than the wallet allows, nor smaller than the venue takes."""

import pytest
from msgspec.structs import replace

from models.controls.order_size import OrderSize
from models.limits import RiskParameters
from models.markets import NO, Market, Side
from models.messages.control import Reading
from models.messages.orders import PlaceOrder
from models.orders import TimeInForce
from models.units import DOLLAR, SHARE
from tests.models.wishes import M, wish

MARKETS = {M: Market(M, "slug", ("1", "2"))}


def answer(order: PlaceOrder, wallet: int = 1_000, *, opens: bool = True) -> str:
    guard = OrderSize(RiskParameters(wallet_usd=wallet * DOLLAR), MARKETS)
    refusal = guard.refusal(order, (), opens, 0)
    return "passes" if refusal is None else refusal.reason


def bid(price: str, hundredths: int) -> PlaceOrder:
    return wish(1, price, hundredths * SHARE // 100)


@pytest.mark.control("order_usd", "trips")
@pytest.mark.control("order_usd", "nearly")
def test_an_order_is_worth_a_fortieth_of_the_wallet_at_most() -> None:
    assert answer(bid("0.5", 50_00)) == "passes"
    assert answer(bid("0.5", 50_01)) == "order_usd"


@pytest.mark.control("order_shares", "trips")
@pytest.mark.control("order_shares", "nearly")
def test_an_order_has_a_fifth_of_a_share_for_each_dollar_of_the_wallet_at_most() -> None:
    assert answer(bid("0.1", 200_00)) == "passes"
    assert answer(bid("0.1", 200_01)) == "order_shares"


@pytest.mark.control("order_usd", "blocks")
@pytest.mark.control("order_shares", "blocks")
def test_an_exit_may_be_as_large_as_what_is_held() -> None:
    large = wish(1, "0.5", 500 * SHARE, side=Side.SELL)
    assert answer(large, opens=False) == "passes"
    assert answer(large) == "order_usd", "out of pairs, it opens"


@pytest.mark.control("order_minimum", "trips")
@pytest.mark.control("order_minimum", "nearly")
def test_an_order_has_the_markets_minimum_and_a_buy_that_takes_is_worth_a_dollar() -> None:
    assert answer(bid("0.02", 5_00)) == "passes", "it rests"
    assert answer(bid("0.5", 4_99)) == "order_minimum"
    taker = replace(bid("0.02", 50_00), time_in_force=TimeInForce.FAK)
    assert answer(taker) == "passes"
    assert answer(replace(taker, size=taker.size - SHARE // 100)) == "order_minimum"
    assert answer(replace(taker, size=taker.size - SHARE // 100, side=Side.SELL)) == "passes"


@pytest.mark.control("order_minimum", "blocks")
def test_the_venue_takes_no_exit_below_its_minimum_either() -> None:
    assert answer(wish(1, "0.5", 4 * SHARE, NO), opens=False) == "order_minimum"


def test_a_small_wallet_may_still_clear_what_a_partial_fill_has_left() -> None:
    assert answer(bid("0.98", 9_99), wallet=20) == "passes"
    assert answer(bid("0.98", 10_01), wallet=20) == "order_shares"
    assert answer(wish(1, "0.98", 11 * SHARE), wallet=20) == "order_usd"


def test_it_says_its_limits_once_and_where_the_venues_minimum_lifts_them() -> None:
    large = OrderSize(RiskParameters(), MARKETS).readings(0)
    assert list(large) == [
        Reading("order_usd", "all", None, 25, "dollars"),
        Reading("order_shares", "all", None, 200, "shares"),
        Reading("order_minimum", "slug", None, 5, "shares at least"),
    ]
    small = list(OrderSize(RiskParameters(wallet_usd=20 * DOLLAR), MARKETS).readings(0))
    floor = "two of the venue's minimum orders"
    assert Reading("order_usd", "slug", None, 10, "dollars", note=floor) in small
    assert Reading("order_shares", "slug", None, 10, "shares", note=floor) in small
