"""The file that stands in for a database that refuses: what money hangs on, as lines of a trace.

Why some room is kept for it: the disk that has none left for the database has none for this either. The reserve is
given up when it is needed. A full disk is no longer full when it can be made again.
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_RESERVE_BYTES: Final = 2 * 1024 * 1024
"""Room for about five thousand lines."""


class EmergencyFile:
    """A file that is made when it is first written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reserve = path.with_name(f"{path.name}.reserve")

    def make_ready(self) -> bool:
        """Keep some room on the disk; False where there is not so much."""
        if self._reserve.exists():
            return True
        try:
            self._reserve.write_bytes(bytes(_RESERVE_BYTES))
        except OSError:
            self._give_up_reserve()
            return False
        return True

    def write(self, lines: Iterable[bytes]) -> bool:
        """Append lines; False where the disk does not take them, even without the reserve."""
        written = b"".join(lines)
        for _ in range(2):
            try:
                with self._path.open("ab") as file:
                    file.write(written)
            except OSError:
                self._give_up_reserve()
            else:
                return True
        return False

    def _give_up_reserve(self) -> None:
        with contextlib.suppress(OSError):
            self._reserve.unlink()
