"""The file that stands in for a database that refuses: what money hangs on, as lines of a trace.

Why some room is kept for it: the disk that has none left for the database has none for this either. The reserve is
given up when it is needed, and made again by the next start.
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

    def make_ready(self) -> None:
        """Keep some room on the disk, where there is any."""
        with contextlib.suppress(OSError):
            if not self._reserve.exists():
                self._reserve.write_bytes(bytes(_RESERVE_BYTES))

    def write(self, lines: Iterable[bytes]) -> bool:
        """Append lines; False where the disk does not take them, even without the reserve."""
        written = b"".join(lines)
        for _ in range(2):
            try:
                with self._path.open("ab") as file:
                    file.write(written)
            except OSError:
                with contextlib.suppress(OSError):
                    self._reserve.unlink()
            else:
                return True
        return False
