"""The wires of a simulated run: what takes time, what arrives late, and what never does."""

from collections.abc import Callable
from random import Random

import httpcore
import pytest
from greenlet import greenlet

from research.prove.sim.plan import BEGIN_NS
from research.prove.sim.turns import MS, S, Time, sleep
from research.prove.sim.wire import Latencies, Network, Socket, Told
from sandbox.exchange import Exchange
from sandbox.messages import Cut, Hold

LATENCY_NS = 10 * MS
ASKED = b"GET /time HTTP/1.1\r\nhost: clob.sim\r\n\r\n"


class Wire(Told):
    """A network on which somebody waits; `heard` is what it said of calls, with the time since the beginning."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []
        self.exchange = Exchange()
        self.exchange.populate("sports_inplay", BEGIN_NS, count=1)
        self.time = Time(BEGIN_NS)
        self.network = Network(self.exchange, self.time, Random(1), Latencies(LATENCY_NS, 0), self)

    def written(self, call: int, service: str, lane: str, request: object) -> None:
        self.heard.append(("written", self.now_ns))

    def arrived(self, call: int) -> None:
        self.heard.append(("arrived", self.now_ns))

    def answered(self, call: int, status: int | None, body: bytes, text: str) -> None:
        self.heard.append((f"answered {status}", self.now_ns))

    @property
    def now_ns(self) -> int:
        return self.time.now_ns() - BEGIN_NS

    def at(self, after_ns: int, call: Callable[[], object]) -> None:
        self.time.at(BEGIN_NS + after_ns, call)

    def run(self, task: Callable[[], object], until_ns: int = 60 * S) -> list[object]:
        """Run something that waits; return what it returned or raised, once it has."""
        out: list[object] = []

        def tried() -> None:
            try:
                out.append(task())
            except (httpcore.ReadError, httpcore.ReadTimeout, httpcore.ConnectTimeout) as error:
                out.append(error)

        self.at(0, greenlet(tried).switch)
        while not out:
            planned_ns, due_ns = self.time.next_ns, self.exchange.next_event_at
            next_ns = min(at_ns for at_ns in (planned_ns, due_ns) if at_ns is not None)
            assert next_ns <= BEGIN_NS + until_ns, "nobody is done"
            self.time.go_to(next_ns)
            if due_ns == next_ns:
                self.network.deliver(self.exchange.tick(next_ns))
            else:
                self.time.pop()()
        return out

    def ask(self, within_s: float = 4.0) -> bytes:
        """Connect, ask for the time and read what comes."""
        line = self.network.connect("clob.sim", S)
        line.write(ASKED)
        return line.read(65_536, within_s)


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_a_request_and_its_answer_take_their_way(wire: Wire) -> None:
    [answer] = wire.run(wire.ask)
    assert isinstance(answer, bytes)
    assert answer.startswith(b"HTTP/1.1 200 ")
    connected = 2 * LATENCY_NS
    assert wire.heard == [
        ("written", connected),
        ("arrived", connected + LATENCY_NS),
        ("answered 200", connected + 2 * LATENCY_NS),
    ]


def test_what_nobody_hears_arrives_when_the_line_is_let_go(wire: Wire) -> None:
    wire.at(2 * LATENCY_NS, lambda: wire.network.deliver([Hold(("http",), hears=False)]))
    wire.at(S, lambda: wire.network.deliver([Hold(("http",))]))
    [answer] = wire.run(wire.ask)
    assert isinstance(answer, bytes)
    assert [what for what, _ in wire.heard] == ["written", "arrived", "answered 200"]
    assert wire.heard[1][1] == S


def test_an_answer_that_is_held_is_given_up_in_time(wire: Wire) -> None:
    wire.at(2 * LATENCY_NS, lambda: wire.network.deliver([Hold(("http",), bytes_per_second=0)]))
    [error] = wire.run(wire.ask)
    assert isinstance(error, httpcore.ReadTimeout)
    assert wire.heard[-1] == ("answered None", 2 * LATENCY_NS + 4 * S)


def test_a_line_that_is_cut_has_no_answer_though_the_request_arrived(wire: Wire) -> None:
    wire.at(3 * LATENCY_NS + 1, lambda: wire.network.deliver([Cut(("http",), reset=True)]))
    [error] = wire.run(wire.ask)
    assert isinstance(error, httpcore.ReadError)
    assert [what for what, _ in wire.heard] == ["written", "arrived", "answered None"]


def test_nobody_connects_to_what_does_not_hear(wire: Wire) -> None:
    wire.network.deliver([Hold(("http",), hears=False)])
    [error] = wire.run(wire.ask)
    assert isinstance(error, httpcore.ConnectTimeout)
    assert (wire.now_ns, wire.heard) == (S, [])


def test_a_request_of_a_process_that_is_gone_arrives_and_nobody_hears_the_answer(wire: Wire) -> None:
    def ask_and_go() -> None:
        line = wire.network.connect("clob.sim", S)
        line.write(ASKED)
        wire.network.drop_all()
        sleep(wire.time, S)

    wire.run(ask_and_go)
    assert [what for what, _ in wire.heard] == ["written", "arrived"]


def test_frames_come_in_the_order_in_which_they_were_sent(wire: Wire) -> None:
    def listen() -> list[bytes | None]:
        feed: Socket = wire.network.open("ws://clob.sim/ws/market", S)
        for text in ("one", "two", "three"):
            feed.bring_text(text)
        sleep(wire.time, S)
        return [feed.receive() for _ in range(3)]

    assert wire.run(listen) == [[b"one", b"two", b"three"]]


def test_only_who_has_a_thread_may_wait(wire: Wire) -> None:
    with pytest.raises(RuntimeError, match="may wait"):
        sleep(wire.time, S)
