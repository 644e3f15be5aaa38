"""The command line itself: quick, complete, and the same before and after a command's name."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from surfaces.cli.app import normalised, run
from surfaces.cli.tree import COMMANDS, FAMILIES

ROOT = Path(__file__).parents[3]
OURS = [
    target
    for target in (
        *(target for target, *_ in COMMANDS.values()),
        *(target for *_, pages in FAMILIES for target, *_ in pages.values()),
    )
    if target.startswith("surfaces.")
]


def keel(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bin.main", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("target", OURS)
def test_every_command_of_ours_is_where_its_name_says(target: str) -> None:
    module, _, function = target.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_help_imports_nothing_heavy() -> None:
    heavy = (
        "httpx",
        "fastapi",
        "textual",
        "pykka",
        "peewee",
        "pydantic",
        "yaml",
        "surfaces.client",
        "models.risk",
    )
    code = (
        "import sys; from surfaces.cli.app import run; run(['--help']); "
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.strip() == "[]"


def test_help_groups_the_commands_and_begins_with_three_examples() -> None:
    done = keel("--help")
    assert done.returncode == 0
    assert done.stdout.count("\nkeel ") == 3
    for group in ("Start", "Engine", "Control", "Observe", "Research"):
        assert f" {group} " in done.stdout
    for name in (
        "demo",
        "run",
        "replay",
        "sandbox",
        "status",
        "why",
        "pause",
        "resume",
        "kill",
        "markets",
        "stop",
        "monitor",
    ):
        assert f" {name} " in done.stdout


@pytest.mark.parametrize(
    "command",
    [name for (name, *_), (target, *_) in COMMANDS.items() if target in OURS and name != "sandbox"]
    + [f"{family} {page}" for family, *_, pages in FAMILIES for page in pages],
)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Example: keel {command}" in out
    assert "--json" in out


def test_the_version_is_one_line() -> None:
    assert keel("--version").stdout.startswith("keel ")


def test_a_typo_is_answered_without_importing_any_command() -> None:
    done = keel("demoo")
    assert (done.returncode, done.stderr) == (2, "error: no command 'demoo'. Did you mean: keel demo?\n")


def test_exit_codes_are_documented(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "exit-codes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[0]) for line in lines[1:]] == [*range(10), 70, 73, 130]


def test_a_reader_that_leaves_early_is_no_error() -> None:
    script = (
        f"{sys.executable} -c \"import sys; from surfaces.cli.app import run; sys.exit(run(['help', 'exit-codes']))\""
    )
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {script} | head -0"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "given, meant",
    [
        ("--json status", "status --json"),
        ("--data-dir /x -o json markets list --on", "markets list --on --data-dir /x -o json"),
        ("-o=json status", "status -o=json"),
        ("status --watch", "status --watch=2"),
        ("status --watch 5 --json", "status --watch 5 --json"),
        ("status --watch --json", "status --watch=2 --json"),
        ("--help", "--help"),
        ("--json", "--json"),
        ("", ""),
    ],
)
def test_global_options_are_put_behind_the_command(given: str, meant: str) -> None:
    assert normalised(given.split()) == meant.split()
