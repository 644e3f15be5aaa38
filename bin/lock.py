"""One engine per data folder, and one per wallet: locks that end with their process, and notes of who holds them.

Why a wallet has its own: two engines with two data folders would know nothing of each other's orders, and each would
halt at the first fill of the other. The lock is this user's on this machine; on another machine the first order shows
as foreign, which halts both.
"""

import hashlib
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_state_path

from surfaces.cli.errors import CommandError


@contextmanager
def only_engine(data_dir: Path) -> Generator[None]:
    """Hold the lock of a data folder, which is made where it is not there.

    Raises CommandError: `locked` naming the process that has it, `failure` where the folder cannot be written.
    """
    hint = f"stop it (keel stop --data-dir {data_dir}) or choose another --data-dir"
    with _held(data_dir / "run", "engine", f"the data folder {data_dir}", hint):
        yield


@contextmanager
def only_engine_of(wallet: str, clob_url: str) -> Generator[None]:
    """Hold the lock of a wallet at a venue. Raises CommandError as `only_engine`."""
    name = hashlib.sha256(f"{clob_url} {wallet.lower()}".encode()).hexdigest()[:32]
    hint = "stop it, or trade from another wallet: two engines on one would halt each other"
    with _held(user_state_path("keel") / "wallets", name, f"the wallet {wallet}", hint):
        yield


@contextmanager
def _held(folder: Path, name: str, what: str, hint: str) -> Generator[None]:
    lock, note = FileLock(folder / f"{name}.lock"), folder / f"{name}.pid"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire(timeout=0)
        note.write_text(f"{os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
    except Timeout:
        raise CommandError("locked", f"another engine holds {what}: PID {_holder(note)}", hint) from None
    except OSError as error:
        raise CommandError("failure", f"{what} cannot be locked in {folder}: {error}") from error
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
