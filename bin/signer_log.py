"""What a signer signed and refused: one file of JSON lines a day (UTC), which only its user may read.

Why it is read again at the start: what the orders of a day may give is a limit of the day and not of a process.
Why a line stands before the signature leaves: what was signed is known to be signed. One that cannot be written is not.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from models.units import Money

_S: Final = 1_000_000_000
_DAY_S: Final = 86_400


class SignerLog:
    """Appends to `signed-YYYY-MM-DD.jsonl` in a folder of its own. Raises OSError where it cannot."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._day = -1
        self._file = -1

    def spent(self, now_ns: int) -> tuple[int, Money]:
        """Return the day, as a number, and what the orders that were signed on it so far have given."""
        day, orders = now_ns // _S // _DAY_S, dict[str, Money]()
        path = self._path(day)
        for line in path.read_bytes().splitlines() if path.exists() else ():
            try:
                said = msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.DecodeError:
                continue  # a line that was torn as the process died had no signature yet
            if said.get("signed") and said.get("what") == "order":
                orders[str(said["digest"])] = int(said["gives"])
        return day, sum(orders.values())

    def write(self, now_ns: int, said: dict[str, Any]) -> None:
        """Write what was decided. Raises OSError."""
        day = now_ns // _S // _DAY_S
        if day != self._day:
            self.close()
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(self._path(day), flags, 0o600)
            os.fchmod(self._file, 0o600)
            os.write(self._file, b"\n")  # behind what may have been left without its end
            self._day = day
        at = datetime.fromtimestamp(now_ns / _S, UTC).isoformat(timespec="milliseconds")
        line = msgspec.json.encode({"at": at, **said}, enc_hook=str) + b"\n"
        if os.write(self._file, line) != len(line):
            self.close()  # so that what is written next does not become a part of it
            raise OSError(28, "the log of the signer is cut off: no room")

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
        self._file = self._day = -1

    def _path(self, day: int) -> Path:
        return self._folder / f"signed-{datetime.fromtimestamp(day * _DAY_S, UTC):%Y-%m-%d}.jsonl"
