"""Fills that come early, late, twice, in the wrong order, or not for us."""

import pytest
from msgspec.structs import replace

from models.cells import TradingState
from models.exposure import MarketExposure
from models.markets import NO
from models.messages.control import RaiseCell
from models.messages.orders import (
    OrderChanged,
    SubmitCancel,
)
from models.orders import OrderState, TimeInForce
from models.units import SHARE, Size
from tests.models.venue import Floor, S
from tests.models.wishes import M, report, wish

ORDER = wish(1)


def alarms(floor: Floor) -> list[str]:
    """Why the market was halted."""
    raised = floor.heard(RaiseCell)
    assert all((cell.market, cell.source, cell.state) == (M, "executor", TradingState.HALTED) for cell in raised)
    return [cell.reason for cell in raised]


def test_a_fill_that_races_the_cancel_is_counted() -> None:
    floor = Floor()
    floor.working(ORDER)
    floor.cancel(ORDER)
    floor.trade(ORDER, "MATCHED", size=2 * SHARE)
    assert (floor.state(ORDER), floor.last(ORDER).filled) == (OrderState.CANCELLING, 2 * SHARE)
    floor.cancelled(ORDER, filled=2 * SHARE)
    assert floor.state(ORDER) is OrderState.CANCELLED
    assert floor.held() == 2 * SHARE


def test_a_cancelled_order_keeps_its_exposure_until_its_last_fills_are_told() -> None:
    floor = Floor()
    floor.working(ORDER)
    floor.cancel(ORDER)
    floor.cancelled(ORDER, filled=2 * SHARE)
    assert floor.state(ORDER) is OrderState.CANCELLING
    assert floor.last(ORDER).reason == "off the book, 2 matched shares not yet told"
    assert floor.wait(60 * S) == (), "there is nothing left to cancel"
    floor.refuse_cancel(ORDER)
    assert floor.state(ORDER) is OrderState.CANCELLING
    floor.trade(ORDER, "MATCHED", size=2 * SHARE)
    assert (floor.state(ORDER), floor.last(ORDER).reason) == (OrderState.CANCELLED, "reprice")
    assert floor.held() == 2 * SHARE


def test_an_order_that_is_accepted_after_it_was_taken_off_is_not_cancelled_again() -> None:
    floor = Floor()
    floor.approve(ORDER)
    floor.cancelled(ORDER, filled=2 * SHARE, text="FAK")
    floor.accept(ORDER)
    assert floor.heard(SubmitCancel) == []
    floor.trade(ORDER, "MATCHED", size=2 * SHARE)
    assert (floor.state(ORDER), floor.last(ORDER).reason) == (OrderState.CANCELLED, "FAK")


def test_a_cancel_that_came_too_late_ends_in_a_filled_order() -> None:
    floor = Floor()
    floor.working(ORDER)
    floor.cancel(ORDER)
    floor.refuse_cancel(ORDER)
    floor.trade(ORDER, "MATCHED")
    assert floor.state(ORDER) is OrderState.FILLED
    assert floor.wait(2 * S) == ()


def test_a_fill_after_the_end_is_counted_and_the_order_stays_ended() -> None:
    floor = Floor()
    floor.working(ORDER)
    floor.cancel(ORDER)
    floor.cancelled(ORDER)
    floor.trade(ORDER, "MATCHED", size=5 * SHARE)
    assert (floor.state(ORDER), floor.last(ORDER).filled) == (OrderState.CANCELLED, 5 * SHARE)
    assert floor.held() == 5 * SHARE


def test_a_fill_before_the_acceptance_is_counted() -> None:
    floor = Floor()
    floor.approve(ORDER)
    floor.trade(ORDER, "MATCHED", size=2 * SHARE)
    assert (floor.state(ORDER), floor.last(ORDER).filled) == (OrderState.PLACING, 2 * SHARE)
    floor.accept(ORDER)
    assert (floor.state(ORDER), floor.last(ORDER).filled) == (OrderState.WORKING, 2 * SHARE)
    floor.trade(ORDER, "MATCHED", "t2", 3 * SHARE)
    assert floor.state(ORDER) is OrderState.FILLED


def test_an_acceptance_after_the_fill_changes_nothing() -> None:
    floor = Floor()
    floor.approve(ORDER)
    floor.trade(ORDER, "CONFIRMED")
    assert floor.accept(ORDER) == ()
    assert floor.state(ORDER) is OrderState.FILLED


@pytest.mark.proves("I1")
def test_duplicates_count_once_and_say_nothing_new() -> None:
    floor = Floor()
    floor.working(ORDER)
    for status in ("MINED", "MATCHED", "MINED", "CONFIRMED", "CONFIRMED", "MATCHED"):
        floor.trade(ORDER, status)
    floor.accept(ORDER)
    assert (floor.held(), floor.settled()) == (5 * SHARE, 5 * SHARE)
    assert [changed.state for changed in floor.heard(OrderChanged)] == ["placing", "working", "filled"]


def test_a_failed_fill_is_voided_even_when_the_market_is_off_and_the_order_gone() -> None:
    floor = Floor()
    floor.working(ORDER)
    floor.trade(ORDER, "MATCHED", size=2 * SHARE)
    floor.set_state(TradingState.HALTED)
    floor.cancel_market(reason="off")
    floor.trade(ORDER, "MATCHED", "raced", SHARE)
    floor.cancelled(ORDER, filled=3 * SHARE)
    assert (floor.state(ORDER), floor.held()) == (OrderState.CANCELLED, 3 * SHARE)
    floor.trade(ORDER, "FAILED", size=2 * SHARE)
    assert floor.held() == SHARE
    assert floor.last(ORDER).filled == 3 * SHARE, "the venue did match it"
    assert floor.position().yes.cost == 480_000


def test_an_unknown_order_that_was_filled_is_filled() -> None:
    floor = Floor()
    floor.approve(ORDER)
    floor.wait(5 * S)
    floor.trade(ORDER, "MATCHED")
    assert floor.state(ORDER) is OrderState.FILLED


# Contradictions


@pytest.mark.proves("I17")
def test_a_foreign_order_or_fill_halts_its_market() -> None:
    floor = Floor()
    floor.accept(ORDER)
    floor.tell(report(ORDER, "not ours", "MATCHED", "t9"))
    assert alarms(floor) == [f"foreign order {floor.id_of(ORDER)}", "foreign fill t9 of not ours"]
    assert floor.held() == 0


@pytest.mark.proves("I2")
def test_a_disputed_fill_halts_its_market_and_is_not_resolved() -> None:
    floor = Floor()
    floor.working(ORDER)
    for status in ("MATCHED", "FAILED", "CONFIRMED", "FAILED", "MATCHED"):
        floor.trade(ORDER, status)
    assert alarms(floor) == ["disputed trade t1"]
    assert floor.held() == 5 * SHARE, "what may be ours is in the worst case"


def test_a_contradicting_report_halts_and_counts_nothing() -> None:
    floor = Floor()
    floor.working(ORDER)
    floor.tell(report(wish(1, outcome=NO), floor.id_of(ORDER), "MATCHED"))
    assert alarms(floor) == ["contradiction trade t1"]
    assert floor.held() == 0


@pytest.mark.proves("I23")
def test_an_unknown_trade_status_is_counted_and_reported_but_does_not_halt() -> None:
    floor = Floor()
    floor.working(ORDER)
    floor.trade(ORDER, "QUEUED")
    assert (floor.held(), floor.settled(), alarms(floor)) == (5 * SHARE, 0, [])
    assert floor.last(ORDER).reason == "unknown trade status QUEUED"
    floor.trade(ORDER, "CONFIRMED")
    floor.trade(ORDER, "REQUEUED")
    assert floor.last(ORDER).reason == "unknown trade status REQUEUED"
    assert floor.settled() == 5 * SHARE


@pytest.mark.parametrize("size, halts", [(5_009_999, False), (5_010_000, False), (5_010_001, True)])
def test_a_hundredth_of_a_share_too_much_is_accepted(size: Size, halts: bool) -> None:
    floor = Floor()
    order_id = floor.working(ORDER)
    floor.trade(ORDER, "MATCHED", size=size)
    assert alarms(floor) == ([f"disputed: overfilled order {order_id}"] if halts else [])
    assert (floor.held(), floor.last(ORDER).filled) == (size, 5 * SHARE)


def test_a_buy_that_takes_may_get_more_shares_at_a_better_price_but_cost_no_more_dollars() -> None:
    take = replace(ORDER, post_only=False, time_in_force=TimeInForce.FAK)
    floor = Floor()
    order_id = floor.working(take)
    better = report(take, order_id, "MATCHED", size=9 * SHARE)
    floor.tell(replace(better, price=2_000, cash=1_800_000, maker=False))
    assert (floor.state(take), floor.held(), alarms(floor)) == (OrderState.FILLED, 9 * SHARE, [])
    floor.tell(replace(better, trade_id="t2", price=2_000, cash=700_000, size=3 * SHARE, maker=False))
    assert alarms(floor) == [f"disputed: overfilled order {order_id}"]


def test_a_rejected_order_that_lives_after_all_is_cancelled_and_halts() -> None:
    floor = Floor()
    order_id = floor.approve(ORDER)
    floor.reject(ORDER)
    floor.accept(ORDER)
    assert floor.heard(SubmitCancel) == [SubmitCancel(order_id, M, "accepted_after_all")]
    floor.trade(ORDER, "MATCHED", size=SHARE)
    assert floor.state(ORDER) is OrderState.REJECTED
    assert floor.held() == SHARE
    assert alarms(floor) == [f"rejected order was accepted: {order_id}", f"rejected order was filled: {order_id}"]


def test_a_forgotten_order_is_foreign() -> None:
    floor = Floor(remembered_orders=1)
    for number in (1, 2, 3):
        order = wish(number)
        floor.working(order)
        floor.trade(order, "CONFIRMED")
    floor.trade(wish(1), "CONFIRMED")
    assert alarms(floor) == [f"foreign fill t1 of {floor.id_of(wish(1))}"]
    assert floor.held() == 15 * SHARE


def test_an_order_with_a_provisional_fill_is_not_forgotten() -> None:
    floor = Floor(remembered_orders=1)
    floor.working(ORDER)
    floor.trade(ORDER, "MATCHED")
    for number in (2, 3, 4):
        floor.working(wish(number))
        floor.trade(wish(number), "CONFIRMED")
    floor.trade(ORDER, "FAILED")
    assert alarms(floor) == []
    assert floor.held() == 15 * SHARE


@pytest.mark.proves("I13")
def test_risk_counts_the_same_exposure_from_what_is_said() -> None:
    floor = Floor()
    exposure = MarketExposure()
    floor.working(ORDER)
    floor.cancel(ORDER)
    floor.cancelled(ORDER, filled=2 * SHARE)
    for changed in floor.heard(OrderChanged):
        exposure.order_changed(changed)
    assert exposure.orders[ORDER.intent].remaining == 5 * SHARE, "until the fills are told"
