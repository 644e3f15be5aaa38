"""The markets table: columns that fit the width, rows that keep their place, a filter and marks."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from surfaces.cli.output import Document
from surfaces.texts import can_open, money_style, net, ofi, quotes, shares, signed, state_style, touch

_MARK_WIDTH: Final = 1
_CELL_PADDING: Final = 2
_SLUG_MIN: Final = 8
_SLUG_ENOUGH: Final = 26
_SLUG_MAX: Final = 40


@dataclass(frozen=True)
class _Shown:
    """A column of the monitor. Columns of a higher `rank` go first when the terminal is narrow."""

    title: str
    width: int
    rank: int
    cell: Callable[[Document], str]
    justify: Literal["left", "right"] = "right"
    style: Callable[[str], str] = lambda _: ""

    def drawn(self, text: str) -> Text:
        """Return a cell of this column."""
        return Text(text, self.style(text), justify=self.justify, no_wrap=True, overflow="ellipsis")


_COLUMNS: Final = (
    _Shown("STATE", 11, 0, lambda row: row["state"], "left", state_style),
    _Shown("NET", 6, 0, lambda row: net(row["net_shares"])),
    _Shown("YES", 6, 3, lambda row: shares(row["yes_shares"])),
    _Shown("NO", 6, 3, lambda row: shares(row["no_shares"])),
    _Shown("QUOTES", 11, 0, quotes),
    _Shown("BID/ASK", 11, 2, touch),
    _Shown("OFI", 8, 0, ofi),
    _Shown("OPEN", 4, 0, lambda row: "yes" if row["can_open"] else "no", "left"),
    _Shown("P&L", 8, 0, lambda row: signed(row["pnl"]["total"]), "right", money_style),
    _Shown("FILLS", 5, 4, lambda row: str(row["fills"])),
    _Shown("STOPPED BY", 46, 5, lambda row: "" if row["can_open"] else can_open(row).removeprefix("no: "), "left"),
)


class MarketsTable(DataTable[Text]):
    """One row for each desk in each market."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
        Binding("g", "scroll_top", show=False),
        Binding("G", "scroll_bottom", show=False),
    ]

    def __init__(self, **more: Any) -> None:
        super().__init__(cursor_type="row", zebra_stripes=True, cell_padding=1, **more)
        self.marked: set[str] = set()
        self._rows: list[Document] = []
        self._keys: list[str] = []
        self._laid_out = 0
        self._wanted: Callable[[str], bool] = lambda _: True
        self._mark = _Shown(" ", _MARK_WIDTH, 0, self._mark_of, "left", lambda _: "bold yellow")
        self._visible: tuple[_Shown, ...] = ()
        self._drawn: dict[str, tuple[str, ...]] = {}

    @property
    def selected(self) -> str | None:
        """The slug under the cursor."""
        return self._keys[self.cursor_row].split("/", 1)[1] if self._keys and self.cursor_row >= 0 else None

    @property
    def chosen(self) -> list[str]:
        """The marked slugs, or the one under the cursor where none is marked."""
        return sorted(self.marked) or [slug for slug in (self.selected,) if slug is not None]

    def is_on(self, slug: str) -> bool:
        """Whether a market is switched on, as last seen."""
        return any(row["on"] for row in self._rows if row["slug"] == slug)

    def show_rows(self, rows: Sequence[Document]) -> None:
        """Draw these rows; only cells that changed are drawn again."""
        self._rows = list(rows)
        self._draw()

    def filter_by(self, pattern: str) -> None:
        """Show only slugs that match a regular expression; `!` before it: that do not. Raises re.error."""
        negative = pattern.startswith("!")
        found = re.compile(pattern.removeprefix("!"), re.IGNORECASE).search
        self._wanted = (lambda slug: found(slug) is None) if negative else (lambda slug: found(slug) is not None)
        self._draw()

    def toggle_mark(self) -> None:
        """Mark the market under the cursor, or take its mark away, and go on to the next."""
        slug = self.selected
        if slug is not None:
            self.marked ^= {slug}
            self._draw()
            self.action_cursor_down()

    def clear_marks(self) -> None:
        """Take all marks away."""
        self.marked.clear()
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        rows = [row for row in self._rows if self._wanted(row["slug"])]
        keys = [f"{row['tag']}/{row['slug']}" for row in rows]
        if keys != self._keys or self.size.width != self._laid_out:
            self._lay_out(rows, keys)
            return
        # Texts are compared before anything is built or drawn: of two hundred rows a few change from look to look.
        for key, row in zip(keys, rows, strict=True):
            drawn, texts = self._drawn[key], self._texts(row)
            for column, before, text in zip(self._visible, drawn, texts, strict=True):
                if before != text:
                    self.update_cell(key, column.title, column.drawn(text))
            self._drawn[key] = texts

    def _lay_out(self, rows: list[Document], keys: list[str]) -> None:
        """Build the table anew: markets came or went, or the terminal has another width."""
        cursor = self._keys[self.cursor_row] if self._keys and self.cursor_row >= 0 else None
        self._laid_out = self.size.width
        slug_width, fitting = _fitting(self.size.width, max((len(row["slug"]) for row in rows), default=0))
        self._visible = (self._mark, _Shown("MARKET", slug_width, 0, lambda row: row["slug"], "left"), *fitting)
        self.clear(columns=True)
        for column in self._visible:
            self.add_column(Text(column.title, justify=column.justify), width=column.width, key=column.title)
        self._drawn = {key: self._texts(row) for key, row in zip(keys, rows, strict=True)}
        for key, texts in self._drawn.items():
            self.add_row(*(column.drawn(text) for column, text in zip(self._visible, texts, strict=True)), key=key)
        self._keys = keys
        if cursor in keys:
            self.move_cursor(row=keys.index(cursor), animate=False)

    def _mark_of(self, row: Document) -> str:
        return "*" if row["slug"] in self.marked else " "

    def _texts(self, row: Document) -> tuple[str, ...]:
        return tuple(column.cell(row) for column in self._visible)


def _fitting(width: int, longest: int) -> tuple[int, tuple[_Shown, ...]]:
    """Return the width of the slug and the columns that fit beside it, the least needed left out first."""
    wanted = min(longest, _SLUG_ENOUGH)
    for rank in range(max(column.rank for column in _COLUMNS), -1, -1):
        columns = tuple(column for column in _COLUMNS if column.rank <= rank)
        used = sum(column.width + _CELL_PADDING for column in columns) + _MARK_WIDTH + 2 * _CELL_PADDING
        left = width - used
        if left >= wanted or rank == 0:
            return min(max(left, _SLUG_MIN), _SLUG_MAX), columns
    raise AssertionError("rank 0 always returns")
