"""A process that dies at any moment leaves a row for every order that it had let go."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actors.store.chain import read_back, verify
from actors.store.database import open_reader
from actors.store.queries import Reader
from actors.store.writer import Writer
from models.messages.orders import SubmitOrder

_ENGINE = """
import os, sys, time
from pathlib import Path
from actors.runtime.actor import BaseActor, Context
from actors.runtime.clock import SystemClock
from actors.runtime.dead_letters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.surroundings import Emergency
from actors.runtime.threads import ThreadDispatcher
from actors.runtime.timers import TimerThread
from actors.store.journal import JournalActor, Outlets
from actors.store.writer import Writer
from models.markets import Side
from models.messages.orders import OrderChanged, PlaceOrder, SubmitOrder
from models.orders import OrderState, TimeInForce
from models.storage import JournalParameters

class Venue(BaseActor):
    def on_receive(self, message):
        os.write(1, message.order_id.encode() + b"\\n")

url, folder, first = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
emergency = Emergency(lambda reason: os._exit(70), print)
directory, clock = Directory(DeadLetters()), SystemClock()
timers = TimerThread(directory, clock)
dispatcher = ThreadDispatcher(directory, clock, timers, emergency)
Venue.start(Context("venue", dispatcher))
outlets = Outlets("venue", "executor", emergency.abort, folder / "emergency.jsonl")
JournalActor.start(Context("journal", dispatcher), Writer(url, clock.now_ns()), JournalParameters(), outlets)
for number in range(first, first + 100_000):
    order = PlaceOrder(f"maker/m/0/BUY/{number}", "maker", "m", 0, Side.BUY, 4800, 5_000_000, True, TimeInForce.GTC,
                       "provide", 1, number)
    directory.send("journal", SubmitOrder(f"{number}", order, number))
    directory.send("journal", OrderChanged(f"{number}", order.intent, "maker", "m", 0, Side.BUY, 4800, 5_000_000, 0,
                                           OrderState.WORKING, "accepted", number))
    while 2 * (number - first) - directory.mailbox("journal").served > 100:
        time.sleep(0.0001)
"""


@pytest.mark.proves("I4", kind="crash")
@pytest.mark.parametrize("url", ["sqlite", "postgres"], indirect=True)
def test_every_order_that_was_passed_on_has_its_row_after_kill_9(url: str, tmp_path: Path) -> None:
    passed_on: list[str] = []
    for attempt in range(5):
        passed_on += _run_and_kill(url, tmp_path, attempt * 1_000_000, after=1 + 37 * attempt)
    assert len(passed_on) >= 5
    with Reader(url) as reader:
        rows = {row["order_id"] for row in reader.orders(limit=1_000_000)}
    assert set(passed_on) <= rows

    database = open_reader(url)
    assert verify(database).seq > len(passed_on)
    journalled = [entry.message.order_id for entry in read_back(database) if isinstance(entry.message, SubmitOrder)]
    database.close()
    assert set(passed_on) <= set(journalled)
    writer = Writer(url, 0)
    assert writer.run == "6-0"
    writer.close()


def _run_and_kill(url: str, folder: Path, first: int, after: int) -> list[str]:
    """Start an engine, kill it once `after` orders were passed on, and return all that were."""
    command = [sys.executable, "-c", _ENGINE, url, str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as engine:
        assert engine.stdout is not None
        try:
            seen = [engine.stdout.readline().strip() for _ in range(after)]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(engine.pid, signal.SIGKILL)
        return [order for order in (*seen, *engine.stdout.read().splitlines()) if order]
