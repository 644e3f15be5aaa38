"""A whole venue's load on one engine that trades live (P10): what it keeps up with, and what of a core that takes.

The engine and the sandbox are processes of their own; only the engine is measured. What arrived is counted from its own
tape, what was placed and what was lost from its journal.

Why the age of a book at its decision stands for the mailboxes: nothing outside can count what waits in them, and what
waits there makes decisions old.
"""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

import psutil

from actors.runtime.clock import SystemClock
from actors.store.segments import read_segment, segments
from research.prove.processes import Sandbox, live_engine, sandbox, until, wait

_SETTINGS: Final = {
    "STRATEGY_TAG": "bench",
    "PM_BID_SIZE": "5",
    "PM_MAX_NET_DIFF": "1000000",
    "PM_MAX_POSITION_VALUE": "1000000",
    "KEEL_PHASE__FLAT_BAND": "1000000",
    "KEEL_INVENTORY__AUTO_MERGE": "off",
    "KEEL_RISK__OPEN_ORDERS_TOTAL": "1000",
    "KEEL_EXECUTOR__RATE_TIER": "Elite",
    "KEEL_GATE__SECOND_MAX": "1500",
    "KEEL_GATE__TEN_SECONDS_MAX": "6900",
    "WALLET_USD": "1000000",
    "KEEL_ACCOUNT__CLOCK_SKEW_MAX_MS": "0",  # the sandbox's clock may run faster
    "KEEL_LOG_LEVEL": "ERROR",
}
_SETTLES_S: Final = 10.0
_START_S: Final = 120.0
_S: Final = 1_000_000_000
_LOST: Final = ("DeadLettered", "MailOverflowed")


def stress(
    seconds: float, profile: str = "venue_wide_stress", markets: int = 257, speed: float = 1.0
) -> dict[str, float]:
    """Measure P10: an engine that trades live in a generated world, so many times as fast as that is.

    Returns rates, the engine's share of a core, and what it lost. Raises RuntimeError or TimeoutError where it does not
    quote.
    """
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="keel-bench-") as name:
        folder = Path(name)
        world = ("--profile", profile, "--markets-count", markets, "--clock-speed", speed)
        with (
            sandbox("--port", 0, "--tier", "Elite", "--cash", 1_000_000, *world) as venue,
            live_engine(folder, venue, 0, **_SETTINGS) as running,
        ):
            running.done("resume", "--yes", timeout_s=_START_S)
            until(lambda: _resting(venue) >= markets // 2, "it quotes", _START_S)
            wait(_SETTLES_S)
            process = psutil.Process(running.process.pid)
            began_ns, used_s = clock.now_ns(), _cpu_s(process)
            wait(seconds)
            ended_ns, used_s = clock.now_ns(), _cpu_s(process) - used_s
            running.end()
        seconds = (ended_ns - began_ns) / _S
        per_second = _frames(folder / "tape", began_ns, ended_ns)
        lost, late_ms, placed = _journal(folder / "arb.db", began_ns, ended_ns)
    return {
        "core_share": used_s / seconds,
        "lost": lost,
        "decision_p99_ms": late_ms,
        "frames_per_s": sum(per_second) / seconds,
        "peak_frames_per_s": max(per_second),
        "orders_per_s": placed / seconds,
    }


def _resting(venue: Sandbox) -> int:
    return len(venue.asked("/accounts")["accounts"][0]["open_orders"])


def _frames(tape: Path, began_ns: int, ended_ns: int) -> list[int]:
    """Count the frames that arrived in each second."""
    counts = [0] * ((ended_ns - began_ns) // _S + 1)
    for path in segments(tape):
        for frame in read_segment(path):
            if began_ns <= frame.received_ns < ended_ns:
                counts[(frame.received_ns - began_ns) // _S] += 1
    return counts


def _journal(database: Path, began_ns: int, ended_ns: int) -> tuple[int, float, int]:
    """Return how much was lost, the worst 99th percentile of any ten seconds from a frame to its decision, and orders.

    Orders are those that the venue was heard to have taken.
    """
    span = (began_ns, ended_ns)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:

        def one(query: str) -> int:
            return connection.execute(query, span).fetchone()[0] or 0

        lost = one(f"SELECT COUNT(*) FROM errors WHERE kind IN {_LOST} AND at_ns BETWEEN ? AND ?")  # noqa: S608
        late_ns = one(
            "SELECT MAX(p99_ns) FROM latency_metrics WHERE stage = 'tick_to_decision' AND at_ns BETWEEN ? AND ?"
        )
        placed = one(
            "SELECT COUNT(*) FROM orders WHERE state NOT IN ('placing', 'rejected', 'never_sent', 'never_accepted')"
            " AND created_ns BETWEEN ? AND ?"
        )
    return lost, late_ns / 1e6, placed


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
