from collections.abc import Iterable
from typing import Any

from actors.runtime.machine import MachineActor
from models.messages.base import Message
from models.messages.runtime import WakeAt, Woke
from tests.actors.runtime.worlds import MS, Filled, Frame, SimWorld, Touch, World


class Doubler:
    """Doubles what it gets, and says so again a little later."""

    def __init__(self) -> None:
        self.last = 0

    def step(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        if isinstance(message, Woke):
            return (Touch(message.timer == "again", self.last),)
        self.last = 2 * message.number
        return (Filled(self.last), WakeAt(now_ns + 5 * MS, "again"))


def to_sink(message: Message) -> Iterable[str]:
    return ("sink", "nobody") if isinstance(message, Filled) else ("sink",)


def test_a_machine_is_stepped_and_what_it_returns_is_sent_where_the_route_says(world: World) -> None:
    sink = world.record("sink")
    MachineActor.start(world.context("doubler"), Doubler, to_sink)
    world.directory.send("doubler", Frame(4))
    world.until(lambda: len(sink) == 2)
    assert sink == [Filled(8), Touch(True, 8)]
    assert world.dead("unknown") == [Filled(8)]


def test_an_ask_is_answered_with_what_the_step_returned(sim: SimWorld) -> None:
    MachineActor.start(sim.context("doubler"), Doubler, to_sink)
    ref = sim.directory.find("doubler")
    assert ref is not None
    assert ref.ask(Frame(3)) == (Filled(6), WakeAt(5 * MS, "again"))


def test_every_incarnation_has_a_new_machine(sim: SimWorld) -> None:
    machines: list[Doubler] = []

    def build() -> Doubler:
        machines.append(Doubler())
        return machines[-1]

    for _ in range(2):
        MachineActor.start(sim.context("doubler"), build, to_sink)
        sim.sim.run_ready()
        sim.directory.stop("doubler")
        sim.sim.run_ready()
    assert len(set(machines)) == 2


def test_a_machine_sees_the_time_of_its_turn(sim: SimWorld) -> None:
    times: list[int] = []

    class Watch:
        def step(self, message: Any, now_ns: int) -> tuple[Message, ...]:
            times.append(now_ns)
            return ()

    MachineActor.start(sim.context("watch"), Watch, to_sink)
    for at_ns in (3, 5, 4):
        sim.sim.advance(at_ns)
        sim.sim.deliver("watch", Frame(1))
        sim.sim.run_ready()
    assert times == [3, 5, 5]


def test_the_observer_sees_every_step_before_it_is_made() -> None:
    order: list[Any] = []

    class Last:
        def step(self, message: Any, now_ns: int) -> tuple[Message, ...]:
            order.append("step")
            return ()

    sim = SimWorld(observe=lambda now_ns, name, message: order.append((now_ns, name, message)))
    MachineActor.start(sim.context("last"), Last, to_sink)
    sim.sim.advance(7)
    sim.sim.deliver("last", Frame(1))
    sim.sim.run_ready()
    assert order == [(7, "last", Frame(1)), "step"]
