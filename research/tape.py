"""Recorded market data, whatever its form, as frames.

| form | one line is |
|---|---|
| frames | a frame of the market channel (object or array), or an answer to `GET /book` |
| envelope | `{"source":"polymarket_clob","payload":"<frame>",...}`; lines of other sources are passed over |
| own | `{"t":received_ns,"c":connection,"f":<frame, or its text>}`; frames of other venues are passed over |
| array | no line: the file is one JSON array of frames |

Each may be plain, `.gz` or `.zst`. Everything else, and every damage, is a `TapeError` with its line; only the last
line of the newest segment of our own tape may be cut, because a crash does that.

Why a frame's own timestamp is its time of receipt: recordings of others do not say when a frame came. Ours does.
"""

import gzip
import heapq
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TypeAlias

import msgspec
import zstandard
from msgspec.json import Decoder

from actors.venues.polymarket.codec import PLAIN_TEXTS

_CLOB_SOURCE: Final = "polymarket_clob"
_MARKET_EVENTS: Final = frozenset(
    {"book", "price_change", "last_trade_price", "tick_size_change", "best_bid_ask", "new_market", "market_resolved"}
)
_FOUND_MAX: Final = 80
_NS_PER_MS: Final = 1_000_000
_CHUNK_BYTES: Final = 1 << 16


class TapeError(Exception):
    """A recording that cannot be read, with the place and what was expected there."""

    def __init__(self, path: Path, line: int, expected: str, found: bytes) -> None:
        shown = found[:_FOUND_MAX].decode(errors="backslashreplace") + ("..." if len(found) > _FOUND_MAX else "")
        super().__init__(f"{path}: line {line}: expected {expected}, found {shown!r}")
        self.path, self.line, self.expected, self.found = path, line, expected, shown


class TapeFrame(NamedTuple):
    """One recorded message. `rest`: an answer to `GET /book`; otherwise it came over the socket, perhaps as text."""

    received_ns: int
    raw: bytes
    rest: bool
    path: Path
    line: int


OnCut: TypeAlias = Callable[[TapeError], None]
"""Told of a cut last line, which is then left out."""


def read_tape(path: Path, on_cut: OnCut | None = None) -> Iterator[TapeFrame]:
    """Yield the frames of one recording as they stand there; `on_cut` allows our own tape to end within a line.

    Raises TapeError where the file is of no known form or damaged, OSError where it cannot be opened.
    """
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        raise TapeError(path, 1, _FRAMES.expected, b"")
    if _opens_an_array(first.text):
        yield from _frames(path, _FRAMES, _elements(path), None)
        return
    form = _form_of(first.text)
    may_be_cut = on_cut if form is _OWN else None
    try:
        yield from _frames(path, form, chain((first,), lines), may_be_cut)
    except _Unfinished as error:
        if may_be_cut is None:
            raise
        may_be_cut(error)


def read_tapes(paths: Sequence[Path], on_cut: OnCut | None = None) -> Iterator[TapeFrame]:
    """Merge recordings by time. The newest file, by name, is the one whose last line `on_cut` allows to be cut.

    Times within one file step back by some milliseconds; its frames keep their order.
    """
    newest = max(paths, key=lambda path: path.name)
    tapes = [read_tape(path, on_cut if path == newest else None) for path in paths]
    return (frame for _, _, frame in heapq.merge(*(_timed(index, tape) for index, tape in enumerate(tapes))))


def _frames(path: Path, form: "_Form", lines: Iterable["_Line"], on_cut: OnCut | None) -> Iterator[TapeFrame]:
    received_ns = 0
    for line in lines:
        try:
            recorded = form.read(line.text)
            content = None if recorded is None else _content(recorded.raw, form)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            damage = TapeError(path, line.number, f"{form.expected} ({error})", line.text)
            if on_cut is None or line.complete:
                raise damage from error
            on_cut(damage)
            return
        if recorded is not None and content is not None:
            received_ns = recorded.received_ns or content.timestamp_ms * _NS_PER_MS or received_ns
            yield TapeFrame(received_ns, recorded.raw, content.rest, path, line.number)


class _Unfinished(TapeError):
    """A compressed file ends early: damage, except that a crash leaves the newest segment of our own tape so."""


class _Line(NamedTuple):
    number: int
    text: bytes
    complete: bool


class _Recorded(NamedTuple):
    raw: bytes
    received_ns: int


class _Form(NamedTuple):
    """What a line is expected to be, and how a frame is read out of it (None: the line has none for us)."""

    expected: str
    read: Callable[[bytes], _Recorded | None]


class _Content(NamedTuple):
    rest: bool
    timestamp_ms: int


class _Envelope(msgspec.Struct):
    source: str
    payload: str


class _OwnLine(msgspec.Struct):
    t: int
    c: str
    f: msgspec.Raw


class _Head(msgspec.Struct):
    """As much of a frame as says what it is."""

    event_type: str = ""
    timestamp: int = 0
    asset_id: str = ""
    bids: msgspec.Raw = msgspec.Raw()


_envelopes = Decoder(_Envelope)
_own_lines = Decoder(_OwnLine)
_heads: Decoder[list[_Head] | _Head] = Decoder(list[_Head] | _Head, strict=False)


def _read_frame(text: bytes) -> _Recorded:
    return _Recorded(text, 0)


def _read_envelope(text: bytes) -> _Recorded | None:
    envelope = _envelopes.decode(text)
    return _Recorded(envelope.payload.strip().encode(), 0) if envelope.source == _CLOB_SOURCE else None


def _read_own(text: bytes) -> _Recorded:
    line = _own_lines.decode(text)
    frame = bytes(line.f)
    return _Recorded(msgspec.json.decode(frame, type=str).encode() if frame[:1] == b'"' else frame, line.t)


_FRAMES = _Form("a frame of the market channel or an answer to GET /book", _read_frame)
_ENVELOPES = _Form("an envelope with source and payload", _read_envelope)
_OWN = _Form('a line of our own tape, {"t":..,"c":..,"f":..}', _read_own)


def _form_of(first: bytes) -> _Form:
    for form in (_OWN, _ENVELOPES):
        try:
            form.read(first)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        return form
    return _FRAMES


def _content(raw: bytes, form: _Form) -> _Content | None:
    """Say what a frame is, None for what is not of the market channel on our own tape, which records other venues too.

    Raises msgspec.DecodeError for anything else that is not of the market channel. A broken frame on our own tape is
    passed on: it was received, and counted as malformed, in this state.
    """
    if raw in PLAIN_TEXTS:
        return _Content(rest=False, timestamp_ms=0)
    try:
        found = _heads.decode(raw)
    except msgspec.DecodeError:
        if form is _OWN:
            return _Content(rest=False, timestamp_ms=0) if b"event_type" in raw else None
        raise
    heads = found if isinstance(found, list) else [found]
    rest = bool(heads) and all(not head.event_type and head.asset_id and bytes(head.bids) for head in heads)
    if not rest and not all(head.event_type in _MARKET_EVENTS for head in heads):
        if form is _OWN:
            return None
        raise msgspec.DecodeError("neither has a known event_type nor is it a book")
    return _Content(rest, max((head.timestamp for head in heads), default=0))


def _opens_an_array(first: bytes) -> bool:
    """Whether the file is one JSON array over several lines: its first line opens one and is no JSON by itself."""
    if not first.startswith(b"["):
        return False
    try:
        msgspec.json.decode(first, type=msgspec.Raw)
    except msgspec.DecodeError:
        return True
    return False


def _elements(path: Path) -> Iterator[_Line]:
    """Yield the elements of a JSON array over several lines, each with the line on which it begins."""
    with path.open("rb") as file:
        text = b"".join(_decompressed(file, path)).decode()
    decoder = json.JSONDecoder()
    position, number = text.index("[") + 1, 1
    while True:
        start = position + len(text[position:]) - len(text[position:].lstrip(" \t\r\n,"))
        number += text.count("\n", position, start)
        if text[start : start + 1] == "]":
            return
        try:
            _, position = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            expected = f"an element of an array ({error.msg})"
            raise TapeError(path, error.lineno, expected, text[error.pos :].encode()) from error
        yield _Line(number, text[start:position].encode(), complete=True)
        number += text.count("\n", start, position)


def _lines(path: Path) -> Iterator[_Line]:
    """Yield lines without their ends, blank ones left out. Raises TapeError where compression is damaged."""
    number = 0
    try:
        with path.open("rb") as file:
            for text in _decompressed(file, path):
                number += 1
                stripped = text.strip()
                if stripped:
                    yield _Line(number, stripped, text.endswith(b"\n"))
    except EOFError as error:
        raise _Unfinished(path, number + 1, f"more compressed data ({error})", b"") from error
    except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
        raise TapeError(path, number + 1, f"compressed data ({error})", b"") from error


def _decompressed(file: BinaryIO, path: Path) -> Iterable[bytes]:
    if path.suffix == ".gz":
        return gzip.GzipFile(fileobj=file)
    return _zstd_lines(file) if path.suffix == ".zst" else file


def _zstd_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines of one or more zstd frames; an unfinished last frame is an EOFError, after all that it held."""
    rest = b""
    frame = zstandard.ZstdDecompressor().decompressobj()
    begun = False
    while chunk := file.read(_CHUNK_BYTES):
        while chunk:
            rest += frame.decompress(chunk)
            chunk, begun = frame.unused_data, True
            if frame.eof:
                frame, begun = zstandard.ZstdDecompressor().decompressobj(), False
        *lines, rest = rest.split(b"\n")
        yield from (line + b"\n" for line in lines)
    if rest:
        yield rest
    if begun:
        raise EOFError("the last zstd frame is not finished")


def _timed(index: int, tape: Iterator[TapeFrame]) -> Iterator[tuple[int, int, TapeFrame]]:
    """Put before each frame the latest time so far, by which files are merged, and the place of its file."""
    latest_ns = 0
    for frame in tape:
        latest_ns = max(latest_ns, frame.received_ns)
        yield latest_ns, index, frame
