from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from actors.store.database import StoreError
from actors.store.queries import Reader
from actors.store.rows import rows_of
from actors.store.writer import Writer
from models.cells import TradingState
from models.markets import Side
from models.messages.audit import CommandAnswered
from models.messages.base import Message
from models.messages.control import CommandApplied
from models.messages.decisions import DecisionMade, Explanation
from models.messages.market import TradeSeen
from models.messages.orders import FillVoided
from models.messages.position import InventoryUpdated, Position
from models.messages.records import ProfitMarked
from models.messages.runtime import ActorFailed
from models.orders import OrderState


@pytest.fixture
def writer(url: str) -> Iterator[Writer]:
    writer = Writer(url, 0)
    yield writer
    writer.close()


@pytest.fixture
def reader(url: str, writer: Writer) -> Iterator[Reader]:
    with Reader(url) as reader:
        yield reader


def write(writer: Writer, *messages: Message, at_ns: int = 0) -> None:
    writer.write([row for message in messages for row in rows_of(message, writer.run, at_ns)], [])


def test_an_empty_database_answers_with_nothing(reader: Reader) -> None:
    assert reader.fills() == reader.orders() == reader.decisions() == reader.events() == reader.errors() == []
    assert reader.audit() == reader.profits() == []
    assert reader.kill_latch() is None
    assert reader.verify() == 0
    assert reader.counts() == {name: 2 * (name == "meta") for name in reader.counts()}, "the run, and who writes"


def test_fills_are_found_by_market_desk_and_time(reader: Reader, writer: Writer, make: Any) -> None:
    write(writer, make.fill(1), make.fill(2, market="0xcd"), make.fill(3, tag="other"), make.fill(4))
    assert [row["trade_id"] for row in reader.fills()] == ["trade 4", "trade 3", "trade 2", "trade 1"]
    assert [row["trade_id"] for row in reader.fills(market="0xab", tag="maker")] == ["trade 4", "trade 1"]
    assert [row["trade_id"] for row in reader.fills(since_ns=4_003)] == ["trade 4", "trade 3"]
    assert [row["trade_id"] for row in reader.fills(limit=1)] == ["trade 4"]
    assert reader.fills(limit=1)[0]["maker"] is True


def test_open_orders_are_those_that_have_not_ended(reader: Reader, writer: Writer, make: Any) -> None:
    states = [OrderState.WORKING, OrderState.FILLED, OrderState.UNKNOWN, OrderState.NEVER_SENT]
    for number, state in enumerate(states):
        write(writer, make.submit(number), make.changed(number, state, at_ns=number))
    assert [row["state"] for row in reader.orders(only_open=True)] == ["unknown", "working"]
    assert len(reader.orders()) == 4


def test_a_decision_says_why(reader: Reader, writer: Writer) -> None:
    explained = Explanation(
        "maker", "0xab", "slug", 8, "Hedge", TradingState.REDUCING, "hedge_only", (), (), None, (), ("naked",)
    )
    for sequence in (1, 2):
        write(writer, DecisionMade("maker", "0xab", sequence, False, explained))
    newest, _ = reader.decisions("0xab")
    assert (newest["sequence"], newest["phase"], newest["state"]) == (2, "Hedge", "REDUCING")
    assert newest["explanation"]["notes"] == ["naked"]
    assert newest["on_synthetic_proof"] is False


def test_events_are_found_by_kind(reader: Reader, writer: Writer, make: Any) -> None:
    write(writer, make.fill(1), TradeSeen("0xab", 0, Side.SELL, 4_700, 5_000_000, 16))
    [trade] = reader.events(kind="trade")
    assert trade["detail"] == {"inferred": False, "price": 4_700, "side": "SELL", "size": 5_000_000}
    assert len(reader.events("0xab")) == 2


def test_the_audit_says_who_and_what_came_of_it(reader: Reader, writer: Writer) -> None:
    write(writer, CommandAnswered("r1", "cli ada", "pause", "0xab", {"market": "0xab"}, "paused", 13, 14))
    [row] = reader.audit()
    assert (row["who"], row["verb"], row["result"]) == ("cli ada", "pause", "paused")
    assert row["arguments"] == {"market": "0xab"}
    assert (row["outcome"], row["role"], row["uid"], row["pid"]) == ("done", "", None, None)


def test_what_came_of_a_command_takes_the_place_of_its_beginning(reader: Reader, writer: Writer) -> None:
    begun = CommandAnswered("r1", "cli ada", "kill", None, {"reason": "x"}, "nobody knows", 13, 14, "begun")
    write(writer, begun)
    assert [(row["outcome"], row["result"]) for row in reader.audit()] == [("begun", "nobody knows")]
    assert writer.kill_is_audited(), "who killed is known, though the engine died in the midst of it"
    write(writer, replace(begun, result="killed", outcome="partial", at_ns=20, arguments={"reason": "x", "left": "1"}))
    [row] = reader.audit()
    assert (row["outcome"], row["result"], row["arguments"]) == ("partial", "killed", {"reason": "x", "left": "1"})
    write(writer, CommandAnswered("r2", "cli ada", "clear_kill", None, {}, "nobody knows", 30, 31, "begun"))
    assert writer.kill_is_audited(), "nothing is known to be lifted"


def test_the_audit_names_the_process_and_the_role_of_a_refused_call(reader: Reader, writer: Writer) -> None:
    said = CommandAnswered(
        "r1", "web bob", "resume", None, {}, "a viewer may not", 13, 14, "refused", "viewer", 1_000, 71
    )
    write(writer, said)
    [row] = reader.audit()
    assert (row["outcome"], row["role"], row["uid"], row["pid"]) == ("refused", "viewer", 1_000, 71)


def test_errors_are_told(reader: Reader, writer: Writer) -> None:
    write(writer, ActorFailed("book/0xab", "0xab", "ValueError: x", "BookFrame"), at_ns=5)
    [row] = reader.errors()
    assert (row["actor"], row["kind"], row["text"]) == (
        "book/0xab",
        "ActorFailed",
        "ValueError: x (handling BookFrame)",
    )


def test_a_kill_stays_latched_until_it_is_cleared(reader: Reader, writer: Writer) -> None:
    write(writer, CommandApplied("r1", "kill", None, True, None, 14))
    assert reader.kill_latch() == {"request": "r1", "at_ns": 14, "reason": ""}
    write(writer, CommandApplied("r2", "clear_kill", None, True, None, 15))
    assert reader.kill_latch() is None


def test_profit_is_counted_from_fills_and_completed_by_what_the_desk_said(
    reader: Reader, writer: Writer, make: Any
) -> None:
    sold = make.fill(2, side=Side.SELL, size=2_000_000, cash=1_100_000, fee=30, rebate=0)
    failed = make.fill(3)
    write(writer, make.fill(1), sold, failed, FillVoided(failed, 9), make.fill(4, market="0xcd"))
    for realized in (1, 140_000):
        write(writer, InventoryUpdated("maker", "0xab", Position(realized=realized), 11))
    write(writer, ProfitMarked("maker", "0xab", 140_000, -7, 800, 30, 100, 12))
    first, second = reader.profits()
    assert (first.market, first.fills, first.bought, first.sold) == ("0xab", 2, 5_000_000, 2_000_000)
    assert (first.cash, first.fees, first.rebates) == (1_100_000 - 2_400_000, 30, 100)
    assert (first.realized, first.unrealized, first.mark_age_ms) == (140_000, -7, 800)
    assert (second.market, second.realized, second.unrealized) == ("0xcd", None, None)
    assert [profit.market for profit in reader.profits(tag="nobody")] == []


def test_there_is_no_reader_where_there_is_no_database(tmp_path: Any) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        Reader(f"sqlite:///{tmp_path}/arb.db")
