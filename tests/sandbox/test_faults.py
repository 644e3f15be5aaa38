import json

import pytest

from sandbox.messages import HttpRequest, Send


def throw(world, **body):
    return world.call("control", "POST", "/faults", body)


def test_the_table_of_switches_says_what_each_takes(populated):
    _, table = populated().call("control", "GET", "/faults")
    assert {"drop_ws", "lose_deltas", "silence", "garbage", "resolve"} <= set(table["switches"])
    row = table["switches"]["lose_deltas"]
    assert (row["ids"], row["ends"]) == (["F30"], "count 1")
    assert {"market", "count"} <= set(row["takes"])


def test_drop_ws_closes_every_market_socket(populated):
    world = populated()
    connections = {world.subscribe(), world.subscribe()}
    world.connect("reference")
    assert throw(world, fault="drop_ws") == (200, {"fault": "drop_ws", "concerned": 2})
    assert {close.connection for close in world.closed} == connections
    assert world.advance(3) == []


def test_lost_deltas_break_the_proof_until_the_next_full_book(populated, lossless):
    world = populated(count=1)
    world.subscribe()
    world.advance(5)
    assert world.reader.wrong == []
    assert throw(world, fault="lose_deltas", market=world.markets[0]["slug"], count=2)[0] == 200
    world.advance(3)
    wrong = len(world.reader.wrong)
    assert wrong > 0
    world.advance(5)
    assert len(world.reader.wrong) == wrong


def test_a_silent_market_leaves_sockets_and_other_markets_alone(populated):
    world = populated(read=False)
    connection = world.subscribe()
    quiet = world.markets[0]["condition_id"]
    throw(world, fault="silence", market=quiet, seconds=5)
    heard = {frame["market"] for _, frame in world.advance(5)}
    assert len(heard) == 9
    assert quiet not in heard
    assert world.say(connection, "PING") == ["PONG"]
    assert quiet in {frame["market"] for _, frame in world.advance(5)}


def test_garbage_reaches_those_who_listen_to_the_market(populated):
    world = populated(read=False)
    connection = world.subscribe(world.tokens[0])
    world.subscribe(world.tokens[4])
    body = b'{"fault":"garbage","market":"%s"}' % world.tokens[0].encode()
    effects = world.exchange.handle(HttpRequest("control", "POST", "/faults", {}, body), world.now_ns)
    (sent,) = [effect for effect in effects if isinstance(effect, Send)]
    assert sent.connections == (connection,)
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(sent.text)


def test_a_resolved_market_says_so_and_has_no_book_any_more(populated):
    world = populated(read=False)
    world.subscribe(custom=True)
    market = world.markets[0]
    assert throw(world, fault="resolve", market=market["condition_id"], outcome="Yes")[0] == 200
    (resolved,) = [frame for _, frame in world.seen if frame["event_type"] == "market_resolved"]
    assert (resolved["winning_asset_id"], resolved["winning_outcome"]) == (market["token_ids"][0], "Yes")
    assert world.call("clob", "GET", "/book", token_id=market["token_ids"][0])[0] == 404
    later = [frame for _, frame in world.advance(10) if frame["market"] == market["condition_id"]]
    assert {frame["event_type"] for frame in later} <= {"last_trade_price"}


@pytest.mark.parametrize(
    "body, said",
    [
        ({}, "lose_request, lose_answer"),
        ({"fault": "explode"}, "'explode'"),
        ({"fault": "garbage"}, "expected market"),
        ({"fault": "silence", "market": "nobody"}, "'nobody'"),
        ({"fault": "drop_ws", "mark": 1}, "found mark"),
        ({"fault": "drop_ws", "code": 1005}, "found 1005"),
        ({"fault": "resolve", "market": "league-ath-bos-round-1-draw", "outcome": "Maybe"}, "Yes, No"),
        ({"fault": "lose_deltas", "market": "league-ath-bos-round-1-draw", "count": 0}, "whole number"),
        ([], "expected"),
        (b"{", "truncated"),
    ],
)
def test_a_wrong_switch_says_what_would_be_right(populated, body, said):
    status, answer = populated().call("control", "POST", "/faults", body)
    assert status == 400
    assert said in answer["error"]


def test_the_status_names_what_each_market_follows(populated):
    _, status = populated().call("control", "GET", "/status")
    assert (status["profile"], status["seed"]) == ("demo", 1)
    followed = [market["slug"] for market in status["markets"] if market.get("reference") == "BTCUSD"]
    assert len(followed) == 3
    assert "BTCUSD" in status["references"]
