"""Liquidity that a fault takes out of the way, or brings."""

from typing import Final

from sandbox.books import OPPOSITE, MirroredBook, Side
from sandbox.faults.table import FaultError
from sandbox.markets import Market
from sandbox.trading.records import Order
from sandbox.units import MILLISECOND
from sandbox.venue import Venue

_EVERYTHING: Final = 1 << 62
_PRINT_DELAY_NS: Final = 50 * MILLISECOND

Taken = list[tuple[Side, int, int]]
"""Side, price and size, in YES terms."""


def take_away(venue: Venue, market: Market, side: Side, limit: int, now_ns: int, *, shown: bool = True) -> Taken:
    """Take the outside out of all levels of a side down to a price; shown at once or with the next change."""
    taken: Taken = []
    for price in tuple(book_of(market).ladder(side).prices):
        if price >= limit if side == "BUY" else price <= limit:
            size = venue.withdraw_outside(market, side, price, _EVERYTHING, now_ns)
            if size:
                taken.append((side, price, size))
    if shown:
        venue.publish(market, now_ns)
    return taken


def put_back(venue: Venue, market: Market, taken: Taken, now_ns: int) -> None:
    """Let what was taken away stand there again."""
    if market.closed:
        return
    for side, price, size in taken:
        venue.rest_outside(market, side, price, size, now_ns)
    venue.publish(market, now_ns)


def fill(venue: Venue, order: Order, size: int, now_ns: int) -> int:
    """Let an outside taker trade with an order as if no outside order were ahead of it; says how many shares."""
    if order.resting is None:
        return 0
    ahead = take_away(venue, order.market, order.book_side, order.book_price, now_ns)
    traded = venue.trade(order.market, order.token, OPPOSITE[order.side], size, _PRINT_DELAY_NS, now_ns)
    put_back(venue, order.market, ahead, now_ns)
    return traded


def book_of(market: Market) -> MirroredBook:
    """The book of orders of a market. Raises FaultError for one that is closed or replayed without."""
    if market.closed or not isinstance(market.book, MirroredBook):
        raise FaultError(f"expected an open market with a book of orders; {market.slug} is none")
    return market.book
