import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.books import Ladder, MirroredBook, RecordedBooks

SHARE = 1_000_000


def levels(text):
    return [(level["price"], level["size"]) for level in json.loads(f"[{text}]")]


def test_both_sides_are_written_worst_level_first():
    book = MirroredBook()
    for price in (4800, 4700):
        book.rest("a", "BUY", price, price * SHARE // 100)
    for price in (5000, 5300):
        book.rest("a", "SELL", price, price * SHARE // 100)
    bids, asks = book.sides(0)
    assert levels(bids) == [("0.47", "47"), ("0.48", "48")]
    assert levels(asks) == [("0.53", "53"), ("0.5", "50")]


def test_the_other_token_shows_the_same_orders_at_the_complement():
    book = MirroredBook()
    book.rest("a", "BUY", 4800, 10 * SHARE)
    book.rest("a", "BUY", 4700, 7 * SHARE)
    book.rest("a", "SELL", 5000, 3_500_000)
    bids, asks = book.sides(1)
    assert levels(bids) == [("0.5", "3.5")]
    assert levels(asks) == [("0.53", "7"), ("0.52", "10")]
    assert book.touch(1) == (5000, 5200)


def test_a_side_is_walked_by_the_best_price_and_the_oldest_order_first():
    book = MirroredBook()
    worse = book.rest("a", "SELL", 5100, 5 * SHARE)
    first = book.rest("b", "SELL", 5000, 5 * SHARE)
    second = book.rest("a", "SELL", 5000, 5 * SHARE)
    assert list(book.line("SELL")) == [first, second, worse]
    low = book.rest("a", "BUY", 4700, 5 * SHARE)
    high = book.rest("a", "BUY", 4800, 5 * SHARE)
    assert list(book.line("BUY")) == [high, low]


def test_an_order_that_would_cross_or_lock_does_not_rest():
    book = MirroredBook()
    book.rest("a", "SELL", 5000, SHARE)
    for price in (5000, 5100):
        with pytest.raises(ValueError, match="crosses"):
            book.rest("b", "BUY", price, SHARE)


def test_changes_are_told_once_with_their_new_total():
    book = MirroredBook()
    order = book.rest("a", "BUY", 4800, 5 * SHARE)
    other = book.rest("b", "BUY", 4800, 2 * SHARE)
    assert book.drain_changes() == [("BUY", 4800, 7 * SHARE)]
    book.cancel(order, 4 * SHARE)
    assert book.drain_changes() == [("BUY", 4800, 3 * SHARE)]
    book.cancel(order)
    book.cancel(other)
    assert book.drain_changes() == [("BUY", 4800, 0)]
    assert book.drain_changes() == []


@given(
    st.lists(st.tuples(st.integers(1, 9_999), st.integers(0, 50_000_000)), max_size=60),
    st.sampled_from(["BUY", "SELL"]),
)
def test_a_ladder_shows_what_was_set_last_whatever_the_order(changes, side):
    ladder = Ladder(side)
    expected = {}
    for price, size in changes:
        ladder.set(price, size)
        expected[price] = size
        assert len(levels(ladder.text)) == len(ladder.prices)
    expected = {price: size for price, size in expected.items() if size}
    assert dict(zip(ladder.prices, map(ladder.sizes.get, ladder.prices), strict=True)) == dict(sorted(expected.items()))
    shown = [float(price) for price, _ in levels(ladder.text)]
    assert shown == sorted(shown, reverse=side == "SELL")
    mirrored = [round(1 - float(price), 4) for price, _ in levels(ladder.mirrored_text)]
    assert mirrored == [round(price, 4) for price in shown]


def test_recorded_books_do_not_mirror_by_themselves():
    books = RecordedBooks()
    books.tokens[0][0].replace([(4800, SHARE)])
    assert books.touch(0) == (4800, None)
    assert books.touch(1) == (None, None)
    books.clear()
    assert books.sides(0) == ("", "")
