"""Pairs that become dollars and markets that pay out, through the executor."""

import pytest

from models.markets import NO, Side
from models.messages.market import MarketResolved
from models.messages.orders import (
    FillCounted,
    IntentDenied,
    MergeChanged,
    MergeReported,
    PositionsRedeemed,
    SubmitMerge,
)
from models.orders import OrderState
from models.positions import cash_flow
from models.units import ONE, SHARE
from tests.models.venue import Floor
from tests.models.wishes import TAG, M, wish


def pairs(floor: Floor, yes: int, no: int, status: str = "CONFIRMED") -> None:
    """Buy some of each token."""
    for order in (wish(1, size=yes * SHARE), wish(2, size=no * SHARE, outcome=NO)):
        floor.working(order)
        floor.trade(order, status)


def test_pairs_are_merged_once() -> None:
    floor = Floor()
    pairs(floor, 5, 3)
    requested = floor.merge(9)
    assert (requested.state, requested.size) == ("requested", 3 * SHARE), "what there is of them"
    assert floor.heard(SubmitMerge) == [SubmitMerge(requested.operation, M, 3 * SHARE)]
    assert floor.position().merging == 3 * SHARE
    assert (floor.merge(1, 8).state, floor.merge(9).state) == ("failed", "failed"), "all are under way"
    done = MergeReported(requested.operation, M, "confirmed", 0, 0)
    floor.tell(MergeReported(requested.operation, M, "who knows", 0, 0))
    floor.tell(done)
    assert floor.tell(done) == ()
    assert [changed.state for changed in floor.heard(MergeChanged)][:2] == ["requested", "submitted"]
    assert (floor.position().yes.shares, floor.position().merging) == (2 * SHARE, 0)
    assert floor.position().realized == 120_000


def test_provisional_pairs_are_not_merged() -> None:
    floor = Floor()
    pairs(floor, 5, 3, "MATCHED")
    failed = floor.merge(3)
    assert (failed.state, failed.size) == ("failed", 0)
    assert floor.heard(SubmitMerge) == []


@pytest.mark.proves("I22")
def test_a_resolved_market_drops_its_orders_and_pays_every_desk_once() -> None:
    floor = Floor()
    pairs(floor, 5, 3)
    resting, other = wish(3), wish(4, tag="other")
    floor.working(resting)
    floor.working(other)
    floor.trade(other, "CONFIRMED")
    floor.tell(MarketResolved(M, ONE, 0))
    assert (floor.state(resting), floor.last(resting).reason) == (OrderState.CANCELLED, "market_resolved")
    assert [(paid.tag, paid.payout_yes) for paid in floor.heard(PositionsRedeemed)] == [(TAG, ONE), ("other", ONE)]
    assert cash_flow(floor.position()) == 5_000_000 - 8 * 480_000
    assert floor.tell(MarketResolved(M, 0, 0)) == ()
    floor.approve(wish(5))
    assert [denied.reason for denied in floor.heard(IntentDenied)] == ["resolved"]


def test_a_payout_waits_for_what_is_provisional_and_for_merges() -> None:
    floor = Floor()
    pairs(floor, 5, 5)
    operation = floor.merge(5).operation
    late = wish(3)
    floor.working(late)
    floor.trade(late, "MATCHED", size=2 * SHARE)
    floor.tell(MarketResolved(M, ONE, 0))
    floor.trade(late, "MATCHED", "raced", SHARE)
    floor.tell(MergeReported(operation, M, "failed", 0, 0))
    floor.trade(late, "FAILED", "raced", SHARE)
    assert floor.heard(PositionsRedeemed) == []
    floor.trade(late, "CONFIRMED", size=2 * SHARE)
    assert floor.heard(PositionsRedeemed) == [PositionsRedeemed(TAG, M, ONE, floor.now_ns)]
    assert cash_flow(floor.position()) == 7_000_000 - 12 * 480_000


def test_the_end_of_a_merge_lets_the_payout_go_and_no_other_begins() -> None:
    floor = Floor()
    pairs(floor, 5, 5)
    operation = floor.merge(3).operation
    floor.tell(MarketResolved(M, ONE, 0))
    assert floor.merge(2, created_ns=8).state == "failed"
    floor.tell(MergeReported(operation, M, "confirmed", 0, 0))
    assert floor.heard(PositionsRedeemed) == [PositionsRedeemed(TAG, M, ONE, floor.now_ns)]
    assert cash_flow(floor.position()) == 3_000_000 + 2_000_000 - 10 * 480_000


def test_a_sale_brings_its_cost_along_and_its_void_brings_it_back() -> None:
    floor = Floor()
    pairs(floor, 5, 3)
    sale = wish(3, price="0.6", size=2 * SHARE, side=Side.SELL)
    floor.working(sale)
    floor.trade(sale, "MATCHED")
    assert floor.heard(FillCounted)[-1].cost_out == 960_000
    assert floor.position().realized == 240_000
    floor.trade(sale, "FAILED")
    assert (floor.position().realized, floor.position().yes.cost) == (0, 2_400_000)
