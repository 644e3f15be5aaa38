"""A copy of a database that can be trusted: taken at one moment, under load, and read through before it counts as one.

Why not `cp`: what SQLite has committed may still lie in the log beside the file, and a copy of both is torn. Here one
read transaction covers the whole copy, and its writer goes on meanwhile.
Why a copy carries no log of its own: it is one file, which can be moved.
"""
# peewee carries no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlparse

from actors.store.chain import verify
from actors.store.database import open_reader, redacted, sqlite_file, sqlite_url
from actors.store.trouble import StoreError

Told = Callable[[int, int], object]
"""Hears how much of how much is done."""

_PAGES: Final = 2_000


def stamp(now_ns: int) -> str:
    """Return a moment as file names have it, in UTC."""
    return datetime.fromtimestamp(now_ns / 1e9, UTC).strftime("%Y%m%d_%H%M%S")


def back_up(url: str, folder: Path, now_ns: int, told: Told = lambda _done, _of: None) -> Path:
    """Copy a database into a folder, while its engine may run, and return the file, which was found whole.

    PostgreSQL's is made by its own `pg_dump`.

    Raises:
        StoreError: there is nothing to copy, no room for it, or what was copied is not whole.
    """
    file = sqlite_file(url)
    name = f"arb_backup_{stamp(now_ns)}.{'dump' if file is None else 'db'}"
    part = folder / f"{name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if file is None:
            _dump(url, part)
        else:
            _copy(file, part, told)
        part.replace(folder / name)
    except (OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise StoreError(f"{redacted(url)} cannot be copied to {folder}: {' '.join(said.split())}") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return folder / name


def _copy(file: Path, part: Path, told: Told) -> None:
    if not file.exists():
        raise StoreError(f"there is no database {file}")
    part.unlink(missing_ok=True)
    source = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, isolation_level=None)
    with closing(source), closing(sqlite3.connect(part)) as target:
        # The copy is of this moment: a source that changes between two steps would be begun again and again.
        source.execute("BEGIN")
        source.execute("SELECT 1 FROM sqlite_master").fetchone()

        def copied_so_far(_: int, left: int, pages: int) -> None:
            told(pages - left, pages)

        source.backup(target, pages=_PAGES, progress=copied_so_far)
        target.execute("PRAGMA journal_mode = DELETE")
        found = target.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreError(f"the copy of {file} is damaged, as the database may be: {found}")
    copied = open_reader(sqlite_url(part))
    try:
        verify(copied)
    finally:
        copied.close()
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _dump(url: str, part: Path) -> None:
    """Have PostgreSQL write its own copy, and read its table of contents back. The password is in no argument."""
    tools = [shutil.which(name) for name in ("pg_dump", "pg_restore")]
    if None in tools:
        raise StoreError(f"{redacted(url)} is copied by pg_dump and pg_restore, which are not here")
    parts = urlparse(url)
    password = parts.password
    given = os.environ if password is None else {**os.environ, "PGPASSWORD": unquote(password)}
    bare = url if password is None else url.replace(f":{password}@", "@", 1)
    dump, restore = map(str, tools)
    for command in ([dump, "--format=custom", f"--file={part}", bare], [restore, "--list", str(part)]):
        subprocess.run(command, env=given, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
