"""Trades, each once and in YES terms, whether the venue printed them or only its books show them.

One trade reaches us as a level change, as a `book` frame of each token and, 7 to 230 ms later, as a print that may name
either token. Whoever counted all of these would see it three times, or twice the flow.

Why prints are told apart by (transaction or time, size, YES level) and not by transaction alone: one transaction
settles a taker against several makers, so it may stand for several trades at several levels.

Why a book that shrinks at the touch is a trade: the venue sends a full `book` in mid-stream only after a match. In the
recordings of 2025, which hold no prints, 83 % of such books differ from the local one by nothing else.
"""

from typing import Final, NamedTuple, TypeAlias

from models.ladder import Ladder
from models.markets import Outcome, Side, in_yes_terms
from models.messages.market import BookFrame, TradePrinted, TradeSeen
from models.units import Price, Size

PRINTS_REMEMBERED: Final = 1_024
"""Prints of one market that are kept to recognise a second telling; some minutes of the busiest market seen."""

Taken: TypeAlias = tuple[Side, Price, Size]
"""Taker's side, price and size of a trade in YES terms."""


def normalised(printed: TradePrinted) -> TradeSeen:
    """Say a print of either token as a trade of the market in YES terms."""
    side, price = in_yes_terms(printed.outcome, printed.side, printed.price)
    return TradeSeen(printed.market, printed.outcome, side, price, printed.size, printed.received_ns)


class Trades:
    """Reads the trades of one market out of its prints and, as long as it never sent one, out of its full books."""

    def __init__(self) -> None:
        self._printed: dict[tuple[str | int, Size, Price], None] = {}
        self._prints_come = False
        self._inferred_ms = -1
        self._inferred_from: Outcome = 0
        self._inferred: list[Taken] = []

    def take_print(self, printed: TradePrinted) -> TradeSeen | None:
        """Return the trade of a print; None where it was told before, under either token's name."""
        self._prints_come = True
        trade = normalised(printed)
        identity = (printed.transaction_hash or printed.timestamp_ms, trade.size, trade.price)
        if identity in self._printed:
            return None
        self._printed[identity] = None
        if len(self._printed) > PRINTS_REMEMBERED:
            del self._printed[next(iter(self._printed))]
        return trade

    def take_book(
        self, frame: BookFrame, local: Ladder, bids: dict[Price, Size], asks: dict[Price, Size]
    ) -> tuple[list[TradeSeen], bool]:
        """Return the trades that a full book (`bids`, `asks` in YES terms) shows, and whether it shows anything else.

        The second of two mirrored books of one timestamp tells what the first has told, and adds nothing.
        """
        if self._prints_come:
            return [], False
        taken, unexplained = difference(local, bids, asks)
        if frame.timestamp_ms == self._inferred_ms and frame.outcome != self._inferred_from:
            taken = [trade for trade in taken if trade not in self._inferred]
        else:
            self._inferred_ms, self._inferred_from, self._inferred = frame.timestamp_ms, frame.outcome, taken
        at_ns = frame.received_ns
        return [TradeSeen(frame.market, frame.outcome, *trade, at_ns, inferred=True) for trade in taken], unexplained


class Difference(NamedTuple):
    """What a full book says that the local one did not: trades, best level first, and whether anything else differs."""

    trades: list[Taken]
    unexplained: bool


def difference(local: Ladder, bids: dict[Price, Size], asks: dict[Price, Size]) -> Difference:
    """Read a full book, in YES terms, against the local one.

    Size removed from the touch of one side, contiguously, is a trade of that size at each level. The taker's own rest
    may then stand on the other side at the last of these prices. All other differences are unexplained.
    """
    sold_to = _removed(local.bids, bids)
    bought_from = _removed(local.asks, asks)
    added_bids = _added(local.bids, bids)
    added_asks = _added(local.asks, asks)
    if sold_to and not bought_from and _from_the_touch(sold_to, bids, sorted(local.bids, reverse=True)):
        rest = {min(sold_to)}
        return Difference(_taken(Side.SELL, sold_to), bool(added_bids or added_asks - rest))
    if bought_from and not sold_to and _from_the_touch(bought_from, asks, sorted(local.asks)):
        rest = {max(bought_from)}
        return Difference(_taken(Side.BUY, bought_from), bool(added_asks or added_bids - rest))
    return Difference([], bool(sold_to or bought_from or added_bids or added_asks))


def _removed(before: dict[Price, Size], after: dict[Price, Size]) -> dict[Price, Size]:
    return {price: size - after.get(price, 0) for price, size in before.items() if after.get(price, 0) < size}


def _added(before: dict[Price, Size], after: dict[Price, Size]) -> set[Price]:
    return {price for price, size in after.items() if before.get(price, 0) < size}


def _from_the_touch(removed: dict[Price, Size], after: dict[Price, Size], best_first: list[Price]) -> bool:
    """Whether the first levels shrank and no others, all but the last of them to nothing."""
    swept = best_first[: len(removed)]
    return all(price in removed for price in swept) and not any(price in after for price in swept[:-1])


def _taken(side: Side, removed: dict[Price, Size]) -> list[Taken]:
    """Say what was removed as trades, best level first."""
    return [(side, price, size) for price, size in sorted(removed.items(), reverse=side is Side.SELL)]
