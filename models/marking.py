"""The marks of all desks: profit for people, and for the record. What follows from a loss is for risk to say.

Why on a timer and not on every book: a price changes thousands of times a second, and a row in the journal is asked for
once a minute. While nothing is held there is no timer.
"""

from typing import Final

from msgspec.structs import replace

from models.marks import Marker, MarkParameters
from models.messages.base import MarketId, Message, Tag
from models.messages.market import BookUpdated, MarketResolved
from models.messages.position import InventoryUpdated, Position
from models.messages.records import ProfitMarked
from models.messages.runtime import WakeAt
from models.snapshot import Profit

TIMER: Final = "marks"

_CHECK_NS: Final = 5_000_000_000
_RECORD_NS: Final = 60_000_000_000
_MS: Final = 1_000_000

Desk = tuple[Tag, MarketId]


class Marking:
    """A marker for every desk that ever held something."""

    def __init__(self, parameters: MarkParameters) -> None:
        self._parameters = parameters
        self._markers: dict[Desk, Marker] = {}
        self._positions: dict[Desk, Position] = {}
        self._by_market: dict[MarketId, list[Desk]] = {}
        self._recorded: dict[Desk, Profit] = {}
        self._record_ns = 0
        self._waking = False

    def position_changed(self, update: InventoryUpdated, book: BookUpdated | None, now_ns: int) -> tuple[Message, ...]:
        """Take in a position; from the first one on the desk is looked after. `book` is the market's newest."""
        desk = (update.tag, update.market)
        marker = self._markers.get(desk)
        if marker is None:
            marker = self._markers[desk] = Marker(self._parameters)
            self._by_market.setdefault(update.market, []).append(desk)
            if book is not None:
                marker.book_updated(book, now_ns)
        marker.position_changed(update.position, now_ns)
        self._positions[desk] = update.position
        if self._waking:
            return ()
        self._waking = True
        return (WakeAt(now_ns + _CHECK_NS, TIMER),)

    def book_updated(self, book: BookUpdated, now_ns: int) -> None:
        """Take in a book, where a desk holds something in its market."""
        for desk in self._by_market.get(book.market, ()):
            self._markers[desk].book_updated(book, now_ns)

    def resolved(self, result: MarketResolved) -> None:
        """From now on the market is worth what it pays."""
        for desk in self._by_market.get(result.market, ()):
            self._markers[desk].resolved(result)

    def profits(self, now_ns: int) -> dict[Desk, Profit]:
        """Return profit and loss of every desk that ever held something."""
        return {desk: self._profit(desk, now_ns) for desk in self._markers}

    def woke(self, now_ns: int) -> tuple[Message, ...]:
        """Write profits down, and look again while there may be another one."""
        out = self._records(now_ns)
        held = any(position.yes.shares or position.no.shares for position in self._positions.values())
        self._waking = held or self._unrecorded(now_ns) != {}
        if self._waking:
            out.append(WakeAt(now_ns + _CHECK_NS, TIMER))
        return tuple(out)

    def _profit(self, desk: Desk, now_ns: int) -> Profit:
        position = self._positions[desk]
        mark = self._markers[desk].mark(now_ns)
        # Pairs and paid-out tokens are worth what they are; only a residual has a mark that can be old.
        needs_mark = position.yes.shares != position.no.shares
        marked_ns = now_ns - mark.age_ns if needs_mark and mark.age_ns is not None else None
        return Profit(position.realized, mark.unrealized, position.fees, position.rebates, marked_ns)

    def _records(self, now_ns: int) -> list[Message]:
        if now_ns - self._record_ns < _RECORD_NS:
            return []
        self._record_ns = now_ns
        out: list[Message] = []
        for desk, profit in self._unrecorded(now_ns).items():
            self._recorded[desk] = profit
            age_ms = None if profit.marked_ns is None else (now_ns - profit.marked_ns) // _MS
            out.append(
                ProfitMarked(*desk, profit.realized, profit.unrealized, age_ms, profit.fees, profit.rebates, now_ns)
            )
        return out

    def _unrecorded(self, now_ns: int) -> dict[Desk, Profit]:
        """Return the profits that differ from what was written down; a mark that only got older is no difference."""
        found: dict[Desk, Profit] = {}
        for desk, profit in self.profits(now_ns).items():
            recorded = self._recorded.get(desk)
            if recorded is None or replace(recorded, marked_ns=profit.marked_ns) != profit:
                found[desk] = profit
        return found
