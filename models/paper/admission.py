"""What the venue refuses by looking at an order and its market alone, before money and the book are asked."""

from typing import Final

from models.markets import Side
from models.messages.orders import PlaceOrder
from models.orders import TimeInForce
from models.paper import texts
from models.paper.market import PaperMarket
from models.units import DOLLAR, ONE, Money, Price, Size, cash_of

IMMEDIATE: Final = frozenset({TimeInForce.FOK, TimeInForce.FAK})
"""Orders that take or die."""

MARKETABLE_MINIMUM: Final[Money] = DOLLAR
"""What a buy that would trade at once must be worth."""

_SIZE_STEP: Final[Size] = 10_000
_IMMEDIATE_BUY_STEP: Final[Size] = 100


def refusal(order_id: str, wish: PlaceOrder, market: PaperMarket) -> str | None:
    """Return the venue's error text for an order, None if form, market, price and size are in order."""
    if market.payout_yes is not None:
        return texts.NO_BOOK
    if not market.market.accepting_orders or not market.ready or market.book is None:
        return texts.NOT_READY
    if wish.post_only and wish.time_in_force in IMMEDIATE:
        return texts.PAYLOAD
    if wish.time_in_force is TimeInForce.GTD:
        # No strategy asks for one, and nothing here would let it expire.
        return texts.EXPIRATION
    return _amounts_refusal(order_id, wish, market.book.tick, market.market.min_order_size)


def marketable_refusal(wish: PlaceOrder) -> str | None:
    """Return the venue's error text for an order that would trade at once and is worth too little."""
    amount = cash_of(wish.price, wish.size)
    if wish.side is Side.BUY and amount < MARKETABLE_MINIMUM:
        return texts.too_little_money(amount, MARKETABLE_MINIMUM)
    return None


def _amounts_refusal(order_id: str, wish: PlaceOrder, tick: Price, minimum: Size) -> str | None:
    if wish.price % tick or not tick <= wish.price <= ONE - tick:
        return texts.off_grid(order_id, wish.price, tick)
    if wish.size < minimum:
        return texts.too_small(order_id, wish.size, minimum)
    immediate = wish.time_in_force in IMMEDIATE
    if wish.size % (_IMMEDIATE_BUY_STEP if immediate and wish.side is Side.BUY else _SIZE_STEP):
        return texts.too_precise(wish.side, immediate, tick)
    return None
