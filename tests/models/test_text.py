"""Hostile text becomes plain words."""

import json
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text import LENGTH_MAX, clean, concealed, escaped


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
    assert len(clean("x" * 1_000)) == LENGTH_MAX == 160


@pytest.mark.proves("I41")
@given(st.text(), st.integers(4, 60))
def test_any_text_becomes_one_printable_line_within_its_limit(text: str, limit: int) -> None:
    plain = clean(text, limit)
    assert len(plain) <= limit
    assert plain == plain.strip()
    assert all(character == " " or category(character)[0] not in "CZ" for character in plain)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain, déjà vu, 東京", "plain, déjà vu, 東京"),
        ("two\nlines\r\n", "two\\u000alines\\u000d\\u000a"),
        ("\x1b[31m \x7f \x9b", "\\u001b[31m \\u007f \\u009b"),
        ("buy \u202eON", "buy \\u202eON"),
        ("\u2028 \U000e0041 \ud800", "\\u2028 \\udb40\\udc41 \\ud800"),
    ],
)
def test_what_is_shown_escaped_says_what_was_hidden(text: str, shown: str) -> None:
    assert escaped(text) == shown


@pytest.mark.proves("I41")
@given(st.text(st.characters(codec=None)))
def test_any_text_is_escaped_into_one_line_that_commands_nothing(text: str) -> None:
    shown = escaped(text)
    assert all(category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for character in shown)
    assert escaped(shown) == shown


@pytest.mark.proves("I41")
@given(st.text())
def test_escaped_json_says_the_same(text: str) -> None:
    assert json.loads(escaped(json.dumps({"title": text}, ensure_ascii=False))) == {"title": text}


@pytest.mark.proves("I41")
@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean(text, 500)
    assert clean(once, 500) == once


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:hunter2pass@h/a", "postgresql://u:***@h/a"),
        ("postgresql://:hunter2pass@h:5432/a", "postgresql://:***@h:5432/a"),
        ("postgresql://u:hunter/2p@ss word@h/a?x=b@c", "postgresql://u:***@h/a?x=b@c"),
        ("postgresql://u:hunter?2pass@h/a", "postgresql://u:***@h/a"),
        ("postgresql://u@h/a?x=1&password=hunter2&y=2", "postgresql://u@h/a?x=1&password=***&y=2"),
        ("postgresql://u@h:5432/a?sslPassword=hunter@2", "postgresql://u@h:5432/a?sslPassword=***"),
        ("postgresql://u@h:5432/a?sslmode=require", "postgresql://u@h:5432/a?sslmode=require"),
        ("sqlite:////home/a:b/c@d.db", "sqlite:////home/a:b/c@d.db"), ("arb.db", "arb.db"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_its_passwords(url: str, shown: str) -> None:
    assert concealed(url) == shown
