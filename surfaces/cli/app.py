"""The command line: every command by the name of its function, imported when it is called and not before.

Why by name: `keel --help` and a typo must answer at once, and a terminal, an HTTP client and a strategy are each slow
to import. So the summaries and examples of the commands stand here, and nowhere else.
"""

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib.metadata import version
from itertools import pairwise
from typing import Final

from cyclopts import App, Group
from cyclopts.exceptions import CycloptsError, UnknownCommandError

from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import TAKES_VALUE
from surfaces.cli.output import write_error

_HELP: Final = """Trades prediction markets on Polymarket as a system of supervised actors.

keel demo --headless --duration 30   sandbox and paper engine, no key, no network
keel run --mode paper                trade on paper against the live feed
keel why MARKET                      why a market is quoted as it is, or not
"""

_START = Group("Start", sort_key=1)
_ENGINE = Group("Engine", sort_key=2)
_CONTROL = Group("Control", sort_key=3)
_OBSERVE = Group("Observe", sort_key=4)
_RESEARCH = Group("Research", sort_key=5)
_DATA = Group("Data", sort_key=6)
_MORE = Group("More", sort_key=7)


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
    app["--help"].group = app["--version"].group = _MORE
    for name, (target, group, summary, example) in _COMMANDS.items():
        # The sandbox knows its own flags, --help among them.
        own_help = {"help_flags": ()} if name == ("sandbox",) else {}
        app.command(target, name=name, group=group, help=_about(summary, example), **own_help)
    for name, group, summary, pages in _FAMILIES:
        family = App(name=name, group=group, help=summary)
        for page, (target, about, example) in pages.items():
            family.command(target, name=page, help=_about(about, example))
        app.command(family)
    app.register_install_completion_command(name="--install-completion", group=_MORE)
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
    if moved[:1] == ["risk"] and not {*_RISK_PAGES, *_LONE} & set(moved[1:2]):
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

_COMMANDS: Final = {
    ("demo",): (
        "bin.demo:command",
        _START,
        "A sandbox, a paper engine and the monitor: no key, no network.",
        "keel demo --headless --duration 30 --json",
    ),
    ("sandbox",): (
        "surfaces.cli.start:sandbox",
        _START,
        "A local Polymarket, generated or replayed.",
        "keel sandbox --port 8642",
    ),
    ("run",): ("bin.run:command", _ENGINE, "Run the engine: observe, paper or live.", "keel run --mode paper"),
    ("signer",): (
        "bin.signer:command",
        _ENGINE,
        "Hold the private key alone, and sign for an engine within limits of its own.",
        "keel signer --listen /run/keel-signer/signer.sock",
    ),
    ("doctor",): (
        "bin.doctor:command",
        _START,
        "Check program, venue and account; no order is sent.",
        "keel doctor --sandbox http://127.0.0.1:8642 --json",
    ),
    ("stop",): (
        "surfaces.cli.control:stop",
        _ENGINE,
        "Stop it in good order: no new quotes, orders cancelled, everything written.",
        "keel stop --timeout 30",
    ),
    ("reload",): (
        "surfaces.cli.control:reload",
        _ENGINE,
        "Read the configuration anew and go by it, as a whole or not at all; what adds risk asks.",
        "keel reload --dry-run",
    ),
    ("status",): (
        "surfaces.cli.observe:status",
        _ENGINE,
        "How it and its markets stand: states, profit, orders, errors.",
        "keel status --watch=1",
    ),
    ("pause",): (
        "surfaces.cli.control:pause",
        _CONTROL,
        "Cancel all orders and place none; positions stay. Never asks.",
        "keel pause btc-100k-dec",
    ),
    ("resume",): (
        "surfaces.cli.control:resume",
        _CONTROL,
        "Lift a pause, a reduce or a flatten of the same markets; in live it asks.",
        "keel resume",
    ),
    ("reduce",): (
        "surfaces.cli.control:reduce",
        _CONTROL,
        "Only lower what can be lost: cancel what could raise it, place nothing that would.",
        "keel reduce fed-cut-jan",
    ),
    ("flatten",): (
        "surfaces.cli.control:flatten",
        _CONTROL,
        "Cancel all orders, merge pairs, unwind what is left, then halt. Asks; --dry-run shows the steps.",
        "keel flatten fed-cut-jan --timeout 120",
    ),
    ("kill",): (
        "bin.kill:command",
        _CONTROL,
        "Let no order out any more, over restarts too. Never asks; --clear lifts it, --offline needs no engine.",
        'keel kill --reason "prices look wrong"',
    ),
    ("monitor", "top"): (
        "surfaces.cli.start:monitor",
        _OBSERVE,
        "Watch it in the terminal. Leaving never stops the engine.",
        "keel monitor --readonly",
    ),
    ("why",): (
        "surfaces.cli.observe:why",
        _OBSERVE,
        "Why a market (or each) is quoted as it is, or not: gates, quotes, the naked leg.",
        "keel why fed-cut-jan",
    ),
    ("book",): (
        "surfaces.cli.observe:book",
        _OBSERVE,
        "The book of a market's two tokens, our own orders taken out.",
        "keel book fed-cut-jan --depth 5",
    ),
    ("replay",): (
        "bin.replay:command",
        _RESEARCH,
        "Recorded market data through the same actors.",
        "keel replay FILE.jsonl --markets markets.json --json",
    ),
}
"""Name and aliases -> import string, group, summary, example."""

_RISK_PAGES: Final = {
    "show": (
        "surfaces.cli.risk:controls",
        "Show where every control stands; the page that `keel risk` alone shows.",
        "keel risk show --all",
    ),
    "explain": (
        "surfaces.cli.risk:explain",
        "Say for each market which limits bind first.",
        "keel risk explain fed-cut-jan",
    ),
}

_FAMILIES: Final = (
    (
        "risk",
        _OBSERVE,
        "Every risk control: its number, its limit, what it blocks.",
        _RISK_PAGES,
    ),
    (
        "markets",
        _CONTROL,
        "What is traded: list, on, off, show.",
        {
            "list": (
                "surfaces.cli.markets:list_markets",
                "List the markets with their states.",
                "keel markets list --on --json",
            ),
            "on": ("surfaces.cli.markets:on", "Switch markets on.", "keel markets on fed-cut-jan"),
            "off": (
                "surfaces.cli.markets:off",
                "Switch markets off: cancel their orders, prove it, quote no more. What is held stays counted.",
                "keel markets off fed-cut-jan,btc-100k-dec",
            ),
            "show": (
                "surfaces.cli.markets:show",
                "Show all that is known of one market.",
                "keel markets show fed-cut-jan",
            ),
        },
    ),
    (
        "db",
        _DATA,
        "The database: is it whole, copy it, bring it up to date.",
        {
            "status": (
                "bin.db:status",
                "Say what it is: its rows, its version, who writes it.",
                "keel db status --json",
            ),
            "verify": (
                "bin.db:verify",
                "Read the whole journal: was any entry edited, removed, inserted or cut off? Exits with 9 if so.",
                "keel db verify --json",
            ),
            "backup": (
                "bin.db:backup",
                "Copy it as it is at this moment, beside a running engine, and read the copy through.",
                "keel db backup /mnt/backups",
            ),
            "migrate": (
                "bin.db:migrate",
                "Bring the tables of an older version up to date, after a copy was made.",
                "keel db migrate --dry-run",
            ),
            "reset": (
                "bin.db:reset",
                "Empty what people read of the past and count profits from now on; the journal stays. Asks.",
                "keel db reset --tables events,decisions",
            ),
            "recover": (
                "bin.db:recover",
                "Set a damaged or restored database aside; the next start asks the venue what is so. Asks.",
                "keel db recover --dry-run",
            ),
        },
    ),
    (
        "wallet",
        _START,
        "The private key: encrypt it into a file, say whose it is, try it.",
        {
            "import": (
                "bin.wallet:import_key",
                "Encrypt a private key into a new file. Asks; nothing of it is shown.",
                "keel wallet import --out keystore.json",
            ),
            "show": (
                "bin.wallet:show",
                "Say whose account it is and where each secret stands, never what they are.",
                "keel wallet show --json",
            ),
            "test": (
                "bin.wallet:try_key",
                "Sign something that is not sent, here or at the signer, and check it.",
                "keel wallet test",
            ),
        },
    ),
    (
        "help",
        _MORE,
        "Pages: exit-codes.",
        {"exit-codes": ("surfaces.cli.start:exit_codes", "What keel exits with.", "keel help exit-codes")},
    ),
)
"""Commands with commands under them: name, group, summary, and theirs."""
