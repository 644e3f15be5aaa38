"""The levels of one token's book in YES terms, with the best bid and ask always at hand.

Why a dict with a bytearray of marks beside it: the dict says what rests at a price and is copied whole into a published
book; the marks (one byte per tick) say where the next best level is when the best one goes, by one C scan of at most
10,001 bytes, where `max(sizes)` would walk every level and a scan of sizes every empty tick.

Why YES terms for both tokens: a NO bid at q is a YES ask at 1 - q, so the two ladders of a market are compared and
published without turning one of them over.
"""

from typing import Final

from models.units import ONE, Price, Size

NO_BID: Price = 0
NO_ASK: Price = ONE

_MARK: Final = b"\1"


class Ladder:
    """Bids and asks by price. `bid` and `ask` are the best ones, 0 and ONE where a side is empty.

    A price that is set must be a multiple of the tick, inside (0, ONE): whoever feeds a finer one calls `regrid` first.
    """

    __slots__ = ("_ask_marks", "_bid_marks", "_step", "ask", "asks", "bid", "bids")

    def __init__(self, tick: Price) -> None:
        self.load({}, {}, tick)

    def set_bid(self, price: Price, size: Size) -> None:
        """Set the total size resting at a bid price; 0 removes the level."""
        if size:
            if price not in self.bids:
                self._bid_marks[price // self._step] = 1
                if price > self.bid:  # noqa: PLR1730  (a call of max costs as much as the rest of this line's work)
                    self.bid = price
            self.bids[price] = size
        elif self.bids.pop(price, 0):
            index = price // self._step
            self._bid_marks[index] = 0
            if price == self.bid:
                found = self._bid_marks.rfind(_MARK, 0, index)
                self.bid = found * self._step if found > 0 else NO_BID

    def set_ask(self, price: Price, size: Size) -> None:
        """Set the total size resting at an ask price; 0 removes the level."""
        if size:
            if price not in self.asks:
                self._ask_marks[price // self._step] = 1
                if price < self.ask:  # noqa: PLR1730
                    self.ask = price
            self.asks[price] = size
        elif self.asks.pop(price, 0):
            index = price // self._step
            self._ask_marks[index] = 0
            if price == self.ask:
                found = self._ask_marks.find(_MARK, index)
                self.ask = found * self._step if found > 0 else NO_ASK

    def load(self, bids: dict[Price, Size], asks: dict[Price, Size], tick: Price) -> None:
        """Replace everything by a full book; the dicts become the ladder's own."""
        self.bids, self.asks = bids, asks
        self.regrid(tick)

    def regrid(self, tick: Price) -> None:
        """Go to another tick and keep all levels, also those that a coarser tick leaves between its steps."""
        on_grid = all(price % tick == 0 for price in (*self.bids, *self.asks))
        self._step = step = tick if on_grid else 1
        self._bid_marks = bytearray(ONE // step + 1)
        self._ask_marks = bytearray(ONE // step + 1)
        for price in self.bids:
            self._bid_marks[price // step] = 1
        for price in self.asks:
            self._ask_marks[price // step] = 1
        self.bid = max(self.bids, default=NO_BID)
        self.ask = min(self.asks, default=NO_ASK)

    @property
    def crossed(self) -> bool:
        """Whether somebody would buy for more than somebody sells: impossible at the venue, so something was missed."""
        return self.bid > self.ask

    def same_touch(self, other: "Ladder") -> bool:
        """Whether best prices and the sizes there are equal."""
        return (
            self.bid == other.bid
            and self.ask == other.ask
            and self.bids.get(self.bid) == other.bids.get(other.bid)
            and self.asks.get(self.ask) == other.asks.get(other.ask)
        )
