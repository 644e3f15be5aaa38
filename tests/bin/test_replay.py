"""`keel replay` as a person or a script calls it, on a recording that the test writes."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from surfaces.cli.app import run
from tests.bin.recording import SLUG, YES, frames, write_recording

ROOT = Path(__file__).parents[2]
KEYS = {
    "events", "books", "decisions", "orders", "fills", "cancels_by_reason", "book_hash_checked", "book_hash_ok",
    "resyncs", "assumed", "final_books", "trace_sha256",
}  # fmt: skip

Keel = Callable[..., tuple[int, str, str]]


@pytest.fixture
def keel(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Keel:
    """Run a command in this process, in an empty folder; give exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "rain.jsonl")


def refused(said: tuple[int, str, str], code: int) -> dict[str, Any]:
    """Check that a command failed with one error document and this code; give the error."""
    assert said[0] == code, said
    assert said[2] == ""
    return json.loads(said[1])["error"]


def test_the_installed_command_prints_one_document_with_all_figures(tape: Path) -> None:
    command = [sys.executable, "-m", "bin.main", "replay", str(tape), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert set(report) >= KEYS
    assert report["schema"] == "keel.replay/1"
    assert report["decisions"] > 10
    assert report["orders"] > 10
    assert report["fills"] > 5
    assert report["events"] == report["frames"] == len(list(frames(400, 1)))
    assert all(reason.isidentifier() for reason in report["cancels_by_reason"]), "codes, not sentences"
    assert report["final_books"][SLUG]["yes"]["token_id"] == YES


@pytest.mark.proves("I31")
def test_the_same_recording_gives_the_same_trace_and_the_file_is_what_was_digested(
    keel: Keel, tape: Path, tmp_path: Path
) -> None:
    first = json.loads(keel("replay", tape, "--json")[1])
    second = json.loads(keel("replay", tape, "--json", "--trace", tmp_path / "trace.jsonl")[1])
    assert first == second
    trace = (tmp_path / "trace.jsonl").read_bytes()
    assert hashlib.sha256(trace).hexdigest() == first["trace_sha256"]
    lines = trace.splitlines()
    assert len(lines) > first["events"]
    assert all(isinstance(json.loads(line)[0], int) for line in lines)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rain.jsonl", "trace.jsonl"]


def test_packed_or_not_it_is_the_same_recording(keel: Keel, tape: Path, tmp_path: Path) -> None:
    packed = write_recording(tmp_path / "packed.jsonl.gz")
    plain, gzipped = (json.loads(keel("replay", file, "--json")[1]) for file in (tape, packed))
    assert plain["trace_sha256"] == gzipped["trace_sha256"]


def test_a_person_reads_lines_and_why_the_market_stands_so(keel: Keel, tape: Path) -> None:
    code, out, _ = keel("replay", tape, "--why", SLUG)
    assert code == 0
    assert "frames of 1 market(s)" in out
    assert f"{SLUG}  " in out
    assert "[ok]" in out
    assert "warning: book hashes are not checked" in out


def test_a_cut_recording_of_others_is_refused_and_leaves_nothing_behind(keel: Keel, tape: Path, tmp_path: Path) -> None:
    whole = tape.read_bytes()
    last = whole.count(b"\n")
    tape.write_bytes(whole[:-40])
    error = refused(keel("replay", tape, "--trace", tmp_path / "trace.jsonl", "--json"), 1)
    assert f"rain.jsonl: line {last}: expected a frame of the market channel" in error["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["rain.jsonl"]


@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        ("prices.csv", b"time,price\n1,0.5\n", "line 1: expected a frame of the market channel"),
        ("empty.jsonl", b"", "line 1: expected a frame of the market channel"),
        ("news.jsonl", b'{"event_type":"book","asset_id":"1"}\n{"event_type":"news"}\n', "line 2: expected a frame"),
        ("broken.jsonl.gz", b"\x1f\x8b\x08\x00garbage", "line 1: expected more compressed data"),
        ("broken.jsonl.zst", b"garbage", "line 1: expected compressed data"),
    ],
)
def test_a_foreign_file_is_refused_with_its_line_and_what_was_expected(
    keel: Keel, tmp_path: Path, name: str, written: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(written)
    error = refused(keel("replay", tmp_path / name, "--json"), 1)
    assert f"{name}: {said}" in error["message"]


def test_damage_in_the_middle_is_found_before_any_order(keel: Keel, tape: Path, tmp_path: Path) -> None:
    lines = tape.read_bytes().splitlines(keepends=True)
    lines[300] = lines[300][:20] + b"\n"
    tape.write_bytes(b"".join(lines))
    error = refused(keel("replay", tape, "--trace", tmp_path / "trace.jsonl", "--json"), 1)
    assert "line 301" in error["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["rain.jsonl"]


def test_what_cannot_be_opened_is_told_and_not_a_traceback(keel: Keel, tape: Path, tmp_path: Path) -> None:
    assert "No such file" in refused(keel("replay", tmp_path / "gone.jsonl", "--json"), 1)["message"]
    nowhere = tmp_path / "nowhere" / "trace.jsonl"
    assert "No such file" in refused(keel("replay", tape, "--trace", nowhere, "--json"), 1)["message"]
    (tmp_path / "markets.json").write_text("[1", encoding="utf-8")
    assert "markets.json" in refused(keel("replay", tape, "--markets", "markets.json", "--json"), 1)["message"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "no recording"),
        (("rain.jsonl", "--speed", "0"), 2, "--speed"),
        (("rain.jsonl", "--speed", "nan"), 2, "--speed"),
        (("rain.jsonl", "--seed", "many"), 2, "seed"),
        (("rain.jsonl", "--sped", "2"), 2, "--sped"),
        (("rain.jsonl", "--strategy", "makr"), 4, "maker"),
        (("rain.jsonl", "--profile", "small_25"), 4, "small_250"),
        (("rain.jsonl", "--why", "rain-in-basel"), 7, "rain-in-basel"),
    ],
)
def test_a_wrong_argument_is_named_with_its_exit_code(
    keel: Keel, tape: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    error = refused(keel("replay", *arguments, "--json"), code)
    assert said in error["message"] + error["hint"]


def test_two_files_that_hold_one_token_under_two_names_are_refused(keel: Keel, tape: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(tape.read_bytes().replace(SLUG.encode(), b"snow-in-bern"))
    message = refused(keel("replay", tape, other, "--json"), 1)["message"]
    assert "rain.jsonl" in message
    assert "other.jsonl" in message


def test_a_pace_takes_its_time_and_changes_nothing(keel: Keel, tmp_path: Path) -> None:
    tape = write_recording(tmp_path / "short.jsonl", steps=80)
    fast = json.loads(keel("replay", tape, "--json")[1])
    began = time.monotonic()
    paced = json.loads(keel("replay", tape, "--speed", "50", "--json")[1])
    assert time.monotonic() - began > 20 / 50 * 0.95
    assert paced == fast


def test_our_own_tape_may_end_in_a_cut_line(keel: Keel, tmp_path: Path) -> None:
    lines = [
        json.dumps({"t": int(frame["timestamp"]) * 1_000_000 + 7, "c": "feed/0", "f": frame})
        for frame in frames(100, 1)
    ]
    tape = tmp_path / "20250615T144640-000000000.jsonl"
    tape.write_text("\n".join(lines)[:-30], encoding="utf-8")
    report = json.loads(keel("replay", tape, "--json")[1])
    assert report["frames"] == len(lines) - 1
    assert report["cut_lines"] == 1
    assert any(f"is cut at line {len(lines)}" in warning for warning in report["warnings"])
    tape.write_text("\n".join([*lines[:50], lines[50][:-30], *lines[51:]]), encoding="utf-8")
    assert "line 51" in refused(keel("replay", tape, "--json"), 1)["message"], "anywhere else it is damage"


def test_a_run_that_a_loss_kills_says_so(keel: Keel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = write_recording(tmp_path / "falling.jsonl", seed=2)
    for name in ("DAY_LOSS", "DAY_LOSS_KILL"):
        monkeypatch.setenv(f"KEEL_LOSSES__{name}", "0.0001")
    code, out, _ = keel("replay", tape)
    assert code == 0
    (line,) = (line for line in out.splitlines() if line.startswith("KILLED"))
    assert line.startswith("KILLED at 2025-06-15T15:06:53.270000Z: day_loss_kill: -0.11 since 00:00 UTC (realised 0.00")
    assert line.endswith("frames and 86 s were played without it")
