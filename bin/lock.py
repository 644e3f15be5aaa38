"""One engine per data folder: a lock that the system lets go when the process ends, and a note of who holds it."""

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from surfaces.cli.errors import CommandError


@contextmanager
def only_engine(data_dir: Path) -> Generator[None]:
    """Hold the lock of a data folder. Raises CommandError `locked` naming the process that has it."""
    folder = data_dir / "run"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock, note = FileLock(folder / "engine.lock"), folder / "engine.pid"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = note.read_text(encoding="utf-8").strip() if note.exists() else "unknown"
        raise CommandError(
            "locked",
            f"another engine holds {data_dir}: PID {holder}",
            f"stop it (keel stop --data-dir {data_dir}) or choose another --data-dir",
        ) from None
    try:
        note.write_text(f"{os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()
