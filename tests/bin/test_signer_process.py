"""A live engine whose key is in another process: it trades, waits while that one is gone, and gives nothing away."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bin.processes import LIVELY, ROOT, engine, keel, sandbox, until


@contextmanager
def signer(folder: Path, key: Path, owner: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    with (folder / "signer.txt").open("a") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "bin.main", "signer", "--data-dir", str(folder)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, text=True,
            env={"PATH": "/usr/bin:/bin", "KEEL_ACCOUNT__PRIVATE_KEY_FILE": str(key), **owner},
        )  # fmt: skip
    try:
        until((folder / "signer" / "signer.sock").exists, "it listens")
        yield process
    finally:
        process.terminate()
        assert process.wait(20) in (0, -signal.SIGKILL)


@pytest.mark.proves("I39", "I43")
def test_an_engine_trades_by_a_signer_stands_still_without_it_and_goes_on(tmp_path: Path) -> None:
    with sandbox("--port", 0, "--markets-count", 2, "--seed", 5) as venue:
        account = venue.said["accounts"][1]
        owner = {"SIGNATURE_TYPE": str(account["signature_type"]), "KEEL_ACCOUNT__FUNDER": account["funder"]}
        key = tmp_path / "keys" / "key"
        key.parent.mkdir(mode=0o700)
        key.write_text(account["private_key"], encoding="utf-8")
        key.chmod(0o600)
        told = {**LIVELY, **owner, "KEEL_ARMED": "true", "STRATEGY_TAG": "desk", "PM_BID_SIZE": "5",
                "KEEL_ACCOUNT__SIGNER": str(tmp_path / "signer" / "signer.sock")}  # fmt: skip
        flags = ("--mode", "live", "--i-understand-live", "--yes", "--sandbox", venue.url)
        refused = keel("run", *flags, "--data-dir", tmp_path / "data", **told)
        assert refused.returncode == 1, "it is worth another try"
        assert "does not answer" in refused.stderr
        with signer(tmp_path, key, owner) as first, engine(tmp_path / "data", *flags, **told) as running:
            assert cores(running.process.pid) == cores(first.pid) == ["0", "0"]
            assert running.keel("resume", "--yes").returncode == 0
            until(lambda: running.status()["orders"], "it trades", 60)
            first.kill()
            first.wait(20)
            until(lambda: "by signer since" in running.keel("why").stdout, "it says what it waits for", 60)
            until(lambda: not running.status()["orders_open"], "nothing rests", 60)
            with signer(tmp_path, key, owner):
                before = running.status()["orders"]
                until(lambda: running.status()["orders"] > before, "it trades on", 60)
            assert running.end() == 0
    (log,) = (tmp_path / "signer").glob("signed-*.jsonl")
    signed = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line]
    assert {line["what"] for line in signed if line["signed"]} >= {"order", "sign_in"}
    private = account["private_key"].removeprefix("0x").encode()
    for file in (file for folder in ("data", "signer") for file in (tmp_path / folder).rglob("*") if file.is_file()):
        assert private not in file.read_bytes(), file


def cores(pid: int) -> list[str]:
    """Return the soft and the hard limit of a process's core files."""
    lines = Path(f"/proc/{pid}/limits").read_text(encoding="utf-8").splitlines()
    return next(line.split()[4:6] for line in lines if line.startswith("Max core file size"))


def test_nobody_looks_into_a_process_that_keeps_to_itself() -> None:
    code = (
        "import ctypes, os\n"
        "from bin.hardening import keep_to_itself\n"
        "keep_to_itself()\n"
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), oct(os.umask(0)))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["0", "0o77"]
