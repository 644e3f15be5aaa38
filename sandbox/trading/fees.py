"""What a taker pays: shares x rate x p x (1 - p), in whole hundred-thousandths of a dollar. Makers pay nothing.

Source: docs.polymarket.com/trading/fees, read 2026-09-30.
"""

from typing import Final

from sandbox.markets import Category
from sandbox.units import ONE, parse_decimal

_RATE_DIGITS: Final = 6
_STEP: Final = 10
"""Micro-dollars in the smallest fee; what would be less is nothing."""


def taker_fee(category: Category, price: int, size: int) -> int:
    """The fee of one fill in micro-dollars, rounded half up."""
    rate = parse_decimal(category.rate, _RATE_DIGITS)
    exact = size * rate * price * (ONE - price)
    step = _STEP * ONE * ONE * 10**_RATE_DIGITS
    if exact < step:
        return 0
    return _STEP * ((2 * exact + step) // (2 * step))
