import json
from typing import Any, get_args

import pytest
from peewee import BigAutoField

from actors.store.rows import CHAINED, DURABLE, KILL, book_row, rows_of, touch_row
from actors.store.tables import TABLES, Fact, Journal, Order
from models.cells import TradingState
from models.markets import Market, Side
from models.messages.audit import CommandAnswered
from models.messages.catalogue import MarketListed
from models.messages.control import CommandApplied, MarketHeld, MarketParked, RaiseCell, TradingStateChanged
from models.messages.decisions import DecisionMade, Explanation
from models.messages.lanes import CashFound, DriftFound, HoldingsFound
from models.messages.losses import Baseline, Hold, LossesNoted
from models.messages.market import BookEpochChanged, BookResynchronised, MarketResolved, TradeSeen
from models.messages.operations import RedemptionChanged
from models.messages.orders import (
    FillSettled,
    FillVoided,
    IntentDenied,
    MergeChanged,
    PlaceBundle,
    PositionsRedeemed,
    SubmitCancel,
)
from models.messages.position import InventoryUpdated, Leg, Position
from models.messages.recall import Chained, Checkpointed
from models.messages.records import FillMarkedOut, LatencyMeasured, ProfitMarked, SegmentOpened, StoppedCleanly
from models.messages.runtime import ActorFailed, ActorQuarantined, ActorRestarted, HandlerStuck
from models.orders import OrderState


def story(make: Any) -> list[Any]:
    """One message of every kind that leaves rows."""
    explained = Explanation(
        "maker", "0xab", "slug", 8, "Hedge", TradingState.ACTIVE, "hedge_only", (), (), None, (), ("naked 5 YES",)
    )
    return [
        make.place(1),
        PlaceBundle("b", "set", "event", (make.place(2), make.place(3)), 10_000, 5),
        make.submit(1),
        SubmitCancel("0x1", "0xab", "reprice"),
        make.changed(1, OrderState.WORKING),
        make.fill(1),
        FillSettled(make.fill(1), 5),
        FillVoided(make.fill(1), 6),
        IntentDenied("i", "maker", "0xab", 0, Side.BUY, "fused", "toxic", 7),
        MergeChanged("m", "maker", "0xab", 5, "confirmed", 0, 8),
        RedemptionChanged("r", "0xab", 10_000, "confirmed", 9),
        PositionsRedeemed("maker", "0xab", 10_000, 9),
        MarketResolved("0xab", 10_000, 10),
        InventoryUpdated("maker", "0xab", Position(yes=Leg(5, 2, 5), realized=-3), 11),
        DecisionMade("maker", "0xab", 4, False, explained),
        ProfitMarked("maker", "0xab", 1, None, None, 2, 3, 12),
        StoppedCleanly("1-0", 3, 19),
        SegmentOpened("maker", 2, {"maker.bid_size": "5 -> 6"}, {"maker.bid_size": "6"}, "cli root", 20),
        Checkpointed(1, (), ()),
        LatencyMeasured("tick_to_decision", 10, 1, 2, 3, 4, 13),
        CommandApplied("r1", "kill", None, True, None, 14),
        MarketListed(Market("0xcd", "more", ("1", "2")), True, "paper", "cli root", 14),
        CommandAnswered("r1", "cli root", "kill", None, {"reason": "test"}, "killed", 13, 14),
        TradingStateChanged("0xab", TradingState.HALTED, (), 15),
        MarketParked("0xab", True),
        BookEpochChanged("0xab", 2, 10, "tick"),
        BookResynchronised("0xab", 0, 92_000),
        TradeSeen("0xab", 0, Side.SELL, 4_700, 5, 16),
        RaiseCell(None, "journal", TradingState.CANCEL_ONLY, "disk full"),
        LossesNoted(Baseline(1), Baseline(2), Baseline(3), (), (Hold("day_loss", None, "much", 4),), "", (), 15),
        MarketHeld("0xab", "picked_off", TradingState.CANCEL_ONLY, 0, "5 fills", 99, 16),
        FillMarkedOut("maker", "0xab", "t1", "0x1", 0, Side.BUY, 4_700, 5, True, 5, 5, (5, 3, None, -2), 16),
        ActorFailed("book/0xab", "0xab", "ValueError: x", "BookFrame"),
        ActorRestarted("book/0xab", "0xab", 1),
        ActorQuarantined("market/0xab", "0xab", "book/0xab died once too often"),
        DriftFound("0xab", 0, 9, 5, 5, 17),
        HoldingsFound("0xab", 7, 0, 18),
        CashFound(100, 18),
        HandlerStuck("risk", "PlaceOrder", 6_000_000_000, "stack"),
    ]


def test_every_row_fills_every_column_of_its_table(make: Any) -> None:
    rows = [row for message in story(make) for row in rows_of(message, "1-0", 99)]
    rows += [touch_row(make.book()), book_row(make.book(), 99)]
    for table, values in rows:
        columns: Any = table._meta.sorted_fields
        missing = [f.name for f in columns if f.name not in values and not isinstance(f, BigAutoField)]
        assert not missing, f"{table.__name__} lacks {missing}"
    assert {row.table for row in rows} == set(TABLES) - {Journal}


def test_every_message_that_is_chained_says_what_it_is_about(make: Any) -> None:
    assert set(get_args(Chained)) == set(CHAINED)
    assert set(CHAINED) >= DURABLE
    subjects = [CHAINED[type(message)](message) for message in story(make) if type(message) in CHAINED]
    assert len(subjects) == len(CHAINED)
    assert all(subjects)


def test_a_message_that_is_nobodys_record_leaves_no_row(make: Any) -> None:
    assert rows_of(make.book(), "1-0", 99) == ()


def test_an_actor_that_begins_anew_on_purpose_is_no_error() -> None:
    assert rows_of(ActorRestarted("book/0xab", "0xab", 0), "1-0", 99) == ()


def test_an_order_that_never_left_stands_among_the_orders_too(make: Any) -> None:
    [row] = rows_of(make.changed(1, OrderState.NEVER_SENT), "1-0", 99)
    assert row.table is Order
    assert row.values["state"] == "never_sent"


@pytest.mark.parametrize(
    "verb, changed, latch",
    [("kill", True, ["set"]), ("kill", False, []), ("clear_kill", True, [None]), ("pause", True, [])],
)
def test_the_kill_latch_follows_what_was_applied(verb: str, changed: bool, latch: list[str | None]) -> None:
    rows = rows_of(CommandApplied("r1", verb, None, changed, None, 14), "1-0", 99)
    facts = [row.values for row in rows if row.table is Fact]
    assert [fact["key"] for fact in facts] == [KILL] * len(latch)
    assert [fact["value"] and "set" for fact in facts] == latch


def test_a_mark_out_keeps_what_was_predicted_and_what_came_of_it() -> None:
    marked = FillMarkedOut(
        "maker", "0xab", "t1", "0x1", 0, Side.BUY, 4_700, 5, True, 5_000, 4_000, (5, 3, None, -2), 16
    )
    [row] = rows_of(marked, "1-0", 99)
    assert (row.values["kind"], row.values["market"], row.values["at_ns"]) == ("markout", "0xab", 16)
    detail = json.loads(row.values["detail"])
    assert detail["markouts"] == [5, 3, None, -2]
    assert (detail["predicted"], detail["captured"], detail["tag"]) == (4_000, 5_000, "maker")


def test_a_book_keeps_its_best_five_levels(make: Any) -> None:
    values = book_row(make.book(bid=4_800, ask=5_200), 99).values
    assert json.loads(values["bids"]) == [[4_800 - 100 * step, 1_000_000] for step in range(5)]
    assert json.loads(values["asks"]) == [[5_200 + 100 * step, 2_000_000] for step in range(5)]
