import json

import pytest


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
