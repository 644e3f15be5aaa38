"""A market's book as a document: both tokens, every level as the venue writes it."""

from typing import TypeAlias

from models.markets import NO, YES, Market, Outcome
from models.messages.market import BookUpdated
from models.units import ONE, Price, Size, format_price, format_size

WrittenLevels: TypeAlias = list[tuple[str, str]]


def written_book(market: Market, book: BookUpdated, depth: int | None = None) -> dict[str, object]:
    """Return the net book of both tokens, best levels first, all of them or the best `depth`."""
    return {
        "slug": market.slug,
        "condition_id": market.condition_id,
        "tick": format_price(book.tick),
        "unusable": book.unusable,
        "yes": _token(market, book, YES, depth),
        "no": _token(market, book, NO, depth),
    }


def levels(book: BookUpdated, outcome: Outcome) -> tuple[list[tuple[Price, Size]], list[tuple[Price, Size]]]:
    """Return bids and asks of a token, best first; those of NO are those of YES in the mirror."""
    if outcome == YES:
        return list(book.bids.descending()), list(book.asks.ascending())
    bids = [(ONE - price, size) for price, size in book.asks.ascending()]
    asks = [(ONE - price, size) for price, size in book.bids.descending()]
    return bids, asks


def _token(market: Market, book: BookUpdated, outcome: Outcome, depth: int | None) -> dict[str, object]:
    bids, asks = levels(book, outcome)
    return {
        "token_id": market.token_ids[outcome],
        "bids": _written(bids[:depth]),
        "asks": _written(asks[:depth]),
    }


def _written(side: list[tuple[Price, Size]]) -> WrittenLevels:
    return [(format_price(price), format_size(size)) for price, size in side]
