from io import BytesIO
from random import Random
from typing import Any

import pytest

from actors.runtime.actor import Context
from actors.runtime.future import ActorFuture, AskDeadlock
from actors.runtime.machine import MachineActor
from actors.runtime.simulation import Livelock, SimDispatcher
from actors.runtime.surroundings import Emergency
from actors.runtime.trace import Trace
from models.messages.base import Message
from models.messages.runtime import WakeAt, Woke
from tests.actors.runtime.worlds import Filled, Frame, Place, Query, Raise, Recorder, SimWorld, Touch


class Planner:
    """Writes down when it is called by what, and asks for the deadlines it was built with."""

    def __init__(self, seen: list[Any], *deadlines: WakeAt) -> None:
        self.seen = seen
        self.deadlines = deadlines

    def step(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        self.seen.append((now_ns, message.timer if isinstance(message, Woke) else message.number))
        return self.deadlines if isinstance(message, Frame) and message.number == 0 else ()


def plan(sim: SimWorld, *deadlines: WakeAt) -> list[Any]:
    seen: list[Any] = []
    MachineActor.start(sim.context("planner"), lambda: Planner(seen, *deadlines), lambda _: ())
    sim.sim.deliver("planner", Frame(0))
    sim.sim.run_ready()
    seen.clear()
    return seen


def test_deadlines_fire_in_order_at_their_time(sim: SimWorld) -> None:
    seen = plan(sim, WakeAt(30, "c"), WakeAt(10, "a"), WakeAt(20, "b"))
    sim.sim.run_until(25)
    assert seen == [(10, "a"), (20, "b")]
    assert sim.sim.now_ns() == 25


def test_deadlines_of_one_time_fire_in_the_order_in_which_they_were_asked_for(sim: SimWorld) -> None:
    seen = plan(sim, WakeAt(10, "z"), WakeAt(10, "a"), WakeAt(10, "m"))
    sim.sim.run_until(10)
    assert seen == [(10, "z"), (10, "a"), (10, "m")]


def test_what_the_driver_delivers_at_a_time_comes_before_the_deadlines_of_that_time(sim: SimWorld) -> None:
    seen = plan(sim, WakeAt(10, "deadline"))
    for number in (1, 2):
        sim.sim.advance(10)
        sim.sim.deliver("planner", Frame(number))
        sim.sim.run_ready()
    sim.sim.advance(11)
    assert seen == [(10, 1), (10, 2), (10, "deadline")]


def test_a_deadline_that_has_passed_is_due_at_once(sim: SimWorld) -> None:
    sim.sim.advance(100)
    seen = plan(sim, WakeAt(50, "late"))
    sim.sim.run_until(100)
    assert seen == [(100, "late")]


def test_time_never_decreases(sim: SimWorld) -> None:
    sim.sim.advance(10)
    sim.sim.advance(5)
    sim.sim.run_until(3)
    assert sim.sim.now_ns() == 10


def test_mail_is_handled_before_time_goes_on(sim: SimWorld) -> None:
    seen = plan(sim)
    sim.sim.deliver("planner", Frame(1))
    sim.sim.advance(10)
    assert seen == [(0, 1)]


def test_actors_that_are_ready_take_their_turns_first_come_first_served(sim: SimWorld) -> None:
    seen: list[Any] = []
    for name in ("c", "a", "b"):
        MachineActor.start(sim.context(name), lambda: Planner(seen), lambda _: ())
    sim.sim.run_ready()
    for number, name in enumerate(("b", "c", "a", "b"), 1):
        sim.sim.deliver(name, Frame(number))
    sim.sim.deliver("a", Filled(5))
    sim.sim.run_ready()
    assert [number for _, number in seen] == [1, 4, 2, 5, 3]


def test_actors_that_keep_each_other_busy_are_found(sim: SimWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.runtime.simulation._TURNS_PER_INSTANT", 1000)

    class Echo:
        def step(self, message: Any, now_ns: int) -> tuple[Message, ...]:
            return (message,) if isinstance(message, Frame) else (WakeAt(now_ns),)

    MachineActor.start(sim.context("one"), Echo, lambda _: ("two",))
    MachineActor.start(sim.context("two"), Echo, lambda _: ("one",))
    sim.sim.deliver("one", Frame(1))
    with pytest.raises(Livelock, match="turns"):
        sim.sim.run_ready()
    other = SimWorld()
    MachineActor.start(other.context("one"), Echo, lambda _: ())
    other.sim.deliver("one", Filled(1))
    with pytest.raises(Livelock, match="deadlines"):
        other.sim.run_until(1)


@pytest.mark.proves("I33")
def test_a_question_that_nobody_will_answer_is_reported(sim: SimWorld) -> None:
    future = ActorFuture[Any]()
    sim.sim.will_answer(future)
    with pytest.raises(AskDeadlock):
        future.get()


def test_two_simulations_live_side_by_side() -> None:
    worlds = [SimWorld(), SimWorld()]
    for world in worlds:
        world.record("worker")
    asked = [world.directory.find("worker") for world in worlds]
    futures = [ref.ask(Query(), block=False) for ref in asked if ref is not None]
    assert [future.get() for future in futures] == [1, 1]


def test_what_an_emergency_raises_reaches_the_driver(sim: SimWorld) -> None:
    class EngineFailed(Exception):
        pass

    def fail(reason: str) -> None:
        raise EngineFailed(reason)

    dispatcher = SimDispatcher(sim.directory, Emergency(fail, sim.overflows.append))
    Recorder.start(Context("root", dispatcher), [])
    dispatcher.deliver("root", Raise("ValueError"))
    with pytest.raises(EngineFailed, match="root died of ValueError: ValueError"):
        dispatcher.run_until(1)


class Gossip:
    """Passes on what it hears, to whom and when depends on a seed; crashes now and then."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def step(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        number = getattr(message, "number", 0)
        if self.random.random() < 0.01:
            raise ValueError
        kind = self.random.choice((Filled, Frame, Query))
        out: tuple[Message, ...] = (kind(number + 1),) if number < 50 else ()
        return (*out, WakeAt(now_ns + self.random.randrange(1000), "later"), Touch(1, number), Place(1, number))


def gossip(seed: int) -> tuple[bytes, str]:
    file = BytesIO()
    trace = Trace(file)
    sim = SimWorld(observe=trace)
    random = Random(seed)
    names = [f"gossip/{number}" for number in range(8)]
    for name in names:
        context = sim.context(name)
        MachineActor.start(context, lambda: Gossip(seed), lambda _: (names[random.randrange(8)],))
    for at_ns in range(0, 20_000, 500):
        sim.sim.advance(at_ns)
        sim.sim.deliver(names[at_ns % 8], Frame(at_ns % 7))
        sim.sim.run_ready()
    return file.getvalue(), trace.sha256


@pytest.mark.proves("I31")
def test_the_same_seed_gives_the_same_trace_byte_for_byte() -> None:
    once, digest = gossip(1)
    again, same_digest = gossip(1)
    other, other_digest = gossip(2)
    assert once == again
    assert digest == same_digest
    assert other != once
    assert other_digest != digest
    assert once.count(b"\n") > 300
    assert b"urn" not in once
