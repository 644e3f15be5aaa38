"""Secrets are found in every shape in whatever file, and what found them does not say them."""

import base64
import json
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
import zstandard

from research.prove import canary_scan
from research.prove.canary_scan import Canaries
from research.prove.echo import echo
from tests.bin.processes import ROOT, sandbox
from tests.canaries import LEAKED

KEY = "0x" + bytes(range(60, 92)).hex()
CANARIES = Canaries({"private key": KEY, "passphrase": 'a "canary" phrase/ß'})


def test_every_shape_is_found_with_file_and_place_and_not_told(tmp_path: Path) -> None:
    (tmp_path / "clean.log").write_bytes(b"order 0x" + b"ab" * 32)
    (tmp_path / "raw.log").write_text(f"0123456789{KEY}", encoding="utf-8")
    (tmp_path / "upper.log").write_text(KEY[2:].upper(), encoding="utf-8")
    (tmp_path / "base64").write_bytes(base64.b64encode(b"x" + bytes.fromhex(KEY[2:])))
    (tmp_path / "json").write_text(json.dumps({"p": 'a "canary" phrase/ß'}), encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "log.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("old.log", f"{' ' * 5_000}{KEY[2:]}")
    (tmp_path / f"named-{KEY[2:]}").touch()
    scan = CANARIES.look_through(tmp_path)
    assert {hit.file for hit in scan.hits} == {
        "raw.log", "upper.log", "base64", "json", "log.zip/old.log", f"named-{KEY[2:]}",
    }  # fmt: skip
    assert next(hit for hit in scan.hits if hit.file == "raw.log").offset == 10
    assert next(hit for hit in scan.hits if hit.file == "log.zip/old.log").offset == 5_000
    assert scan.files == 7
    assert all(KEY[2:] not in str(hit) for hit in scan.hits if "named" not in hit.file)
    assert not CANARIES.look_through(tmp_path / "clean.log").hits


def test_a_tape_is_searched_as_far_as_it_goes(tmp_path: Path) -> None:
    stream, before = zstandard.ZstdCompressor().compressobj(), Random(1).randbytes(2_500).hex()
    whole = stream.compress(f"{before}{KEY[2:]}".encode()) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    torn = stream.compress(Random(2).randbytes(100_000)) + stream.flush()
    (tmp_path / "tape.jsonl.zst").write_bytes(whole + torn[:-20])
    scan = CANARIES.look_through(tmp_path)
    assert [(hit.file, hit.offset) for hit in scan.hits] == [("tape.jsonl.zst/tape.jsonl", 5_000)]
    (tmp_path / "tape.jsonl.zst").write_bytes(b"no tape")
    assert not CANARIES.look_through(tmp_path).hits


def test_what_two_pages_of_a_database_share_is_found_also_in_the_log_beside_it(tmp_path: Path) -> None:
    database = tmp_path / "arb.db"
    with closing(sqlite3.connect(database)) as journal:
        journal.execute("PRAGMA journal_mode = wal")
        journal.execute("CREATE TABLE journal (body TEXT)")
        journal.execute("INSERT INTO journal VALUES (?)", ("x" * 4_100,))
        journal.commit()
        assert not CANARIES.look_through(tmp_path).hits
        journal.execute("UPDATE journal SET body = ?", (f"{'x' * 455}{KEY[2:]}{'x' * 3_600}",))
        journal.commit()
        scan = CANARIES.look_through(tmp_path)
        assert {hit.file for hit in scan.hits} == {"arb.db/rows"}, "no file has it in one piece"
    assert not scan.unread
    database.write_bytes(database.read_bytes()[:4_000])
    assert CANARIES.look_through(tmp_path).unread == ["arb.db"], "of what cannot be read nothing is known"


def test_what_stands_between_two_pieces_is_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary_scan, "_PIECE", 100)
    for at in range(20, 120, 7):
        (tmp_path / "file").write_text("." * at + KEY[2:] + "." * 90, encoding="utf-8")
        scan = CANARIES.look_through(tmp_path)
        assert [(hit.offset, hit.secret) for hit in scan.hits] == [(at, "private key")]


def test_what_is_exempt_by_its_name_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text(KEY, encoding="utf-8")
    assert not CANARIES.look_through(tmp_path, ("secrets",)).hits
    assert CANARIES.look_through(tmp_path).hits


def test_a_way_says_all_headers_back_while_it_is_told_to(tmp_path: Path) -> None:
    with sandbox("--markets-count", 1, "--seed", 2) as venue, echo(venue.url) as way:
        request = urllib.request.Request(f"{way.url}/time", headers={"POLY_PASSPHRASE": "canary"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.read().strip().isdigit()
        way.on = True
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(request, timeout=10)
        with raised.value as refused:
            assert b"canary" in refused.read()


def test_a_session_that_leaves_a_secret_behind_fails_and_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.canaries import *\n", encoding="utf-8")
    (tmp_path / "test_leak.py").write_text(
        "from actors.venues.secret import Secret\n"
        f"def test_leaks(tmp_path): (tmp_path / 'a.log').write_text(Secret({KEY!r}).reveal())\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", f"--rootdir={tmp_path}",
         f"--basetemp={tmp_path / 'base'}", "-c", "/dev/null", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == LEAKED, done.stdout + done.stderr
    assert "SECRET FOUND" in done.stdout
    assert "a.log at 0" in done.stdout
    assert KEY[2:] not in done.stdout
