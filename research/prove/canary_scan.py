"""Looks for secrets in files, in every shape in which one may be written, and never says which it was.

Why one search for each shape and no pattern of all: the search for one string reads memory as fast as it comes, and a
pattern of some hundred takes ten times as long as all of them one after the other.
Why databases are read row by row besides: a long value lies in several pages of the file, torn apart.
"""

import re
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import zstandard

from actors.venues.secret_forms import forms

_PIECE: Final = 16 << 20
_UNPACKED: Final = 64 << 10
"""So much of a compressed file is searched at once; what is torn off makes the piece before it unreadable."""

_ROWS: Final = 1_000
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_DATABASE: Final = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a secret was found, and what kind of secret it is."""

    file: str
    offset: int
    secret: str

    def __str__(self) -> str:
        return f"{self.file} at {self.offset}: {self.secret}"


@dataclass(slots=True)
class Scan:
    """What was looked through, and what was found."""

    files: int = 0
    bytes: int = 0
    hits: list[Hit] = field(default_factory=list[Hit])
    unread: list[str] = field(default_factory=list[str])
    """Databases whose rows could not be read: of them nothing is known."""


class Canaries:
    """Secrets that are looked for, by what they are called."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._shapes = {shape.encode(): name for name, text in secrets.items() for shape in _cases(forms(text))}
        self._longest = max(map(len, self._shapes), default=1)

    @property
    def shapes(self) -> int:
        """How many strings are looked for."""
        return len(self._shapes)

    def look_through(self, folder: Path, exempt: Iterable[str] = ()) -> Scan:
        """Search all files of a folder, also their names; those below a name that is `exempt` are left out."""
        scan, left_out = Scan(), frozenset(exempt)
        for path in sorted(folder.rglob("*")):
            shown = path.relative_to(folder)
            if left_out.intersection(shown.parts):
                continue
            self._search(str(shown), iter((str(shown).encode(),)), scan)
            if path.is_file() and not path.is_symlink():
                self._file(path, str(shown), scan)
        return scan

    def _file(self, path: Path, shown: str, scan: Scan) -> None:
        scan.files += 1
        with path.open("rb") as file:
            is_database = file.read(len(_DATABASE)) == _DATABASE
            file.seek(0)
            self._search(shown, _pieces(file), scan)
        if is_database:
            try:
                self._search(f"{shown}/rows", _rows(path), scan)
            except sqlite3.DatabaseError:
                scan.unread.append(shown)
        if path.suffix == ".zip" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                for name in packed.namelist():
                    with packed.open(name) as file:
                        self._search(f"{shown}/{name}", _pieces(file), scan)
        elif path.suffix == ".zst":
            with path.open("rb") as file:
                self._search(f"{shown}/{path.stem}", _unpacked(file), scan)

    def _search(self, shown: str, pieces: Iterator[bytes], scan: Scan) -> None:
        begins, rest, found = 0, b"", set[tuple[int, str]]()
        for piece in pieces:
            scan.bytes += len(piece)
            text = rest + piece
            for shape, name in self._shapes.items():
                at = text.find(shape)
                while at >= 0:
                    found.add((begins + at, name))
                    at = text.find(shape, at + 1)
            rest = text[-self._longest :]
            begins += len(text) - len(rest)
        scan.hits += [Hit(shown, offset, name) for offset, name in sorted(found)]


def _cases(shapes: Iterable[str]) -> Iterator[str]:
    """Yield each shape, and what is hexadecimal in either case."""
    for shape in shapes:
        yield shape
        if _HEX.fullmatch(shape):
            yield from (shape.lower(), shape.upper())


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def _unpacked(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what a compressed file says, as far as it goes: the end is missing where its process was killed."""
    with (
        zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as stream,
        suppress(zstandard.ZstdError),
    ):
        while piece := stream.read(_UNPACKED):
            yield piece


def _rows(database: Path) -> Iterator[bytes]:
    """Yield the values of all rows, with what is still in the log beside the database. Raises sqlite3.DatabaseError."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{database}{part}", Path(folder, f"copy{part}"))
        with closing(sqlite3.connect(Path(folder, "copy"))) as copy:
            copy.text_factory = bytes
            tables = [name.decode() for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                rows = copy.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - its own names
                while some := rows.fetchmany(_ROWS):
                    yield b"\n".join(
                        value if isinstance(value, bytes) else str(value).encode() for row in some for value in row
                    )
