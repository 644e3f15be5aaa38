"""Which limit a market meets first, counted in orders of the size that is traded there.

Why in orders: dollars, shares and counts cannot be compared with each other, but each of them is used up by orders. Why
more than one order of each side is not told apart: it is an answer to "which number do I have to change", not a
forecast.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from models.controls.families import CONTROLS
from models.messages.control import Reading
from models.snapshot import Board, MarketLine
from models.units import DOLLAR, ONE, SHARE, cash_of

_BY_MARKET: Final = frozenset({"open_positions"})
"""Counts of markets: one that is counted already uses up no more of them."""


class Bound(NamedTuple):
    """A limit on a market. `orders`: how many more orders it lets pass, 0 where it stops the next one."""

    reading: Reading
    orders: int


class OrderSize(NamedTuple):
    """The order that is counted with: in shares, and in dollars."""

    shares: float
    dollars: float


def order_size(board: Board, line: MarketLine) -> OrderSize:
    """Return the largest order that is wanted in a market at present, the smallest one there is where none is."""
    quotes = [quote for said in board.explanations(line.market.id) for quote in said.quotes]
    largest = max(quotes, key=lambda quote: cash_of(quote.price, quote.size), default=None)
    if largest is None:
        price = (line.book.bid + line.book.ask) // 2 if line.book is not None else ONE // 2
        return OrderSize(line.market.min_order_size / SHARE, cash_of(price, line.market.min_order_size) / DOLLAR)
    return OrderSize(largest.size / SHARE, cash_of(largest.price, largest.size) / DOLLAR)


def bounds(readings: Iterable[Reading], line: MarketLine, size: OrderSize) -> tuple[Bound, ...]:
    """Return the limits that orders of that size use up in a market, the one that binds first in front."""
    scopes = {"all", line.market.slug, f"event {line.market.group}"}
    used_up = () if line.exposure is None or line.exposure.worst_case == 0 else _BY_MARKET
    found = [
        bound
        for reading in readings
        if reading.scope in scopes or reading.scope.startswith(f"{line.market.slug} ")
        if reading.control not in used_up
        for bound in _bound(reading, size)
    ]
    return tuple(sorted(found, key=lambda bound: bound.orders))


def _bound(reading: Reading, size: OrderSize) -> Iterator[Bound]:
    if reading.holds:
        yield Bound(reading, 0)
        return
    control = CONTROLS.get(reading.control)
    if control is not None and control.stage != "before":  # losses and refusals are no limits that orders use up
        return
    step = {"dollars": size.dollars, "shares": size.shares, "count": 1.0}.get(reading.unit)
    if step is None or step <= 0 or reading.limit is None:
        return
    if reading.value is None:  # a limit on each single order
        if step > reading.limit:
            yield Bound(reading, 0)
        return
    yield Bound(reading, max(0, int((reading.limit - reading.value) / step + 1e-9)))
