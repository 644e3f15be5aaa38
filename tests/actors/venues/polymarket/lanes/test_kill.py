"""A kill in the midst of hundreds of orders a second: the venue's log shows none that left after it had returned."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from models.messages.control import KillLatched
from models.messages.orders import OrderAccepted, OrderNotJournalled, OrderRejected
from tests.actors.venues.polymarket.lanes.lanes_at_work import SUBMIT, Lanes
from tests.actors.venues.polymarket.local_venue import CLOCK, sandbox

S = 1_000_000_000
LAG_NS = 500_000_000
"""How far the sandbox of a busy machine may be behind with what came in."""
BEFORE, WAITING = 150, 60
"""Orders that the venue has taken when it comes, and those that wait in the lane."""


@pytest.fixture(scope="module")
def venue() -> Iterator[dict[str, Any]]:
    with sandbox("--tier", "Elite", "--cash", "1000000", "--markets-count", "2") as told:
        yield told


def by_command(lanes: Lanes) -> None:
    lanes.gate.kill("drill")


def by_limit(lanes: Lanes) -> None:
    lanes.gate.hears[KillLatched](KillLatched("lost too much", 0))


def by_signal(lanes: Lanes) -> None:
    lanes.gate.trip("SIGUSR2")
    lanes.gate.look()  # whoever was passing has passed


def by_file(lanes: Lanes) -> None:
    lanes.gate._latch.touch()  # pyright: ignore[reportPrivateUsage]
    lanes.gate.look()


def answered(lanes: Lanes) -> int:
    return len(lanes.of(OrderAccepted)) + len(lanes.of(OrderNotJournalled)) + len(lanes.of(OrderRejected))


@pytest.mark.proves("I9")
@pytest.mark.parametrize("kill", [by_command, by_limit, by_signal, by_file])
def test_nothing_leaves_after_a_kill_amid_hundreds_of_orders_a_second(
    lanes: Lanes, kill: Callable[[Lanes], object]
) -> None:
    lanes.start(SUBMIT)
    before, sent, began_ns = len(lanes.log()), 0, CLOCK.now_ns()
    while len(lanes.of(OrderAccepted)) < BEFORE:
        if sent - answered(lanes) < WAITING:
            lanes.submit(price="0.02")
            sent += 1
    waiting = [lanes.submit(price="0.02").order_id for _ in range(WAITING)]
    kill(lanes)
    killed_ns = CLOCK.now_ns()
    waiting += [lanes.submit(price="0.02").order_id for _ in range(WAITING)]
    lanes.until(lambda: answered(lanes) == sent + 2 * WAITING)
    placed = [line["at_ns"] for line in lanes.log()[before:] if line["kind"] == "order_placed"]
    print(f"{BEFORE * S // (killed_ns - began_ns)} orders a second")
    assert [at_ns for at_ns in placed if at_ns > killed_ns + LAG_NS] == []
    late = [at_ns for at_ns in placed if at_ns > killed_ns]
    assert len(late) <= 15, "no more than the request that was written when the gate closed"
    never_sent = {said.order_id for said in lanes.of(OrderNotJournalled)}
    assert set(waiting[WAITING:]) <= never_sent, "what came after it"
    assert len(placed) == lanes.gate.left == len(lanes.of(OrderAccepted)) < lanes.gate.entered
    lanes.truth.cancel_all()
    assert lanes.resting() == set()
