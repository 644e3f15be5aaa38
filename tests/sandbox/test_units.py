import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.units import decimal_text, iso_text, parse_decimal, parse_price, parse_size, size_text, trade_price_text


@given(st.integers(0, 10**15), st.sampled_from([4, 6]))
def test_text_of_a_number_is_shortest_and_reads_back_exactly(value, digits):
    text = decimal_text(value, digits)
    assert parse_decimal(text, digits) == value
    assert "." not in text or text[-1] not in "0."


@pytest.mark.parametrize(
    "text, size", [("5", 5_000_000), ("1.639343", 1_639_343), (".5", 500_000), ("3332.0", 3_332_000_000)]
)
def test_sizes_of_the_venue_are_read_exactly(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", ".", "-1", "1e3", "0.00001", "1.2.3", " 1", "nan", "0x1", "\u0661", "1234567890123"]
)
def test_what_is_no_plain_decimal_is_refused(text):
    with pytest.raises(ValueError, match="decimal"):
        parse_price(text)


def test_a_price_above_one_is_refused():
    with pytest.raises(ValueError, match="above 1"):
        parse_price("1.01")


def test_trade_prices_are_padded_to_three_decimals():
    assert [trade_price_text(price) for price in (400, 8200, 9250, 561)] == ["0.040", "0.820", "0.925", "0.0561"]


def test_other_texts_are_as_the_venue_writes_them():
    assert size_text(216_216_215) == "216.216215"
    assert decimal_text(-1500, 4) == "-0.15"
    assert iso_text(1_790_000_000_250_000_000) == "2026-09-21T14:13:20.250Z"
    assert iso_text(1_790_000_000_000_000_000) == "2026-09-21T14:13:20Z"
