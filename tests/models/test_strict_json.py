"""What decides has one meaning, whatever bytes come."""

import json
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.strict_json import DEPTH_MAX, AmbiguousJson, refuse_ambiguous

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=30,
)


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


@pytest.mark.proves("I42")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"[" * (DEPTH_MAX + 1) + b'"' + rb"\"" * 20_000, id="a string without an end, full of quotes"),
        pytest.param(b'{%s,"19999":0}' % b",".join(b'"%d":0' % number for number in range(20_000)), id="many keys"),
    ],
)
def test_what_is_refused_is_refused_at_once(text: bytes) -> None:
    began_s = process_time()
    with pytest.raises(AmbiguousJson):
        refuse_ambiguous(text)
    assert process_time() - began_s < 1  # where the time grows with the square of the length it takes ten
