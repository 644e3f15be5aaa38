"""What a taker would get from a book, worked out before anything changes: a fill-or-kill order may leave no trace.

Amounts: whatever the makers are, a buyer pays floor(size x price) and a seller gets ceil(size x price), in micro-units
at the maker's price: each maker's part is rounded against the maker, as its own signed amounts want it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.books import OPPOSITE, MirroredBook, Side
from sandbox.books import Order as Resting
from sandbox.trading.records import Order
from sandbox.units import ONE


@dataclass(frozen=True, slots=True)
class Taker:
    """What a taker wants of one token: `amount` is in micro-shares, or in micro-dollars when it `spends`.

    `limit` is the worst price that it takes, None any.
    """

    token: int
    side: Side
    amount: int
    limit: int | None = None
    spends: bool = False

    @classmethod
    def of(cls, order: Order) -> "Taker":
        """An account's order as a taker: a FOK or FAK buy spends, everything else counts shares."""
        spends = order.side == "BUY" and order.time_in_force in ("FOK", "FAK")
        return cls(order.token, order.side, order.making if spends else order.size, order.price, spends)

    @property
    def meets(self) -> Side:
        """The side of the book that it takes from."""
        return OPPOSITE[self.side] if self.token == 0 else self.side

    def accepts(self, price: int) -> bool:
        """Whether it trades at a price of its token."""
        if self.limit is None:
            return True
        return price <= self.limit if self.side == "BUY" else price >= self.limit


@dataclass(frozen=True, slots=True)
class Part:
    """What it takes of one resting order; `price` is that of the taker's token."""

    resting: Resting
    price: int
    size: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts, the resting orders of the taker's own wallet that stand in the way, and whether nothing is left."""

    parts: tuple[Part, ...]
    own: tuple[Resting, ...]
    complete: bool

    @property
    def size(self) -> int:
        """Micro-shares of all parts."""
        return sum(part.size for part in self.parts)


def plan(book: MirroredBook, taker: Taker, is_own: Callable[[Resting], bool]) -> Plan:
    """Go through the book by price and time until the taker has what it wants or the next price is too bad for it."""
    left = taker.amount
    parts: list[Part] = []
    own: list[Resting] = []
    for resting in book.line(taker.meets):
        price = resting.price if taker.token == 0 else ONE - resting.price
        if not left or not taker.accepts(price):
            break
        if is_own(resting):
            own.append(resting)
            continue
        wanted = left * ONE // price if taker.spends else left
        if taker.spends and wanted * price < ONE:
            break
        size = min(wanted, resting.remaining)
        parts.append(Part(resting, price, size))
        left = 0 if size == wanted else left - (size * price // ONE if taker.spends else size)
    # Every part that is paid for may leave a fraction of a micro-dollar; that is nothing one could still buy with.
    return Plan(tuple(parts), tuple(own), left <= (len(parts) if taker.spends else 0))
