from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.machine import MachineActor
from actors.runtime.timers import Deadlines
from models.messages.base import Message
from models.messages.runtime import WakeAt, Woke
from tests.actors.runtime.worlds import MS, SECOND, Frame, Raise, Touch, World

names = st.sampled_from(["a", "b"])
asks = st.tuples(names, st.one_of(st.none(), st.integers(0, 20)), st.sampled_from(["x", "y", "z"]))


@given(st.lists(st.one_of(asks, names, st.just(5)), max_size=200))
def test_only_the_last_deadline_of_a_timer_counts(run: list[tuple[str, int | None, str] | str | int]) -> None:
    deadlines = Deadlines()
    wanted: dict[tuple[str, str], tuple[int, int]] = {}
    for number, step in enumerate(run):
        if isinstance(step, tuple):
            name, at_ns, timer = step
            deadlines.ask(name, at_ns, timer)
            wanted.pop((name, timer), None)
            if at_ns is not None:
                wanted[name, timer] = (at_ns, number)
        elif isinstance(step, str):
            deadlines.cancel_all(step)
            wanted = {key: at for key, at in wanted.items() if key[0] != step}
        elif wanted:
            first = min(wanted, key=lambda key: wanted[key])
            assert deadlines.next_ns() == wanted.pop(first)[0]
            assert deadlines.pop() == first
        assert len(deadlines) == len(wanted)
        assert len(deadlines._heap) <= 2 * len(wanted) + 65
    order = [deadlines.pop() for _ in range(len(wanted)) if deadlines.next_ns() is not None]
    assert order == sorted(wanted, key=lambda key: wanted[key])
    assert deadlines.next_ns() is None


class Alarm:
    """Sets, moves and cancels deadlines as it is told; passes on what fired."""

    def step(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        match message:
            case Frame(0):
                return (WakeAt(None, "moved"),)
            case Frame(number):
                return (WakeAt(now_ns + number * MS, "moved"), WakeAt(now_ns + 20 * MS, "last"))
            case Touch():
                return (WakeAt(now_ns + 10 * MS, "of the first life"),)
            case Raise():
                raise ValueError
        return (message,)


def test_a_deadline_wakes_its_actor_and_can_be_moved_and_cancelled(world: World) -> None:
    sink = world.record("sink")
    MachineActor.start(world.context("alarm"), Alarm, lambda _: ("sink",))
    world.directory.send("alarm", Frame(10_000))
    world.directory.send("alarm", Frame(1))
    world.until(lambda: len(sink) == 2)
    assert sink == [Woke("moved"), Woke("last")]
    world.directory.send("alarm", Frame(10))
    world.directory.send("alarm", Frame(0))
    world.until(lambda: len(sink) == 3)
    assert sink[2] == Woke("last")


def test_a_near_deadline_does_not_wait_for_a_far_one(world: World) -> None:
    class Far:
        def step(self, message: Any, now_ns: int) -> tuple[Message, ...]:
            return (WakeAt(now_ns + 3600 * SECOND),)

    sink = world.record("sink")
    MachineActor.start(world.context("far"), Far, lambda _: ())
    ref = world.directory.find("far")
    assert ref is not None
    ref.ask(Frame(0), timeout=5)
    MachineActor.start(world.context("alarm"), Alarm, lambda _: ("sink",))
    world.directory.send("alarm", Frame(5))
    world.until(lambda: len(sink) == 2)


def test_the_deadlines_of_a_dead_actor_do_not_wake_its_successor(world: World) -> None:
    sink = world.record("sink")
    MachineActor.start(world.context("alarm"), Alarm, lambda _: ("sink",))
    world.directory.send("alarm", Touch(1, 1))
    world.directory.send("alarm", Raise(""))
    world.until(lambda: world.directory.find("alarm") is None)
    MachineActor.start(world.context("alarm"), Alarm, lambda _: ("sink",))
    world.directory.send("alarm", Frame(60))
    world.until(lambda: len(sink) == 2)
    assert sink == [Woke("last"), Woke("moved")]
