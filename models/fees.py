"""What a fill costs as taker and earns as maker, by the market's own schedule.

    fee = shares x rate x (p (1 - p)) ^ exponent, in dollars, rounded to five decimals; below 0.00001 it is nothing.

Makers pay nothing and are credited a share of the fee that a taker would have paid on the same fill. The rebate is an
estimate until the venue pays it (daily, from a dollar on): a line of its own, never part of the realised profit.

Source: the venue's fee and maker-rebate pages, read 2026-09-30.
"""

from typing import Final

from models.markets import Fees
from models.units import ONE, Money, Price, Size

_FEE_STEP: Final[Money] = 10
"""Five decimals of a dollar, in millionths."""


def taker_fee(fees: Fees, price: Price, size: Size) -> Money:
    """Return what a taker pays for `size` shares at `price`, rounded half up to five decimals."""
    dividend = size * fees.rate_e6 * (price * (ONE - price)) ** fees.exponent
    divisor = _FEE_STEP * 1_000_000 * (ONE * ONE) ** fees.exponent
    if dividend < divisor:
        return 0
    return (2 * dividend + divisor) // (2 * divisor) * _FEE_STEP


def maker_rebate(fees: Fees, price: Price, size: Size) -> Money:
    """Return what accrues to the maker of a fill: the market's share of the taker's fee, rounded down."""
    return taker_fee(fees, price, size) * fees.rebate_share_e6 // 1_000_000
