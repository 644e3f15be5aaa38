"""P5 itself, run by the Python of the peers' environment: the same changes to a `Ladder` and to a nautilus OrderBook.

Reads a list of cases `{"tick": ..., "opening": [[is_bid, price, size], ...], "changes": [...], "turns": n}` from stdin,
prices in 1/10,000 of a dollar and sizes in millionths of a share, size 0 for a removal; writes for each the nanoseconds
a change of the fastest turn, `[ours, theirs]`, to stdout. Of ours it imports only what that environment can: a ladder.

Why both in one process, in turns: on a shared machine a process may be slowed by half for as long as it runs.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from models.ladder import Ladder

_Change = list[Any]


def main() -> None:
    """Measure all cases."""
    nautilus = _Nautilus()
    json.dump([_measured(nautilus, **case) for case in json.load(sys.stdin)], sys.stdout)


def _measured(
    nautilus: "_Nautilus", tick: int, opening: list[_Change], changes: list[_Change], turns: int
) -> tuple[float, float]:
    ladder, book = Ladder(tick), nautilus.book()
    for is_bid, price, size in opening:
        (ladder.set_bid if is_bid else ladder.set_ask)(price, size)
        book.apply_delta(nautilus.delta(is_bid, price, size))
    ours = [(ladder.set_bid if is_bid else ladder.set_ask, price, size) for is_bid, price, size in changes]
    theirs = [nautilus.delta(*change) for change in changes]
    fastest = [sys.maxsize, sys.maxsize]
    for _ in range(turns):
        fastest[0] = min(fastest[0], _timed(lambda: _change_ladder(ladder, ours)))
        fastest[1] = min(fastest[1], _timed(lambda: _change_book(book, theirs)))
    return fastest[0] / len(changes), fastest[1] / len(changes)


def _timed(loop: Callable[[], None]) -> int:
    began_ns = time.perf_counter_ns()
    loop()
    return time.perf_counter_ns() - began_ns


def _change_ladder(ladder: Ladder, changes: list[tuple[Callable[[int, int], None], int, int]]) -> None:
    for change, price, size in changes:
        change(price, size)
        ladder.bid  # noqa: B018  (reading it is what is measured)
        ladder.ask  # noqa: B018


def _change_book(book: Any, deltas: list[Any]) -> None:
    apply_delta, best_bid, best_ask = book.apply_delta, book.best_bid_price, book.best_ask_price
    for delta in deltas:
        apply_delta(delta)
        best_bid()
        best_ask()


class _Nautilus:
    """The few classes of the library that a book needs. It is found at run time: our own environment has it not."""

    def __init__(self) -> None:
        self._book = importlib.import_module("nautilus_trader.model.book")
        self._data = importlib.import_module("nautilus_trader.model.data")
        self._enums = importlib.import_module("nautilus_trader.model.enums")
        self._objects = importlib.import_module("nautilus_trader.model.objects")
        identifiers = importlib.import_module("nautilus_trader.model.identifiers")
        self._instrument = identifiers.InstrumentId.from_str("MARKET-YES.VENUE")

    def book(self) -> Any:
        return self._book.OrderBook(self._instrument, self._enums.BookType.L2_MBP)

    def delta(self, is_bid: bool, price: int, size: int) -> Any:
        enums, objects = self._enums, self._objects
        order = self._data.BookOrder(
            enums.OrderSide.BUY if is_bid else enums.OrderSide.SELL,
            objects.Price.from_str(f"{price / 10_000:.4f}"),
            objects.Quantity.from_str(f"{size / 1_000_000:.6f}"),
            price,
        )
        action = enums.BookAction.UPDATE if size else enums.BookAction.DELETE
        return self._data.OrderBookDelta(self._instrument, action, order, 0, 0, 0, 0)


if __name__ == "__main__":
    main()
