"""`sandbox`, `monitor`, `help`: commands that need no answer of an engine."""

import os
import sys
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from surfaces.cli.errors import MEANINGS, CommandError, Exit
from surfaces.cli.options import DEFAULTS, Options
from surfaces.cli.output import Column, Output, Text


def sandbox(*arguments: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]) -> int:
    """Run a local Polymarket: the same as `python -m sandbox`, with its flags."""
    sys.stdout.flush()
    command = [sys.executable, "-m", "sandbox", *arguments]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, no shell


def monitor(
    *,
    readonly: Annotated[bool, Parameter(negative="", help="Look only: no key changes anything.")] = False,
    once: Annotated[bool, Parameter(negative="", help="Print one frame as text and leave.")] = False,
    refresh: Annotated[float, Parameter(help="Looks per second.", validator=Number(gte=0.2, lte=10))] = 3.0,
    options: Options = DEFAULTS,
) -> int:
    """Watch an engine in the terminal. Leaving never stops it."""
    if once:
        from surfaces.cli.session import connect
        from surfaces.tui.frame import frame_text

        with connect(options) as client:
            document = client.get("/v1/board")
        Output(options).show(document, frame_text(document))
        return Exit.OK
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CommandError("usage", "the monitor needs a terminal", "keel monitor --once prints one frame")
    from surfaces.tui.app import MonitorApp

    MonitorApp(options.socket_path, refresh_hz=refresh, readonly=readonly).run()
    return Exit.OK


def exit_codes(*, options: Options = DEFAULTS) -> int:
    """List what keel exits with."""
    rows = [{"code": int(code), "meaning": meaning} for code, meaning in MEANINGS.items()]
    columns = (Column("CODE", lambda row: str(row["code"]), "right"), Column("MEANING", lambda row: row["meaning"]))
    Output(options).show({"schema": "keel.exit_codes/1", "exit_codes": rows}, Text((), columns, rows))
    return Exit.OK
