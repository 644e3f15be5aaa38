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


def test_a_price_is_the_best_bid_for_buy_and_the_best_ask_for_sell_as_text(populated):
    world = populated()
    yes, no = world.markets[0]["token_ids"]
    _, book = world.call("clob", "GET", "/book", token_id=yes)
    best = {"BUY": book["bids"][-1]["price"], "SELL": book["asks"][-1]["price"]}
    for side, price in best.items():
        assert world.call("clob", "GET", "/price", token_id=yes, side=side) == (200, {"price": price})
    asked = [{"token_id": token, "side": side} for token in (yes, no) for side in best]
    status, prices = world.call("clob", "POST", "/prices", [*asked, {"token_id": "12", "side": "BUY"}])
    assert status == 200
    assert prices[yes] == best
    assert prices[no] == {"BUY": _complement(best["SELL"]), "SELL": _complement(best["BUY"])}
    assert list(prices) == [yes, no]


@pytest.mark.parametrize("side", ["", "buy", "HOLD"])
def test_a_side_is_buy_or_sell(populated, side):
    world = populated()
    refused = (400, {"error": "Invalid side"})
    assert world.call("clob", "GET", "/price", token_id=world.tokens[0], side=side) == refused
    assert world.call("clob", "POST", "/prices", [{"token_id": world.tokens[0], "side": side}]) == refused
    assert world.call("clob", "POST", "/prices", [{"token_id": world.tokens[0]}]) == refused


def test_midpoints_and_spreads_of_many_tokens_are_those_of_each(populated):
    world = populated()
    asked = [{"token_id": token} for token in [*world.tokens, "12"]]
    for path, many, key in (("/midpoint", "/midpoints", "mid"), ("/spread", "/spreads", "spread")):
        single = {token: world.call("clob", "GET", path, token_id=token)[1][key] for token in world.tokens}
        assert world.call("clob", "POST", many, asked) == (200, single)
        assert all(isinstance(text, str) for text in single.values())


@pytest.mark.parametrize("path", ["/prices", "/midpoints", "/spreads", "/last-trades-prices"])
def test_a_batch_in_the_query_is_refused_as_the_venue_does(populated, path):
    world = populated()
    assert world.call("clob", "GET", path, token_ids=",".join(world.tokens[:2])) == (400, {"error": "Invalid payload"})


@pytest.mark.parametrize("path", ["/prices", "/midpoints", "/spreads", "/last-trades-prices"])
@pytest.mark.parametrize(
    "body, error",
    [
        (b"\xff{", "Invalid payload"),
        (b'{"token_id":"1"}', "Invalid payload"),
        (b"[[]]", "Invalid payload"),
        (json.dumps([{"token_id": "1", "side": "BUY"}] * 501).encode(), "Payload exceeds the limit"),
    ],
)
def test_a_malformed_batch_is_refused(populated, path, body, error):
    assert populated().call("clob", "POST", path, body) == (400, {"error": error})


def test_the_last_trade_of_a_token_is_its_last_print(populated):
    world = populated()
    assert world.call("clob", "GET", "/last-trade-price", token_id=world.tokens[0]) == (
        200,
        {"price": "0.5", "side": ""},
    )
    assert world.call("clob", "POST", "/last-trades-prices", [{"token_id": world.tokens[0]}]) == (200, [])
    assert world.call("clob", "GET", "/last-trade-price", token_id="0x1")[0] == 400
    world.subscribe()
    world.advance(30)
    last = {f["asset_id"]: f for _, f in world.seen if f["event_type"] == "last_trade_price"}
    assert len(last) > 10
    for token, frame in last.items():
        _, said = world.call("clob", "GET", "/last-trade-price", token_id=token)
        assert (float(said["price"]), said["side"]) == (float(frame["price"]), frame["side"])
    asked = [{"token_id": token} for token in world.tokens]
    _, many = world.call("clob", "POST", "/last-trades-prices", asked)
    assert [one["token_id"] for one in many] == [token for token in world.tokens if token in last]
    assert all(one["side"] in ("BUY", "SELL") for one in many)


def test_the_base_fee_says_whether_there_are_fees(populated):
    world = populated()
    for path, query in (("/fee-rate", {"token_id": world.tokens[0]}), (f"/fee-rate/{world.tokens[0]}", {})):
        assert world.call("clob", "GET", path, **query) == (200, {"base_fee": 1000})


def test_prices_are_kept_by_the_minute(populated):
    world = populated()
    token, other = world.markets[0]["token_ids"]
    mids = []
    for _ in range(5):
        world.advance(60 - world.now_ns / 1e9 % 60)
        mids.append(float(world.call("clob", "GET", "/midpoint", token_id=token)[1]["mid"]))
    _, answer = world.call("clob", "GET", "/prices-history", market=token, interval="1h")
    history = answer["history"]
    assert [sample["p"] for sample in history][-5:] == mids
    assert [sample["t"] % 60 for sample in history] == [0] * len(history)
    assert len({sample["p"] for sample in history}) > 1
    _, mirrored = world.call("clob", "GET", "/prices-history", market=other, interval="max")
    assert [round(1 - sample["p"], 5) for sample in mirrored["history"]] == [sample["p"] for sample in history]
    begin, end = history[1]["t"], history[3]["t"]
    _, cut = world.call("clob", "GET", "/prices-history", market=token, startTs=begin, endTs=end)
    assert cut["history"] == history[1:4]
    _, coarse = world.call("clob", "GET", "/prices-history", market=token, interval="1d", fidelity=60)
    assert coarse["history"] == [history[-1]]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"market": "x", "interval": "1d"},
        {"interval": "2d"},
        {"interval": "1d", "fidelity": "0"},
        {"interval": "1d", "fidelity": "x"},
        {"startTs": "x"},
        {"startTs": "1", "endTs": "9" * 40},
    ],
)
def test_a_history_is_asked_for_properly(populated, query):
    world = populated()
    status, answer = world.call("clob", "GET", "/prices-history", **{"market": world.tokens[0], **query})
    assert (status, list(answer)) == (400, ["error"])
    assert world.call("clob", "GET", "/prices-history", market="12", interval="1d")[0] == 404


def test_a_closed_market_has_no_book_and_its_history_ends_with_what_it_paid(populated):
    world = populated()
    market = world.markets[0]
    token = market["token_ids"][0]
    world.advance(90)
    world.call("control", "POST", "/faults", {"fault": "resolve", "market": market["slug"], "outcome": "No"})
    world.advance(600)
    for path in ("/book", "/price", "/midpoint", "/spread"):
        status, _ = world.call("clob", "GET", path, token_id=token, side="BUY")
        assert status == 404
    assert world.call("clob", "POST", "/books", [{"token_id": token}]) == (200, [])
    assert world.call("clob", "GET", "/tick-size", token_id=token)[0] == 200
    history = world.call("clob", "GET", "/prices-history", market=token, interval="max")[1]["history"]
    assert history[-1]["p"] == 0
    assert history[-1]["t"] * 10**9 < world.now_ns - 450 * 10**9


def _complement(text):
    return f"{1 - float(text):.2f}".rstrip("0")
