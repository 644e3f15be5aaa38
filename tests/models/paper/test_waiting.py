"""The two halves of a trade: a smaller level and its print."""

from itertools import pairwise

from models.depth import Depth
from models.markets import Side
from models.messages.market import BookUpdated
from models.paper.waiting import Decreases, Level, Part, Prints, Step

HERE, THERE = Level(Side.BUY, 4_800), Level(Side.SELL, 5_200)


def book(here: int, there: int) -> BookUpdated:
    bids, asks = Depth({4_800: here} if here else {}), Depth({5_200: there} if there else {})
    return BookUpdated("market", 1, 1, 100, bids, asks, 4_800, 5_200, 4_800, 5_200, None, 0, 0)


def shrinking(*sizes: tuple[int, int], apart_ns: int = 10) -> Decreases:
    """A book whose two levels have these sizes in turn; the first change happens at moment 1 and 0 ns."""
    decreases = Decreases(500)
    for number, (before, after) in enumerate(pairwise(sizes)):
        decreases.see(Step(book(*before), book(*after), number + 1, number * apart_ns))
    return decreases


def test_what_a_level_lost_is_taken_oldest_first_and_once() -> None:
    decreases = shrinking((100, 50), (70, 50), (20, 50))
    assert decreases.take(HERE, 40) == (Part(1, 30), Part(2, 10))
    assert decreases.take(HERE, 100) == (Part(2, 40),)
    assert decreases.take(HERE, 100) == ()


def test_a_level_that_grows_or_comes_has_lost_nothing_and_one_that_goes_has_lost_all() -> None:
    decreases = shrinking((0, 50), (70, 60), (90, 0))
    assert decreases.size_at(HERE) == 0
    assert decreases.size_at(THERE) == 60


def test_levels_and_moments_are_kept_apart() -> None:
    decreases = shrinking((100, 50), (70, 50), (20, 45))
    assert decreases.size_at(HERE) == 80
    assert decreases.size_at(HERE, since=1) == 50
    assert decreases.size_at(THERE) == 5
    decreases.take(HERE, 100)
    assert decreases.size_at(THERE) == 5


def test_a_change_expires_after_its_time_with_what_nothing_explained() -> None:
    decreases = shrinking((100, 50), (70, 30), (60, 30), apart_ns=100)
    decreases.take(THERE, 20)
    assert decreases.pop_expired(500) is None
    expired = decreases.pop_expired(501)
    assert expired is not None
    assert (expired.moment, expired.unexplained(HERE), expired.unexplained(THERE)) == (1, 30, 0)
    assert decreases.pop_expired(501) is None
    assert decreases.size_at(HERE) == 10


def test_a_print_waits_for_its_level_and_explains_each_share_once() -> None:
    prints = Prints(500)
    prints.add(HERE, 30, 0)
    prints.add(HERE, 50, 10)
    assert list(prints.levels) == [HERE]
    assert prints.take(THERE, 10) == 0
    assert prints.take(HERE, 40) == 40
    assert prints.take(HERE, 100) == 40
    assert prints.take(HERE, 100) == 0


def test_a_print_whose_level_never_shrank_is_forgotten() -> None:
    prints = Prints(500)
    prints.add(HERE, 30, 0)
    prints.add(HERE, 50, 10)
    prints.expire(500)
    assert prints.take(HERE, 10) == 10
    prints.expire(501)
    assert prints.take(HERE, 100) == 50
    prints.expire(511)
    assert list(prints.levels) == []
