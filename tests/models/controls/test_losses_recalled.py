"""Losses that were counted are counted on, whoever dies in between and for how long."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cells import TradingState
from models.controls.loss_rules import LossParameters
from models.markets import NO
from models.messages.control import CommandApplied, KillLatched, RaiseCell
from models.messages.losses import LossesNoted
from models.messages.market import MarketResolved
from models.messages.orders import FillVoided, MergeChanged
from models.messages.position import LedgerSnapshot
from models.messages.recall import Chained
from models.messages.runtime import Woke
from models.units import DOLLAR, SHARE
from tests.models.controls.losing import DAY, HOUR, NOON, TAG, Losing, M, N, S

REDUCING, HALTED, KILLED = TradingState.REDUCING, TradingState.HALTED, TradingState.KILLED


def notes(losing: Losing) -> list[LossesNoted]:
    return [entry for _, entry in losing.chain if isinstance(entry, LossesNoted)]


def without_last_note(losing: Losing) -> None:
    """It dies before its last record is written."""
    last = max(number for number, (_, entry) in enumerate(losing.chain) if isinstance(entry, LossesNoted))
    del losing.chain[last]


@pytest.mark.proves("I27")
def test_what_was_lost_today_is_still_lost() -> None:
    losing = Losing()
    losing.lose(20)
    losing.now_ns += HOUR
    losing.lose(9)
    losing.recall()
    assert losing.holds() == {}
    losing.lose(1)
    assert losing.reason("day_loss").startswith("day_loss: -30.00 since 00:00 UTC (realised -30.00")


def test_every_cell_stands_again_with_its_words_and_its_time() -> None:
    losing = Losing(LossParameters())
    losing.lose(16)
    losing.lose(16, N)
    losing.now_ns += S
    before = losing.cells(M), losing.cells(N)
    assert set(before[0]) == {"hour_loss", "day_loss", "market_loss"}
    losing.recall()
    assert (losing.cells(M), losing.cells(N)) == before
    losing.later(86_400)
    assert losing.cells(M) == losing.cells(N) == {}


def test_a_day_that_began_meanwhile_counts_from_what_there_was() -> None:
    losing = Losing()
    losing.lose(30)
    losing.now_ns += DAY
    losing.recall()
    assert losing.holds() == {}
    losing.lose(24)
    assert losing.holds() == {}
    assert losing.readings()["day_loss", "all"].value == 24


def test_a_halt_that_ended_meanwhile_is_over() -> None:
    losing = Losing(LossParameters())
    losing.lose(15)
    losing.now_ns += DAY
    losing.recall()
    assert losing.holds() == {}
    losing.lose(14)
    losing.recall()
    assert losing.holds() == {}, "it is counted from the end of its halt"


def test_the_peak_stays_the_peak() -> None:
    losing = Losing(LossParameters(hour_loss=0.25, day_loss=0.25, day_loss_kill=0.25, market_loss=0.25))
    losing.buy(100, 20)
    losing.sell(100, 80)
    losing.later(60)
    losing.now_ns += 3 * DAY
    losing.recall()
    losing.lose(79)
    losing.recall()
    losing.lose(1)
    assert losing.cells()["kill"].state is KILLED


def test_a_peak_is_written_down_once_a_minute_and_when_it_is_worth_it() -> None:
    losing = Losing()
    losing.buy(1, 50)
    losing.sell(1, 50)
    assert len(notes(losing)) == 1
    for _ in range(50):
        losing.buy(1, 50)
        losing.sell(1, 60)
        losing.later(1)
    assert len(notes(losing)) == 1, "the first one told of the day"
    losing.later(60)
    assert [note.peak.worth.total for note in notes(losing)] == [0, 5 * DOLLAR]
    losing.buy(1, 50)
    losing.sell(1, 60)
    losing.later(3_600)
    assert len(notes(losing)) == 2, "ten cents are not worth a record"


def test_a_loss_kill_stays_and_is_lifted_by_a_person_alone() -> None:
    losing = Losing()
    losing.lose(50)
    losing.recall()
    losing.later(86_400)
    assert losing.holds() == {"kill": KILLED}
    losing.clear()
    losing.lose(24)
    assert losing.holds() == {}


def test_a_kill_of_which_only_the_record_was_written_kills_again() -> None:
    losing = Losing()
    losing.lose(50)
    losing.chain = [(at_ns, entry) for at_ns, entry in losing.chain if not isinstance(entry, CommandApplied)]
    losing.said.clear()
    losing.recall()
    assert losing.holds()["kill"] is KILLED
    assert any(isinstance(said, KillLatched) for said in losing.said)


def test_a_kill_of_which_nothing_was_written_follows_from_the_fills() -> None:
    losing = Losing()
    losing.lose(49)
    losing.lose(1)
    without_last_note(losing)
    losing.chain = [(at_ns, entry) for at_ns, entry in losing.chain if not isinstance(entry, CommandApplied)]
    losing.recall()
    assert losing.holds()["kill"] is KILLED


def test_a_lifting_of_which_only_the_command_was_written_is_one() -> None:
    losing = Losing()
    losing.book(60, 62)
    losing.buy(100, 60)
    losing.book(5, 7)
    losing.later(4)
    losing.clear()
    losing.now_ns += 1
    without_last_note(losing)
    losing.recall()
    losing.book(5, 7)
    losing.later(10)
    assert losing.holds() == {"hour_loss": REDUCING, "day_loss": REDUCING}
    losing.later(300)
    assert losing.holds() == {}


def test_a_persons_lifting_of_a_persons_kill_is_none_of_a_loss() -> None:
    losing = Losing()
    losing.lose(49)
    losing.clear()
    losing.chain.append((losing.now_ns, CommandApplied("c", "clear_kill", None, True, None, losing.now_ns)))
    losing.recall()
    losing.lose(1)
    assert losing.holds()["kill"] is KILLED


def test_what_is_held_is_worth_its_last_mark_until_there_is_a_new_one() -> None:
    losing = Losing()
    losing.book(60, 62)
    losing.buy(100, 60)
    losing.book(40, 42)
    losing.later(3_600)  # a new hour has written it down
    losing.recall()
    assert losing.readings()["day_loss", "all"].note == "-20.00 since 00:00 UTC (realised 0.00, marked -20.00)"
    assert losing.readings()["hour_loss", "all"].value == 0


def test_no_mark_of_an_earlier_life_trips_a_limit_before_it_had_time_to_come_anew() -> None:
    losing = Losing()
    losing.book(60, 62)
    losing.buy(100, 60)
    losing.book(40, 42)
    losing.later(3_600)
    losing.buy(100, 60)  # at a price that it has not been marked at yet
    losing.recall()
    losing.later(58)
    assert losing.holds() == {}
    losing.book(60, 62)
    losing.later(60)
    assert losing.holds() == {}


def test_what_has_no_new_mark_in_a_minute_is_judged_at_the_old_one_and_halts_its_market() -> None:
    losing = Losing()
    losing.book(60, 62)
    losing.buy(100, 60)
    losing.now_ns += HOUR
    losing.book(28, 30)
    losing.later(1)  # the new hour is written down, with that mark
    losing.recall()
    losing.later(58)
    assert losing.holds() == {}
    losing.later(6)
    assert losing.holds() == {"hour_loss": REDUCING, "day_loss": REDUCING, "no_mark": HALTED}


def test_a_book_that_comes_while_all_is_recalled_is_a_new_mark() -> None:
    losing = Losing()
    losing.book(60, 62)
    losing.buy(100, 60)
    losing.later(3_600)
    losing.recall(losing.book(33, 35))
    losing.later(2)
    assert losing.holds() == {}
    losing.later(2)
    assert losing.holds() == {"hour_loss": REDUCING}


def test_a_market_without_a_mark_stays_halted_until_there_is_a_new_one() -> None:
    losing = Losing()
    losing.book(60, 62)
    losing.buy(5, 60)
    losing.book(1, 99)
    losing.later(100)
    losing.recall()
    losing.later(30)
    assert losing.holds() == {"no_mark": HALTED}
    losing.book(60, 62)
    losing.later(2)
    assert losing.holds() == {}


def test_a_position_that_turned_since_the_record_has_no_mark_of_the_other_token() -> None:
    losing = Losing()
    losing.book(60, 62)
    losing.buy(5, 60)
    losing.later(3_600)
    losing.buy(10, 40, outcome=NO)
    losing.recall()
    assert losing.losses._worths.total.marked == 0


def test_a_result_and_all_that_moves_a_position_are_learned() -> None:
    losing = Losing()
    losing.lose(1, N)
    losing.pairs(10, 98)
    losing.tell(RaiseCell(N, "feed", TradingState.CANCEL_ONLY, "lost"))
    losing.tell(MergeChanged("op", TAG, M, 5 * SHARE, "requested", 0, losing.now_ns))
    losing.tell(MergeChanged("op", TAG, M, 5 * SHARE, "confirmed", 1_000, losing.now_ns))
    losing.tell(FillVoided(losing.buy(5, 40), losing.now_ns))
    losing.tell(MarketResolved(M, 0, losing.now_ns))
    before = losing.losses._worths.total
    losing.recall()
    assert losing.losses._worths.total == before
    losing.buy(10, 50)
    assert losing.losses._worths.total.marked == before.marked - 5 * DOLLAR


def test_a_checkpoint_that_tells_positions_is_as_good_as_the_fills() -> None:
    losing = Losing()
    losing.lose(49)
    losing.buy(2, 50)
    position = losing.machine._exposures.of(M).position(TAG)
    noted = notes(losing)[-1]
    losing.chain = [(NOON - DAY, noted), (NOON - DAY, LedgerSnapshot(TAG, M, position, 0))]
    losing.recall()
    losing.book(1, 3)
    losing.sell(2, 0)
    assert losing.holds()["kill"] is KILLED


def test_who_finds_no_record_does_not_count_what_was_lost_before_it_as_lost_today() -> None:
    losing = Losing()
    losing.lose(49)
    position = losing.machine._exposures.of(M).position(TAG)
    losing.chain = [(NOON - DAY, LedgerSnapshot(TAG, M, position, 0))]
    losing.recall()
    losing.lose(24)
    assert losing.holds() == {}
    assert losing.readings()["day_loss", "all"].value == 24


def test_a_record_is_the_same_when_it_is_read_back() -> None:
    losing = Losing(LossParameters())
    losing.book(60, 62)
    losing.buy(50, 60)
    losing.lose(60, N)
    losing.later(3_600)
    note = notes(losing)[-1]
    assert note.holds
    assert note.killed
    assert note.marks
    assert msgspec.json.decode(msgspec.json.encode(note), type=Chained) == note


ACTS: dict[str, Callable[[Losing, int], object]] = {
    "buy": lambda losing, cents: losing.buy(20, cents),
    "other": lambda losing, cents: losing.buy(20, 100 - cents, outcome=NO),
    "fee": lambda losing, cents: losing.buy(1, cents, fee=DOLLAR, market=N),
    "lose": lambda losing, cents: losing.lose(1 + cents // 8),
    "lose elsewhere": lambda losing, cents: losing.lose(1 + cents // 4, N),
    "late": lambda losing, cents: losing.buy(5, cents, own_ns=losing.now_ns - DAY, fee=DOLLAR),
    "book": lambda losing, cents: losing.book(cents, cents + 2),
    "bad book": lambda losing, _: losing.book(1, 99),
    "other book": lambda losing, cents: losing.book(cents, cents + 2, N),
    "clear": lambda losing, _: losing.clear(),
    "a moment": lambda losing, cents: losing.later(cents / 10),
    "a minute": lambda losing, cents: losing.later(cents),
    "hours": lambda losing, cents: losing.jump(cents * 1_000),
    "days": lambda losing, _: losing.jump(2 * 86_400),
}
histories = st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(2, 95)), max_size=25)


@pytest.mark.proves("I27")
@given(histories)
def test_it_holds_the_same_after_any_history(history: list[tuple[str, int]]) -> None:
    losing = Losing(LossParameters(), NOON + 10 * HOUR)
    for act, cents in history:
        ACTS[act](losing, cents)
        losing.later(0.5)
    losing.tell(Woke(losing.losses.timer))
    before = losing.cells(M), losing.cells(N), losing.losses._periods, losing.losses._halted
    counted = {market: losing.losses._worths.of(market).realised for market in (M, N)}
    losing.recall()
    assert (losing.cells(M), losing.cells(N), losing.losses._periods, losing.losses._halted) == before
    assert {market: losing.losses._worths.of(market).realised for market in (M, N)} == counted


@given(histories)
@settings(max_examples=30)
def test_it_holds_all_and_no_more_than_one_that_never_died(history: list[tuple[str, int]]) -> None:
    """However often it dies, with the same books before its eyes. What has to be clean has to be so anew."""
    one, other = Losing(LossParameters()), Losing(LossParameters())
    for act, cents in history:
        for losing in (one, other):
            ACTS[act](losing, cents)
            losing.book(cents, cents + 2)
            losing.book(cents, cents + 2, N)
            losing.later(240)
        other.recall()
        for losing in (one, other):
            losing.book(cents, cents + 2)
            losing.book(cents, cents + 2, N)
            losing.later(10)
        for market in (M, N):
            assert other.holds(market).items() >= one.holds(market).items()
            assert set(other.holds(market)) - set(one.holds(market)) <= {"hour_loss", "day_loss"}
