"""What a person does to a database that no engine writes: bring it up to date, count anew, or set it aside.

Why a reset leaves the journal, orders and fills: positions, cash and loss counters are rebuilt from them. What it
deletes is what people read; and it writes down from when on profits count.
Why a database is set aside and never mended: entries that were cut off or changed cannot be made again, and what is
held and open is known to the venue. A kill that it held goes on in the new one, as the file beside it does.
"""
# peewee carries no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from peewee import Model, PeeweeException, fn

from actors.store.backup import stamp
from actors.store.database import open_reader, open_writer, sqlite_file
from actors.store.heads import Heads
from actors.store.lease import FileLock
from actors.store.rows import KILL, RESET
from actors.store.tables import (
    BookSnapshot,
    Decision,
    Error,
    Event,
    Fact,
    LatencyMetric,
    PnlSnapshot,
    PositionSnapshot,
)
from actors.store.trouble import StoreError, trouble

RESETTABLE: Final[Mapping[str, type[Model]]] = MappingProxyType(
    {
        "events": Event,
        "decisions": Decision,
        "positions": PositionSnapshot,
        "pnl_snapshots": PnlSnapshot,
        "book_snapshots": BookSnapshot,
        "latency_metrics": LatencyMetric,
        "errors": Error,
    }
)
"""Tables that may be emptied: nothing is rebuilt from them."""

SET_ASIDE: Final = "set_aside"
"""Key in `meta` of the file that a database took the place of."""


def update(url: str) -> None:
    """Bring the tables of a database up to date, of which there is a copy. Raises StoreError."""
    open_writer(url, copied=True).close()


def reset(url: str, now_ns: int, tables: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Empty tables, let profits count from now on, and return the rows of each before and after.

    Raises:
        StoreBusy: an engine writes it.
        StoreError: nothing was changed.
    """
    chosen = [(name, RESETTABLE[name]) for name in tables]
    owned = open_writer(url)
    database = owned.database
    try:
        with database.atomic():
            owned.lease.check(database)
            before = {name: _count(table, database) for name, table in chosen}
            for _, table in chosen:
                table.delete().execute(database)
            _put(database, RESET, str(now_ns))
            return {name: (before[name], _count(table, database)) for name, table in chosen}
    except PeeweeException as error:
        raise trouble(error, sqlite_file(url)) from error
    finally:
        owned.close()


def set_aside(url: str, heads: Heads, now_ns: int) -> Path | None:
    """Give a SQLite database another name and begin a new one; return its file, None where there was none.

    Raises:
        StoreBusy: an engine writes it.
        StoreError: it is no file, or the folder refused.
    """
    file = sqlite_file(url)
    if file is None:
        text = "a database on a server is not set aside from here"
        raise StoreError(text, fix="make an empty one (createdb NAME) and name it with --db or DB_PATH")
    kill = _kill_of(url)
    aside = file.with_name(f"{file.stem}_set_aside_{stamp(now_ns)}{file.suffix}")
    lock = FileLock(file)
    try:
        moved = file.exists()
        for end in ("", "-wal", "-shm"):
            part = file.with_name(f"{file.name}{end}")
            if part.exists():
                part.rename(aside.with_name(f"{aside.name}{end}"))
        heads.forget(url)
    except OSError as error:
        raise StoreError(f"{file} cannot be set aside: {error}") from error
    finally:
        lock.release()
    owned = open_writer(url)
    try:
        _put(owned.database, SET_ASIDE, str(aside) if moved else "")
        if kill is not None:
            _put(owned.database, KILL, kill)
    finally:
        owned.close()
    return aside if moved else None


def _kill_of(url: str) -> str | None:
    """Return the kill that a database holds, as far as it can still be read."""
    try:
        database = open_reader(url)
    except StoreError:
        return None
    try:
        return Fact.select(Fact.value).where(Fact.key == KILL).scalar(database)
    except PeeweeException:
        return None
    finally:
        database.close()


def _count(table: Any, database: Any) -> int:
    return int(table.select(fn.COUNT(1)).scalar(database))


def _put(database: Any, key: str, value: str) -> None:
    fact = Fact.insert(key=key, value=value)
    fact.on_conflict(conflict_target=[Fact.key], update={Fact.value: value}).execute(database)
