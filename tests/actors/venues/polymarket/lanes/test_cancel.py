"""Cancels leave at once, whatever else hangs, and nobody is told of an end before it is known what was matched."""

from typing import Any

import pytest

from models.messages.lanes import CancelUnanswered, LimitsSeen, SubmitUnanswered, VenueModeSeen
from models.messages.orders import CancelRejected, OrderCancelled
from models.messages.runtime import Woke
from models.units import SHARE
from tests.actors.venues.polymarket.lanes.lanes_at_work import CANCEL, Lanes
from tests.actors.venues.polymarket.local_venue import clear, throw

SHORT_S = 0.4
MS = 1_000_000


@pytest.fixture(autouse=True)
def started(lanes: Lanes) -> None:
    lanes.start()
    lanes.until(lambda: lanes.tap.wrote_ns)


def test_a_cancelled_order_is_told_with_nothing_matched(lanes: Lanes) -> None:
    order = lanes.rests()
    lanes.cancel(order)
    told = lanes.answer(order.order_id, OrderCancelled)
    assert (told.filled, told.text, told.market) == (0, "CANCELED", lanes.market.id)
    assert lanes.resting() == set()
    assert {seen.bucket for seen in lanes.of(LimitsSeen)} == {"orders", "cancels"}


def test_what_was_matched_before_the_cancel_is_told(lanes: Lanes) -> None:
    order = lanes.rests(size=20 * SHARE)
    throw(lanes.venue, "race", how="after", delay=0.1)
    lanes.cancel(order)
    assert lanes.answer(order.order_id, OrderCancelled).filled == 10 * SHARE


def test_an_order_that_was_matched_before_it_could_be_cancelled_is_over_with_all_of_it(lanes: Lanes) -> None:
    order = lanes.rests(size=20 * SHARE)
    throw(lanes.venue, "race", how="matched")
    lanes.cancel(order)
    told = lanes.answer(order.order_id, OrderCancelled)
    assert (told.filled, told.text) == (20 * SHARE, "MATCHED")


def test_a_cancel_that_is_repeated_finds_the_order_as_it_ended(lanes: Lanes) -> None:
    order = lanes.rests()
    lanes.cancel(order)
    lanes.answer(order.order_id, OrderCancelled)
    lanes.cancel(order)
    assert lanes.answer(order.order_id, OrderCancelled).filled == 0


def test_an_order_that_the_venue_never_had_is_not_called_cancelled(lanes: Lanes) -> None:
    order = lanes.order()
    lanes.cancel(order)
    assert lanes.answer(order.order_id, CancelRejected).text == "Order not found"


def test_several_cancels_that_wait_are_one_request(lanes: Lanes) -> None:
    orders = [lanes.rests() for _ in range(6)]
    unknown = lanes.order()
    singles, batches = len(lanes.requests("DELETE")), len(lanes.requests("DELETE", "/orders"))
    throw(lanes.venue, "latency", delay=0.3, method="DELETE", path="/order", count=1)
    lanes.cancel(orders[0])
    lanes.until(lambda: len(lanes.requests("DELETE")) > singles)
    for order in (*orders[1:], unknown):
        lanes.cancel(order)
    for order in orders:
        lanes.answer(order.order_id, OrderCancelled)
    lanes.answer(unknown.order_id, CancelRejected)
    assert len(lanes.requests("DELETE")) == singles + 1
    assert len(lanes.requests("DELETE", "/orders")) == batches + 1
    assert lanes.resting() == set()


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("lose_request", {}),
        ("lose_answer", {}),
        ("lose_answer", {"manner": "reset"}),
        ("late_answer", {"least": 1, "most": 1}),
        ("error_though_done", {}),
        ("cut_answer", {}),
        ("cut_answer", {"how": "truncated"}),
        ("dribble", {}),
        ("too_many", {"how": "bare"}),
        ("too_many", {"how": "html"}),
        ("restart", {"seconds": 30}),
        ("gzip_bomb", {"mib": 20}),
        ("redirect", {}),
    ],
)
def test_a_cancel_whose_answer_cannot_be_relied_on_is_unanswered_and_can_be_repeated(
    lanes: Lanes, fault: str, more: dict[str, Any]
) -> None:
    order = lanes.rests()
    before = len(lanes.requests("DELETE"))
    which = {} if fault == "restart" else {"method": "DELETE", "path": "/order"}
    throw(lanes.venue, fault, **more, **which)
    lanes.within(CANCEL, SHORT_S)
    lanes.cancel(order)
    assert lanes.answer(order.order_id, CancelUnanswered).text
    assert len(lanes.requests("DELETE")) == before + 1, "never repeated by itself"
    clear(lanes.venue)
    lanes.within(CANCEL, 4)
    lanes.cancel(order)
    assert lanes.answer(order.order_id, OrderCancelled).filled == 0


@pytest.mark.parametrize(
    ("fault", "more", "mode"),
    [("disabled", {}, "disabled"), ("forbidden", {"method": "DELETE"}, "blocked")],
)
def test_a_refused_cancel_leaves_the_order_live(lanes: Lanes, fault: str, more: dict[str, Any], mode: str) -> None:
    order = lanes.rests()
    throw(lanes.venue, fault, **more)
    lanes.cancel(order)
    assert lanes.answer(order.order_id, CancelRejected).text
    assert lanes.heard(VenueModeSeen).mode == mode
    assert lanes.resting() == {order.order_id}


def test_cancels_pass_while_the_venue_takes_nothing_else(lanes: Lanes) -> None:
    order = lanes.rests()
    throw(lanes.venue, "cancel_only")
    lanes.cancel(order)
    lanes.answer(order.order_id, OrderCancelled)


def test_cancels_pass_a_closed_gate(lanes: Lanes) -> None:
    order = lanes.rests()
    lanes.gate.kill("the operator says so")
    lanes.cancel(order)
    lanes.answer(order.order_id, OrderCancelled)


@pytest.mark.parametrize("number", [2])
def test_a_bucket_in_debt_is_told(lanes: Lanes) -> None:
    """F11."""
    order = lanes.rests()
    throw(lanes.venue, "drain_bucket", account=lanes.trader.account.key.address, bucket="cancels", debt=40)
    lanes.cancel(order)
    lanes.until(lambda: lanes.about(order.order_id))
    seen = lanes.of(LimitsSeen)[-1]
    assert (seen.bucket, seen.remaining < 0) == ("cancels", True)


@pytest.mark.proves("I8")
def test_an_end_that_cannot_be_read_is_not_told(lanes: Lanes) -> None:
    order = lanes.rests()
    throw(lanes.venue, "error_though_done", method="GET", path="/data/order/")
    lanes.cancel(order)
    assert "cannot be read" in lanes.answer(order.order_id, CancelUnanswered).text
    lanes.cancel(order)
    lanes.answer(order.order_id, OrderCancelled)


@pytest.mark.fault("F23")
def test_a_read_that_lags_behind_the_cancel_is_no_end(lanes: Lanes) -> None:
    """F23: the venue took it off, and still shows it as it was."""
    order = lanes.rests()
    throw(lanes.venue, "stale_reads", lag=30)
    assert lanes.truth.order(order.order_id) is not None, "now it is in the cache"
    lanes.cancel(order)
    assert lanes.answer(order.order_id, CancelUnanswered).text == "cancelled, but the venue shows it as LIVE"
    lanes.cancel(order)
    assert lanes.answer(order.order_id, CancelRejected).text == "Order already canceled"
    clear(lanes.venue)
    lanes.cancel(order)
    lanes.answer(order.order_id, OrderCancelled)


@pytest.mark.proves("I20")
def test_cancels_are_on_the_wire_at_once_while_an_order_hangs(lanes: Lanes, capsys: pytest.CaptureFixture[str]) -> None:
    """Measured from the message to the write; the order hangs for as long as its lane lets it."""
    resting = [lanes.rests() for _ in range(60)]
    throw(lanes.venue, "lose_answer")
    hanging = lanes.submit()
    lanes.until(lambda: hanging.order_id in lanes.resting())
    delays_ns: list[int] = []
    for number, order in enumerate(resting, 1):
        asked_ns = lanes.world.clock.now_ns()
        lanes.cancel(order)
        lanes.answer(order.order_id, OrderCancelled)
        assert len(lanes.tap.wrote_ns) == number + 1, "each cancel is written once"
        delays_ns.append(lanes.tap.wrote_ns[-1] - asked_ns)
    assert lanes.about(hanging.order_id) == [], "it still hangs"
    delays_ns.sort()
    with capsys.disabled():
        print(f"\ncancels under a hanging order: p50 {delays_ns[30] / MS:.2f} ms, most {delays_ns[-1] / MS:.2f} ms")
    assert delays_ns[-1] < 50 * MS
    lanes.answer(hanging.order_id, SubmitUnanswered)


def test_a_cancel_after_a_quiet_hour_finds_a_connection(lanes: Lanes) -> None:
    connections = lanes.sessions[CANCEL].http._transport._pool
    lanes.until(lambda: [one.is_idle() for one in connections.connections] == [True])
    (first,) = connections.connections
    order = lanes.rests()
    lanes.cancel(order)
    lanes.answer(order.order_id, OrderCancelled)
    assert connections.connections == [first], "what was opened before it was needed was used"
    connections.close()
    lanes.send(CANCEL, Woke())
    lanes.until(lambda: [one.is_idle() for one in connections.connections] == [True])
    assert connections.connections != [first]


def test_a_cancel_does_not_wait_long_for_a_venue_that_does_not_tell_the_time(lanes: Lanes) -> None:
    order = lanes.rests()
    throw(lanes.venue, "latency", delay=5, method="GET", path="/time")
    lanes.send(CANCEL, Woke())
    lanes.cancel(order)
    began_ns = lanes.world.clock.now_ns()
    lanes.answer(order.order_id, OrderCancelled)
    assert lanes.world.clock.now_ns() - began_ns < 4_000 * MS


def test_cancels_that_wait_when_the_lane_ends_are_unanswered(lanes: Lanes) -> None:
    order = lanes.rests()
    throw(lanes.venue, "latency", delay=0.3, method="DELETE", path="/order", count=1)
    lanes.cancel(order)
    lanes.world.directory.stop(CANCEL)
    lanes.until(lambda: lanes.world.directory.find(CANCEL) is None)
    lanes.until(lambda: lanes.about(order.order_id))  # of one that went out the end is still read
    (told,) = lanes.about(order.order_id)
    assert isinstance(told, OrderCancelled | CancelUnanswered)


def test_a_cancel_does_not_wait_for_a_read(lanes: Lanes) -> None:
    first, second = lanes.rests(), lanes.rests()
    throw(lanes.venue, "latency", delay=0.5, method="GET", path="/data/order/", count=2)
    before = len(lanes.requests("DELETE"))
    lanes.cancel(first)
    lanes.until(lambda: len(lanes.log_of("GET", f"/data/order/{first.order_id}")) == 1)
    lanes.cancel(second)
    lanes.until(lambda: len(lanes.requests("DELETE")) == before + 2)
    assert lanes.of(OrderCancelled) == [], "the end of the first is still being read"
    for order in (first, second):
        lanes.answer(order.order_id, OrderCancelled)
