"""Hostile text becomes plain words."""

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text import clean


def test_an_ordinary_title_stays_as_it_is() -> None:
    assert (
        clean("Will Bitcoin reach $100k in December? — déjà vu, 東京")
        == "Will Bitcoin reach $100k in December? — déjà vu, 東京"
    )


@pytest.mark.proves("I41")
@pytest.mark.parametrize(
    "hostile, plain",
    [
        ("\x1b[2J\x1b[31mred", "[2J[31mred"),
        ("buy \u202eON\u202c", "buy ON"),
        ("pay\u200bpal\ufeff", "paypal"),
        ("two\r\nlines\tand\u2028more", "two lines and more"),
        ("bell\x07 \x9b1mcsi", "bell 1mcsi"),
        ("  spaced \u00a0 out  ", "spaced out"),
        ("a" + "\u0301" * 50, "á\u0301\u0301"),
        ("\U000e0041hidden tag", "hidden tag"),
    ],
)
def test_what_hides_reorders_or_commands_is_removed(hostile: str, plain: str) -> None:
    assert clean(hostile) == plain


def test_a_long_text_is_cut_and_says_so() -> None:
    assert clean("x" * 300, limit=10) == "xxxxxxx..."
    assert clean("x" * 10, limit=10) == "x" * 10


@pytest.mark.proves("I41")
@given(st.text(), st.integers(4, 60))
def test_any_text_becomes_one_printable_line_within_its_limit(text: str, limit: int) -> None:
    plain = clean(text, limit)
    assert len(plain) <= limit
    assert plain == plain.strip()
    assert all(character == " " or category(character)[0] not in "CZ" for character in plain)


@pytest.mark.proves("I41")
@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean(text, 500)
    assert clean(once, 500) == once
