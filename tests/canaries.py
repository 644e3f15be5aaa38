"""No secret that a test used is found in what the tests left behind: looked for when all of them are over.

A secret counts that a test gave to a `Secret` here, or to a process in its environment, and that is random enough not
to stand somewhere by chance. Left out, by name, is where secrets are put on purpose. Each worker searches its own.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from actors.venues.secret import known
from config.sources import SECRETS
from research.prove.canary_scan import Canaries

EXEMPT: Final = frozenset(
    {
        "secrets",
        "creds",
        "keys",
        "own",
        ".env",
        "other.env",
        "env",
        "key",
        "private_key",
        "keystore.json",
        "store.json",
        "told",
    }
)
"""Names below which tests keep the secrets themselves; `told` is what an official client is told of its account."""

LEAKED: Final = 9
"""Exit code where a secret was found: not that of a test that failed, which may be given a second chance."""

_NAMES: Final = frozenset(name for names in SECRETS.values() for name in names)
_LETTERS_MIN: Final = 12
_LENGTH_MIN: Final = 24
_FOUND: Final = pytest.StashKey[list[str]]()

_given: set[str] = set()


def _note(event: str, details: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen" and isinstance(details[3], dict):
        _given.update(str(value) for name, value in details[3].items() if name in _NAMES)


sys.addaudithook(_note)


def canaries(texts: Iterable[str]) -> Canaries:
    """Return the search for those of some secrets that do not stand anywhere by chance."""
    wanted = sorted(text for text in texts if len(text) >= _LENGTH_MIN and len(set(text.lower())) >= _LETTERS_MIN)
    return Canaries({f"canary {number}": text for number, text in enumerate(wanted)})


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search what this process's tests left; the process that has workers collects what they found."""
    config: Any = session.config
    found = config.stash.setdefault(_FOUND, [])
    factory = getattr(config, "_tmp_path_factory", None)
    folder: Path | None = getattr(factory, "_basetemp", None)
    if folder is not None and not hasattr(config, "workerinput") and getattr(config.option, "numprocesses", None):
        folder = None  # the workers' folders stand below ours
    if folder is not None:
        found += [f"{folder}/{hit}" for hit in canaries({*known(), *_given}).look_through(folder, EXEMPT).hits]
    if hasattr(config, "workeroutput"):
        config.workeroutput["canaries"] = found
    elif found:
        session.exitstatus = LEAKED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker found."""
    node.config.stash.setdefault(_FOUND, []).extend(getattr(node, "workeroutput", {}).get("canaries", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where secrets were found, and never which."""
    for hit in terminalreporter.config.stash.get(_FOUND, []):
        terminalreporter.write_line(f"SECRET FOUND {hit}", red=True)
