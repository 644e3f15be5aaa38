"""What sizes the venue takes: its grid, and the least that a buy which trades at once may be worth."""

from typing import Final

from models.markets import Market
from models.units import DOLLAR, ONE, Price, Size

SIZE_STEP: Final[Size] = 10_000
"""The venue takes order sizes of two decimals."""


def placeable(size: Size) -> Size:
    """Round a size down to what the venue accepts."""
    return size // SIZE_STEP * SIZE_STEP


def least_take(market: Market, price: Price) -> Size:
    """Return the fewest shares that may be bought at once at a price: the market's minimum, and a dollar's worth."""
    dollars_worth = -(-DOLLAR * ONE // (price * SIZE_STEP)) * SIZE_STEP
    return max(market.min_order_size, dollars_worth)
