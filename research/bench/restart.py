"""What a start costs after kill -9, with a long journal behind it (P12): the live engine as people run it.

Two starts are measured, one after the other: that of an engine that has journalled nothing, and that of one with a
million entries. Both read the venue; what the second takes longer is what the journal costs. Ready is an engine whose
risk supervisor answers: that it does only when all was recalled. Beside each stands its time on the processor, which
says on a busy machine what the clock on the wall cannot.
"""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import psutil

from actors.runtime.clock import monotonic_ns
from actors.store.database import sqlite_url
from research.prove.control_socket import answers
from research.prove.processes import Sandbox, live_engine, sandbox, until

_START_S: Final = 120.0
_SETTINGS: Final = {"STRATEGY_TAG": "maker", "KEEL_INVENTORY__AUTO_MERGE": "off"}


def restart(entries: int = 1_000_000) -> dict[str, float]:
    """Measure P12: seconds from the start of a process to an engine that is ready.

    Raises RuntimeError or TimeoutError where an engine does not start.
    """
    with tempfile.TemporaryDirectory(prefix="keel-bench-") as name, sandbox("--profile", "demo") as venue:
        folder = Path(name)
        empty_s, empty_cpu_s = _ready_s(folder / "empty", venue)
        database = folder / "full" / "arb.db"
        database.parent.mkdir()
        _fill_and_die(database, entries, venue.said["accounts"][0]["funder"])
        size = sum(path.stat().st_size for path in database.parent.glob("arb.db*"))
        ready_s, ready_cpu_s = _ready_s(database.parent, venue)
    return {
        "ready_s": ready_s,
        "empty_s": empty_s,
        "journal_s": ready_s - empty_s,
        "ready_cpu_s": ready_cpu_s,
        "journal_cpu_s": ready_cpu_s - empty_cpu_s,
        "entries": entries,
        "database_mb": size / 1e6,
    }


def _ready_s(data_dir: Path, venue: Sandbox) -> tuple[float, float]:
    """Return how long an engine took to be ready, by the clock on the wall and on the processor."""
    began_ns = monotonic_ns()
    with live_engine(data_dir, venue, 0, **_SETTINGS) as running:

        def is_ready() -> bool:
            if running.process.poll() is not None:
                raise RuntimeError(f"the engine ended with {running.process.returncode}: {running.trouble}")
            return answers(data_dir, "/v1/risk")

        until(is_ready, "the engine is ready", _START_S)
        took_s = (monotonic_ns() - began_ns) / 1e9
        spent = psutil.Process(running.process.pid).cpu_times()
        running.process.kill()
    return took_s, spent.user + spent.system


def _fill_and_die(database: Path, entries: int, account: str) -> None:
    command = [sys.executable, "-m", "research.bench.journals", sqlite_url(database), str(entries), account]
    killed = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
    if killed.returncode != -signal.SIGKILL:
        raise RuntimeError(f"the process to be killed ended by itself: {killed.returncode}")
