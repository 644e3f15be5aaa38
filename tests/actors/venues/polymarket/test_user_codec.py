"""What the venue says of our orders and trades, as our messages; and what it says wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.venues.polymarket.codec import MalformedFrame
from actors.venues.polymarket.user_codec import UserCodec
from models.messages.orders import ForeignOrderSeen, OrderAccepted, OrderCancelled, TradeReported
from tests.actors.venues.polymarket.user_frames import (
    AT_NS,
    NOW_NS,
    M,
    Ours,
    decode,
    malformed,
    order,
    part,
    reported,
    trade,
)

# Orders


def test_an_order_that_is_placed_or_partly_matched_stands_on_the_book() -> None:
    accepted = (OrderAccepted("o1", "m", AT_NS),)
    assert decode(order(), "o1") == accepted
    assert decode(order(type="UPDATE", size_matched="4"), "o1") == accepted
    for status in ("DELAYED", "UNMATCHED"):
        assert decode(order(status=status), "o1") == accepted


@pytest.mark.fault("F57")
@pytest.mark.parametrize(
    "frame, text",
    [
        (order(type="CANCELLATION", status="CANCELED", size_matched="2.5"), "CANCELED"),
        (order(type="CANCELLATION", status="INVALID", size_matched="2.5"), "INVALID"),
        (order(type="UPDATE", status="CANCELED", size_matched="2.5"), "CANCELED"),
        (order(type="UPDATE", status="MATCHED", size_matched="2.5"), "MATCHED"),
        (order(type="PLACEMENT", status="MATCHED", size_matched="2.5", order_type="FAK"), "MATCHED"),
        (
            order(type="UPDATE", status="CANCELED_MARKET_RESOLVED: by the oracle", size_matched="2.5"),
            "CANCELED_MARKET_RESOLVED: by the oracle",
        ),
    ],
)
def test_an_order_that_is_over_leaves_the_book_with_what_was_matched(frame: Any, text: str) -> None:
    assert decode(frame, "o1") == (OrderCancelled("o1", "m", 2_500_000, text, AT_NS),)


def test_a_resting_order_that_matched_as_it_was_placed_may_still_rest() -> None:
    assert decode(order(status="MATCHED", size_matched="4"), "o1") == (OrderAccepted("o1", "m", AT_NS),)


@pytest.mark.proves("I17")
def test_an_order_that_we_never_signed_is_told_as_foreign_whatever_it_says() -> None:
    assert decode(order(), "another") == (ForeignOrderSeen("o1", "m", None, AT_NS),)
    elsewhere = order(market="0xdef", asset_id="99", type="CANCELLATION", status="nobody knows")
    assert decode(elsewhere) == (ForeignOrderSeen("o1", "0xdef", None, AT_NS),)


def test_an_order_is_ours_in_a_market_that_we_no_longer_know() -> None:
    assert decode(order(), "o1", markets=()) == (OrderAccepted("o1", "0xabc", AT_NS),)


@pytest.mark.parametrize(
    "timestamp, at_ns", [("1782753357", 1_782_753_357 * 10**9), (1782753357257, AT_NS), ("", NOW_NS)]
)
def test_seconds_and_milliseconds_are_told_apart_by_magnitude(timestamp: Any, at_ns: int) -> None:
    assert decode(order(timestamp=timestamp), "o1") == (OrderAccepted("o1", "m", at_ns),)


@pytest.mark.parametrize("changed", [{"status": "SOMETHING"}, {"type": "MOVED"}, {"type": "UPDATE", "status": ""}])
def test_an_order_that_is_neither_open_nor_over_is_no_acceptance(changed: Any) -> None:
    told = malformed(order(**changed), "o1")
    assert (told.kind, told.market) == ("status", "m")


# REST


@pytest.mark.parametrize("status", ["MATCHED", "MATCHED_NOT_BROADCASTED", "MINED", "RETRYING", "CONFIRMED", "FAILED"])
def test_a_status_of_rest_is_that_of_the_stream_without_its_prefix(status: str) -> None:
    stream = reported(trade(part("x", "10", "0.52"), status=status), "o1")
    row = trade(part("x", "10", "0.52"), status=f"TRADE_STATUS_{status}", last_update="1782753357")
    del row["event_type"], row["timestamp"], row["transaction_hash"]
    for body in (row, [row], {"data": [row], "next_cursor": "LTE=", "limit": 500, "count": 1}):
        (fill,) = UserCodec([M], Ours("o1")).decode_trades(json.dumps(body).encode(), NOW_NS)
        assert isinstance(fill, TradeReported)
        assert (fill.status, fill.at_ns) == (status, 1_782_753_357 * 10**9)
        assert [(fill.price, fill.size, fill.cash, fill.fee)] == [(o.price, o.size, o.cash, o.fee) for o in stream]


def test_orders_of_rest_are_read_by_their_status_alone() -> None:
    def row(order_id: str, status: str, matched: str = "0") -> dict[str, Any]:
        kept = order(id=order_id, status=status, size_matched=matched, created_at=1782753357)
        return {key: value for key, value in kept.items() if key not in ("event_type", "type", "timestamp")}

    rows = [row("o1", "LIVE"), row("o2", "ORDER_STATUS_MATCHED", "9.997714"), row("o3", "INVALID"), row("x", "LIVE")]
    codec = UserCodec([M], Ours("o1", "o2", "o3"))
    assert codec.decode_orders(json.dumps({"data": rows, "next_cursor": "LTE="}).encode(), NOW_NS) == (
        OrderAccepted("o1", "m", NOW_NS),
        OrderCancelled("o2", "m", 9_997_714, "MATCHED", NOW_NS),
        OrderCancelled("o3", "m", 0, "INVALID", NOW_NS),
        ForeignOrderSeen("x", "m", None, NOW_NS),
    )
    assert codec.counts.unknown_fields == {}


# What is wrong


@pytest.mark.parametrize(
    "key", ["id", "market", "asset_id", "type", "status", "size_matched", "order_type", "timestamp"]
)
def test_an_order_without_a_known_field_is_malformed_and_names_its_market(key: str) -> None:
    frame = order()
    del frame[key]
    told = malformed(frame, "o1")
    assert (told.kind, told.market) == ("shape", "m")


@pytest.mark.parametrize(
    "key",
    ["id", "taker_order_id", "market", "asset_id", "side", "size", "price", "status", "trader_side", "maker_orders",
     "timestamp"],
)  # fmt: skip
def test_a_trade_without_a_known_field_is_malformed_and_names_its_market(key: str) -> None:
    frame = trade(part("x", "10", "0.52"))
    del frame[key]
    told = malformed(frame, "o1")
    assert (told.kind, told.market) == ("shape", "m")


@pytest.mark.parametrize("key", ["order_id", "owner", "maker_address", "asset_id", "matched_amount", "price"])
def test_a_maker_without_a_known_field_makes_its_trade_malformed(key: str) -> None:
    entry = part("o7", "10", "0.52")
    del entry[key]
    assert malformed(trade(entry, trader_side="MAKER"), "o7").market == "m"


@pytest.mark.proves("I23")
@pytest.mark.parametrize(
    "frame",
    [
        order(type="CANCELLATION", size_matched="-1"),
        order(type="CANCELLATION", size_matched="1e3"),
        order(timestamp="2024-01-01T00:00:00Z"),
        order(timestamp="1" * 15),
        order(id=""),
        trade(part("x", "10", "1")),
        trade(part("x", "10", "0")),
        trade(part("x", "0", "0.5")),
        trade(part("x", "10", "NaN")),
        trade(part("x", "10", "0.52"), size="Infinity"),
        trade(part("x", "10", "0.52"), size="0"),
        trade(part("x", "10", "0.52"), side="HOLD"),
        trade(part("x", "10", "0.52"), id=""),
        trade(part("o7", "10", "0.52", side="KEEP"), trader_side="MAKER"),
        trade(part("o7", "5", "0.52"), part("o7", "5", "0.48", "22", "BUY"), trader_side="MAKER"),
    ],
)
def test_a_value_that_means_nothing_is_malformed_and_names_its_market(frame: Any) -> None:
    told = malformed(frame, "o1", "o7")
    assert (told.kind, told.market) == ("number", "m")


def test_a_fill_of_ours_in_an_unknown_token_is_not_passed_over() -> None:
    frame = trade(part("x", "10", "0.52", "99"), asset_id="99", market="0xdef")
    told = malformed(frame, "o1")
    assert (told.kind, told.market) == ("token", "0xdef")


def test_an_unknown_event_loses_nothing_and_an_unknown_field_is_counted() -> None:
    codec = UserCodec([M], Ours("o1"))
    (told,) = codec.decode(b'{"event_type":"balance","market":"0xabc"}', NOW_NS)
    assert isinstance(told, MalformedFrame)
    assert (told.kind, told.market) == ("event", None)
    for _ in range(2):
        codec.decode(json.dumps(order(colour="red", taste=1)).encode(), NOW_NS)
    codec.decode(json.dumps(trade(part("x", "10", "0.52"), colour="blue")).encode(), NOW_NS)
    assert codec.counts.unknown_fields == {"colour": 3, "taste": 2}
    assert codec.counts.malformed == 1


@pytest.mark.parametrize(
    "raw",
    [b"{", b"[1", b"null", b'"x"', b"3", b"\xff\xfe", b"[[]]", b'{"event_type":"order"', b"[" * 10_000, b"<html>"],
)
def test_what_is_no_event_is_malformed_and_never_an_exception(raw: bytes) -> None:
    codec = UserCodec([M], Ours("o1"))
    for one in (codec.decode, codec.decode_orders, codec.decode_trades):
        told = one(raw, NOW_NS)
        assert told
        assert all(isinstance(message, MalformedFrame) for message in told)


def test_a_bad_event_does_not_take_the_others_of_its_array_with_it() -> None:
    told = decode([order(), order(size_matched=3), order(id="o2", asset_id="22")], "o1", "o2")
    assert [type(one) for one in told] == [OrderAccepted, MalformedFrame, OrderAccepted]


def test_plain_texts_say_nothing() -> None:
    codec = UserCodec([M], Ours())
    assert [codec.decode(raw, NOW_NS) for raw in (b"PONG", b"", b"\n", b"NO NEW ASSETS")] == [()] * 4
    assert codec.counts.plain_texts == 4


@pytest.mark.proves("I41")
def test_hostile_text_is_made_plain_before_anybody_sees_it() -> None:
    (over,) = decode(order(type="CANCELLATION", status="CANCELED\x1b[2J\u202e\n x"), "o1")
    assert isinstance(over, OrderCancelled)
    assert over.text == "?CANCELED[2J x"
    (foreign,) = decode(order(id="\x1b]0;x\x07", market="\u202eabc", asset_id="99"))
    assert foreign == ForeignOrderSeen("?]0;x", "abc", None, AT_NS)


@pytest.mark.proves("I23", "I41")
@pytest.mark.parametrize("hidden", ["CONF\u200bIRMED", "CONFIRMED\x00", "\u202eFAILED", "FAILED\n", " CONFIRMED"])
def test_what_hides_in_a_status_does_not_make_it_a_word_of_the_venue(hidden: str) -> None:
    (fill,) = reported(trade(part("x", "10", "0.52"), status=hidden), "o1")
    assert fill.status.startswith("?")
    (told,) = decode(order(status=hidden.replace("CONFIRMED", "LIVE")), "o1")
    assert isinstance(told, MalformedFrame)


@pytest.mark.proves("I23")
def test_what_hides_in_an_id_does_not_make_it_ours() -> None:
    (told,) = decode(order(id="o\u200b1"), "o1")
    assert told == ForeignOrderSeen("?o1", "m", None, AT_NS)
    assert malformed(order(id="\u200b"), "o1").kind == "number"


@pytest.mark.proves("I23")
@pytest.mark.parametrize("frame", [order(), trade(part("x", "10", "0.52"))])
def test_an_event_that_names_a_key_twice_is_malformed_and_the_others_of_its_array_are_not(frame: Any) -> None:
    text = json.dumps(frame).encode()
    codec = UserCodec([M], Ours("o1"))
    for twice in (
        b'"status": "MATCHED", "status": ',
        b'"st\\u0061tus": "", "status": ',
        b'"n": {"a": 1, "a": 1}, "status": ',
    ):
        told = codec.decode(b"[" + text.replace(b'"status": ', twice) + b"," + text + b"]", NOW_NS)
        assert [type(one) is MalformedFrame for one in told] == [True, False]
        assert isinstance(told[0], MalformedFrame)
        assert (told[0].kind, told[0].market) == ("text", "m")


@pytest.mark.proves("I42")
def test_a_text_of_very_many_events_is_refused_whole_at_once() -> None:
    codec = UserCodec([M], Ours("o1"))
    for raw in (b"[" + b"{}," * 1_000 + b"{}]", b"[" + b"1," * 400_000 + b"1]", b"[" + b"{}," * 400_000 + b"{}]"):
        (told,) = codec.decode(raw, NOW_NS)
        assert isinstance(told, MalformedFrame)
        assert (told.kind, told.market) == ("text", None)
        assert "more than" in told.detail


@pytest.mark.proves("I42")
def test_an_event_that_nests_too_deep_is_malformed() -> None:
    deep = json.dumps(order()).encode()[:-1] + b',"x":' + b"[" * 64 + b"]" * 64 + b"}"
    assert isinstance(UserCodec([M], Ours("o1")).decode(deep, NOW_NS)[0], MalformedFrame)
    less = deep.replace(b"[" * 64, b"[" * 63).replace(b"]" * 64, b"]" * 63)
    assert UserCodec([M], Ours("o1")).decode(less, NOW_NS) == (OrderAccepted("o1", "m", AT_NS),)


@pytest.mark.proves("I23")
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda of: st.lists(of) | st.dictionaries(st.text(max_size=5), of),
    ),
    st.data(),
)
def test_any_value_in_any_field_is_understood_or_malformed(value: Any, data: st.DataObject) -> None:
    frame = trade(part("x", "10", "0.52")) if data.draw(st.booleans()) else order()
    frame[data.draw(st.sampled_from(sorted(frame)))] = value
    told = decode(frame, "o1")
    assert told
    assert all(
        isinstance(one, OrderAccepted | OrderCancelled | TradeReported | ForeignOrderSeen | MalformedFrame)
        for one in told
    )
