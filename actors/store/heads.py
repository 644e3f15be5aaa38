"""Where the journal ended, kept in a second place: beside the database, where its backups do not come from.

A chain shows every edit and gap, but not that its end was cut off clean, or that all of it is yesterday's. Who
remembers the head sees both. It is written at most about a second after an entry, and when the engine ends; so what
only the venue can show is a cut of less than what was journalled in the last second before a crash.

Why one file for all databases of a data folder: a folder may have been run with another `--db`, which is no cut.
Why it is not waited for: it never claims more than is on the disk, and no order should wait for a second sync.
"""

import contextlib
from pathlib import Path
from typing import Final

import msgspec

from actors.store.chain import Head
from actors.store.database import redacted, sqlite_file
from actors.store.trouble import StoreError

FILE: Final = "journal-heads.json"


class Heads:
    """The heads of the databases that were used with a data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / FILE

    def read(self, url: str) -> Head | None:
        """Return the head that was kept of a database; None where none was.

        Raises:
            StoreError: the file is there and cannot be read.
        """
        return self._all().get(self._name(url))

    def keep(self, url: str, head: Head) -> None:
        """Remember a head. Raises OSError."""
        self._write(self._all() | {self._name(url): head})

    def forget(self, url: str) -> None:
        """Let a database be a new one. Raises OSError, or StoreError as `read`."""
        heads = self._all()
        if heads.pop(self._name(url), None) is not None:
            self._write(heads)

    def _all(self) -> dict[str, Head]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Head])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            fix = "see whether the journal is whole with keel db verify, then delete the file"
            raise StoreError(f"{self._file} cannot be read: {error}", fix=fix) from error

    def _name(self, url: str) -> str:
        """Return how a database is called there, so that a folder may be moved with what is in it."""
        file = sqlite_file(url)
        if file is None:
            return redacted(url)
        folder = self._file.parent.resolve()
        absolute = file.resolve()
        return str(absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute)

    def _write(self, heads: dict[str, Head]) -> None:
        part = self._file.with_name(f"{FILE}.part")
        try:
            part.write_bytes(msgspec.json.format(msgspec.json.encode(heads, order="sorted")) + b"\n")
            part.replace(self._file)
        finally:
            with contextlib.suppress(OSError):
                part.unlink()
