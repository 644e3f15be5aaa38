"""What a position is worth now, without false alarms.

Why pairs count as a dollar: marked at their two bids, a hundred riskless pairs lose $98 in a moment of 0.01/0.99, which
would latch a kill for nothing. Only the unpaired residual has a price, and it is the one at which it could be sold: its
bid, walked for its size.

Why a bad book gives no mark: a one-sided, broken, stale or wide book says nothing about value. The last good book is
kept and priced again, with its age; a residual without a good mark for long is reported, as a reason to halt its market
and never to kill.
"""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from models.markets import NO, YES, Outcome
from models.messages.losses import GoodMark
from models.messages.market import BookUpdated, MarketResolved
from models.messages.position import Position
from models.parameters import parameter
from models.positions import net_diff
from models.units import ONE, Money, Price, Size, cash_of

_MS = 1_000_000


class MarkParameters(msgspec.Struct, frozen=True):
    """Which books a position may be marked at."""

    mark_max_spread: Annotated[
        Price, parameter("A wider book gives no mark; the last good one is kept.", "price", gt=0)
    ] = 1_000
    no_mark_after_ms: Annotated[
        int, parameter("An unpaired position without a good mark for this long halts its market.", "ms", gt=0)
    ] = 60_000


class Mark(msgspec.Struct, frozen=True, gc=False):
    """Value of a position in a market, and what it has gained over its cost.

    `value`, `unrealized` and `age_ns` are None while a residual has never had a mark. `no_mark` says that its last good
    mark is too old, `no_mark_at_ns` when it becomes so if none comes: None where nothing unpaired is held, or paid.
    """

    value: Money | None
    unrealized: Money | None
    age_ns: int | None
    no_mark: bool = False
    no_mark_at_ns: int | None = None


class Marker:
    """Marks one desk's position in one market. It is told of every change; `mark` may be asked at any time."""

    def __init__(self, parameters: MarkParameters) -> None:
        self._parameters = parameters
        self._position = Position()
        self._book: BookUpdated | None = None
        self._payout_yes: Price | None = None
        self._last: GoodMark | None = None
        self._naked_since_ns = 0

    def position_changed(self, position: Position, now_ns: int) -> None:
        """Take in the position after a fill, a merge or a payout."""
        self._last = self._price(now_ns)
        if _naked_outcome(position) != _naked_outcome(self._position):
            self._last = None
            self._naked_since_ns = now_ns
        self._position = position

    def book_updated(self, book: BookUpdated, now_ns: int) -> None:
        """Take in the market's book. Until now the one before was true."""
        self._last = self._price(now_ns)
        self._book = book

    def resolved(self, result: MarketResolved) -> None:
        """Mark at what the market pays: 1 and 0, or a half each."""
        self._payout_yes = result.payout_yes

    def recalled(self, position: Position, last: GoodMark | None, now_ns: int) -> None:
        """Go on for another who held this position and whose last good mark is known; a new one has its time anew."""
        self.position_changed(position, now_ns)
        if last is not None and last.outcome == _naked_outcome(position):
            self._last = last

    def last_good(self, now_ns: int) -> GoodMark | None:
        """Return the mark of what is unpaired, None where it never had one."""
        return self._price(now_ns)

    def mark(self, now_ns: int) -> Mark:
        """Return the value of the position now."""
        yes, no = self._position.yes, self._position.no
        cost = yes.cost + no.cost
        if self._payout_yes is not None:
            value = cash_of(self._payout_yes, yes.shares) + cash_of(ONE - self._payout_yes, no.shares)
            return Mark(value, value - cost, 0)
        pairs = min(yes.shares, no.shares)
        if yes.shares == no.shares:
            return Mark(pairs, pairs - cost, 0)
        price = self._price(now_ns)
        good_ns = self._naked_since_ns if price is None else max(self._naked_since_ns, price.at_ns)
        due_ns = good_ns + self._parameters.no_mark_after_ms * _MS
        if price is None:
            return Mark(None, None, None, now_ns >= due_ns, due_ns)
        value = pairs + price.cash * abs(yes.shares - no.shares) // price.size
        return Mark(value, value - cost, now_ns - price.at_ns, now_ns >= due_ns, due_ns)

    def _price(self, now_ns: int) -> GoodMark | None:
        """Return the price of the residual: of now where the book is good, else the last good one."""
        outcome, book = _naked_outcome(self._position), self._book
        if outcome is None or book is None or not self._is_good(book):
            return self._last
        size = abs(net_diff(self._position))
        cash = _proceeds(book, outcome, size)
        return self._last if cash is None else GoodMark(outcome, size, cash, now_ns)

    def _is_good(self, book: BookUpdated) -> bool:
        two_sided = book.bid > 0 and book.ask < ONE
        return book.unusable is None and two_sided and book.ask - book.bid <= self._parameters.mark_max_spread


def _naked_outcome(position: Position) -> Outcome | None:
    net = net_diff(position)
    if net == 0:
        return None
    return YES if net > 0 else NO


def _proceeds(book: BookUpdated, outcome: Outcome, size: Size) -> Money | None:
    """Return what selling `size` into the bids of a token would bring, None where they show less than that."""
    at_touch = book.bids.size_at(book.bid) if outcome == YES else book.asks.size_at(book.ask)
    if at_touch >= size:
        # The usual case, without sorting the whole side.
        return cash_of(book.bid if outcome == YES else ONE - book.ask, size)
    cash = 0
    for price, resting in _bids(book, outcome):
        sold = min(size, resting)
        cash += cash_of(price, sold)
        size -= sold
        if size == 0:
            return cash
    return None


def _bids(book: BookUpdated, outcome: Outcome) -> Iterator[tuple[Price, Size]]:
    """Walk the bids of a token, best first: those of NO are the asks of YES, seen in the mirror."""
    if outcome == YES:
        return book.bids.descending()
    return ((ONE - price, size) for price, size in book.asks.ascending())
