"""Sizes that wait for their counterpart."""

from models.markets import Side
from models.paper.waiting import Level, Part, Waiting

HERE, THERE = Level(Side.BUY, 4_800), Level(Side.SELL, 4_800)


def test_what_waits_is_taken_oldest_first_and_once() -> None:
    waiting = Waiting(500)
    waiting.add(HERE, Part(1, 30), 0)
    waiting.add(HERE, Part(4, 50), 10)
    assert waiting.take(HERE, 40) == (Part(1, 30), Part(4, 10))
    assert waiting.take(HERE, 100) == (Part(4, 40),)
    assert waiting.take(HERE, 100) == ()


def test_levels_and_moments_are_kept_apart() -> None:
    waiting = Waiting(500)
    waiting.add(HERE, Part(1, 30), 0)
    waiting.add(HERE, Part(4, 50), 10)
    assert waiting.take(THERE, 10) == ()
    assert waiting.size_at(HERE) == 80
    assert waiting.size_at(HERE, since=1) == 50
    assert waiting.size_at(THERE) == 0


def test_what_was_not_taken_expires_after_its_time() -> None:
    waiting = Waiting(500)
    waiting.add(HERE, Part(1, 30), 0)
    waiting.add(THERE, Part(1, 20), 0)
    waiting.add(HERE, Part(2, 10), 100)
    waiting.take(THERE, 20)
    assert waiting.pop_expired(500) is None
    assert waiting.pop_expired(501) == (HERE, Part(1, 30))
    assert waiting.pop_expired(501) is None
    assert waiting.size_at(HERE) == 10
    assert waiting.pop_expired(601) == (HERE, Part(2, 10))
