import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.units import (
    ONE,
    TICKS,
    cash_of,
    cash_of_rounded_up,
    ceil_to_tick,
    coarsest_tick,
    floor_to_tick,
    format_money,
    format_price,
    format_size,
    parse_money,
    parse_price,
    parse_size,
    parse_tick,
    price_from_estimate,
)


@given(st.integers(0, ONE))
def test_a_price_survives_being_written_and_read(price: int) -> None:
    assert parse_price(format_price(price)) == price


@given(st.integers(0, 10**17))
def test_a_size_survives_being_written_and_read(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.integers(-(10**15), 10**15))
def test_money_survives_being_written_and_read_with_its_sign(money: int) -> None:
    assert parse_money(format_money(money)) == money


@pytest.mark.parametrize(
    ("text", "price"), [("0.48", 4_800), (".48", 4_800), ("1", ONE), ("0", 0), ("0.0025", 25), ("0.820", 8_200)]
)
def test_venue_prices_are_read_exactly(text: str, price: int) -> None:
    assert parse_price(text) == price


@pytest.mark.proves("I23")
@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "NaN",
        "Infinity",
        "-0.1",
        "1e-2",
        " 0.5",
        "0.5 ",
        "0_5",
        "\u0660.\u0665",
        "1.01",
        "0.00001",
        "0.5.5",
        "+0.5",
    ],
)
def test_what_is_no_price_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="price"):
        parse_price(text)


@pytest.mark.proves("I23")
@pytest.mark.parametrize("text", ["", "-1", "nan", "1e6", "1.2345678", "1234567890123456789", "1_000", "²"])
def test_what_is_no_size_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


def test_only_the_venues_six_ticks_are_ticks() -> None:
    assert [parse_tick(format_price(tick)) for tick in TICKS] == list(TICKS)
    with pytest.raises(ValueError, match=r"0\.02.*not one of"):
        parse_tick("0.02")


@given(st.integers(0, ONE), st.sampled_from(TICKS))
def test_buys_floor_and_sells_ceil_to_the_tick(price: int, tick: int) -> None:
    low, high = floor_to_tick(price, tick), ceil_to_tick(price, tick)
    assert low <= price <= high
    assert low % tick == high % tick == 0
    assert high - low in (0, tick)


@pytest.mark.proves("I3")
@given(st.integers(0, ONE), st.integers(0, 10**12))
def test_cash_set_aside_covers_cash_paid_by_at_most_a_millionth(price: int, size: int) -> None:
    assert 0 <= cash_of_rounded_up(price, size) - cash_of(price, size) <= 1


def test_an_estimate_becomes_the_tick_at_or_below_it() -> None:
    assert price_from_estimate(0.57, 100) == 5_700
    assert price_from_estimate(0.5799, 100) == 5_700
    with pytest.raises(ValueError, match="probability"):
        price_from_estimate(float("nan"), 100)


def test_the_coarsest_tick_that_fits_all_levels_is_found() -> None:
    assert coarsest_tick({4_800, 100}, 100) == 100
    assert coarsest_tick({9_410, 100}, 100) == 10
    assert coarsest_tick({4_850}, 100) == 50
    assert coarsest_tick({4_875}, 100) == 25
    assert coarsest_tick({4_801}, 100) == 1
