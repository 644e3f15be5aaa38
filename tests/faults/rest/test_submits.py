"""Orders whose answer is lost, late, wrong or torn: found by their hash, and never sent a second time."""

from typing import Any

import pytest

from models.markets import NO, YES, Market
from models.messages.orders import PlaceOrder
from models.orders import OrderState
from tests.faults.journal import NEVER_STOOD, states
from tests.faults.live_engine import log
from tests.faults.steady_hand import SteadyHand

_S = 1_000_000_000

SETTINGS = {
    "executor__late_acceptance_ms": "8000",
    "executor__absence_apart_ms": "400",
    "executor__reconcile_every_ms": "600000",
}
"""The windows of 20 and 30 s, made short; and no read on the cadence, which would find the order before its time."""


def unknown(hand: SteadyHand, market: Market, fault: str, **more: Any) -> PlaceOrder:
    """Send an order into a fault, of which the user feed says nothing either, and see that its fate is unknown."""
    hand.venue.fault("lose_frames", channel="user", market=market.slug, count=100)
    hand.venue.fault(fault, **{"method": "POST", "path": "/order", **more})
    order = hand.sends(market)
    hand.until(lambda: OrderState.UNKNOWN in states(hand.life(order)), f"{order.intent} is unknown")
    return order


def found_once(hand: SteadyHand, market: Market, order: PlaceOrder) -> None:
    """See that an order is found by its hash, rests, and is the only one that was ever sent there."""
    hand.until(lambda: OrderState.WORKING in states(hand.life(order)), f"{order.intent} is found")
    (only,) = hand.sent(market)
    assert only.order.intent == order.intent
    assert hand.taken(market) == [only.order_id]
    assert asked_for(hand, only.order_id), "by its hash"
    assert states(hand.life(order))[:3] == [OrderState.PLACING, OrderState.UNKNOWN, OrderState.WORKING]
    assert not NEVER_STOOD & set(states(hand.life(order)))


def asked_for(hand: SteadyHand, order_id: str) -> list[dict[str, Any]]:
    return [line for line in log(hand.venue, "request") if order_id in line["path"]]


@pytest.mark.proves("I6", "I7")
@pytest.mark.fault("F01")
@pytest.mark.parametrize("manner", ["never", "reset"])
def test_an_order_that_was_lost_blocks_its_market_and_siblings_until_the_venue_knows_it_nowhere_often_and_late_enough(
    hand: SteadyHand, manner: str
) -> None:
    market = hand.calm(lambda one: one.neg_risk)
    order = unknown(hand, market, "lose_request", manner=manner)
    sibling = hand.sibling(market)
    for where, outcome in ((market, YES), (market, NO), (sibling, YES)):
        assert hand.denied_for(where, outcome=outcome) <= {"unknown_order", "cancel_only"}, "all of them are blocked"
    hand.until(lambda: hand.fate(order) is OrderState.NEVER_ACCEPTED, "it is given up")
    (only,) = hand.sent(market)
    assert states(hand.life(order)) == [OrderState.PLACING, OrderState.UNKNOWN, OrderState.NEVER_ACCEPTED]
    ended_ns = hand.life(order)[-1].at_ns
    assert 3 * _S < ended_ns - only.submitted_ns < 60 * _S
    assert len(asked_for(hand, only.order_id)) >= 3, "an absence is heard three times"
    assert only.order_id not in hand.running.placed()
    hand.stands(market)


@pytest.mark.proves("I5")
@pytest.mark.fault("F02")
@pytest.mark.parametrize("manner", ["never", "reset", "cut"])
def test_an_order_whose_answer_was_lost_is_found_by_its_hash_and_no_other_is_sent(
    hand: SteadyHand, market: Market, manner: str
) -> None:
    order = unknown(hand, market, "lose_answer", manner=manner)
    found_once(hand, market, order)


@pytest.mark.fault("F03")
def test_an_answer_that_comes_after_we_gave_up_changes_nothing_that_is_known_by_then(
    hand: SteadyHand, market: Market
) -> None:
    order = unknown(hand, market, "late_answer", least=5, most=5)
    found_once(hand, market, order)
    hand.until(lambda: log(hand.venue)[-1]["at_ns"] - hand.sent(market)[0].submitted_ns > 6 * _S, "the answer came")
    assert states(hand.life(order)).count(OrderState.UNKNOWN) == 1, "nothing goes back"
    assert len(hand.sent(market)) == 1


@pytest.mark.fault("F04")
@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_error_of_the_server_is_no_refusal(hand: SteadyHand, market: Market, status: int) -> None:
    order = unknown(hand, market, "error_though_done", status=status)
    found_once(hand, market, order)


@pytest.mark.fault("F05")
@pytest.mark.parametrize(
    ("fault", "more"), [("cut_answer", {}), ("cut_answer", {"how": "truncated"}), ("reset_answer", {})]
)
def test_an_answer_that_is_torn_is_no_answer(
    hand: SteadyHand, market: Market, fault: str, more: dict[str, Any]
) -> None:
    order = unknown(hand, market, fault, **more)
    found_once(hand, market, order)


@pytest.mark.fault("F06")
def test_a_server_that_dribbles_costs_no_more_than_one_deadline(hand: SteadyHand, market: Market) -> None:
    order = unknown(hand, market, "dribble")
    changes = hand.life(order)
    when = {changed.state: changed.at_ns for changed in reversed(changes)}
    assert when[OrderState.UNKNOWN] - hand.sent(market)[0].submitted_ns < 9 * _S
    found_once(hand, market, order)


@pytest.mark.fault("F07")
@pytest.mark.parametrize(
    ("fault", "more"), [("close_idle", {}), ("stale_connection", {}), ("stale_connection", {"manner": "last"})]
)
def test_an_order_for_a_connection_that_ended_unsaid_is_sent_once_or_of_unknown_fate(
    hand: SteadyHand, market: Market, fault: str, more: dict[str, Any]
) -> None:
    if fault == "close_idle":
        hand.stands(market)
    hand.venue.fault(fault, **more)
    if fault == "stale_connection":
        hand.stands(market)
    order = hand.sends(market, "0.02")
    hand.until(lambda: hand.fate(order) is not OrderState.PLACING and hand.fate(order), "it has an answer")
    hand.until(lambda: hand.fate(order) is not OrderState.UNKNOWN, "its fate is known")
    sent = [entry.order_id for entry in hand.sent(market)]
    stood = hand.fate(order) not in NEVER_STOOD
    assert len(sent) == 2
    assert hand.taken(market) == sent[: 1 + stood], "each was sent once, and what is called gone was never there"
