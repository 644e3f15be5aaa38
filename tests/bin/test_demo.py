"""`keel demo` as a person sees it first: no key, no network, one document, nothing left behind."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from tests.bin.processes import ROOT, keel, processes_mentioning, until

KEYS = {
    "schema", "seed", "duration_s", "markets", "decisions", "orders", "fills", "cancels_by_reason", "pnl", "restarts",
    "errors",
}  # fmt: skip


@pytest.fixture
def seed(tmp_path: Path) -> int:
    """Return a seed that no other process on this machine has, so that ours are known by it."""
    return os.getpid() * 1_000 + hash(tmp_path) % 1_000


def test_a_headless_demo_prints_one_document_trades_and_leaves_nothing(tmp_path: Path, seed: int) -> None:
    done = keel("demo", "--headless", "--duration", 8, "--seed", seed, "--json", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report) == KEYS
    assert (report["schema"], report["seed"], report["duration_s"]) == ("keel.demo/1", seed, 8.0)
    assert len(report["markets"]) == 10
    for market in report["markets"]:
        assert set(market) == {"slug", "condition_id", "on", "state", "net_shares", "fills"}
    assert report["fills"] == sum(market["fills"] for market in report["markets"]) > 0
    assert report["orders"] > 0
    assert report["decisions"] > 0
    assert (report["restarts"], report["errors"]) == (0, 0)
    assert all(reason.isidentifier() for reason in report["cancels_by_reason"])
    assert set(report["pnl"]) == {"total", "realized", "unrealized", "fees", "rebates"}
    assert all(isinstance(amount, str) for amount in report["pnl"].values())
    for line in done.stderr.splitlines():
        assert line.count(" | ") >= 3, f"not a message: {line}"
    assert "dead letter" not in done.stderr
    assert list(tmp_path.iterdir()) == [], "the data folder was temporary"
    assert processes_mentioning(f"--seed {seed}") == []


def test_a_named_folder_stays_and_holds_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = keel("demo", "--headless", "--duration", 1, "--markets", 2, "--data-dir", folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 markets, ")
    assert {"arb.db", "logs", "tape"} <= {path.name for path in folder.iterdir()}
    assert not (folder / "run" / "keel.sock").exists()
    assert not (folder / "run" / "engine.pid").exists()


def test_a_demo_that_is_ended_leaves_no_process_and_no_folder(tmp_path: Path, seed: int) -> None:
    command = [
        sys.executable,
        "-m",
        "bin.main",
        "demo",
        "--headless",
        "--duration",
        "60",
        "--seed",
        str(seed),
        "--json",
    ]
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            # The socket, or where the folder's name is too long for one, the note that says where it is.
            until(lambda: list(tmp_path.glob("keel-demo-*/run/*sock*")), "the demo runs")
        finally:
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert json.loads(out)["schema"] == "keel.demo/1"
    assert list(tmp_path.iterdir()) == []
    assert processes_mentioning(f"--seed {seed}") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--duration", "0"), "--duration"),
        (("--duration", "-1"), "--duration"),
        (("--duration", "nan"), "--duration"),
        (("--duration", "long"), "--duration"),
        (("--markets", "0"), "--markets"),
        (("--markets", "501"), "--markets"),
        (("--seed", "x"), "--seed"),
        (("--durations", "3"), "--durations"),
        (("now",), "now"),
    ],
)
def test_a_bad_argument_is_named_and_exits_2(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    from surfaces.cli.app import run

    out = tmp_path / "out"
    with out.open("w") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", file)
        code = run(["demo", "--headless", *arguments, "--json"])
    assert code == 2
    error: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))["error"]
    assert error["code"] == "usage"
    assert said.lstrip("-") in error["message"]


def test_a_failure_inside_that_ends_the_process_takes_the_sandbox_along(seed: int) -> None:
    code = f"from bin.demo import _sandbox\nwith _sandbox(1, {seed}) as venue:\n    venue.leave(70)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 70, done.stderr
    until(lambda: not processes_mentioning(f"--seed {seed}"), "the sandbox is gone")


def test_without_a_terminal_the_monitor_is_refused_with_a_hint() -> None:
    done = keel("demo")
    assert done.returncode == 2
    assert "--headless" in done.stderr
    assert done.stdout == ""


def test_the_monitor_shows_the_markets_and_q_ends_the_demo(tmp_path: Path, seed: int) -> None:
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    command = [sys.executable, "-m", "bin.main", "demo", "--markets", "3", "--seed", str(seed)]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TERM": "xterm-256color"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    ) as process:
        try:
            os.close(terminal)
            assert "BID/ASK" in _read_until(screen, "BID/ASK")
            os.write(screen, b"q")
            assert "3 markets, " in _read_until(screen, "3 markets, ")
            assert process.wait(30) == 0
        finally:
            process.terminate()
    os.close(screen)
    assert list(tmp_path.iterdir()) == []
    assert processes_mentioning(f"--seed {seed}") == []


def _read_until(screen: int, text: str, timeout_s: float = 60) -> str:
    """Read what is drawn on a terminal until a text has been, or nothing more can come."""
    drawn, deadline = b"", time.monotonic() + timeout_s
    while text.encode() not in drawn and time.monotonic() < deadline:
        if select.select([screen], [], [], 0.1)[0]:
            try:
                drawn += os.read(screen, 65_536)
            except OSError:  # the other end is closed
                break
    return drawn.decode(errors="replace")
