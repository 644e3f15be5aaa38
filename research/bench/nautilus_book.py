"""The peer of P5, run by the Python of its own environment: apply changes to a nautilus OrderBook and read its touch.

Reads `{"opening": [[is_bid, price, size], ...], "changes": [...], "repeat": n}` from stdin: prices in 1/10,000 of a
dollar, sizes in millionths of a share, size 0 for a removal. Writes nanoseconds a change, of the fastest repetition, to
stdout. Imports nothing of ours: that environment has none of it.
"""

import importlib
import json
import sys
import time
from typing import Any


def main() -> None:
    """Measure once."""
    asked = json.load(sys.stdin)
    nautilus = _Nautilus()
    book = nautilus.book()
    for change in asked["opening"]:
        book.apply_delta(nautilus.delta(*change))
    deltas = [nautilus.delta(*change) for change in asked["changes"]]
    fastest = min(_once(book, deltas) for _ in range(asked["repeat"]))
    print(fastest / len(deltas))


def _once(book: Any, deltas: list[Any]) -> int:
    apply_delta, best_bid, best_ask = book.apply_delta, book.best_bid_price, book.best_ask_price
    began_ns = time.perf_counter_ns()
    for delta in deltas:
        apply_delta(delta)
        best_bid()
        best_ask()
    return time.perf_counter_ns() - began_ns


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
