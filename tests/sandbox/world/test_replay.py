import gzip
import hashlib
import json
from decimal import Decimal

import pytest
import zstandard

from sandbox.world.recording import RecordingError, load
from sandbox.world.replay_markets import load_facts

YES, NO = str(7 << 250), str(11 << 248)
SLUG = "mlb-aaa-bbb-2025-06-19"


def level(price, size):
    return {"price": price, "size": size}


def book(at_ms, token, bids, asks):
    return {
        "event_type": "book", "asset_id": token, "market": SLUG, "timestamp": str(at_ms), "hash": "0" * 40,
        "bids": bids, "asks": asks,
    }  # fmt: skip


def change(at_ms, *entries):
    return {
        "event_type": "price_change", "market": SLUG, "timestamp": str(at_ms),
        "price_changes": [
            {"asset_id": token, "price": price, "size": size, "side": side, "hash": "0" * 40}
            for token, side, price, size in entries
        ],
    }  # fmt: skip


FRAMES = [
    book(1750361006000, YES, [level("0.37", "77.94")], [level("0.42", "7218"), level("0.41", "20772.05")]),
    book(1750361006000, NO, [level("0.58", "7218"), level("0.59", "20772.05")], [level("0.63", "77.94")]),
    change(1750361007000, (YES, "BUY", "0.38", "10"), (NO, "SELL", "0.62", "10")),
    change(1750361006995, (YES, "BUY", "0.37", "0"), (NO, "SELL", "0.63", "0")),
    # A trade, visible only as a pair of books.
    book(1750361009000, YES, [level("0.38", "4")], [level("0.42", "7218"), level("0.41", "20772.05")]),
    book(1750361009000, NO, [level("0.58", "7218"), level("0.59", "20772.05")], [level("0.62", "4")]),
    # A finer grid, of which the recording says nothing.
    change(1750361010000, (YES, "SELL", "0.405", "50"), (NO, "BUY", "0.595", "50")),
    # One token only: the recorder lost the other half.
    change(1750361016000, (NO, "BUY", "0.595", "60.123456")),
]


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "frames.jsonl"
    path.write_text("".join(json.dumps(frame) + "\n" for frame in FRAMES))
    return path


def final_books(frames):
    """What the frames themselves say at their end, by arithmetic of the test's own."""
    books = {}
    for frame in frames:
        if frame["event_type"] == "book":
            books[frame["asset_id"]] = {
                side: {Decimal(x["price"]): Decimal(x["size"]) for x in frame[side]} for side in ("bids", "asks")
            }
            continue
        for entry in frame["price_changes"]:
            side = books[entry["asset_id"]]["bids" if entry["side"] == "BUY" else "asks"]
            if Decimal(entry["size"]):
                side[Decimal(entry["price"])] = Decimal(entry["size"])
            else:
                side.pop(Decimal(entry["price"]), None)
    return books


def test_the_client_ends_with_the_recordings_own_books(replayed, recording):
    world = replayed(recording)
    world.subscribe()
    world.advance(60)
    assert {token: world.reader.levels(token) for token in (YES, NO)} == final_books(FRAMES)
    assert world.reader.wrong == []
    assert world.reader.proven == 2 + 4 + 4 + 2 + 1


def test_ids_are_kept_or_derived_and_timestamps_are_the_exchanges_own(replayed, recording):
    world = replayed(recording)
    (market,) = world.markets
    assert market["token_ids"] == (YES, NO)
    assert market["condition_id"] == "0x" + hashlib.sha256(SLUG.encode()).hexdigest()
    world.subscribe()
    begin_ms = world.now_ns // 10**6
    frames = [frame for _, frame in world.advance(60) if frame["event_type"] != "tick_size_change"]
    assert [int(frame["timestamp"]) - begin_ms for frame in frames] == [0, 0, 1000, 1000, 3000, 3000, 4000, 10000]
    assert {frame["market"] for frame in frames} == {market["condition_id"]}


def test_the_first_books_carry_the_tick_and_a_finer_grid_is_announced_to_both_tokens(replayed, recording):
    world = replayed(recording)
    world.subscribe()
    assert [frame["tick_size"] for _, frame in world.seen] == ["0.01", "0.01"]
    frames = [frame for _, frame in world.advance(60)]
    assert [frame.get("tick_size") for frame in frames if frame["event_type"] == "book"] == ["0.01", "0.01", None, None]
    changes = [frame for frame in frames if frame["event_type"] == "tick_size_change"]
    assert [frame["asset_id"] for frame in changes] == [YES, NO]
    assert {(frame["old_tick_size"], frame["new_tick_size"]) for frame in changes} == {("0.01", "0.005")}
    assert frames.index(changes[1]) == frames.index(changes[0]) + 1 == 7
    assert world.call("clob", "GET", "/tick-size", token_id=NO)[1] == {"minimum_tick_size": 0.005}


def test_speed_divides_the_distances(replayed, recording):
    world = replayed(recording, speed=100.0)
    world.subscribe()
    begin_ns = world.now_ns
    frames = world.advance(60)
    assert frames[-1][0] - begin_ns == 100_000_000


def test_nothing_is_played_before_every_token_has_a_subscriber(replayed, recording):
    world = replayed(recording)
    world.subscribe(YES)
    assert world.advance(30) == []
    assert world.call("control", "GET", "/status")[1]["replay"] == {"done": False, "frames": 0, "total": 8}
    world.subscribe(NO)
    world.advance(5)
    status = world.call("control", "GET", "/status")[1]["replay"]
    assert status == {"done": False, "frames": 7, "total": 8}
    world.advance(30)
    assert world.call("control", "GET", "/status")[1]["replay"] == {"done": True, "frames": 8, "total": 8}
    assert world.closed == []


def test_a_market_file_gives_what_the_recording_does_not_say(replayed, recording, tmp_path):
    facts = {"slug": SLUG, "condition_id": "0x" + "ab" * 32, "token_ids": [NO, YES], "outcomes": ["B", "A"]}
    facts |= {"min_order_size": 15, "neg_risk": True, "fee_rate": 0.05, "tick_size": "0.001", "note": "any other key"}
    path = tmp_path / "markets.json"
    path.write_text(json.dumps({"markets": [facts]}))
    world = replayed(recording, path)
    (market,) = world.markets
    assert (market["condition_id"], market["token_ids"]) == ("0x" + "ab" * 32, (NO, YES))
    assert (market["min_order_size"], market["neg_risk"], market["tick_size"]) == ("15", True, "0.001")
    world.subscribe()
    frames = world.advance(60)
    assert "tick_size_change" not in {frame["event_type"] for _, frame in frames}
    assert world.reader.wrong == []
    status, info = world.call("clob", "GET", f"/clob-markets/{market['condition_id']}")
    assert (status, info["mos"], info["fd"]["r"], info["nr"]) == (200, 15, 0.05, True)


def test_prints_ticks_results_and_the_older_flat_change_are_replayed(replayed, tmp_path):
    frames = [
        [{**FRAMES[0], "last_trade_price": "0.400", "tick_size": "0.01"}, FRAMES[1]],
        {"event_type": "price_change", "asset_id": YES, "market": SLUG, "timestamp": "1750361006500", "price": "0.39",
         "size": "8", "side": "BUY", "hash": "0"},
        {"event_type": "tick_size_change", "asset_id": YES, "market": SLUG, "timestamp": "1750361006600",
         "old_tick_size": "0.01", "new_tick_size": "0.001"},
        {"event_type": "last_trade_price", "asset_id": NO, "market": SLUG, "timestamp": "1750361006700",
         "price": "0.59", "size": "12.5", "side": "SELL", "fee_rate_bps": "0"},
        change(1750361006800, (YES, "BUY", "0.391", "1")),
        {"event_type": "market_resolved", "market": SLUG, "timestamp": "1750361006900", "winning_asset_id": NO},
    ]  # fmt: skip
    path = tmp_path / "frames.jsonl"
    path.write_text("\n".join(json.dumps(frame) for frame in frames))
    world = replayed(path)
    world.subscribe(custom=True)
    kinds = [frame["event_type"] for _, frame in world.advance(5) if frame["event_type"] != "best_bid_ask"]
    assert kinds == [
        "book", "book", "price_change", "tick_size_change", "tick_size_change", "last_trade_price", "price_change",
        "market_resolved",
    ]  # fmt: skip
    assert world.reader.last_prices[world.markets[0]["condition_id"]] == "0.590"
    assert world.reader.wrong == []


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_packed_recordings_are_read_and_cut_ones_are_not(recording, tmp_path, pack):
    plain = recording.read_bytes() * 50
    packed = tmp_path / "packed"
    packed.write_bytes(pack(plain))
    assert len(load(packed).frames) == len(FRAMES) * 50
    packed.write_bytes(pack(plain)[:-20])
    with pytest.raises(RecordingError, match=r"packed: line \d+: expected"):
        load(packed)


@pytest.mark.parametrize(
    "line, said",
    [
        ('{"event_type":"book","asset', "line 3: expected one JSON frame"),
        ("PONG", "line 3: expected one JSON frame"),
        ("", "line 3: expected one JSON frame"),
        ("7", "line 3: expected a frame with event_type book"),
        ('{"source":"binance","payload":"{}"}', "line 3: expected a frame with event_type book"),
        ('{"event_type":"trade"}', "found 'trade'"),
        (json.dumps({**FRAMES[0], "asset_id": "abc"}), "decimal token id"),
        (json.dumps({**FRAMES[0], "timestamp": "12"}), "timestamp in milliseconds"),
        (json.dumps({**FRAMES[0], "bids": [level("1.5", "1")]}), "above 1"),
        (json.dumps({**FRAMES[0], "bids": 7}), "other types"),
        (json.dumps({key: value for key, value in FRAMES[0].items() if key != "asks"}), "the key 'asks'"),
        (json.dumps(change(1750361006000, (YES, "HOLD", "0.3", "1"))), "BUY or SELL"),
        (json.dumps({**FRAMES[0], "asset_id": "12"}), "this is the third"),
    ],
)
def test_a_foreign_or_cut_recording_names_the_line_and_what_was_expected(tmp_path, line, said):
    path = tmp_path / "frames.jsonl"
    path.write_text("\n".join([json.dumps(FRAMES[0]), json.dumps(FRAMES[1]), line, json.dumps(FRAMES[2])]))
    with pytest.raises(RecordingError) as error:
        load(path)
    assert said in str(error.value)
    assert "line 3" in str(error.value)


def test_an_empty_or_absent_recording_is_refused(tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(RecordingError, match="line 1: expected a market frame"):
        load(empty)
    with pytest.raises(RecordingError, match="expected a readable file"):
        load(tmp_path / "absent.jsonl")


@pytest.mark.parametrize(
    "text", ["{", "7", '{"markets": 7}', '[{"condition_id": "0x12"}]', '[{"tick_size": "a"}]', '[{"token_ids": ["1"]}]']
)
def test_a_wrong_market_file_is_refused(tmp_path, text):
    path = tmp_path / "markets.json"
    path.write_text(text)
    with pytest.raises(RecordingError, match="expected an array of markets with slug"):
        load_facts(path)


NAMES = [
    "20250617_mlb-cle-sf-2025-06-17", "20250617_mlb-mil-chc-2025-06-17", "20250617_mlb-sd-lad-2025-06-17",
    "20250619_mlb-ari-tor-2025-06-19_early-partial.csv.gz", "20250619_mlb-cle-sf-2025-06-19",
    "20250619_mlb-col-wsh-2025-06-19", "20250619_mlb-hou-bal-2025-06-19", "20250619_mlb-kc-tex-2025-06-19",
    "20250619_mlb-laa-nyy-2025-06-19", "20250619_mlb-mil-chc-2025-06-19", "20250619_mlb-min-cin-2025-06-19",
    "20250619_mlb-pit-det-2025-06-19", "20250619_mlb-stl-cws-2025-06-19",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_real_recording_ends_with_its_own_final_books(replayed, shared, name):
    folder = shared / "recordings" / "signaldrift_mlb"
    path = folder / "derived_frames" / f"{name}.jsonl.gz"
    world = replayed(path, folder / "markets.json", speed=10_000.0)
    world.subscribe()
    world.advance(3_600)
    frames = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert world.call("control", "GET", "/status")[1]["replay"] == {
        "done": True, "frames": len(frames), "total": len(frames),
    }  # fmt: skip
    assert world.reader.wrong == []
    assert {token: world.reader.levels(token) for token in world.tokens} == final_books(frames)
    for token in world.tokens:
        _, answer = world.call("clob", "GET", "/book", token_id=token)
        world.reader.see({**answer, "event_type": "book"})
    assert {token: world.reader.levels(token) for token in world.tokens} == final_books(frames)
