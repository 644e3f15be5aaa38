"""What decides about money has one meaning, whatever bytes come."""

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
from actors.venues.strict_json import DEPTH_MAX, AmbiguousJson, refuse_ambiguous

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
@given(VALUES, st.booleans())
def test_what_has_one_meaning_is_let_pass(value: Any, ascii_only: bool) -> None:
    refuse_ambiguous(json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@pytest.mark.proves("I23")
@given(st.lists(st.text(max_size=3), min_size=1, max_size=4), VALUES, st.data())
def test_a_key_that_comes_twice_is_refused_wherever_it_stands(path: list[str], value: Any, data: st.DataObject) -> None:
    written = json.dumps(value)
    key = json.dumps(data.draw(st.text(max_size=4)))
    text = f"{{{key}: {written}, {key}: {written}}}"
    for name in path:
        text = data.draw(st.sampled_from([f"[{text}]", f"{{{json.dumps(name)}: {text}}}"]))
    with pytest.raises(AmbiguousJson, match="comes twice"):
        refuse_ambiguous(text.encode())


@pytest.mark.proves("I23", "I42")
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\0123456789.eENaInfty u', max_size=80).map(str.encode))
def test_whatever_bytes_come_there_is_one_kind_of_error(raw: bytes) -> None:
    try:
        refuse_ambiguous(raw)
    except AmbiguousJson:
        return
    json.loads(raw)


@pytest.mark.proves("I42")
@given(st.integers(DEPTH_MAX - 3, DEPTH_MAX + 3), st.sampled_from(["[", '{"a":', '{"]":', '["}",']))
def test_a_nest_of_more_than_sixty_four_is_refused(depth: int, opening: str) -> None:
    closing = "}" if opening.startswith("{") else "]"
    nested = (opening * depth + '"[[[{{{"' + closing * depth).encode()
    if depth <= DEPTH_MAX:
        refuse_ambiguous(nested)
    else:
        with pytest.raises(AmbiguousJson, match="more than 64 deep"):
            refuse_ambiguous(nested)


@pytest.mark.proves("I23")
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(AmbiguousJson, match="is no number"):
        refuse_ambiguous(f'{{"size": {number}}}'.encode())


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
