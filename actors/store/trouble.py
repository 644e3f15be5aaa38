"""What keeps a database from being used, in words that name the cause, and whether waiting may mend it.

Why the folder is looked at, too: SQLite says "disk I/O error" of a disk that has become read-only.
Why a failed read or write is never waited out: after a failed sync nobody knows what is on the disk. A new start
looks at all of it.
"""

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final, Literal, TypeAlias

from peewee import PeeweeException

Cause: TypeAlias = Literal[
    "locked", "full", "read_only", "io_error", "damaged", "cut_off", "lease_lost", "lost_rows", "refused"
]


class StoreError(Exception):
    """The database cannot be used; the text says which and why, without a password. `fix` says what to do about it."""

    def __init__(self, text: str, *, fix: str = "", cause: Cause = "refused") -> None:
        super().__init__(text)
        self.fix = fix
        self.cause: Cause = cause

    @property
    def lasting(self) -> bool:
        """Whether only a new start can mend it."""
        return self.cause in _LASTING


class StoreBusy(StoreError):
    """Another process writes this database."""


def trouble(error: PeeweeException, file: Path | None) -> StoreError:
    """Return what an error of the driver means for whoever writes. `file` is SQLite's, None for PostgreSQL."""
    raised = _first(error)
    cause = _on_server(raised) if file is None else _in_file(raised, file)
    said = " ".join(str(raised).split()) or type(raised).__name__
    return StoreError(f"{_WORDS[cause]} ({said})", cause=cause)


def _first(error: BaseException) -> BaseException:
    """Return what the driver said first: peewee wraps it, perhaps twice, and then fails to roll back."""
    first, at = error, error
    while at is not None and (isinstance(at, PeeweeException) or _is_drivers(at)):
        first, at = at, getattr(at, "orig", None) or at.__context__
    return first


def _is_drivers(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in ("sqlite3", "psycopg")


def _in_file(error: BaseException, file: Path) -> Cause:
    if not isinstance(error, sqlite3.Error):
        return "refused"
    # The low byte of an extended code is the code.
    code: int = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return _seen_in(file)
    return _SQLITE.get(code, "refused")


def _seen_in(file: Path) -> Cause:
    """Look why a disk may have failed. No file of the database is opened: closing it would drop SQLite's own locks."""
    parts = (file.parent, file, file.with_name(f"{file.name}-wal"))
    if not all(os.access(part, os.W_OK) for part in parts if part.exists()):
        return "read_only"
    try:
        return "io_error" if shutil.disk_usage(file.parent).free else "full"
    except OSError:
        return "io_error"


def _on_server(error: BaseException) -> Cause:
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        # The client library itself gave up: there is no server to give a state.
        return "cut_off" if type(error).__name__ in ("OperationalError", "InterfaceError") else "refused"
    for start, cause in _POSTGRES.items():
        if state.startswith(start):
            return cause
    return "refused"


_LASTING: Final = frozenset({"io_error", "damaged", "cut_off", "lease_lost", "lost_rows"})

_WORDS: Final = {
    "locked": "the database is locked: another program has held it for over a second",
    "full": "there is no room left for the database",
    "read_only": "the database may not be written: its disk, folder or file is read-only",
    "io_error": "the disk failed to read or write the database",
    "damaged": "the database is damaged",
    "cut_off": "the connection to the database is lost",
    "refused": "the database took nothing",
}

_SQLITE: Final[dict[int, Cause]] = {
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
}

_POSTGRES: Final[dict[str, Cause]] = {
    "08": "cut_off",
    "57P0": "cut_off",  # the server shuts down, or somebody ended this session
    "53100": "full",
    "55P03": "locked",
    "25006": "read_only",
    "58030": "io_error",
    "XX001": "damaged",
    "XX002": "damaged",
}
"""Beginnings of SQLSTATE codes, see "PostgreSQL Error Codes", appendix A of its manual."""
