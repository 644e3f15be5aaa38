"""A ladder against a dict that is searched anew each time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ladder import Ladder
from models.units import ONE, TICKS, Price, Size


class Naive:
    """Two dicts and `max`."""

    def __init__(self) -> None:
        self.bids: dict[Price, Size] = {}
        self.asks: dict[Price, Size] = {}

    def set(self, *, is_bid: bool, price: Price, size: Size) -> None:
        side = self.bids if is_bid else self.asks
        if size:
            side[price] = size
        else:
            side.pop(price, None)

    def touch(self) -> tuple[Price, Price]:
        return max(self.bids, default=0), min(self.asks, default=ONE)


@given(
    tick=st.sampled_from(TICKS),
    changes=st.lists(st.tuples(st.booleans(), st.integers(1, ONE), st.sampled_from([0, 0, 1, 5_000_000, 10**15]))),
)
def test_the_best_prices_are_those_of_a_search_after_every_change(
    tick: Price, changes: list[tuple[bool, int, Size]]
) -> None:
    ladder, naive = Ladder(tick), Naive()
    for is_bid, steps, size in changes:
        price = tick * (1 + steps % (ONE // tick - 1))
        (ladder.set_bid if is_bid else ladder.set_ask)(price, size)
        naive.set(is_bid=is_bid, price=price, size=size)
        assert (ladder.bid, ladder.ask) == naive.touch()
    assert (ladder.bids, ladder.asks) == (naive.bids, naive.asks)


@given(
    prices=st.sets(st.integers(1, 99), min_size=1).map(lambda ticks: {tick * 100 for tick in ticks}),
    finer=st.sampled_from([50, 25, 10, 1]),
    gone=st.data(),
)
def test_levels_stay_when_the_grid_becomes_finer(prices: set[Price], finer: Price, gone: st.DataObject) -> None:
    ladder = Ladder(100)
    ladder.load(dict.fromkeys(prices, 7), {}, 100)
    ladder.regrid(finer)
    ladder.set_bid(finer, 3)
    removed = gone.draw(st.sets(st.sampled_from(sorted(prices))))
    for price in removed:
        ladder.set_bid(price, 0)
    left = prices - removed | {finer}
    assert set(ladder.bids) == left
    assert ladder.bid == max(left)


def test_levels_between_the_steps_of_a_coarser_grid_are_still_found() -> None:
    ladder = Ladder(10)
    ladder.load({4_810: 1, 4_790: 2, 4_700: 3}, {}, 10)
    ladder.regrid(100)
    ladder.set_bid(4_810, 0)
    assert ladder.bid == 4_790
    ladder.set_bid(4_790, 0)
    assert ladder.bid == 4_700


@pytest.mark.parametrize("tick", TICKS)
def test_the_worst_gap_is_crossed_from_one_end_to_the_other(tick: Price) -> None:
    ladder = Ladder(tick)
    ladder.load({tick: 1, ONE - tick: 1}, {}, tick)
    ladder.set_bid(ONE - tick, 0)
    assert ladder.bid == tick
    ladder.set_bid(tick, 0)
    assert ladder.bid == 0


def test_crossed_means_a_bid_above_an_ask_and_not_equal_to_it() -> None:
    ladder = Ladder(100)
    ladder.load({5_000: 1}, {5_000: 1}, 100)
    assert not ladder.crossed
    ladder.set_bid(5_100, 1)
    assert ladder.crossed
    ladder.set_bid(5_100, 0)
    ladder.set_bid(5_000, 0)
    assert not ladder.crossed


def test_the_touch_is_the_same_only_with_the_same_sizes() -> None:
    one, other = Ladder(100), Ladder(100)
    one.load({4_000: 5}, {6_000: 5}, 100)
    other.load({4_000: 5}, {6_000: 5}, 100)
    assert one.same_touch(other)
    other.set_ask(6_000, 4)
    assert not one.same_touch(other)
