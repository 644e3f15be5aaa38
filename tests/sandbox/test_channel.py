import json

from sandbox.messages import SocketClosed
from sandbox.world.population import Bursts


def test_the_first_answer_is_an_array_of_books_with_a_newline(populated):
    world = populated()
    token = world.tokens[0]
    (text,) = world.say(world.connect(), {"assets_ids": [token], "type": "market"})
    assert text.endswith("]\n")
    (book,) = json.loads(text)
    assert book["event_type"] == "book"
    assert {"tick_size", "last_trade_price", "hash", "timestamp"} <= set(book)
    assert not {"min_order_size", "neg_risk"} & set(book)
    status, summary = world.call("clob", "GET", "/book", token_id=token)
    assert (status, summary["hash"]) == (200, book["hash"])


def test_a_ping_before_subscribing_closes_with_1008(populated):
    world = populated()
    connection = world.connect()
    world.say(connection, "PING")
    (close,) = world.closed
    assert (close.connection, close.code, close.reason) == (connection, 1008, "invalid subscription payload")
    assert world.say(connection, {"assets_ids": world.tokens, "type": "market"}) == []


def test_what_is_no_subscription_closes_with_1008(populated):
    world = populated()
    for text in ("hello", "[]", "{}", '{"type":"user","assets_ids":[]}', '{"type":"market"', "\x00"):
        world.say(world.connect(), text)
    assert [close.code for close in world.closed] == [1008] * 6


def test_a_ping_after_subscribing_is_answered(populated):
    world = populated()
    connection = world.subscribe()
    assert world.say(connection, "PING") == ["PONG"]


def test_tokens_are_added_and_removed_on_a_living_socket(populated):
    world = populated(read=False)
    one, other = world.markets[0]["token_ids"][0], world.markets[1]["token_ids"][0]
    connection = world.subscribe(one)
    (added,) = world.say(connection, {"assets_ids": [other], "operation": "subscribe"})
    assert [book["asset_id"] for book in json.loads(added)] == [other]
    world.advance(5)
    assert {frame["market"] for _, frame in world.seen} == {m["condition_id"] for m in world.markets[:2]}
    assert world.say(connection, {"assets_ids": [one], "operation": "unsubscribe"}) == []
    later = world.advance(5)
    assert {frame["market"] for _, frame in later} == {world.markets[1]["condition_id"]}


def test_subscribing_what_is_known_or_unknown_adds_no_new_assets(populated):
    world = populated()
    connection = world.subscribe()
    again = {"assets_ids": [world.tokens[0]], "operation": "subscribe"}
    assert world.say(connection, again) == ["NO NEW ASSETS"]
    assert world.say(connection, {"assets_ids": ["123"], "operation": "subscribe"}) == ["NO NEW ASSETS"]
    assert world.say(connection, "nonsense") == []


def test_the_dump_can_be_left_out(populated):
    world = populated()
    quiet = {"assets_ids": world.tokens, "type": "market", "initial_dump": False}
    assert world.say(world.connect(), quiet) == []


def test_one_token_shows_the_changes_of_both_but_only_its_own_books_and_prints(populated):
    world = populated(read=False)
    token = world.markets[0]["token_ids"][0]
    world.subscribe(token)
    frames = [frame for _, frame in world.advance(10)]
    changes = [frame for frame in frames if frame["event_type"] == "price_change"]
    assert all(len(frame["price_changes"]) % 2 == 0 for frame in changes)
    assert {e["asset_id"] for frame in changes for e in frame["price_changes"]} == set(world.markets[0]["token_ids"])
    own = {frame["asset_id"] for frame in frames if frame["event_type"] in ("book", "last_trade_price")}
    assert own == {token}


def test_custom_features_come_only_when_asked_for(populated):
    world = populated(read=False)
    plain = world.subscribe(world.tokens[0])
    frames = world.advance(5)
    assert "best_bid_ask" not in {frame["event_type"] for _, frame in frames}
    # A repeated id is refused, yet the flag of that frame counts.
    again = {"assets_ids": [world.tokens[0]], "operation": "subscribe", "custom_feature_enabled": True}
    assert world.say(plain, again) == ["NO NEW ASSETS"]
    frames = world.advance(5)
    assert "best_bid_ask" in {frame["event_type"] for _, frame in frames}


def test_a_trade_is_a_level_change_then_full_books_with_its_hash_then_a_late_print(populated, lossless, monkeypatch):
    monkeypatch.setattr(Bursts, "happen", lambda *_: True)
    world = populated(count=1)
    world.subscribe()
    market = world.markets[0]
    frames = world.advance(30)
    delays = []
    for (at_ns, change), (_, yes), (_, no) in zip(frames, frames[1:], frames[2:], strict=False):
        if (yes["event_type"], no["event_type"]) != ("book", "book"):
            continue
        assert change["event_type"] == "price_change"
        assert change["timestamp"] == yes["timestamp"] == no["timestamp"]
        assert (yes["asset_id"], no["asset_id"]) == market["token_ids"]
        hashes = {entry["asset_id"]: entry["hash"] for entry in change["price_changes"]}
        assert hashes == {yes["asset_id"]: yes["hash"], no["asset_id"]: no["hash"]}
        assert not {"tick_size", "last_trade_price", "min_order_size", "neg_risk"} & set(yes)
        delays.append(next(t - at_ns for t, f in frames if t > at_ns and f["event_type"] == "last_trade_price"))
    assert len(delays) > 40
    assert all(7_000_000 <= delay <= 230_000_000 for delay in delays)
    assert len(set(delays)) > 20


def test_a_closed_socket_gets_nothing_more(populated):
    world = populated()
    connection = world.subscribe()
    world.exchange.handle(SocketClosed(connection), world.now_ns)
    assert world.advance(3) == []


def test_the_user_channel_answers_a_ping_and_is_silent_to_wrong_credentials(populated):
    world = populated()
    connection = world.connect("user")
    auth = {"auth": {"apiKey": "k", "secret": "s", "passphrase": "p"}, "type": "user"}
    assert world.say(connection, auth) == []
    assert world.say(connection, "PING") == ["PONG"]


def test_an_unknown_reference_closes_and_names_the_known_ones(populated):
    world = populated()
    connection = world.connect("reference")
    assert world.say(connection, "PING") == ["PONG"]
    world.say(connection, {"type": "reference", "names": ["GOLD"]})
    (close,) = world.closed
    assert close.code == 1008
    assert "BTCUSD" in close.reason
