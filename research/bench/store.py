"""What keeping things costs: P11 (the tape of raw frames), P12 (a start after kill -9), and a durable commit.

Why P11 is measured with recorded frames where there are any: how well frames compress depends on what they repeat.
Made-up frames of the venue's form stand in for them, with hashes that do not compress, as real ones do not.
"""

import gzip
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from hashlib import sha1
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles

from actors.runtime.clock import monotonic_ns
from actors.store.chain import read_back
from actors.store.database import sqlite_url
from actors.store.rows import Row, rows_of
from actors.store.segments import read_segment, segments
from actors.store.tape import TapeWriter
from actors.store.writer import Writer
from models.markets import Side
from models.messages.base import Message
from models.messages.market import TradeSeen
from models.messages.orders import FillCounted, FillSettled, OrderChanged, PlaceOrder, SubmitOrder
from models.orders import OrderState, TimeInForce
from models.storage import TapeParameters

PEAK_RATE = 3_000
"""Frames per second at the peak of the whole venue (P10)."""

_FRAMES = 50_000
_BATCH = 5_000
_CHAINED_SHARE = 5
"""Of ten journalled messages these are about orders and fills; the others are events."""


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


def restart(messages: int = 1_000_000) -> dict[str, float]:
    """Measure P12: seconds from opening a database, left by kill -9, to all orders and fills read back from it."""
    with tempfile.TemporaryDirectory(prefix="keel-bench-") as folder:
        url = sqlite_url(Path(folder) / "arb.db")
        command = [sys.executable, "-m", "research.bench.store", url, str(messages)]
        killed = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
        if killed.returncode != -signal.SIGKILL:
            raise RuntimeError(f"the process to be killed ended by itself: {killed.returncode}")
        began_ns = monotonic_ns()
        writer = Writer(url, 0)
        opened_ns = monotonic_ns()
        read = sum(1 for _ in read_back(writer.database))
        ended_ns = monotonic_ns()
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        writer.close()
    return {
        "messages": messages,
        "database_mb": size / 1e6,
        "open_and_verify_s": (opened_ns - began_ns) / 1e9,
        "read_back": read,
        "read_back_s": (ended_ns - opened_ns) / 1e9,
        "ready_s": (ended_ns - began_ns) / 1e9,
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


def _story(number: int) -> Iterator[Message]:
    """Return the life of an order that is filled, and the trades seen meanwhile."""
    submitted = _order(number)
    order_id, placed = submitted.order_id, submitted.order

    def changed(state: OrderState, filled: int) -> OrderChanged:
        return OrderChanged(
            order_id, placed.intent, placed.tag, placed.market, placed.outcome, placed.side, placed.price, placed.size,
            filled, state, state.value, number,
        )  # fmt: skip

    yield submitted
    yield changed(OrderState.WORKING, 0)
    fill = FillCounted(
        f"trade {number}", order_id, placed.intent, placed.tag, placed.market, placed.outcome, placed.side,
        placed.price, placed.size, 2_400_000, 0, 0, True, number,
    )  # fmt: skip
    yield fill
    if number % 100:
        yield changed(OrderState.FILLED, placed.size)
        yield FillSettled(fill, number)
    yield from islice(cycle([TradeSeen(placed.market, 0, Side.SELL, 4_700, 5_000_000, number)]), 10 - _CHAINED_SHARE)


def _fill_and_die(url: str, messages: int) -> None:
    """Journal a number of messages, then die as by kill -9."""
    writer = Writer(url, 0)
    rows: list[Row] = []
    chained: list[tuple[int, Message]] = []
    stories = (message for number in range(messages) for message in _story(number))
    for count, message in enumerate(islice(stories, messages), start=1):
        rows += rows_of(message, writer.run, count)
        if not isinstance(message, TradeSeen):
            chained.append((count, message))
        if len(rows) >= _BATCH or count == messages:
            writer.write(rows, chained)
            rows, chained = [], []
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _fill_and_die(sys.argv[1], int(sys.argv[2]))
