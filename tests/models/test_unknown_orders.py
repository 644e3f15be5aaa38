"""When an order is asked for, and when "nowhere" is believed."""

import pytest

from models.executor_parameters import ExecutorParameters
from models.unknown_orders import Questions

MS = 1_000_000
S = 1_000 * MS
WINDOW = 20 * S


def questions() -> Questions:
    asked = Questions(ExecutorParameters())
    asked.begin("id", WINDOW)
    return asked


def test_questions_come_ever_slower_and_again_when_answers_begin_to_count() -> None:
    asked, now_ns, at = questions(), 0, []
    while now_ns < 30 * S:
        at.append(now_ns // MS)
        now_ns = asked.asked("id", now_ns)
    assert at == [0, 500, 1_500, 3_500, 7_500, 15_500, 20_000, 28_000]


@pytest.mark.proves("I7")
def test_three_answers_some_time_apart_after_the_window_are_enough() -> None:
    asked = questions()
    for at_ns in (WINDOW, WINDOW + 2 * S):
        asked.asked("id", at_ns)
        assert asked.absent("id", at_ns + MS) == at_ns + MS + 2 * S
    asked.asked("id", WINDOW + 5 * S)
    assert asked.absent("id", WINDOW + 5 * S) is None


@pytest.mark.proves("I7")
def test_what_was_asked_before_the_window_is_no_evidence_however_late_the_answer() -> None:
    asked = questions()
    asked.asked("id", WINDOW - 1)
    for second in range(60):
        assert asked.absent("id", WINDOW + second * S) is not None


def test_an_answer_that_comes_twice_counts_once() -> None:
    asked = questions()
    for _ in range(9):
        asked.asked("id", WINDOW)
        assert asked.absent("id", WINDOW + MS) is not None
        assert asked.absent("id", WINDOW + 10 * S) is not None, "nobody asked since"


def test_what_was_heard_before_the_feed_was_lost_does_not_count() -> None:
    asked = questions()
    for round_ in range(2):
        asked.asked("id", WINDOW + round_ * 3 * S)
        asked.absent("id", WINDOW + round_ * 3 * S)
    asked.doubt_all()
    asked.asked("id", WINDOW + 9 * S)
    assert asked.absent("id", WINDOW + 9 * S) is not None


def test_a_case_that_is_closed_is_not_open() -> None:
    asked = questions()
    assert "id" in asked
    asked.close("id")
    assert "id" not in asked
