"""What is kept, for how long, and how much of it a crash may lose."""

from typing import Annotated, Literal

import msgspec

from models.parameters import parameter

Sync = Literal["segment", "flush", "never"]


class JournalParameters(msgspec.Struct, frozen=True):
    """The journal. Orders and fills never wait for a batch."""

    flush_ms: Annotated[
        int, parameter("Longest time that a row which is not urgent waits to be written.", "ms", ge=1, le=60_000)
    ] = 2_000
    batch_rows: Annotated[int, parameter("Write as soon as this many rows wait.", "count", ge=1, le=100_000)] = 1_000
    kept_while_refused: Annotated[
        int,
        parameter(
            "Messages about orders and fills and audit rows that are kept while the database refuses.", "count", ge=1
        ),
    ] = 50_000
    checkpoint_every: Annotated[
        int,
        parameter("Entries after which the journal sums itself up, so that a start reads no more.", "count", ge=100),
    ] = 25_000
    events_keep_days: Annotated[
        int,
        parameter("Days for which events, decisions, book snapshots, latencies and errors are kept.", "count", ge=1),
    ] = 30
    events_keep_rows: Annotated[
        int,
        parameter("Most rows of each of these, and of position and profit snapshots, that are kept.", "count", ge=1),
    ] = 5_000_000
    book_every_ms: Annotated[int, parameter("Time between two rounds of book snapshots.", "ms", ge=100)] = 5_000
    books_per_round: Annotated[int, parameter("Most books written in one round; 0 writes none.", "count", ge=0)] = 50


class TapeParameters(msgspec.Struct, frozen=True):
    """The tape of raw frames."""

    record: Annotated[bool, parameter("Keep every raw frame that arrives.", "switch")] = True
    segment_bytes: Annotated[
        int, parameter("Bytes of frames, before compression, after which a new file begins.", "count", ge=1_000_000)
    ] = 128_000_000
    segment_seconds: Annotated[int, parameter("Age after which a new file begins.", "seconds", ge=60)] = 3_600
    keep_bytes: Annotated[
        int, parameter("Bytes of all files together; beyond it the oldest are deleted.", "count", ge=10_000_000)
    ] = 20_000_000_000
    flush_ms: Annotated[
        int, parameter("Longest time that a frame may be lost by a crash of the process.", "ms", ge=0, le=60_000)
    ] = 1_000
    sync: Annotated[
        Sync, parameter("When the disk is waited for: when a file is finished, at every flush, or never.", "choice")
    ] = "segment"
