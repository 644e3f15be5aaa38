from typing import Any

import pytest
from msgspec.structs import replace

from models.deadlines import Deadlines
from models.markets import NO, YES, Outcome, Side
from models.markouts import HORIZONS_S, Marked, Markouts, worth_beyond
from models.messages.market import MarketResolved
from tests.models.coordination import book
from tests.models.wishes import M, fill, wish

SECOND = 1_000_000_000


class Room:
    """Fills that are followed, and a clock."""

    def __init__(self, patience_ns: int = SECOND) -> None:
        self.deadlines = Deadlines("markouts")
        self.markouts = Markouts(self.deadlines, patience_ns)
        self.now_ns = 0

    def mid(self, cents: float, **given: Any) -> list[Marked]:
        twice = round(cents * 200)
        return self.markouts.book(book(twice // 2 - 100, twice - twice // 2 + 100, name=M, **given))

    def pass_s(self, seconds: float) -> list[Marked]:
        self.now_ns += int(seconds * SECOND)
        return [mark for key in self.deadlines.take_due(self.now_ns) for mark in self.markouts.due(key)]


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.mark.parametrize(
    "outcome, side, price, gain",
    [(YES, Side.BUY, 4_900, 15_000), (YES, Side.SELL, 5_100, 5_000), (NO, Side.BUY, 4_900, 5_000),
     (NO, Side.SELL, 5_100, 15_000)],
)  # fmt: skip
def test_a_share_is_worth_the_mid_of_its_token_beyond_its_price(
    outcome: Outcome, side: Side, price: int, gain: int
) -> None:
    assert worth_beyond(price, outcome, side, 2 * 5_050) == gain


def test_half_a_price_unit_of_the_mid_counts() -> None:
    assert worth_beyond(4_900, YES, Side.BUY, 2 * 5_000 + 1) == 10_050


def test_a_fill_is_marked_at_each_horizon(room: Room) -> None:
    room.mid(50)
    room.markouts.filled(fill(wish(price="0.49")), 10_000, room.now_ns)
    (first,) = room.pass_s(1)
    assert (first.horizon_s, first.value, first.captured, first.predicted) == (1, 10_000, 10_000, 10_000)
    assert not first.is_last
    room.mid(48)
    (second,) = room.pass_s(4)
    assert (second.horizon_s, second.value) == (5, -10_000)
    assert room.pass_s(24) == []
    (third,) = room.pass_s(1)
    room.mid(49)
    (last,) = room.pass_s(30)
    assert (third.horizon_s, last.horizon_s, last.is_last) == (30, 60, True)
    assert last.marks == (10_000, -10_000, -10_000, 0)
    assert room.pass_s(1_000) == []
    assert room.markouts.missed == 0


def test_a_bad_book_is_waited_out_for_a_while(room: Room) -> None:
    room.markouts.filled(fill(wish(price="0.49")), None, room.now_ns)
    assert room.pass_s(1) == []
    assert room.mid(50, unusable="gap") == []
    (mark,) = room.mid(50)
    assert (mark.horizon_s, mark.value, mark.captured) == (1, 10_000, None)
    (mark,) = room.pass_s(4)
    assert (mark.horizon_s, mark.value) == (5, 10_000)
    assert room.markouts.missed == 0


def test_a_mark_for_which_no_good_book_comes_is_missing_and_counted(room: Room) -> None:
    room.markouts.filled(fill(wish(price="0.49")), None, room.now_ns)
    assert room.pass_s(1.9) == []
    (mark,) = room.pass_s(0.1)
    assert (mark.horizon_s, mark.value, room.markouts.missed) == (1, None, 1)
    assert room.mid(50) == []
    (mark,) = room.pass_s(3)
    assert (mark.horizon_s, mark.marks) == (5, (None, 10_000))


def test_one_book_marks_all_that_wait_for_it(room: Room) -> None:
    for number in (1, 2):
        room.markouts.filled(fill(wish(number), f"t{number}"), None, room.now_ns)
    assert room.pass_s(1) == []
    assert [mark.fill.trade_id for mark in room.mid(50)] == ["t1", "t2"]
    assert room.markouts.tick(M) == 100
    assert room.markouts.tick("other") == 0


def test_a_fill_that_failed_is_followed_no_longer(room: Room) -> None:
    failed = fill(wish())
    room.markouts.filled(failed, None, room.now_ns)
    assert room.pass_s(1) == []
    room.markouts.voided(failed)
    assert room.mid(50) == []
    room.markouts.voided(failed)
    assert room.pass_s(100) == []


def test_a_fill_that_failed_and_came_back_waits_for_its_own_book(room: Room) -> None:
    again = fill(wish())
    room.markouts.filled(again, None, room.now_ns)
    assert room.pass_s(1) == []
    room.markouts.voided(again)
    room.markouts.filled(again, None, room.now_ns)
    assert room.mid(50) == []
    assert [mark.horizon_s for mark in room.pass_s(1)] == [1]


def test_a_payout_marks_all_horizons_at_once_and_is_the_mid_from_then_on(room: Room) -> None:
    room.mid(50)
    room.markouts.filled(fill(wish(price="0.49", outcome=NO)), None, room.now_ns)
    room.markouts.filled(fill(wish(9, market="other"), "t9"), None, room.now_ns)
    room.pass_s(1)
    marks = room.markouts.resolved(MarketResolved(M, 0, 0))
    assert [mark.value for mark in marks] == [510_000] * 3
    assert marks[-1].is_last
    assert marks[-1].marks[0] == 10_000
    room.mid(50)
    assert room.markouts.mid_twice(M) == 0
    assert room.pass_s(0) == []


def test_no_more_than_so_many_fills_wait(room: Room) -> None:
    room.mid(50)
    one = fill(wish())
    for number in range(10_001):
        room.markouts.filled(replace(one, trade_id=str(number)), None, room.now_ns)
    assert room.markouts.missed == len(HORIZONS_S)
    assert len(room.pass_s(1)) == 10_000
