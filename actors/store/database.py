"""Opening the database: one process writes, any number read, on SQLite or PostgreSQL.

Why a lease of its own: the lock on the data folder does not cover a database that lies elsewhere (`DB_PATH`, a server).
On PostgreSQL the lease is a session's advisory lock; on SQLite an exclusive lock on an empty database beside the real
one. Both end with the process, however it ends. A lost connection is never made again in silence: whoever reconnects
has to ask for the lease again.

Why `synchronous=FULL`: an order leaves only after its row is on the disk, not merely with the kernel.
Why `BEGIN IMMEDIATE`: a transaction that reads before it writes can otherwise fail at once, whatever its timeout.
"""
# peewee carries no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote, urlparse

from peewee import Database, ImproperlyConfigured, PeeweeException, PostgresqlDatabase, SqliteDatabase
from playhouse.db_url import parse
from playhouse.migrations import Runner

BUSY_SECONDS: Final = 1.0
"""How long a writer waits for a lock before the storage counts as failed."""

DEFAULT_FILE: Final = "arb.db"
ALIAS_FILE: Final = "arbitrage.db"

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_ADVISORY_LOCK: Final = int.from_bytes(hashlib.sha256(b"keel journal").digest()[:8], "big", signed=True)


class StoreError(Exception):
    """The database cannot be used; the text says which and why, without a password."""


class StoreBusy(StoreError):
    """Another process writes this database."""


def resolve_url(database: str | None, data_dir: Path) -> str:
    """Return the URL for what a person gave (`--db`, DB_PATH): a URL, a path, or nothing for the data folder's own.

    An `arbitrage.db` that is already there is used; it is never made beside an `arb.db`.
    """
    if database is None:
        alias, default = data_dir / ALIAS_FILE, data_dir / DEFAULT_FILE
        return sqlite_url(alias if alias.exists() and not default.exists() else default)
    return database if "://" in database else sqlite_url(Path(database))


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{quote(str(path))}"


def redacted(url: str) -> str:
    """Return a URL that may be shown: without its password."""
    password = urlparse(url).password
    return url if password is None else url.replace(f":{password}@", ":***@", 1)


def open_writer(url: str) -> tuple[Database, Callable[[], None]]:
    """Open the database for its one writer and bring its tables up to date. Call what comes with it to close both.

    The connection may be handed to another thread, but never be used by two at once.

    Raises:
        StoreBusy: another process has it.
        StoreError: it cannot be opened, is damaged, or is newer than this version.
    """
    sqlite = _sqlite_path(url)
    if sqlite is None:
        database, release = _postgres(url), lambda: None
    else:
        sqlite.parent.mkdir(parents=True, exist_ok=True)
        release = _lease_file(sqlite)
        database = SqliteDatabase(
            str(sqlite),
            pragmas={"journal_mode": "wal", "synchronous": "full"},
            lock_type="IMMEDIATE",
            timeout=BUSY_SECONDS,
            check_same_thread=False,
            autoconnect=False,
            thread_safe=False,
        )

    def close() -> None:
        if sqlite is None and not database.is_closed():
            # The server ends a session some time after its client has left; whoever opens at once must find it free.
            with contextlib.suppress(PeeweeException):
                database.execute_sql("SELECT pg_advisory_unlock_all()")
        database.close()
        release()

    try:
        database.connect()
        _claim(database, url)
        migrate(database)
    except StoreError:
        close()
        raise
    except PeeweeException as error:
        close()
        raise StoreError(f"cannot open {redacted(url)}: {_reason(error)}") from error
    return database, close


def open_reader(url: str) -> Database:
    """Open the database for reading only.

    Raises:
        StoreError: there is no such database, or it cannot be read.
    """
    sqlite = _sqlite_path(url)
    if sqlite is None:
        database = _postgres(url, "-c default_transaction_read_only=on")
    elif sqlite.exists():
        source = f"file:{quote(str(sqlite))}?mode=ro"
        database = SqliteDatabase(source, uri=True, timeout=BUSY_SECONDS, autoconnect=False, thread_safe=False)
    else:
        raise StoreError(f"there is no database {sqlite}")
    try:
        database.connect()
    except PeeweeException as error:
        raise StoreError(f"cannot read {redacted(url)}: {_reason(error)}") from error
    return database


class Examined(NamedTuple):
    """What there is at a URL: whether anything, and the migrations that the next writer applies."""

    exists: bool
    pending: tuple[str, ...] = ()


def examine(url: str) -> Examined:
    """Look at a database without changing it.

    Raises:
        StoreError: it cannot be read, is damaged, or is newer than this version.
    """
    sqlite = _sqlite_path(url)
    if sqlite is not None and not sqlite.exists():
        return Examined(exists=False)
    database = open_reader(url)
    try:
        if sqlite is not None:
            _quick_check(database, url)
        return Examined(True, tuple(str(one.name) for one in _migrations(database) if not one.applied))
    except PeeweeException as error:
        raise StoreError(f"cannot read {redacted(url)}: {_reason(error)}") from error
    finally:
        database.close()


def migrate(database: Database) -> tuple[str, ...]:
    """Apply the migrations that are missing and return their names.

    Raises:
        StoreError: the database knows migrations that this version does not.
    """
    _migrations(database)
    return tuple(Runner(database, str(_MIGRATIONS)).up())


def checkpoint(database: Database) -> None:
    """Fold SQLite's write-ahead log into the database file, so that the file alone is whole."""
    if isinstance(database, SqliteDatabase):
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _sqlite_path(url: str) -> Path | None:
    """Return the file of a `sqlite:///` URL, None for a PostgreSQL one."""
    parts = urlparse(url)
    if parts.scheme in ("postgresql", "postgres"):
        return None
    if parts.scheme != "sqlite" or parts.netloc or len(parts.path) < 2:
        raise StoreError(f"{redacted(url)} is neither sqlite:///PATH nor postgresql://USER@HOST/NAME")
    return Path(unquote(parts.path[1:]))


def _postgres(url: str, options: str = "") -> PostgresqlDatabase:
    found: dict[str, Any] = parse(url, unquote_password=True, unquote_user=True)
    if not found["database"]:
        raise StoreError(f"{redacted(url)} names no database: postgresql://USER@HOST/NAME")
    settings = f"-c synchronous_commit=on -c lock_timeout={int(BUSY_SECONDS * 1000)} {options}".strip()
    try:
        return PostgresqlDatabase(
            **found,
            connect_timeout=5,
            tcp_user_timeout=5_000,
            options=settings,
            prefer_psycopg3=True,
            autoconnect=False,
            thread_safe=False,
        )
    except ImproperlyConfigured as error:
        raise StoreError("PostgreSQL needs its driver: pip install 'keel[postgres]'") from error


def _lease_file(path: Path) -> Callable[[], None]:
    lease = sqlite3.connect(f"{path}-lease", timeout=0, isolation_level=None, check_same_thread=False)
    try:
        lease.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lease.close()
        raise StoreBusy(f"another engine writes {path}") from error
    return lease.close


def _migrations(database: Database) -> list[Any]:
    """Return all migrations, each with when it was applied. Raises StoreError where the database knows others."""
    found: list[Any] = Runner(database, str(_MIGRATIONS)).status()
    unknown = [str(migration.name) for migration in found if migration.path is None]
    if unknown:
        raise StoreError(f"the database is newer than this version of Keel: it has {', '.join(unknown)}")
    return found


def _quick_check(database: Database, url: str) -> None:
    found = database.execute_sql("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreError(f"{redacted(url)} is damaged: {found}")


def _claim(database: Database, url: str) -> None:
    """Check a SQLite file for damage; take PostgreSQL's lock, which this session then holds."""
    if isinstance(database, SqliteDatabase):
        _quick_check(database, url)
    elif not database.execute_sql("SELECT pg_try_advisory_lock(%s)", (_ADVISORY_LOCK,)).fetchone()[0]:
        raise StoreBusy(f"another engine writes {redacted(url)}")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
