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
    """Hold the lock of a data folder, which is made where it is not there.

    Raises CommandError: `locked` naming the process that has it, `failure` where the folder cannot be written.
    """
    folder = data_dir / "run"
    lock, note = FileLock(folder / "engine.lock"), folder / "engine.pid"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire(timeout=0)
        note.write_text(f"{os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
    except Timeout:
        raise CommandError(
            "locked",
            f"another engine holds {data_dir}: PID {_holder(note)}",
            f"stop it (keel stop --data-dir {data_dir}) or choose another --data-dir",
        ) from None
    except OSError as error:
        raise CommandError("failure", f"the data folder {data_dir} cannot be used: {error}") from error
    try:
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _holder(note: Path) -> str:
    try:
        return note.read_text(encoding="utf-8").strip()
    except OSError:
        return "unknown"
