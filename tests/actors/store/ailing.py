"""Storage that really fails: a lock held by another, no room, a disk that became read-only, torn pages, a cut."""

import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the database as another program does that writes it."""
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Let a folder be a disk of its own, with little room; needs root."""
    folder.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={size}", "keel-test", folder)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def filled_up(folder: Path) -> Iterator[None]:
    """Take all the room that is left on a disk."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65_536, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    assert shutil.disk_usage(folder).free == 0
    yield
    filler.unlink()


@contextmanager
def read_only(file: Path) -> Iterator[None]:
    """Make a database's files immutable under whoever has them open; needs root and a disk that can."""
    files = [file, file.with_name(f"{file.name}-wal")]
    run("chattr", "+i", *files)
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *files], check=True)


@contextmanager
def no_longer(file: Path) -> Iterator[None]:
    """Let no file of this process grow beyond what the database's log is: the system fails every write after it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.with_name(f"{file.name}-wal").stat().st_size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def torn(file: Path) -> None:
    """Garble every page but the first."""
    with file.open("r+b") as pages:
        pages.seek(4_096)
        pages.write(os.urandom(file.stat().st_size - 4_096))


def run(*command: str | Path) -> None:
    """Run what only root can; skip where it cannot be."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a disk is made ill by `{command[0]}`, which needs root: {done.stderr.strip()}")
