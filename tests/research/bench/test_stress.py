"""What is read of a stressed engine: the frames of each second, and what its journal says was lost, late or placed."""

from pathlib import Path

from actors.store.database import sqlite_url
from actors.store.rows import rows_of
from actors.store.tape import TapeWriter
from actors.store.writer import Writer
from models.markets import Side
from models.messages.orders import OrderChanged
from models.messages.records import LatencyMeasured
from models.messages.runtime import DeadLettered
from models.orders import OrderState
from models.storage import TapeParameters
from research.bench.stress import _frames, _journal

_S = 1_000_000_000


def test_frames_are_counted_by_the_second_they_came_in(tmp_path: Path) -> None:
    tape = TapeWriter(tmp_path, TapeParameters())
    for at_ns in (0, _S, _S + 1, 2 * _S, 3 * _S):
        tape.append(at_ns, "feed/0", b"{}")
    tape.close()
    assert _frames(tmp_path, _S, 3 * _S)[:2] == [2, 1]


def test_what_was_lost_late_and_placed_is_read_within_the_span(tmp_path: Path) -> None:
    database = tmp_path / "arb.db"
    writer = Writer(sqlite_url(database), 0)
    for at_ns in (5 * _S, 15 * _S, 25 * _S):
        for message in (
            LatencyMeasured("tick_to_decision", 1, 1, 1, 1, at_ns // 1_000, at_ns),
            changed("taken", OrderState.WORKING, at_ns),
            changed("not taken", OrderState.REJECTED, at_ns),
            DeadLettered("book/m", "unread", changed("lost", OrderState.WORKING, at_ns)),
        ):
            writer.write(rows_of(message, writer.run, at_ns), [])
    writer.close()
    assert _journal(database, 10 * _S, 20 * _S) == (1, 15.0, 1)


def changed(what: str, state: OrderState, at_ns: int) -> OrderChanged:
    return OrderChanged(f"{what} {at_ns}", f"{what} {at_ns}", "bench", "m", 0, Side.BUY, 5_000, 5, 0, state, "", at_ns)
