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
    "token_id, status, error",
    [
        ("", 400, "Invalid token id"),
        ("0x12", 400, "Invalid token id"),
        ("12", 404, "No orderbook exists for the requested token id"),
    ],
)
@pytest.mark.parametrize("path", ["/book", "/midpoint", "/tick-size", "/neg-risk"])
def test_a_wrong_token_is_refused_with_the_venues_words(populated, path, token_id, status, error):
    world = populated()
    assert world.call("clob", "GET", path, token_id=token_id) == (status, {"error": error})


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


def test_compact_market_info_names_tokens_minimum_tick_and_fee(populated):
    world = populated()
    for market in world.markets:
        status, info = world.call("clob", "GET", f"/clob-markets/{market['condition_id']}")
        assert status == 200
        assert [(entry["t"], entry["o"]) for entry in info["t"]] == list(
            zip(market["token_ids"], market["outcomes"], strict=True)
        )
        assert (info["mos"], info["mts"], info["ao"], info["v"]) == (5, 0.01, True, "v1")
        assert info["fd"]["r"] in (0.04, 0.05, 0.07)
        assert info.get("nr", False) == market["neg_risk"]
    assert world.call("clob", "GET", "/clob-markets/0x12") == (404, {"error": "market not found"})


def test_what_is_no_endpoint_is_not_found(populated):
    world = populated()
    for service, path in (("clob", "/nothing"), ("clob", "/"), ("gamma", "/tags"), ("relayer", "/deployed")):
        assert world.call(service, "GET", path)[0] == 404
    assert world.call("clob", "POST", "/book")[0] == 404


def test_gamma_pages_through_all_markets(populated):
    world = populated(count=45)
    found, offset = [], 0
    while page := world.call("gamma", "GET", "/markets", limit=20, offset=offset)[1]:
        found += [market["conditionId"] for market in page]
        offset += len(page)
    assert found == [market["condition_id"] for market in world.markets]
    assert len(world.call("gamma", "GET", "/markets")[1]) == 20


def test_gamma_writes_lists_as_json_in_strings(populated):
    world = populated()
    (market,) = world.call("gamma", "GET", "/markets", slug=world.markets[0]["slug"])[1]
    assert isinstance(market["clobTokenIds"], str)
    assert tuple(json.loads(market["clobTokenIds"])) == world.markets[0]["token_ids"]
    assert json.loads(market["outcomes"]) == ["Yes", "No"]
    assert sum(map(float, json.loads(market["outcomePrices"]))) == pytest.approx(1)
    assert market["orderPriceMinTickSize"] == 0.01
    assert market["orderMinSize"] == 5
    assert market["feeSchedule"] == {"exponent": 1, "rate": 0.05, "takerOnly": True, "rebateRate": 0.15}
    assert market["negRisk"]
    assert market["version"] == "v1"


def test_gamma_filters_by_slug_condition_token_and_state(populated):
    world = populated()
    first, second = world.markets[:2]

    def found(**query):
        return [market["conditionId"] for market in world.call("gamma", "GET", "/markets", **query)[1]]

    assert found(slug=[first["slug"], second["slug"]]) == [first["condition_id"], second["condition_id"]]
    assert found(condition_ids=second["condition_id"]) == [second["condition_id"]]
    assert found(clob_token_ids=second["token_ids"][1]) == [second["condition_id"]]
    assert found(slug="no-such-market") == []
    assert found(closed="true") == []
    world.call("control", "POST", "/faults", {"fault": "resolve", "market": first["slug"], "outcome": "No"})
    assert found(closed="true") == [first["condition_id"]]
    assert first["condition_id"] not in found()
    (closed,) = world.call("gamma", "GET", "/markets", closed="true")[1]
    assert closed["outcomePrices"] == '["0", "1"]'
    assert not closed["acceptingOrders"]


def test_gamma_lists_events_with_all_their_markets(populated):
    world = populated()
    events = world.call("gamma", "GET", "/events")[1]
    sizes = {event["slug"]: (len(event["markets"]), event["negRisk"]) for event in events}
    assert sorted(sizes.values()) == [(1, False)] * 3 + [(3, True), (4, True)]
    (event,) = world.call("gamma", "GET", "/events", slug=world.markets[0]["event"])[1]
    assert {m["negRiskMarketID"] for m in event["markets"]} == {event["negRiskMarketID"]}


@pytest.mark.parametrize("query", [{"limit": "x"}, {"offset": "-1"}])
def test_gamma_refuses_a_page_that_is_no_number(populated, query):
    status, answer = populated().call("gamma", "GET", "/markets", **query)
    assert status == 422
    assert answer["type"] == "validation error"
