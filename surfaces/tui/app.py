"""`keel monitor`: watches an engine over its socket, in a process of its own, and says commands to it.

Why it polls one document: the screen must show one moment. Three looks a second cost the engine less than one push per
change, a slow terminal cannot make it wait, and an engine that dies or comes back is just the next look.
"""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Resize
from textual.message import Message
from textual.widgets import Footer, Input, RichLog, Static

from surfaces.cli.errors import CommandError
from surfaces.cli.output import Document, inert
from surfaces.client import EngineClient
from surfaces.texts import activity, headline, is_forced, states, totals
from surfaces.tui.frame import log_text
from surfaces.tui.screens import Confirm, Help, Risk
from surfaces.tui.table import MarketsTable

_ASK_S: Final = 5.0
_KILL_WITHIN_S: Final = 3.0
_SMALLEST: Final = (60, 15)
_LOW_ROWS: Final = 30
_TALL_ROWS: Final = 50
_LOG_LINES: Final = 2_000
_LEVEL_STYLES: Final = {"SUCCESS": "green", "WARNING": "yellow", "ERROR": "bold red"}
_MODAL_FRAME: Final = 10
"""Rows of a modal that are not its question."""
_VERBS: Final = frozenset({"switch", "pause", "resume", "flatten", "kill"})


class MonitorApp(App[None]):
    """The monitor. `refresh_hz`: looks per second; `readonly`: no key changes anything."""

    TITLE = "Keel"
    CSS_PATH = "monitor.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "switch", "on/off"),
        Binding("p", "pause", "pause"),
        Binding("r", "resume", "resume"),
        Binding("f", "flatten", "flatten"),
        Binding("K", "kill", "kill"),
        Binding("w", "why", "why"),
        Binding("i", "risk", "risk"),
        Binding("l", "log", "log", show=False),
        Binding("slash", "filter", "filter"),
        Binding("space", "mark", "mark"),
        Binding("escape", "clear", show=False),
        Binding("question_mark", "help", "help"),
        Binding("q", "quit", "quit"),
    ]

    class Seen(Message):
        """The engine was looked at."""

        def __init__(self, board: Document) -> None:
            super().__init__()
            self.board = board

    class Lost(Message):
        """The engine did not answer."""

        def __init__(self, error: CommandError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, path: Path, *, refresh_hz: float = 3.0, readonly: bool = False) -> None:
        super().__init__()
        self._path = path
        self._every_s = 1 / refresh_hz
        self.ask_s = _ASK_S
        """How long a look may take; a command, which waits for its proof, twice as long."""
        self._readonly = readonly
        self._role = "viewer" if readonly else None
        self._seen_s: float | None = None
        self._last_line = 0
        self._engine: tuple[int, str] | None = None
        self._kill_armed_s = -_KILL_WITHIN_S
        self._leaving = Event()
        self._header = Static("connecting ...", id="header", markup=False)
        self._connection = Static("", id="connection", markup=False)
        self._body = Vertical(id="body")
        self._table = MarketsTable(id="markets")
        self._filter = Input(placeholder="filter: regular expression, ! for the opposite", id="filter", compact=True)
        self._why = Static("", id="why", markup=False)
        self._log_pane = RichLog(id="log", max_lines=_LOG_LINES, min_width=0, wrap=True)

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._connection
        with self._body:
            yield self._table
            yield self._filter
            yield self._why
            yield self._log_pane
        yield Static("enlarge the terminal", id="small")
        yield Footer()

    def on_mount(self) -> None:
        self._table.focus()
        self.run_worker(self._poll, name="poll", thread=True)

    def on_unmount(self) -> None:
        self._leaving.set()

    def on_resize(self, event: Resize) -> None:
        """Leave out what does not fit; too small is said and not clipped."""
        width, height = event.size
        self.set_class(width < _SMALLEST[0] or height < _SMALLEST[1], "small")
        self.set_class(height < _LOW_ROWS, "low")
        self.set_class(height >= _TALL_ROWS, "tall")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the verbs where nothing may be changed."""
        return not (self._readonly and action in _VERBS)

    # Looking

    def _poll(self) -> None:
        """Look until the monitor is left; runs in a thread and says what it saw by messages."""
        with EngineClient(self._path, self.ask_s, "tui", self._role) as client:
            while not self._leaving.is_set():
                began_s = time.monotonic()
                try:
                    board = client.get("/v1/board", since=self._last_line, selected=self._table.selected)
                except CommandError as error:
                    self.post_message(self.Lost(error))
                else:
                    self.post_message(self.Seen(inert(board)))
                self._leaving.wait(max(self._every_s - (time.monotonic() - began_s), 0.05))

    def on_monitor_app_lost(self, message: Lost) -> None:
        """Keep the last values, greyed, and say how old they are."""
        age = f", last seen {time.monotonic() - self._seen_s:.0f} s ago" if self._seen_s is not None else ""
        self._connection.update(f"disconnected, retrying{age}: {inert(str(message.error))}")
        self._connection.add_class("lost")
        self._body.add_class("stale")

    def on_monitor_app_seen(self, message: Seen) -> None:
        """Draw one moment of the engine."""
        board = message.board
        engine = (board["pid"], board["started_at"])
        if self._engine not in (None, engine):
            # Another engine: its log begins anew, so what was asked for was not all of it.
            self._last_line = 0
        self._engine, self._seen_s = engine, time.monotonic()
        self._connection.remove_class("lost")
        self._body.remove_class("stale")
        self._show_header(board)
        self._table.show_rows(board["markets"])
        self._why.update(Text(board["why"] or "nothing decided yet"))
        for line in board["log"]:
            if line["sequence"] > self._last_line:
                self._last_line = line["sequence"]
                self._log_pane.write(Text(log_text(line), _LEVEL_STYLES.get(line["level"], "")))

    def _show_header(self, board: Document) -> None:
        header = self._header
        header.set_class(board["mode"] == "live", "live")
        header.set_class(board["killed"] is not None, "killed")
        header.set_class(is_forced(board), "forced")
        killed = "" if board["killed"] is None else f"KILLED: {board['killed']['reason']}   "
        look_only = "   read only" if self._readonly else ""
        lines = (
            f"KEEL  {killed}{headline(board)}{look_only}   {board['at'][11:19]} UTC",
            states(board),
            totals(board),
            activity(board),
        )
        header.update(Text("\n".join(lines)))

    # Keys

    def action_mark(self) -> None:
        self._table.toggle_mark()

    def action_clear(self) -> None:
        """Clear the filter; without one, the marks."""
        if self._filter.has_class("open"):
            self._filter.value = ""
            self._filter.remove_class("open")
            self._table.focus()
        else:
            self._table.clear_marks()

    def action_filter(self) -> None:
        self._filter.add_class("open")
        self._filter.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        try:
            self._table.filter_by(event.value)
        except re.error as error:
            self.notify(f"not a regular expression: {error}", severity="warning", markup=False, timeout=2)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.input.set_class(bool(event.value), "open")
        self._table.focus()

    def action_why(self) -> None:
        self.toggle_class("asked" if self.has_class("low") else "nowhy")

    def action_log(self) -> None:
        self.toggle_class("nolog")

    def action_help(self) -> None:
        self.push_screen(Help())

    def action_risk(self) -> None:
        self.push_screen(Risk(lambda: self._sent(lambda client: client.get("/v1/risk"))))

    def action_switch(self) -> None:
        """Switch the chosen markets to what the first of them is not."""
        chosen = self._table.chosen
        if chosen:
            self._say("off" if self._table.is_on(chosen[0]) else "on", chosen)

    def action_pause(self) -> None:
        self._say("pause", sorted(self._table.marked))

    def action_resume(self) -> None:
        self._say("resume", sorted(self._table.marked))

    def action_flatten(self) -> None:
        """Show what a flatten would do, and do it if that is confirmed; how far it has come is in the table."""
        self._say("flatten", sorted(self._table.marked))

    def action_kill(self) -> None:
        """Pause everything at once; the same key again within three seconds kills. Neither asks."""
        now_s = time.monotonic()
        if now_s - self._kill_armed_s <= _KILL_WITHIN_S:
            self._kill_armed_s = -_KILL_WITHIN_S
            self._send(lambda client: client.post("/v1/kill", reason="K in the monitor"))
            return
        self._kill_armed_s = now_s
        self.notify("pausing all; K again within 3 s kills", severity="warning", timeout=_KILL_WITHIN_S)
        self._say("pause", [])

    # Commands

    def _say(self, verb: str, markets: list[str], *, confirmed: bool = False) -> None:
        def refused(error: CommandError) -> bool:
            if error.code != "confirmation_required":
                return False

            def answered(yes: bool | None) -> None:
                if yes:
                    self._say(verb, markets, confirmed=True)

            question = _asked(inert(error.message), self.size.height - _MODAL_FRAME)
            self.push_screen(Confirm(question, live=self._header.has_class("live")), answered)
            return True

        self._send(lambda client: client.post(f"/v1/commands/{verb}", markets=markets, confirmed=confirmed), refused)

    def _send(
        self,
        send: Callable[[EngineClient], Document],
        refused: Callable[[CommandError], bool] = lambda _: False,
    ) -> None:
        """Say a command beside the polling, so that the screen goes on while it is proven."""

        async def carry_out() -> None:
            try:
                answer = await asyncio.to_thread(self._sent, send)
            except CommandError as error:
                if not refused(error):
                    hint = f" ({error.hint})" if error.hint else ""
                    self.notify(inert(f"{error.message}{hint}"), severity="error", markup=False)
                return
            severity = "information" if answer["proven"] else "error"
            self.notify("\n".join(answer["lines"]), severity=severity, markup=False)

        self.run_worker(carry_out(), group="commands")

    def _sent(self, send: Callable[[EngineClient], Document]) -> Document:
        with EngineClient(self._path, 2 * self.ask_s, "tui", self._role) as client:
            return inert(send(client))


def _asked(message: str, rows: int) -> str:
    """Return a question that fits: of a long list the first lines, and how many more there are."""
    lines = message.split("\n")
    if len(lines) == 1:
        return f"{message}. Go on?"
    room = max(rows, 6)
    if len(lines) > room:
        lines = [*lines[: room - 1], f"  ... and {len(lines) - room + 1} more"]
    return "\n".join((*lines, "", "Go on?"))
