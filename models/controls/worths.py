"""What every desk has won or lost, and all of them together: realised to the micro-dollar, the rest at its marks.

Why a sum that is kept and not made anew: every fill is held against the loss limits, and there may be hundreds a
second. Only what is unpaired has a price that moves; pairs are a dollar, and a closed position is what it brought.

Why what never had a mark counts at its cost: nobody knows what it is worth, and a limit on losses that nobody can see
would kill on a guess. Its market is halted, for want of a mark.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from models.exposure import Exposures
from models.marks import Mark, Marker, MarkParameters
from models.messages.base import MarketId, Tag
from models.messages.losses import GoodMark, Worth
from models.messages.market import BookUpdated, MarketResolved
from models.messages.position import Position
from models.positions import net_diff, profit_realised
from models.units import Money, Size

Desk: TypeAlias = tuple[MarketId, Tag]

_NOTHING = Worth()


class Worths:
    """Marks the positions that `exposures` counts. `total` is what all desks have won, as it was when last marked."""

    def __init__(self, exposures: Exposures, parameters: MarkParameters) -> None:
        self.total = _NOTHING
        self._exposures = exposures
        self._parameters = parameters
        self._books: dict[MarketId, BookUpdated] = {}
        self._results: dict[MarketId, MarketResolved] = {}
        self._worths: dict[Desk, Worth] = {}
        self._markets: dict[MarketId, Worth] = {}
        self._unpaired: dict[MarketId, dict[Tag, Marker]] = {}

    @property
    def moving(self) -> bool:
        """Whether anything is held whose price moves."""
        return bool(self._unpaired)

    def of(self, market: MarketId) -> Worth:
        """Return what all desks have won in a market."""
        return self._markets.get(market, _NOTHING)

    def traded(self) -> Iterator[MarketId]:
        """Walk the markets in which anything was ever won, lost or held."""
        return iter(self._markets)

    def unpaired(self, now_ns: int) -> Iterator[tuple[MarketId, Size, Mark]]:
        """Walk what is held unpaired: its market, how much of it, and its mark."""
        for (market, tag), marker in self._markers():
            yield market, abs(net_diff(self._position((market, tag)))), marker.mark(now_ns)

    def marks(self, now_ns: int) -> Iterator[tuple[Tag, MarketId, GoodMark]]:
        """Walk the last good marks of what is held unpaired."""
        for (market, tag), marker in self._markers():
            good = marker.last_good(now_ns)
            if good is not None:
                yield tag, market, good

    def book_updated(self, book: BookUpdated, now_ns: int) -> None:
        """Take in a market's book. Until now the one before was true."""
        self._books[book.market] = book
        for marker in self._unpaired.get(book.market, {}).values():
            marker.book_updated(book, now_ns)

    def resolved(self, result: MarketResolved, now_ns: int) -> None:
        """From now on a market is worth what it pays."""
        self._results[result.market] = result
        for market, tag in tuple(self._worths):
            if market == result.market:
                self.moved(market, tag, now_ns)

    def moved(self, market: MarketId, tag: Tag, now_ns: int) -> Money:
        """Take in a desk's position, as exposures count it now; return what it has realised since the last time."""
        position = self._position((market, tag))
        marker = self._marker(market, tag, now_ns)
        marker.position_changed(position, now_ns)
        return self._keep(market, tag, marker, position, now_ns)

    def mark(self, now_ns: int) -> None:
        """Mark anew whatever has a price that moves."""
        for desk, marker in self._markers():
            self._put(desk, Worth(self._worths[desk].realised, marker.mark(now_ns).unrealized or 0))

    # After a death

    def recall(self, market: MarketId, tag: Tag) -> Money:
        """Learn what a desk has realised by now; marks follow when all is recalled."""
        desk = (market, tag)
        return self._put(desk, Worth(profit_realised(self._position(desk)), 0))

    def recall_result(self, result: MarketResolved) -> None:
        """Learn what a market pays."""
        self._results[result.market] = result

    def recalled(self, marks: Mapping[Desk, GoodMark], now_ns: int) -> None:
        """Mark everything: at the last marks that are known of, until there are new ones."""
        for desk in self._worths:
            market, tag = desk
            marker, position = self._marker(market, tag, now_ns), self._position(desk)
            marker.recalled(position, marks.get(desk), now_ns)
            self._keep(market, tag, marker, position, now_ns)

    def all_marked_since(self, at_ns: int, now_ns: int) -> bool:
        """Whether everything whose price moves has had a good mark after a time."""
        goods = [marker.last_good(now_ns) for _, marker in self._markers()]
        return all(good is not None and good.at_ns > at_ns for good in goods)

    def _position(self, desk: Desk) -> Position:
        market, tag = desk
        return self._exposures.of(market).position(tag)

    def _markers(self) -> Iterator[tuple[Desk, Marker]]:
        for market, markers in self._unpaired.items():
            for tag, marker in markers.items():
                yield (market, tag), marker

    def _marker(self, market: MarketId, tag: Tag, now_ns: int) -> Marker:
        """Return a desk's marker: a new one where nothing was unpaired."""
        standing = self._unpaired.get(market, {}).get(tag)
        if standing is not None:
            return standing
        marker = Marker(self._parameters)
        book = self._books.get(market)
        if book is not None:
            marker.book_updated(book, now_ns)
        return marker

    def _keep(self, market: MarketId, tag: Tag, marker: Marker, position: Position, now_ns: int) -> Money:
        """Count a desk's worth, and keep its marker while its price moves."""
        result = self._results.get(market)
        if result is not None:
            marker.resolved(result)
        if net_diff(position) and result is None:
            self._unpaired.setdefault(market, {})[tag] = marker
        elif tag in self._unpaired.get(market, {}):
            del self._unpaired[market][tag]
            if not self._unpaired[market]:
                del self._unpaired[market]
        return self._put((market, tag), Worth(profit_realised(position), marker.mark(now_ns).unrealized or 0))

    def _put(self, desk: Desk, worth: Worth) -> Money:
        before = self._worths.get(desk)
        if worth == before:
            return 0
        change = worth.less(before or _NOTHING)
        self._worths[desk] = worth
        self._markets[desk[0]] = self.of(desk[0]).plus(change)
        self.total = self.total.plus(change)
        return change.realised
