"""What our fills are worth a while after they were made, against the mid of the net book.

The mark-out of a buy is the mid a while later less the price that was paid, of a sale the price less the mid; in
micro-dollars a share, apart from fee and rebate. So half the spread that a quote captured is in it, and what is left of
zero is what the quote earned after all that happened to it. A NO share is worth a dollar less the mid of YES.

Why a bad book gives no mark: its mid says nothing of what a share is worth. A fill waits a moment for the next good
one; a horizon at which none comes has no mark, and is counted. Once a market has paid out, its payout is the mid.
"""

from typing import Final, NamedTuple

from models.deadlines import Deadlines
from models.markets import YES, Outcome, Side
from models.messages.base import MarketId
from models.messages.market import BookUpdated, MarketResolved
from models.messages.orders import FillCounted
from models.units import DOLLAR, ONE, Money, Price

HORIZONS_S: Final = (1, 5, 30, 60)
"""After how many seconds a fill is marked."""

_WAITING_MAX: Final = 10_000
"""So many fills wait for their marks; one more is not marked."""

_HALF: Final = DOLLAR // ONE // 2
_SECOND_NS: Final = 1_000_000_000


def worth_beyond(price: Price, outcome: Outcome, side: Side, mid_twice: Price) -> Money:
    """Return what a share traded at a price gains at a mid of YES, of which twice is given; in micro-dollars."""
    mid = mid_twice * _HALF if outcome == YES else DOLLAR - mid_twice * _HALF
    gain = mid - 2 * price * _HALF
    return gain if side is Side.BUY else -gain


class Marked(NamedTuple):
    """One mark of a fill, None where there was no good book. `marks` are all so far, with this one."""

    fill: FillCounted
    counted_ns: int
    horizon_s: int
    value: Money | None
    captured: Money | None
    predicted: Money | None
    marks: tuple[Money | None, ...]

    @property
    def is_last(self) -> bool:
        """Whether the fill has no more horizons before it."""
        return len(self.marks) == len(HORIZONS_S)


class _Waiting:
    """A fill that has horizons before it. `late`: it waits for a good book beyond its deadline."""

    __slots__ = ("captured", "counted_ns", "fill", "late", "marks", "predicted")

    def __init__(self, fill: FillCounted, counted_ns: int, captured: Money | None, predicted: Money | None) -> None:
        self.fill = fill
        self.counted_ns = counted_ns
        self.captured = captured
        self.predicted = predicted
        self.marks: tuple[Money | None, ...] = ()
        self.late = False


class Markouts:
    """The fills that wait for their marks. `missed` counts the marks that could not be made.

    Deadlines are put under keys that begin with `prefix`; whoever keeps `deadlines` says when one is `due`.
    """

    prefix: Final = "mark "

    def __init__(self, deadlines: Deadlines, patience_ns: int) -> None:
        self.missed = 0
        self._deadlines = deadlines
        self._patience_ns = patience_ns
        self._books: dict[MarketId, BookUpdated] = {}
        self._payouts: dict[MarketId, Price] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._late: dict[MarketId, list[str]] = {}

    def mid_twice(self, market: MarketId) -> Price | None:
        """Return twice the mid of YES, None where the book is not good."""
        payout, book = self._payouts.get(market), self._books.get(market)
        if payout is not None:
            return 2 * payout
        return None if book is None or book.unusable is not None else book.bid + book.ask

    def tick(self, market: MarketId) -> Price:
        """Return the tick of a market's book, 0 where none was ever heard of."""
        return self._books[market].tick if market in self._books else 0

    def filled(self, fill: FillCounted, predicted: Money | None, now_ns: int) -> None:
        """Begin to follow a fill."""
        key = _key(fill)
        if len(self._waiting) >= _WAITING_MAX:
            self.missed += len(HORIZONS_S)
            return
        captured = self._value(fill)
        self._waiting[key] = _Waiting(fill, now_ns, captured, predicted)
        self._deadlines.put(self.prefix + key, now_ns + HORIZONS_S[0] * _SECOND_NS)

    def voided(self, fill: FillCounted) -> None:
        """Forget a fill that failed on chain."""
        key = _key(fill)
        if self._waiting.pop(key, None) is not None:
            self._deadlines.drop(self.prefix + key)

    def book(self, book: BookUpdated) -> list[Marked]:
        """Take in a book; mark what has been waiting for it."""
        self._books[book.market] = book
        if book.unusable is not None or book.market not in self._late:
            return []
        late = self._late.pop(book.market)
        return [self._marked(key) for key in late if key in self._waiting and self._waiting[key].late]

    def resolved(self, resolved: MarketResolved) -> list[Marked]:
        """Mark what waits in a market that pays out, at all the horizons before it."""
        self._payouts[resolved.market] = resolved.payout_yes
        out: list[Marked] = []
        for key in [key for key, waiting in self._waiting.items() if waiting.fill.market == resolved.market]:
            while key in self._waiting:
                out.append(self._marked(key))
        return out

    def due(self, key: str) -> list[Marked]:
        """Mark a fill whose time has come, or give up a mark for which no good book has come."""
        key = key.removeprefix(self.prefix)
        waiting = self._waiting[key]
        if not waiting.late and self._value(waiting.fill) is None:
            waiting.late = True
            self._late.setdefault(waiting.fill.market, []).append(key)
            horizon_ns = HORIZONS_S[len(waiting.marks)] * _SECOND_NS
            self._deadlines.put(self.prefix + key, waiting.counted_ns + horizon_ns + self._patience_ns)
            return []
        if waiting.late:
            self._late[waiting.fill.market].remove(key)
        return [self._marked(key)]

    def _marked(self, key: str) -> Marked:
        waiting = self._waiting[key]
        value = self._value(waiting.fill)
        self.missed += value is None
        waiting.late = False
        waiting.marks = (*waiting.marks, value)
        done = len(waiting.marks)
        marked = Marked(
            waiting.fill, waiting.counted_ns, HORIZONS_S[done - 1], value, waiting.captured, waiting.predicted,
            waiting.marks,
        )  # fmt: skip
        if marked.is_last:
            del self._waiting[key]
            self._deadlines.drop(self.prefix + key)
        else:
            self._deadlines.put(self.prefix + key, waiting.counted_ns + HORIZONS_S[done] * _SECOND_NS)
        return marked

    def _value(self, fill: FillCounted) -> Money | None:
        mid = self.mid_twice(fill.market)
        return None if mid is None else worth_beyond(fill.price, fill.outcome, fill.side, mid)


def _key(fill: FillCounted) -> str:
    return f"{fill.trade_id} {fill.order_id}"
