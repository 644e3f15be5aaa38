import json

import pytest

from sandbox.books import MirroredBook
from sandbox.markets import CATEGORIES, Event, Market, position_ids
from sandbox.rest.gamma_objects import Objects, competitive


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


def test_a_market_has_every_field_of_the_venue_that_can_be_known(populated, shared):
    captured = json.loads((shared / "payloads/adriancova_polymarket-bot-v2/gamma-market-v1-btc15m.json").read_text())
    world = populated("crypto_5m", count=1)
    known = world.exchange.catalogue.markets[0]
    known.starts_ns = known.end_ns - 300 * 10**9
    world.advance(130)
    _, market = world.call("gamma", "GET", f"/markets/slug/{world.markets[0]['slug']}")
    assert set(captured) - set(market) == {"$schema"}
    for key in set(captured) & set(market):
        assert isinstance(market[key], type(captured[key]) | int | float), key
    assert market["cryptoMarketConfig"]["duration"] == "5m"
    for key in ("conditionId", "questionID"):
        assert len(market[key]) == len(captured[key])
    assert set(market["feeSchedule"]) == set(captured["feeSchedule"])
    assert market["feeSchedule"] == captured["feeSchedule"]


def test_the_same_rule_as_the_venues_says_how_competitive_a_market_is(shared):
    captured = json.loads((shared / "payloads/adriancova_polymarket-bot-v2/gamma-market-v1-btc15m.json").read_text())
    book = MirroredBook()
    book.rest("outside", "BUY", round(captured["bestBid"] * 10_000), 1)
    book.rest("outside", "SELL", round(captured["bestAsk"] * 10_000), 1)
    crypto = CATEGORIES["crypto"]
    market = Market("m", "m?", "0x1", ("1", "2"), ("Up", "Down"), crypto, Event("m", "m"), book, 0, None)
    assert competitive(market) == pytest.approx(captured["competitive"])


def test_an_event_has_every_field_of_the_venue_that_can_be_known(populated, shared):
    (captured,) = json.loads((shared / "payloads/nautilus_trader_rust/gamma_event.json").read_text())
    _, event = populated().call("gamma", "GET", "/events/1000001")
    missing = {"sortBy", "countryName", "electionType", "gmpChartMode", "deployingTimestamp", "startTime"}
    assert set(captured) - set(event) <= missing | {"estimateValue", "cumulativeMarkets", "requiresTranslation"}
    assert [set(tag) for tag in event["tags"]] == [set(captured["tags"][0])]


def test_volume_is_what_was_traded_and_liquidity_what_rests(populated):
    world = populated()
    world.subscribe()
    world.advance(120)
    for described in world.markets:
        prints = [f for _, f in world.seen if f["event_type"] == "last_trade_price"]
        dollars = sum(float(f["price"]) * float(f["size"]) for f in prints if f["market"] == described["condition_id"])
        _, market = world.call("gamma", "GET", f"/markets/slug/{described['slug']}")
        assert market["volumeNum"] == market["volume24hr"] == pytest.approx(dollars)
        assert float(market["volume"]) == market["volumeNum"]
        rests = 0.0
        for token in described["token_ids"]:
            _, book = world.call("clob", "GET", "/book", token_id=token)
            rests += sum(float(level["price"]) * float(level["size"]) for level in book["bids"])
        assert market["liquidityNum"] == pytest.approx(rests)
        _, book = world.call("clob", "GET", "/book", token_id=described["token_ids"][0])
        assert (market["bestBid"], market["bestAsk"]) == (
            float(book["bids"][-1]["price"]),
            float(book["asks"][-1]["price"]),
        )
    (event,) = world.call("gamma", "GET", "/events", slug=world.markets[0]["event"])[1]
    assert event["volume"] == pytest.approx(sum(market["volumeNum"] for market in event["markets"]))


def test_old_trades_leave_the_volume_of_the_day(populated):
    world = populated()
    world.advance(60)
    _, before = world.call("gamma", "GET", "/markets/5000001")
    tape, market = world.exchange._tape, world.exchange.catalogue.markets[0]
    later = world.now_ns + 3 * 86_400 * 10**9
    shown = Objects(tape).market(market, later)
    assert (shown["volume24hr"], shown["volume1wk"]) == (0, before["volumeNum"])


@pytest.mark.parametrize("kind", ["markets", "events"])
def test_pages_by_cursor_hold_everything_once(populated, kind):
    world = populated(count=45)
    _, whole = world.call("gamma", "GET", f"/{kind}", limit=500)
    found, cursor = [], {}
    while True:
        status, page = world.call("gamma", "GET", f"/{kind}/keyset", limit=7, **cursor)
        assert status == 200
        found += page[kind]
        if "next_cursor" not in page:
            break
        assert len(page[kind]) == 7
        cursor = {"after_cursor": page["next_cursor"]}
    assert [one["id"] for one in found] == [one["id"] for one in whole]
    assert set(page) == {kind}


def test_a_page_goes_on_after_its_last_item_whatever_was_resolved_meanwhile(populated):
    world = populated()
    _, first = world.call("gamma", "GET", "/markets/keyset", limit=4)
    world.call("control", "POST", "/faults", {"fault": "resolve", "market": world.markets[1]["slug"], "outcome": "No"})
    _, second = world.call("gamma", "GET", "/markets/keyset", limit=100, after_cursor=first["next_cursor"])
    assert [market["slug"] for market in second["markets"]] == [market["slug"] for market in world.markets[4:]]


def test_a_page_by_cursor_is_of_at_most_a_hundred(populated):
    world = populated(count=110)
    _, page = world.call("gamma", "GET", "/markets/keyset", limit=500)
    assert len(page["markets"]) == 100
    assert len(world.call("gamma", "GET", "/markets/keyset")[1]["markets"]) == 20


@pytest.mark.parametrize(
    "query, error",
    [
        ({"offset": "0"}, "offset is not allowed on keyset endpoints"),
        ({"limit": "0"}, "limit must be at least 1"),
        ({"limit": "x"}, "limit must be a number >= 0"),
        ({"after_cursor": "é"}, "cursor is invalid"),
        ({"after_cursor": "MA=="}, "cursor is invalid"),
        ({"after_cursor": "WyJ4Il0="}, "cursor is invalid"),
        ({"order": "colour"}, "order fields are not valid"),
        ({"closed": "perhaps"}, "expected true or false, found perhaps"),
        ({"volume_num_min": "much"}, None),
        ({"volume_num_min": "nan"}, "expected a number"),
        ({"start_date_min": "yesterday"}, None),
    ],
)
@pytest.mark.parametrize("path", ["/markets/keyset", "/events/keyset"])
def test_a_bad_parameter_is_a_validation_error(populated, path, query, error):
    if "events" in path:
        query = {name.replace("_num", ""): value for name, value in query.items()}
    status, answer = populated().call("gamma", "GET", path, **query)
    assert (status, answer["type"]) == (422, "validation error")
    assert error is None or answer["error"] == error


def test_markets_are_ordered_as_asked_and_paged_in_that_order(populated):
    world = populated()
    world.advance(60)
    for order, key in (("volumeNum", "volumeNum"), ("liquidity_num", "liquidityNum"), ("slug", "slug")):
        for ascending in ("true", "false"):
            found, cursor = [], {}
            while True:
                _, page = world.call(
                    "gamma", "GET", "/markets/keyset", limit=3, order=order, ascending=ascending, **cursor
                )
                found += [market[key] for market in page["markets"]]
                if "next_cursor" not in page:
                    break
                cursor = {"after_cursor": page["next_cursor"]}
            assert found == sorted(found, reverse=ascending == "false")
            assert len(found) == len(world.markets)


def test_volume_as_text_is_ordered_as_text(populated):
    world = populated()
    world.advance(120)
    _, found = world.call("gamma", "GET", "/markets", order="volume")
    texts = [market["volume"] for market in found]
    assert texts == sorted(texts)


def test_ranges_and_tags_filter(populated):
    world = populated()
    world.advance(60)
    _, everything = world.call("gamma", "GET", "/markets", limit=500)
    volumes = sorted(market["volumeNum"] for market in everything)

    def found(path="/markets", **query):
        return world.call("gamma", "GET", path, **query)[1]

    assert len(found(volume_num_min=volumes[3], volume_num_max=volumes[6])) == 4
    assert found(liquidity_num_min=10**9) == []
    end = everything[0]["endDate"]
    assert len(found(end_date_min=end, end_date_max=end)) == len(everything)
    assert found(end_date_max="2020-01-01") == []
    assert found(start_date_min="2030-01-01T00:00:00Z") == []
    sports = [market for market in everything if market["category"] == "sports"]
    assert [market["id"] for market in found(tag_id=1)] == [market["id"] for market in sports]
    assert len(found("/events", tag_slug="sports")) == 1
    assert len(found("/events", exclude_tag_id=["1", "21"])) == 1
    assert [m["id"] for m in found(id=[everything[2]["id"], everything[4]["id"]])] == [
        everything[2]["id"],
        everything[4]["id"],
    ]
    assert [m["id"] for m in found(question_ids=everything[3]["questionID"])] == [everything[3]["id"]]
    assert found(archived="true") == []
    (tagged,) = found(id=sports[0]["id"], include_tag="true")
    assert tagged["tags"] == [tag for tag in found("/tags") if tag["slug"] == "sports"]


def test_one_market_or_event_is_found_by_number_and_by_slug(populated):
    world = populated()
    _, listed = world.call("gamma", "GET", "/markets")
    assert world.call("gamma", "GET", f"/markets/{listed[0]['id']}") == (200, listed[0])
    assert world.call("gamma", "GET", f"/markets/slug/{listed[0]['slug']}") == (200, listed[0])
    _, event = world.call("gamma", "GET", f"/events/slug/{world.markets[0]['event']}")
    assert world.call("gamma", "GET", f"/events/{event['id']}") == (200, event)
    for path in ("/markets/1", "/markets/slug/none", "/events/1", "/events/slug/none", "/tags/1000", "/tags/slug/none"):
        assert world.call("gamma", "GET", path) == (404, {"type": "not found error", "error": "not found"})
    assert world.call("gamma", "GET", "/markets/x")[0] == 422


def test_a_market_of_the_newer_protocol_shows_positions_and_a_short_condition_id(populated):
    world = populated()
    market = world.exchange.catalogue.markets[0]
    market.version = "v2"
    condition_id, positions = position_ids("test", market.slug)
    market.condition_id, market.token_ids = condition_id, positions
    _, shown = world.call("gamma", "GET", "/markets/5000001")
    assert shown["version"] == "v2"
    assert shown["positionIds"] == list(positions)
    assert "clobTokenIds" not in shown
    assert shown["conditionId"] == condition_id[:-2]
    assert shown["resolutionStatus"] == "active"
    for wanted in (condition_id, condition_id[:-2]):
        assert len(world.call("gamma", "GET", "/markets/keyset", condition_ids=wanted)[1]["markets"]) == 1


def test_search_finds_events_by_their_words(populated):
    world = populated()
    status, found = world.call("gamma", "GET", "/public-search", q="RATE meeting")
    assert (status, [event["slug"] for event in found["events"]]) == (200, ["rate-decision-meeting-1"])
    assert found["pagination"] == {"hasMore": False, "totalResults": 1}
    _, first = world.call("gamma", "GET", "/public-search", q="will", limit_per_type=2)
    _, second = world.call("gamma", "GET", "/public-search", q="will", limit_per_type=2, page=2)
    assert (first["pagination"]["hasMore"], len(first["events"])) == (True, 2)
    assert {event["id"] for event in first["events"]}.isdisjoint(event["id"] for event in second["events"])
    assert world.call("gamma", "GET", "/public-search")[0] == 422


def test_windows_that_follow_each_other_are_a_series(populated):
    assert populated().call("gamma", "GET", "/series") == (200, [])
    world = populated("crypto_5m", count=1)
    for market in world.exchange.catalogue.markets:
        market.starts_ns = market.end_ns - 300 * 10**9
    (series,) = world.call("gamma", "GET", "/series")[1]
    assert (series["slug"], series["recurrence"]) == ("btc-up-or-down-5m", "5m")
    _, event = world.call("gamma", "GET", "/events/1000001")
    assert event["series"] == [series]


def test_sports_are_listed(populated):
    (league,) = populated().call("gamma", "GET", "/sports")[1]
    assert (league["sport"], league["tags"]) == ("league", "1")
