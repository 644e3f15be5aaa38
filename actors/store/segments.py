"""One segment of the tape: a compressed file of lines that a crash cuts but never spoils.

A line is `{"t":received_ns,"c":connection,"f":frame}`. A frame that is a JSON object or array stands there byte for
byte; anything else (`PONG`, a broken frame) is a JSON string, so a line never holds a second newline.

Why one zstd stream per segment, flushed in blocks: the compressor keeps its window over a flush, so a quiet connection
compresses as well as a busy one, and what was flushed can be read back whatever happens afterwards.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import zstandard

SUFFIX: Final = ".jsonl.zst"
INDEX_SUFFIX: Final = ".index.json"

_COMPRESSION: Final = zstandard.ZstdCompressionParameters(
    compression_level=5, strategy=zstandard.STRATEGY_LAZY2, min_match=7, window_log=20
)
"""Full books repeat the last full book of their token: long matches found lazily save a tenth over any plain level, and
cost 7 us a frame outside the interpreter's lock."""

_CHUNK: Final = 1 << 20
_DAMAGE_SHOWN: Final = 60


class Frame(NamedTuple):
    """A frame read back. `raw` is what came over the connection."""

    offset: int
    received_ns: int
    connection: str
    raw: bytes


class Index(msgspec.Struct, frozen=True):
    """What is known of a finished segment. `bytes` are those of its lines, `sha256` is that of its file."""

    schema: str
    segment: str
    first_ns: int
    last_ns: int
    frames: int
    bytes: int
    sha256: str
    repaired: bool = False


class TapeDamaged(Exception):
    """A segment cannot be read; the text names file, line, and what was expected."""


class Segment:
    """A segment that is being written. Every method may raise OSError; what was flushed before stays readable."""

    def __init__(self, path: Path, received_ns: int) -> None:
        self.path = path
        self.name = path.name.removesuffix(SUFFIX)
        self.flushed_ns = received_ns
        self._file = path.open("xb")
        self._stream = zstandard.ZstdCompressor(compression_params=_COMPRESSION).compressobj()
        self._sha256 = hashlib.sha256()
        self.first_ns = self.last_ns = received_ns
        self.frames = 0
        self.bytes = 0

    def append(self, received_ns: int, line: bytes) -> int:
        offset = self.bytes
        self._put(self._stream.compress(line))
        self.bytes += len(line)
        self.frames += 1
        self.last_ns = received_ns
        return offset

    def flush(self, now_ns: int, *, sync: bool) -> None:
        self.flushed_ns = now_ns
        self._put(self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        self._file.flush()
        if sync:
            os.fsync(self._file.fileno())

    def finish(self, *, sync: bool) -> Index:
        self._put(self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))
        self._file.flush()
        if sync:
            os.fsync(self._file.fileno())
        self._file.close()
        span = self.first_ns, self.last_ns
        return Index("keel.tape/1", self.name, *span, self.frames, self.bytes, self._sha256.hexdigest())

    def abandon(self) -> None:
        """Let go of the file, whatever it still holds back."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _put(self, data: bytes) -> None:
        if data:
            self._sha256.update(data)
            self._file.write(data)


def segments(folder: Path) -> list[Path]:
    """Return the segments of a tape, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def index_path(segment: Path) -> Path:
    """Return where the index of a segment stands, once it is finished."""
    return segment.with_name(segment.name.removesuffix(SUFFIX) + INDEX_SUFFIX)


def read_index(segment: Path) -> Index:
    """Read the index of a finished segment."""
    return msgspec.json.decode(index_path(segment).read_bytes(), type=Index)


def read_segment(path: Path, from_offset: int = 0, *, cut: bool = False) -> Iterator[Frame]:
    """Read frames in order. `cut`: a last line that ends in its middle is left out, as a crash leaves it.

    Raises:
        TapeDamaged: there is something else than frames.
    """
    offset = 0
    for number, line in enumerate(_lines(path, cut=cut), start=1):
        if offset >= from_offset:
            yield _parse(path, number, offset, line)
        offset += len(line)


def repair(path: Path) -> Index | None:
    """Finish a segment that a crash left unfinished: keep its readable lines and write its index.

    Returns None where nothing could be read: the segment is gone then.
    """
    rewritten = path.with_suffix(".repair")
    rewritten.unlink(missing_ok=True)
    whole: Segment | None = None
    with contextlib.suppress(TapeDamaged):
        for number, line in enumerate(_lines(path, cut=True), start=1):
            received_ns = _parse(path, number, 0, line).received_ns
            if whole is None:
                whole = Segment(rewritten, received_ns)
            whole.append(received_ns, line)
    if whole is None:
        path.unlink()
        return None
    name = path.name.removesuffix(SUFFIX)
    index = msgspec.structs.replace(whole.finish(sync=True), segment=name, repaired=True)
    rewritten.replace(path)
    write_index(path, index)
    return index


def write_index(segment: Path, index: Index) -> None:
    """Write the index beside its segment, at once and as a whole."""
    target = index_path(segment)
    temporary = target.with_suffix(".new")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(index)) + b"\n")
    temporary.replace(target)


def line_of(received_ns: int, connection: str, raw: bytes) -> bytes:
    """Return the line of a frame."""
    frame = raw if _stands_as_it_is(raw) else msgspec.json.encode(raw.decode(errors="backslashreplace"))
    return b'{"t":%d,"c":%b,"f":%b}\n' % (received_ns, msgspec.json.encode(connection), frame)


class _Line(msgspec.Struct, frozen=True):
    t: int
    c: str
    f: msgspec.Raw


_line_decoder = msgspec.json.Decoder(_Line)
_validator = msgspec.json.Decoder(msgspec.Raw)


def _stands_as_it_is(raw: bytes) -> bool:
    """Say whether a frame is a JSON object or array, on one line, with nothing around it."""
    if raw[:1] not in (b"{", b"[") or raw[-1:] not in (b"}", b"]") or b"\n" in raw or b"\r" in raw:
        return False
    try:
        _validator.decode(raw)
        raw.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _parse(path: Path, number: int, offset: int, line: bytes) -> Frame:
    try:
        found = _line_decoder.decode(line)
        frame = bytes(found.f)
        if frame.startswith(b'"'):
            frame = msgspec.json.decode(frame, type=str).encode()
    except msgspec.DecodeError as error:
        shown = line[:_DAMAGE_SHOWN].decode(errors="backslashreplace")
        raise TapeDamaged(f"{path}: line {number}: expected a frame of the tape, found {shown!r} ({error})") from error
    return Frame(offset, found.t, found.c, frame)


def _lines(path: Path, *, cut: bool) -> Iterator[bytes]:
    """Return lines with their newline; what a crash tore off at the end is left out where `cut` allows it."""
    rest = b""
    number = 0
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as stream:
        while True:
            try:
                chunk = stream.read(_CHUNK)
            except zstandard.ZstdError as error:
                if cut:
                    return
                raise TapeDamaged(f"{path}: after line {number}: expected compressed frames ({error})") from error
            if not chunk:
                break
            lines = (rest + chunk).splitlines(keepends=True)
            rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            number += len(lines)
            yield from lines
    if rest and not cut:
        raise TapeDamaged(f"{path}: line {number + 1}: expected a whole line, found the end of the file")
