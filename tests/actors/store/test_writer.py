import json
from collections.abc import Callable
from typing import Any

import pytest

from actors.store.chain import read_back, read_page, verify
from actors.store.database import StoreError, open_reader, open_writer
from actors.store.rows import Row, listed_prefix, rows_of
from actors.store.tables import Event
from actors.store.writer import Writer
from models.markets import Market
from models.messages.base import Message
from models.messages.catalogue import MarketListed
from models.messages.control import CommandApplied
from models.messages.orders import FillSettled, FillVoided, SubmitOrder
from models.messages.position import InventoryUpdated, Leg, Position
from models.orders import OrderState

Table = Callable[[str], list[dict[str, Any]]]


def write(writer: Writer, *messages: Message, at_ns: int = 9_000, chain: bool = True) -> None:
    rows = [row for message in messages for row in rows_of(message, writer.run, at_ns)]
    writer.write(rows, [(at_ns, message) for message in messages] if chain else [])


def test_every_run_has_a_name_of_its_own(url: str) -> None:
    writer = Writer(url, 5_000_000)
    first = writer.run
    writer.close()
    writer = Writer(url, 5_000_000)
    assert (first, writer.run) == ("1-5", "2-5")
    writer.close()


def test_a_live_account_has_its_database_to_itself_and_all_of_its_runs_are_read_back(url: str, make: Any) -> None:
    for number in (1, 2):
        writer = Writer(url, 5_000_000, "0xwallet")
        write(writer, make.submit(number), make.changed(number, OrderState.WORKING))
        found = [entry.message for entry in writer.read_back(0, 10) if isinstance(entry.message, SubmitOrder)]
        assert [order.order_id for order in found] == [make.submit(one).order_id for one in range(1, number + 1)]
        assert writer.order_ids() == {order.order_id for order in found}
        writer.close()
    for stranger in ("", "0xother"):
        with pytest.raises(StoreError, match="belongs to live trading of 0xwallet"):
            Writer(url, 5_000_000, stranger)


def test_an_account_does_not_go_on_where_others_traded_on_paper(url: str) -> None:
    Writer(url, 5_000_000).close()
    with pytest.raises(StoreError, match="runs that moved no money"):
        Writer(url, 5_000_000, "0xwallet")
    Writer(url, 5_000_000).close()


def test_a_writer_that_was_closed_opens_again_in_the_same_run(url: str, make: Any) -> None:
    writer = Writer(url, 5_000_000)
    write(writer, make.submit(1))
    writer.close()
    writer.reopen()
    writer.reopen()
    write(writer, make.submit(2))
    assert writer.run == "1-5"
    assert verify(writer.database).seq == 2
    writer.close()


def test_an_order_shows_its_newest_state(url: str, table: Table, make: Any) -> None:
    writer = Writer(url, 0)
    write(writer, make.submit(1), make.changed(1, OrderState.PLACING))
    write(writer, make.changed(1, OrderState.WORKING, at_ns=3_500))
    write(writer, make.changed(1, OrderState.FILLED, filled=5_000_000, at_ns=3_700))
    [order] = table("orders")
    assert (order["state"], order["filled"], order["changed_ns"]) == ("filled", 5_000_000, 3_700)
    assert (order["created_ns"], order["price"], order["size"], order["run"]) == (1_001, 4_800, 5_000_000, "1-0")
    writer.close()


@pytest.mark.parametrize("wish_first", [True, False])
def test_a_wish_and_the_order_that_came_of_it_are_one_intent(
    wish_first: bool, url: str, table: Table, make: Any
) -> None:
    writer = Writer(url, 0)
    for message in (make.place(1), make.submit(1)) if wish_first else (make.submit(1), make.place(1)):
        write(writer, message, chain=False)
    write(writer, make.place(2), chain=False)
    first, second = sorted(table("order_intents"), key=lambda row: row["intent"])
    assert (first["order_id"], first["submitted_ns"]) == (f"0x{1:064x}", 2_001)
    assert (second["order_id"], second["submitted_ns"]) == (None, None)
    writer.close()


@pytest.mark.proves("I5")
def test_an_intent_never_becomes_two_orders(url: str, table: Table, make: Any) -> None:
    writer = Writer(url, 0)
    write(writer, make.submit(1))
    twin = make.submit(2, intent=make.place(1).intent)
    with pytest.raises(StoreError):
        write(writer, twin)
    assert len(table("orders")) == 1
    write(writer, make.submit(3))
    assert verify(writer.database).seq == 2
    writer.close()


def test_a_fill_keeps_what_became_of_it(url: str, table: Table, make: Any) -> None:
    writer = Writer(url, 0)
    settled, voided = make.fill(1), make.fill(2)
    write(writer, settled, voided, FillSettled(settled, 5_000), FillVoided(voided, 6_000))
    write(writer, settled)
    fills = {row["trade_id"]: row for row in table("fills")}
    assert (fills["trade 1"]["status"], fills["trade 1"]["changed_ns"]) == ("settled", 5_000)
    assert (fills["trade 2"]["status"], fills["trade 2"]["changed_ns"]) == ("voided", 6_000)
    assert fills["trade 1"]["cash"] == 2_400_000
    writer.close()


def test_a_batch_that_is_refused_leaves_nothing(url: str, table: Table, make: Any) -> None:
    writer = Writer(url, 0)
    bad = Row(Event, {"at_ns": None, "kind": "x", "market": None, "detail": "", "tape_segment": None, "tape_offset": 0})
    with pytest.raises(StoreError):
        writer.write([*rows_of(make.submit(1), writer.run, 0), bad], [(0, make.submit(1))])
    assert table("orders") == table("order_intents") == table("journal") == []
    write(writer, make.submit(1))
    assert verify(writer.database).seq == 1
    writer.close()


@pytest.mark.proves("I29")
def test_the_chain_is_whole(url: str, make: Any) -> None:
    writer = Writer(url, 0)
    for number in range(1, 6):
        write(writer, make.submit(number), make.changed(number, OrderState.WORKING))
    assert verify(writer.database).seq == 10
    writer.close()


@pytest.mark.proves("I29")
@pytest.mark.parametrize(
    "vandalism, found",
    [
        (
            "UPDATE journal SET body = replace(body, '4800', '4900') WHERE seq = 3",
            r"entry 3 \(SubmitOrder 0x.*3\) is not",
        ),
        ("UPDATE journal SET at_ns = at_ns + 1 WHERE seq = 2", "entry 2 .* is not what was written"),
        ("DELETE FROM journal WHERE seq = 4", "entry 4 is missing"),
        ("UPDATE journal SET digest = 'x' WHERE seq = 5", "entry 5"),
    ],
)
def test_an_edited_chain_refuses_the_start(vandalism: str, found: str, url: str, make: Any) -> None:
    writer = Writer(url, 0)
    for number in range(1, 6):
        write(writer, make.submit(number))
    writer.database.execute_sql(vandalism)
    writer.close()
    with pytest.raises(StoreError, match=f"the journal is damaged: {found}"):
        Writer(url, 0)
    open_writer(url).close()


def test_what_is_read_back_is_all_fills_and_the_orders_that_had_not_ended(url: str, make: Any) -> None:
    writer = Writer(url, 0)
    ended, open_order = make.submit(1), make.submit(2)
    fill = make.fill(1)
    killed = CommandApplied("r1", "kill", None, True, None, 7_000)
    story = [ended, make.changed(1, OrderState.WORKING), open_order, fill, make.changed(1, OrderState.FILLED)]
    story += [make.changed(2, OrderState.WORKING), FillSettled(fill, 6_000), killed]
    for message in story:
        write(writer, message)
    writer.close()
    reader = open_reader(url)
    kept = [open_order, fill, make.changed(2, OrderState.WORKING), FillSettled(fill, 6_000), killed]
    assert [entry.message for entry in read_back(reader)] == kept
    assert [entry.message for entry in read_back(reader, ended=2)] == story
    assert [entry.message for entry in read_page(reader, 3, 2)] == kept[1:3]
    reader.close()


def test_old_events_are_pruned_by_age_and_by_number(url: str, table: Table, make: Any) -> None:
    writer = Writer(url, 0)
    for number in range(10):
        write(writer, make.fill(number, at_ns=1_000 * number))
    assert not writer.prune(3_000, keep_rows=5)
    assert [row["at_ns"] for row in table("events")] == [5_000, 6_000, 7_000, 8_000, 9_000]
    writer.prune(8_000, keep_rows=100)
    assert [row["at_ns"] for row in table("events")] == [8_000, 9_000]
    assert len(table("fills")) == 10
    writer.close()


def test_pruning_goes_in_steps(url: str, table: Table, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.store.writer._PRUNE_STEP", 3)
    writer = Writer(url, 0)
    for number in range(7):
        write(writer, make.fill(number, at_ns=number))
    assert writer.prune(100, keep_rows=100)
    assert len(table("events")) == 4
    assert writer.prune(100, keep_rows=100)
    assert not writer.prune(100, keep_rows=100)
    assert table("events") == []
    writer.close()


def test_the_present_position_of_a_market_is_never_too_old(url: str, table: Table, make: Any) -> None:
    writer = Writer(url, 0)
    write(writer, InventoryUpdated("maker", "0xab", Position(realized=1), 11), chain=False)
    writer.prune(10**18, keep_rows=100)
    assert len(table("positions")) == 1
    writer.close()


def test_markets_concern_us_as_long_as_something_is_held_or_an_order_has_just_changed(url: str, make: Any) -> None:
    writer = Writer(url, 5_000_000)
    write(writer, make.submit(1), make.changed(1, OrderState.FILLED, at_ns=3_000))
    market = make.submit(1).order.market
    assert (writer.markets_concerned(3_000), writer.markets_concerned(3_001)) == ({market}, set())
    write(writer, InventoryUpdated("maker", "held", Position(yes=Leg(5, 2, 5)), 11), chain=False)
    write(writer, InventoryUpdated("other", "held", Position(), 12), chain=False)
    write(writer, InventoryUpdated("maker", "gone", Position(no=Leg(5, 2, 5)), 13), chain=False)
    write(writer, InventoryUpdated("maker", "gone", Position(), 14), chain=False)
    assert writer.markets_concerned(3_001) == {"held"}
    assert writer.held() == {("maker", "held"): (5, 0)}
    writer.close()


def test_what_was_said_last_of_each_market_is_known_to_the_next_run_of_the_same_mode(url: str) -> None:
    def said(name: str, traded: bool, mode: str = "paper") -> MarketListed:
        return MarketListed(Market(name, f"slug-{name}", ("1", "2")), traded, mode, "test", 7)

    writer = Writer(url, 0)
    write(writer, said("a", True), said("b_c%", True), said("only", True, "live"))
    write(writer, said("a", False))
    writer.close()
    writer = Writer(url, 0)
    found = {name: json.loads(fact)["traded"] for name, fact in writer.facts(listed_prefix("paper")).items()}
    assert found == {"a": False, "b_c%": True}
    assert set(writer.facts(listed_prefix("live"))) == {"only"}
    assert writer.facts(listed_prefix("pap")) == {}
    assert [entry.message for entry in read_back(writer.database)] == [
        said("a", True), said("b_c%", True), said("only", True, "live"), said("a", False),
    ]  # fmt: skip
    writer.close()
