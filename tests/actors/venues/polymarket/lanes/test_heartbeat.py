"""The venue keeps our orders while we are healthy, and cancels them by itself soon after we no longer are.

The venue's clock runs five times as fast here: its 10 seconds are two.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from models.cells import TradingState
from models.messages.lanes import HeartbeatResumed, LeaveToHeartbeat, VenueModeSeen
from tests.actors.venues.polymarket.lanes.lanes_at_work import HEART, QUERY, SUBMIT, Lanes
from tests.actors.venues.polymarket.local_venue import sandbox, throw

EVERY_MS = 1_000
MS = 1_000_000
PATH = "/v1/heartbeats"


@pytest.fixture(scope="module")
def venue() -> Iterator[dict[str, Any]]:
    with sandbox("--clock-speed", "5") as told:
        yield told


@pytest.fixture(autouse=True)
def started(lanes: Lanes) -> None:
    lanes.start(SUBMIT, QUERY)


def begin(lanes: Lanes) -> Callable[[], int]:
    """Begin to beat, and wait for the first beat to be taken; return what counts those that the venue saw since then.

    Before that nothing is placed: what a test before has left behind is a chain that has expired.
    """
    lanes.start_one(HEART, every_ms=EVERY_MS)
    lanes.until(lambda: last(lanes) is TradingState.ACTIVE)
    before = len(lanes.requests("POST", PATH))
    return lambda: len(lanes.requests("POST", PATH)) - before


def states(lanes: Lanes) -> list[TradingState]:
    return [cell.state for cell in lanes.cells if cell.source != "signer"]


def last(lanes: Lanes) -> TradingState | None:
    return states(lanes)[-1] if states(lanes) else None


def test_orders_live_while_the_heart_beats_and_are_cancelled_after_it_stopped(lanes: Lanes) -> None:
    beats = begin(lanes)
    order = lanes.rests()
    lanes.until(lambda: beats() >= 6)
    assert lanes.resting() == {order.order_id}
    assert states(lanes) == [TradingState.ACTIVE]
    lanes.stop(HEART)
    stopped_ns, seen = lanes.world.clock.now_ns(), beats()
    lanes.until(lambda: lanes.resting() == set())
    assert 800 * MS < lanes.world.clock.now_ns() - stopped_ns < 4_000 * MS, "10 to 15 s after the last beat"
    assert beats() == seen


@pytest.mark.parametrize("how", ["unhealthy", "killed"])
def test_who_is_not_healthy_or_killed_loses_its_orders(lanes: Lanes, how: str) -> None:
    beats = begin(lanes)
    lanes.rests()
    lanes.until(lambda: beats() >= 3)
    assert lanes.resting()
    if how == "killed":
        lanes.gate.kill("the operator says so")
    else:
        lanes.healthy = False
    seen = beats()
    lanes.until(lambda: lanes.resting() == set())
    assert beats() <= seen + 1, "one may have been on its way"
    lanes.until(lambda: last(lanes) is TradingState.CANCEL_ONLY)
    assert "not healthy" in lanes.cells[-1].reason


def test_who_asks_for_it_loses_its_orders_though_we_are_healthy_and_beats_again_thereafter(lanes: Lanes) -> None:
    begin(lanes)
    lanes.rests()
    assert lanes.resting()
    until_ns = lanes.world.clock.now_ns() + 5_000 * MS
    lanes.send(HEART, LeaveToHeartbeat(until_ns, "no token for a cancel"))
    lanes.until(lambda: last(lanes) is TradingState.CANCEL_ONLY)
    assert "no token" in lanes.cells[-1].reason
    lanes.until(lambda: lanes.resting() == set())
    lanes.until(lambda: last(lanes) is TradingState.ACTIVE)
    assert lanes.world.clock.now_ns() >= until_ns
    assert lanes.heard(HeartbeatResumed).at_ns >= until_ns, "what became of the orders has to be read"
    assert lanes.gate.closed is None


def test_refusals_of_our_credentials_that_beats_lie_between_are_no_burst(lanes: Lanes) -> None:
    beats = begin(lanes)
    for _ in range(4):
        throw(lanes.venue, "unauthorized", method="POST", path=PATH, count=1)
        seen = beats()
        lanes.until(lambda seen=seen: beats() >= seen + 2)
    assert lanes.of(VenueModeSeen) == []


def test_trading_comes_back_with_the_heartbeat(lanes: Lanes) -> None:
    """The venue begins a chain anew that it ended itself: that is no second writer."""
    begin(lanes)
    lanes.rests()
    lanes.healthy = False
    lanes.until(lambda: last(lanes) is TradingState.CANCEL_ONLY and not lanes.resting())
    lanes.healthy = True
    lanes.until(lambda: last(lanes) is not TradingState.CANCEL_ONLY)
    assert states(lanes) == [TradingState.ACTIVE, TradingState.CANCEL_ONLY, TradingState.ACTIVE]
    assert lanes.gate.closed is None


@pytest.mark.control("heartbeat", "trips")
def test_a_venue_that_does_not_hear_us_stops_new_orders(lanes: Lanes) -> None:
    begin(lanes)
    lanes.within(HEART, 0.2)
    throw(lanes.venue, "lose_request", method="POST", path=PATH, count=20)
    lanes.until(lambda: last(lanes) is TradingState.CANCEL_ONLY)
    assert lanes.gate.closed is None, "no second writer"


def test_a_restart_follows_the_chain_that_it_finds(lanes: Lanes) -> None:
    beats = begin(lanes)
    lanes.until(lambda: beats() >= 2)
    lanes.stop(HEART)
    again = begin(lanes)
    lanes.until(lambda: again() >= 4)
    assert set(states(lanes)) == {TradingState.ACTIVE}
    assert lanes.gate.closed is None


def test_a_chain_that_ends_before_a_restart_has_taken_it_up_is_no_second_writer(lanes: Lanes) -> None:
    """What the venue names with a refusal is the chain of the process before: it may have expired a moment later."""
    beats = begin(lanes)
    lanes.until(lambda: beats() >= 2)
    lanes.stop(HEART)
    throw(lanes.venue, "second_writer", count=1)
    again = begin(lanes)
    lanes.until(lambda: again() >= 2)
    assert set(states(lanes)) == {TradingState.ACTIVE}
    assert lanes.gate.closed is None


@pytest.mark.control("heartbeat", "nearly")
@pytest.mark.parametrize(("fault", "more"), [("lose_answer", {"manner": "reset"}), ("error_though_done", {})])
def test_a_beat_whose_answer_is_lost_is_no_second_writer(lanes: Lanes, fault: str, more: dict[str, Any]) -> None:
    beats = begin(lanes)
    throw(lanes.venue, fault, method="POST", path=PATH, **more)
    lanes.until(lambda: beats() >= 6)
    assert set(states(lanes)) == {TradingState.ACTIVE}
    assert lanes.gate.closed is None


def test_a_second_writer_closes_the_gate_and_ends_the_heartbeat(lanes: Lanes) -> None:
    """F61."""
    beats = begin(lanes)
    order = lanes.rests()
    throw(lanes.venue, "second_writer", count=1)
    lanes.until(lambda: lanes.gate.closed)
    assert lanes.gate.closed == "another program sends heartbeats with our API key"
    lanes.until(lambda: last(lanes) is TradingState.HALTED)
    seen = beats()
    lanes.until(lambda: order.order_id not in lanes.resting())
    assert beats() == seen, "the venue cancels by itself"
