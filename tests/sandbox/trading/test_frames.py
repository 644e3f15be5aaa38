import pytest

from sandbox import wire
from sandbox.units import SHARE


@pytest.fixture
def listened(pit):
    """A pit with two levels of asks and a subscriber."""
    pit.outside("SELL", 5_000, 10 * SHARE)
    pit.outside("SELL", 5_200, 10 * SHARE)
    pit.listen()
    return pit


def kinds(frames):
    return [frame["event_type"] for frame in frames]


def test_an_accounts_trade_shows_levels_then_books_then_prints(listened):
    listened.place(listened.trader(), "BUY", 5_200, 12 * SHARE)
    assert kinds(listened.frames()) == ["price_change", "best_bid_ask", "best_bid_ask", "book", "book"]
    listened.advance(0.0069)
    assert listened.frames() == []
    listened.advance(0.2231)
    prints = listened.frames()
    assert [(p["event_type"], p["price"], p["size"], p["side"]) for p in prints] == [
        ("last_trade_price", "0.500", "10", "BUY"),
        ("last_trade_price", "0.520", "2", "BUY"),
    ]
    (trade,) = listened.trades
    listened.settle()
    assert {p["transaction_hash"] for p in prints} == {trade.transaction_hash}


def test_a_print_is_on_the_takers_token_whatever_the_maker_traded(pit):
    pit.rest(pit.trader(), "BUY", 4_200, 10 * SHARE)
    pit.listen()
    pit.place(pit.trader(), "BUY", 5_900, 10 * SHARE, token=1)
    pit.advance(1)
    (shown,) = [frame for frame in pit.frames() if frame["event_type"] == "last_trade_price"]
    assert (shown["asset_id"], shown["price"], shown["side"]) == (pit.market.token_ids[1], "0.580", "BUY")


def test_a_resting_order_and_its_cancel_are_one_change_each_of_both_tokens(pit):
    pit.listen()
    order = pit.rest(pit.trader(), "BUY", 4_200, 10 * SHARE, token=1)
    pit.venue.cancel(order, "CANCELED", pit.now_ns)
    changes = [frame["price_changes"] for frame in pit.frames() if frame["event_type"] == "price_change"]
    assert [[(c["price"], c["side"], c["size"]) for c in both] for both in changes] == [
        [("0.58", "SELL", "10"), ("0.42", "BUY", "10")],
        [("0.58", "SELL", "0"), ("0.42", "BUY", "0")],
    ]


def test_outside_liquidity_is_shown_by_the_next_publish_as_one_frame(pit):
    pit.listen()
    for price in (4_000, 4_100, 4_200):
        pit.venue.rest_outside(pit.market, "BUY", price, 5 * SHARE, pit.now_ns)
    assert pit.frames() == []
    pit.venue.publish(pit.market, pit.now_ns)
    (change,) = [frame for frame in pit.frames() if frame["event_type"] == "price_change"]
    assert len(change["price_changes"]) == 6


def test_prints_of_a_market_come_in_the_order_of_their_trades(pit):
    pit.outside("SELL", 5_000, 100 * SHARE)
    pit.listen()
    sizes = [f"{shares}" for shares in range(2, 10)]
    for shares in sizes:
        pit.place(pit.trader(), "BUY", 5_000, int(shares) * SHARE)
    pit.advance(1)
    assert [frame["size"] for frame in pit.frames() if frame["event_type"] == "last_trade_price"] == sizes


def test_nothing_is_written_when_nobody_listens(pit, monkeypatch):
    for text in ("price_change", "later_book", "last_trade_price", "best_bid_ask"):
        monkeypatch.setattr(wire, text, lambda *_, text=text: pytest.fail(f"{text} was written for nobody"))
    pit.outside("SELL", 5_000, 10 * SHARE)
    pit.place(pit.trader(), "BUY", 5_000, 5 * SHARE)
    pit.settle()
    assert pit.market.last_trade_price == "0.500"


def test_a_void_market_names_no_winner(pit):
    pit.listen()
    pit.venue.resolve(pit.market, (5_000, 5_000), pit.now_ns)
    (frame,) = [frame for frame in pit.frames() if frame["event_type"] == "market_resolved"]
    assert (frame["winning_asset_id"], frame["winning_outcome"]) == ("", "")
