"""No byte of an order passes a closed gate, and no kill waits for a venue."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from actors.gate import Gate
from actors.runtime.clock import SystemClock
from actors.venues.gated_transport import AnswerLost, GateClosed, NotSent
from actors.venues.http_client import HttpClient
from tests.actors.venues.rude_server import Peer, RudeServer, rude_server


@pytest.fixture
def server() -> Iterator[RudeServer]:
    with rude_server() as running:
        yield running


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "killed", SystemClock())


@pytest.fixture
def lane(server: RudeServer, gate: Gate) -> Iterator[HttpClient]:
    made = HttpClient(server.url, gate)
    yield made
    made.close()


def post(lane: HttpClient, within_s: float = 5) -> int:
    return lane.exchange("POST", "/order", within_s=within_s, body=b'{"order":1}').status


def test_an_open_gate_lets_requests_pass(server: RudeServer, lane: HttpClient) -> None:
    assert [post(lane), post(lane)] == [200, 200]
    assert server.connections == 1


@pytest.mark.parametrize("connected_before", [False, True])
def test_a_closed_gate_lets_no_byte_pass(
    server: RudeServer, gate: Gate, lane: HttpClient, connected_before: bool
) -> None:
    if connected_before:
        post(lane)
    before = server.received
    gate.kill("the operator says so")
    with pytest.raises(GateClosed, match="the operator says so"):
        post(lane)
    assert issubclass(GateClosed, NotSent)
    assert server.received == before
    gate.clear()
    assert post(lane) == 200


def test_a_lane_without_a_gate_passes_a_kill(server: RudeServer, gate: Gate) -> None:
    cancels = HttpClient(server.url)
    gate.kill("the operator says so")
    assert cancels.exchange("DELETE", "/cancel-all", within_s=5).status == 200
    cancels.close()


def test_a_kill_does_not_wait_for_an_answer(server: RudeServer, gate: Gate, lane: HttpClient) -> None:
    arrived = Event()

    def hang(peer: Peer) -> None:
        arrived.set()
        peer.hang()

    server.manner = hang
    lost: list[Exception] = []

    def submit() -> None:
        try:
            post(lane, 1)
        except AnswerLost as error:
            lost.append(error)

    thread = Thread(target=submit)
    thread.start()
    assert arrived.wait(5)
    began = time.monotonic()
    gate.kill("now")
    assert time.monotonic() - began < 0.5
    thread.join(5)
    assert len(lost) == 1


def test_after_a_kill_has_returned_nothing_more_arrives(server: RudeServer, gate: Gate) -> None:
    """Four lanes submit as fast as they can; what arrives after the kill had left before it."""
    for _ in range(10):
        lanes = [HttpClient(server.url, gate) for _ in range(4)]
        passed = [0] * len(lanes)

        def submit(number: int, lane: HttpClient, passed: list[int]) -> None:
            try:
                while True:
                    post(lane)
                    passed[number] += 1
            except GateClosed:
                lane.close()

        threads = [Thread(target=submit, args=(number, lane, passed)) for number, lane in enumerate(lanes)]
        server.requests.clear()
        for thread in threads:
            thread.start()
        while min(passed) < 3:
            time.sleep(0.001)
        gate.kill("now")
        for thread in threads:
            thread.join(10)
        # Every request that arrived was answered and counted: none was cut in two, none came without its lane knowing.
        assert len(server.requests) == sum(passed)
        gate.clear()


def test_the_gate_is_asked_once_for_each_request(server: RudeServer) -> None:
    """Headers and body are one write: a kill cannot fall between them."""

    class Counting:
        closed = None
        asked = 0

        def passes(self) -> "Counting":
            return self

        def __enter__(self) -> bool:
            self.asked += 1
            return True

        def __exit__(self, *_: object) -> None:
            pass

    gate = Counting()
    lane = HttpClient(server.url, gate)
    for number in range(1, 4):
        post(lane)
        assert gate.asked == number
    lane.close()
