"""What the database keeps of books: an event for every change of the touch, and now and then the top five levels."""

from itertools import islice

from actors.store.rows import Row, book_row, touch_row
from models.messages.base import MarketId
from models.messages.market import BookUpdated
from models.units import Price


class BookSamples:
    """Remembers the last touch of every market, and which books changed since they were last written."""

    def __init__(self, per_round: int) -> None:
        self._per_round = per_round
        self._touches: dict[MarketId, tuple[Price, Price]] = {}
        self._changed: dict[MarketId, BookUpdated] = {}

    def seen(self, book: BookUpdated) -> tuple[Row, ...]:
        """Take in a book; return an event if its touch is another one."""
        if self._per_round:
            self._changed[book.market] = book
        touch = (book.bid, book.ask)
        if self._touches.get(book.market) == touch:
            return ()
        self._touches[book.market] = touch
        return (touch_row(book),)

    def round(self, now_ns: int) -> tuple[Row, ...]:
        """Return rows for changed books, those that have waited longest first; the others wait for the next round."""
        markets = list(islice(self._changed, self._per_round))
        return tuple(book_row(self._changed.pop(market), now_ns) for market in markets)

    @property
    def waiting(self) -> bool:
        """Whether there is a book for the next round."""
        return bool(self._changed)
