"""Faults of frames, as a client sees them over a real socket."""

import hashlib
import json
import struct
import time

import pytest
import websocket

from tests.sandbox.faults.live import SPEED, until


def move(live, market, size="10"):
    """Let an outside taker change the market."""
    assert live.throw("sweep", market=market.slug, side="BUY", size=size) > 0


def first(sock):
    """The snapshot."""
    return json.loads(sock.raw.recv())


def kind(name):
    return lambda frame: frame["event_type"] == name


def test_silence_leaves_sockets_pong_and_other_markets_alone(live):
    quiet, other = live.market(), live.market()
    sock = live.subscribe(quiet, other)
    first(sock)
    live.throw("silence", market=quiet.slug, seconds=1_000)
    move(live, quiet)
    move(live, other)
    assert {frame["market"] for frame in sock.heard(0.3)} == {other.condition_id}
    sock.raw.send("PING")
    assert sock.raw.recv() == "PONG"
    live.clear("silence")
    move(live, quiet)
    assert sock.wait(lambda frame: frame["market"] == quiet.condition_id)


def test_a_stall_is_silence_of_all_and_new_sockets_hear_nothing_either(live):
    market = live.market()
    live.throw("silence")
    sock = live.subscribe(market)
    move(live, market)
    assert sock.heard(0.3) == []
    sock.raw.send("PING")
    assert sock.raw.recv() == "PONG"


def test_one_token_of_many_is_never_heard_of(live):
    one, other = live.market(), live.market()
    live.throw("never_snapshot", market=one.slug, outcome="No")
    sock = live.subscribe(one, other)
    assert [book["asset_id"] for book in first(sock)] == [one.token_ids[0], *other.token_ids]
    move(live, one)
    heard = sock.heard(0.3)
    assert one.token_ids[1] not in json.dumps(heard)
    assert one.token_ids[0] in json.dumps(heard)


def test_frames_come_twice_and_the_last_ones_again(live):
    market = live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("duplicate", market=market.slug, kind="price_change")
    move(live, market)
    heard = sock.heard(0.3)
    changes = [frame for frame in heard if frame["event_type"] == "price_change"]
    assert len(changes) == 2
    assert changes[0] == changes[1]
    assert len([frame for frame in heard if frame["event_type"] == "book"]) == 2
    live.clear()
    assert live.throw("replay_batch", market=market.slug, count=3) == 3
    assert sock.heard(0.3) == [*[frame for frame in heard if frame["event_type"] == "book"], heard[-1]]


def test_frames_arrive_in_another_order(live):
    market = live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("shuffle", market=market.slug, kind="price_change", within=5)
    for _ in range(6):
        move(live, market)
        time.sleep(0.02)
    times = [int(frame["timestamp"]) for frame in sock.heard(1) if frame["event_type"] == "price_change"]
    assert len(times) == 6
    assert times != sorted(times)


def test_frames_arrive_late_and_in_their_order(live):
    market = live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("late_frames", market=market.slug, delay=10)
    begin = time.monotonic()
    move(live, market)
    sock.wait(kind("price_change"))
    assert time.monotonic() - begin > 10 / SPEED
    sock.wait(kind("last_trade_price"))


def test_a_lost_delta_breaks_the_hash_until_the_next_book(live):
    market = live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("lose_deltas", market=market.slug, count=1)
    move(live, market)
    move(live, market)
    assert [frame["event_type"] for frame in sock.heard(0.5)].count("price_change") == 1
    assert [line["what"] for line in live.lines("lose_deltas")][-3:] == ["thrown", "effect", "ended"]


def test_a_corrupted_delta_has_the_hash_of_the_true_book(live):
    market = live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("corrupt_delta", market=market.slug)
    move(live, market, "7")
    change = sock.wait(kind("price_change"))["price_changes"][0]
    assert change["size"] == "77777.77"
    book = live.ask("GET", "/book", token_id=change["asset_id"]).json()
    sizes = {level["price"]: level["size"] for level in (*book["bids"], *book["asks"])}
    assert sizes[change["price"]] == "993"
    told = sock.wait(lambda frame: frame["event_type"] == "book" and frame["asset_id"] == change["asset_id"])
    assert told["hash"] == change["hash"]


@pytest.mark.parametrize("how", ["crossed", "locked", "empty", "zero"])
def test_a_book_can_be_shown_as_it_is_not(live, how):
    market = live.market()
    sock = live.subscribe(market)
    book = first(sock)[0]
    bids, asks = ({level["price"] for level in book[side]} for side in ("bids", "asks"))
    live.throw("wrong_book", market=market.slug, how=how)
    frame = sock.wait(kind("price_change"))
    mine = [change for change in frame["price_changes"] if change["asset_id"] == market.token_ids[0]]
    for change in mine:
        levels = bids if change["side"] == "BUY" else asks
        levels.discard(change["price"]) if change["size"] == "0" else levels.add(change["price"])
    best_bid, best_ask = max(map(float, bids), default=0), min(map(float, asks), default=1)
    assert {
        "crossed": best_bid > best_ask,
        "locked": best_bid == best_ask,
        "empty": not bids,
        "zero": all(change["size"] == "0" for change in mine) and best_ask > best_bid,
    }[how]


@pytest.mark.parametrize("how", ["unknown_event", "unknown_field", "renamed", "missing", "numbers"])
def test_the_schema_can_change_under_a_client(live, how):
    market = live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("mutate", market=market.slug, how=how)
    move(live, market)
    changed, following = json.loads(sock.raw.recv()), json.loads(sock.raw.recv())
    assert {
        "unknown_event": changed["event_type"] == "weather_changed",
        "unknown_field": changed.get("sentiment", {}).get("score") == 0.7,
        "renamed": "market" not in changed and changed.get("market_id") == market.condition_id,
        "missing": "market" not in changed and "market_id" not in changed,
        "numbers": isinstance(changed["timestamp"], int) and isinstance(changed["price_changes"][0]["price"], float),
    }[how]
    assert following["market"] == market.condition_id


def test_the_user_stream_may_count_in_seconds_and_leave_fields_empty(live):
    trader, market = live.traders[0], live.market()
    sock = live.listen(trader, market)
    live.throw("mutate", channel="user", how="seconds")
    trader.place(market, 0, "BUY", "0.30", "10")
    assert len(sock.wait(kind("order"))["timestamp"]) == 10
    live.throw("mutate", channel="user", how="empty")
    trader.place(market, 0, "BUY", "0.30", "10")
    frame = sock.wait(kind("order"))
    assert (frame["size_matched"], frame["created_at"], frame["outcome"]) == ("", "", "")


def test_a_frame_may_be_cut_in_the_middle(live):
    market = live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("garbage", market=market.slug)
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(sock.raw.recv())


def test_bytes_that_no_server_should_send(live):
    market = live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("bad_frame", market=market.slug, how="utf8")
    with pytest.raises(UnicodeDecodeError):
        sock.raw.recv_data()[1].decode()
    live.throw("bad_frame", market=market.slug, how="binary")
    assert sock.raw.recv_data()[0] == websocket.ABNF.OPCODE_BINARY
    live.throw("bad_frame", market=market.slug, how="rsv1")
    with pytest.raises(websocket.WebSocketProtocolException, match="rsv"):
        sock.raw.recv_data()


def test_a_server_may_mask_what_it_sends(live):
    market = live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("bad_frame", market=market.slug, how="masked")
    begin = sock.raw.sock.recv(2)
    assert begin[0] == 0x81
    assert begin[1] & 0x80


def test_a_frame_of_300_mb_is_announced(live):
    market = live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("huge_frame", market=market.slug)
    header = sock.raw.sock.recv(10)
    assert header[:2] == b"\x81\x7f"
    assert struct.unpack("!Q", header[2:]) == (300_000_000,)


def test_a_message_may_never_end(live):
    market = live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("endless_frame", market=market.slug, seconds=1_000)
    opened = sock.raw.recv_frame()
    assert (opened.fin, opened.opcode, opened.data) == (0, websocket.ABNF.OPCODE_TEXT, b"[")
    size = 0
    while size < 4 << 20:
        piece = sock.raw.recv_frame()
        assert (piece.fin, piece.opcode) == (0, websocket.ABNF.OPCODE_CONT)
        size += len(piece.data)
    assert live.clear("endless_frame") == 1


def test_a_legal_snapshot_may_have_two_megabytes(live):
    market = live.market()
    sock = live.subscribe(market)
    truth = first(sock)
    live.throw("big_snapshot", market=market.slug)
    text = sock.raw.recv()
    assert len(text) >= 2_000_000
    books = json.loads(text)
    assert books[:2] == truth
    assert books[-2:] == truth


@pytest.mark.parametrize("which", ["new_market", "market_resolved"])
def test_a_thousand_unknown_markets_are_announced_at_once(live, which):
    sock = live.subscribe(live.market(), custom=True)
    first(sock)
    assert live.throw("storm", kind=which) == 1_000
    told = [sock.wait(kind(which)) for _ in range(1_000)]
    assert len({frame["market"] for frame in told}) == 1_000


def test_the_user_stream_loses_doubles_and_reorders(live):
    trader, market = live.traders[0], live.market()
    sock = live.listen(trader)
    live.throw("lose_frames", channel="user", count=1)
    trader.place(market, 0, "BUY", "0.30", "10")
    _, placed = trader.place(market, 0, "BUY", "0.31", "10")
    heard = sock.heard(0.3)
    assert [frame["id"] for frame in heard] == [placed["orderID"]]
    live.throw("duplicate", channel="user")
    trader.place(market, 0, "BUY", "0.32", "10")
    assert len(sock.heard(0.3)) == 2
    live.clear()
    live.throw("shuffle", channel="user", within=5)
    ids = [trader.place(market, 0, "BUY", f"0.{20 + step}", "10")[1]["orderID"] for step in range(6)]
    told = [frame["id"] for frame in sock.heard(0.6)]
    assert sorted(told) == sorted(ids)
    assert told != ids


def test_a_user_stream_that_reconnects_is_told_nothing_of_the_meantime(live):
    trader, market = live.traders[0], live.market()
    sock = live.listen(trader)
    live.throw("lose_frames", channel="user", seconds=1_000)
    live.throw("drop_ws", channel="user", code=1012)
    assert sock.close_code() == 1012
    trader.place(market, 0, "BUY", "0.30", "10")
    again = live.listen(trader)
    assert again.heard(0.2) == []
    live.clear()
    _, placed = trader.place(market, 0, "BUY", "0.31", "10")
    assert [frame["id"] for frame in again.heard(0.2)] == [placed["orderID"]]


def test_hashes_are_true_beside_the_faults(live):
    """The judge's own books are never touched by what it does to the wire."""
    market = live.market()
    live.throw("corrupt_delta", market=market.slug, count=3)
    for _ in range(3):
        move(live, market)
    book = live.ask("GET", "/book", token_id=market.token_ids[0]).json()
    digest = book["hash"]
    keys = ("market", "asset_id", "timestamp", "hash", "bids", "asks", "min_order_size", "tick_size", "neg_risk")
    summary = {name: book[name] for name in keys} | {"hash": "", "last_trade_price": book["last_trade_price"]}
    assert hashlib.sha1(json.dumps(summary, separators=(",", ":")).encode()).hexdigest() == digest
    assert until(lambda: "corrupt_delta" in live.on())
