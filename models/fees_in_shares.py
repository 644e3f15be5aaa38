"""Fees that the venue took in shares: the wallet of a buyer lacks them, and has the dollars of the fee instead.

Our fills carry their fees in dollars, as the venue documents them. Where it takes a buy's fee from what was bought, the
balance is the truth: the missing shares are booked as sold for the fee, so that position and cash are those of the
wallet, and the entry names the trade whose fee it was. What is missing for any other reason is explained by nothing.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from models.markets import Side
from models.messages.orders import FillCounted
from models.units import ONE, Money, Size

FEE_OF: Final = "fee of "
"""Before trade and order of the fill: the names of the entry for its fee."""

_GRAIN: Final[Size] = 10_000
"""Shares of a fee are told to the hundredth."""


def fees_that_come_to(missing: Size, fills: Sequence[FillCounted]) -> tuple[FillCounted, ...]:
    """Return the fills whose fees in shares are what is missing: all of them, or one; none where it is neither."""
    for some in (fills, *((fill,) for fill in reversed(fills))):
        expected = sum(_shares(fill) for fill in some)
        if some and abs(missing - expected) <= max(_GRAIN, expected // 50):
            return tuple(some)
    return ()


def sold_for_fees(missing: Size, fills: Sequence[FillCounted]) -> tuple[FillCounted, ...]:
    """Return what takes the missing shares out, to the last one; the cost that leaves is for the caller to say."""
    sizes = [_shares(fill) for fill in fills[:-1]]
    sizes.append(missing - sum(sizes))
    return tuple(_sale(fill, size, fill.fee) for fill, size in zip(fills, sizes, strict=True))


def _shares(fill: FillCounted) -> Size:
    return fill.fee * ONE // fill.price


def _sale(fill: FillCounted, size: Size, fee: Money) -> FillCounted:
    return replace(
        fill,
        trade_id=FEE_OF + fill.trade_id,
        order_id=FEE_OF + fill.order_id,
        side=Side.SELL,
        size=size,
        cash=fee,
        fee=0,
        rebate=0,
    )
