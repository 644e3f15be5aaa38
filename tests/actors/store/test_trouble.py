"""Storage in real trouble: no order leaves, cancels are kept in a file, the cause is named, and its end is said."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from peewee import OperationalError, PeeweeException

from actors.store.chain import verify
from actors.store.database import open_reader, open_writer, sqlite_url
from actors.store.emergency import EmergencyFile
from actors.store.journal import JournalActor
from actors.store.trouble import StoreError, trouble
from models.messages.orders import OrderNotJournalled, SubmitCancel
from models.storage import JournalParameters
from research.prove.postgres import Proxy
from tests.actors.store import ailing
from tests.actors.store.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(sqlite_url(tmp_path / "arb.db"), tmp_path, JournalParameters())
    yield desk
    desk.stop()


def suffers(desk: Desk, make: Any, trouble: AbstractContextManager[None], said: str) -> None:
    """See that in this trouble nothing leaves, that it is told what it is, and that a cancel is recorded."""
    desk.tell(make.submit(1))
    assert desk.venue == [make.submit(1)]
    cancel = SubmitCancel(make.submit(1).order_id, "0xab", "quote")
    with trouble:
        desk.order_of_events.clear()
        desk.tell(cancel, make.submit(2))
        assert desk.venue == [make.submit(1)]
        assert desk.order_of_events == ["gate", "executor"], "closed before anybody is told"
        [refused] = desk.executor
        assert isinstance(refused, OrderNotJournalled)
        assert (refused.order_id, said in refused.reason) == (make.submit(2).order_id, True), refused.reason
        assert said in desk.closed[0]
        assert desk.emergency.exists()
        assert cancel.order_id in desk.emergency.read_text()
        desk.tell(make.submit(3))
        desk.wait(2.5)
        assert desk.venue == [make.submit(1)]
        assert len(desk.closed) == 1, "said once"


def is_over(desk: Desk, make: Any) -> None:
    """See that the gate opens by itself, and that nothing that counts was lost."""
    assert "it is tried again" in desk.closed[0]
    desk.order_of_events.clear()
    desk.wait(2.5)
    assert desk.order_of_events == ["open"]
    assert desk.given_up == []
    desk.tell(make.submit(4))
    assert desk.venue == [make.submit(1), make.submit(4)]
    assert verify(desk.writer.database).seq == 3
    errors = desk.writer.database.execute_sql("SELECT actor, kind, text FROM errors").fetchall()
    assert [(actor, kind) for actor, kind, _ in errors] == [("journal", "storage")]


def lasts(desk: Desk, make: Any) -> None:
    """See that the gate stays closed whatever the database says later, and that a restart is asked for."""
    assert "restart the engine" in desk.closed[0]
    assert desk.given_up == desk.closed
    desk.order_of_events.clear()
    desk.wait(5)
    assert "open" not in desk.order_of_events


@pytest.mark.proves("I30")
def test_another_program_that_holds_the_database_for_a_second(desk: Desk, tmp_path: Path, make: Any) -> None:
    suffers(desk, make, ailing.locked(tmp_path / "arb.db"), "the database is locked: another program has held it")
    is_over(desk, make)


def test_a_database_that_may_not_grow(desk: Desk, make: Any) -> None:
    pages = desk.writer.database.execute_sql("PRAGMA page_count").fetchone()[0]
    desk.writer.database.execute_sql(f"PRAGMA max_page_count = {pages}")
    filler = make.fill(9, trade="t" * 5_000)
    desk.tell(filler)
    assert "there is no room left for the database" in desk.closed[0]
    desk.tell(make.submit(2))
    assert desk.venue == []
    desk.writer.database.execute_sql("PRAGMA max_page_count = 1000000")
    desk.wait(2.5)
    assert desk.order_of_events[-1] == "open"
    assert verify(desk.writer.database).seq == 1


@pytest.mark.proves("I30")
def test_a_full_disk(tmp_path: Path, make: Any) -> None:
    disk = tmp_path / "disk"
    with ailing.small_disk(disk, "8m"):
        desk = Desk(sqlite_url(disk / "arb.db"), disk, JournalParameters())
        for number in range(100, 140):
            desk.tell(make.submit(number))
        desk.venue.clear()
        desk.tell(make.submit(1))
        assert desk.venue == [make.submit(1)]
        with ailing.filled_up(disk):
            for number in range(200, 900):
                desk.tell(make.submit(number), SubmitCancel(f"0x{number}", "0xab", "quote"))
                if desk.closed:
                    break
            assert "there is no room left for the database" in desk.closed[0]
            assert desk.venue == [make.submit(1)]
            assert "SubmitCancel" in desk.emergency.read_text(), "the room that was kept for it is used"
            desk.wait(5)
            assert "open" not in desk.order_of_events, "what was kept free is no room to trade on"
        desk.wait(2.5)
        assert desk.order_of_events[-1] == "open"
        verify(desk.writer.database)
        desk.stop()


@pytest.mark.proves("I30")
def test_a_disk_that_has_become_read_only(desk: Desk, tmp_path: Path, make: Any) -> None:
    suffers(desk, make, ailing.read_only(tmp_path / "arb.db"), "its disk, folder or file is read-only")
    is_over(desk, make)


def test_a_disk_that_fails_to_write(desk: Desk, tmp_path: Path, make: Any) -> None:
    suffers(desk, make, ailing.no_longer(tmp_path / "arb.db"), "the disk failed to read or write the database")
    lasts(desk, make)
    assert verify(desk.writer.database).seq >= 1


@pytest.mark.proves("I30")
def test_torn_pages(desk: Desk, tmp_path: Path, make: Any) -> None:
    desk.tell(make.submit(100))
    desk.venue.clear()
    desk.writer.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def tear() -> None:
        desk.writer.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        ailing.torn(tmp_path / "arb.db")
        desk.writer.database.execute_sql("PRAGMA shrink_memory")

    desk.tell(make.submit(1))
    tear()
    desk.tell(SubmitCancel("0x1", "0xab", "quote"), make.submit(2))
    assert desk.venue == [make.submit(1)]
    assert "the database is damaged" in desk.closed[0]
    assert "SubmitCancel" in desk.emergency.read_text()
    lasts(desk, make)
    desk.stop()
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        open_writer(sqlite_url(tmp_path / "arb.db"))


def test_a_connection_that_is_cut(distant: str, proxy: Proxy, tmp_path: Path, make: Any) -> None:
    desk = Desk(distant, tmp_path, JournalParameters())
    desk.tell(make.submit(1))
    proxy.cut()
    desk.venue.clear()
    desk.tell(SubmitCancel("0x1", "0xab", "quote"), make.submit(2))
    assert desk.venue == []
    assert "the connection to the database is lost" in desk.closed[0]
    assert "SubmitCancel" in desk.emergency.read_text()
    proxy.mend()
    lasts(desk, make)
    desk.stop()


def test_more_than_can_be_kept_asks_for_a_restart(tmp_path: Path, make: Any) -> None:
    desk = Desk(sqlite_url(tmp_path / "arb.db"), tmp_path, JournalParameters(kept_while_refused=2))
    with ailing.locked(tmp_path / "arb.db"):
        desk.tell(*[make.fill(number) for number in range(3)])
    assert [("more came than could be kept" in reason) for reason in desk.closed] == [False, True]
    assert desk.given_up == desk.closed[1:]
    desk.wait(3)
    assert "open" not in desk.order_of_events
    desk.stop()


def test_a_disk_that_takes_nothing_at_all_keeps_nobody_from_going_on(desk: Desk, tmp_path: Path, make: Any) -> None:
    desk.emergency.mkdir()
    with ailing.locked(tmp_path / "arb.db"):
        desk.tell(make.fill(1))
    desk.wait(3)
    actor = desk.mailbox.owner
    assert isinstance(actor, JournalActor)
    assert actor.written["FillCounted"] == 1


def test_an_emergency_file_is_made_when_it_is_needed(tmp_path: Path) -> None:
    file = EmergencyFile(tmp_path / "emergency.jsonl")
    file.make_ready()
    file.make_ready()
    assert [one.name for one in tmp_path.iterdir()] == ["emergency.jsonl.reserve"]
    assert file.write([b"a\n", b"b\n"])
    assert file.write([b"c\n"])
    assert (tmp_path / "emergency.jsonl").read_bytes() == b"a\nb\nc\n"
    assert not EmergencyFile(tmp_path / "nowhere" / "emergency.jsonl").write([b"a\n"])


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (psycopg.errors.DiskFull, "full"),
        (psycopg.errors.LockNotAvailable, "locked"),
        (psycopg.errors.AdminShutdown, "cut_off"),
        (psycopg.errors.ReadOnlySqlTransaction, "read_only"),
        (psycopg.errors.IoError, "io_error"),
        (psycopg.errors.IndexCorrupted, "damaged"),
        (psycopg.errors.UndefinedTable, "refused"),
        (psycopg.OperationalError, "cut_off"),
        (psycopg.DataError, "refused"),
    ],
)
def test_what_a_server_says_has_a_cause(error: type[Exception], cause: str) -> None:
    raised = error("it said\nso")
    assert trouble(OperationalError(raised, "it said"), None).cause == cause
    assert str(trouble(OperationalError(raised, "it said"), None)).endswith("(it said so)")


def test_an_error_of_peewee_itself_is_a_refusal(tmp_path: Path) -> None:
    assert trouble(PeeweeException(), tmp_path / "arb.db").cause == "refused"
    assert str(trouble(PeeweeException(), None)) == "the database took nothing (PeeweeException)"


def test_what_was_committed_before_the_trouble_is_there_after_it(desk: Desk, tmp_path: Path, make: Any) -> None:
    suffers(desk, make, ailing.no_longer(tmp_path / "arb.db"), "disk")
    desk.stop()
    reader = open_reader(sqlite_url(tmp_path / "arb.db"))
    assert verify(reader).seq >= 1
    assert reader.execute_sql("PRAGMA integrity_check").fetchone() == ("ok",)
    reader.close()
