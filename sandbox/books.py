"""The books of one market: sizes by price, the orders behind them, and the venue's own text of both tokens.

Why one book: YES at p and NO at 1 - p are the same order (a NO bid at q can only trade as a YES ask at 1 - q), so the
exchange keeps one book in YES terms and shows it twice. A recording is replayed as it was captured, lost frames
included, so there each token keeps the book that its own frames gave it.

Why the text is kept: every level change carries the SHA-1 of both tokens' whole books, so the text of a level is
written once, when its size changes, and a book is the join of what stands there.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from sandbox.units import ONE, PRICE_TEXT, size_text

Side = Literal["BUY", "SELL"]
LevelChange = tuple[Side, int, int]
"""Side, price, new total (0: removed), in YES terms."""

OPPOSITE: Final[dict[Side, Side]] = {"BUY": "SELL", "SELL": "BUY"}


class Ladder:
    """One side of a book: the total size at each price, listed worst level first as the venue does."""

    __slots__ = ("_fragments", "_mirrored", "_mirrored_text", "_text", "prices", "side", "sizes")

    def __init__(self, side: Side) -> None:
        self.side: Side = side
        self.prices: list[int] = []
        self.sizes: dict[int, int] = {}
        self._fragments: dict[int, str] = {}
        self._mirrored: dict[int, str] = {}
        self._text: str | None = ""
        self._mirrored_text: str | None = ""

    @property
    def best(self) -> int | None:
        """The price nearest to the other side, None when the side is empty."""
        if not self.prices:
            return None
        return self.prices[-1] if self.side == "BUY" else self.prices[0]

    def set(self, price: int, size: int) -> None:
        """Make the level's total `size`; 0 removes it."""
        self._text = self._mirrored_text = None
        if size:
            if price not in self.sizes:
                insort(self.prices, price)
            self.sizes[price] = size
            text = size_text(size)
            self._fragments[price] = f'{{"price":"{PRICE_TEXT[price]}","size":"{text}"}}'
            self._mirrored[price] = f'{{"price":"{PRICE_TEXT[ONE - price]}","size":"{text}"}}'
        elif self.sizes.pop(price, None) is not None:
            del self.prices[bisect_left(self.prices, price)]
            del self._fragments[price], self._mirrored[price]

    def replace(self, levels: Iterable[tuple[int, int]]) -> None:
        """Forget all levels and take these."""
        for price in tuple(self.prices):
            self.set(price, 0)
        for price, size in levels:
            self.set(price, size)

    @property
    def text(self) -> str:
        """The levels as the venue writes them, without brackets."""
        if self._text is None:
            self._text = self._joined(self._fragments)
        return self._text

    @property
    def mirrored_text(self) -> str:
        """The same levels as the other token shows them: at 1 - p, on its other side."""
        if self._mirrored_text is None:
            self._mirrored_text = self._joined(self._mirrored)
        return self._mirrored_text

    def _joined(self, fragments: dict[int, str]) -> str:
        worst_first = self.prices if self.side == "BUY" else reversed(self.prices)
        return ",".join([fragments[price] for price in worst_first])


class TokenBooks(Protocol):
    """What the wire needs of a market's books; `token` is the outcome's index, 0 or 1."""

    def sides(self, token: int) -> tuple[str, str]:
        """The text of a token's bids and asks."""
        ...

    def touch(self, token: int) -> tuple[int | None, int | None]:
        """A token's best bid and best ask."""
        ...

    def clear(self) -> None:
        """Take every level out."""
        ...


@dataclass(slots=True)
class Order:
    """A resting order in YES terms; orders of a level stand in the order of their numbers.

    `owner` is the id of an account's order, or a name for those who have no account.
    """

    number: int
    owner: str
    side: Side
    price: int
    remaining: int


class MirroredBook:
    """The one order-level book of a market, in price-time priority, shown as two tokens."""

    def __init__(self) -> None:
        self.bids = Ladder("BUY")
        self.asks = Ladder("SELL")
        self._queues: dict[tuple[Side, int], dict[int, Order]] = {}
        self._touched: dict[tuple[Side, int], None] = {}
        self._next_number = 1

    def ladder(self, side: Side) -> Ladder:
        """The side on which orders of this kind rest."""
        return self.bids if side == "BUY" else self.asks

    def rest(self, owner: str, side: Side, price: int, size: int) -> Order:
        """Put an order at the back of its level. Raises ValueError when it would cross."""
        other = self.ladder(OPPOSITE[side]).best
        if other is not None and (price >= other if side == "BUY" else price <= other):
            raise ValueError(f"{side} at {PRICE_TEXT[price]} crosses {PRICE_TEXT[other]}")
        order = Order(self._next_number, owner, side, price, size)
        self._next_number += 1
        self._queues.setdefault((side, price), {})[order.number] = order
        self._resize(side, price, size)
        return order

    def cancel(self, order: Order, size: int | None = None) -> None:
        """Take an order, or `size` of it, out of its level."""
        self._shrink(order, order.remaining if size is None else size)

    def orders(self, side: Side, price: int) -> tuple[Order, ...]:
        """The orders of a level, first in line first."""
        return tuple(self._queues.get((side, price), {}).values())

    def line(self, side: Side) -> Iterator[Order]:
        """What rests on a side as takers get it: best price, then oldest first. The book must hold still meanwhile."""
        prices = self.ladder(side).prices
        for price in reversed(prices) if side == "BUY" else prices:
            yield from self._queues[side, price].values()

    def clear(self) -> None:
        """Take every order out."""
        for queue in tuple(self._queues.values()):
            for order in tuple(queue.values()):
                self.cancel(order)

    def drain_changes(self) -> list[LevelChange]:
        """The levels that changed since the last call, each with its side, price and new total."""
        changes: list[LevelChange] = []
        for side, price in self._touched:
            changes.append((side, price, self.ladder(side).sizes.get(price, 0)))
        self._touched.clear()
        return changes

    def sides(self, token: int) -> tuple[str, str]:
        """The text of a token's bids and asks."""
        if token == 0:
            return self.bids.text, self.asks.text
        return self.asks.mirrored_text, self.bids.mirrored_text

    def touch(self, token: int) -> tuple[int | None, int | None]:
        """A token's best bid and best ask."""
        bid, ask = self.bids.best, self.asks.best
        if token == 0:
            return bid, ask
        return (None if ask is None else ONE - ask), (None if bid is None else ONE - bid)

    def _shrink(self, order: Order, size: int) -> None:
        order.remaining -= size
        if not order.remaining:
            queue = self._queues[order.side, order.price]
            del queue[order.number]
            if not queue:
                del self._queues[order.side, order.price]
        self._resize(order.side, order.price, -size)

    def _resize(self, side: Side, price: int, change: int) -> None:
        ladder = self.ladder(side)
        ladder.set(price, ladder.sizes.get(price, 0) + change)
        self._touched[side, price] = None


class RecordedBooks:
    """The two books of a replayed market, each as its own frames say: they mirror only where the recording does."""

    def __init__(self) -> None:
        self.tokens = ((Ladder("BUY"), Ladder("SELL")), (Ladder("BUY"), Ladder("SELL")))

    def sides(self, token: int) -> tuple[str, str]:
        """The text of a token's bids and asks."""
        bids, asks = self.tokens[token]
        return bids.text, asks.text

    def touch(self, token: int) -> tuple[int | None, int | None]:
        """A token's best bid and best ask."""
        bids, asks = self.tokens[token]
        return bids.best, asks.best

    def clear(self) -> None:
        """Take every level out."""
        for bids, asks in self.tokens:
            bids.replace(())
            asks.replace(())
