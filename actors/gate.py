"""The latch that every order passes last: closed by anyone at any time, opened by a person only.

Why a lock and not a message: between saying "kill" and a mailbox reading it thousands of orders may pass. `kill` takes the
lock that `passes` holds around the hand-over of an order, so when it returns nothing more gets out. The latch is also a
file, so that a restart stays killed.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from msgspec import json

from actors.runtime.clock import Clock
from models.words import rfc3339


class Gate:
    """One per process. `latch` is the file that outlives it."""

    def __init__(self, latch: Path, clock: Clock) -> None:
        self._latch = latch
        self._clock = clock
        self._lock = Lock()
        self._closed = _read(latch)

    @property
    def closed(self) -> str | None:
        """Why it is closed, None while open."""
        return self._closed

    def kill(self, reason: str) -> None:
        """Close it, now and for every later start. When this returns no order passes any more."""
        with self._lock:
            self._closed = reason
        record = {"reason": reason, "at": rfc3339(self._clock.now_ns())}
        self._latch.parent.mkdir(parents=True, exist_ok=True)
        self._latch.write_bytes(json.encode(record) + b"\n")

    def close(self, reason: str) -> None:
        """Close it for this process only: a fault that a restart may mend, not a kill."""
        with self._lock:
            self._closed = self._closed or reason

    def clear(self) -> None:
        """Open it again; a person's act."""
        with self._lock:
            self._latch.unlink(missing_ok=True)
            self._closed = None

    @contextmanager
    def passes(self) -> Generator[bool]:
        """Hold the latch around the hand-over of one order; False where it is closed."""
        with self._lock:
            yield self._closed is None


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
