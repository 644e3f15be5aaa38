"""Quotes are pulled while answers are slow, and one quote asks whether they still are."""

import pytest

from models.slow_answers import AnswerTimes, SlowAnswers

MS = 1_000_000


def breaker(tail_ms: int = 60_000) -> SlowAnswers:
    return SlowAnswers(750, tail_ms, 3_000, 10_000)


def test_half_of_twenty_answers_that_are_slow_trip_it_and_fewer_answers_do_not() -> None:
    slow = breaker()
    for number in range(19):
        assert slow.answered(f"i{number}", 800 * MS, 0) is None
    assert slow.answered("i19", 800 * MS, 5) == "half of the answers took 800 ms > 750 ms"
    assert slow.until_ns == 5 + 10_000 * MS


def test_answers_of_which_less_than_half_are_slow_do_not_trip_it() -> None:
    slow = breaker()
    for number in range(60):
        assert slow.answered(f"i{number}", (2_900 if number % 5 == 0 else 100) * MS, 0) is None


@pytest.mark.control("latency", "nearly")
def test_one_slow_answer_in_twenty_does_not_trip_it_and_more_do() -> None:
    slow = breaker(500)
    for number in range(40):
        assert slow.answered(f"i{number}", (501 if number in (0, 39) else 100) * MS, 0) is None
    assert slow.answered("i40", 501 * MS, 0) == "5 % of the answers took at least 501 ms > 500 ms"


def test_answers_older_than_a_minute_count_nowhere() -> None:
    slow = breaker(500)
    for number in range(19):
        assert slow.answered(f"i{number}", 800 * MS, 0) is None
    assert slow.answered("late", 800 * MS, 60_001 * MS) is None
    times = AnswerTimes()
    for number in range(1, 101):
        times.add(number * MS, number * MS)
    assert (times.count(100 * MS), times.median_ns(100 * MS), times.p95_ns(100 * MS)) == (
        100,
        90 * MS + 500_000,
        95 * MS,
    )
    assert times.count(60_000 * MS + 51 * MS) == 50
    assert times.p95_ns(120_000 * MS) is None


def test_a_question_that_is_answered_slowly_begins_another_pause() -> None:
    slow = breaker()
    assert slow.answered("i1", 3_001 * MS, 0) is not None
    assert slow.answered("late", 9_000 * MS, 1) is None, "it is known"
    slow.ask()
    slow.sent("question")
    slow.sent("other")
    assert slow.refusal() is not None
    assert slow.answered("other", 9_000 * MS, 2) is None
    assert slow.answered("question", 751 * MS, 3) == "the answer took 751 ms > 750 ms"
    assert slow.until_ns == 3 + 10_000 * MS
    refusal = slow.refusal()
    assert refusal is not None
    assert refusal.detail == "approved before the venue was found slow"


def test_a_question_that_never_left_leaves_the_next_quote_to_ask() -> None:
    slow = breaker()
    slow.answered("i1", 3_001 * MS, 0)
    slow.ask()
    slow.sent("question")
    slow.unsent("other")
    assert slow.refusal() is not None
    slow.unsent("question")
    assert slow.refusal() is None
    slow.sent("next")
    assert slow.answered("next", MS, 1) is None
    assert slow.refusal() is None
    assert slow.until_ns is None
