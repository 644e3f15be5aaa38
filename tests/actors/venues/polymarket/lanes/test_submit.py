"""Orders leave once, as they were journalled, and whatever befalls them comes to one true answer."""

from typing import Any

import pytest
from msgspec.structs import replace

from actors.venues.polymarket.order_body import ORDERS_MAX
from actors.venues.polymarket.orders import SignedOrder
from models.limits import Refusal
from models.messages.base import Message
from models.messages.lanes import LimitsSeen, SubmitUnanswered, VenueModeSeen
from models.messages.orders import (
    INTENT_TIME_TO_LIVE_NS,
    OrderAccepted,
    OrderNotJournalled,
    OrderRejected,
    PlaceOrder,
    SubmitOrder,
)
from models.orders import TimeInForce
from models.units import ONE
from tests.actors.venues.polymarket.lanes.lanes_at_work import SUBMIT, WITHIN_S, Lanes
from tests.actors.venues.polymarket.local_venue import clear, throw

SHORT_S = 0.4
HANGING = {"lose_request", "lose_answer", "late_answer", "dribble"}


@pytest.fixture(autouse=True)
def started(lanes: Lanes) -> None:
    lanes.start(SUBMIT)


def arm(lanes: Lanes, fault: str, **more: Any) -> None:
    throw(lanes.venue, fault, **more)
    if fault in HANGING:
        lanes.within(SUBMIT, SHORT_S)


def all_clear(lanes: Lanes) -> None:
    clear(lanes.venue)
    lanes.within(SUBMIT, WITHIN_S)


def posts(lanes: Lanes) -> int:
    """How many requests to place orders the venue has seen from this account."""
    return len(lanes.requests("POST", "/order")) + len(lanes.requests("POST", "/orders"))


def test_an_order_is_taken_under_its_journalled_id_and_sent_once(lanes: Lanes) -> None:
    before = posts(lanes)
    order = lanes.rests()
    assert lanes.resting() == {order.order_id}
    assert posts(lanes) == before + 1
    limits = lanes.heard(LimitsSeen)
    assert (limits.bucket, limits.tier, limits.retry_after_ms) == ("orders", "Standard", None)
    assert limits.remaining > 0
    assert lanes.of(VenueModeSeen) == []


def test_what_goes_out_is_observed_with_its_time_and_what_does_not_is_not(lanes: Lanes) -> None:
    seen: list[tuple[str, Message]] = []
    lanes.world.threads.observe = lambda _, name, message: seen.append((name, message))
    order = lanes.rests()
    refused = lanes.submit(price="0.015")
    lanes.answer(refused.order_id, OrderNotJournalled)
    assert seen == [(SUBMIT, order)]


def test_an_order_that_is_not_what_was_journalled_is_never_sent(lanes: Lanes) -> None:
    before = posts(lanes)
    journalled = lanes.order()
    other = SubmitOrder(journalled.order_id, replace(journalled.order, price=200), journalled.submitted_ns)
    lanes.send(SUBMIT, other)
    assert "not journalled" in lanes.answer(journalled.order_id, OrderNotJournalled).reason
    assert posts(lanes) == before


def test_what_cannot_be_signed_is_never_sent(lanes: Lanes) -> None:
    before = posts(lanes)
    off_the_grid = lanes.submit(price="0.015")
    assert lanes.answer(off_the_grid.order_id, OrderNotJournalled).reason.startswith("price: ")
    contradiction = lanes.submit(time_in_force=TimeInForce.FOK, post_only=True)
    assert "post-only" in lanes.answer(contradiction.order_id, OrderNotJournalled).reason
    unknown = lanes.order()
    unknown = SubmitOrder("paper:x", replace(unknown.order, market="nowhere"), unknown.submitted_ns)
    lanes.send(SUBMIT, unknown)
    assert lanes.answer("paper:x", OrderNotJournalled).reason == "market: nowhere is not known"
    assert posts(lanes) == before


def test_an_intent_that_expired_is_never_sent(lanes: Lanes) -> None:
    """It was made since the lane stands, so the lane knows that it never sent it."""
    before = posts(lanes)
    late = lanes.order()
    lanes.until(lambda: lanes.world.clock.now_ns() - late.order.created_ns > INTENT_TIME_TO_LIVE_NS)
    lanes.send(SUBMIT, late)
    assert lanes.answer(late.order_id, OrderNotJournalled).reason == "expired"
    assert posts(lanes) == before


def test_an_intent_that_expired_while_it_was_signed_is_never_sent(lanes: Lanes) -> None:
    def slowly(order: PlaceOrder) -> SignedOrder | Refusal:
        lanes.until(lambda: lanes.world.clock.now_ns() - order.created_ns > INTENT_TIME_TO_LIVE_NS)
        return lanes.signer.sign(order)

    before = posts(lanes)
    lanes.stop(SUBMIT)
    lanes.start_one(SUBMIT, sign=slowly)
    late = lanes.submit()
    assert lanes.answer(late.order_id, OrderNotJournalled).reason == "gate: expired"
    assert posts(lanes) == before


def test_a_lane_that_took_a_dead_ones_place_claims_nothing_of_what_that_one_sent(lanes: Lanes) -> None:
    order = lanes.rests()
    lanes.stop(SUBMIT)
    lanes.start(SUBMIT)
    lanes.until(lambda: lanes.world.clock.now_ns() - order.order.created_ns > INTENT_TIME_TO_LIVE_NS)
    lanes.send(SUBMIT, order)
    assert lanes.answer(order.order_id, SubmitUnanswered).text == "not sent again: expired"


def test_a_closed_gate_lets_no_byte_out(lanes: Lanes) -> None:
    lanes.rests()
    before = posts(lanes)
    lanes.gate.kill("the operator says so")
    orders = [lanes.submit(price=price) for price in ("0.02", "0.03", "0.04")]
    for order in orders:
        assert lanes.answer(order.order_id, OrderNotJournalled).reason == "gate: the operator says so"
    assert posts(lanes) == before


def test_a_venue_that_is_not_there_was_sent_nothing(lanes: Lanes) -> None:
    lanes.stop(SUBMIT)
    lanes.venue = {**lanes.venue, "clob_url": "http://127.0.0.1:9"}
    lanes.start(SUBMIT)
    order = lanes.submit()
    assert lanes.answer(order.order_id, OrderNotJournalled).reason.startswith("connection: ")


def hold_and_fill(lanes: Lanes, *orders: SubmitOrder) -> SubmitOrder:
    """Have orders wait in the mailbox behind one whose answer takes its time."""
    throw(lanes.venue, "latency", delay=0.3, method="POST", path="/order", count=1)
    first = lanes.submit()
    before = posts(lanes)
    lanes.until(lambda: posts(lanes) > before or lanes.about(first.order_id))
    lanes.send(SUBMIT, *orders)
    return first


def test_what_waits_goes_out_as_one_request_and_is_answered_leg_by_leg(lanes: Lanes) -> None:
    crossing = f"{(ONE - lanes.market.tick) / ONE:.4f}"
    orders = [lanes.order(price="0.01") for _ in range(ORDERS_MAX - 1)] + [lanes.order(price=crossing)]
    more = [lanes.order(price="0.02"), lanes.order(price="0.02")]
    singles, batches = len(lanes.requests()), len(lanes.requests("POST", "/orders"))
    hold_and_fill(lanes, *orders, orders[0], *more)
    for order in orders[:-1]:
        lanes.answer(order.order_id, OrderAccepted)
    assert "crosses" in lanes.answer(orders[-1].order_id, OrderRejected).text
    for order in more:
        lanes.answer(order.order_id, OrderAccepted)
    assert len(lanes.requests()) == singles + 1
    assert len(lanes.requests("POST", "/orders")) == batches + 2, "15, then 2"
    assert len(lanes.resting()) == 1 + ORDERS_MAX - 1 + 2


def test_a_batch_whose_answer_is_lost_is_unanswered_as_a_whole(lanes: Lanes) -> None:
    orders = [lanes.order(price="0.01") for _ in range(3)]
    throw(lanes.venue, "lose_answer", path="/orders", manner="reset")
    hold_and_fill(lanes, *orders)
    for order in orders:
        lanes.answer(order.order_id, SubmitUnanswered)
    assert lanes.resting() >= {order.order_id for order in orders}
    lanes.send(SUBMIT, orders[0])
    lanes.answer(orders[0].order_id, OrderAccepted)
    assert len(lanes.resting()) == 4


@pytest.mark.parametrize(
    ("fault", "more", "kind", "rests"),
    [
        # F01 lost, F02 answer lost, F03 late, F04 an error although it was booked.
        ("lose_request", {}, SubmitUnanswered, False),
        ("lose_request", {"manner": "reset"}, SubmitUnanswered, False),
        ("lose_answer", {}, SubmitUnanswered, True),
        ("lose_answer", {"manner": "cut"}, SubmitUnanswered, True),
        ("late_answer", {"least": 1, "most": 1}, SubmitUnanswered, True),
        ("error_though_done", {}, SubmitUnanswered, True),
        ("error_though_done", {"status": 503}, SubmitUnanswered, True),
        # F05 cut, reset; F06 dribbled.
        ("cut_answer", {}, SubmitUnanswered, True),
        ("cut_answer", {"how": "truncated"}, SubmitUnanswered, True),
        ("reset_answer", {}, SubmitUnanswered, True),
        ("dribble", {}, SubmitUnanswered, True),
        # F10 too many, F13 blocked, F14 unauthorised.
        ("too_many", {"how": "retry_after"}, SubmitUnanswered, False),
        ("too_many", {"how": "bare", "done": True}, SubmitUnanswered, True),
        ("too_many", {"how": "html"}, SubmitUnanswered, False),
        ("forbidden", {}, OrderRejected, False),
        ("unauthorized", {"count": 1}, OrderRejected, False),
        # F15 and F16 the venue's modes.
        ("restart", {"seconds": 30}, SubmitUnanswered, False),
        ("post_only", {"seconds": 30}, OrderAccepted, True),
        ("cancel_only", {}, OrderRejected, False),
        ("disabled", {}, OrderRejected, False),
        # F18 a bomb, F19 a redirect, F55 another generation.
        ("gzip_bomb", {"mib": 20}, SubmitUnanswered, False),
        ("redirect", {}, SubmitUnanswered, False),
        ("version_mismatch", {}, OrderRejected, False),
    ],
)  # fmt: skip
def test_whatever_befalls_an_order_is_told_as_it_is_and_nothing_is_sent_twice(
    lanes: Lanes, fault: str, more: dict[str, Any], kind: type[Any], rests: bool
) -> None:
    before = posts(lanes)
    arm(lanes, fault, **more)
    order = lanes.submit()
    answered = lanes.answer(order.order_id, kind)
    throw(lanes.venue, "close_idle")
    all_clear(lanes)
    assert (order.order_id in lanes.resting()) is rests
    assert posts(lanes) == before + 1
    assert lanes.about(order.order_id) == [], "one answer"
    if kind is not OrderAccepted:
        assert answered.text


@pytest.mark.proves("I5")
def test_the_identical_bytes_go_out_again_only_when_the_executor_says_so(lanes: Lanes) -> None:
    before = posts(lanes)
    throw(lanes.venue, "lose_answer", manner="reset")
    order = lanes.submit()
    lanes.answer(order.order_id, SubmitUnanswered)
    lanes.send(SUBMIT, order)
    lanes.answer(order.order_id, OrderAccepted)
    assert posts(lanes) == before + 2
    assert lanes.resting() == {order.order_id}


def test_a_second_attempt_that_fails_says_nothing_of_the_first(lanes: Lanes) -> None:
    throw(lanes.venue, "lose_answer", manner="reset")
    order = lanes.submit()
    lanes.answer(order.order_id, SubmitUnanswered)
    throw(lanes.venue, "forbidden")
    lanes.send(SUBMIT, order)
    assert lanes.answer(order.order_id, SubmitUnanswered).text.startswith("refused when sent again: 403")
    lanes.gate.kill("enough")
    lanes.send(SUBMIT, order)
    assert lanes.answer(order.order_id, SubmitUnanswered).text.startswith("not sent again: ")
    assert lanes.resting() == {order.order_id}


@pytest.mark.parametrize(
    ("fault", "more", "mode"),
    [
        ("restart", {"seconds": 30}, "restarting"),
        ("cancel_only", {}, "cancel_only"),
        ("disabled", {}, "disabled"),
        ("forbidden", {}, "blocked"),
        ("version_mismatch", {}, "blocked"),
    ],
)
def test_the_mode_of_the_venue_is_told_and_that_it_is_over(
    lanes: Lanes, fault: str, more: dict[str, Any], mode: str
) -> None:
    throw(lanes.venue, fault, **more)
    lanes.submit()
    assert lanes.heard(VenueModeSeen).mode == mode
    all_clear(lanes)
    lanes.rests()
    lanes.until(lambda: lanes.of(VenueModeSeen)[-1].mode == "normal")
    lanes.rests()
    assert [seen.mode for seen in lanes.of(VenueModeSeen)] == [mode, "normal"]


def test_post_only_mode_is_told_with_its_end_and_no_post_only_order_ends_it(lanes: Lanes) -> None:
    throw(lanes.venue, "post_only", seconds=30)
    taker = lanes.submit(post_only=False)
    lanes.answer(taker.order_id, OrderRejected)
    seen = lanes.heard(VenueModeSeen)
    assert seen.mode == "post_only"
    assert seen.until_ns is not None
    assert 25 < (seen.until_ns - seen.at_ns) / 1e9 <= 30
    lanes.rests()
    all_clear(lanes)
    lanes.rests()
    assert lanes.heard(VenueModeSeen).mode == "post_only"
    lanes.rests(post_only=False)
    lanes.until(lambda: lanes.of(VenueModeSeen)[-1].mode == "normal")


@pytest.mark.parametrize("number", [2])
def test_an_empty_bucket_is_told_with_how_long_to_wait(lanes: Lanes) -> None:
    throw(lanes.venue, "drain_bucket", account=lanes.trader.account.key.address, bucket="orders")
    orders = [lanes.submit() for _ in range(40)]
    lanes.until(lambda: len(lanes.of(OrderAccepted)) + len(lanes.of(OrderRejected)) == len(orders))
    refused = [seen for seen in lanes.of(LimitsSeen) if seen.retry_after_ms is not None]
    assert refused
    assert all(seen.retry_after_ms >= 1_000 for seen in refused if seen.retry_after_ms is not None)
    taken = {message.order_id for message in lanes.of(OrderAccepted)}
    assert lanes.resting() == taken


def test_what_is_left_of_a_bucket_is_told_once_by_whoever_said_it(lanes: Lanes) -> None:
    lanes.rests()
    throw(lanes.venue, "lose_request", manner="reset")
    lanes.answer(lanes.submit().order_id, SubmitUnanswered)
    assert len(lanes.of(LimitsSeen)) == 1


def test_an_account_that_may_only_close_is_told(lanes: Lanes) -> None:
    throw(lanes.venue, "closed_only", account=lanes.trader.account.key.address)
    lanes.answer(lanes.submit().order_id, OrderRejected)
    seen = lanes.heard(VenueModeSeen)
    assert (seen.mode, "closed only mode" in seen.text) == ("closed_only", True)


def test_too_many_without_the_limiters_headers_leaves_nothing_to_spend(lanes: Lanes) -> None:
    throw(lanes.venue, "too_many", how="retry_after", retry_after=7)
    lanes.submit()
    seen = lanes.heard(LimitsSeen)
    assert (seen.remaining, seen.retry_after_ms, seen.tier, seen.refused) == (0, 7_000, "", True)


@pytest.mark.fault("F14")
def test_the_third_refusal_of_our_credentials_is_told_as_blocked_and_the_clock_is_read_once(lanes: Lanes) -> None:
    """F14."""
    times = len(lanes.log_of("GET", "/time"))
    throw(lanes.venue, "unauthorized", count=3)
    for _ in range(3):
        assert lanes.of(VenueModeSeen) == []
        lanes.answer(lanes.submit().order_id, OrderRejected)
    seen = lanes.heard(VenueModeSeen)
    assert (seen.mode, "clock" in seen.text) == ("blocked", True)
    assert len(lanes.log_of("GET", "/time")) == times + 1
    lanes.rests()
    assert lanes.heard(VenueModeSeen).mode == "normal"


def test_a_connection_that_ended_unsaid_costs_no_order(lanes: Lanes) -> None:
    """F07: whatever was surely not sent goes out on a new connection; all else is unanswered."""
    lanes.rests()
    throw(lanes.venue, "close_idle")
    order = lanes.submit()
    lanes.until(lambda: lanes.about(order.order_id))
    if isinstance(lanes.about(order.order_id)[0], SubmitUnanswered):
        lanes.told.clear()
        lanes.send(SUBMIT, order)
    lanes.answer(order.order_id, OrderAccepted)
    assert order.order_id in lanes.resting()
