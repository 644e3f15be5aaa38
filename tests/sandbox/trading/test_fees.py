import pytest

from sandbox.markets import CATEGORIES
from sandbox.trading.fees import taker_fee
from sandbox.units import SHARE


@pytest.mark.parametrize(
    "category, price, size, fee",
    [
        ("crypto", 3_000, 100 * SHARE, 1_470_000),
        ("crypto", 9_900, 100 * SHARE, 69_300),
        ("crypto", 5_000, 100 * SHARE, 1_750_000),
        ("sports", 5_000, 100 * SHARE, 1_250_000),
        ("politics", 5_000, 100 * SHARE, 1_000_000),
        ("geopolitics", 5_000, 100 * SHARE, 0),
        ("crypto", 5_000, 14_925_372, 261_190),
        ("politics", 5_000, 1_000, 10),
        ("politics", 5_000, 999, 0),
        ("politics", 5_000, 1_499, 10),
        ("politics", 5_000, 1_500, 20),
    ],
)
def test_a_taker_pays_by_the_formula_in_hundred_thousandths_of_a_dollar(category, price, size, fee):
    assert taker_fee(CATEGORIES[category], price, size) == fee
