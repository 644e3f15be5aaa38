"""The amounts that are signed are those of the official clients, or exact where their floats are not."""

import gzip
import json
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.amounts import SPEND_STEP, resting_amounts, signed_amounts, spending_amounts
from models.ledger import Amounts, amounts_of
from models.limits import Refusal
from models.markets import Side
from models.orders import TimeInForce
from models.sizes import placeable
from models.units import DOLLAR, ONE, SHARE, TICKS, Money, Price, Size, cash_of, parse_price, parse_size, parse_tick
from sandbox.trading.validation import check_amounts
from tests.models.wishes import wish

TABLE = {  # decimals of price, size, amount: the venue's own table
    "0.1": (1, 2, 3),
    "0.01": (2, 2, 4),
    "0.005": (3, 2, 5),
    "0.0025": (4, 2, 6),
    "0.001": (3, 2, 5),
    "0.0001": (4, 2, 6),
}
BY_TICK = {parse_tick(text): decimals for text, decimals in TABLE.items()}

ticks = st.sampled_from(TICKS)
prices = st.integers(-1, ONE + 1)
sizes = st.integers(0, 10**12)


def on_grid(tick: Price, at: int) -> Price:
    return tick + at % (ONE // tick - 1) * tick


def floor(value: Fraction, decimals: int) -> Fraction:
    return Fraction(value * 10**decimals // 1, 10**decimals)


def decimals_of(value: Fraction) -> int:
    return next(count for count in range(40) if (value * 10**count).denominator == 1)


def as_table(value: Fraction, decimals: int) -> Fraction:
    """Shorten an amount as the official clients do: up at four more decimals, then down."""
    if decimals_of(value * 10**30 // 1 / Fraction(10**30)) > decimals:
        up = -floor(-value, decimals + 4)
        return up if decimals_of(up) <= decimals else floor(up, decimals)
    return value


@pytest.mark.parametrize(
    ("tick", "side", "price", "size", "making", "taking"),
    [
        ("0.01", "BUY", "0.56", "21.04", 11_782_400, 21_040_000),
        ("0.001", "BUY", "0.123", "33.33", 4_099_590, 33_330_000),
        ("0.0001", "BUY", "0.0561", "820.93", 46_054_173, 820_930_000),
        ("0.0025", "SELL", "0.4975", "12.34", 12_340_000, 6_139_150),
        ("0.01", "SELL", "0.53", "12.345", 12_340_000, 6_540_200),
        ("0.01", "BUY", "0.29", "100", 29_000_000, 100_000_000),  # a float floor says 28
    ],
)
def test_known_orders_have_known_amounts(tick: str, side: str, price: str, size: str, making: int, taking: int) -> None:
    assert resting_amounts(Side(side), parse_price(price), parse_size(size), parse_tick(tick)) == (making, taking)


def test_a_buy_that_takes_at_once_spends_dollars() -> None:
    assert spending_amounts(parse_price("0.53"), 10_000_000, 100) == (10_000_000, 18_867_900)
    order = msgspec.structs.replace(wish(price="0.53"), size=20_000_000, time_in_force=TimeInForce.FAK)
    assert signed_amounts(order, 100) == (10_600_000, 20_000_000)
    sale = msgspec.structs.replace(order, side=Side.SELL)
    assert signed_amounts(sale, 100) == (20_000_000, 10_600_000)


def test_a_buy_that_takes_at_once_never_names_more_than_four_decimals_of_shares() -> None:
    assert spending_amounts(parse_price("0.333"), 10_000_000, 10) == (10_000_000, 30_030_000)
    assert spending_amounts(parse_price("0.3"), 10_000_000, 1_000) == (10_000_000, 33_333_000)


@pytest.mark.parametrize(
    ("price", "size", "tick", "says"),
    [
        (4_850, 5_000_000, 100, "0.485 is no multiple of the tick 0.01"),
        (0, 5_000_000, 100, "0 lies outside 0.01 to 0.99"),
        (9_999, 5_000_000, 100, "0.9999 lies outside 0.01 to 0.99"),
        (4_800, 9_999, 100, "0.009999 shares are less than the smallest step 0.01"),
        (4_800, 5_000_000, 300, "0.03 is no tick size of the venue"),
    ],
)
def test_what_the_venue_would_not_take_is_refused_in_words(price: Price, size: Size, tick: Price, says: str) -> None:
    refused = resting_amounts(Side.BUY, price, size, tick)
    assert isinstance(refused, Refusal)
    assert refused.detail == says


def test_less_than_a_cent_cannot_be_spent() -> None:
    refused = spending_amounts(4_800, 9_999, 100)
    assert isinstance(refused, Refusal)
    assert refused == ("spend", "0.009999 dollars are less than the smallest step of a cent")
    assert isinstance(spending_amounts(4_850, 10_000, 100), Refusal)


@pytest.mark.proves("I15")
@given(ticks, st.integers(0, ONE), sizes, st.sampled_from(Side))
def test_amounts_meet_price_times_size_exactly_within_the_decimals_of_the_tick(
    tick: Price, at: int, size: Size, side: Side
) -> None:
    price = on_grid(tick, at)
    amounts = resting_amounts(side, price, size, tick)
    shares = floor(Fraction(size, 10**6), 2)
    if shares == 0:
        assert isinstance(amounts, Refusal)
        return
    dollars = as_table(shares * Fraction(price, ONE), BY_TICK[tick][2])
    assert dollars == shares * Fraction(price, ONE), "nothing is rounded"
    expected = (dollars, shares) if side is Side.BUY else (shares, dollars)
    assert tuple(Fraction(amount, 10**6) for amount in _amounts(amounts)) == expected


@given(ticks, st.integers(0, ONE), st.integers(10_000, 10**12))
def test_a_spend_buys_at_its_price_or_a_hair_above_it(tick: Price, at: int, spend: Money) -> None:
    price = on_grid(tick, at)
    making, taking = _amounts(spending_amounts(price, spend, tick))
    dollars, shares = Fraction(making, 10**6), Fraction(taking, 10**6)
    decimals = min(BY_TICK[tick][2], 4)
    assert dollars == floor(Fraction(spend, 10**6), 2)
    assert shares == as_table(dollars / Fraction(price, ONE), decimals)
    assert decimals_of(shares) <= decimals
    assert shares <= dollars / Fraction(price, ONE) < shares + Fraction(1, 10**decimals)


@pytest.mark.proves("I15")
@given(ticks, prices, sizes, st.sampled_from(Side), st.sampled_from(TimeInForce))
def test_an_order_is_refused_exactly_when_it_is_off_the_grid_or_too_small(
    tick: Price, price: Price, size: Size, side: Side, time_in_force: TimeInForce
) -> None:
    order = msgspec.structs.replace(wish(side=side), price=price, size=size, time_in_force=time_in_force)
    on_the_grid = price % tick == 0 and tick <= price <= ONE - tick
    spends = side is Side.BUY and time_in_force in {TimeInForce.FOK, TimeInForce.FAK}
    worth = Fraction(price * size, ONE * 10**6) if spends else Fraction(size, 10**6)
    assert isinstance(signed_amounts(order, tick), Refusal) == (not on_the_grid or worth < Fraction(1, 100))


@pytest.mark.proves("I3")
@given(ticks, st.integers(0, ONE), sizes, st.sampled_from(Side))
def test_the_ledger_books_a_placeable_order_by_the_amounts_that_were_signed(
    tick: Price, at: int, size: Size, side: Side
) -> None:
    order = msgspec.structs.replace(wish(side=side), price=on_grid(tick, at), size=placeable(size) + 10_000)
    assert signed_amounts(order, tick) == amounts_of(order)


@given(ticks, st.integers(0, ONE), st.integers(5 * SHARE, 10**11), st.sampled_from(Side), st.sampled_from(TimeInForce))
def test_the_local_venue_reads_price_and_size_back_from_the_amounts(
    tick: Price, at: int, size: Size, side: Side, time_in_force: TimeInForce
) -> None:
    """The sandbox knows nothing of ours: it checks decimals and exactness by its own rules."""
    price = on_grid(tick, at)
    assume(cash_of(price, size) >= DOLLAR)  # less is not taken at once
    order = msgspec.structs.replace(wish(side=side), price=price, size=size, time_in_force=time_in_force)
    making, taking = _amounts(signed_amounts(order, tick))
    signed: Any = SimpleNamespace(maker_amount=making, taker_amount=taking)
    market: Any = SimpleNamespace(tick=tick, min_order_size=5 * SHARE, min_order_size_text="5")
    figures = check_amounts("0x", market, side.value, time_in_force.value, signed)
    assert figures.price == price
    if side is Side.SELL or time_in_force in {TimeInForce.GTC, TimeInForce.GTD}:
        assert figures.size == placeable(size)
    else:
        assert size - SPEND_STEP * ONE // price - 1 <= figures.size <= size


def test_amounts_of_resting_orders_are_those_of_the_official_client(shared: Path) -> None:
    vectors = _vectors(shared)["limit_order_amounts"]
    differing = 0
    for vector in vectors:
        tick, side, price = parse_tick(vector["tick"]), Side(vector["side"]), parse_price(repr(vector["price"]))
        size, theirs = _micro(vector["size"]), (vector["maker_v2"], vector["taker_v2"])
        amounts = resting_amounts(side, price, size, tick)
        # A float floor to hundredths takes a step too much off some sizes: 148.92 * 100 is 14891.999999999998.
        assert resting_amounts(side, price, _float_floor(vector["size"], 2), tick) == theirs
        assert amounts == theirs or _float_floor(vector["size"], 2) == placeable(size) - 10_000
        differing += amounts != theirs
    assert (len(vectors), differing) == (1_440, 10)


def test_amounts_of_orders_that_take_are_those_of_the_official_client(shared: Path) -> None:
    vectors = _vectors(shared)["market_order_amounts"]
    differing = refused = 0
    for vector in vectors:
        tick, side = parse_tick(vector["tick"]), Side(vector["side"])
        digits, amount = TABLE[vector["tick"]][0], _micro(vector["amount"])
        price = int(floor(Fraction(repr(vector["price"])), digits) * ONE)
        their_price, their_amount = _float_floor(vector["price"], digits) // 100, _float_floor(vector["amount"], 2)
        theirs = Amounts(vector["maker_v2"], vector["taker_v2"])
        if side is Side.BUY:
            theirs = Amounts(theirs.making, theirs.taking // 100 * 100)
        if their_price % tick:
            refused += 1  # these ticks are no powers of ten: what the client signs breaks the venue's tick rule
            assert vector["tick"] in {"0.005", "0.0025"}
            assert isinstance(_taking(side, their_price, their_amount, tick), Refusal)
            continue
        amounts = _taking(side, price, amount, tick)
        fed_with_theirs = _amounts(_taking(side, their_price, their_amount, tick))
        # A float division that should be whole may fall just short, and is then rounded down a whole step.
        assert theirs.making == fed_with_theirs.making
        assert fed_with_theirs.taking - theirs.taking in ({0, 100} if side is Side.BUY else {0})
        assert amounts in (theirs, fed_with_theirs) or (price, placeable(amount)) != (their_price, their_amount)
        differing += amounts != theirs
    assert (len(vectors), refused, differing) == (1_440, 162, 21)


def _taking(side: Side, price: Price, amount: int, tick: Price) -> Amounts | Refusal:
    return spending_amounts(price, amount, tick) if side is Side.BUY else resting_amounts(side, price, amount, tick)


def _float_floor(number: float, digits: int) -> int:
    """Shorten a number as the official client does, in millionths."""
    return int(number * 10**digits) * 10 ** (6 - digits)


def _micro(number: float) -> int:
    return int(Fraction(repr(number)) * 10**6)


def _amounts(found: Amounts | Refusal) -> Amounts:
    assert isinstance(found, Amounts), found
    return found


def _vectors(shared: Path) -> dict[str, list[dict[str, Any]]]:
    with gzip.open(shared / "vectors" / "official_sdk_vectors.json.gz") as file:
        return json.load(file)
