"""Copies that can be trusted, and what keeps one from being made."""

import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from actors.store.backup import back_up, stamp
from actors.store.chain import verify
from actors.store.database import is_behind, open_reader, sqlite_url
from actors.store.heads import Heads
from actors.store.trouble import StoreError
from actors.store.upkeep import reset, set_aside, update
from actors.store.writer import Writer
from tests.actors.store.test_lease import write

NOON_NS = 1_790_000_000_000_000_000


def filled(url: str, make: Any, orders: int = 5) -> None:
    writer = Writer(url, 0)
    write(writer, *[make.submit(number) for number in range(orders)])
    writer.close()


def test_a_moment_has_a_name_in_utc() -> None:
    assert stamp(NOON_NS) == "20260921_141320"


def test_a_copy_is_of_one_moment_though_its_writer_goes_on(tmp_path: Path, make: Any) -> None:
    url = sqlite_url(tmp_path / "arb.db")
    writer = Writer(url, 0)
    number = 0

    def more(_done: int, _of: int) -> None:
        nonlocal number
        number += 1
        write(writer, make.submit(1_000_000 + number))

    write(writer, *[make.submit(number) for number in range(20_000)])
    copy = back_up(url, tmp_path / "backups", NOON_NS, more)
    writer.close()
    assert number > 1
    assert [one.name for one in (tmp_path / "backups").iterdir()] == [copy.name] == ["arb_backup_20260921_141320.db"]
    reader = open_reader(sqlite_url(copy))
    assert verify(reader).seq == 20_000
    reader.close()


def test_a_server_writes_its_own_copy(postgres_url: str, tmp_path: Path, make: Any) -> None:
    filled(postgres_url, make)
    copy = back_up(postgres_url.replace("keel@", "keel:secret@"), tmp_path, NOON_NS)
    assert copy.name == "arb_backup_20260921_141320.dump"
    listed = subprocess.run(["pg_restore", "--list", copy], capture_output=True, text=True, check=True).stdout
    assert "TABLE DATA public journal" in listed


def test_without_the_servers_tools_there_is_no_copy_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="copied by pg_dump and pg_restore, which are not here"):
        back_up("postgresql://keel@127.0.0.1:1/keel", tmp_path, NOON_NS)


def test_a_server_that_is_not_there_is_said_without_the_password(tmp_path: Path) -> None:
    if shutil.which("pg_dump") is None:
        pytest.skip("PostgreSQL is copied by its own `pg_dump` (Debian: postgresql-client), which is not installed")
    with pytest.raises(StoreError) as refused:
        back_up("postgresql://keel:secret@127.0.0.1:1/keel", tmp_path, NOON_NS)
    assert "secret" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_nothing_is_said(tmp_path: Path, make: Any) -> None:
    url = sqlite_url(tmp_path / "arb.db")
    filled(url, make)
    (tmp_path / "backups").write_text("a file", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be copied to"):
        back_up(url, tmp_path / "backups", NOON_NS)
    with pytest.raises(StoreError, match="there is no database"):
        back_up(sqlite_url(tmp_path / "none.db"), tmp_path, NOON_NS)


def test_a_copy_of_torn_pages_is_none(tmp_path: Path, make: Any) -> None:
    file = tmp_path / "arb.db"
    filled(sqlite_url(file), make, 500)
    with file.open("r+b") as pages:
        pages.seek(5 * 4_096)
        pages.write(b"\xff" * 4_096 * 3)
    with pytest.raises(StoreError, match="damaged|malformed"):  # noqa: RUF043 - either, by where it is found
        back_up(sqlite_url(file), tmp_path / "backups", NOON_NS)
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_server_is_brought_up_to_date_and_reset_as_a_file_is(url: str, make: Any) -> None:
    assert not is_behind(url)
    filled(url, make)
    assert not is_behind(url)
    update(url)
    writer = Writer(url, 0)
    write(writer, make.fill(1))
    writer.close()
    assert reset(url, NOON_NS, ["events"]) == {"events": (1, 0)}
    gone(url)
    with pytest.raises(StoreError, match="the database took nothing"):
        reset(url, NOON_NS, ["events"])


def gone(url: str) -> None:
    """Take a table away."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.execute("DROP TABLE events")
        connection.close()
    else:
        import psycopg

        with psycopg.connect(url) as server:
            server.execute("DROP TABLE events")


def test_a_folder_that_takes_no_new_names_keeps_the_database_where_it_is(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sqlite_url(tmp_path / "arb.db")
    filled(url, make)

    def refuses(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(Path, "rename", refuses)
    with pytest.raises(StoreError, match="cannot be set aside: read-only"):
        set_aside(url, Heads(tmp_path), NOON_NS)
    assert (tmp_path / "arb.db").exists()
    Writer(url, 0).close()


def test_an_unreadable_url_is_refused_before_anything() -> None:
    for refused in (is_behind, update):
        with pytest.raises(StoreError, match="neither sqlite:///PATH nor"):
            refused("mysql://host/name")
