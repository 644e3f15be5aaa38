"""What keeps an engine from starting is said in one line, with its exit code; what keeps it from trading too."""

import json
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bin.processes import ROOT, Sandbox, engine, fresh_engine, keel, until

CANARY = "0x" + "ca9a7e" * 10


def test_commands_to_an_engine_that_is_not_there_say_so_at_once(tmp_path: Path) -> None:
    for command in (("status",), ("pause",), ("kill",), ("markets", "off", "x"), ("stop",)):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        whole = [sys.executable, "-m", "bin.main", *command, "--data-dir", tmp_path, "--json"]
        done = subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 3
        assert json.loads(done.stdout)["error"]["code"] == "not_running"
        # The processor's own seconds: what others did meanwhile does not count.
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2, command


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("makr:\n  bid_size: 5\n", ("makr", "maker")),
        ("maker:\n  bid_sise: 5\n", ("maker.bid_sise", "bid_size")),
        ("strategy: make\n", ("strategy", "maker")),
        ("risk:\n  wallet_usd: lots\n", ("risk.wallet_usd", "lots")),
        ("profile: small_25\n", ("small_25", "small_250")),
    ],
)
def test_an_unknown_key_or_value_is_named_with_its_file_and_the_nearest_one(
    tmp_path: Path, written: str, said: tuple[str, ...]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(written, encoding="utf-8")
    done = keel("run", "--config", file, "--data-dir", tmp_path / "data", "--json")
    assert done.returncode == 4, done.stderr
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "configuration"
    for part in (*said, "mine.yaml"):
        assert part in error["message"] + error["hint"]
    assert not (tmp_path / "data").exists(), "nothing was begun"


@pytest.mark.proves("I28")
@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (("--mode", "live"), {}, "not armed for live"),
        ((), {"KEEL_ARMED": "true"}, "asked for by the command itself"),
    ],
)
def test_live_needs_the_command_and_an_armed_configuration(
    tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, Any], said: str
) -> None:
    switches: dict[str, Any] = {"BOT_MODE": "live", "DRY_RUN": "false", **variables}
    done = keel("run", *arguments, "--tag", "desk", "--yes", "--data-dir", tmp_path / "data", **switches)
    assert done.returncode == 6
    assert said in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--mode", "liv"), 2, "liv"),
        (("--sandbx", "x"), 2, "--sandbx"),
        (("--wallet", "much"), 4, "wallet_usd"),
        (("--strategy", "make"), 4, "maker"),
        (("--config", "gone.yaml"), 4, "gone.yaml"),
        (("--db", "oracle://x"), 4, "oracle"),
    ],
)
def test_a_wrong_argument_is_named(
    venue: Sandbox, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = keel("run", *arguments, "--sandbox", venue.url, "--data-dir", tmp_path / "data")
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_market_that_is_not_listed_is_named_with_the_nearest(venue: Sandbox, tmp_path: Path) -> None:
    wrong = venue.slugs[0][:-1] + "x"
    done = keel("run", "--sandbox", venue.url, "--markets", wrong, "--data-dir", tmp_path)
    assert done.returncode == 7
    assert wrong in done.stderr
    assert venue.slugs[0] in done.stderr


def test_a_venue_that_does_not_answer_is_a_failure_that_may_pass(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    done = keel("run", "--sandbox", f"http://127.0.0.1:{port}", "--data-dir", tmp_path / "data", "--json")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["retryable"] is True
    assert str(port) in error["message"]
    assert "keel sandbox" in error["hint"]


def test_a_folder_that_cannot_be_used_is_a_failure(venue: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    done = keel("run", "--sandbox", venue.url, "--data-dir", tmp_path / "data")
    assert done.returncode == 1
    assert str(tmp_path / "data") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_size_under_the_minimum_is_said_at_start_and_in_why(venue: Sandbox, tmp_path: Path) -> None:
    slug = venue.slugs[0]
    with engine(tmp_path / "data", "--sandbox", venue.url, "--markets", slug) as running:
        until(lambda: "size_below_minimum: 1 < 5 shares" in running.log, "it is said")
        until(lambda: running.status()["decisions"], "it decides")
        assert "size_below_minimum" in running.keel("why", slug).stdout
        assert running.status()["orders"] == 0
        assert [row["slug"] for row in running.status()["markets"]] == [slug], "the one that was named"


@pytest.mark.proves("I28")
def test_no_secret_is_read_or_kept_on_paper(venue: Sandbox, tmp_path: Path) -> None:
    secrets = {
        "PRIVATE_KEY": CANARY,
        "POLYMARKET_PRIVATE_KEY": CANARY,
        "CLOB_SECRET": CANARY,
        "CLOB_PASS_PHRASE": CANARY,
    }
    (tmp_path / ".env").write_text("".join(f"{name}={CANARY}\n" for name in secrets), encoding="utf-8")
    arguments = ("--sandbox", venue.url, "--profile", "small_250", "--env-file", tmp_path / ".env")
    with fresh_engine(tmp_path / "data", *arguments, **secrets) as running:
        until(lambda: running.status()["orders"], "it trades")
        loaded = Path(f"/proc/{running.process.pid}/maps").read_text(encoding="utf-8")
        assert "coincurve" not in loaded
        assert running.end() == 0
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file
