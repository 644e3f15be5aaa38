"""A whole set for less than it must pay: what is executable, what it costs, and what proves it."""

from msgspec.structs import replace

from models.depth import Depth
from models.markets import NO, YES, Catalogue, Fees, Group, Market
from models.orders import TimeInForce
from models.strategies.complete_set import CompleteSet, CompleteSetParameters
from models.strategy import MarketView, Targets
from models.units import ONE, SHARE
from tests.models.coordination import book, market, seen, view


def member(name: str, bid: int, ask: int, shares: int = 50, **given: object) -> MarketView:
    of: Market = market(name, group="event", **given)
    return seen(book(bid, ask, name=name, shares=shares), listed=of)


def ask_for(*members: MarketView, exhaustive: bool = True, min_edge: int = 100, buffer: int = 20) -> Targets:
    strategy = CompleteSet(CompleteSetParameters(min_edge=min_edge, failure_buffer=buffer))
    return strategy.targets(view(*members, exhaustive=exhaustive))


CHEAP = (member("a", 2_800, 3_000), member("b", 2_800, 3_000), member("c", 2_800, 3_000))


def test_all_yes_for_less_than_a_dollar_are_one_bundle_of_equal_shares() -> None:
    (bundle,) = ask_for(*CHEAP).bundles
    assert bundle.payout == ONE
    assert [(leg.market, leg.outcome, leg.limit, leg.size) for leg in bundle.legs] == [
        (name, YES, 3_000, 5 * SHARE) for name in "abc"
    ]
    assert {leg.time_in_force for leg in bundle.legs} == {TimeInForce.FOK}, "a part of a leg would break the set"


def test_yes_sets_need_the_proof_that_exactly_one_of_them_wins() -> None:
    targets = ask_for(*CHEAP, exhaustive=False)
    assert targets.bundles == ()
    assert targets.gates[0].name == "exhaustive"
    assert not targets.gates[0].passed


def test_no_sets_need_no_such_proof_and_pay_one_less_than_their_number() -> None:
    dear = tuple(member(name, 3_800, 4_000) for name in "abc")
    (bundle,) = ask_for(*dear, exhaustive=False).bundles
    assert bundle.payout == 2 * ONE
    assert [(leg.outcome, leg.limit) for leg in bundle.legs] == [(NO, 6_200)] * 3


def test_the_edge_is_what_is_left_after_every_fee_and_the_buffer() -> None:
    gate = next(gate for gate in ask_for(*CHEAP).gates if gate.name == "edge")
    assert (gate.value, gate.threshold) == (ONE - 9_000 - 20, 100)
    charged = tuple(member(name, 2_800, 3_000, fees=Fees(70_000)) for name in "abc")
    gate = next(gate for gate in ask_for(*charged).gates if gate.name == "edge")
    assert gate.value == ONE - 9_000 - 3 * 147 - 20
    assert ask_for(*charged, min_edge=540).reason == "edge_too_low"
    assert len(ask_for(*charged, min_edge=539).bundles) == 1


def test_a_leg_at_a_cent_multiplies_the_others() -> None:
    members = (member("a", 50, 100, 200), member("b", 4_600, 4_800, 200), member("c", 4_600, 4_800, 200))
    (bundle,) = ask_for(*members, min_edge=0).bundles
    assert {leg.size for leg in bundle.legs} == {100 * SHARE}, "a dollar's worth at 0.01"


def test_the_cost_is_that_of_walking_the_asks_and_the_limit_the_worst_of_them() -> None:
    deep = member("a", 2_800, 3_000)
    assert deep.book is not None
    asks = Depth({3_000: 2 * SHARE, 3_200: 50 * SHARE})
    deep = replace(deep, book=replace(deep.book, asks=asks))
    targets = ask_for(deep, *CHEAP[1:])
    (bundle,) = targets.bundles
    assert bundle.legs[0].limit == 3_200
    edge = next(gate for gate in targets.gates if gate.name == "edge")
    assert edge.value == ONE - (2 * 3_000 + 3 * 3_200) // 5 - 6_000 - 20


def test_depth_that_is_short_on_any_leg_is_not_executable() -> None:
    thin = member("a", 2_800, 3_000, shares=4)
    targets = ask_for(thin, *CHEAP[1:])
    assert targets.bundles == ()
    assert targets.reason == "not_executable"
    assert [gate.blocks for gate in targets.gates if gate.name == "depth"] == ["yes", "no"]


def test_events_are_decided_on_in_their_own_order() -> None:
    listed = {name: market(name, group="event") for name in "abc"}
    catalogue = Catalogue(listed, {"event": Group("event", "title", ("c", "a", "b"), neg_risk=True, exhaustive=True)})
    assert CompleteSet(CompleteSetParameters()).groups(catalogue) == (("c", "a", "b"),)
