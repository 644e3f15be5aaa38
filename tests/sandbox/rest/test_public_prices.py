import json

import pytest


def test_the_plain_reads_answer_as_the_venue_does(populated):
    world = populated()
    assert world.call("clob", "GET", "/ok") == (200, "OK")
    assert world.call("clob", "GET", "/time") == (200, world.now_ns // 10**9)
    assert world.call("clob", "GET", "/version") == (200, {"version": 2})


def test_a_book_has_the_venues_keys_in_their_order(populated):
    world = populated()
    _, book = world.call("clob", "GET", "/book", token_id=world.tokens[0])
    assert list(book) == [
        "market", "asset_id", "timestamp", "hash", "bids", "asks",
        "min_order_size", "tick_size", "neg_risk", "last_trade_price",
    ]  # fmt: skip
    assert (book["min_order_size"], book["tick_size"]) == ("5", "0.01")
    assert float(book["bids"][0]["price"]) < float(book["bids"][-1]["price"]) < float(book["asks"][-1]["price"])


def test_the_book_of_rest_is_the_book_of_the_socket_at_any_moment(populated, lossless):
    world = populated()
    world.subscribe()
    for _ in range(20):
        world.advance(0.37)
        for token in world.tokens:
            _, book = world.call("clob", "GET", "/book", token_id=token)
            world.reader.see({**book, "event_type": "book"})
            assert world.reader.last_prices[book["market"]] == book["last_trade_price"]
    assert world.reader.wrong == []


@pytest.mark.parametrize(
    "path, missing",
    [
        ("/book", "No orderbook exists for the requested token id"),
        ("/price", "No orderbook exists for the requested token id"),
        ("/midpoint", "No orderbook exists for the requested token id"),
        ("/spread", "No orderbook exists for the requested token id"),
        ("/tick-size", "market not found"),
        ("/neg-risk", "market not found"),
        ("/fee-rate", "fee rate not found for market"),
    ],
)
def test_a_wrong_token_is_refused_with_the_venues_words(populated, path, missing):
    world = populated()
    for token_id in ("", "0x12"):
        assert world.call("clob", "GET", path, token_id=token_id) == (400, {"error": "Invalid token id"})
    assert world.call("clob", "GET", path, token_id="12") == (404, {"error": missing})


def test_many_books_come_at_once_and_unknown_ones_are_left_out(populated):
    world = populated()
    asked = [{"token_id": token} for token in [*world.tokens[:3], "12"]]
    status, books = world.call("clob", "POST", "/books", asked)
    assert (status, [book["asset_id"] for book in books]) == (200, world.tokens[:3])


@pytest.mark.parametrize(
    "body, error",
    [
        (b"", "Invalid payload"),
        (b"{}", "Invalid payload"),
        (b'[{"token":"1"}]', "Invalid payload"),
        (b"[1]", "Invalid payload"),
        (json.dumps([{"token_id": "1"}] * 501).encode(), "Payload exceeds the limit"),
    ],
)
def test_a_malformed_request_for_books_is_refused(populated, body, error):
    world = populated()
    assert world.call("clob", "POST", "/books", body) == (400, {"error": error})
    assert world.call("clob", "POST", "/books", [{"token_id": "1"}] * 500) == (200, [])


def test_prices_and_facts_of_a_token_are_said_by_query_and_by_path(populated):
    world = populated()
    market = world.markets[0]
    yes, no = market["token_ids"]
    _, book = world.call("clob", "GET", "/book", token_id=yes)
    middle = (float(book["bids"][-1]["price"]) + float(book["asks"][-1]["price"])) / 2
    mids = [world.call("clob", "GET", "/midpoint", token_id=token)[1]["mid"] for token in (yes, no)]
    assert float(mids[0]) == pytest.approx(middle)
    assert sum(map(float, mids)) == pytest.approx(1)
    for _, answer in (
        world.call("clob", "GET", "/tick-size", token_id=no),
        world.call("clob", "GET", f"/tick-size/{no}"),
    ):
        assert answer == {"minimum_tick_size": 0.01}
    for _, answer in (
        world.call("clob", "GET", "/neg-risk", token_id=no),
        world.call("clob", "GET", f"/neg-risk/{no}"),
    ):
        assert answer == {"neg_risk": market["neg_risk"]}
