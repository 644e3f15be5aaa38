"""Opening the database: one process writes, any number read, on SQLite or PostgreSQL.

Why a lease of its own (`actors.store.lease`): the lock on the data folder does not cover a database that lies elsewhere
(`DB_PATH`, a server). A lost connection is never made again in silence: whoever reconnects has to ask for it again.

Why `synchronous=FULL`: an order leaves only after its row is on the disk, not merely with the kernel.
Why `BEGIN IMMEDIATE`: a transaction that reads before it writes can otherwise fail at once, whatever its timeout.
Why tables are never changed without a copy: a migration that turns out wrong has no way back.
"""
# peewee carries no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import ParseResult, quote, unquote, urlparse

from peewee import Database, PeeweeException, PostgresqlDatabase, SqliteDatabase
from playhouse.db_url import parse
from playhouse.migrations import Runner

from actors.store.lease import FileLock, Lease, ServerLock, holder
from actors.store.trouble import StoreBusy, StoreError
from models.text import concealed

BUSY_SECONDS: Final = 1.0
"""How long a writer waits for a lock before the storage counts as failed."""

DEFAULT_FILE: Final = "arb.db"
ALIAS_FILE: Final = "arbitrage.db"

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


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


def sqlite_file(url: str) -> Path | None:
    """Return the file of a `sqlite:///` URL, None for a PostgreSQL one. Raises StoreError for any other."""
    parts = _parts(url)
    if parts.scheme in ("postgresql", "postgres"):
        return None
    if parts.scheme != "sqlite" or parts.netloc or len(parts.path) < 2:
        raise StoreError(f"{redacted(url)} is neither sqlite:///PATH nor postgresql://USER@HOST/NAME")
    return Path(unquote(parts.path[1:]))


def redacted(url: str) -> str:
    """Return a URL that may be shown: without its passwords. Raises StoreError where it is none."""
    _parts(url)
    return concealed(url)


def _parts(url: str) -> ParseResult:
    try:
        return urlparse(url)
    except ValueError:  # which may quote the part with the password
        raise StoreError("the URL of the database is none: its host cannot be read") from None


class Owned(NamedTuple):
    """The database as its one writer has it."""

    database: Database
    lease: Lease

    def close(self) -> None:
        """Close the connection and give up the lease."""
        self.database.close()
        self.lease.release()


def open_writer(url: str, on_lost: Callable[[str], object] = lambda _: None, *, copied: bool = False) -> Owned:
    """Open the database for its one writer and bring its tables up to date.

    The connection may be handed to another thread, but never be used by two at once. `on_lost` is called, by a thread
    of the lease's own, when it is lost. `copied`: a copy has been made, so that its tables may be changed.

    Raises:
        StoreBusy: another process has it; the text says which.
        StoreError: it cannot be opened, is damaged, is newer than this version, or older and without a copy.
    """
    file = sqlite_file(url)
    lock: FileLock | ServerLock | None = None
    database: Database | None = None
    try:
        if file is None:
            session = _connected(_postgres(url), url)
            try:
                lock = ServerLock(session, redacted(url), on_lost)
            except StoreError:
                session.close()
                raise
            database = _postgres(url)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(file)
            database = _sqlite(file)
        _connected(database, url)
        if file is not None:
            _quick_check(database, url)
        _update(database, url, copied=copied)
        return Owned(database, Lease(database, lock))
    except BaseException as error:
        if database is not None:
            database.close()
        if lock is not None:
            lock.release()
        if isinstance(error, StoreBusy):
            raise StoreBusy(f"{error}: {_who_writes(url)}") from error
        if isinstance(error, PeeweeException | OSError):
            raise StoreError(f"cannot open {redacted(url)}: {_reason(error)}") from error
        raise


def open_reader(url: str) -> Database:
    """Open the database for reading only.

    Raises:
        StoreError: there is no such database, or it cannot be read.
    """
    sqlite = sqlite_file(url)
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
    sqlite = sqlite_file(url)
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


def is_behind(url: str) -> bool:
    """Whether there is a database whose tables are older than this version. Raises StoreError as `examine`."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        return False
    database = open_reader(url)
    try:
        applied = [one.applied for one in _migrations(database)]
    except PeeweeException as error:
        raise StoreError(f"cannot read {redacted(url)}: {_reason(error)}") from error
    finally:
        database.close()
    return any(applied) and not all(applied)


def _update(database: Database, url: str, *, copied: bool) -> None:
    """Apply the migrations that are missing; not to tables that hold something of which there is no copy."""
    found = _migrations(database)
    pending = [str(one.name) for one in found if not one.applied]
    if pending and len(pending) < len(found) and not copied:
        text = f"the tables of {redacted(url)} are older than this version of Keel: it lacks {', '.join(pending)}"
        raise StoreError(text, fix="keel db migrate copies the database and then brings its tables up to date")
    migrate(database)


def migrate(database: Database) -> tuple[str, ...]:
    """Apply the migrations that are missing and return their names.

    Raises:
        StoreError: the database knows migrations that this version does not.
    """
    _migrations(database)
    return tuple(Runner(database, str(_MIGRATIONS)).up())


def unharmed(url: str) -> None:
    """Have SQLite look whether its pages are whole; PostgreSQL looks after its own.

    Raises:
        StoreError: they are not.
    """
    if sqlite_file(url) is None:
        return
    database = open_reader(url)
    try:
        _quick_check(database, url)
    except PeeweeException as error:
        raise StoreError(f"cannot read {redacted(url)}: {_reason(error)}", cause="damaged") from error
    finally:
        database.close()


def checkpoint(database: Database) -> None:
    """Fold SQLite's write-ahead log into the database file, so that the file alone is whole."""
    if isinstance(database, SqliteDatabase):
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _postgres(url: str, options: str = "") -> PostgresqlDatabase:
    found: dict[str, Any] = parse(url, unquote_password=True, unquote_user=True)
    if not found["database"]:
        raise StoreError(f"{redacted(url)} names no database: postgresql://USER@HOST/NAME")
    # A server that has lost a client must find out soon: until then it keeps the client's lock.
    watched = (
        "-c tcp_keepalives_idle=4 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c tcp_user_timeout=10000"
    )
    if find_spec("psycopg") is None:
        raise StoreError("PostgreSQL needs its driver", fix="install it with: pip install 'keel[postgres]'")
    settings = f"-c synchronous_commit=on -c lock_timeout={int(BUSY_SECONDS * 1000)} {watched} {options}".strip()
    return PostgresqlDatabase(
        **found,
        connect_timeout=5,
        tcp_user_timeout=5_000,
        options=settings,
        prefer_psycopg3=True,
        autoconnect=False,
        thread_safe=False,
    )


def _sqlite(file: Path) -> SqliteDatabase:
    return SqliteDatabase(
        str(file),
        pragmas={"journal_mode": "wal", "synchronous": "full"},
        lock_type="IMMEDIATE",
        timeout=BUSY_SECONDS,
        check_same_thread=False,
        autoconnect=False,
        thread_safe=False,
    )


def _connected(database: Database, url: str) -> Database:
    try:
        database.connect()
    except PeeweeException as error:
        raise StoreError(f"cannot open {redacted(url)}: {_reason(error)}") from error
    return database


def _who_writes(url: str) -> str:
    """Return who has the lease, as far as the database can be read."""
    try:
        database = open_reader(url)
    except StoreError:
        return "nobody can say who"
    try:
        return str(holder(database) or "it has only just begun")
    except PeeweeException:
        return "nobody can say who"
    finally:
        database.close()


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
        fix = "put a whole backup back, or let keel db recover set it aside and ask the venue"
        raise StoreError(f"{redacted(url)} is damaged: {' '.join(found.split())}", fix=fix, cause="damaged")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
