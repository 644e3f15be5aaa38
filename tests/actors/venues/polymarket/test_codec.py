"""What the market channel says, as our messages; and what it says wrong, as `MalformedFrame`."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.venues.polymarket.codec import Codec, Decoded, MalformedFrame
from models.markets import NO, YES, Outcome, Side
from models.messages.market import (
    BookFrame,
    LevelChange,
    LevelsChanged,
    MarketResolved,
    TickSizeChanged,
    TradePrinted,
)

M = "m"
TOKENS: dict[str, tuple[str, Outcome]] = {"11": (M, YES), "22": (M, NO), "33": ("other", YES)}
NOW_NS = 1_750_000_000_000_000_000

BOOK = {
    "event_type": "book", "market": "0xabc", "asset_id": "11", "timestamp": "1750000000000", "hash": "h",
    "bids": [{"price": "0.01", "size": "1123"}, {"price": ".48", "size": "1639.343"}],
    "asks": [{"price": "0.6", "size": "5"}],
}  # fmt: skip
OURS = {"asset_id": "11", "price": "0.5", "size": "200", "side": "BUY", "hash": "a", "best_bid": "0.5"}
THEIRS = {"asset_id": "22", "price": "0.5", "size": "200", "side": "SELL", "hash": "b", "best_ask": "1"}
CHANGE = {
    "market": "0xabc", "price_changes": [OURS, THEIRS], "timestamp": "1757908892351", "event_type": "price_change",
}  # fmt: skip
TRADE = {
    "asset_id": "22", "event_type": "last_trade_price", "fee_rate_bps": "0", "market": "0xabc", "price": "0.820",
    "side": "SELL", "size": "85.36", "timestamp": "1750000000000", "transaction_hash": "0xf",
}  # fmt: skip


def codec() -> Codec:
    return Codec(TOKENS)


def decode(*frames: Any) -> tuple[Decoded, ...]:
    """Decode one object, or several as an array."""
    return codec().decode(json.dumps(frames[0] if len(frames) == 1 else frames).encode(), NOW_NS)


def test_a_book_becomes_integers_and_keeps_what_the_hash_needs_as_text() -> None:
    more = {"tick_size": "0.001", "min_order_size": "5", "neg_risk": True, "last_trade_price": "0.040", "version": "v2"}
    (book,) = decode(BOOK | more)
    assert book == BookFrame(
        M, YES, ((100, 1_123_000_000), (4_800, 1_639_343_000)), ((6_000, 5_000_000),), 1_750_000_000_000, NOW_NS, "h",
        tick=10, min_order_size="5", neg_risk=True, last_trade_price="0.040", version="v2", source="ws",
    )  # fmt: skip


def test_a_mid_stream_book_leaves_keys_open() -> None:
    (book,) = decode(BOOK)
    assert isinstance(book, BookFrame)
    assert (book.tick, book.min_order_size, book.neg_risk, book.last_trade_price, book.version) == (None,) * 5


def test_a_price_change_is_one_message_of_both_tokens() -> None:
    (change,) = decode(CHANGE)
    levels = (LevelChange(YES, Side.BUY, 5_000, 200_000_000, "a"), LevelChange(NO, Side.SELL, 5_000, 200_000_000, "b"))
    assert change == LevelsChanged(M, levels, 1_757_908_892_351, NOW_NS)


def test_the_older_forms_of_a_price_change_are_the_same_message() -> None:
    flat = {
        "asset_id": "11", "event_type": "price_change", "hash": "a", "market": "0xdd", "price": "0.514", "side": "SELL",
        "size": "21574.08", "timestamp": "1723967931411",
    }  # fmt: skip
    between = {
        "asset_id": "11", "event_type": "price_change", "hash": "a", "market": "0xdd", "timestamp": "1723967931411",
        "changes": [{"price": "0.514", "side": "SELL", "size": "21574.08"}],
    }  # fmt: skip
    expected = LevelsChanged(M, (LevelChange(YES, Side.SELL, 5_140, 21_574_080_000, "a"),), 1_723_967_931_411, NOW_NS)
    assert decode(flat) == decode(between) == (expected,)


def test_a_print_keeps_its_text_for_the_hash() -> None:
    (trade,) = decode(TRADE)
    assert trade == TradePrinted(
        M, NO, Side.SELL, 8_200, 85_360_000, 1_750_000_000_000, NOW_NS, "0xf", price_text="0.820"
    )


def test_a_print_of_2024_has_no_transaction() -> None:
    (trade,) = decode({key: value for key, value in TRADE.items() if key != "transaction_hash"})
    assert isinstance(trade, TradePrinted)
    assert trade.transaction_hash == ""


def test_a_tick_change_is_told_by_its_new_tick() -> None:
    frame = {
        "asset_id": "11", "event_type": "tick_size_change", "market": "0xb", "new_tick_size": "0.0025",
        "old_tick_size": "0.01", "timestamp": "1739068041853",
    }  # fmt: skip
    assert decode(frame) == (TickSizeChanged(M, 25, 1_739_068_041_853, NOW_NS),)


@pytest.mark.parametrize(("winner", "payout"), [("11", 10_000), ("22", 0)])
def test_a_resolution_says_what_a_yes_share_pays(winner: str, payout: int) -> None:
    frame = {"event_type": "market_resolved", "assets_ids": ["11", "22"], "winning_asset_id": winner}
    assert decode(frame) == (MarketResolved(M, payout, NOW_NS),)


def test_a_resolution_that_says_in_all_words_that_nobody_won_is_void() -> None:
    frame = {"event_type": "market_resolved", "assets_ids": ["11", "22"], "winning_asset_id": "", "winning_outcome": ""}
    assert decode(frame) == (MarketResolved(M, 5_000, NOW_NS),)


@pytest.mark.proves("I22")
@pytest.mark.parametrize(
    "said", [{"winning_asset_id": ""}, {"winning_asset_id": "", "winning_outcome": "Yes"},
             {"winning_asset_id": "98", "winning_outcome": ""},
             {"winning_asset_id": "", "winning_outcome": "", "assets_ids": ["11"]}],
)  # fmt: skip
def test_a_resolution_without_a_winner_of_ours_is_not_guessed(said: dict[str, object]) -> None:
    (malformed,) = decode({"event_type": "market_resolved", "assets_ids": ["11", "22"], **said})
    assert isinstance(malformed, MalformedFrame)
    assert not decode({"event_type": "market_resolved", "assets_ids": ["98", "99"], "winning_asset_id": "99"})


def test_an_array_is_decoded_in_its_order() -> None:
    book, change, trade = decode(BOOK, CHANGE, TRADE)
    assert [type(one) for one in (book, change, trade)] == [BookFrame, LevelsChanged, TradePrinted]


@pytest.mark.parametrize("text", [b"PONG", b"NO NEW ASSETS", b"", b"\n", b" PONG\n"])
def test_plain_texts_are_counted_and_say_nothing(text: bytes) -> None:
    one = codec()
    assert one.decode(text, NOW_NS) == ()
    assert (one.counts.plain_texts, one.counts.malformed) == (1, 0)


def test_events_that_say_nothing_we_use_are_counted() -> None:
    one = codec()
    for frame in (
        {"event_type": "best_bid_ask", "asset_id": "11", "best_bid": "0.73", "best_ask": "0.77", "timestamp": "1"},
        {"event_type": "new_market", "id": "5347188", "market": "0xab", "assets_ids": ["8", "9"]},
    ):
        assert one.decode(json.dumps(frame).encode(), NOW_NS) == ()
    assert one.counts.ignored == 2


def test_tokens_that_are_not_ours_are_counted_and_left_out() -> None:
    one = codec()
    foreign = CHANGE | {"price_changes": [OURS, OURS | {"asset_id": "9"}]}
    (change,) = one.decode(json.dumps(foreign).encode(), NOW_NS)
    assert isinstance(change, LevelsChanged)
    assert len(change.changes) == 1
    assert one.decode(json.dumps(BOOK | {"asset_id": "9"}).encode(), NOW_NS) == ()
    assert one.counts.unknown_tokens == 2


def test_answers_to_requests_are_books_of_source_rest() -> None:
    answer = {key: value for key, value in BOOK.items() if key != "event_type"}
    one, other = codec().decode_rest(json.dumps([answer, answer | {"asset_id": "22"}]).encode(), NOW_NS)
    assert isinstance(one, BookFrame)
    assert isinstance(other, BookFrame)
    assert (one.source, one.outcome, other.outcome) == ("rest", YES, NO)
    assert codec().decode_rest(json.dumps(answer).encode(), NOW_NS) == (one,)
    (malformed,) = codec().decode_rest(b'{"error":"No orderbook exists for the requested token id"}', NOW_NS)
    assert isinstance(malformed, MalformedFrame)
    assert malformed.kind == "shape"


@pytest.mark.parametrize(
    ("raw", "kind", "market"),
    [
        (b"{", "text", None),
        (b"<html>", "text", None),
        (b"[1,", "text", None),
        (b'{"asset_id":"11","event_type":"book","bids":[', "text", M),
        (b"[]x", "text", None),
        (b'{"event_type":"comment"}', "event", None),
        (b'{"asset_id":"11"}', "shape", M),
        (b'{"event_type":"book","asset_id":"11","timestamp":"1","bids":{},"asks":[]}', "shape", M),
        (b'{"event_type":"price_change","market":"0xabc","timestamp":"1"}', "number", None),
        (b'{"event_type":"price_change","asset_id":"11","timestamp":"1"}', "shape", M),
        (json.dumps(TRADE | {"side": "HOLD"}).encode(), "shape", M),
        (json.dumps(TRADE | {"size": 85.36}).encode(), "shape", M),
        (json.dumps(BOOK | {"tick_size": "0.002"}).encode(), "number", M),
        (json.dumps(BOOK | {"timestamp": "soon"}).encode(), "shape", M),
        (json.dumps(BOOK | {"timestamp": "-5"}).encode(), "shape", M),
        (json.dumps(BOOK | {"timestamp": "9" * 30}).encode(), "shape", M),
    ],
)
def test_what_is_not_a_frame_is_named_counted_and_never_raised(raw: bytes, kind: str, market: str | None) -> None:
    one = codec()
    (malformed,) = one.decode(raw, NOW_NS)
    assert isinstance(malformed, MalformedFrame)
    assert (malformed.kind, malformed.market) == (kind, market)
    assert malformed.detail
    assert one.counts.malformed == 1


UNTRUSTED = ["NaN", "Infinity", "-1", "-0", "1e3", "0x1", "1_000", " 1", "1234567890123456789", "0.0000001", ".", ""]


@pytest.mark.proves("I23")
@pytest.mark.parametrize("size", UNTRUSTED)
def test_sizes_that_are_not_plain_decimals_are_refused_with_their_frame(size: str) -> None:
    assert [type(one) for one in decode(TRADE | {"size": size})] == [MalformedFrame]
    assert [type(one) for one in decode(BOOK | {"asks": [{"price": "0.6", "size": size}]})] == [MalformedFrame]


@pytest.mark.proves("I23")
@pytest.mark.parametrize("price", [*UNTRUSTED, "0", "1", "1.01", "0.00001", "2"])
def test_prices_outside_zero_and_one_are_refused_with_their_frame(price: str) -> None:
    assert [type(one) for one in decode(TRADE | {"price": price})] == [MalformedFrame]
    changes = [{"asset_id": "11", "price": price, "size": "1", "side": "BUY"}]
    assert [type(one) for one in decode(CHANGE | {"price_changes": changes})] == [MalformedFrame]


def test_one_frame_cannot_change_two_markets() -> None:
    changes = [{"asset_id": token, "price": "0.5", "size": "1", "side": "BUY"} for token in ("11", "33")]
    (malformed,) = decode(CHANGE | {"price_changes": changes})
    assert isinstance(malformed, MalformedFrame)


def test_a_bad_frame_does_not_take_the_others_of_its_array_with_it() -> None:
    book, malformed, trade = decode(BOOK, TRADE | {"side": "HOLD"}, TRADE)
    assert [type(one) for one in (book, malformed, trade)] == [BookFrame, MalformedFrame, TradePrinted]


@pytest.mark.proves("I23")
@given(raw=st.binary(max_size=200))
def test_no_bytes_raise(raw: bytes) -> None:
    assert isinstance(codec().decode(raw, NOW_NS), tuple)
    assert isinstance(codec().decode_rest(raw, NOW_NS), tuple)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["11", "BUY"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(BOOK | CHANGE | TRADE)), inner),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.proves("I23")
@given(
    event=st.sampled_from(["book", "price_change", "last_trade_price", "tick_size_change", "market_resolved"]),
    frame=st.dictionaries(st.sampled_from(sorted(BOOK | CHANGE | TRADE)), JSON),
)
def test_no_json_raises(event: str, frame: dict[str, Any]) -> None:
    for decoded in decode(frame | {"event_type": event}):
        assert isinstance(decoded, Decoded)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("nautilus_trader_python/ws_messages/book.json", BookFrame),
        ("nautilus_trader_python/ws_messages/price_change.json", LevelsChanged),
        ("nautilus_trader_python/ws_messages/price_change_v2.json", LevelsChanged),
        ("nautilus_trader_python/ws_messages/last_trade_price.json", TradePrinted),
        ("nautilus_trader_python/ws_messages/tick_size_change.json", TickSizeChanged),
        ("nautilus_trader_rust/ws_market_resolved_msg.json", MarketResolved),
    ],
)
def test_captured_frames_are_understood(shared: Path, name: str, kind: type) -> None:
    path = shared / "payloads" / name
    raw = path.read_bytes()
    frame = json.loads(raw)
    token = frame.get("asset_id") or frame.get("winning_asset_id") or frame["price_changes"][0]["asset_id"]
    assert [type(one) for one in Codec({token: (M, YES)}).decode(raw, NOW_NS)] == [kind]


def test_a_captured_session_of_a_version_2_market_is_understood(shared: Path) -> None:
    path = shared / "payloads" / "adriancova_polymarket-bot-v2" / "ws-market-v2-session-frames.jsonl"
    token = "663574927012476832975694178961957910328055987427402067619466963999000625152"
    one = Codec({token: (M, YES)})
    said: list[Decoded] = []
    for line in path.read_text().splitlines():
        event = json.loads(line)
        if event["dir"] == "recv":
            said += one.decode(event["data"].encode(), NOW_NS)
    (book,) = said
    assert isinstance(book, BookFrame)
    assert (book.version, book.tick, book.last_trade_price) == ("v2", 100, "")
    assert (one.counts.plain_texts, one.counts.ignored, one.counts.malformed) == (1, 1, 0)


def test_fields_that_nobody_knows_are_counted_by_name_in_some_frames_and_cost_nothing() -> None:
    codec = Codec(TOKENS)
    strange = json.dumps(CHANGE | {"sentiment": {"score": 1}, "a\x1b[2Jb": 0}).encode()
    for _ in range(128):
        assert len(codec.decode(strange, NOW_NS)) == 1
    assert codec.counts.unknown_fields == {"sentiment": 2, "a[2Jb": 2}
    assert codec.counts.malformed == 0
    new_market = b'{"event_type":"new_market","question":"who knows"}'
    for _ in range(64):
        codec.decode(new_market, NOW_NS)
    assert len(codec.counts.unknown_fields) == 2
