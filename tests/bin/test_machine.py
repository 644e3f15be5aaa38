"""What an examination finds on this machine, and that it leaves everything as it was."""

import resource
import shutil
import sqlite3
from pathlib import Path

import pytest

from actors.store.database import open_writer, sqlite_url
from bin.machine import Finding, findings


def found(data_dir: Path, database: str | None = None) -> dict[str, Finding]:
    return {one.check: one for one in findings(data_dir, database)}


def test_where_nothing_is_yet_nothing_is_made(tmp_path: Path) -> None:
    rows = found(tmp_path / "deep" / "data")
    assert rows["data folder"].status == "ok"
    assert rows["database"].detail.endswith("will be made")
    assert list(tmp_path.iterdir()) == []


def test_a_database_is_found_whole_or_with_migrations_to_apply(tmp_path: Path) -> None:
    file = tmp_path / "arb.db"
    sqlite3.connect(file).close()
    empty = found(tmp_path)["database"]
    assert (empty.status, bool(empty.figures["pending"])) == ("ok", True)
    close = open_writer(sqlite_url(file)).close
    try:
        assert found(tmp_path)["database"].detail.endswith("arb.db is whole"), "while an engine writes it, too"
    finally:
        close()


@pytest.mark.parametrize("spoilt", ["torn", "newer"])
def test_a_database_that_cannot_be_used_fails_with_its_fix(tmp_path: Path, spoilt: str) -> None:
    file = tmp_path / "arb.db"
    close = open_writer(sqlite_url(file)).close
    close()
    if spoilt == "torn":
        content = file.read_bytes()
        file.write_bytes(content[:8_192] + b"\xff" * 4_096 + content[12_288:])
    else:
        with sqlite3.connect(file) as connection:
            connection.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01')")
        connection.close()
    row = found(tmp_path)["database"]
    assert (row.status, bool(row.fix)) == ("fail", True), row
    assert ("newer" if spoilt == "newer" else "damaged") in row.detail


def test_a_server_that_is_not_there_fails_without_its_password(tmp_path: Path) -> None:
    row = found(tmp_path, "postgresql://keel:verysecret@127.0.0.1:1/keel")["database"]
    assert row.status == "fail"
    assert "verysecret" not in row.detail


@pytest.mark.parametrize(("free_mib", "status"), [(100, "fail"), (1_024, "warn"), (10_240, "ok")])
def test_little_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_mib: int, status: str) -> None:
    usage = type(shutil.disk_usage(tmp_path))(1, 1, free_mib << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert found(tmp_path)["disk"].status == status


def test_few_open_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4_096))
    row = found(tmp_path)["open files"]
    assert (row.status, row.figures) == ("warn", {"limit": 256})
    assert "ulimit" in row.fix
