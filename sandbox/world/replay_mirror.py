"""A recorded market in which accounts trade: its book is the mirrored one, and the recording is its outside flow.

Why not the recorded books: each token keeps the one that its own frames gave it, lost frames and mirror breaks
included, and no order can stand in two books that are not one. So from the first order of an account on, what the
recording says of either token becomes what the outside wants in the one book, and its differences are carried there.

Why some decreases are trades and others are not: what a trade took would have met the accounts' orders first, what its
owner took away would not. A recording shows a trade by a `book` in mid-stream that has less at the touch, or by a print
shortly after the touch lost so much; every other decrease is a withdrawal. Where a lost removal leaves the recording
crossed, the newer word wins.
"""

from collections.abc import Iterable
from typing import Final

from sandbox.books import OPPOSITE, MirroredBook, RecordedBooks, Side
from sandbox.markets import Market
from sandbox.units import MILLISECOND, ONE
from sandbox.venue import Venue
from sandbox.world.recording import RecordedBook, RecordedChanges, RecordedFrame, RecordedPrint
from sandbox.world.shadow import Shadow

_PRINTED_WITHIN_MS: Final = 500
_PRINT_DELAY_NS: Final = (7 * MILLISECOND, 230 * MILLISECOND)
_UNSEEN_PRINT_MS: Final = 25
_SIDES: Final[tuple[Side, Side]] = ("BUY", "SELL")

Level = tuple[Side, int, int]
"""Side, price and total size in YES terms."""


class MirroredReplay:
    """One market of a recording from the first account's order on."""

    def __init__(self, venue: Venue, market: Market, now_ns: int) -> None:
        assert isinstance(market.book, RecordedBooks)
        self.shadow = Shadow(venue, market)
        self._venue = venue
        self._market = market
        self._explained: set[int] = set()
        """Numbers of the prints that explained a decrease; their trades print themselves."""
        before = [market.book.sides(token) for token in (0, 1)]
        for side, ladder in zip(_SIDES, market.book.tokens[0], strict=True):
            for price, size in ladder.sizes.items():
                self._want(side, price, size)
        market.book = MirroredBook()
        self.shadow.move_in()
        for token in (0, 1):
            if market.book.sides(token) != before[token]:
                market.changed_ns[token] = now_ns
                venue.publish_book(market, token, now_ns)

    @property
    def prices(self) -> list[int]:
        """Where something is meant to stand, in YES terms."""
        return self.shadow.bids.prices + self.shadow.asks.prices

    def change(self, frames: tuple[RecordedFrame, ...], number: int, now_ns: int) -> None:
        """Take the level changes of frame `number` of the recording."""
        frame = frames[number]
        assert isinstance(frame, RecordedChanges)
        levels = [self._in_yes(*change) for change in frame.changes]
        for hit in _SIDES:
            printed = self._prints(frames, number, hit)
            taken = {
                price: min(self.shadow.size(side, price) - size, sum(part for _, part in printed[price]))
                for side, price, size in levels
                if side == hit and price in printed
            }
            total = self._taken_from_touch(hit, taken)
            if total:
                used = [index for price in taken for index, _ in printed[price]]
                self._explained.update(used)
                self._trade(hit, total, frames[used[0]].at_ms - frame.at_ms, now_ns)
        for level in levels:
            self._want(*level)
        self.shadow.carry(now_ns)

    def replace(self, frame: RecordedBook, now_ns: int) -> None:
        """Take a whole book: in mid-stream what is missing at its touch was traded."""
        levels = [self._in_yes(frame.token_id, "BUY", price, size) for price, size in frame.bids]
        levels += [self._in_yes(frame.token_id, "SELL", price, size) for price, size in frame.asks]
        wanted = {(side, price): size for side, price, size in levels}
        if frame.tick is None and frame.last_trade_price is None:
            for hit in _SIDES:
                sizes = self.shadow.levels(hit).sizes
                taken = {price: size - wanted.get((hit, price), 0) for price, size in sizes.items()}
                total = self._taken_from_touch(hit, taken)
                if total:
                    self._trade(hit, total, _UNSEEN_PRINT_MS, now_ns)
        for side in _SIDES:
            for price in tuple(self.shadow.levels(side).prices):
                if (side, price) not in wanted:
                    self.shadow.set(side, price, 0)
        for level in levels:
            self._want(*level)
        self.shadow.carry(now_ns)

    def print(self, frame: RecordedPrint, number: int, now_ns: int) -> None:
        """Pass a print on whose trade left no trace in the levels; the others are printed by the trades themselves."""
        if number not in self._explained:
            token = self._market.token_ids.index(frame.token_id)
            self._venue.print_trade(self._market, token, frame.side, frame.price, frame.size, now_ns)

    def _trade(self, hit: Side, size: int, delay_ms: int, now_ns: int) -> None:
        low, high = _PRINT_DELAY_NS
        self.shadow.trade(0, OPPOSITE[hit], size, min(max(delay_ms * MILLISECOND, low), high), now_ns)

    def _taken_from_touch(self, hit: Side, taken: dict[int, int]) -> int:
        """How much of these decreases a taker explains: whole levels from the touch on, and a part of the next one."""
        levels = self.shadow.levels(hit)
        total = 0
        for price in reversed(levels.prices) if hit == "BUY" else levels.prices:
            part = max(taken.get(price, 0), 0)
            total += part
            if part < levels.sizes[price]:
                break
        return total

    def _prints(self, frames: tuple[RecordedFrame, ...], number: int, hit: Side) -> dict[int, list[tuple[int, int]]]:
        """The prints that follow a frame soon and took from a side, by price: number and size of each."""
        found: dict[int, list[tuple[int, int]]] = {}
        for index in range(number + 1, len(frames)):
            frame = frames[index]
            if frame.at_ms > frames[number].at_ms + _PRINTED_WITHIN_MS:
                break
            if isinstance(frame, RecordedPrint) and self._is_open(frame, index):
                side, price, size = self._in_yes(frame.token_id, OPPOSITE[frame.side], frame.price, frame.size)
                if side == hit:
                    found.setdefault(price, []).append((index, size))
        return found

    def _is_open(self, frame: RecordedPrint, number: int) -> bool:
        return number not in self._explained and frame.token_id in self._market.token_ids

    def _want(self, side: Side, price: int, size: int) -> None:
        """Take the recording's word for a level, and let go what it would cross."""
        other = self.shadow.levels(OPPOSITE[side])
        for crossed in self._crossed(other.prices, side, price) if size else ():
            self.shadow.set(other.side, crossed, 0)
        self.shadow.set(side, price, size)

    def _crossed(self, prices: Iterable[int], side: Side, price: int) -> tuple[int, ...]:
        return tuple(one for one in prices if (one <= price if side == "BUY" else one >= price))

    def _in_yes(self, token_id: str, side: Side, price: int, size: int) -> Level:
        if token_id == self._market.token_ids[0]:
            return side, price, size
        return OPPOSITE[side], ONE - price, size
