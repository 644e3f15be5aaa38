"""What the outside participants of one market mean to have in its book, kept apart from what stands there.

Why apart: accounts' orders rest in the same book. Makers that read and wrote it would cancel what is not theirs, and
what they do would depend on what accounts do, even where it must not. So they write down here what they want, and only
the differences are carried over: a level that grew joins the back of its queue, one that shrank leaves it, one that
ended takes all that the outside still has there. As this ladder never crosses itself, the outside never does either,
however much of it accounts have taken.
"""

from bisect import bisect_left, insort
from typing import Final

from sandbox.books import OPPOSITE, MirroredBook, Side
from sandbox.markets import Market
from sandbox.trading.records import OUTSIDE
from sandbox.units import ONE
from sandbox.venue import Venue

_EVERYTHING: Final = 10**18
_NEAR_ONE = 9_600
_NEAR_ZERO = 400
_FINE_TICK = 10


class Levels:
    """One side of the shadow: sizes by price, without the texts of a served book."""

    __slots__ = ("prices", "side", "sizes")

    def __init__(self, side: Side) -> None:
        self.side: Side = side
        self.prices: list[int] = []
        self.sizes: dict[int, int] = {}

    @property
    def best(self) -> int | None:
        """The price nearest to the other side, None when the side is empty."""
        if not self.prices:
            return None
        return self.prices[-1] if self.side == "BUY" else self.prices[0]

    @property
    def worst(self) -> int:
        """The price farthest from the other side, of a side that has one."""
        return self.prices[0] if self.side == "BUY" else self.prices[-1]

    def set(self, price: int, size: int) -> int:
        """Make the level's total `size`, 0 removes it; says what it was."""
        before = self.sizes.get(price, 0)
        if size:
            if not before:
                insort(self.prices, price)
            self.sizes[price] = size
        elif before:
            del self.sizes[price], self.prices[bisect_left(self.prices, price)]
        return before


class Shadow:
    """The intended levels of one market in YES terms, and the way from there into its book."""

    def __init__(self, venue: Venue, market: Market) -> None:
        self.venue = venue
        self.market = market
        self.tick = market.tick
        """The grid by these levels alone: what accounts do to the market's own must not show here."""
        self.bids = Levels("BUY")
        self.asks = Levels("SELL")
        self._before: dict[tuple[Side, int], int] = {}

    def levels(self, side: Side) -> Levels:
        """The side on which orders of this kind rest."""
        return self.bids if side == "BUY" else self.asks

    def size(self, side: Side, price: int) -> int:
        """The total that is meant to stand at a price."""
        return self.levels(side).sizes.get(price, 0)

    def set(self, side: Side, price: int, size: int) -> None:
        """Want another total at a price, from the next `carry` on."""
        before = self.levels(side).set(price, size)
        self._before.setdefault((side, price), before)

    def carry(self, now_ns: int) -> None:
        """Bring the market's book what changed since the last time, as one frame; leaving comes before arriving.

        Where an account stands in the way of what arrives that is a trade, which shows in frames of its own.
        """
        pending, self._before = self._before, {}
        grown: list[tuple[Side, int, int]] = []
        for (side, price), before in pending.items():
            size = self.size(side, price)
            if size > before:
                grown.append((side, price, size - before))
            elif size < before:
                self._withdraw(side, price, before - size if size else _EVERYTHING, now_ns)
        for side, price, size in grown:
            if self._meets_account(side, price):
                self.venue.publish(self.market, now_ns)
            self.venue.rest_outside(self.market, side, price, size, now_ns)
        self.venue.publish(self.market, now_ns)
        self._narrow_tick(now_ns)

    def move_in(self) -> None:
        """Put all that is wanted into an empty book at once, without a word to anybody."""
        assert isinstance(self.market.book, MirroredBook)
        self._before.clear()
        for levels in (self.bids, self.asks):
            for price, size in levels.sizes.items():
                self.market.book.rest(OUTSIDE, levels.side, price, size)
        self.market.book.drain_changes()

    def trade(self, token: int, side: Side, size: int, print_delay_ns: int, now_ns: int) -> None:
        """Let an outside taker trade one token, here and in the book, where accounts may stand in its way.

        What accounts took of it is left over in levels that are used up here; it goes at once.
        """
        emptied = self._take(side if token == 0 else OPPOSITE[side], size)
        self.venue.trade(self.market, token, side, size, print_delay_ns, now_ns)
        for level_side, price in emptied:
            self._withdraw(level_side, price, _EVERYTHING, now_ns)
        self.venue.publish(self.market, now_ns)

    def _meets_account(self, side: Side, price: int) -> bool:
        assert isinstance(self.market.book, MirroredBook)
        best = self.market.book.ladder(OPPOSITE[side]).best
        return best is not None and (best <= price if side == "BUY" else best >= price)

    def _take(self, side: Side, size: int) -> list[tuple[Side, int]]:
        levels = self.levels(OPPOSITE[side])
        emptied: list[tuple[Side, int]] = []
        while size and (best := levels.best) is not None:
            taken = min(size, levels.sizes[best])
            size -= taken
            levels.set(best, levels.sizes[best] - taken)
            if best not in levels.sizes:
                emptied.append((levels.side, best))
        return emptied

    def _withdraw(self, side: Side, price: int, size: int, now_ns: int) -> None:
        self.venue.withdraw_outside(self.market, side, price, size, now_ns)

    def _narrow_tick(self, now_ns: int) -> None:
        """Past 0.96 or 0.04 go over to the finer grid, and take the market along if accounts held it back."""
        bid, ask = self.bids.best, self.asks.best
        if self.tick > _FINE_TICK and ((bid or 0) > _NEAR_ONE or (ONE if ask is None else ask) < _NEAR_ZERO):
            self.tick = _FINE_TICK
            if self.market.tick > _FINE_TICK:
                self.venue.change_tick(self.market, _FINE_TICK, now_ns)
