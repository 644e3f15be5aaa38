"""The latch that every order passes last: closed by anyone at any time, opened by a person only.

Why a lock and not a message: between saying "kill" and a mailbox reading it thousands of orders may pass. `kill` takes
the lock that `passes` holds around the hand-over of an order, so when it returns nothing more gets out. The latch is
also a file, so that a restart stays killed.

Why a fault is kept apart from a kill: a person who lifts a kill has not mended the database that refuses orders, and
cannot open an engine that is stopping.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from loguru import logger
from msgspec import json

from actors.runtime.clock import Clock
from models.words import rfc3339


class Gate:
    """One per process. `latch` is the file that outlives it."""

    def __init__(self, latch: Path, clock: Clock) -> None:
        self._latch = latch
        self._clock = clock
        self._lock = Lock()
        self._killed = _read(latch)
        self._fault: str | None = None
        self._held: str | None = None

    @property
    def closed(self) -> str | None:
        """Why it is closed, None while open."""
        return self._killed or self._fault or self._held

    def kill(self, reason: str) -> None:
        """Close it, now and for every later start. When this returns no order passes, whatever the disk does."""
        with self._lock:
            self._killed = reason
        record = {"reason": reason, "at": rfc3339(self._clock.now_ns())}
        try:
            _write(self._latch, json.encode(record) + b"\n")
        except OSError as error:
            logger.bind(actor="gate").critical("killed, but a restart would not know: {}", error)

    def close(self, reason: str) -> None:
        """Close it until this process ends: a fault that a restart may mend, not a kill."""
        with self._lock:
            self._fault = self._fault or reason

    def hold(self, reason: str) -> None:
        """Close it until `release`: a part of the engine is being mended."""
        with self._lock:
            self._held = reason

    def release(self) -> None:
        """Undo `hold`; whatever else has closed it keeps it closed."""
        with self._lock:
            self._held = None

    def clear(self) -> None:
        """Lift a kill; a person's act. Raises OSError where the latch cannot be removed: then it stays closed."""
        with self._lock:
            self._latch.unlink(missing_ok=True)
            self._killed = None

    @contextmanager
    def passes(self) -> Generator[bool]:
        """Hold the latch around the hand-over of one order; False where it is closed."""
        with self._lock:
            yield self.closed is None


def _read(latch: Path) -> str | None:
    """Return why the latch is closed. A file that cannot be read is a closed latch: nobody knows what it said."""
    try:
        written = latch.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"the latch {latch.name} cannot be read: {error.strerror}"
    try:
        return json.decode(written, type=dict[str, str]).get("reason") or "kill"
    except ValueError:
        return "kill"


def _write(latch: Path, record: bytes) -> None:
    """Write the file so that a loss of power finds all of it or none."""
    latch.parent.mkdir(parents=True, exist_ok=True)
    part = latch.with_name(f"{latch.name}.part")
    with part.open("wb") as file:
        file.write(record)
        file.flush()
        os.fsync(file.fileno())
    part.replace(latch)
    folder = os.open(latch.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
