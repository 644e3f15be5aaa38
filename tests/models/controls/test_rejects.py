from functools import partial

import pytest
from msgspec.structs import replace

from models.cells import TradingState
from models.controls.rejects import RejectParameters, Rejects
from models.exposure import Exposures
from models.markets import YES
from models.messages.orders import CancelMarket, PlaceOrder
from models.orders import OrderState
from tests.models.controls.guarded import SECOND, Guarded
from tests.models.supervisor import M, N

BALANCE = "not enough balance / allowance"
CROSSES = "crosses: invalid post-only order: order crosses book"
NEVER_IN_PART = RejectParameters(ratio_orders=10_000)


def family(parameters: RejectParameters, exposures: Exposures) -> tuple[Rejects]:
    return (Rejects(parameters, exposures.markets),)


def guarded(parameters: RejectParameters = NEVER_IN_PART) -> Guarded:
    return Guarded(partial(family, parameters))


def answered(
    risk: Guarded, state: OrderState, why: str = BALANCE, market: str = M, count: int = 1, apart_s: float = 0.1
) -> PlaceOrder:
    """Have orders sent and answered; return the last one."""
    order = risk.order(YES, 4_900, market=market)
    for _ in range(count):
        order = risk.order(YES, 4_900, market=market)
        risk.tell(risk.changed(order, OrderState.PLACING))
        risk.tell(replace(risk.changed(order, state), reason=why))
        risk.later(apart_s)
    return order


def refused_in_turn(risk: Guarded, count: int, apart_s: float = 1) -> None:
    """Have orders of two markets refused, one after the other."""
    for number in range(count):
        answered(risk, OrderState.REJECTED, market=(M, N)[number % 2], apart_s=apart_s)


@pytest.mark.control("rejects_market", "trips")
def test_five_refused_orders_of_a_market_within_a_minute_pause_it() -> None:
    risk = guarded()
    answered(risk, OrderState.REJECTED, count=5)
    assert risk.state() is TradingState.CANCEL_ONLY
    assert risk.state(N) is TradingState.ACTIVE
    (cell,) = risk.states[M].cells
    assert (cell.source, cell.reason) == ("rejects_market", f"5 orders refused within 60 s >= 5, the last: {BALANCE}")
    assert CancelMarket(M, "rejects_market") in risk.said
    risk.later(60)
    assert risk.state() is TradingState.ACTIVE


@pytest.mark.control("rejects_market", "nearly")
def test_four_refusals_or_what_is_no_fault_pause_nothing() -> None:
    risk = guarded()
    answered(risk, OrderState.REJECTED, count=4)
    answered(risk, OrderState.REJECTED, "order couldn't be fully filled. FOK orders are fully filled or killed.", N, 9)
    answered(risk, OrderState.REJECTED, "no orders found to match with FAK order.", N, 9)
    answered(risk, OrderState.REJECTED, "Trading is currently disabled", N, 9)
    answered(risk, OrderState.REJECTED, CROSSES, N, 12)
    answered(risk, OrderState.NEVER_SENT, "limit", N, 9)
    (reading,) = risk.readings("rejects_market")
    assert (reading.scope, reading.value, reading.limit, reading.holds) == ("slug-m", 4, 5, False)
    risk.later(60)
    answered(risk, OrderState.REJECTED, count=3, apart_s=20)
    answered(risk, OrderState.REJECTED, count=9, apart_s=15.1)
    assert (risk.state(), risk.state(N)) == (TradingState.ACTIVE, TradingState.ACTIVE)


@pytest.mark.control("rejects_market", "blocks")
def test_a_market_whose_orders_are_refused_takes_none_for_a_minute() -> None:
    risk = guarded()
    answered(risk, OrderState.REJECTED, count=5)
    assert (risk.refused() or "").startswith("cancel_only: CANCEL_ONLY by rejects_market on market m: 5 orders refused")
    assert risk.refused(market=N) is None
    assert risk.readings("rejects_market")[0].holds


def test_more_than_three_crossings_a_minute_of_each_slot_count() -> None:
    risk = guarded()
    answered(risk, OrderState.REJECTED, CROSSES, count=16)
    assert risk.state() is TradingState.ACTIVE
    answered(risk, OrderState.REJECTED, CROSSES)
    assert risk.state() is TradingState.CANCEL_ONLY


@pytest.mark.control("rejects_total", "trips")
def test_twenty_refused_orders_in_all_leave_only_what_reduces() -> None:
    risk = guarded(replace(NEVER_IN_PART, market=100))
    refused_in_turn(risk, 20)
    assert (risk.state(), risk.state(N)) == (TradingState.REDUCING, TradingState.REDUCING)
    (cell,) = risk.states[N].cells
    assert (cell.scope, cell.source) == ("all", "rejects_total")
    assert cell.reason == f"20 orders refused within 60 s >= 20, the last: {BALANCE}"
    risk.later(298.9)
    assert risk.state() is TradingState.REDUCING
    risk.later(0.2)
    assert risk.state() is TradingState.ACTIVE


@pytest.mark.control("rejects_total", "nearly")
def test_nineteen_refused_orders_within_a_minute_leave_all_as_it_is() -> None:
    risk = guarded(replace(NEVER_IN_PART, market=100))
    refused_in_turn(risk, 60, apart_s=3.2)
    assert risk.state() is TradingState.ACTIVE
    (reading,) = risk.readings("rejects_total")
    assert (reading.value, reading.limit, reading.holds) == (18, 20, False)


@pytest.mark.control("rejects_total", "blocks")
def test_it_stops_what_opens_for_as_long_as_orders_go_on_being_refused() -> None:
    risk = guarded(replace(NEVER_IN_PART, market=100))
    refused_in_turn(risk, 20)
    assert (risk.refused(market=N) or "").startswith("reducing: REDUCING by rejects_total on all: 20 orders refused")
    risk.fill(risk.order(YES, 4_900, 10))
    assert risk.refused(outcome=1, price=4_000) is None, "what lowers the risk"
    risk.later(250)
    refused_in_turn(risk, 20)
    risk.later(250)
    assert risk.state(N) is TradingState.REDUCING
    risk.later(50)
    assert risk.state(N) is TradingState.ACTIVE
    assert not risk.readings("rejects_total")[0].holds


@pytest.mark.control("reject_ratio", "trips")
def test_more_than_a_quarter_of_the_orders_refused_leave_only_what_reduces() -> None:
    risk = guarded(RejectParameters(market=100, total=100))
    answered(risk, OrderState.WORKING, "accepted", count=15)
    answered(risk, OrderState.REJECTED, count=5)
    assert risk.state() is TradingState.ACTIVE
    answered(risk, OrderState.REJECTED)
    assert risk.state() is TradingState.REDUCING
    (cell,) = risk.states[M].cells
    assert cell.source == "reject_ratio"
    assert cell.reason == f"6 of 21 orders refused within 300 s, 0.29 > 0.25, the last: {BALANCE}"


@pytest.mark.control("reject_ratio", "nearly")
def test_a_quarter_is_not_more_than_a_quarter_and_few_orders_say_nothing() -> None:
    risk = guarded(RejectParameters(market=100, total=100))
    answered(risk, OrderState.REJECTED, count=5)
    answered(risk, OrderState.CANCELLED, "FOK", count=5)
    (reading,) = risk.readings("reject_ratio")
    assert (reading.value, reading.note) == (None, "5 of 10 answered orders")
    answered(risk, OrderState.FILLED, count=10)
    assert risk.state() is TradingState.ACTIVE
    (reading,) = risk.readings("reject_ratio")
    assert (reading.value, reading.limit, reading.unit) == (0.25, 0.25, "ratio")
    risk.later(300)
    answered(risk, OrderState.REJECTED, count=19)
    assert risk.state() is TradingState.ACTIVE


@pytest.mark.control("reject_ratio", "blocks")
def test_it_stops_what_opens_until_it_was_clean_for_a_while() -> None:
    risk = guarded(RejectParameters(market=100, total=100))
    answered(risk, OrderState.REJECTED, count=20)
    assert (risk.refused(market=N) or "").startswith("reducing: REDUCING by reject_ratio on all: 20 of 20 orders")
    assert risk.readings("reject_ratio")[0].holds
    risk.later(300)
    assert risk.refused(market=N) is None


def test_an_order_of_unknown_fate_is_answered_when_it_is_known() -> None:
    risk = guarded()
    order = answered(risk, OrderState.UNKNOWN)
    risk.tell(risk.changed(order, OrderState.REJECTED))
    risk.tell(risk.changed(order, OrderState.REJECTED))
    assert risk.readings("rejects_market")[0].value == 1


def test_a_person_may_let_go_what_is_held() -> None:
    risk = guarded(NEVER_IN_PART)
    answered(risk, OrderState.REJECTED, count=20)
    assert risk.state() is TradingState.CANCEL_ONLY
    risk.say("resume", M)
    assert risk.state() is TradingState.REDUCING
    risk.say("resume", None)
    assert risk.state() is TradingState.ACTIVE


def test_counts_and_cells_are_those_of_before_after_a_death() -> None:
    risk = guarded(replace(NEVER_IN_PART, ratio_orders=20))
    answered(risk, OrderState.REJECTED, count=20)
    again = risk.recalled()
    assert again.states[M].cells == risk.states[M].cells
    assert {cell.source for cell in again.states[M].cells} == {"rejects_market", "rejects_total", "reject_ratio"}
    assert again.readings("rejects_total") == risk.readings("rejects_total")
    risk.now_ns += 400 * SECOND
    assert risk.recalled().state() is TradingState.ACTIVE


def test_a_market_that_nobody_knows_goes_by_its_id() -> None:
    risk = guarded()
    answered(risk, OrderState.REJECTED, market="other")
    assert risk.readings("rejects_market")[0].scope == "other"
