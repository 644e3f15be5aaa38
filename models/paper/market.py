"""Our resting orders in one market, their places in the queue, and what fills them.

The venue keeps no second book: it reads the snapshots that the book actor publishes, which hold the outside world only.
What of it our orders have used up is remembered beside it (`_used`), because the outside does not react to us.

How a resting order fills, all in YES terms (a NO bid at q is a YES ask at 1 - q):

1. It joins behind all size that is visible at its price; where none is, it is first.
2. A trade at its price shrinks `ahead`, then fills. A trade at a worse price went through its level and fills it, by at
   most what was traded. Of one trade no share is used twice.
3. A level that shrinks waits for the print that explains it: that part is the trade of 2, counted once, and touches
   only orders that rested before the level shrank. The rest was a cancel: behind us, unless configured by share; never
   is more ahead than is visible or still waits.
4. An opposing size that comes to rest at or through its price would have met it: it fills by that size, each size once.

Why nothing fills on a book that is not usable: in a gap or a crossed book the sizes are of different times, and an
offer at our price may never have stood against us. Such a book leaves the queue as it was; the next good one is
compared with the last good one.
"""

from bisect import insort
from collections.abc import Iterator
from typing import Final

from models.markets import Market, Side, opposite
from models.messages.market import BookUpdated, TradeSeen
from models.paper.orders import Fill, PaperOrder
from models.paper.parameters import PaperParameters
from models.paper.waiting import Decreases, Level, Part, Prints, Step
from models.units import Price, Size

_MS = 1_000_000
_TRADABLE: Final = (None, "one_sided")
_JUDGED: Final = (None, "one_sided", "locked")


class PaperMarket:
    """One market of the paper venue."""

    def __init__(self, market: Market, parameters: PaperParameters) -> None:
        self.market = market
        self.book: BookUpdated | None = None
        self.payout_yes: Price | None = None
        self._pro_rata = parameters.cancels_ahead == "pro_rata"
        self._good: BookUpdated | None = None
        self._moment = 0
        self._resting: dict[Side, list[PaperOrder]] = {Side.BUY: [], Side.SELL: []}
        self._decreases = Decreases(parameters.print_wait_ms * _MS)
        self._prints = Prints(parameters.print_wait_ms * _MS)
        self._used: dict[Level, Size] = {}

    @property
    def ready(self) -> bool:
        """Whether an order can be judged: a book is known, and it is one."""
        return self.book is not None and self.book.unusable in _JUDGED

    def resting(self) -> list[PaperOrder]:
        """Return our orders on the book: bids, then asks, best first."""
        return [*self._resting[Side.BUY], *self._resting[Side.SELL]]

    def rest(self, order: PaperOrder) -> None:
        """Put an order at the back of the queue of its price."""
        self._moment += 1
        order.joined = self._moment
        order.ahead = 0 if self.book is None else _visible(self.book, Level(order.side, order.price))
        insort(self._resting[order.side], order, key=_priority)

    def remove(self, order: PaperOrder) -> None:
        """Take an order off the book."""
        self._resting[order.side].remove(order)

    def ahead_of(self, order: PaperOrder, now_ns: int) -> Size:
        """Return the outside size before a resting order at its price."""
        self._expire(now_ns)
        return order.ahead

    def crosses_outside(self, order: PaperOrder) -> bool:
        """Say whether an order could trade at once with what the venue's feed shows."""
        book = self.book
        if book is None:
            return False
        return order.price >= book.gross_ask if order.side is Side.BUY else order.price <= book.gross_bid

    def own_crossed(self, order: PaperOrder) -> list[PaperOrder]:
        """Return our own resting orders that an order would trade with, best first."""
        return [other for other in self._resting[opposite(order.side)] if _meets(order, other.price)]

    def plan(self, order: PaperOrder) -> list[tuple[Price, Size]]:
        """Return what an order can take of the visible depth, best price first."""
        taken: list[tuple[Price, Size]] = []
        left = order.remaining
        for price, size in self._opposing(order):
            part = min(left, size)
            taken.append((price, part))
            left -= part
            if not left:
                break
        return taken

    def take(self, order: PaperOrder, plan: list[tuple[Price, Size]]) -> list[Fill]:
        """Fill an order against the visible depth as planned; it pays each level's own price."""
        return [self._use(order, price, size, price, maker=False) for price, size in plan]

    def see_book(self, book: BookUpdated, now_ns: int) -> list[Fill]:
        """Take the newest state of the market's book."""
        self._expire(now_ns)
        self._moment += 1
        self.book = book
        if book.unusable not in _TRADABLE:
            return []
        before, self._good = self._good, book
        if before is not None:
            step = Step(before, book, self._moment, now_ns)
            for level in self._prints.levels:
                step.explain(level, self._prints.take(level, step.unexplained(level)))
            self._decreases.see(step)
        if self._used:
            self._used = {
                level: min(size, left) for level, size in self._used.items() if (left := _visible(book, level))
            }
        if not (self._resting[Side.BUY] or self._resting[Side.SELL]):
            return []
        self._clamp()
        return self._met_by_resting()

    def see_trade(self, trade: TradeSeen, now_ns: int) -> list[Fill]:
        """Take one trade, whichever token it named; `trade.side` is the taker's."""
        if self.book is None or self.book.unusable not in _TRADABLE:
            return []
        self._expire(now_ns)
        self._moment += 1
        level = Level(opposite(trade.side), trade.price)
        parts = self._decreases.take(level, trade.size)
        early = Part(self._moment, trade.size - sum(part.size for part in parts))
        if early.size:
            self._prints.add(level, early.size, now_ns)
        fills = [fill for part in (*parts, early) for fill in self._trade_at(level, part)]
        self._clamp()
        return fills

    def _trade_at(self, level: Level, part: Part) -> list[Fill]:
        """Let a trade go down our queue: better orders, then those at its price, each after the outside before it."""
        fills: list[Fill] = []
        left, outside = part.size, 0
        for order in list(self._resting[level.side]):
            if not _meets(order, level.price):
                break
            if order.joined > part.moment:
                continue
            if order.price == level.price:
                eaten = min(left, max(0, order.ahead - outside))
                outside += eaten
                left -= eaten
                order.ahead = max(0, order.ahead - outside)
            elif left:
                order.ahead = 0
            if left:
                fills.append(self._fill(order, order.price, min(left, order.remaining), maker=True))
                left -= fills[-1].size
        return fills

    def _met_by_resting(self) -> list[Fill]:
        """Fill our orders with the opposing sizes that rest at or through their prices."""
        fills: list[Fill] = []
        for side in Side:
            for order in list(self._resting[side]):
                if not self.crosses_outside(order):
                    break
                fills += [self._use(order, price, size, order.price, maker=True) for price, size in self.plan(order)]
        return fills

    def _opposing(self, order: PaperOrder) -> Iterator[tuple[Price, Size]]:
        """Walk what rests against an order and is not used up, best price first."""
        book = self.book
        if book is None or book.unusable not in _TRADABLE:
            return
        side = opposite(order.side)
        for price, size in book.asks.ascending() if order.side is Side.BUY else book.bids.descending():
            if not _meets(order, price):
                return
            free = size - self._used.get(Level(side, price), 0)
            if free > 0:
                yield price, free

    def _use(self, order: PaperOrder, resting_price: Price, size: Size, price: Price, *, maker: bool) -> Fill:
        level = Level(opposite(order.side), resting_price)
        self._used[level] = self._used.get(level, 0) + size
        return self._fill(order, price, size, maker=maker)

    def _fill(self, order: PaperOrder, price: Price, size: Size, *, maker: bool) -> Fill:
        order.remaining -= size
        if order.joined and not order.remaining:
            self.remove(order)
        return Fill(order, price, size, maker)

    def _expire(self, now_ns: int) -> None:
        """Call what no print has explained in time a cancel; forget prints whose decrease never showed."""
        self._prints.expire(now_ns)
        while (step := self._decreases.pop_expired(now_ns)) is not None:
            if self._pro_rata:
                self._share_cancels(step)
            self._clamp()

    def _share_cancels(self, step: Step) -> None:
        """Let our orders move up by their share of what others have cancelled at their levels."""
        good = self._good
        assert good is not None, "a book was seen"
        for side, orders in self._resting.items():
            for order in orders:
                level = Level(side, order.price)
                gone = step.unexplained(level)
                if gone and order.joined <= step.moment:
                    before = _visible(good, level) + self._decreases.size_at(level) + gone
                    order.ahead -= gone * order.ahead // before

    def _clamp(self) -> None:
        """Let no order have more ahead of it than is visible or has not been explained since it joined."""
        good = self._good
        if good is None:
            return
        for side, orders in self._resting.items():
            if not orders:
                continue
            sizes = (good.bids if side is Side.BUY else good.asks).sizes
            for order in orders:
                visible = sizes.get(order.price, 0)
                if order.ahead > visible:
                    waiting = self._decreases.size_at(Level(side, order.price), order.joined)
                    order.ahead = min(order.ahead, visible + waiting)


def _visible(book: BookUpdated, level: Level) -> Size:
    return (book.bids if level.side is Side.BUY else book.asks).size_at(level.price)


def _meets(order: PaperOrder, price: Price) -> bool:
    """Say whether an order would trade at a price that the other side offers."""
    return price <= order.price if order.side is Side.BUY else price >= order.price


def _priority(order: PaperOrder) -> tuple[Price, int]:
    return (-order.price if order.side is Side.BUY else order.price, order.joined)
