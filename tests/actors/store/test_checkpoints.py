"""The journal sums itself up now and then, and a core is rebuilt from there."""

from pathlib import Path
from typing import Any

import pytest

from actors.store.chain import Broken, check, newest_checkpoint, read_page, verify
from actors.store.database import open_reader
from models.messages.base import Message
from models.messages.orders import FillCounted, FillSettled, OrderChanged, SubmitOrder
from models.messages.position import LedgerSnapshot
from models.messages.recall import Checkpointed, RecallAsked
from models.orders import OrderState
from models.storage import JournalParameters
from tests.actors.store.desk import Desk

EVERY = JournalParameters(checkpoint_every=5)


def first_five(make: Any) -> list[Message]:
    return [
        make.submit(1), make.changed(1, OrderState.WORKING), make.fill(1), make.changed(1, OrderState.FILLED),
        FillSettled(make.fill(1), 9),
    ]  # fmt: skip


def test_after_so_many_entries_one_stands_for_them_all(url: str, tmp_path: Path, make: Any) -> None:
    desk = Desk(url, tmp_path, EVERY)
    for message in first_five(make):
        desk.tell(message)
        desk.wait(3)
    desk.tell(make.submit(2))
    checkpoint, later = desk.recall()
    assert later == make.submit(2)
    assert isinstance(checkpoint, Checkpointed)
    assert [type(entry) for _, entry in checkpoint.entries] == [SubmitOrder, OrderChanged, LedgerSnapshot]
    assert checkpoint.fills == (FillSettled(make.fill(1), 9),)
    verify(desk.writer.database)
    desk.stop()


def test_it_comes_behind_the_order_that_completes_the_number(url: str, tmp_path: Path, make: Any) -> None:
    desk = Desk(url, tmp_path, JournalParameters(checkpoint_every=1))
    desk.tell(make.submit(1))
    assert desk.venue == [make.submit(1)]
    assert newest_checkpoint(desk.writer.database) == 2
    desk.stop()


def test_a_later_checkpoint_stands_for_the_earlier_one_too(url: str, tmp_path: Path, make: Any) -> None:
    desk = Desk(url, tmp_path, EVERY)
    for message in first_five(make) * 2:  # what stands twice counts once
        desk.tell(message)
        desk.wait(3)
    (second,) = desk.recall()
    assert isinstance(second, Checkpointed)
    assert [type(entry) for _, entry in second.entries] == [SubmitOrder, OrderChanged, LedgerSnapshot]
    assert [type(fill) for fill in second.fills] == [FillSettled]
    desk.stop()


def test_a_journal_that_takes_a_dead_ones_place_goes_on_summing_up(url: str, tmp_path: Path, make: Any) -> None:
    desk = Desk(url, tmp_path, EVERY)
    for message in first_five(make):
        desk.tell(message)
        desk.wait(3)
    desk.stop()
    desk.start_again(EVERY)
    desk.tell(RecallAsked(0))
    desk.tell(make.submit(2))  # comes between two pages
    (checkpoint, other) = desk.recall()
    assert isinstance(checkpoint, Checkpointed)
    assert other == make.submit(2)
    for state in (OrderState.WORKING, OrderState.CANCELLING, OrderState.CANCELLED):
        desk.tell(make.changed(2, state))
    desk.wait(3)
    assert newest_checkpoint(desk.writer.database) == 6, "the page that was read is not counted again"
    desk.tell(make.fill(2))
    (second,) = desk.recall()
    assert isinstance(second, Checkpointed)
    assert {entry.order_id for _, entry in second.entries if isinstance(entry, SubmitOrder)} == {
        make.submit(1).order_id, make.submit(2).order_id,
    }  # fmt: skip
    assert [type(fill) for fill in second.fills] == [FillSettled, FillCounted]
    desk.stop()


def test_a_run_does_not_begin_at_the_checkpoint_of_another(url: str, tmp_path: Path, make: Any) -> None:
    desk = Desk(url, tmp_path, JournalParameters(checkpoint_every=1))
    desk.tell(make.submit(1))
    desk.stop()
    later = Desk(url, tmp_path, JournalParameters())
    later.tell(make.submit(2))
    assert later.recall() == [make.submit(2)]
    later.stop()


def test_no_checkpoint_is_written_while_the_database_refuses(url: str, tmp_path: Path, make: Any) -> None:
    desk = Desk(url, tmp_path, JournalParameters(checkpoint_every=2))
    desk.tell(make.submit(1))
    desk.break_database()
    desk.tell(make.fill(1))
    desk.mend_database()
    desk.wait(10)
    with open_reader(url) as database:
        assert newest_checkpoint(database) == 3
    assert [type(entry) for entry in desk.recall()] == [Checkpointed]
    desk.stop()


@pytest.mark.parametrize("ended", [0, 5])
def test_without_a_checkpoint_only_what_may_be_spoken_of_is_read(
    url: str, tmp_path: Path, make: Any, ended: int
) -> None:
    desk = Desk(url, tmp_path, JournalParameters())
    desk.tell(make.submit(1), make.submit(2), make.changed(1, OrderState.CANCELLED))
    desk.wait(3)
    found = [entry.message for entry in read_page(desk.writer.database, 0, 10, ended=ended)]
    assert (make.submit(1) in found, make.submit(2) in found) == (bool(ended), True)
    assert len(read_page(desk.writer.database, 0, 10, ended=None)) == 3
    desk.stop()


def test_a_start_walks_through_all_that_it_learns_from(url: str, tmp_path: Path, make: Any) -> None:
    desk = Desk(url, tmp_path, EVERY)
    for message in [*first_five(make), make.submit(2), make.submit(3)]:
        desk.tell(message)
        desk.wait(3)
    head = check(desk.writer.database, None, newest=1)
    assert head.seq == 8
    desk.writer.database.execute_sql("UPDATE journal SET body = '{}' WHERE seq = 7")
    with pytest.raises(Broken, match="entry 7"):
        check(desk.writer.database, None, newest=1)
    desk.writer.database.execute_sql("UPDATE journal SET digest = '' WHERE seq = 4")
    with pytest.raises(Broken, match="entry 7"):
        check(desk.writer.database, None, newest=1)
    desk.stop()
