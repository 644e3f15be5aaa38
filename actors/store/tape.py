"""The tape: every raw frame as it arrived, in segments that are rotated, indexed and, in the end, forgotten.

Why the torn tail of a crashed segment is removed at the next start: after that only the newest segment of a tape may
ever end in the middle of a line, and a reader can treat any other damage as damage.
Why the tape never stops a feed: it is the memory of what was seen, not a condition of trading.
"""

from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from actors.store.segments import SUFFIX, Segment, index_path, line_of, repair, segments, write_index
from models.storage import TapeParameters

_PLACES_KEPT: Final = 20_000
_SECOND_NS: Final = 1_000_000_000
_RETRY_NS: Final = 10 * _SECOND_NS


class Place(NamedTuple):
    """Where a frame stands: its segment, and the offset of its line in the uncompressed segment."""

    segment: str
    offset: int


class TapeWriter:
    """Writes segments into a folder. Any thread may append: the order on the tape is that of the calls.

    The tape is no condition of trading: when the disk refuses, frames are counted as `lost` and `error` says why.
    """

    def __init__(self, folder: Path, parameters: TapeParameters) -> None:
        """Open the tape, and repair what a crash left. The first segment begins with the first frame.

        Raises:
            OSError: the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.repaired = tuple(path for path in segments(folder) if not index_path(path).exists())
        """Segments that a crash had left unfinished."""
        for path in self.repaired:
            repair(path)
        self.frames = 0
        self.lost = 0
        self.error: str | None = None
        self._folder = folder
        self._parameters = parameters
        self._segment: Segment | None = None
        self._lock = Lock()
        self._retry_ns = 0
        self._places: dict[int, Place] = {}
        self._recent: deque[int] = deque()

    def append(self, received_ns: int, connection: str, raw: bytes) -> Place | None:
        """Write a frame down and return where it stands, None if the disk refused it.

        A crash of the process may lose what came in the last `flush_ms`.
        """
        line = line_of(received_ns, connection, raw)
        with self._lock:
            try:
                place = self._append(received_ns, line)
            except OSError as error:
                place = None
                self._give_up(received_ns, error)
            if place is None:
                self.lost += 1
                return None
            self.frames += 1
            self._remember(received_ns, place)
        return place

    def flush(self, now_ns: int) -> None:
        """Make what was appended readable. A feed calls this when nothing has come for a while."""
        with self._lock:
            if self._segment is not None:
                try:
                    self._segment.flush(now_ns, sync=self._parameters.sync == "flush")
                except OSError as error:
                    self._give_up(now_ns, error)

    def locate(self, received_ns: int) -> Place | None:
        """Return where the frame received at a time stands, for as long as that is remembered (20,000 frames)."""
        return self._places.get(received_ns)

    def close(self) -> None:
        """Finish the segment. Appending again begins a new one.

        Raises:
            OSError: the disk refused the rest; the next start repairs the segment.
        """
        with self._lock:
            self._finish()

    def _append(self, received_ns: int, line: bytes) -> Place | None:
        segment = self._segment
        if segment is None and received_ns < self._retry_ns:
            return None
        if segment is None or self._is_full(segment, received_ns):
            self._finish()
            segment = self._segment = Segment(self._folder / f"{_name(received_ns)}{SUFFIX}", received_ns)
            self.error = None
            _forget_oldest(self._folder, self._parameters.keep_bytes)
        place = Place(segment.name, segment.append(received_ns, line))
        if received_ns - segment.flushed_ns >= self._parameters.flush_ms * 1_000_000:
            segment.flush(received_ns, sync=self._parameters.sync == "flush")
        return place

    def _is_full(self, segment: Segment, received_ns: int) -> bool:
        age_ns = received_ns - segment.first_ns
        return (
            segment.bytes >= self._parameters.segment_bytes or age_ns >= self._parameters.segment_seconds * _SECOND_NS
        )

    def _finish(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            write_index(segment.path, segment.finish(sync=self._parameters.sync != "never"))

    def _give_up(self, now_ns: int, error: OSError) -> None:
        self.error = f"{error.strerror}: {error.filename or self._folder}"
        self._retry_ns = now_ns + _RETRY_NS
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.abandon()

    def _remember(self, received_ns: int, place: Place) -> None:
        if received_ns in self._places:
            return
        self._places[received_ns] = place
        self._recent.append(received_ns)
        if len(self._recent) > _PLACES_KEPT:
            del self._places[self._recent.popleft()]


def _name(received_ns: int) -> str:
    began = datetime.fromtimestamp(received_ns // 1_000_000_000, UTC)
    return f"{began:%Y%m%dT%H%M%S}-{received_ns % 1_000_000_000:09}"


def _forget_oldest(folder: Path, keep_bytes: int) -> None:
    """Delete the oldest finished segments until the tape is within its bound."""
    finished = [path for path in segments(folder) if index_path(path).exists()]
    sizes = [path.stat().st_size for path in finished]
    total = sum(sizes)
    for path, size in zip(finished, sizes, strict=True):
        if total <= keep_bytes:
            return
        path.unlink()
        index_path(path).unlink()
        total -= size
