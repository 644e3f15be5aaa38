"""A command's talk with an engine: one connection, one document, and the questions that only a person answers."""

import sys
from collections.abc import Callable

from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import Global
from surfaces.cli.output import Document, Output, Text, inert
from surfaces.client import EngineClient


def connect(options: Global) -> EngineClient:
    """Return a client of the engine that the options name. It is asked nothing yet."""
    return EngineClient(options.socket_path, options.timeout)


def carry_out(
    options: Global, send: Callable[[EngineClient, bool], Document], question: str, *, watched: bool = False
) -> int:
    """Say a command, ask the person where the engine wants it confirmed, and show what came of it.

    `send` gets whether it is confirmed. `watched`: it may take a while, so a person is shown how far it has come.
    Returns the exit code: partial (8) where something is left that may still fill, or is still to be done.
    """
    with connect(options) as client:
        try:
            document = _sent(options, client, send, confirmed=options.yes, watched=watched)
        except CommandError as error:
            if error.code != "confirmation_required":
                raise
            end = "\n" if "\n" in error.message else ". "
            confirm(options, f"{error.message}{end}{question}", "yes")
            document = _sent(options, client, send, confirmed=True, watched=watched)
    lines = list(document["lines"])
    if not document["dry_run"]:
        left = [*document.get("left", ()), *(order for one in document.get("markets", ()) for order in one["left"])]
        lines += map(_left, left)
    Output(options).show(document, Text(lines))
    return Exit.OK if document["proven"] or document["dry_run"] else Exit.PARTIAL


def _sent(
    options: Global,
    client: EngineClient,
    send: Callable[[EngineClient, bool], Document],
    *,
    confirmed: bool,
    watched: bool,
) -> Document:
    if not watched or options.quiet or not sys.stderr.isatty():
        return send(client, confirmed)
    from surfaces.cli.progress import watch

    return watch(lambda: send(client, confirmed), lambda: connect(options))


def confirm(options: Global, question: str, word: str) -> None:
    """Have a person type a word; `--yes` stands for it. Raises CommandError (exit 6) where neither is given."""
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("confirmation_required", question, "nobody can be asked here: add --yes")
    sys.stderr.write(inert(f"{question} Type {word} to go on: "))
    sys.stderr.flush()
    if sys.stdin.readline().strip() != word:
        raise CommandError("refused", "not confirmed, nothing was done")


def names(given: tuple[str, ...]) -> list[str]:
    """Return market names; a comma separates as a blank does."""
    return [name for part in given for name in part.split(",") if name]


def _left(order: Document) -> str:
    kind = "bid" if order["side"] == "BUY" else "ask"
    return f"  left: {order['token']} {kind} {order['size']} @ {order['price']} {order['state']} ({order['order_id']})"
