"""One scenario under each dispatcher, and what each of them promises alone."""

import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from actors.runtime.machine import MachineActor
from actors.runtime.supervision import ChildSpec, Strategy, Supervision
from actors.runtime.supervisor import Supervisor
from models.messages.base import Message
from models.messages.runtime import ActorRestarted, WakeAt, Woke
from tests.actors.runtime.worlds import (
    MS,
    BaseActor,
    Cancel,
    Filled,
    Frame,
    Halt,
    Query,
    Raise,
    RealWorld,
    Recorder,
    Touch,
    World,
    world_of,
)


class Book:
    """Counts frames; publishes the newest and passes every tenth on as an order event."""

    def __init__(self) -> None:
        self.total = 0

    def step(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        if isinstance(message, Raise):
            raise ValueError
        self.total += message.number
        return (Touch(1, self.total), *((Filled(message.number),) if message.number % 10 == 0 else ()))


class Ledger:
    """Adds up fills, and closes its day some time after the last of them."""

    def __init__(self) -> None:
        self.touch = self.filled = self.days = 0

    def step(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        match message:
            case Filled(number):
                self.filled += number
                return (WakeAt(now_ns + 20 * MS, "day"),)
            case Touch(_, number):
                self.touch = number
            case Woke():
                self.days += 1
                return (Cancel(self.filled),)
            case _:
                return (Frame(self.touch), Frame(self.filled), Frame(self.days))
        return ()


def route(message: Message) -> Iterable[str]:
    if isinstance(message, Cancel):
        return ("lane",)
    return ("ledger",) if isinstance(message, (Touch, Filled)) else ()


def outcome(kind: str) -> dict[str, Any]:
    """Trade a little, lose an actor, trade on, and stop; return how it ended."""
    with world_of(kind) as world:
        lane, events = world.record("lane"), world.record("listener")
        children = [
            ChildSpec("book", lambda context: MachineActor.start(context, Book, route)),
            ChildSpec("ledger", lambda context: MachineActor.start(context, Ledger, route)),
        ]
        supervision = Supervision(Strategy.ONE_FOR_ONE, listeners=("listener",), backoff_ns=MS)
        Supervisor.start(world.context("market", None), supervision, children, "M")
        world.until(lambda: world.directory.find("ledger"))
        for number in range(1, 51):
            world.directory.send("book", Frame(number))
        world.until(lambda: len(lane) == 1)
        world.directory.send("book", Raise("ValueError"))
        world.until(lambda: any(isinstance(event, ActorRestarted) for event in events))
        for number in range(1, 21):
            world.directory.send("book", Frame(number))
        world.until(lambda: len(lane) == 2)
        ledger = world.directory.find("ledger")
        assert ledger is not None
        state = ledger.ask(Query(), timeout=5)
        world.directory.stop("market")
        world.until(lambda: world.directory.find("market") is None)
        return {
            "state": state,
            "lane": lane,
            "events": [type(event).__name__ for event in events],
            "dead": dict(world.dead_letters.counts),
            "left": world.directory.names(),
            "aborts": world.aborts,
        }


def test_one_scenario_ends_equally_under_each_dispatcher() -> None:
    simulated = outcome("sim")
    assert simulated["state"] == (Frame(210), Frame(180), Frame(2))
    assert simulated["lane"] == [Cancel(150), Cancel(180)]
    assert simulated["dead"] == {("book", "Raise", "crashed"): 1}
    assert outcome("pool") == simulated
    assert outcome("threads") == simulated


@pytest.fixture
def pool() -> Iterator[RealWorld]:
    world = RealWorld("markets")
    yield world
    world.close()


class Gate(BaseActor):
    """Holds its worker until the gate opens."""

    def __init__(self, context: Any, gate: threading.Event) -> None:
        super().__init__(context)
        self.gate = gate

    def on_receive(self, message: Any) -> None:
        self.gate.wait(10)


def test_among_ready_actors_those_with_urgent_mail_go_first(pool: RealWorld) -> None:
    order: list[str] = []

    class Named(Recorder):
        def on_receive(self, message: Any) -> int:
            order.append(self.context.name)
            return 0

    gate = threading.Event()
    Gate.start(pool.context("gate"), gate)
    for name in "abcd":
        Named.start(pool.context(name), [])
    pool.directory.send("gate", Query())
    pool.until(lambda: (mailbox := pool.pool["markets"].running) is not None and mailbox.name == "gate")
    for name, message in (("a", Frame(1)), ("b", Frame(1)), ("c", Filled(1)), ("d", Frame(1)), ("d", Halt(1))):
        pool.directory.send(name, message)
    gate.set()
    pool.until(lambda: len(order) == 5)
    assert order == ["c", "d", "d", "a", "b"]


@pytest.mark.parametrize(("kind", "before_quiet"), [(Frame, Recorder.batch), (Filled, 100)])
def test_a_turn_is_bounded_so_that_nobody_is_starved_by_less_urgent_mail(
    pool: RealWorld, kind: type[Frame | Filled], before_quiet: int
) -> None:
    order: list[str] = []

    class Named(Recorder):
        def on_receive(self, message: Any) -> int:
            order.append(self.context.name)
            return 0

    gate = threading.Event()
    Gate.start(pool.context("gate"), gate)
    for name in ("flooded", "quiet"):
        Named.start(pool.context(name), [])
    pool.directory.send("gate", Query())
    pool.until(lambda: (mailbox := pool.pool["markets"].running) is not None and mailbox.name == "gate")
    for number in range(100):
        pool.directory.send("flooded", kind(number))
    pool.directory.send("quiet", Frame(1))
    gate.set()
    pool.until(lambda: len(order) == 101)
    assert order.index("quiet") == before_quiet


@pytest.mark.proves("I37")
def test_a_handler_that_loops_on_one_worker_does_not_stop_the_other(pool: RealWorld) -> None:
    ending = threading.Event()

    class Loop(BaseActor):
        def on_receive(self, message: Any) -> None:
            while not ending.is_set():
                pass

    Loop.start(pool.context("strategy"))
    pool.place = pool.pool["control"]
    risk = pool.record("risk")
    pool.directory.send("strategy", Query())
    for number in range(20):
        pool.directory.send("risk", Filled(number))
        pool.until(lambda number=number: len(risk) == number + 1)
    ending.set()


def test_a_blocking_actor_gets_a_fresh_time_with_every_message() -> None:
    world = RealWorld("threads")
    times: list[int] = []
    gates = [threading.Event() for _ in range(3)]

    class Lane(BaseActor):
        batch = 1

        def on_receive(self, message: Any) -> None:
            times.append(self.now_ns)
            gates[message.number].wait(5)

    Lane.start(world.context("lane"))
    for number in range(3):
        world.directory.send("lane", Filled(number))
    released = []
    for number, gate in enumerate(gates):
        world.until(lambda number=number: len(times) == number + 1)
        released.append(world.clock.now_ns())
        gate.set()
    assert times[0] < released[0] < times[1] < released[1] < times[2]
    world.close()


def test_a_thread_ends_with_its_actor() -> None:
    world = RealWorld("threads")
    world.record("worker")
    world.until(lambda: len(world.threads.seats) == 1)
    (seat,) = world.threads.seats
    assert seat.thread.name == "worker"
    world.directory.stop("worker")
    seat.thread.join(5)
    assert not seat.thread.is_alive()
    assert world.threads.seats == set()
    world.close()


def test_a_worker_that_dies_of_an_error_of_the_runtime_aborts_the_process(pool: RealWorld) -> None:
    class Broken(Recorder):
        def take_turn(self) -> None:
            raise ValueError("not contained")

    world = RealWorld("markets")
    Broken.start(world.context("broken"), [])
    world.until(lambda: world.aborts)
    assert world.aborts == ["worker markets died of ValueError('not contained')"]
    world.timers.stop()
    world.pool.stop()


def test_a_thread_that_dies_of_an_error_of_the_runtime_is_noticed_like_any_death() -> None:
    class Broken(Recorder):
        def _actor_loop_running(self) -> None:
            if self.actor_inbox.waiting(Filled.lane):
                raise SystemExit
            super()._actor_loop_running()

    world = RealWorld("threads")
    notices = world.record("boss")
    Broken.start(world.context("broken", "boss"), [])
    world.directory.send("broken", Filled(1))
    world.until(lambda: notices)
    assert [down.error for down in notices] == ["SystemExit: "]
    assert world.dead("unread") == [Filled(1)]
    assert world.directory.find("broken") is None
    world.close()


def test_importing_the_runtime_leaves_the_switch_interval_alone(world: World) -> None:
    assert sys.getswitchinterval() == pytest.approx(0.005)
