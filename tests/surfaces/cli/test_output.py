"""What a command prints, whatever the document says: nothing in it commands a terminal or a spreadsheet."""

import csv
import io
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from models.text import escaped
from surfaces.cli.errors import CommandError
from surfaces.cli.options import Format, Global
from surfaces.cli.output import Column, Document, Output, Text, inert, write_error

HOSTILE = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["\x1b[2J", "\u202eON", "=HYPERLINK(1)", "+1", "-2+3", "@SUM(1)", "\t=1", "\uff1d1", "two\r\nlines", "-1.5", "-"]
)
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def texts(document: object) -> list[str]:
    """Every text in a document."""
    if isinstance(document, dict):
        return [text for item in (*document, *document.values()) for text in texts(item)]
    if isinstance(document, list):
        return [text for item in document for text in texts(item)]
    return [document] if isinstance(document, str) else []


def printed(form: Format, document: Document, text: Text, *, colour: bool = False) -> str:
    """What a command prints in a format."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FORCE_COLOR" if colour else "NO_COLOR", "1")
        patched.delenv("NO_COLOR" if colour else "FORCE_COLOR", raising=False)
        Output(Global(output=form), out).show(document, text)
    return out.getvalue()


@pytest.mark.proves("I41")
@given(HOSTILE, st.sampled_from(["table", "json", "yaml", "csv"]))
def test_no_text_hides_reorders_or_commands_in_any_format(text: str, form: Format) -> None:
    row = {"slug": text, text: [text]}
    column = Column("market", lambda shown: str(shown["slug"]))
    lines = printed(form, {"rows": [row]}, Text([text], [column], [row], [text], [text])).split("\n")
    assert all(line == escaped(line) for line in lines)


@pytest.mark.proves("I41")
@given(HOSTILE)
def test_in_colours_only_the_colours_command(text: str) -> None:
    column = Column("market", lambda shown: str(shown["slug"]))
    told = Text([f"a {text}"], [column], [{"slug": text}], [text], [text])
    harmless = Text(["a x"], [column], [{"slug": "x"}], ["x"], ["x"])
    commands = lambda shown: [line.count("\x1b") for line in printed("table", {}, shown, colour=True).split("\n")]  # noqa: E731
    assert sum(commands(told)) <= sum(commands(harmless))


@pytest.mark.proves("I41")
@given(HOSTILE)
def test_json_says_what_was_there_and_one_line_is_one_document(text: str) -> None:
    (line, rest) = printed("json", {"title": text}, Text([])).split("\n")
    assert (json.loads(line), rest) == ({"title": text}, "")


@pytest.mark.proves("I41")
@given(st.dictionaries(HOSTILE, HOSTILE | st.integers(), min_size=1, max_size=3))
def test_no_cell_is_computed(row: dict[str, str | int]) -> None:
    documents: list[Document] = [{"rows": [row]}, {**row}]
    for document in documents:
        for line in csv.reader(io.StringIO(printed("csv", document, Text([])))):
            for cell in line:
                assert not cell.startswith(FORMULAS) or cell == "-" or float(cell) <= 0


@pytest.mark.proves("I41")
@given(st.recursive(HOSTILE | st.integers() | st.none(), lambda of: st.lists(of) | st.dictionaries(HOSTILE, of)))
def test_a_document_is_made_inert_to_its_last_text_and_keeps_its_lines(document: object) -> None:
    shown = inert(document)
    assert shown == inert(shown)
    assert all(line == escaped(line) for text in texts(shown) for line in text.split("\n"))
    assert inert("two\nlines") == "two\nlines"


def test_numbers_stay_numbers_in_every_format() -> None:
    document: Document = {"total": "-1.50", "net": -2, "none": "-"}
    assert printed("csv", document, Text([])).splitlines()[1:] == ["total,-1.50", "net,-2", "none,-"]
    assert yaml.safe_load(printed("yaml", document, Text([]))) == document


@pytest.mark.proves("I41")
@pytest.mark.parametrize("as_json", [True, False])
def test_an_error_is_told_and_not_obeyed(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    write_error(CommandError("not_found", "no market '\x1b]0;x\x07\u202e'", "see\x9b"), as_json=as_json)
    said = "".join(capsys.readouterr())
    assert all(line == escaped(line) for line in said.split("\n"))
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        ("start it with: keel run", "Start it with: keel run"), ("keel orders list", "keel orders list"),
        ("account.keystore_file, or a keyring", "account.keystore_file, or a keyring"), ("again.", "Again."),
    ],
)  # fmt: skip
def test_what_is_to_be_typed_stands_in_a_hint_as_it_is_typed(
    hint: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_error(CommandError("failure", "it failed", hint), as_json=False)
    assert capsys.readouterr().err == f"error: it failed. {shown}\n"
