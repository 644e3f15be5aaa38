"""What keeping things costs: P11 (the tape of raw frames), and a durable commit.

Why P11 is measured with recorded frames where there are any: how well frames compress depends on what they repeat.
Made-up frames of the venue's form stand in for them, with hashes that do not compress, as real ones do not.
"""

import gzip
import os
import random
import tempfile
from collections.abc import Iterable, Iterator
from hashlib import sha1
from pathlib import Path
from statistics import median, quantiles

from actors.runtime.clock import monotonic_ns
from actors.store.database import sqlite_url
from actors.store.rows import rows_of
from actors.store.segments import read_segment, segments
from actors.store.tape import TapeWriter
from actors.store.writer import Writer
from models.markets import Side
from models.messages.orders import PlaceOrder, SubmitOrder
from models.orders import TimeInForce
from models.storage import TapeParameters

PEAK_RATE = 3_000
"""Frames per second at the peak of the whole venue (P10)."""

_FRAMES = 50_000


def tape(recordings: Iterable[Path] = (), rounds: int = 5) -> dict[str, float]:
    """Measure P11: frames per second into the tape, as a multiple of the peak, and bytes per frame on the disk.

    `recordings` are files of one frame a line, plain or .gz.
    """
    frames = [line for path in recordings for line in _lines(path)] or list(_made_up_frames(_FRAMES))
    measured = [_write_tape(frames) for _ in range(rounds)]
    rate = median(rate for rate, _, _ in measured)
    return {
        "frames": len(frames),
        "frame_bytes": sum(map(len, frames)) / len(frames),
        "frames_per_s": rate,
        "times_peak": rate / PEAK_RATE,
        "bytes_per_frame": median(size for _, size, _ in measured),
        "read_frames_per_s": median(read for _, _, read in measured),
    }


def commit(orders: int = 500) -> dict[str, float]:
    """Measure the durable commit of one order against a bare sync of the same disk."""
    with tempfile.TemporaryDirectory(prefix="keel-bench-") as folder:
        writer = Writer(sqlite_url(Path(folder) / "arb.db"), 0)
        taken_ns: list[int] = []
        synced_ns: list[int] = []
        with (Path(folder) / "sync").open("wb", buffering=0) as file:
            for number in range(orders):
                order = _order(number)
                rows = rows_of(order, writer.run, 0)
                began_ns = monotonic_ns()
                writer.write(rows, [(0, order)])
                taken_ns.append(monotonic_ns() - began_ns)
                began_ns = monotonic_ns()
                file.write(bytes(4096))
                os.fsync(file.fileno())
                synced_ns.append(monotonic_ns() - began_ns)
        writer.close()
    return {
        "commit_p50_us": median(taken_ns) / 1e3,
        "commit_p99_us": quantiles(taken_ns, n=100)[98] / 1e3,
        "sync_p50_us": median(synced_ns) / 1e3,
        "times_sync": median(taken_ns) / median(synced_ns),
    }


def _write_tape(frames: list[bytes]) -> tuple[float, float, float]:
    """Write frames as at the peak rate; return frames per second, bytes a frame, and frames read per second."""
    with tempfile.TemporaryDirectory(prefix="keel-bench-") as folder:
        writer = TapeWriter(Path(folder), TapeParameters())
        step_ns = 1_000_000_000 // PEAK_RATE
        began_ns = monotonic_ns()
        for number, frame in enumerate(frames):
            writer.append(number * step_ns, "market/0", frame)
        writer.close()
        written_ns = monotonic_ns()
        paths = segments(Path(folder))
        read = sum(1 for path in paths for _ in read_segment(path))
        ended_ns = monotonic_ns()
        size = sum(path.stat().st_size for path in paths)
    count = len(frames)
    return count * 1e9 / (written_ns - began_ns), size / count, read * 1e9 / (ended_ns - written_ns)


def _lines(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()


def _made_up_frames(count: int) -> Iterator[bytes]:
    """Return level changes of both tokens, with a book after every fifteenth."""
    chance = random.Random(1)
    tokens = [str(chance.randrange(10**76, 10**77)) for _ in range(2)]
    sizes = {price: chance.randrange(100, 20_000) for price in range(1, 100)}
    for number in range(count):
        price = chance.randrange(1, 100)
        sizes[price] = chance.randrange(100, 20_000)
        digests = [sha1(f"{number} {token}".encode(), usedforsecurity=False).hexdigest() for token in tokens]
        stamp = 1_750_212_212_579 + 3 * number
        if number % 15 == 14:
            levels = ",".join(f'{{"price":"{at / 100}","size":"{size}"}}' for at, size in sizes.items() if at < 50)
            yield (
                f'{{"event_type":"book","asset_id":"{tokens[0]}","market":"0x{7:064x}","timestamp":"{stamp}",'
                f'"hash":"{digests[0]}","bids":[{levels}],"asks":[]}}'
            ).encode()
            continue
        changes = ",".join(
            f'{{"asset_id":"{token}","price":"{at / 100}","size":"{sizes[price]}","side":"{side}","hash":"{digest}",'
            f'"best_bid":"0.49","best_ask":"0.51"}}'
            for token, digest, at, side in zip(tokens, digests, (price, 100 - price), ("BUY", "SELL"), strict=True)
        )
        yield (
            f'{{"event_type":"price_change","market":"0x{7:064x}","timestamp":"{stamp}","price_changes":[{changes}]}}'
        ).encode()


def _order(number: int) -> SubmitOrder:
    market = f"0x{number % 50:064x}"
    placed = PlaceOrder(
        f"maker/{market}/0/BUY/{number}", "maker", market, 0, Side.BUY, 4_800, 5_000_000, True, TimeInForce.GTC,
        "provide", 1, number,
    )  # fmt: skip
    return SubmitOrder(f"0x{number:064x}", placed, number)
