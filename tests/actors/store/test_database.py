from collections.abc import Callable
from pathlib import Path

import pytest
from peewee import Database
from playhouse.schema_diff import diff_models

from actors.store.database import (
    StoreBusy,
    StoreError,
    migrate,
    open_reader,
    open_writer,
    redacted,
    resolve_url,
    sqlite_url,
)
from actors.store.tables import TABLES


def opened(url: str) -> tuple[Database, Callable[[], None]]:
    owned = open_writer(url)
    return owned.database, owned.close


def test_the_migrations_make_the_tables_of_the_code(url: str) -> None:
    database, close = opened(url)
    with database.bind_ctx(TABLES):
        assert not diff_models(database, TABLES)
    close()


def test_migrations_are_applied_once(url: str) -> None:
    database, close = opened(url)
    assert migrate(database) == ()
    close()
    database, close = opened(url)
    assert "schema_migration" in database.get_tables()
    close()


def test_a_database_that_is_newer_is_refused(url: str) -> None:
    database, close = opened(url)
    database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01')")
    close()
    with pytest.raises(StoreError, match=r"newer than this version.*9999_later"):
        open_writer(url)


def test_a_second_writer_is_refused_until_the_first_is_gone(url: str) -> None:
    _, close = opened(url)
    with pytest.raises(StoreBusy, match="another engine writes"):
        open_writer(url)
    close()
    _, close = opened(url)
    close()


def test_a_reader_reads_beside_the_writer_and_cannot_write(url: str) -> None:
    writer, close = opened(url)
    reader = open_reader(url)
    writer.execute_sql("INSERT INTO meta (key, value) VALUES ('a', 'b')")
    assert reader.execute_sql("SELECT value FROM meta WHERE key = 'a'").fetchone() == ("b",)
    with pytest.raises(Exception, match=r"read.?only"):
        reader.execute_sql("DELETE FROM meta")
    reader.close()
    close()


def test_a_reader_reads_after_the_writer_has_closed(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "arb.db")
    writer, close = opened(url)
    writer.execute_sql("INSERT INTO meta (key, value) VALUES ('a', 'b')")
    close()
    reader = open_reader(url)
    assert reader.execute_sql("SELECT value FROM meta WHERE key = 'a'").fetchone() == ("b",)
    reader.close()


def test_reading_what_is_not_there_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        open_reader(sqlite_url(tmp_path / "arb.db"))
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "arb.db"
    path.write_bytes(b"this is a text, and long enough not to be taken for an empty file" * 100)
    with pytest.raises(StoreError, match=r"arb.db: file is not a database"):
        open_writer(sqlite_url(path))


def test_a_damaged_page_refuses_the_start(tmp_path: Path) -> None:
    path = tmp_path / "arb.db"
    database, close = opened(sqlite_url(path))
    for number in range(500):
        database.execute_sql("INSERT INTO meta (key, value) VALUES (?, ?)", (f"key {number}", "x" * 100))
    close()
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 4096 * 8)
    with pytest.raises(StoreError, match=r"arb.db"):
        open_writer(sqlite_url(path))


def test_the_journal_waits_for_the_disk(tmp_path: Path) -> None:
    database, close = opened(sqlite_url(tmp_path / "arb.db"))
    assert database.execute_sql("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute_sql("PRAGMA synchronous").fetchone() == (2,)
    close()


@pytest.mark.parametrize(
    "given, standing, expected",
    [
        (None, [], "arb.db"),
        (None, ["arb.db"], "arb.db"),
        (None, ["arbitrage.db"], "arbitrage.db"),
        (None, ["arb.db", "arbitrage.db"], "arb.db"),
    ],
)
def test_the_data_folder_holds_one_database(
    given: str | None, standing: list[str], expected: str, tmp_path: Path
) -> None:
    for name in standing:
        (tmp_path / name).touch()
    assert resolve_url(given, tmp_path) == sqlite_url(tmp_path / expected)


def test_a_path_or_url_that_was_given_wins(tmp_path: Path) -> None:
    assert resolve_url("elsewhere/my.db", tmp_path) == "sqlite:///elsewhere/my.db"
    assert resolve_url("postgresql://keel@host/keel", tmp_path) == "postgresql://keel@host/keel"


@pytest.mark.parametrize("url", ["mysql://host/name", "sqlite://", "sqlite://host/x.db", "sqlite:///"])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="neither sqlite:///PATH nor postgresql://"):
        open_writer(url)


def test_a_postgresql_url_without_a_database_is_refused() -> None:
    with pytest.raises(StoreError, match="names no database"):
        open_writer("postgresql://keel@127.0.0.1")


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    with pytest.raises(StoreError) as refused:
        open_writer("postgresql://keel:s3cret@127.0.0.1:1/keel")
    assert "s3cret" not in str(refused.value)
    assert "postgresql://keel:***@127.0.0.1:1/keel" in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://keel:s3/cr@et@host/keel", "postgresql://host/keel?password=s3/cr@et"])
def test_a_password_that_should_have_been_escaped_is_not_shown(url: str) -> None:
    assert "s3" not in redacted(url)


def test_a_url_without_a_password_is_shown_as_it_is() -> None:
    assert redacted("postgresql://keel@host/keel") == "postgresql://keel@host/keel"
