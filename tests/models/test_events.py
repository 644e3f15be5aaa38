"""An event's worst case against a naive enumeration of the ways in which its markets may resolve together."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.events import Event, event_worst_case, events_of
from models.markets import Group, Market

losses = st.tuples(*[st.integers(-100, 100)] * 3)
NAMES = ("a", "b", "c")


def markets(*, neg_risk: bool) -> dict[str, Market]:
    return {name: Market(name, name, ("1", "2"), group="event", neg_risk=neg_risk) for name in NAMES}


@pytest.mark.proves("I12")
@given(st.lists(losses, min_size=2, max_size=4), st.booleans(), st.booleans())
def test_the_worst_case_is_the_worst_way_in_which_the_event_can_end(
    each: list[tuple[int, int, int]], exclusive: bool, exhaustive: bool
) -> None:
    def possible(results: tuple[int, ...]) -> bool:
        if not exclusive:
            return True
        if set(results) == {2}:
            return True
        return 2 not in results and results.count(0) in ((1,) if exhaustive else (0, 1))

    naive = max(
        sum(one[result] for one, result in zip(each, results, strict=True))
        for results in product((0, 1, 2), repeat=len(each))
        if possible(results)
    )
    assert event_worst_case(Event("event", NAMES, exclusive, exclusive and exhaustive), each) == max(0, naive)


def test_markets_of_a_neg_risk_event_exclude_each_other_and_a_group_may_be_known_to_be_exhaustive() -> None:
    known = {"event": Group("event", "title", NAMES, neg_risk=True, exhaustive=True)}
    assert events_of(markets(neg_risk=True), {})["a"] == Event("event", NAMES, True, False)
    assert events_of(markets(neg_risk=True), known)["c"] == Event("event", NAMES, True, True)
    assert events_of(markets(neg_risk=False), known)["a"] == Event("event", NAMES, True, True)


def test_of_a_ladder_more_than_one_market_may_resolve_yes() -> None:
    ladder = {"event": Group("event", "title", NAMES)}
    assert events_of(markets(neg_risk=False), ladder)["a"] == Event("event", NAMES, False, False)


def test_a_market_alone_is_no_event() -> None:
    alone = {"a": Market("a", "a", ("1", "2"), group="event"), "b": Market("b", "b", ("3", "4"))}
    assert events_of(alone, {}) == {}
