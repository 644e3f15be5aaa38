"""Marks become profit on the board, and rows in the journal."""

from models.markets import NO
from models.marking import TIMER
from models.messages.base import Message
from models.messages.market import MarketResolved
from models.messages.position import InventoryUpdated, Leg, Position
from models.messages.records import ProfitMarked
from models.messages.runtime import WakeAt, Woke
from models.units import SHARE
from tests.little_engine import START_NS, TAG, LittleEngine

SECOND = 1_000_000_000


def wake(engine: LittleEngine, after_s: float) -> tuple[Message, ...]:
    engine.clock.at_ns += int(after_s * SECOND)
    return engine.board.step(Woke(TIMER), engine.clock.now_ns())


def hold(engine: LittleEngine, position: Position) -> tuple[Message, ...]:
    return engine.board.step(InventoryUpdated(TAG, engine.id(1), position, START_NS), engine.clock.now_ns())


NAKED = Position(yes=Leg(5 * SHARE, 2_400_000, 5 * SHARE), realized=1_000_000, fees=20_000, rebates=5_000)


def test_a_naked_position_is_marked_at_its_bid_and_the_parts_sum_to_the_total() -> None:
    engine = LittleEngine(1)
    engine.book(1, 3_100, 3_300)
    hold(engine, NAKED)
    profit = engine.board.look().profit
    assert (profit.realized, profit.unrealized, profit.fees, profit.rebates) == (1_000_000, -850_000, 20_000, 5_000)
    assert profit.total == 1_000_000 - 850_000 - 20_000 + 5_000
    assert profit.marked_ns == START_NS


def test_the_age_of_the_mark_grows_while_the_book_cannot_be_used() -> None:
    engine = LittleEngine(1)
    engine.book(1, 3_100, 3_300)
    hold(engine, NAKED)
    engine.clock.at_ns += SECOND
    engine.book(1, 100, 9_900)  # too wide to mark at: until now the one before was true
    engine.clock.at_ns += 7 * SECOND
    board = engine.board.look()
    assert board.profit.unrealized == -850_000
    assert board.profit.marked_ns == board.at_ns - 7 * SECOND


def test_pairs_are_worth_a_dollar_and_need_no_mark() -> None:
    engine = LittleEngine(1)
    leg = Leg(5 * SHARE, 2_400_000, 5 * SHARE)
    hold(engine, Position(yes=leg, no=leg))
    profit = engine.board.look().profit
    assert (profit.unrealized, profit.marked_ns) == (200_000, None)


def test_a_position_without_any_mark_is_not_called_flat() -> None:
    engine = LittleEngine(2)
    hold(engine, NAKED)
    engine.fill(2, NO)
    assert engine.board.look().profit.unrealized is None
    engine.book(1)
    engine.book(2)
    assert engine.board.look().profit.unrealized is not None


def test_a_resolved_market_is_worth_what_it_pays() -> None:
    engine = LittleEngine(1)
    hold(engine, NAKED)
    engine.show(MarketResolved(engine.id(1), 10_000, START_NS))
    profit = engine.board.look().profit
    assert (profit.unrealized, profit.marked_ns) == (2_600_000, START_NS)


def test_profit_is_written_down_once_a_minute_when_it_changed() -> None:
    engine = LittleEngine(1)
    engine.book(1, 3_100, 3_300)
    hold(engine, NAKED)
    first = [said for said in wake(engine, 5) if isinstance(said, ProfitMarked)]
    assert first == [ProfitMarked(TAG, engine.id(1), 1_000_000, -850_000, 0, 20_000, 5_000, START_NS + 5 * SECOND)]
    assert not any(isinstance(said, ProfitMarked) for said in wake(engine, 30))
    assert not any(isinstance(said, ProfitMarked) for said in wake(engine, 60))
    engine.book(1, 3_000, 3_200)
    assert [said.unrealized for said in wake(engine, 60) if isinstance(said, ProfitMarked)] == [-900_000]


def test_a_flat_engine_stops_waking_once_its_last_profit_is_written() -> None:
    engine = LittleEngine(1)
    hold(engine, NAKED)
    assert len(wake(engine, 5)) == 2
    assert hold(engine, Position(realized=700_000)) == ()
    (again,) = wake(engine, 5)
    assert isinstance(again, WakeAt)
    (last,) = wake(engine, 60)
    assert isinstance(last, ProfitMarked)
    assert hold(engine, NAKED) == (WakeAt(engine.clock.at_ns + 5 * SECOND, TIMER),)


def test_other_timers_are_none_of_its_business() -> None:
    engine = LittleEngine(1)
    assert engine.board.step(Woke("else"), START_NS) == ()
