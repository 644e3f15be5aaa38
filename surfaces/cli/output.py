"""What a command prints: one document on stdout in the format that was asked for; everything else goes to stderr.

Why text is escaped here though what comes from the venue was cleaned where it came in: a name in a configuration, an
argument or the error of a library was not, and here is the last point before the terminal. In a table and in JSON it
says the same; a cell of CSV that a spreadsheet would take for a formula begins with an apostrophe.
"""

import csv
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO, TypeAlias

import msgspec

from models.text import escaped
from surfaces.cli.errors import CommandError
from surfaces.cli.options import Global

if TYPE_CHECKING:
    from rich.table import Table

Document: TypeAlias = dict[str, Any]

_FORMULA: Final = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]").match
_NUMBER: Final = re.compile(r"-?(\d+(\.\d+)?)?").fullmatch
"""What begins like a formula and is none; a lone dash says that there is nothing."""


@dataclass(frozen=True)
class Column:
    """One column of a table: its title, what stands in it, and to which side. `style` colours a cell by its text."""

    title: str
    cell: Callable[[Document], str]
    align: Literal["left", "right"] = "left"
    style: Callable[[str], str] = lambda _: ""


@dataclass(frozen=True)
class Text:
    """What a person reads: lines, perhaps a table under them, and lines under that; first of all what is wrong."""

    lines: Sequence[str]
    columns: Sequence[Column] = ()
    rows: Sequence[Document] = ()
    tail: Sequence[str] = ()
    alarms: Sequence[str] = ()


class Output:
    """Writes documents as the options say."""

    def __init__(self, options: Global, out: TextIO | None = None) -> None:
        self._options = options
        self._out = out or sys.stdout

    def show(self, document: Document, text: Text, *, streaming: bool = False) -> None:
        """Write one answer. `streaming`: one of several, so JSON takes one line each."""
        if self._options.quiet:
            return
        match self._options.format:
            case "json":
                self._json(document, streaming=streaming)
            case "yaml":
                self._out.write(("---\n" if streaming else "") + msgspec.yaml.encode(inert(document)).decode())
            case "csv":
                _write_csv(document, self._out)
            case "table":
                self._text(text)
        self._out.flush()

    def _json(self, document: Document, *, streaming: bool) -> None:
        encoded = msgspec.json.encode(document)
        if self._out.isatty() and not streaming:
            encoded = msgspec.json.format(encoded, indent=2)
        self._out.write(inert(encoded.decode()) + "\n")

    def _text(self, text: Text) -> None:
        if is_styled(self._out, self._options.no_color):
            _write_styled(text, self._out)
            return
        for line in (*text.alarms, *text.lines, *aligned(text.columns, text.rows), *text.tail):
            self._out.write(escaped(line) + "\n")


def inert(value: Any) -> Any:
    """Return a document, or anything in it, with every text escaped but for its line breaks."""
    if isinstance(value, str):
        return "\n".join(map(escaped, value.split("\n")))
    if isinstance(value, dict):
        return {inert(name): inert(item) for name, item in value.items()}
    return [inert(item) for item in value] if isinstance(value, list) else value


def is_styled(out: TextIO, no_color: bool) -> bool:
    """Whether colours are wanted: on a terminal that can show them, unless something forbids or forces them."""
    if no_color or os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return out.isatty() and os.environ.get("TERM") != "dumb"


def aligned(columns: Sequence[Column], rows: Sequence[Document]) -> Iterable[str]:
    """Return a plain table, its titles first; nothing where there are no columns."""
    if not columns:
        return
    cells = [[column.title for column in columns]] + [[column.cell(row) for column in columns] for row in rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    for line in cells:
        placed = (
            cell.rjust(width) if column.align == "right" else cell.ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        )
        yield "  ".join(placed).rstrip()


def write_error(error: CommandError, *, as_json: bool) -> None:
    """Tell a failure: as the envelope on stdout where a script reads, as words on stderr where a person does."""
    if as_json:
        sys.stdout.write(escaped(msgspec.json.encode(error.envelope()).decode()) + "\n")
        sys.stdout.flush()
        return
    end = "" if error.message.endswith(("?", ".")) else "."
    first = error.hint[:1] if _is_typed(error.hint) else error.hint[:1].upper()
    hint = f"{end} {first}{error.hint[1:]}" if error.hint else ""
    sys.stderr.write(inert(f"error: {error.message}{hint}") + "\n")


def _is_typed(hint: str) -> bool:
    """Whether a hint begins with what is typed as it is: a command, a key of the configuration, a path."""
    word = hint.partition(" ")[0].rstrip(".,:;")
    return word == "keel" or any(mark in word for mark in "._/=")


def _write_styled(text: Text, out: TextIO) -> None:
    from rich.console import Console
    from rich.text import Text as Styled

    console = Console(file=out, force_terminal=True, highlight=False, soft_wrap=True)
    for line in text.alarms:
        console.print(Styled(escaped(line), style="bold red"))
    for line in text.lines:
        console.print(Styled(escaped(line)))
    if text.columns:
        console.print(_styled_table(text), soft_wrap=False)
    for line in text.tail:
        console.print(Styled(escaped(line)))


def _styled_table(text: Text) -> "Table":
    from rich.table import Table
    from rich.text import Text as Styled

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in text.columns:
        table.add_column(column.title, justify=column.align, no_wrap=True, overflow="ellipsis")
    for row in text.rows:
        cells = [(column, column.cell(row)) for column in text.columns]
        table.add_row(*(Styled(escaped(cell), style=column.style(cell)) for column, cell in cells))
    return table


def _write_csv(document: Document, out: TextIO) -> None:
    """Write the document's rows, or where it has none its figures, one a line."""
    rows = next((value for value in document.values() if isinstance(value, list) and _are_rows(value)), None)
    if rows is None:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("key", "value"))
        writer.writerows((_cell(name), _cell(value)) for name, value in _flat(document).items())
        return
    flat = [{_cell(name): _cell(value) for name, value in _flat(row).items()} for row in rows]
    table = csv.DictWriter(out, list(dict.fromkeys(name for row in flat for name in row)), lineterminator="\n")
    table.writeheader()
    table.writerows(flat)


def _are_rows(value: Sequence[Any]) -> bool:
    return bool(value) and all(isinstance(item, dict) for item in value)


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name what is nested by its path: `pnl.total`."""
    found: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, dict):
            found |= _flat(item, f"{prefix}{name}.")
        elif isinstance(item, (list, bool)):
            found[prefix + name] = msgspec.json.encode(item).decode()
        else:
            found[prefix + name] = item
    return found


def _cell(value: Any) -> Any:
    """Return what stands in a cell: numbers as they are, texts such that no spreadsheet computes them."""
    if not isinstance(value, str):
        return value
    shown = escaped(value)
    return f"'{shown}" if _FORMULA(value) and not _NUMBER(value) else shown
