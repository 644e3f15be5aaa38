"""A live engine whose storage fails under it: no order leaves, what rests is cancelled, and the cause is on screen."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from actors.store.chain import Older
from actors.store.database import sqlite_url
from actors.store.heads import Heads
from actors.store.upkeep import set_aside
from models.cells import TradingState
from models.messages.lanes import HoldingsFound
from models.messages.orders import SubmitOrder
from research.prove.postgres import Proxy
from tests.actors.store import ailing
from tests.actors.store.conftest import cluster, distant, proxy
from tests.bin.processes import Sandbox, sandbox
from tests.faults.journal import agree, journalled
from tests.faults.live_engine import LiveEngine, live, placed

__all__ = ["cluster", "distant", "proxy"]


@pytest.fixture(scope="module")
def venue() -> Iterator[Sandbox]:
    with sandbox("--port", 0, "--profile", "demo", "--markets-count", 3, "--accounts", 5, "--seed", 7) as running:
        yield running


def reasons(running: LiveEngine) -> list[str]:
    return [reason for source, reason in running.cells() if source == "journal"]


def frames(running: LiveEngine) -> int:
    return sum(line.book.book_seq for line in running.board.markets.values() if line.book is not None)


def stops(running: LiveEngine, said: str) -> int:
    """Wait until it has stopped for this cause, see that it is said, and return how many orders it had placed."""
    running.until(lambda: any(said in reason for reason in reasons(running)), f"it says {said!r}")
    running.until(lambda: said in (running.engine.gate.closed or ""), "and so does the gate")
    running.until(lambda: not running.account()["open_orders"], "what rests is cancelled")
    running.until(lambda: min(running.states()) >= TradingState.CANCEL_ONLY, "no market may be traded")
    emergency = running.engine.options.data_dir / "emergency.jsonl"
    running.until(lambda: emergency.exists() and "SubmitCancel" in emergency.read_text(), "cancels are recorded")
    return len(running.placed())


def stays_stopped(running: LiveEngine, orders: int) -> None:
    """See that decisions go on and nothing comes of them."""
    seen = frames(running)
    running.until(lambda: frames(running) > seen + 10, "books move on")
    assert len(running.placed()) == orders


def goes_on(running: LiveEngine, orders: int) -> None:
    """See that it trades again by itself, and that no order is at the venue of which the journal does not know."""
    running.until(lambda: not reasons(running), "the trouble is over")
    running.until(lambda: len(running.placed()) > orders, "it trades again")


def suffers(running: LiveEngine, trouble: AbstractContextManager[Any], said: str) -> None:
    running.quotes()
    with trouble:
        stays_stopped(running, stops(running, said))
        orders = len(running.placed())
    goes_on(running, orders)


@pytest.mark.proves("I30")
def test_what_passes_stops_it_until_it_has_passed(venue: Sandbox, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with ailing.small_disk(disk, "32m"), live(venue, 0, disk, tape__record="false") as running:
        running.resume()
        suffers(running, ailing.locked(disk / "arb.db"), "the database is locked: another program")
        suffers(running, ailing.filled_up(disk), "there is no room left for the database")
        running.quotes()
        agree(running)


def test_a_disk_that_becomes_read_only_and_then_fails(venue: Sandbox, tmp_path: Path) -> None:
    with live(venue, 1, tmp_path) as running:
        running.resume()
        suffers(running, ailing.read_only(tmp_path / "arb.db"), "its disk, folder or file is read-only")
        running.quotes()
        with ailing.no_longer(tmp_path / "arb.db"):
            orders = stops(running, "the disk failed to read or write the database")
        assert "restart the engine" in reasons(running)[0]
        stays_stopped(running, orders)
        agree(running)


@pytest.mark.proves("I30")
def test_torn_pages_stop_it_for_good(venue: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "arb.db"
    with live(venue, 2, tmp_path) as running:
        running.resume()
        running.quotes()
        before = {entry.order_id for entry in journalled(running, SubmitOrder)}
        with closing(sqlite3.connect(file, timeout=10)) as beside:
            assert before
            running.until(
                lambda: beside.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, "the log is folded in"
            )
        ailing.torn(file)
        running.engine._writer.database.execute_sql("PRAGMA shrink_memory")
        orders = stops(running, "the database is damaged")
        assert "restart the engine" in reasons(running)[0]
        stays_stopped(running, orders)


def test_a_connection_that_is_cut_stops_it_for_good_and_a_new_start_goes_on(
    venue: Sandbox, tmp_path: Path, distant: str, proxy: Proxy
) -> None:
    with live(venue, 3, tmp_path, database=distant) as running:
        running.resume()
        running.trades(1)
        running.quotes()
        proxy.cut()
        orders = stops(running, "is lost")
        proxy.mend()
        stays_stopped(running, orders)
        assert "restart the engine" in reasons(running)[0]
    with live(venue, 3, tmp_path, database=distant) as again:
        again.until(lambda: again.held() == holdings(again), "it knows what the venue says that it holds")
        again.resume()
        again.trades(1)


def holdings(running: LiveEngine) -> Counter[str]:
    """What the venue says that the account has of each token, in micro-shares."""
    return +Counter(running.wallet()["tokens"])


@pytest.mark.proves("I27", "I29")
def test_yesterdays_database_is_refused_and_what_is_held_is_found_at_the_venue(venue: Sandbox, tmp_path: Path) -> None:
    file, yesterday = tmp_path / "arb.db", tmp_path / "yesterday"
    with live(venue, 4, tmp_path) as running:
        running.resume()
        running.trades(1)
    copyfile(file, yesterday)
    with live(venue, 4, tmp_path) as running:
        running.resume()
        running.trades(2)
    copyfile(yesterday, file)
    orders = len(placed(venue, 4))
    with pytest.raises(Older, match="the database is older than its journal was"), live(venue, 4, tmp_path):
        pass
    set_aside(sqlite_url(file), Heads(tmp_path), 1)
    with live(venue, 4, tmp_path) as again:
        again.until(lambda: {source for source, _ in again.cells()} >= {"foreign"}, "what was just traded is not ours")
        assert again.states() == {TradingState.HALTED}
        again.until(
            lambda: any(entry.yes + entry.no for entry in journalled(again, HoldingsFound)), "what is held is found"
        )
        assert not again.held(), "and is in no figure"
        assert len(again.placed()) == orders
