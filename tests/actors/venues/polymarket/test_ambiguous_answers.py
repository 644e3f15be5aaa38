"""What the venue answers about orders and money is read in one way, or not at all."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.venues.http_client import Answer
from actors.venues.polymarket.clob_answers import Page, WireBalance, WireOrder, WireTrade
from actors.venues.polymarket.clob_session import ReadFailed, decoded
from actors.venues.polymarket.outcomes import batch_verdicts, cancellation, order_verdict
from actors.venues.polymarket.verdicts import Cause, Fate
from models.text import escaped

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=30,
)
READS: list[Any] = [Page[WireOrder], Page[WireTrade], WireOrder, WireBalance]
BALANCE = {"balance": "1", "allowances": {}}


def refused(body: bytes, kind: Any) -> ReadFailed:
    """How a read fails that was answered so."""
    with pytest.raises(ReadFailed) as failed:
        decoded("it", Answer(200, {}, body), kind)
    return failed.value


@pytest.mark.proves("I23")
@pytest.mark.parametrize("kind", READS)
def test_a_read_that_says_two_things_is_no_answer(kind: Any) -> None:
    assert refused(b'{"data":[],"data":[{}],"next_cursor":"LTE="}', kind).verdict.cause is Cause.MALFORMED


@pytest.mark.proves("I23")
@pytest.mark.parametrize(
    "balance", ['"NaN"', "NaN", "1e999", "Infinity", '"-1"', "-1", '"1.5"', '"1e3"', f'"{"9" * 19}"', '""', "null"]
)
def test_a_balance_that_is_no_number_is_no_answer(balance: str) -> None:
    body = json.dumps(BALANCE).replace('"1"', balance).encode()
    try:
        read = decoded("it", Answer(200, {}, body), WireBalance)
    except ReadFailed:
        return
    with pytest.raises(ValueError, match="is not a whole number"):
        read.typed()


ORDER = {
    "id": "0x1", "status": "LIVE", "market": "m", "asset_id": "11", "side": "BUY", "original_size": "5",
    "size_matched": "0", "price": "0.5", "order_type": "GTC", "maker_address": "0x", "created_at": 1_782_753_357,
}  # fmt: skip


@pytest.mark.proves("I23")
@pytest.mark.parametrize(
    "wrong",
    [
        {"price": "1.1"},
        {"price": "-0.1"},
        {"price": 0.5},
        {"original_size": "-5"},
        {"size_matched": "NaN"},
        {"size_matched": "1e3"},
        {"original_size": "9" * 19},
        {"side": "HOLD"},
        {"created_at": 10**18},
        {"created_at": -1},
    ],
)
def test_an_order_with_a_number_or_word_that_cannot_be_is_no_answer(wrong: dict[str, Any]) -> None:
    assert decoded("it", Answer(200, {}, json.dumps(ORDER).encode()), WireOrder).typed().size == 5_000_000
    try:
        read = decoded("it", Answer(200, {}, json.dumps(ORDER | wrong).encode()), WireOrder)
    except ReadFailed:
        return
    with pytest.raises(ValueError, match=r"price|size"):
        read.typed()


@pytest.mark.proves("I41")
def test_why_an_answer_is_none_is_said_in_plain_words() -> None:
    hostile = json.dumps(ORDER | {"side": "\x1b[2J\u202e\nBUY"}, ensure_ascii=False).encode()
    assert escaped(str(refused(hostile, WireOrder))) == str(refused(hostile, WireOrder))


@pytest.mark.proves("I23")
@given(st.binary(max_size=60) | VALUES.map(json.dumps).map(str.encode), st.sampled_from(READS))
def test_whatever_answers_a_read_it_is_a_value_or_a_failed_read(body: bytes, kind: Any) -> None:
    try:
        read: Any = decoded("it", Answer(200, {}, body), kind)
        items: Iterable[Any] = read.data if isinstance(read, Page) else [read]
        for item in items:
            item.typed()
    except (ReadFailed, ValueError):
        pass


@pytest.mark.proves("I23", "I8")
@pytest.mark.parametrize(
    "body",
    [
        b'{"success":false,"errorMsg":"no","success":true,"orderID":"0x1","status":"live"}',
        b'{"success":true,"orderID":"0x1","status":"live","status":"matched"}',
        b'{"success":false,"errorMsg":"not enough balance","errorMsg":""}',
    ],
)
def test_an_order_that_was_answered_in_two_ways_is_of_unknown_fate(body: bytes) -> None:
    assert order_verdict(Answer(200, {}, body), "0x1").fate is Fate.UNKNOWN
    (leg,) = batch_verdicts(Answer(200, {}, b"[" + body + b"]"), ["0x1"])
    assert leg.fate is Fate.UNKNOWN


@pytest.mark.proves("I23", "I8")
def test_a_cancel_that_was_answered_in_two_ways_cancelled_nothing_for_sure() -> None:
    body = b'{"canceled":["0x1"],"not_canceled":{"0x1":"matched","0x1":"unknown"}}'
    assert cancellation(Answer(200, {}, body)).of("0x1").fate is Fate.UNKNOWN
