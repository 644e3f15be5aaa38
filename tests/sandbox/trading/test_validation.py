"""Amounts of orders: every one that the official clients can make is understood as it was meant."""

from decimal import ROUND_DOWN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sandbox.books import MirroredBook, Side
from sandbox.markets import CATEGORIES, Event, Market, digest_id, token_id
from sandbox.rest.refusals import Refused
from sandbox.signing.typed_data import Order as Signed
from sandbox.trading.records import TimeInForce
from sandbox.trading.validation import check_amounts
from sandbox.units import TICKS

ID = "0x" + "ab" * 32
WALLET = "0x" + "11" * 20


def market(tick: int) -> Market:
    tokens = (token_id("a", "yes"), token_id("a", "no"))
    event = Event("a", "a")
    return Market(
        "a",
        "a?",
        digest_id("a"),
        tokens,
        ("Yes", "No"),
        CATEGORIES["politics"],
        event,
        MirroredBook(),
        0,
        None,
        tick=tick,
    )


def signed(maker_amount: int, taker_amount: int, side: Side = "BUY") -> Signed:
    return Signed(1, WALLET, WALLET, 1, maker_amount, taker_amount, 0 if side == "BUY" else 1, 0)


@given(some.sampled_from(TICKS), some.data(), some.integers(500, 10_000_000), some.sampled_from(["BUY", "SELL"]))
def test_every_limit_order_on_the_grid_has_its_exact_price_and_size(tick, data, cents, side):
    price = data.draw(some.integers(1, 10_000 // tick - 1)) * tick
    shares = cents * 10_000
    dollars = shares * price // 10_000
    amounts = (dollars, shares) if side == "BUY" else (shares, dollars)
    figures = check_amounts(ID, market(tick), side, "GTC", signed(*amounts, side))
    assert (figures.price, figures.size) == (price, shares)


@given(some.sampled_from(TICKS), some.data(), some.integers(100, 10_000_000))
def test_a_buy_at_market_means_the_price_from_which_its_shares_were_rounded_down(tick, data, cents):
    price = data.draw(some.integers(1, 10_000 // tick - 1)) * tick
    dollars = cents * 10_000
    shares = int((Decimal(dollars) * 10_000 / price / 100).quantize(Decimal(1), ROUND_DOWN)) * 100
    assert check_amounts(ID, market(tick), "BUY", "FOK", signed(dollars, shares)).price == price


PRECISION = (
    "invalid amounts, the {} orders maker amount supports a max accuracy of {} decimals, taker amount a max of {} "
)
REFUSED: dict[str, tuple[TimeInForce, Side, int, int, int]] = {
    PRECISION.format("buy", 4, 2) + "decimals": ("GTC", "BUY", 4_331_810, 19_690_000, 100),
    PRECISION.format("buy", 5, 2) + "decimals": ("GTC", "BUY", 4_331_811, 19_690_000, 10),
    PRECISION.format("sell", 2, 4) + "decimals": ("GTD", "SELL", 19_691_000, 4_331_800, 100),
    PRECISION.format("market buy", 2, 4) + "decimals": ("FOK", "BUY", 1_001_000, 2_000_000, 100),
    # Four decimals of shares also where the grid of the market would allow five.
    PRECISION.format("market buy", 2, 4) + "decimals ": ("FAK", "BUY", 10_000_000, 81_300_810, 10),
    "invalid amounts, the taker amount for a $0.22 order of size 19.69 should be '4.3318' but the value submited is "
    "'4.33'": ("GTC", "SELL", 19_690_000, 4_330_000, 100),
    f"order {ID} is invalid. Price (0.555) breaks minimum tick size rule: 0.01": (
        "GTC",
        "BUY",
        5_550_000,
        10_000_000,
        100,
    ),
    f"order {ID} is invalid. Price (1) breaks minimum tick size rule: 0.01": ("GTC", "BUY", 9_000_000, 9_000_000, 100),
    f"order {ID} is invalid. Price (1.1111) breaks minimum tick size rule: 0.01": (
        "FOK",
        "BUY",
        10_000_000,
        9_000_000,
        100,
    ),
    f"order {ID} is invalid. Size (4.4) lower than the minimum: 5": ("GTC", "BUY", 2_200_000, 4_400_000, 100),
    "Invalid order payload": ("GTC", "BUY", 0, 5_000_000, 100),
}


@pytest.mark.parametrize("text", REFUSED)
def test_amounts_that_the_venue_does_not_take_are_refused_in_its_words(text):
    kind, side, maker, taker, tick = REFUSED[text]
    with pytest.raises(Refused) as refused:
        check_amounts(ID, market(tick), side, kind, signed(maker, taker, side))
    assert (refused.value.status, refused.value.message) == (400, text.strip())


def test_an_order_at_market_may_be_smaller_than_one_that_may_rest():
    assert check_amounts(ID, market(100), "SELL", "FAK", signed(1_000_000, 500_000, "SELL")).size == 1_000_000


@pytest.mark.parametrize(
    ("tick", "side", "price", "maker", "taker"),
    [
        (100, "BUY", 5_600, 11_782_400, 21_040_000),
        (10, "BUY", 1_230, 4_099_590, 33_330_000),
        (1, "BUY", 561, 46_054_173, 820_930_000),
        (25, "SELL", 4_975, 12_340_000, 6_139_150),
    ],
)
def test_the_published_vectors_of_limit_orders_are_understood(tick, side, price, maker, taker):
    assert check_amounts(ID, market(tick), side, "GTC", signed(maker, taker, side)).price == price


@pytest.mark.parametrize(("side", "maker", "taker"), [("BUY", 10_000_000, 18_867_900), ("SELL", 12_340_000, 6_540_200)])
def test_the_published_vectors_of_market_orders_are_understood(side, maker, taker):
    assert check_amounts(ID, market(100), side, "FOK", signed(maker, taker, side)).price == 5_300
