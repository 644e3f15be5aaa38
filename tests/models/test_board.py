"""The board folds what the engine says into immutable, numbered snapshots."""

import pytest
from msgspec.structs import replace

from models.board import BoardMachine
from models.cells import TradingState
from models.markets import NO, YES, Catalogue, Side
from models.marks import MarkParameters
from models.messages.control import CellNote, Explain, ExposureUpdated, TradingStateChanged
from models.messages.decisions import Gate
from models.messages.market import BookResynchronised, MarketResolved
from models.messages.operations import RedemptionChanged
from models.messages.orders import FillVoided, IntentDenied, MergeChanged
from models.messages.runtime import ActorFailed, ActorQuarantined, ActorRestarted, DeadLettered
from models.orders import OrderState
from models.units import ONE, SHARE
from tests.little_engine import START_NS, TAG, LittleEngine

SECOND = 1_000_000_000


def desk(engine: LittleEngine, number: int = 1):
    return engine.board.look().desks[(TAG, engine.id(number))]


def log(engine: LittleEngine) -> list[str]:
    return [f"{line.level} {line.slug} {line.text}".replace("  ", " ") for line in engine.board.look().log]


def test_a_new_board_shows_every_market_on_and_balanced() -> None:
    board = LittleEngine(3).board.look()
    assert [line.market.slug for line in board.markets.values()] == ["market-1", "market-2", "market-3"]
    assert all(line.on for line in board.markets.values())
    assert {board.word(desk) for desk in board.desks.values()} == {"BALANCED"}
    assert board.profit.total == 0


def test_a_snapshot_is_never_changed_by_what_comes_later() -> None:
    engine = LittleEngine(1)
    engine.place(1)
    before = engine.board.look()
    engine.fill(1)
    engine.place(1, NO)
    after = engine.board.look()
    assert len(before.orders) == 1
    assert before.desks[(TAG, engine.id(1))].position.yes.shares == 0
    assert after.desks[(TAG, engine.id(1))].position.yes.shares == 5 * SHARE
    assert after.snapshot_id > before.snapshot_id


def test_the_same_snapshot_is_shown_while_nothing_changes() -> None:
    engine = LittleEngine(1)
    first = engine.board.look()
    assert engine.board.look() is first
    engine.clock.at_ns += 2 * SECOND
    assert engine.board.look().snapshot_id == first.snapshot_id + 1


def test_an_order_is_shown_until_it_is_terminal_and_counted_once() -> None:
    engine = LittleEngine(1)
    intent = engine.place(1)
    board = engine.board.look()
    assert [order.state for order in board.open_orders(engine.id(1))] == [OrderState.WORKING]
    engine.change(replace(engine.orders[intent], state=OrderState.CANCELLING))
    assert len(engine.board.look().orders) == 1
    engine.change(replace(engine.orders[intent], state=OrderState.CANCELLED, reason="reprice"))
    engine.show(engine.orders[intent])
    board = engine.board.look()
    assert board.orders == {}
    assert (board.counts.orders, board.counts.cancels, board.counts.cancels_by_reason) == (1, 1, {"reprice": 1})
    assert (desk(engine).orders, desk(engine).cancels) == (1, 1)
    assert log(engine) == ["DEBUG market-1 cancelled YES bid 5 @ 0.480: reprice"]


def test_a_cancel_by_the_venue_stands_out_unless_the_order_or_its_market_brought_it() -> None:
    said: dict[str, str] = {}
    for reason in (
        "CANCELED",
        "CANCELED_NOT_ENOUGH_BALANCE",
        "MATCHED",
        "CANCELED_EXPIRED_ORDER",
        "reprice",
        "CANCELED_MARKET_RESOLVED (of 2026)",
        "no orders found to match with FAK order. FAK orders are",
    ):
        engine = LittleEngine(1)
        intent = engine.place(1)
        engine.change(replace(engine.orders[intent], state=OrderState.CANCELLED, reason=reason))
        (line,) = log(engine)
        said[reason] = line.split()[0]
    assert [reason for reason, level in said.items() if level == "WARNING"] == [
        "CANCELED", "CANCELED_NOT_ENOUGH_BALANCE"
    ]  # fmt: skip
    assert set(said.values()) == {"WARNING", "DEBUG"}


def test_cancels_are_counted_under_our_codes_and_the_venues_words_under_one() -> None:
    engine = LittleEngine(1)
    for reason in ("toxic_flow", "CANCELED", "CANCELED_self-trade prevention", "toxic_flow", "gap: YES crossed"):
        intent = engine.place(1)
        engine.change(replace(engine.orders[intent], state=OrderState.CANCELLED, reason=reason))
    assert engine.board.look().counts.cancels_by_reason == {"toxic_flow": 2, "venue": 3}


def test_every_line_is_given_once_however_many_there_were_in_between() -> None:
    engine = LittleEngine(1)
    machine = BoardMachine(engine.board.look().engine, Catalogue({}), MarkParameters())
    assert machine.new_lines() == ()
    for number in range(3):
        machine.step(ActorRestarted(f"book/{number}", "", 1), number)
    assert [line.sequence for line in machine.new_lines()] == [1, 2, 3]
    assert machine.new_lines() == ()
    for number in range(600):
        machine.step(ActorRestarted(f"book/{number}", "", 1), number)
    assert [line.sequence for line in machine.new_lines()] == list(range(104, 604)), "as many as are kept"


def test_orders_are_shown_oldest_first_whatever_happens_to_them() -> None:
    engine = LittleEngine(1)
    first, second = engine.place(1, YES), engine.place(1, NO)
    engine.change(replace(engine.orders[first], filled=SHARE, reason="filled 1"))
    assert [order.intent for order in engine.board.look().open_orders()] == [first, second]


def test_an_unknown_order_stays_and_is_told() -> None:
    engine = LittleEngine(1)
    intent = engine.place(1)
    engine.change(replace(engine.orders[intent], state=OrderState.UNKNOWN, reason="no answer in 2 s"))
    assert engine.board.look().open_orders()[0].state is OrderState.UNKNOWN
    assert log(engine) == ["WARNING market-1 unknown YES bid 5 @ 0.480: no answer in 2 s"]


@pytest.mark.proves("I41")
def test_the_venues_own_words_are_cleaned_before_anyone_sees_them() -> None:
    engine = LittleEngine(1)
    intent = engine.place(1)
    engine.change(replace(engine.orders[intent], state=OrderState.REJECTED, reason="bad \x1b[2J\u202eecirp"))
    assert log(engine) == ["WARNING market-1 rejected YES bid 5 @ 0.480: bad [2Jecirp"]
    assert engine.board.look().counts.rejects == 1


def test_a_fill_is_counted_told_and_held_and_a_void_is_told() -> None:
    engine = LittleEngine(1)
    fill = engine.fill(1, NO, 5_100, shares=3)
    engine.show(FillVoided(fill, START_NS))
    counts = engine.board.look().counts
    assert (counts.fills, counts.voids, desk(engine).fills) == (1, 1, 1)
    assert log(engine) == [
        "SUCCESS market-1 filled NO 3 @ 0.510",
        "WARNING market-1 failed on chain and taken back: filled NO 3 @ 0.510",
    ]
    assert engine.board.look().holding(engine.id(1)) == (0, 3 * SHARE)


def test_what_is_done_on_chain_is_told_with_what_went_wrong() -> None:
    engine = LittleEngine(1)
    market = engine.id(1)
    engine.show(MergeChanged("m", TAG, market, 5 * SHARE, "failed", 0, START_NS, text="reverted"))
    engine.show(RedemptionChanged("r", market, ONE, "submitted", START_NS))
    engine.show(RedemptionChanged("r", market, ONE, "failed", START_NS, text="no gas"))
    assert log(engine) == [
        "WARNING market-1 merge of 5 pairs failed: reverted",
        "INFO market-1 redemption submitted",
        "WARNING market-1 redemption failed: no gas",
    ]


def test_the_word_of_a_market_follows_its_cells_and_its_phase() -> None:
    engine = LittleEngine(1)
    cell = CellNote("market m", "switch", TradingState.HALTED, "off", START_NS)
    engine.decide(1, "Hedge", reason="hedging")
    assert engine.board.look().word(desk(engine)) == "HEDGE"
    engine.show(TradingStateChanged(engine.id(1), TradingState.HALTED, (cell,), START_NS))
    board = engine.board.look()
    assert board.word(desk(engine)) == "OFF"
    assert not board.markets[engine.id(1)].on
    engine.show(TradingStateChanged(engine.id(1), TradingState.ACTIVE, (), START_NS))
    assert log(engine) == [
        "INFO market-1 BALANCED -> HEDGE: hedging",
        "WARNING market-1 HEDGE -> OFF: off",
        "INFO market-1 OFF -> HEDGE",
    ]


def test_decisions_are_counted_by_their_numbers_because_they_are_conflated() -> None:
    engine = LittleEngine(1)
    engine.sequence = 6
    engine.decide(1)
    assert desk(engine).decisions == 7
    engine.sequence = 9
    engine.decide(1)
    assert desk(engine).decisions == 10
    engine.sequence = 1  # the coordinator was restarted and counts anew
    engine.decide(1)
    assert desk(engine).decisions == 12
    assert engine.board.look().decisions == 12


def test_the_first_gate_that_stops_opening_is_known() -> None:
    engine = LittleEngine(1)
    stop = Gate("net_diff", False, 5 * SHARE, 5 * SHARE, "size", "open", "PM_MAX_NET_DIFF")
    engine.decide(1, gates=(Gate("book", True), Gate("hedge_possible", False, blocks="yes"), stop))
    assert desk(engine).stopped_opening == stop
    engine.decide(1, gates=(Gate("book", True),))
    assert desk(engine).stopped_opening is None


def test_deaths_restarts_and_lost_mail_are_counted_and_told() -> None:
    engine = LittleEngine(1)
    fill = engine.fill(1)
    denied = IntentDenied("i", TAG, engine.id(1), YES, Side.BUY, "fused", "", START_NS)
    engine.show(
        ActorFailed("book/m", "m", "ValueError: no\x07"),
        ActorRestarted("book/m", "m", 3),
        ActorRestarted("flow/m", "m", 0),  # switched on again: it begins anew on purpose
        ActorQuarantined("markets/m", "m", "5 failures in 60 s"),
        DeadLettered("inventory/maker/m", "dead", fill),
        DeadLettered("coordinator/maker/m", "expired", Explain(TAG, engine.id(1), "r")),
        denied,
    )
    counts = engine.board.look().counts
    assert (counts.errors, counts.restarts) == (3, 1)
    assert counts.dead_letters_by_reason == {"dead": 1, "expired": 1}
    assert counts.denials_by_reason == {"fused": 1}
    assert counts.last_error == "FillCounted for inventory/maker/m lost: dead"
    assert "ERROR book/m failed: ValueError: no" in log(engine)


def test_only_the_errors_of_the_last_quarter_of_an_hour_are_recent() -> None:
    engine = LittleEngine(1)
    engine.show(ActorFailed("a", "", "boom"))
    engine.clock.at_ns += 14 * 60 * SECOND
    engine.show(ActorFailed("b", "", "boom"))
    assert engine.board.look().counts.errors_recent == 2
    engine.clock.at_ns += 2 * 60 * SECOND
    counts = engine.board.look().counts
    assert (counts.errors_recent, counts.errors) == (1, 2)


def test_the_log_keeps_the_newest_lines_with_rising_numbers() -> None:
    engine = LittleEngine(1)
    for number in range(700):
        engine.show(MergeChanged("op", TAG, engine.id(1), number * SHARE, "confirmed", 0, START_NS))
    lines = engine.board.look().log
    assert len(lines) == 500
    assert [line.sequence for line in lines] == list(range(201, 701))


def test_books_flows_results_and_exposures_are_shown_as_they_came() -> None:
    engine = LittleEngine(2)
    book = engine.book(2)
    engine.flow(2)
    engine.show(MarketResolved(engine.id(2), 10_000, START_NS), BookResynchronised(engine.id(2), NO, 3_000))
    engine.show(ExposureUpdated(engine.id(2), 0, 0, 0, START_NS))
    board = engine.board.look()
    line = board.markets[engine.id(2)]
    assert line.book is book
    assert line.flow is not None
    assert line.payout_yes == 10_000
    assert (board.counts.resyncs, board.feed_ns) == (1, START_NS)
    assert log(engine) == [
        "INFO market-2 resolved: YES pays 1.000",
        "WARNING market-2 NO book resynchronised after 3.0 s",
    ]


def test_messages_about_markets_that_nobody_knows_change_nothing() -> None:
    engine, stranger = LittleEngine(1), LittleEngine(9)
    before = engine.board.look()
    engine.show(stranger.book(9), TradingStateChanged(engine.id(9), TradingState.HALTED, (), START_NS))
    after = engine.board.look()
    assert (after.markets, after.desks) == (before.markets, before.desks)


def test_markets_are_found_by_slug_id_and_condition() -> None:
    board = LittleEngine(2).board.look()
    line = board.by_name("market-2")
    assert line is not None
    assert board.by_name(line.market.id) is line
    assert board.by_name("market-3") is None
