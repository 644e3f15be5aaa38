"""How far a command has come that takes a while: a line on stderr for each market whose step has changed.

Why lines and no bar: nobody knows how long a venue takes, and a line that scrolled by can be read again.
"""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import Thread
from typing import Final

from surfaces.cli.errors import CommandError
from surfaces.cli.output import Document
from surfaces.client import EngineClient

_QUIET_S: Final = 2.0
_LOOK_S: Final = 0.5


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
                    sys.stderr.write(f"  {slug}: {detail}\n")
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
