"""The command line: every command by the name of its function, imported when it is called and not before.

Why by name: `keel --help` and a typo must answer at once, and a terminal, an HTTP client and a strategy are each slow
to import. So the summaries and examples of the commands stand in `tree`, and nowhere else.
"""

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib.metadata import version
from itertools import pairwise
from typing import Final

from cyclopts import App
from cyclopts.exceptions import CycloptsError, UnknownCommandError

from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import TAKES_VALUE
from surfaces.cli.output import write_error
from surfaces.cli.tree import COMMANDS, FAMILIES, MORE, RISK_PAGES

_HELP: Final = """Trades prediction markets on Polymarket as a system of supervised actors.

keel demo --headless --duration 30   sandbox and paper engine, no key, no network
keel run --mode paper                trade on paper against the live feed
keel why MARKET                      why a market is quoted as it is, or not
"""


def build_app() -> App:
    """Return the tree of commands; none of them is imported by this."""
    app = App(
        name="keel",
        help=_HELP,
        help_format="plaintext",
        version=lambda: f"keel {version('keel')}",
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    app["--help"].group = app["--version"].group = MORE
    for name, (target, group, summary, example) in COMMANDS.items():
        # The sandbox knows its own flags, --help among them.
        own_help = {"help_flags": ()} if name == ("sandbox",) else {}
        app.command(target, name=name, group=group, help=_about(summary, example), **own_help)
    for name, group, summary, pages in FAMILIES:
        family = App(name=name, group=group, help=summary)
        for page, (target, about, example) in pages.items():
            family.command(target, name=page, help=_about(about, example))
        app.command(family)
    app.register_install_completion_command(name="--install-completion", group=MORE)
    return app


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; return its exit code. A failure is told in the format asked for."""
    tokens = normalised(sys.argv[1:] if arguments is None else arguments)
    as_json, verbose = _wants_json(tokens), any(token in {"-v", "-vv", "--verbose"} for token in tokens)
    try:
        code = _called(build_app(), tokens)
    except CommandError as error:
        if verbose:
            traceback.print_exc()
        write_error(error, as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; what Python still wants to flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as error:  # noqa: BLE001 - a bug, which must not look like an answer
        traceback.print_exc()
        write_error(CommandError("failure", f"{type(error).__name__}: {error}"), as_json=as_json)
        return Exit.FAILURE
    return code


def normalised(tokens: Sequence[str]) -> list[str]:
    """Put global options that stand before the command behind its name, and name what was left to be understood.

    That is the number of a bare `--watch`, and the page of `keel risk`.
    """
    first = 0
    while first < len(tokens) and tokens[first].startswith("-") and tokens[first] not in _LONE:
        first += 2 if tokens[first] in TAKES_VALUE else 1
    moved = [*tokens[first:], *tokens[:first]] if first < len(tokens) else list(tokens)
    if moved[:1] == ["risk"] and not {*RISK_PAGES, *_LONE} & set(moved[1:2]):
        moved.insert(1, "show")
    return ["--watch=2" if word == "--watch" and not _is_number(after) else word for word, after in _pairs(moved)]


def _called(app: App, tokens: Sequence[str]) -> int:
    try:
        result = app(tokens, exit_on_error=False, print_error=False)
    except UnknownCommandError as error:
        raise _unknown_command(app, error) from None
    except CycloptsError as error:
        command = " ".join(("keel", *(error.command_chain or ()), "--help"))
        raise CommandError("usage", str(error).strip().rstrip("."), f"see: {command}") from error
    return int(result or 0)


def _unknown_command(app: App, error: UnknownCommandError) -> CommandError:
    """Name the nearest command. Cyclopts would import all of them to do so."""
    typed = (error.unused_tokens or [""])[0]
    chain = error.command_chain or ()
    inner = app
    for name in chain:
        inner = inner[name]
    near = get_close_matches(typed, [name for name in inner if not name.startswith("-")], n=1, cutoff=0.5)
    path = " ".join(("keel", *chain))
    hint = f"did you mean: {path} {near[0]}?" if near else f"see: {path} --help"
    return CommandError("usage", f"no command {typed!r}", hint)


def _about(summary: str, example: str) -> str:
    return f"{summary}\n\nExample: {example}"


def _wants_json(tokens: Sequence[str]) -> bool:
    asked = ("--json", "--output=json", "-ojson", "-o=json")
    return any(token in asked or (token in {"-o", "--output"} and after == "json") for token, after in _pairs(tokens))


def _pairs(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    return pairwise([*tokens, ""])


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


_LONE: Final = frozenset({"-h", "--help", "--version", "--install-completion"})
