"""How far a command has come that takes a while: a line on stderr for each market whose step has changed, or a bar.

Why lines and no bar for what a venue does: nobody knows how long it takes, and a line can be read again later.
"""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import Thread
from typing import Final

from surfaces.cli.errors import CommandError
from surfaces.cli.output import Document, inert
from surfaces.client import EngineClient

_QUIET_S: Final = 2.0
_LOOK_S: Final = 0.5
_DRAW_S: Final = 0.2
_WIDTH: Final = 30


def watch(send: Callable[[], Document], connect: Callable[[], EngineClient]) -> Document:
    """Have a command carried out beside us; from two seconds on, show what its markets are doing."""
    answered: Future[Document] = Future()
    Thread(target=_carry_out, args=(send, answered), daemon=True).start()
    shown: dict[str, str] = {}
    with connect() as client:
        wait_s = _QUIET_S
        while not _is_done(answered, wait_s):
            wait_s = _LOOK_S
            for slug, detail in _steps(client):
                if shown.get(slug) != detail:
                    shown[slug] = detail
                    sys.stderr.write(inert(f"  {slug}: {detail}\n"))
            sys.stderr.flush()
    return answered.result()


def _carry_out(send: Callable[[], Document], answered: "Future[Document]") -> None:
    try:
        answered.set_result(send())
    except BaseException as error:  # noqa: BLE001 - it is raised where the answer is taken
        answered.set_exception(error)


def _is_done(answered: "Future[Document]", wait_s: float) -> bool:
    try:
        answered.exception(wait_s)
    except TimeoutError:
        return False
    return True


def _steps(client: EngineClient) -> Iterator[tuple[str, str]]:
    """Return what each market is doing; an engine that does not answer is told by the command itself."""
    try:
        rows = client.get("/v1/status")["markets"]
    except CommandError:
        return
    for row in rows:
        if row["flatten"] is not None:
            yield row["slug"], row["flatten"]["detail"]


class Bar:
    """How much of a known amount is done, on one line of a terminal; nothing for what takes less than two seconds."""

    def __init__(self, what: str, *, shown: bool, now_s: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._shown = shown and sys.stderr.isatty()
        self._now_s = now_s
        self._began_s = self._drawn_s = now_s()
        self._drawn = False

    def __call__(self, done: int, of: int) -> None:
        """Say how far it is."""
        now_s = self._now_s()
        took_s = now_s - self._began_s
        if not self._shown or took_s < _QUIET_S or now_s - self._drawn_s < _DRAW_S:
            return
        self._drawn, self._drawn_s = True, now_s
        left_s = took_s * (of - done) / done if done else 0.0
        blocks = "#" * (_WIDTH * done // of if of else 0)
        sys.stderr.write(f"\r{self._what} [{blocks:<{_WIDTH}}] {done:,} of {of:,}, {left_s:.0f} s left ")
        sys.stderr.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._drawn:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
