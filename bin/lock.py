"""One engine per data folder, one per database, one per wallet: locks that end with their process, and who holds them.

Why a wallet has its own: two engines with two data folders would know nothing of each other's orders, and each would
halt at the first fill of the other. That lock is this user's on this machine, the database's holds wherever it is
reached from; engines on two machines with two databases halt each other at the first order, which is foreign.
"""

import hashlib
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from platformdirs import user_state_path

from surfaces.cli.errors import CommandError

if TYPE_CHECKING:
    from actors.store.writer import Writer


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
def only_writer(url: str, data_dir: Path, account: str) -> "Generator[Writer]":
    """Open a database for the one engine that may write it, and let it go if nobody else has.

    Tables of an older version are brought up to date, after a copy was made.

    Raises CommandError: `locked` naming the process that has it, `configuration` where it cannot be used.
    """
    from loguru import logger

    from actors.runtime.clock import SystemClock
    from actors.store.backup import back_up
    from actors.store.database import is_behind
    from actors.store.heads import Heads
    from actors.store.trouble import StoreError
    from actors.store.upkeep import update
    from actors.store.writer import Writer

    now_ns = SystemClock().now_ns()
    with told_of_storage():
        if is_behind(url):
            copy = back_up(url, data_dir / "backups", now_ns)
            update(url)
            logger.info("the database was older than this version and is up to date now; as it was: {}", copy)
        writer = Writer(url, now_ns, account, Heads(data_dir))
    try:
        yield writer
    finally:
        if writer.is_open:
            with suppress(StoreError):
                writer.close()


@contextmanager
def told_of_storage() -> Generator[None]:
    """Tell what keeps a database from being used as a command does: with its fix and its exit code."""
    from actors.store.trouble import StoreBusy, StoreError

    try:
        yield
    except StoreBusy as error:
        raise CommandError("locked", str(error), "stop it, or choose another --db") from error
    except StoreError as error:
        raise CommandError("configuration", str(error), error.fix) from error


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
