"""The venue's own words, so that what reads them in live reads them in paper.

Source: error codes and live answers collected in 2026 (REST `POST /order`, `DELETE /order`, user channel). Where the
venue's wording is not known the text says what happened, in its style.
"""

from typing import Final

from models.markets import Side
from models.units import Money, Price, Size, format_money, format_price, format_size

PAYLOAD: Final = "Invalid order payload"
EXPIRATION: Final = "invalid expiration"
NO_BOOK: Final = "No orderbook exists for the requested token id"
NOT_READY: Final = "the market is not yet ready to process new orders"
BALANCE: Final = "not enough balance / allowance"
POST_ONLY_CROSSES: Final = "invalid post-only order: order crosses book"
FOK_KILLED: Final = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_KILLED: Final = (
    "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
)

GONE: Final = "order can't be found - already canceled or matched"
DELAYED: Final = "order is delayed and can't be canceled"

CANCELED: Final = "CANCELED"
CANCELED_RESOLVED: Final = "CANCELED_MARKET_RESOLVED"
CANCELED_BALANCE: Final = "CANCELED_NOT_ENOUGH_BALANCE"
CANCELED_SELF_TRADE: Final = "CANCELED_self-trade prevention"
INVALID: Final = "INVALID"

_AMOUNT_DECIMALS: Final = {1_000: 3, 100: 4, 50: 5, 25: 6, 10: 5, 1: 6}


def duplicated(order_id: str) -> str:
    """Say that this signed order was taken before: the first one stands."""
    return f"order {order_id} is invalid. Duplicated."


def off_grid(order_id: str, price: Price, tick: Price) -> str:
    """Say that a price is off the grid or outside [tick, 1 - tick]."""
    rule = f"breaks minimum tick size rule: {format_price(tick)}"
    return f"order {order_id} is invalid. Price ({format_price(price)}) {rule}"


def too_small(order_id: str, size: Size, minimum: Size) -> str:
    """Say that an order has fewer shares than the market's minimum."""
    return f"order {order_id} is invalid. Size ({format_size(size)}) lower than the minimum: {format_size(minimum)}"


def too_little_money(amount: Money, minimum: Money) -> str:
    """Say that a buy that would trade at once is worth too little."""
    return f"invalid amount for a marketable BUY order (${format_money(amount)}), min size: ${format_money(minimum)}"


def too_precise(side: Side, immediate: bool, tick: Price) -> str:
    """Say which decimals the amounts may have; `immediate` is FOK and FAK."""
    shares, dollars = (4, 2) if immediate and side is Side.BUY else (2, _AMOUNT_DECIMALS[tick])
    maker, taker = (dollars, shares) if side is Side.BUY else (shares, dollars)
    kind = "market " if immediate else ""
    return (
        f"invalid amounts, the {kind}{side.value.lower()} orders maker amount supports a max accuracy of {maker} "
        f"decimals, taker amount a max of {taker} decimals"
    )
