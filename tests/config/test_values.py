from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.registry import KEYS, Key
from config.values import MOST, expected, parse, show


def key(path: str) -> Key:
    return KEYS[path]


@pytest.mark.parametrize(
    "path, text, value",
    [
        ("maker.bid_size", "5", 5_000_000),
        ("maker.bid_size", " 0.000001 ", 1),
        ("maker.bid_size", "5.", 5_000_000),
        ("maker.pair_target", "0.99", 9_900),
        ("maker.pair_target", ".5", 5_000),
        ("inventory.max_portfolio_cost", "1.02", 10_200),
        ("inventory.max_position_value", "2.50", 2_500_000),
        ("flow.window_ms", "3_000", 3_000),
        ("flow.exit_ratio", "0.85", 0.85),
        ("inventory.auto_merge", "off", "off"),
        ("log_level", "debug", "DEBUG"),
        ("phase.fuse_keeps_hedge", "Yes", True),
        ("phase.fuse_keeps_hedge", "0", False),
        ("markets", "a, b,,c ", ("a", "b", "c")),
        ("tag", "null", None),
        ("tag", "mine", "mine"),
        ("endpoints.clob_url", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_text_becomes_the_exact_value(path: str, text: str, value: object) -> None:
    found = parse(key(path), text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "path, given_value, value",
    [
        ("maker.bid_size", 5, 5_000_000),
        ("maker.pair_target", 0.99, 9_900),
        ("maker.pair_target", 1e-4, 1),
        ("phase.fuse_keeps_hedge", True, True),
        ("markets", ["a", "b"], ("a", "b")),
        ("markets", ("a",), ("a",)),
        ("tag", None, None),
    ],
)
def test_what_code_gives_is_read_alike(path: str, given_value: object, value: object) -> None:
    assert parse(key(path), given_value) == value


@pytest.mark.parametrize(
    "path, text, said",
    [
        ("maker.bid_size", "five", "shares as a plain decimal such as 5 or 0.5, more than 0"),
        ("maker.bid_size", "0", "more than 0"),
        ("maker.bid_size", "-1", "more than 0"),
        ("maker.bid_size", "1e3", "shares as a plain decimal"),
        ("maker.bid_size", "NaN", "shares as a plain decimal"),
        ("maker.bid_size", "0.0000001", "with at most 6 decimals"),
        ("maker.pair_target", "1", "more than 0 and less than 1"),
        ("maker.pair_target", "0.99001", "with at most 4 decimals"),
        ("flow.window_ms", "3.5", "whole milliseconds, at least 1"),
        ("flow.exit_ratio", "1.5", "a plain decimal such as 0.85, more than 0 and at most 1"),
        ("inventory.auto_merge", "never", "one of off, when_blocked, at_least"),
        ("phase.fuse_keeps_hedge", "maybe", "true or false"),
        ("data_dir", "", "text"),
        ("data_dir", None, "text"),
        ("data_dir", ["a"], "text"),
        ("markets", {"a": 1}, "a list, or names between commas"),
    ],
)
def test_what_is_no_value_says_what_would_be(path: str, text: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(key(path), text)


@pytest.mark.parametrize(
    "path, text, said",
    [
        ("maker.bid_size", "9" * 60, "such as 5 or 0.5, more than 0, at most 1000000000$"),
        ("paper.cash", "1000000000.01", "dollars as a plain decimal .*, at most 1000000000$"),
        ("lead_lag.edge_min_pct", "9" * 400, "at least 0, at most 1000000000$"),
        ("maker.tick_size", "1000.01", "at most 1000$"),
        ("flow.window_ms", "9" * 5_000, "whole milliseconds, at least 1"),
        ("tape.keep_bytes", "9" * 5_000, "a whole number.*, at most 1000000000000000$"),
    ],
)
def test_no_number_is_beyond_all_measure(path: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(key(path), text)


def test_bounds_are_said_in_the_unit_that_people_write() -> None:
    assert expected(key("tape.segment_bytes")) == "a whole number, at least 1000000"
    assert expected(key("maker.pair_target")).endswith("more than 0 and less than 1")
    assert expected(key("db")).endswith("or null")


@given(st.sampled_from(sorted(KEYS)), st.data())
def test_what_is_shown_can_be_read_back(path: str, data: st.DataObject) -> None:
    found = key(path)
    value: Any = found.default
    if found.unit in ("shares", "dollars", "price", "count", "ms", "seconds"):
        least = int(found.ge if found.ge is not None else 0 if found.gt is None else found.gt + 1)
        most = int(found.le if found.le is not None else MOST[found.unit] if found.lt is None else found.lt - 1)
        value = data.draw(st.integers(least, most))
    elif found.choices:
        value = data.draw(st.sampled_from(found.choices))
    assert parse(found, show(found, value)) == value
