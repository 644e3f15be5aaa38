import gzip
import json

import pytest

from sandbox import wire
from sandbox.books import RecordedBooks
from sandbox.markets import CATEGORIES, Event, Market, digest_id, position_ids, token_id
from sandbox.units import MILLISECOND, parse_price, parse_size


def market_of(payload):
    book = RecordedBooks()
    for ladder, side in zip(book.tokens[0], ("bids", "asks"), strict=True):
        ladder.replace((parse_price(level["price"]), parse_size(level["size"])) for level in payload[side])
    market = Market(
        slug="recorded",
        question="recorded",
        condition_id=payload["market"],
        token_ids=(payload["asset_id"], token_id("other")),
        outcomes=("Yes", "No"),
        category=CATEGORIES["sports"],
        event=Event("recorded", "recorded", neg_risk=payload["neg_risk"]),
        book=book,
        created_ns=int(payload["timestamp"]) * MILLISECOND,
        end_ns=None,
        tick=parse_price(payload["tick_size"]),
        min_order_size=parse_size(payload["min_order_size"]),
    )
    market.last_trade_price = payload["last_trade_price"]
    return market


def test_hashes_that_the_venue_sent_are_reproduced(shared):
    path = shared / "vectors" / "official_sdk_book_hash_vectors.json.gz"
    vectors = json.loads(gzip.decompress(path.read_bytes()))
    checked = 0
    for kind in ("rest", "ws_book", "price_change"):
        for vector in vectors[kind]:
            payload = vector["payload_after" if kind == "price_change" else "payload"]
            market = market_of(payload)
            assert wire.book_hash(market, 0) == vector["expected_hash"]
            summary = json.loads(wire.book_summary(market, 0))
            assert summary == {**payload, "hash": vector["expected_hash"]}
            assert list(summary) == list(payload)
            checked += 1
    assert checked == 80


def test_both_tokens_hash_the_last_price_of_whichever_traded(shared):
    path = shared / "recordings" / "tinli_fixtures" / "ws_frames_fed.json"
    (first,), *frames = json.loads(path.read_text())
    yes = market_of({"min_order_size": "5", "neg_risk": True, **first})
    mirror = {**first, "bids": mirrored(first["asks"]), "asks": mirrored(first["bids"])}
    no = market_of({"min_order_size": "5", "neg_risk": True, **mirror})
    checked = 0
    for frame in frames:
        for entry in frame.get("price_changes", []):
            market = yes if entry["asset_id"] == first["asset_id"] else no
            assert isinstance(market.book, RecordedBooks)
            bids, asks = market.book.tokens[0]
            (bids if entry["side"] == "BUY" else asks).set(parse_price(entry["price"]), parse_size(entry["size"]))
            market.token_ids = (entry["asset_id"], "")
            market.changed_ns[0] = int(frame["timestamp"]) * MILLISECOND
            # The NO book at 0.075 shows 0.925, the price at which YES traded.
            assert wire.book_hash(market, 0) == entry["hash"]
            checked += 1
    assert checked == 48


def mirrored(levels):
    return [{"price": f"{1 - float(level['price']):.3f}", "size": level["size"]} for level in levels]


def test_a_book_without_the_recordings_is_hashed_over_its_ten_keys_in_the_venues_order():
    payload = {
        "market": digest_id("m"),
        "asset_id": token_id("t"),
        "timestamp": "1790000000000",
        "hash": "",
        "bids": [{"price": "0.48", "size": "5.5"}],
        "asks": [],
        "min_order_size": "5",
        "tick_size": "0.01",
        "neg_risk": True,
        "last_trade_price": "0.480",
    }
    market = market_of(payload)
    expected = wire.hashlib.sha1(json.dumps(payload, separators=(",", ":")).encode()).hexdigest()
    assert wire.book_hash(market, 0) == expected
    assert json.loads(wire.first_book(market, 0))["hash"] == expected


def test_an_empty_side_is_shown_as_0_and_1_in_a_change_but_not_as_a_level():
    market = market_of({**EMPTY, "bids": [{"price": "0.48", "size": "5"}]})
    frame = json.loads(wire.price_change(market, [(0, "BUY", 4800, 5_000_000)], 1_790_000_000_000_000_000))
    assert frame["price_changes"][0]["best_bid"] == "0.48"
    assert frame["price_changes"][0]["best_ask"] == "1"
    assert json.loads(wire.book_summary(market, 0))["asks"] == []


def test_generated_ids_are_real_256_bit_numbers_and_never_of_the_newer_protocol():
    for number in range(100):
        token = int(token_id(str(number)))
        assert token.bit_length() == 256
        assert token >> 40 & (1 << 64) - 1
        assert len(digest_id(str(number))) == 66


def test_a_book_of_the_newer_protocol_says_so_and_hashes_it(shared):
    folder = shared / "payloads" / "adriancova_polymarket-bot-v2"
    text = (folder / "book-v2-empty.json").read_text().strip()
    market = market_of(json.loads(text))
    market.version = "v2"
    assert wire.book_summary(market, 0) == text
    frames = [json.loads(line) for line in (folder / "ws-market-v2-session-frames.jsonl").read_text().splitlines()]
    first = next(frame["data"] for frame in frames if "event_type" in frame.get("data", ""))
    assert f"[{wire.first_book(market, 0)}]\n" == first
    assert json.loads(wire.later_book(market, 0))["version"] == "v2"


def test_a_live_book_of_the_older_protocol_is_written_byte_for_byte(shared):
    text = (shared / "payloads/adriancova_polymarket-bot-v2/book-v1.json").read_text().strip()
    assert wire.book_summary(market_of(json.loads(text)), 0) == text


@pytest.mark.parametrize("neg_risk", [False, True])
def test_positions_of_the_newer_protocol_have_its_bits_and_their_condition_is_theirs_without_the_outcome(neg_risk):
    condition_id, ids = position_ids("seed", "question", neg_risk=neg_risk, index=3)
    yes, no = map(int, ids)
    assert (yes >> 248, yes >> 104 & 0xFFFF, yes >> 40 & (1 << 64) - 1) == (2 if neg_risk else 1, 0, 0)
    assert (yes >> 24 & 0xFFFF, yes >> 8 & 0xFFFF, yes & 0xFF, no) == (0, 3, 0, yes + 1)
    assert condition_id == f"0x{yes:064x}"
    assert condition_id[:34] == position_ids("seed", "question", neg_risk=neg_risk)[0][:34]
    assert position_ids("seed", "other", neg_risk=neg_risk, index=3)[0] != condition_id


EMPTY = {
    "market": digest_id("m"),
    "asset_id": token_id("t"),
    "timestamp": "1790000000000",
    "hash": "",
    "bids": [],
    "asks": [],
    "min_order_size": "5",
    "tick_size": "0.01",
    "neg_risk": False,
    "last_trade_price": "",
}
