"""What `keel doctor` looks at on this machine: room, open files, the data folder, the database. It changes nothing."""

import os
import resource
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actors.store.database import StoreError, examine, redacted, resolve_url
from surfaces.socket_file import find_socket, is_answered

if TYPE_CHECKING:
    from bin.doctor import Status

_GIB: Final = 1 << 30
_ROOM_NEEDED: Final = _GIB // 2
_ROOM_WANTED: Final = 5 * _GIB
"""Some weeks of tape and journal of some dozen markets."""
_FILES_WANTED: Final = 1_024


class Finding(NamedTuple):
    """One row of the examination."""

    check: str
    status: "Status"
    detail: str
    fix: str = ""
    figures: dict[str, Any] = {}  # noqa: RUF012 - of a tuple's field, which nobody changes


def findings(data_dir: Path, database: str | None) -> Iterable[Finding]:
    """Look at everything here. `database` is what the configuration says: a path, a URL, None for the folder's own."""
    yield _room(data_dir)
    yield _open_files()
    yield _folder(data_dir)
    yield _database(data_dir, database)


def _room(data_dir: Path) -> Finding:
    free = shutil.disk_usage(_standing(data_dir)).free
    detail, figures = f"{free / _GIB:.1f} GiB free for {data_dir}", {"free_bytes": free}
    if free >= _ROOM_WANTED:
        return Finding("disk", "ok", detail, figures=figures)
    fix = "make room: without any the journal cannot write, and then no order goes out"
    return Finding("disk", "warn" if free >= _ROOM_NEEDED else "fail", detail, fix, figures)


def _open_files() -> Finding:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit >= _FILES_WANTED or limit == resource.RLIM_INFINITY:
        return Finding("open files", "ok", f"at most {limit}", figures={"limit": limit})
    fix = f"raise it: ulimit -n {_FILES_WANTED}, or LimitNOFILE= in the unit"
    return Finding("open files", "warn", f"at most {limit}", fix, {"limit": limit})


def _folder(data_dir: Path) -> Finding:
    if not os.access(_standing(data_dir), os.W_OK | os.X_OK):
        fix = "give it to this user, or choose another --data-dir"
        return Finding("data folder", "fail", f"{data_dir} cannot be written", fix)
    path = find_socket(data_dir)
    if is_answered(path):
        return Finding("data folder", "ok", f"{data_dir}, an engine runs there")
    stale = ", with the socket of an engine that died" if path.exists() else ""
    return Finding("data folder", "ok", f"{data_dir}, no engine runs there{stale}")


def _database(data_dir: Path, database: str | None) -> Finding:
    url = resolve_url(database, data_dir)
    try:
        found = examine(url)
    except StoreError as error:
        return Finding("database", "fail", str(error), "name another with DB_PATH, or restore it from a backup")
    if not found.exists:
        return Finding("database", "ok", f"{redacted(url)} will be made")
    waiting = f", {len(found.pending)} migrations to apply" if found.pending else ""
    return Finding("database", "ok", f"{redacted(url)} is whole{waiting}", figures={"pending": list(found.pending)})


def _standing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that is there."""
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
