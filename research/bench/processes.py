"""What a person feels: how long `keel --help` takes, and how large an engine becomes that quotes fifty markets.

Why whole processes: what is imported decides both, and a measuring process has everything imported already.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from typing import IO

import psutil

from actors.runtime.clock import monotonic_ns

_KEEL = (sys.executable, "-P", "-m", "bin.main")
_LOOK_EVERY_S = 0.05
_START_AND_STOP_S = 30.0


def help_seconds() -> dict[str, float]:
    """Measure how long `keel --help` takes, the start of Python included."""
    began_ns = monotonic_ns()
    subprocess.run([*_KEEL, "--help"], check=True, stdout=subprocess.DEVNULL)
    return {"seconds": (monotonic_ns() - began_ns) / 1e9}


def memory(markets: int = 50, seconds: float = 10.0) -> dict[str, float]:
    """Measure the largest resident memory of an engine that quotes markets of a sandbox in a process of its own.

    Raises RuntimeError where the engine did not quote.
    """
    command = [*_KEEL, "demo", "--headless", "--markets", str(markets), "--duration", str(seconds), "--json"]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complaints:
        engine = psutil.Popen(command, stdout=said, stderr=complaints)
        try:
            largest = _largest_resident_bytes(engine, seconds + _START_AND_STOP_S)
        finally:
            if engine.poll() is None:
                engine.terminate()
                engine.wait()
        if engine.returncode:
            raise RuntimeError(f"keel demo ended with {engine.returncode}: {_text(complaints) or _text(said)}")
        document = json.loads(_text(said))
    if document["orders"] < markets:
        raise RuntimeError(f"{document['orders']} orders in {markets} markets: the engine did not quote")
    return {"resident_mib": largest / 2**20, "orders": document["orders"], "fills": document["fills"]}


def _largest_resident_bytes(process: psutil.Popen, timeout_s: float) -> int:
    """Watch a process until it ends.

    Raises:
        TimeoutError: it does not end.
    """
    largest = 0
    until_ns = monotonic_ns() + int(timeout_s * 1e9)
    while process.poll() is None:
        if monotonic_ns() > until_ns:
            raise TimeoutError(f"process {process.pid} is still running after {timeout_s:g} s")
        with contextlib.suppress(psutil.NoSuchProcess):
            largest = max(largest, process.memory_info().rss)
        time.sleep(_LOOK_EVERY_S)
    return largest


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().strip()
