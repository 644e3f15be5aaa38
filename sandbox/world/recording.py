"""Recorded market frames: one JSON frame (object or array) per line, plain, .gz or .zst.

A file is read and checked whole before anything is served, so a client never sees half of a broken one.
"""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import zstandard

from sandbox.books import Side
from sandbox.units import ONE, parse_price, parse_size

Levels: TypeAlias = tuple[tuple[int, int], ...]


class RecordingError(Exception):
    """A file that is not a recording: says the line and what was expected there."""


@dataclass(frozen=True, slots=True)
class RecordedBook:
    """A full book of one token."""

    at_ms: int
    market: str
    token_id: str
    bids: Levels
    asks: Levels
    tick: int | None
    last_trade_price: str | None


@dataclass(frozen=True, slots=True)
class RecordedChanges:
    """The changes of one frame: token, side, price, new total."""

    at_ms: int
    market: str
    changes: tuple[tuple[str, Side, int, int], ...]


@dataclass(frozen=True, slots=True)
class RecordedPrint:
    """A trade as the venue printed it; `side` is the taker's."""

    at_ms: int
    market: str
    token_id: str
    side: Side
    price: int
    size: int


@dataclass(frozen=True, slots=True)
class RecordedTick:
    """A market's new grid, said for one token."""

    at_ms: int
    market: str
    token_id: str
    tick: int


@dataclass(frozen=True, slots=True)
class RecordedResult:
    """A market's end."""

    at_ms: int
    market: str
    token_id: str


RecordedFrame: TypeAlias = RecordedBook | RecordedChanges | RecordedPrint | RecordedTick | RecordedResult


@dataclass(frozen=True, slots=True)
class Recording:
    """All frames of a file in its order, and the tokens of each market in the order of their first frame."""

    frames: tuple[RecordedFrame, ...]
    tokens: dict[str, tuple[str, ...]]


def load(path: Path) -> Recording:
    """Read and check a recording. Raises RecordingError (file, line, what was expected)."""
    frames: list[RecordedFrame] = []
    tokens: dict[str, dict[str, None]] = {}
    number = 0
    try:
        for line in _lines(path):
            number += 1
            for frame in _frames(line):
                frames.append(frame)
                known = tokens.setdefault(frame.market, {})
                known |= dict.fromkeys(_token_ids(frame))
                if len(known) > 2:
                    raise ValueError(f"expected two tokens of market {frame.market!r}, this is the third")
        if not frames:
            number = 1
            raise ValueError("expected a market frame, the file has none")
    except ValueError as error:
        raise RecordingError(f"{path}: line {number}: {error}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise RecordingError(f"{path}: line {number + 1}: expected a whole compressed file ({error})") from None
    except OSError as error:
        raise RecordingError(f"{path}: expected a readable file ({error.strerror or error})") from None
    return Recording(tuple(frames), {market: tuple(ids) for market, ids in tokens.items()})


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic[:2] == b"\x1f\x8b":
            yield from gzip.GzipFile(fileobj=file)
        elif magic == b"\x28\xb5\x2f\xfd":
            yield from _whole_zstd(file)
        else:
            yield from file


def _whole_zstd(file: io.BufferedReader) -> Iterator[bytes]:
    # A stream reader takes a cut file for a finished one; the decompressor itself knows better.
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    text = decompressor.decompress(file.read())
    yield from io.BytesIO(text)
    if not decompressor.eof:
        raise EOFError("it is cut")


def _frames(line: bytes) -> list[RecordedFrame]:
    try:
        decoded = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise ValueError(f"expected one JSON frame or an array of them ({error})") from None
    found = decoded if isinstance(decoded, list) else [decoded]
    return [frame for item in found for frame in _frame(item)]


def _frame(item: Any) -> list[RecordedFrame]:
    kind = item.get("event_type") if isinstance(item, dict) else None
    if kind in ("best_bid_ask", "new_market"):
        # What the sandbox says itself, from its own state.
        return []
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise ValueError(f"expected a frame with event_type {', '.join(_READERS)}; found {kind!r}")
    try:
        return [read(item, _milliseconds(item))]
    except KeyError as error:
        raise ValueError(f"expected the key {error} in a {kind} frame") from None
    except (TypeError, AttributeError):
        raise ValueError(f"expected a {kind} frame of the market channel, found other types in it") from None


def _book(item: dict[str, Any], at_ms: int) -> RecordedBook:
    tick, last = item.get("tick_size"), item.get("last_trade_price")
    return RecordedBook(
        at_ms,
        _text(item, "market"),
        _token(item),
        _levels(item["bids"]),
        _levels(item["asks"]),
        None if tick is None else parse_price(tick),
        None if last is None else str(last),
    )


def _changes(item: dict[str, Any], at_ms: int) -> RecordedChanges:
    # Before September 2025 a frame held one change of one token, at its top level.
    entries: list[dict[str, Any]] = item.get("price_changes") or [item]
    changes: list[tuple[str, Side, int, int]] = []
    for entry in entries:
        changes.append((_token(entry), _side(entry), parse_price(entry["price"]), parse_size(entry["size"])))
    return RecordedChanges(at_ms, _text(item, "market"), tuple(changes))


def _print(item: dict[str, Any], at_ms: int) -> RecordedPrint:
    price, size = parse_price(item["price"]), parse_size(item["size"])
    return RecordedPrint(at_ms, _text(item, "market"), _token(item), _side(item), price, size)


def _tick(item: dict[str, Any], at_ms: int) -> RecordedTick:
    return RecordedTick(at_ms, _text(item, "market"), _token(item), parse_price(item["new_tick_size"]))


def _result(item: dict[str, Any], at_ms: int) -> RecordedResult:
    return RecordedResult(at_ms, _text(item, "market"), _text(item, "winning_asset_id"))


_READERS: dict[str, Callable[[dict[str, Any], int], RecordedFrame]] = {
    "book": _book,
    "price_change": _changes,
    "last_trade_price": _print,
    "tick_size_change": _tick,
    "market_resolved": _result,
}


def _levels(levels: list[dict[str, str]]) -> Levels:
    return tuple((parse_price(level["price"]), parse_size(level["size"])) for level in levels)


def _milliseconds(item: dict[str, Any]) -> int:
    text = str(item["timestamp"])
    if not text.isdecimal() or len(text) != 13:
        raise ValueError(f"expected a timestamp in milliseconds, found {text!r}")
    return int(text)


def _token(item: dict[str, Any]) -> str:
    token = _text(item, "asset_id")
    if not token.isdecimal():
        raise ValueError(f"expected a decimal token id as asset_id, found {token!r}")
    return token


def _text(item: dict[str, Any], key: str) -> str:
    value = item[key]
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected text as {key}, found {value!r}")
    return value


def _side(item: dict[str, Any]) -> Side:
    side = item["side"]
    if side not in ("BUY", "SELL"):
        raise ValueError(f"expected side BUY or SELL, found {side!r}")
    return side


def _token_ids(frame: RecordedFrame) -> tuple[str, ...]:
    if isinstance(frame, RecordedChanges):
        return tuple(change[0] for change in frame.changes)
    return (frame.token_id,)


def fits(price: int, tick: int) -> bool:
    """Whether a level lies on a grid; the ends of the scale lie on all."""
    return price % tick == 0 or price == ONE
