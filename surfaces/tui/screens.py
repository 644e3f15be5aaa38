"""Questions and help on top of the monitor."""

import asyncio
from collections.abc import Callable
from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from surfaces.cli.errors import CommandError
from surfaces.cli.output import Document, aligned, inert
from surfaces.risk_texts import controls_text

_LOOK_AGAIN_S: Final = 2.0

KEYS = (
    ("arrows, j k g G", "move"),
    ("space", "mark the market; verbs then act on all that are marked"),
    ("esc", "clear the filter, then the marks"),
    ("/", "filter by a regular expression, ! before it for the opposite"),
    ("o", "switch on or off: the marked, or the one under the cursor"),
    ("p", "pause the marked; all when none is marked"),
    ("r", "resume the marked; all when none is marked"),
    ("f", "flatten the marked; all when none is marked: shows the steps first and asks"),
    ("K", "pause all at once; again within 3 s: kill"),
    ("w", "why pane on or off"),
    ("i", "the risk controls: their numbers, their limits, what they hold"),
    ("l", "log pane on or off"),
    ("tab", "to the next pane"),
    ("q, ctrl-c", "leave; the engine goes on"),
)


class Confirm(ModalScreen[bool]):
    """Asks one question, in red where real money moves. No is the default: enter and escape both mean no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape", "answer(False)", "no"),
    ]

    def __init__(self, question: str, *, live: bool = False) -> None:
        super().__init__()
        self._question = question
        self._live = live

    def compose(self) -> ComposeResult:
        with Vertical(classes="box live" if self._live else "box"):
            yield Static(self._question, markup=False)
            with Horizontal():
                yield Button("No (n)", id="no", variant="primary")
                yield Button("Yes (y)", id="yes")

    def on_mount(self) -> None:
        self.query_one("#no", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


class Help(ModalScreen[None]):
    """Lists the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter", "leave", "back")]

    def compose(self) -> ComposeResult:
        lines = "\n".join(f"{key:<16} {meaning}" for key, meaning in KEYS)
        with Vertical(classes="box"):
            yield Static(f"Keys\n\n{lines}", markup=False)

    def action_leave(self) -> None:
        self.dismiss(None)


class Risk(ModalScreen[None]):
    """Shows where the risk controls stand. `look` asks for the document and is called in a thread, again and again."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,i,q,enter", "leave", "back")]

    def __init__(self, look: Callable[[], Document]) -> None:
        super().__init__()
        self._look = look
        self._said = Static("asking ...", markup=False)

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box wide"):
            yield self._said

    def on_mount(self) -> None:
        self._again()
        self.set_interval(_LOOK_AGAIN_S, self._again)

    def _again(self) -> None:
        self.run_worker(self._show, exclusive=True)

    async def _show(self) -> None:
        try:
            text = controls_text(await asyncio.to_thread(self._look))
        except CommandError as error:
            self._said.update(Text(f"not known: {inert(error.message)}"))
            return
        lines = (*text.alarms, *aligned(text.columns, text.rows), "", *text.tail)
        self._said.update(Text("\n".join(lines)))

    def action_leave(self) -> None:
        self.dismiss(None)
