"""Who may write, who may write on, and how one that may not any more finds out."""

import json
import os
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from threading import Timer
from typing import Any

import psycopg
import pytest

from actors.store import lease as leases
from actors.store.chain import verify
from actors.store.database import open_reader, open_writer, sqlite_url
from actors.store.lease import holder
from actors.store.rows import rows_of
from actors.store.trouble import StoreBusy, StoreError
from actors.store.writer import Writer
from research.prove.postgres import Proxy
from tests.bin.processes import until


def write(writer: Writer, *messages: Any) -> None:
    writer.write([row for one in messages for row in rows_of(one, writer.run, 0)], [(0, one) for one in messages])


def usurp(url: str) -> None:
    """Do what another engine does when it takes a database over."""
    set_holder(url, 1, "away")


def set_holder(url: str, pid: int, host: str) -> None:
    value = json.dumps({"epoch": 7, "pid": pid, "host": host}, separators=(",", ":"))
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other, other:
            other.execute("UPDATE meta SET value = ? WHERE key = 'lease'", (value,))
    else:
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE meta SET value = %s WHERE key = 'lease'", (value,))


def free(url: str) -> bool:
    try:
        open_writer(url).close()
    except StoreBusy:
        return False
    return True


@pytest.mark.proves("I24")
def test_every_holder_has_the_next_epoch_and_says_who_it_is(url: str) -> None:
    for epoch in (1, 2, 3):
        owned = open_writer(url)
        found = holder(owned.database)
        assert found is not None
        assert (found.epoch, found.pid, found.host) == (epoch, os.getpid(), socket.gethostname())
        assert owned.lease.lost is None
        owned.close()


def test_a_second_writer_is_told_who_the_first_is(url: str) -> None:
    owned = open_writer(url)
    with pytest.raises(StoreBusy, match=f"another engine writes .*: PID {os.getpid()} on {socket.gethostname()}"):
        open_writer(url)
    owned.close()


def test_a_lock_that_was_taken_before_anybody_was_written_down_is_still_a_lock(tmp_path: Path) -> None:
    lock = leases.FileLock(tmp_path / "arb.db")
    with pytest.raises(StoreBusy, match="nobody can say who"):
        open_writer(sqlite_url(tmp_path / "arb.db"))
    lock.release()


@pytest.mark.proves("I24")
def test_who_was_taken_over_commits_nothing_and_says_by_whom(url: str, make: Any) -> None:
    writer = Writer(url, 0)
    write(writer, make.submit(1))
    usurp(url)
    for _ in range(2):
        with pytest.raises(StoreError, match="another engine has taken the database over: PID 1 on away") as refused:
            write(writer, make.submit(2))
        assert refused.value.lasting
    with pytest.raises(StoreError, match="taken the database over"):
        writer.prune(0, 1)
    assert writer.lost == "another engine has taken the database over: PID 1 on away"
    writer.close()
    reader = open_reader(url)
    assert verify(reader).seq == 1
    reader.close()


def test_a_writer_does_not_go_on_where_another_was_meanwhile(url: str, make: Any) -> None:
    writer = Writer(url, 0)
    writer.close()
    writer.reopen()
    writer.close()
    Writer(url, 0).close()
    with pytest.raises(StoreError, match="another engine has had the database meanwhile"):
        writer.reopen()
    open_writer(url).close()


def test_a_folder_without_room_for_a_lock_is_said(tmp_path: Path) -> None:
    (tmp_path / "arb.db-lease").mkdir()
    with pytest.raises(StoreError, match="no lock can be had beside"):
        open_writer(sqlite_url(tmp_path / "arb.db"))


@pytest.mark.proves("I24")
def test_a_connection_that_is_cut_is_noticed_at_once_and_for_good(distant: str, proxy: Proxy, make: Any) -> None:
    told: list[str] = []
    writer = Writer(distant, 0)
    writer.on_lost = told.append
    assert writer.lost is None
    proxy.cut()
    until(lambda: told, "the loss is told", 5)
    assert told[0].startswith("the lock on the database is lost: ")
    assert writer.lost == told[0]
    proxy.mend()
    with pytest.raises(StoreError, match="to the database is lost") as refused:
        write(writer, make.submit(1))
    assert refused.value.cause == "cut_off"
    assert writer.lost == told[0]
    writer.close()
    until(lambda: free(distant), "the server has let go", 10)


def test_an_idle_server_that_ends_the_session_is_heard(postgres_url: str) -> None:
    told: list[str] = []
    owned = open_writer(postgres_url, told.append)
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )
    until(lambda: told, "the loss is told", 0.9)
    assert owned.lease.lost is not None
    owned.close()


def test_a_server_that_falls_silent_may_have_given_the_lock_away(
    distant: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_SILENT_NS", 1_500_000_000)
    monkeypatch.setattr(leases, "_LEAVE_S", 0.1)
    owned = open_writer(distant)
    proxy.silence()
    until(lambda: owned.lease.lost, "it is doubted", 10)
    assert owned.lease.lost == "the database has not answered for 1 s"
    proxy.speak()
    until(lambda: owned.lease.lost is None, "it is believed again", 10)
    proxy.silence()
    owned.database.close()
    owned.close()


def test_a_server_that_does_not_know_yet_that_the_holder_died_is_waited_for(postgres_url: str) -> None:
    owned = open_writer(postgres_url)
    gone = subprocess.Popen(["true"])
    gone.wait()
    set_holder(postgres_url, gone.pid, socket.gethostname())
    owned.database.close()
    Timer(0.5, owned.lease.release).start()
    open_writer(postgres_url).close()


def test_one_that_lost_the_lock_but_not_the_connection_is_fenced_off(postgres_url: str, make: Any) -> None:
    first = Writer(postgres_url, 0)
    write(first, make.submit(1))
    with psycopg.connect(postgres_url) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    until(lambda: first.lost, "it knows", 5)
    second = Writer(postgres_url, 0)
    with pytest.raises(StoreError, match="lost"):
        write(first, make.submit(2))
    with pytest.MonkeyPatch.context() as unaware:
        unaware.setattr(leases.ServerLock, "lost", None)
        with pytest.raises(StoreError, match="another engine has taken the database over"):
            write(first, make.submit(2))
    write(second, make.submit(3))
    assert verify(second.database).seq == 2
    first.close()
    second.close()
