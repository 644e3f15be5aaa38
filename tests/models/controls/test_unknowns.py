from functools import partial

import pytest
from msgspec.structs import replace

from models.cells import TradingState
from models.controls.unknowns import UnknownParameters, Unknowns
from models.exposure import Exposures
from models.markets import NO, YES
from models.messages.control import Kill, KillLatched
from models.messages.orders import PlaceOrder
from models.orders import OrderState
from tests.models.controls.guarded import SECOND, Guarded, of_kind
from tests.models.supervisor import M, N

UNKNOWN, WORKING = OrderState.UNKNOWN, OrderState.WORKING


def family(most_open: int, _: Exposures) -> tuple[Unknowns]:
    return (Unknowns(UnknownParameters(), most_open),)


@pytest.fixture
def risk() -> Guarded:
    return Guarded(partial(family, 8))


def unknown(risk: Guarded, count: int) -> list[PlaceOrder]:
    orders = [risk.order(YES, 4_900, market=(M, N)[number % 2]) for number in range(count)]
    for order in orders:
        risk.tell(risk.changed(order, UNKNOWN))
    return orders


def speak(risk: Guarded, state: OrderState = WORKING) -> None:
    """Have the venue say something of an order that nobody has doubts about."""
    risk.tell(risk.changed(risk.order(NO, 4_900), state))


@pytest.mark.control("unknown_orders", "trips")
def test_three_orders_of_unknown_fate_leave_only_what_reduces(risk: Guarded) -> None:
    orders = unknown(risk, 3)
    assert (risk.state(), risk.state(N)) == (TradingState.REDUCING, TradingState.REDUCING)
    (cell,) = risk.states[N].cells
    assert (cell.scope, cell.source, cell.reason) == ("all", "unknown_orders", "3 orders of unknown fate >= 3")
    risk.later(1_000)
    assert risk.state() is TradingState.REDUCING, "as long as there are three"
    risk.tell(risk.changed(orders[0], WORKING))
    risk.later(200)
    risk.tell(risk.changed(orders[1], WORKING))
    risk.later(99)
    assert risk.state() is TradingState.REDUCING
    risk.later(1)
    assert risk.state() is TradingState.ACTIVE


@pytest.mark.control("unknown_orders", "nearly")
def test_two_at_once_however_many_in_turn_hold_nothing(risk: Guarded) -> None:
    for _ in range(10):
        orders = unknown(risk, 2)
        risk.tell(risk.changed(orders[0], UNKNOWN))
        for order in orders:
            risk.tell(risk.changed(order, OrderState.NEVER_ACCEPTED))
    unknown(risk, 2)
    assert risk.state() is TradingState.ACTIVE
    (reading,) = risk.readings("unknown_orders")
    assert (reading.value, reading.limit, reading.holds) == (2, 3, False)


@pytest.mark.control("unknown_orders", "blocks")
def test_what_opens_is_stopped_and_what_lowers_the_risk_is_not(risk: Guarded) -> None:
    risk.fill(risk.order(YES, 4_900, 10))
    orders = [risk.order(YES, 4_900, market=N) for _ in range(3)]
    for order in orders:
        risk.tell(replace(risk.changed(order, OrderState.DISPUTED), market="other"))
    assert risk.refused(YES) == "reducing: REDUCING by unknown_orders on all: 3 orders of unknown fate >= 3"
    assert risk.refused(NO) is None
    assert risk.readings("unknown_orders")[0].holds


@pytest.mark.control("unknown_orders_kill", "trips")
def test_five_orders_that_stay_unknown_while_the_venue_answers_kill(risk: Guarded) -> None:
    unknown(risk, 5)
    risk.later(10)
    speak(risk)
    risk.later(29)
    speak(risk)
    assert risk.state() is TradingState.REDUCING
    assert risk.readings("unknown_orders_kill")[0].note == "the venue has answered for 29 s"
    risk.later(1)
    assert risk.state() is TradingState.KILLED
    (latched,) = of_kind(risk.said, KillLatched)
    assert latched.reason == (
        "unknown_orders_kill: 5 orders >= 5 of unknown fate, 30 s after the venue answered"
    )  # fmt: skip


@pytest.mark.control("unknown_orders_kill", "nearly")
def test_a_venue_that_says_nothing_at_all_kills_nothing(risk: Guarded) -> None:
    orders = unknown(risk, 8)
    speak(risk, OrderState.NEVER_SENT)
    risk.later(10_000)
    assert risk.state() is TradingState.REDUCING
    risk.tell(risk.changed(orders[0], WORKING))
    risk.later(29)
    for order in orders[1:4]:
        risk.tell(risk.changed(order, WORKING))
    risk.later(1_000)
    assert risk.state() is TradingState.REDUCING, "four are fewer than five"


@pytest.mark.control("unknown_orders_kill", "blocks")
def test_a_kill_stops_everything(risk: Guarded) -> None:
    unknown(risk, 5)
    speak(risk, OrderState.REJECTED)
    risk.later(30)
    assert (risk.refused(NO, market=N) or "").startswith("killed: KILLED by kill on all: unknown_orders_kill")
    risk.later(30)
    assert len(of_kind(risk.said, KillLatched)) == 1


def test_as_many_as_that_have_to_be_old_enough_each(risk: Guarded) -> None:
    unknown(risk, 4)
    risk.later(20)
    unknown(risk, 1)
    speak(risk)
    risk.later(15)
    late = unknown(risk, 1)
    risk.later(14)
    risk.tell(risk.changed(late[0], WORKING))
    assert not of_kind(risk.said, KillLatched)
    risk.later(1)
    assert of_kind(risk.said, KillLatched)


def test_the_younger_ones_are_waited_for(risk: Guarded) -> None:
    orders = unknown(risk, 5)
    speak(risk)
    risk.later(20)
    unknown(risk, 1)
    risk.tell(risk.changed(orders[0], WORKING))
    risk.later(29)
    assert not of_kind(risk.said, KillLatched)
    risk.later(1)
    assert of_kind(risk.said, KillLatched)


def test_the_limit_of_a_kill_grows_with_the_orders_that_may_be_open() -> None:
    risk = Guarded(partial(family, 40))
    unknown(risk, 19)
    speak(risk)
    risk.later(1_000)
    assert risk.state() is TradingState.REDUCING
    assert risk.readings("unknown_orders_kill")[0].limit == 20
    unknown(risk, 1)
    speak(risk)
    risk.later(30)
    assert risk.state() is TradingState.KILLED


def test_a_person_may_let_go_what_is_held(risk: Guarded) -> None:
    orders = unknown(risk, 3)
    risk.say("resume", None)
    assert risk.state() is TradingState.ACTIVE
    risk.tell(risk.changed(orders[0], WORKING))
    risk.later(1_000)
    assert risk.state() is TradingState.ACTIVE


def test_the_count_is_that_of_before_after_a_death_and_the_time_to_a_kill_begins_anew(risk: Guarded) -> None:
    unknown(risk, 5)
    speak(risk)
    risk.later(29)
    again = risk.recalled()
    assert again.states[M].cells == risk.states[M].cells
    assert again.readings("unknown_orders_kill")[0].note == ""
    again.later(1_000)
    assert again.state() is TradingState.REDUCING
    speak(again)
    again.later(29)
    assert not of_kind(again.said, Kill)
    again.later(1)
    assert again.state() is TradingState.KILLED


def test_what_was_clean_for_long_enough_meanwhile_is_not_held_after_a_death(risk: Guarded) -> None:
    for order in unknown(risk, 3):
        risk.tell(risk.changed(order, WORKING))
    assert risk.recalled().state() is TradingState.REDUCING
    risk.now_ns += 300 * SECOND
    assert risk.recalled().state() is TradingState.ACTIVE
