import threading
from typing import Any

import pykka
import pytest
from loguru import logger

from actors.runtime.actor import ActorCrash, BaseActor, Context, Fatal
from actors.runtime.future import AskDeadlock
from tests.actors.runtime.worlds import ERRORS, Filled, Frame, Query, Raise, RealWorld, Recorder, SimWorld, World


class Mortal(Recorder):
    """Raises where it is told to, and counts its ends."""

    def __init__(self, context: Context, seen: list[Any], where: str, error: str) -> None:
        super().__init__(context, seen)
        self.where = where
        self.error = ERRORS[error]

    def fail(self, place: str) -> None:
        if self.where == place:
            raise self.error(self.where)

    def on_start(self) -> None:
        self.fail("on_start")

    def on_stop(self) -> None:
        self.fail("on_stop")

    def on_turn_end(self) -> None:
        if self.seen:
            self.fail("on_turn_end")

    def on_end(self) -> None:
        self.seen.append("on_end")
        self.fail("on_end")

    def on_receive(self, message: Any) -> int:
        self.fail("handler")
        return super().on_receive(message)


def downs(notices: list[Any]) -> list[tuple[str, str | None, str]]:
    return [(down.name, down.error, down.handling) for down in notices]


@pytest.mark.proves("I34")
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("where", ["handler", "ask", "on_start", "on_stop", "on_turn_end", "on_end"])
def test_every_way_to_die_is_reported_once_and_leaves_nothing_behind(world: World, where: str, error: str) -> None:
    bystander = world.record("bystander")
    notices = world.record("boss")
    seen: list[Any] = []
    place = "handler" if where == "ask" else where
    ref = Mortal.start(world.context("mortal", "boss"), seen, place, error)
    asked = None
    if where == "ask":
        asked = ref.ask(Filled(1), block=False)
    elif where in ("handler", "on_turn_end"):
        world.directory.send("mortal", Filled(1))
    elif where != "on_start":
        world.directory.stop("mortal")
    world.until(lambda: notices)
    handling = "Filled" if place == "handler" else ""
    assert downs(notices) == [("mortal", f"{error}: {place}", handling)]
    assert notices[0].urn == ref.actor_urn
    assert seen.count("on_end") == 1
    assert not ref.is_alive()
    assert world.directory.find("mortal") is None
    assert not world.directory.send("mortal", Filled(2))
    if asked is not None:
        with pytest.raises(ValueError if error == "ValueError" else ActorCrash):
            asked.get(timeout=5)
    assert world.directory.send("bystander", Filled(3))
    world.until(lambda: bystander)
    assert world.aborts == []


def test_an_actor_that_stops_in_good_order_reports_no_error(world: World) -> None:
    notices = world.record("boss")
    world.record("worker", supervisor="boss")
    world.directory.stop("worker")
    world.until(lambda: notices)
    assert downs(notices) == [("worker", None, "")]
    assert notices[0].digest == ""


def test_a_stop_from_outside_waits_until_the_actor_has_stopped(world: World) -> None:
    world.record("worker")
    ref = world.directory.find("worker")
    assert ref is not None
    assert ref.stop(timeout=5) is True
    assert ref.stop(timeout=5) is False


@pytest.mark.proves("I32")
def test_the_message_that_killed_and_those_unread_are_dead_letters(sim: SimWorld) -> None:
    sim.record("worker")
    for message in (Filled(1), Raise("ValueError"), Frame(2), Frame(3)):
        sim.directory.send("worker", message)
    sim.sim.run_ready()
    assert sim.dead("crashed") == [Raise("ValueError")]
    assert sim.dead("unread") == [Frame(2), Frame(3)]


@pytest.mark.proves("I33")
def test_an_ask_that_fails_kills_the_actor_and_answers_the_asks_behind_it(world: World) -> None:
    gate = threading.Event()

    class Gated(Recorder):
        def on_start(self) -> None:
            gate.wait(5)

    ref = Gated.start(world.context("worker"), [])
    first, second = ref.ask(Raise("SystemExit"), block=False), ref.ask(Frame(1), block=False)
    gate.set()
    with pytest.raises(ActorCrash, match="SystemExit"):
        first.get(timeout=5)
    with pytest.raises(pykka.ActorDeadError):
        second.get(timeout=5)
    assert not ref.is_alive()


@pytest.mark.proves("I33")
def test_an_ask_is_answered_and_a_late_one_is_refused(world: World) -> None:
    world.record("worker")
    ref = world.directory.find("worker")
    assert ref is not None
    assert ref.ask(Filled(1), timeout=5) == 1
    world.directory.stop("worker")
    world.until(lambda: world.directory.find("worker") is None)
    with pytest.raises(pykka.ActorDeadError):
        ref.ask(Filled(2), timeout=5)


@pytest.mark.proves("I33")
def test_an_actor_that_waits_for_an_actor_is_told_that_it_would_wait_for_ever(world: World) -> None:
    class Asker(BaseActor):
        def on_receive(self, message: Any) -> Any:
            other = "two" if self.context.name == "one" else "one"
            ref = self.context.dispatcher.directory.find(other)
            assert ref is not None
            return ref.ask(message, timeout=5)

    notices = world.record("boss")
    for name in ("one", "two"):
        Asker.start(world.context(name, "boss"))
    world.directory.send("one", Query())
    world.until(lambda: notices)
    assert notices[0].name == "one"
    assert notices[0].error.startswith(AskDeadlock.__name__)


@pytest.mark.proves("I33")
def test_nobody_can_wait_for_a_stop_inside_an_actor(world: World) -> None:
    class Stopper(BaseActor):
        def on_receive(self, message: Any) -> Any:
            return self.actor_ref.stop()

    notices = world.record("boss")
    Stopper.start(world.context("stopper", "boss"))
    world.directory.send("stopper", Query())
    world.until(lambda: notices)
    assert notices[0].error.startswith(AskDeadlock.__name__)


def test_two_actors_cannot_have_one_name(world: World) -> None:
    first = world.record("worker")
    with pytest.raises(ValueError, match="running already"):
        world.record("worker")
    world.directory.send("worker", Filled(1))
    world.until(lambda: first)


def test_a_thread_that_cannot_start_leaves_no_name_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RealWorld("threads")

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            world.record("worker")
    assert world.directory.names() == ()
    world.record("worker")
    world.close()


@pytest.mark.parametrize("error", [Fatal, MemoryError])
def test_what_is_fatal_aborts_the_process(world: World, error: type[Exception]) -> None:
    class Doomed(BaseActor):
        def on_receive(self, message: Any) -> None:
            raise error("journal corrupt")

    Doomed.start(world.context("journal"))
    world.directory.send("journal", Query())
    world.until(lambda: world.aborts)
    assert world.aborts == [f"journal died of {error.__name__}: journal corrupt"]


def test_the_failure_of_an_actor_without_a_supervisor_aborts_the_process(world: World) -> None:
    world.record("root", supervisor=None)
    world.directory.send("root", Raise("ValueError"))
    world.until(lambda: world.aborts)
    assert world.aborts == ["root died of ValueError: ValueError"]


def test_poison_of_earlier_lives_is_not_handled_again(sim: SimWorld) -> None:
    notices = sim.record("boss")
    sim.record("worker", supervisor="boss")
    sim.directory.send("worker", Raise("ValueError", received_ns=1))
    sim.sim.run_ready()
    seen = sim.record("worker", supervisor="boss", poison=frozenset({notices[0].digest}))
    sim.directory.send("worker", Raise("ValueError", received_ns=2))
    sim.directory.send("worker", Raise("SystemExit"))
    sim.sim.run_ready()
    assert seen == []
    assert sim.dead("poison") == [Raise("ValueError", received_ns=2)]
    assert len(notices) == 2


def test_mail_of_one_turn_is_finished_together() -> None:
    commits: list[list[int]] = []

    class Journal(BaseActor):
        batch = 3

        def on_start(self) -> None:
            self.open: list[int] = []

        def on_receive(self, message: Any) -> None:
            self.open.append(message.number)

        def on_turn_end(self) -> None:
            if self.open:
                commits.append(self.open)
                self.open = []

    sim = SimWorld()
    Journal.start(sim.context("journal"))
    for number in range(7):
        sim.directory.send("journal", Filled(number))
    sim.sim.run_ready()
    assert commits == [[0, 1, 2], [3, 4, 5], [6]]


def test_actors_are_not_on_the_global_list_of_pykka(world: World) -> None:
    world.record("worker")
    assert pykka.ActorRegistry.get_all() == []


def test_one_structured_line_is_logged_per_death(sim: SimWorld) -> None:
    lines: list[Any] = []
    logger.enable("actors.runtime")
    handle = logger.add(lambda line: lines.append(line.record), filter="actors.runtime.actor")
    sim.record("worker")
    sim.directory.send("worker", Raise("ValueError"))
    sim.sim.run_ready()
    logger.remove(handle)
    assert [(line["message"], line["extra"]) for line in lines] == [
        ("worker died", {"actor": "worker", "handling": "Raise"})
    ]


def test_a_stop_jumps_the_queue(sim: SimWorld) -> None:
    seen = sim.record("worker")
    for number in range(100):
        sim.directory.send("worker", Filled(number))
    sim.directory.stop("worker")
    sim.sim.run_ready()
    assert seen == []
    assert len(sim.dead("unread")) == 100
