"""The two integers of an order that its signature covers: what it gives, and what it wants for it.

The venue limits the decimals of both by the tick, and refuses an order whose price times size they do not meet exactly
(table read 2026-11-21 in py-clob-client-v2 1.2.1):

    tick      0.1   0.01   0.005   0.0025   0.001   0.0001
    shares      2      2       2        2       2        2
    dollars     3      4       5        6       5        6

Why nothing is rounded for an order that rests: a price on the grid times whole hundredths of shares has never more
decimals than the table allows. The official clients multiply floats and lose a cent's worth at 0.29 x 100.

Why a buy that takes at once is told in dollars: the venue matches FOK and FAK buys until the dollars are spent. At a
better price they buy more shares than were asked for; they never cost more.
"""

from typing import Final

from models.controls.control import Refusal
from models.ledger import Amounts
from models.markets import Side
from models.messages.orders import PlaceOrder
from models.orders import TimeInForce
from models.sizes import SIZE_STEP, placeable
from models.units import ONE, TICKS, Money, Price, Size, cash_of, format_money, format_price, format_size

SPEND_STEP: Final[Money] = 10_000
"""The venue takes whole cents for a buy that takes at once."""

_TAKEN_STEPS: Final = {tick: 1_000 if tick == TICKS[0] else 100 for tick in TICKS}
"""Of such a buy the shares: three decimals at the coarsest tick and four at all others. The official clients write five
or six at the finer ones, which the venue answers with "a max of 4 decimals" (py-clob-client-v2 issue 99, July 2026)."""

_TAKES: Final = frozenset({TimeInForce.FOK, TimeInForce.FAK})


def signed_amounts(order: PlaceOrder, tick: Price) -> Amounts | Refusal:
    """Return what an order gives and wants on a market of this tick, or why the venue would not take it.

    A size is rounded down to hundredths of shares, the dollars of a buy that takes at once to cents.
    """
    if order.side is Side.BUY and order.time_in_force in _TAKES:
        return spending_amounts(order.price, cash_of(order.price, order.size), tick)
    return resting_amounts(order.side, order.price, order.size, tick)


def resting_amounts(side: Side, price: Price, size: Size, tick: Price) -> Amounts | Refusal:
    """Return the amounts of an order over shares: one that rests, or a sale that takes at once."""
    refusal = _off_the_grid(price, tick)
    if refusal is not None:
        return refusal
    shares = placeable(size)
    if shares <= 0:
        return Refusal("size", f"{format_size(size)} shares are less than the smallest step {format_size(SIZE_STEP)}")
    dollars = price * shares // ONE
    return Amounts(dollars, shares) if side is Side.BUY else Amounts(shares, dollars)


def spending_amounts(price: Price, spend: Money, tick: Price) -> Amounts | Refusal:
    """Return the amounts of a buy that takes at once: `spend` dollars at `price` or better."""
    refusal = _off_the_grid(price, tick)
    if refusal is not None:
        return refusal
    dollars = spend // SPEND_STEP * SPEND_STEP
    if dollars <= 0:
        return Refusal("spend", f"{format_money(spend)} dollars are less than the smallest step of a cent")
    step = _TAKEN_STEPS[tick]
    return Amounts(dollars, dollars * ONE // price // step * step)


def _off_the_grid(price: Price, tick: Price) -> Refusal | None:
    if tick not in TICKS:
        return Refusal("tick", f"{format_price(tick)} is no tick size of the venue")
    if not tick <= price <= ONE - tick:
        return Refusal(
            "price", f"{format_price(price)} lies outside {format_price(tick)} to {format_price(ONE - tick)}"
        )
    if price % tick:
        return Refusal("price", f"{format_price(price)} is no multiple of the tick {format_price(tick)}")
    return None
