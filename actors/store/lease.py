"""The right to write a database: one process has it, the database knows which, and whoever lost it cannot commit.

Two things make it. A lock says who may begin: on SQLite an exclusive lock on an empty database beside the real one, on
PostgreSQL an advisory lock of a session that does nothing else. Both end with their process, however it ends. An epoch
says who may go on: each holder writes the next one into the database, and every transaction of a writer asks whether
its own still stands there. So one that was cut off and did not notice changes nothing any more.

Why the lock is on the database and names the wallet only in words: a database has one journal, so one writer; and the
journal of a wallet that trades live is its alone. Two databases for one wallet: the lock of `bin.lock` is for that.
Why PostgreSQL's lock has a connection of its own, which is watched: a server that ends a session tells it at once, but
only to who listens; and a server that no longer answers may have given the lock to another.
Why a lease that was lost stays lost: another may have written since. A new start reads what.
"""
# peewee carries no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

import contextlib
import hashlib
import os
import select
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any, Final

import msgspec
from peewee import Database, PeeweeException, SqliteDatabase

from actors.store.tables import Fact
from actors.store.trouble import StoreBusy, StoreError

_KEY: Final = "lease"
_ADVISORY_LOCK: Final = int.from_bytes(hashlib.sha256(b"keel journal").digest()[:8], "big", signed=True)
_FILE_S: Final = 0.02
"""Two who take the file at the same moment stand in each other's way; one of them has it after a little while."""
_ASK_S: Final = 1.0
_SERVER_KNOWS_NS: Final = 20_000_000_000
_LEAVE_S: Final = 2.0
"""How long whoever leaves waits for a server that does not answer."""
_SILENT_NS: Final = 5_000_000_000


class Holder(msgspec.Struct, frozen=True):
    """Who writes, or wrote last: `epoch` rises with each."""

    epoch: int
    pid: int
    host: str

    def __str__(self) -> str:
        return f"PID {self.pid} on {self.host}"


class FileLock:
    """SQLite's: a lock that the system takes back when the process ends."""

    lost: str | None = None

    def __init__(self, database: Path) -> None:
        """Take it. Raises StoreBusy, or StoreError where there can be no lock."""
        try:
            self._file = sqlite3.connect(
                f"{database}-lease", timeout=_FILE_S, isolation_level=None, check_same_thread=False
            )
        except sqlite3.OperationalError as error:
            raise StoreError(f"no lock can be had beside {database}: {error}") from error
        try:
            self._file.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            self._file.close()
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise StoreBusy(f"another engine writes {database}") from error
            raise StoreError(f"no lock can be had beside {database}: {error}") from error

    def release(self) -> None:
        """Let others have it."""
        self._file.close()


class ServerLock:
    """PostgreSQL's: a lock of a session, which a thread of its own listens to."""

    def __init__(self, session: Database, shown: str, on_lost: Callable[[str], object]) -> None:
        """Take it with an open session that nothing else uses. Raises StoreBusy, or StoreError."""
        self._session = session
        self._on_lost = on_lost
        self._lost: str | None = None
        try:
            self._take(shown)
        except PeeweeException as error:
            raise StoreError(f"no lock can be had on {shown}: {error}") from error
        self._answered_ns = time.monotonic_ns()
        self._server: int = session.connection().fileno()
        self._end, self._ended = socket.socketpair()
        self._thread = Thread(target=self._listen, name="lease", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> str | None:
        """Why the lock may be another's by now; None while it is ours. Cheap enough to ask before every order."""
        if self._lost is not None:
            return self._lost
        silent_ns = time.monotonic_ns() - self._answered_ns
        return None if silent_ns < _SILENT_NS else f"the database has not answered for {silent_ns // 10**9} s"

    def release(self) -> None:
        """Let others have it."""
        self._end.close()
        self._thread.join(_LEAVE_S)
        if self._thread.is_alive():
            # The server does not answer; what the thread waits for is ended under it.
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._server)) as waited_for:
                waited_for.shutdown(socket.SHUT_RDWR)
            self._thread.join(_LEAVE_S)
        self._session.close()

    def _take(self, shown: str) -> None:
        """Take the lock; one of a process of this machine that has died is waited for, until its server knows of it."""
        until_ns = time.monotonic_ns() + _SERVER_KNOWS_NS
        while not self._session.execute_sql("SELECT pg_try_advisory_lock(%s)", (_ADVISORY_LOCK,)).fetchone()[0]:
            if not _has_died(self._session) or time.monotonic_ns() > until_ns:
                raise StoreBusy(f"another engine writes {shown}")
            time.sleep(0.1)

    def _listen(self) -> None:
        """Ask each second, and at once when the server says something unasked: it does so when it ends the session."""
        try:
            with self._ended:
                while self._ended not in select.select([self._ended, self._server], [], [], _ASK_S)[0]:
                    self._session.execute_sql("SELECT 1").fetchone()
                    self._answered_ns = time.monotonic_ns()
            # The server ends a session some time after its client has left; whoever opens at once must find it free.
            self._session.execute_sql("SELECT pg_advisory_unlock_all()")
        except (PeeweeException, OSError, ValueError) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            self._lost = f"the lock on the database is lost: {said}"
            self._on_lost(self._lost)


class Lease:
    """A lock with the epoch that goes with it. `lost`: why this process may not write on, None while it may."""

    def __init__(self, database: Database, lock: FileLock | ServerLock) -> None:
        """Write the next epoch, and who has it, into the database."""
        self._lock = lock
        self._lost: str | None = None
        with database.atomic():
            before = holder(database)
            self.epoch = 1 if before is None else before.epoch + 1
            self._value = msgspec.json.encode(Holder(self.epoch, os.getpid(), socket.gethostname())).decode()
            Fact.insert(key=_KEY, value=self._value).on_conflict(
                conflict_target=[Fact.key], update={Fact.value: self._value}
            ).execute(database)

    @property
    def lost(self) -> str | None:
        return self._lost or self._lock.lost

    def check(self, database: Database) -> None:
        """Make sure, inside a transaction, that this holder is the newest; none can come before it ends.

        Raises:
            StoreError: it is not.
        """
        if self.lost is not None:
            raise StoreError(self.lost, cause="lease_lost")
        is_file = isinstance(database, SqliteDatabase)
        question = "SELECT 1 FROM meta WHERE key = ? AND value = ?"
        if not is_file:
            question = question.replace("?", "%s") + " FOR SHARE"
        if database.execute_sql(question, (_KEY, self._value)).fetchone() is None:
            now = holder(database)
            self._lost = f"another engine has taken the database over: {now or 'nobody knows who'}"
            raise StoreError(self._lost, cause="lease_lost")

    def release(self) -> None:
        """Let others have it."""
        self._lock.release()


def holder(database: Database) -> Holder | None:
    """Return who writes a database, or wrote it last."""
    found: Any = Fact.select(Fact.value).where(Fact.key == _KEY).scalar(database)
    return None if found is None else msgspec.json.decode(found, type=Holder)


def _has_died(database: Database) -> bool:
    """Whether the last holder was a process of this machine that is no more."""
    try:
        last = holder(database)
        if last is None or last.host != socket.gethostname():
            return False
        os.kill(last.pid, 0)
    except ProcessLookupError:
        return True
    except (PeeweeException, OSError):
        return False
    return False
