import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.runtime.actor import Context
from actors.runtime.dead_letters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.simulation import SimDispatcher
from actors.runtime.surroundings import Emergency
from actors.store.chain import verify
from actors.store.database import open_reader
from actors.store.journal import JournalActor, MemoryJournal
from actors.store.tape import Place
from models.cells import TradingState
from models.messages.audit import CommandAnswered
from models.messages.base import Message
from models.messages.control import CommandApplied, RaiseCell
from models.messages.operations import Batch, SubmitRedemption
from models.messages.orders import MergeChanged, OrderNotJournalled, SubmitMerge
from models.messages.recall import RecallAsked, Recalled, RecallEnded
from models.messages.records import SegmentOpened
from models.orders import OrderState
from models.storage import JournalParameters
from tests.actors.store.desk import START, Desk, Listener

Table = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def desk(url: str, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(url, tmp_path, JournalParameters(batch_rows=20, kept_while_refused=3))
    yield desk
    desk.stop()


@pytest.mark.proves("I4")
def test_an_order_is_on_the_disk_before_it_is_passed_on(desk: Desk, table: Table, make: Any) -> None:
    on_disk: list[int] = []
    desk.on_venue = lambda _: on_disk.append(len(table("orders")))
    desk.tell(make.submit(1))
    assert on_disk == [1]


@pytest.mark.proves("I4")
def test_the_gate_hears_of_an_order_when_it_is_on_the_disk_and_before_the_venue_does(
    desk: Desk, table: Table, make: Any
) -> None:
    heard: list[tuple[str, int, int]] = []
    desk.on_committed = lambda order: heard.append((order.order_id, len(table("orders")), len(desk.venue)))
    order = make.submit(1)
    desk.tell(order)
    assert heard == [(order.order_id, 1, 0)]
    desk.break_database()
    desk.tell(make.submit(2))
    assert len(heard) == 1, "nothing of it is on the disk"
    desk.mend_database()


def test_orders_are_passed_on_unchanged_and_in_order(desk: Desk, make: Any) -> None:
    orders = [make.submit(number) for number in range(1, 6)]
    desk.tell(*orders)
    assert desk.venue == orders
    assert desk.executor == []


def test_what_is_done_on_chain_is_passed_on_behind_its_state(desk: Desk) -> None:
    batch = Batch(7, 1_790_000_600)
    changed = MergeChanged("m1", "desk", "m", 5, "submitted", 0, START, batch)
    submit = SubmitMerge("m1", "m", 5, batch)
    on_disk: list[int] = []
    desk.on_chain = lambda _: on_disk.append(verify(desk.writer.database).seq)
    desk.tell(changed, submit, SubmitRedemption("r1", "m", 10_000))
    assert on_disk == [1, 1]


def test_what_cannot_be_journalled_is_not_done_on_chain(desk: Desk) -> None:
    desk.break_database()
    desk.tell(MergeChanged("m1", "desk", "m", 5, "requested", 0, START), SubmitMerge("m1", "m", 5))
    assert desk.chain == []
    desk.mend_database()


def test_all_orders_that_wait_share_one_commit(desk: Desk, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    write = desk.writer.write
    monkeypatch.setattr(
        desk.writer, "write", lambda rows, chained: (commits.append(len(chained)), write(rows, chained))
    )
    desk.tell(make.changed(9, OrderState.WORKING), *[make.submit(number) for number in range(1, 6)])
    assert commits == [6]


def test_what_is_not_urgent_waits_for_the_batch(desk: Desk, table: Table, make: Any) -> None:
    desk.tell(make.changed(1, OrderState.WORKING))
    desk.wait(1.9)
    assert table("orders") == []
    desk.wait(0.1)
    assert [row["state"] for row in table("orders")] == ["working"]


def test_a_full_batch_does_not_wait(desk: Desk, table: Table, make: Any) -> None:
    desk.tell(*[make.changed(number, OrderState.WORKING) for number in range(20)])
    assert len(table("orders")) == 20


def test_a_fill_does_not_wait(desk: Desk, table: Table, make: Any) -> None:
    desk.tell(make.fill(1))
    assert len(table("fills")) == 1


def test_an_idle_journal_asks_for_no_timer_but_the_hourly_one(desk: Desk, make: Any) -> None:
    desk.tell(make.submit(1), make.book())
    desk.wait(10)
    served = desk.mailbox.served
    desk.wait(3_000)
    assert desk.mailbox.served == served
    desk.wait(600)
    assert desk.mailbox.served == served + 1


@pytest.mark.proves("I30")
def test_a_database_that_refuses_lets_no_order_leave(desk: Desk, make: Any) -> None:
    desk.break_database()
    desk.tell(make.submit(1), make.submit(2))
    assert desk.venue == []
    [first, second] = desk.executor
    assert isinstance(first, OrderNotJournalled)
    assert first.order_id == make.submit(1).order_id
    assert "journal" in first.reason
    assert isinstance(second, OrderNotJournalled)
    assert second.order_id == make.submit(2).order_id
    assert len(desk.closed) == 1
    assert desk.closed[0].startswith("journal: the database took nothing")
    desk.mend_database()


@pytest.mark.proves("I30")
def test_the_gate_is_closed_before_the_executor_is_told(desk: Desk, make: Any) -> None:
    desk.break_database()
    desk.tell(make.submit(1))
    assert desk.order_of_events == ["gate", "executor"]
    desk.mend_database()


def test_what_money_hangs_on_is_kept_until_the_database_takes_it(desk: Desk, table: Table, make: Any) -> None:
    desk.break_database()
    desk.tell(make.submit(1), make.fill(1))
    desk.mend_database()
    assert table("fills") == []
    desk.wait(2)
    assert [row["trade_id"] for row in table("fills")] == ["trade 1"]
    assert table("orders") == []
    desk.tell(make.submit(2))
    assert desk.venue == [make.submit(2)]
    assert verify(desk.writer.database).seq == 2


def test_who_said_what_while_the_database_refused_is_in_it_when_it_takes_rows_again(
    desk: Desk, table: Table, make: Any
) -> None:
    desk.break_database()
    said = CommandAnswered("r1", "cli", "set", None, {}, "done", START, START)
    opened = SegmentOpened("tag", 2, {"maker.bid_size": "5 -> 6"}, {"maker.bid_size": "6"}, "cli", START)
    desk.tell(said, opened, make.fill(1))
    assert [json.loads(line)[2]["type"] for line in desk.emergency.read_text().splitlines()] == [
        "CommandAnswered", "SegmentOpened", "FillCounted",
    ]  # fmt: skip
    desk.mend_database()
    assert table("audit") == []
    desk.wait(2)
    assert [row["request"] for row in table("audit")] == ["r1"]
    assert [row["kind"] for row in table("events") if row["kind"] == "segment"] == ["segment"]


@pytest.mark.proves("I36")
def test_what_is_kept_while_the_database_refuses_is_bounded(desk: Desk, table: Table, make: Any) -> None:
    desk.break_database()
    for number in range(5):
        desk.tell(make.changed(number, OrderState.WORKING), make.fill(number))
    desk.mend_database()
    desk.wait(2)
    assert [row["trade_id"] for row in table("fills")] == ["trade 3", "trade 4"]
    actor = desk.mailbox.owner
    assert isinstance(actor, JournalActor)
    assert actor.dropped == 5 * 1 + 5 * 2 - (2 + 1 + 2)


@pytest.mark.proves("I30")
def test_the_emergency_file_has_once_what_the_database_did_not_take(desk: Desk, make: Any) -> None:
    desk.break_database()
    for number in range(3):
        desk.tell(make.fill(number), make.place(number))
    desk.mend_database()
    lines = [json.loads(line) for line in desk.emergency.read_text().splitlines()]
    assert [line[2]["trade_id"] for line in lines] == ["trade 0", "trade 1", "trade 2"]
    assert lines[0][:2] == [START, "journal"]


def test_what_waits_is_written_when_the_journal_stops(desk: Desk, url: str, table: Table, make: Any) -> None:
    desk.tell(make.changed(1, OrderState.WORKING), make.place(2))
    desk.stop()
    assert len(table("orders")) == 1
    assert len(table("order_intents")) == 1
    assert not desk.writer.is_open
    reader = open_reader(url)
    assert verify(reader).seq == 1
    reader.close()
    if url.startswith("sqlite"):
        wal = Path(url.removeprefix("sqlite:///") + "-wal")
        assert not wal.exists() or wal.stat().st_size == 0


def test_a_journal_that_starts_again_goes_on_in_the_same_run(desk: Desk, url: str, tmp_path: Path, make: Any) -> None:
    desk.tell(make.submit(1))
    desk.stop()
    desk.start_again()
    desk.tell(make.submit(2))
    assert desk.venue == [make.submit(1), make.submit(2)]
    assert verify(desk.writer.database).seq == 2


def test_a_run_is_recalled_to_risk_and_executor_in_its_order(desk: Desk, make: Any) -> None:
    halted = RaiseCell("0xab", "marks", TradingState.HALTED, "no_mark")
    story = [halted, make.submit(1), make.changed(1, OrderState.WORKING), make.fill(1)]
    desk.tell(*story)
    desk.order_of_events.clear()
    assert desk.recall() == story
    assert desk.risk == [Recalled(tuple((START, message) for message in story), 4), RecallEnded()]
    assert desk.order_of_events == ["risk", "executor", "release", "risk", "executor"]


def test_what_waits_for_a_batch_is_recalled_too(desk: Desk, table: Table, make: Any) -> None:
    desk.tell(make.changed(1, OrderState.WORKING))
    assert table("journal") == []
    assert desk.recall() == [make.changed(1, OrderState.WORKING)]


def test_an_earlier_run_is_not_recalled(desk: Desk, url: str, tmp_path: Path, make: Any) -> None:
    desk.tell(make.submit(1))
    desk.stop()
    later = Desk(url, tmp_path, JournalParameters())
    later.tell(make.submit(2))
    assert later.recall() == [make.submit(2)]
    later.stop()


def test_a_long_run_is_recalled_in_pages(desk: Desk, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.store.journal._PAGE", 3)
    story = [make.submit(number) for number in range(1, 9)]
    desk.tell(*story)
    assert desk.recall() == story
    assert [len(page.entries) for page in desk.risk if isinstance(page, Recalled)] == [3, 3, 2]


def test_a_core_is_not_rebuilt_from_half_a_chain(desk: Desk, make: Any) -> None:
    desk.break_database()
    desk.tell(make.fill(1), RecallAsked(0))
    assert desk.dispatcher.directory.find("journal") is None
    assert desk.executor == []


def test_what_a_journal_had_not_written_when_it_died_is_a_dead_letter(desk: Desk, make: Any) -> None:
    desk.order_of_events.clear()
    lost = [make.changed(1, OrderState.WORKING), make.submit(2)]
    desk.tell(*lost, msgspec.structs.replace(make.changed(3, OrderState.WORKING), state=None))
    assert desk.dispatcher.directory.find("journal") is None
    letters = [(letter.message, letter.reason) for letter in desk.dispatcher.dead_letters.newest()]
    assert letters[-3:-1] == [(message, "unread") for message in lost]
    assert desk.venue == []
    assert desk.order_of_events == ["hold"]


def test_an_event_knows_its_frame_on_the_tape(desk: Desk, table: Table, make: Any) -> None:
    desk.places[START + 7] = Place("20260921T000000-000000000", 1234)
    desk.tell(make.book(at_ns=START + 7))
    desk.tell(make.book(bid=4_700, seq=2, at_ns=START + 8))
    desk.wait(2)
    seen, later = table("events")
    assert (seen["kind"], seen["tape_segment"], seen["tape_offset"]) == ("touch", "20260921T000000-000000000", 1234)
    assert (later["kind"], later["tape_segment"]) == ("touch", None)


def test_only_a_changed_touch_is_an_event(desk: Desk, table: Table, make: Any) -> None:
    for seq in range(5):
        desk.tell(make.book(seq=seq, at_ns=START + seq))
    desk.wait(2)
    assert len(table("events")) == 1


def test_books_are_written_now_and_then(desk: Desk, table: Table, make: Any) -> None:
    for seq in range(5):
        desk.tell(make.book(seq=seq), make.book("0xcd", seq=seq))
    desk.wait(8)
    assert [(row["market"], row["book_seq"]) for row in table("book_snapshots")] == [("0xab", 4), ("0xcd", 4)]
    desk.wait(60)
    assert len(table("book_snapshots")) == 2


def test_a_kill_is_on_the_disk_at_once(desk: Desk, table: Table) -> None:
    desk.tell(CommandApplied("r1", "kill", None, True, None, START))
    kept = json.loads({row["key"]: row["value"] for row in table("meta")}["kill"])
    assert kept == {"request": "r1", "at_ns": START, "reason": ""}


def test_without_a_database_orders_are_passed_on(tmp_path: Path, make: Any) -> None:
    told: list[Message] = []
    dispatcher = SimDispatcher(Directory(DeadLetters()), Emergency(pytest.fail, lambda _: None))
    Listener.start(Context("venue", dispatcher), told.append)
    MemoryJournal.start(Context("journal", dispatcher), "venue")
    dispatcher.deliver("journal", make.changed(1, OrderState.WORKING))
    dispatcher.deliver("journal", make.submit(1))
    dispatcher.run_ready()
    assert told == [make.submit(1)]


def test_a_chain_in_memory_outlives_its_journal(make: Any) -> None:
    told: list[Message] = []
    chain: list[tuple[int, Any]] = []
    dispatcher = SimDispatcher(Directory(DeadLetters()), Emergency(pytest.fail, lambda _: None))
    Listener.start(Context("executor", dispatcher), told.append)
    for number in (1, 2):
        MemoryJournal.start(Context("journal", dispatcher), "venue", chain)
        dispatcher.deliver("journal", make.submit(number))
        dispatcher.deliver("journal", make.book())
        dispatcher.run_ready()
        dispatcher.directory.stop("journal")
        dispatcher.run_ready()
    MemoryJournal.start(Context("journal", dispatcher), "venue", chain)
    for after in (0, 2):
        dispatcher.deliver("journal", RecallAsked(after))
    dispatcher.run_ready()
    assert told == [Recalled(((0, make.submit(1)), (0, make.submit(2))), 2), RecallEnded()]


def test_where_nothing_was_kept_a_dead_core_is_the_end() -> None:
    aborts: list[str] = []
    dispatcher = SimDispatcher(Directory(DeadLetters()), Emergency(aborts.append, lambda _: None))
    MemoryJournal.start(Context("journal", dispatcher, "core"), "venue")
    dispatcher.deliver("journal", RecallAsked(0))
    dispatcher.run_ready()
    assert "nothing was kept" in aborts[0]
