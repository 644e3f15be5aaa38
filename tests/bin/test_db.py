"""`keel db`: what it says of a database, what it does to one, and what it refuses while an engine runs."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actors.store import database as databases
from actors.store.database import open_writer, sqlite_url
from actors.store.heads import FILE, Heads
from actors.store.queries import Reader
from actors.store.rows import KILL, rows_of
from actors.store.trouble import StoreError
from actors.store.writer import Writer
from bin.lock import only_engine, only_writer
from models.messages.control import CommandApplied
from models.messages.orders import FillCounted
from surfaces.cli.app import run
from surfaces.cli.errors import CommandError, Exit
from tests.actors.store.conftest import Make

DAY_NS = 86_400_000_000_000


def write(writer: Writer, *messages: Any) -> None:
    writer.write([row for one in messages for row in rows_of(one, writer.run, 0)], [(0, one) for one in messages])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a journal of six orders and four fills."""
    make = Make()
    writer = Writer(sqlite_url(tmp_path / "arb.db"), 0, "0xwallet", Heads(tmp_path))
    write(writer, *[make.submit(number) for number in range(6)], *[make.fill(number) for number in range(4)])
    writer.close()
    return tmp_path


@pytest.fixture
def keel(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Run a command in the folder; returns its exit code and its document."""

    def command(*words: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = run(["db", *words, "--data-dir", str(folder), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return command


Keel = Callable[..., tuple[int, dict[str, Any]]]


def sql(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "arb.db")) as database, database:
        database.execute(statement)


def test_status_says_what_there_is_and_who_wrote_it(keel: Keel) -> None:
    code, said = keel("status")
    assert (code, said["entries"], said["account"], said["pending"]) == (0, 10, "0xwallet", [])
    assert said["writer"]["epoch"] == 1
    assert {"table": "orders", "rows": 6} in said["tables"]


def test_where_there_is_no_database_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "status", "--data-dir", str(tmp_path / "none")]) == Exit.NOT_FOUND
    assert "there is no database" in capsys.readouterr().err
    assert run(["db", "verify", "--data-dir", str(tmp_path / "none")]) == Exit.CONFIGURATION
    assert run(["db", "backup", "--data-dir", str(tmp_path / "none")]) == Exit.CONFIGURATION
    assert not (tmp_path / "none" / "arb.db").exists()


@pytest.mark.proves("I29")
def test_a_whole_journal_verifies_and_names_where_it_was_seen_to_end(keel: Keel, folder: Path) -> None:
    assert keel("verify") == (
        0,
        {
            "schema": "keel.db_verify/1", "database": sqlite_url(folder / "arb.db"), "whole": True, "entries": 10,
            "kept": 10,
        },
    )  # fmt: skip
    (folder / FILE).unlink()
    assert keel("verify")[1]["kept"] is None


@pytest.mark.proves("I29")
@pytest.mark.parametrize(
    ("vandalism", "entry", "said"),
    [
        ("UPDATE journal SET body = replace(body, '4800', '4801') WHERE seq = 3", 3, "is not what was written"),
        ("DELETE FROM journal WHERE seq = 5", 5, "entry 5 is missing"),
        ("DELETE FROM journal WHERE seq > 7", None, "it ends at entry 7, and there were 10"),
    ],
)
def test_what_was_done_to_a_journal_is_named_and_exits_with_9(
    vandalism: str, entry: int | None, said: str, keel: Keel, folder: Path
) -> None:
    sql(folder, vandalism)
    code, document = keel("verify")
    assert (code, document["whole"], document["entry"]) == (Exit.UNHEALTHY, False, entry)
    assert said in document["problem"]
    assert "keel db recover" in document["fix"]


def test_torn_pages_are_a_finding_too(keel: Keel, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "arb.db").open("r+b") as pages:
        pages.seek(8_192)
        pages.write(b"\xff" * 8_192)
    code, document = keel("verify")
    assert (code, document["entry"]) == (Exit.UNHEALTHY, None)
    assert "damaged" in document["problem"]
    assert run(["db", "verify", "--data-dir", str(folder)]) == Exit.UNHEALTHY
    assert "damaged" in capsys.readouterr().out


def test_a_backup_is_taken_beside_a_writer_and_is_whole(keel: Keel, folder: Path) -> None:
    writer = Writer(sqlite_url(folder / "arb.db"), 0, "0xwallet")
    write(writer, Make().submit(7))
    code, said = keel("backup")
    writer.close()
    copy = Path(said["file"])
    assert (code, copy.parent, copy.name[:11]) == (0, folder / "backups", "arb_backup_")
    with Reader(sqlite_url(copy)) as reader:
        assert reader.verify() == 11
        assert reader.counts()["orders"] == 7
    assert [one.name for one in copy.parent.iterdir()] == [copy.name], "nothing half is left"


def test_a_damaged_database_has_no_backup(keel: Keel, folder: Path) -> None:
    sql(folder, "UPDATE journal SET digest = 'x' WHERE seq = 2")
    code, said = keel("backup", str(folder / "elsewhere"))
    assert code == Exit.CONFIGURATION
    assert "entry 2" in said["error"]["message"]
    assert list((folder / "elsewhere").iterdir()) == []


def older(folder: Path, migrations: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this version be one that has a migration more than the database."""
    shutil.copytree(databases._MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    text = "def up(migrator, database):\n    database.execute_sql('CREATE TABLE later (a INTEGER)')\n"
    (migrations / "0900_later.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(databases, "_MIGRATIONS", migrations)


def test_older_tables_are_brought_up_to_date_behind_a_copy(
    keel: Keel, folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(folder, tmp_path_factory.mktemp("m") / "migrations", monkeypatch)
    assert keel("status")[1]["pending"] == ["0900_later"]
    with pytest.raises(StoreError, match=r"older than this version of Keel: it lacks 0900_later") as refused:
        open_writer(sqlite_url(folder / "arb.db"))
    assert "keel db migrate" in refused.value.fix
    assert keel("migrate", "--dry-run")[1] == {
        "schema": "keel.db_migrate/1", "pending": ["0900_later"], "dry_run": True, "backup": None,
    }  # fmt: skip
    code, said = keel("migrate")
    assert code == 0
    with closing(sqlite3.connect(said["backup"])) as copy:
        assert copy.execute("SELECT COUNT(*) FROM journal").fetchone() == (10,)
        with pytest.raises(sqlite3.OperationalError):
            copy.execute("SELECT * FROM later")
    assert keel("status")[1]["pending"] == []
    assert keel("migrate")[1]["backup"] is None, "nothing to do"


def test_an_engine_brings_older_tables_up_to_date_behind_a_copy(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(folder, tmp_path_factory.mktemp("m") / "migrations", monkeypatch)
    with only_writer(sqlite_url(folder / "arb.db"), folder, "0xwallet") as writer:
        assert "later" in writer.database.get_tables()
    assert not writer.is_open
    assert len(list((folder / "backups").glob("arb_backup_*.db"))) == 1


def test_a_writer_that_the_engine_has_closed_is_let_go(folder: Path) -> None:
    with only_writer(sqlite_url(folder / "arb.db"), folder, "0xwallet") as writer:
        writer.close()


def test_a_second_writer_exits_with_73_and_names_the_first(folder: Path) -> None:
    url = sqlite_url(folder / "arb.db")
    with only_writer(url, folder, "0xwallet"):
        again = only_writer(url, folder, "0xwallet")
        with pytest.raises(CommandError, match=r"another engine writes .*: PID \d+ on ") as refused, again:
            pass
    assert refused.value.exit_code == Exit.LOCKED


@pytest.mark.parametrize("words", [("migrate",), ("reset", "--yes"), ("recover", "--yes")])
def test_what_changes_a_database_is_refused_while_an_engine_runs(
    words: tuple[str, ...], keel: Keel, folder: Path
) -> None:
    with only_engine(folder):
        code, said = keel(*words)
    assert (code, said["error"]["code"]) == (Exit.LOCKED, "locked")


def test_a_reset_empties_what_people_read_and_counts_profits_anew(keel: Keel, folder: Path) -> None:
    url = sqlite_url(folder / "arb.db")
    assert keel("reset", "--tables", "orders")[0] == Exit.USAGE
    code, said = keel("reset")
    assert (code, said["error"]["code"]) == (Exit.REFUSED, "confirmation_required")
    code, said = keel("reset", "--dry-run")
    assert (code, said["backup"]) == (0, None)
    with Reader(url) as reader:
        assert [profit.fills for profit in reader.profits()] == [4]
    code, said = keel("reset", "--tables", "events, decisions", "--yes")
    assert (code, said["tables"]) == (
        0,
        [{"table": "events", "before": 4, "after": 0}, {"table": "decisions", "before": 0, "after": 0}],
    )
    assert Path(said["backup"]).exists()
    with Reader(url) as reader:
        assert reader.profits() == []
        assert (reader.verify(), reader.counts()["fills"]) == (10, 4)
        since_ns = reader.reset_ns
    writer = Writer(url, 0, "0xwallet")
    later: FillCounted = Make().fill(9, at_ns=since_ns + DAY_NS)
    write(writer, later)
    writer.close()
    with Reader(url) as reader:
        assert [profit.fills for profit in reader.profits()] == [1]


@pytest.mark.proves("I27")
def test_a_database_that_was_cut_is_set_aside_and_a_new_journal_begins_with_the_kill_that_it_held(
    keel: Keel, folder: Path
) -> None:
    url = sqlite_url(folder / "arb.db")
    writer = Writer(url, 0, "0xwallet", Heads(folder))
    write(writer, CommandApplied("r1", "kill", None, True, None, 5))
    writer.close()
    sql(folder, "DELETE FROM journal WHERE seq > 7")
    with pytest.raises(StoreError, match="older than its journal was"):
        Writer(url, 0, "0xwallet", Heads(folder))
    assert keel("recover", "--dry-run")[1]["set_aside"] is None
    assert keel("recover")[0] == Exit.REFUSED
    code, said = keel("recover", "--yes")
    aside = Path(said["set_aside"])
    assert (code, aside.parent, aside.name[:14]) == (0, folder, "arb_set_aside_")
    with Reader(sqlite_url(aside)) as reader:
        assert reader.verify() == 7
    writer = Writer(url, 0, "0xwallet", Heads(folder))
    assert writer.killed() is not None
    assert dict(writer.database.execute_sql("SELECT key, value FROM meta").fetchall())[KILL] is not None
    writer.close()


def test_what_was_deleted_is_recovered_from_too(keel: Keel, folder: Path) -> None:
    (folder / "arb.db").unlink()
    with pytest.raises(StoreError, match="it ends at entry 0, and there were 10"):
        Writer(sqlite_url(folder / "arb.db"), 0, "0xwallet", Heads(folder))
    (folder / "arb.db").unlink()
    assert keel("recover", "--yes") == (
        0, {"schema": "keel.db_recover/1", "dry_run": False, "set_aside": None},
    )  # fmt: skip
    Writer(sqlite_url(folder / "arb.db"), 0, "0xwallet", Heads(folder)).close()


def test_a_garbled_database_is_set_aside_whatever_it_says(keel: Keel, folder: Path) -> None:
    (folder / "arb.db").write_bytes(b"this is no database" * 1_000)
    assert keel("recover", "--yes")[0] == 0
    Writer(sqlite_url(folder / "arb.db"), 0, "0xwallet", Heads(folder)).close()


def test_a_database_on_a_server_is_not_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["db", "recover", "--yes", "--db", "postgresql://keel@127.0.0.1:1/keel", "--data-dir", str(tmp_path)]
    assert run(command) == Exit.CONFIGURATION
    assert "createdb" in capsys.readouterr().err


def test_a_configuration_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("nonsense: 1\n", encoding="utf-8")
    assert run(["db", "status"]) == Exit.CONFIGURATION
    assert "nonsense" in capsys.readouterr().err


def test_people_are_told_in_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["status"], "10 entries in the journal"),
        (["verify"], "all 10 entries hold, where the journal was seen to end: 10"),
        (["backup"], "bytes, whole"),
        (["migrate"], "nothing to do"),
        (["reset", "--yes"], "the database as it was: "),
        (["recover", "--yes"], "set aside as "),
        (["status"], "no wallet trades live on it"),
    ):
        assert run(["db", *words, "--data-dir", str(folder)]) == 0
        assert said in capsys.readouterr().out
