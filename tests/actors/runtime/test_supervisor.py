from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import count
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.actor import Context
from actors.runtime.supervision import ChildSpec, Excess, Intensity, Restart, Strategy, Supervision
from actors.runtime.supervisor import StartChild, StopChild, Supervisor
from actors.venues.redaction import HIDDEN, redacted
from actors.venues.secret import Secret
from models.messages.runtime import ActorDown, ActorFailed, ActorQuarantined, ActorRestarted, Woke
from tests.actors.runtime.worlds import (
    ERRORS,
    MS,
    SECOND,
    Filled,
    Frame,
    Halt,
    Raise,
    RealWorld,
    Recorder,
    SimWorld,
    World,
)

numbers = count()
QUICK = Supervision(listeners=("listener",), backoff_ns=MS)


class Family:
    """A supervisor over recorders, and the log of who was started and stopped when."""

    def __init__(self, world: World, *names: str, supervision: Supervision = QUICK, supervisor: str = "boss") -> None:
        self.world = world
        self.log: list[str] = []
        self.seen: dict[str, list[list[Any]]] = {}
        """What each incarnation of a child has seen."""
        self.events = world.record("listener")
        self.notices = world.record("boss") if supervisor == "boss" else []
        self.children = [self.child(name) for name in names]
        self.context = world.context("family", supervisor)
        Supervisor.start(self.context, supervision, self.children, "M1")
        world.until(lambda: len(self.log) >= len(names))

    def child(self, name: str, cls: type[Recorder] = Recorder, **more: Any) -> ChildSpec:
        family = self

        class Member(cls):
            def on_stop(self) -> None:
                family.log.append(f"-{name}")
                super().on_stop()

        def start(context: Context) -> Any:
            seen: list[Any] = []
            ref = Member.start(context, seen)
            family.seen.setdefault(name, []).append(seen)
            family.log.append(f"+{name}")
            return ref

        return ChildSpec(name, start, **more)

    def kill(self, name: str, error: str = "ValueError") -> None:
        """Kill a child with a message that nobody has seen before; return when it lives again."""
        lives = len(self.seen[name])
        self.world.directory.send(name, Raise(error, number=next(numbers)))
        self.world.until(lambda: len(self.seen[name]) > lives)

    def said(self, kind: type) -> list[str]:
        return [event.name for event in self.events if isinstance(event, kind)]


def test_children_are_started_in_order_and_stopped_in_reverse(world: World) -> None:
    family = Family(world, "a", "b", "c")
    assert family.log == ["+a", "+b", "+c"]
    world.directory.stop("family")
    world.until(lambda: family.notices)
    assert family.log == ["+a", "+b", "+c", "-c", "-b", "-a"]
    assert family.notices[0].error is None
    assert family.events == []
    assert world.directory.names() == ("listener", "boss")


@pytest.mark.parametrize(
    ("strategy", "log"),
    [
        (Strategy.ONE_FOR_ONE, ["+b"]),
        (Strategy.REST_FOR_ONE, ["-d", "-c", "+b", "+c", "+d"]),
        (Strategy.ONE_FOR_ALL, ["-d", "-c", "-a", "+a", "+b", "+c", "+d"]),
    ],
)
def test_a_death_restarts_whom_the_strategy_says(world: World, strategy: Strategy, log: list[str]) -> None:
    supervision = Supervision(strategy, listeners=("listener",), backoff_ns=MS)
    family = Family(world, "a", "b", "c", "d", supervision=supervision)
    family.log.clear()
    world.directory.send("b", Raise("ValueError"))
    restarted = [entry[1:] for entry in log if entry.startswith("+")]
    world.until(lambda: len(family.said(ActorRestarted)) == len(restarted))
    assert family.log == log
    assert family.said(ActorFailed) == ["b"]
    assert family.said(ActorRestarted) == restarted
    assert isinstance(family.events[0], ActorFailed)
    for name in "abcd":
        world.directory.send(name, Filled(1))
        world.until(lambda name=name: family.seen[name][-1] == [Filled(1)])


@pytest.mark.proves("I39")
def test_what_a_child_died_of_is_told_without_the_secrets_in_it(world: World) -> None:
    secret = Secret("canary of the supervisor").reveal()
    world.place.emergency = replace(world.emergency, hide=redacted)
    supervision = Supervision(listeners=("listener",), backoff_ns=MS, intensity=1, excess=Excess.QUARANTINE)
    family = Family(world, supervision=supervision)

    class Quotes(Recorder):
        def on_receive(self, message: Any) -> int:
            raise ValueError(f"bad header {secret}")

    def refuse(_: Context) -> Any:
        raise OSError(f"no socket for {secret}")

    world.directory.send("family", StartChild(ChildSpec("quotes", lambda context: Quotes.start(context, []))))
    world.until(lambda: world.directory.send("quotes", Filled(1)))
    world.until(lambda: family.said(ActorRestarted))
    world.directory.send("family", StartChild(ChildSpec("late", refuse)))
    world.until(lambda: family.said(ActorQuarantined))
    assert ActorFailed("quotes", "M1", f"ValueError: bad header {HIDDEN}", "Filled") in family.events
    assert ActorFailed("late", "M1", f"OSError: no socket for {HIDDEN}", "") in family.events
    assert secret not in str([*family.events, *world.aborts])


@pytest.mark.proves("I34")
@pytest.mark.parametrize("error", ERRORS)
def test_a_child_is_restarted_however_it_died(world: World, error: str) -> None:
    family = Family(world, "a")
    family.kill("a", error)
    world.until(lambda: len(family.events) == 2)
    assert family.events == [
        ActorFailed("a", "M1", f"{error}: {error}", "Raise"),
        ActorRestarted("a", "M1", 1),
    ]


@pytest.mark.parametrize("error", ERRORS)
def test_a_child_that_fails_to_begin_is_tried_again(world: World, error: str) -> None:
    family = Family(world)
    tries: list[str] = []

    class Shy(Recorder):
        def on_start(self) -> None:
            tries.append("on_start")
            if len(tries) < 3:
                raise ERRORS[error]

    world.directory.send("family", StartChild(family.child("shy", Shy)))
    world.until(lambda: len(tries) == 3)
    world.directory.send("shy", Filled(1))
    world.until(lambda: family.seen["shy"][-1] == [Filled(1)])


def test_a_child_that_cannot_be_built_is_tried_again_and_those_after_it_wait(sim: SimWorld) -> None:
    tries: list[str] = []

    def build(family: Family) -> Callable[[Context], Any]:
        def start(context: Context) -> Any:
            tries.append(context.name)
            if len(tries) == 1:
                raise OSError("no socket")
            return Recorder.start(context, [])

        return start

    supervision = Supervision(Strategy.REST_FOR_ONE, listeners=("listener",))
    family = Family(sim, supervision=supervision)
    late = ChildSpec("late", build(family))
    Supervisor.start(sim.context("second", "boss"), supervision, [late, family.child("after")])
    sim.sim.run_ready()
    assert (tries, family.log) == (["late"], [])
    sim.sim.run_until(SECOND)
    assert (tries, family.log) == (["late", "late"], ["+after"])
    assert family.events[0] == ActorFailed("late", "", "OSError: no socket", "")


def test_a_permanent_child_that_stops_by_itself_is_restarted_and_a_temporary_one_is_not(world: World) -> None:
    family = Family(world, "permanent")
    world.directory.send("family", StartChild(family.child("temporary", restart=Restart.TEMPORARY)))
    world.until(lambda: "+temporary" in family.log)
    world.directory.stop("temporary")
    world.directory.stop("permanent")
    world.until(lambda: len(family.events) == 2)
    assert family.log == ["+permanent", "+temporary", *family.log[2:4], "+permanent"]
    assert family.events == [
        ActorFailed("permanent", "M1", "it stopped by itself", ""),
        ActorRestarted("permanent", "M1", 1),
    ]


@pytest.mark.proves("I34")
def test_too_many_deaths_are_escalated(world: World) -> None:
    supervision = Supervision(intensity=2, listeners=("listener",), backoff_ns=MS)
    family = Family(world, "a", "b", supervision=supervision)
    family.kill("a")
    family.kill("b")
    world.directory.send("a", Raise("SystemExit"))
    world.until(lambda: family.notices)
    reason = "GaveUp: a died once too often, last of SystemExit: SystemExit"
    assert [(down.name, down.error) for down in family.notices] == [("family", reason)]
    assert family.log[-1] == "-b"
    assert world.directory.find("b") is None
    assert world.aborts == []


@pytest.mark.proves("I34")
def test_what_the_root_cannot_mend_aborts_the_process(world: World) -> None:
    supervision = Supervision(intensity=0)
    family = Family(world)
    Supervisor.start(world.context("root", None), supervision, [family.child("a")])
    world.until(lambda: family.log == ["+a"])
    world.directory.send("a", Raise("ValueError"))
    world.until(lambda: world.aborts)
    assert world.aborts == ["root died of GaveUp: a died once too often, last of ValueError: ValueError"]


def test_deaths_are_forgotten_after_the_period(sim: SimWorld) -> None:
    supervision = Supervision(intensity=1, period_ns=10 * SECOND, backoff_ns=MS)
    family = Family(sim, "a", supervision=supervision)
    for _ in range(5):
        sim.sim.advance(sim.sim.now_ns() + 10 * SECOND)
        family.kill("a")
    assert family.notices == []
    sim.directory.send("a", Raise("ValueError"))
    sim.sim.run_ready()
    assert len(family.notices) == 1


@pytest.mark.proves("I34", "I37")
def test_a_market_that_keeps_dying_is_quarantined_and_nobody_else_is_touched(world: World) -> None:
    supervision = Supervision(
        Strategy.REST_FOR_ONE, intensity=1, excess=Excess.QUARANTINE, listeners=("listener",), backoff_ns=MS
    )
    family = Family(world, "a", "b", supervision=supervision)
    neighbour = Supervisor.start(world.context("neighbour", "boss"), supervision, [family.child("n")], "M2")
    family.kill("a")
    world.until(lambda: family.said(ActorRestarted) == ["a", "b"])
    world.directory.send("a", Raise("ValueError"))
    world.until(lambda: family.log[-1] == "-b" and world.directory.find("b") is None)
    quarantined = [event for event in family.events if isinstance(event, ActorQuarantined)]
    reason = "a died once too often, last of ValueError: ValueError"
    assert quarantined == [ActorQuarantined("family", "M1", reason)]
    assert family.notices == []
    assert world.directory.find("family") is not None
    assert neighbour.is_alive()
    world.directory.send("n", Filled(1))
    world.until(lambda: family.seen["n"][0] == [Filled(1)])
    assert world.directory.stop("family")
    world.until(lambda: family.notices)
    assert family.notices[0].error is None


def test_the_backoff_doubles_to_its_cap_and_begins_anew_after_a_healthy_minute(sim: SimWorld) -> None:
    family = Family(sim, "a", supervision=Supervision(intensity=100))

    def wait_ms() -> int:
        died_ns = sim.sim.now_ns()
        family.kill("a")
        return (sim.sim.now_ns() - died_ns) // MS

    assert [wait_ms() for _ in range(8)] == [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]
    sim.sim.advance(sim.sim.now_ns() + 59 * SECOND)
    assert wait_ms() == 10_000
    sim.sim.advance(sim.sim.now_ns() + 60 * SECOND)
    assert wait_ms() == 250


def test_a_death_counts_for_one_period_and_no_longer() -> None:
    supervision = Supervision(intensity=1, period_ns=10)
    intensity = Intensity()
    assert [intensity.exceeded(at_ns, supervision) for at_ns in (0, 10, 19, 29)] == [False, False, True, False]


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_jitter_moves_a_delay_by_a_fifth_at_most(deaths: int, chance: float) -> None:
    plain = Supervision(backoff_jitter=0.0).delay_ns(deaths, chance)
    jittered = Supervision().delay_ns(deaths, chance)
    assert SECOND // 4 <= plain <= 10 * SECOND
    assert abs(jittered - plain) <= plain // 5 + 1


def test_a_message_that_killed_twice_is_not_handled_a_third_time(world: World) -> None:
    family = Family(world, "a")
    for life in (1, 2):
        world.directory.send("a", Raise("ValueError", received_ns=life))
        world.until(lambda life=life: len(family.seen["a"]) > life)
    world.directory.send("a", Raise("ValueError", received_ns=3))
    world.directory.send("a", Frame(1))
    world.until(lambda: family.seen["a"][-1] == [Frame(1)])
    assert world.dead("poison") == [Raise("ValueError", received_ns=3)]
    assert family.said(ActorFailed) == ["a", "a"]


def test_a_notice_of_an_earlier_incarnation_is_ignored(sim: SimWorld) -> None:
    family = Family(sim, "a")
    first = sim.directory.find("a")
    assert first is not None
    family.kill("a")
    for urn in (first.actor_urn, "forged"):
        sim.directory.send("family", ActorDown("a", urn, "ValueError: stale"))
    sim.directory.send("family", ActorDown("stranger", "", "ValueError: who"))
    sim.sim.run_until(SECOND)
    assert family.log == ["+a", "+a"]
    assert family.said(ActorFailed) == ["a"]


class Deaf(Recorder):
    """Does not stop when it is asked to."""

    def on_asked_to_stop(self) -> None:
        self.seen.append("asked")


def test_a_child_that_does_not_stop_in_time_is_abandoned_and_its_late_end_means_nothing(world: World) -> None:
    family = Family(world, "a", supervision=Supervision(Strategy.ONE_FOR_ALL, backoff_ns=MS, listeners=("listener",)))
    world.directory.send("family", StartChild(family.child("deaf", Deaf, stop_timeout_ns=20 * MS)))
    world.until(lambda: "+deaf" in family.log)
    for number in (1, 2):
        world.directory.send("deaf", Halt(number))
    world.until(lambda: family.seen["deaf"][0][-1:] == [Halt(2)])
    family.kill("a")
    world.until(lambda: family.said(ActorRestarted) == ["a", "deaf"])
    world.until(lambda: "-deaf" in family.log)
    assert family.seen["deaf"][0] == [Halt(1), Halt(2), "asked"], "it is asked once, and ended then"
    world.directory.send("deaf", Filled(1))
    world.until(lambda: Filled(1) in family.seen["deaf"][1])
    assert family.said(ActorFailed) == ["a"]
    for name in ("family", "deaf"):
        world.directory.stop(name)
    world.until(lambda: world.directory.find("family") is None)
    lives = family.log.count("+deaf")
    assert lives == 2


class Slow(Recorder):
    """Waits in the midst of a message until it is let go on."""

    go_on = Event()

    def on_receive(self, message: Any) -> int:
        seen = super().on_receive(message)
        if message == Filled(0):
            self.go_on.wait(10)
            self.context.wake_at(0)  # would take the place of its successor's deadline
        return seen


def test_who_is_given_up_reads_nothing_more_when_it_goes_on() -> None:
    world = RealWorld("threads")
    supervision = Supervision(Strategy.ONE_FOR_ALL, backoff_ns=MS, listeners=("listener",))
    family = Family(world, "a", supervision=supervision)
    world.directory.send("family", StartChild(family.child("slow", Slow, stop_timeout_ns=5 * MS)))
    world.until(lambda: "+slow" in family.log)
    world.directory.send("slow", Filled(0))
    world.until(lambda: family.seen["slow"][0] == [Filled(0)])
    for message in (Halt(1), Halt(2), Frame(3)):
        world.directory.send("slow", message)
    family.kill("a")
    world.until(lambda: family.log.count("+slow") == 2)
    Slow.go_on.set()
    world.until(lambda: "-slow" in family.log)
    assert family.seen["slow"] == [[Filled(0)], []]
    assert world.dead("unread") == [Halt(1), Halt(2), Frame(3)]
    world.close()


def test_children_can_be_added_and_taken_away(world: World) -> None:
    family = Family(world, "a")
    world.directory.send("family", StartChild(family.child("b")))
    world.until(lambda: family.log == ["+a", "+b"])
    world.directory.send("family", StopChild("a"))
    world.until(lambda: world.directory.find("a") is None)
    world.directory.send("family", StartChild(family.child("b")))
    world.directory.send("family", StopChild("nobody"))
    world.directory.stop("family")
    world.until(lambda: family.notices)
    assert family.log == ["+a", "+b", "-a", "-b"]
    assert family.events == []


def test_a_child_that_is_wanted_again_while_it_stops_is_started_after_it_has(world: World) -> None:
    family = Family(world, "a")
    for message in (StopChild("a"), StartChild(family.child("a"))):
        world.directory.send("family", message)
    world.until(lambda: family.log == ["+a", "-a", "+a"])
    world.directory.send("a", Filled(1))
    world.until(lambda: family.seen["a"][1] == [Filled(1)])


def test_a_child_that_waits_for_its_restart_can_be_taken_away(sim: SimWorld) -> None:
    family = Family(sim, "a", "b")
    sim.directory.send("a", Raise("ValueError"))
    sim.sim.run_ready()
    sim.directory.send("family", StopChild("a"))
    sim.sim.run_until(10 * SECOND)
    assert family.log == ["+a", "+b"]
    assert sim.directory.find("family") is not None


def test_a_second_death_during_a_repair_widens_it(sim: SimWorld) -> None:
    supervision = Supervision(Strategy.REST_FOR_ONE, listeners=("listener",))
    family = Family(sim, "a", "b", "c", supervision=supervision)
    family.log.clear()
    sim.directory.send("c", Raise("ValueError"))
    sim.sim.run_until(100 * MS)
    sim.directory.send("a", Raise("ValueError"))
    sim.sim.run_until(10 * SECOND)
    assert family.log == ["-b", "+a", "+b", "+c"]
    assert family.said(ActorRestarted) == ["a", "b", "c"]


def test_a_death_among_those_being_stopped_leaves_the_first_one_in_the_repair(sim: SimWorld) -> None:
    supervision = Supervision(Strategy.REST_FOR_ONE, listeners=("listener",))
    family = Family(sim, "a", "b", supervision=supervision)
    sim.directory.send("family", StartChild(family.child("deaf", Deaf)))
    sim.sim.run_ready()
    for name in "ab":
        sim.directory.send(name, Raise("ValueError"))
        sim.sim.run_ready()
    sim.sim.run_until(sim.sim.now_ns() + 10 * SECOND)
    assert family.said(ActorFailed) == ["a", "b"]
    assert family.said(ActorRestarted) == ["a", "b", "deaf"]


def test_a_death_during_a_repair_that_is_due_begins_its_backoff_anew(sim: SimWorld) -> None:
    supervision = Supervision(Strategy.REST_FOR_ONE, backoff_ns=SECOND)
    family = Family(sim, "a", "b", supervision=supervision)
    sim.directory.send("family", StartChild(family.child("deaf", Deaf, stop_timeout_ns=3 * SECOND)))
    sim.sim.run_ready()
    began_ns = sim.sim.now_ns()
    sim.directory.send("b", Raise("ValueError"))
    sim.sim.run_until(began_ns + 2500 * MS)
    sim.directory.send("a", Raise("ValueError"))
    sim.sim.run_until(began_ns + 3400 * MS)
    assert family.log == ["+a", "+b", "+deaf", "-deaf"]
    sim.sim.run_until(began_ns + 3600 * MS)
    assert family.log[4:] == ["+a", "+b", "+deaf"]


def test_a_restart_that_was_planned_does_not_break_a_quarantine(sim: SimWorld) -> None:
    supervision = Supervision(intensity=1, excess=Excess.QUARANTINE)
    family = Family(sim, "a", "b", supervision=supervision)
    for name in "ab":
        sim.directory.send(name, Raise("ValueError"))
    sim.sim.run_until(sim.sim.now_ns() + 10 * SECOND)
    assert family.log == ["+a", "+b"]


def test_a_stop_that_comes_during_a_repair_is_final(sim: SimWorld) -> None:
    family = Family(sim, "a", "b", supervision=Supervision(Strategy.ONE_FOR_ALL))
    sim.directory.send("a", Raise("ValueError"))
    sim.sim.run_ready()
    sim.directory.stop("family")
    sim.sim.run_until(10 * SECOND)
    assert family.log == ["+a", "+b", "-b"]
    assert [down.error for down in family.notices] == [None]


def test_a_supervisor_that_fails_itself_takes_its_children_along_and_is_restarted(world: World) -> None:
    family = Family(world)

    def start(context: Context) -> Any:
        return Supervisor.start(context, QUICK, [family.child("a"), family.child("b")], "M1")

    world.directory.send("family", StartChild(ChildSpec("market", start)))
    world.until(lambda: family.log == ["+a", "+b"])
    world.directory.send("market", Filled(1))
    world.until(lambda: sorted(family.log) == sorted(["+a", "+b", "-b", "-a", "+a", "+b"]))
    for name in "ab":
        world.directory.send(name, Filled(1))
        world.until(lambda name=name: family.seen[name][1] == [Filled(1)])
    assert family.said(ActorFailed) == ["market"]


def test_an_orphan_that_does_not_stop_does_not_keep_its_successor_from_its_name(sim: SimWorld) -> None:
    family = Family(sim)
    children = [family.child("deaf", Deaf)]
    market = ChildSpec("market", lambda context: Supervisor.start(context, QUICK, children))
    sim.directory.send("family", StartChild(market))
    sim.sim.run_ready()
    sim.directory.send("market", Filled(1))
    sim.sim.run_until(sim.sim.now_ns() + SECOND)
    assert family.log == ["+deaf", "-deaf", "+deaf"]
    assert family.said(ActorFailed) == ["market"]


def test_many_children_are_started_in_several_turns_and_a_death_among_them_starts_each_once(sim: SimWorld) -> None:
    supervision = Supervision(Strategy.REST_FOR_ONE)
    family = Family(sim, supervision=supervision)
    names = [f"child/{number}" for number in range(250)]

    class Dies(Recorder):
        def on_start(self) -> None:
            if len(family.seen["child/50"]) == 1:
                raise ValueError

    children = [family.child(name, Dies if name == "child/50" else Recorder) for name in names]
    Supervisor.start(sim.context("many", "boss"), supervision, children)
    sim.until(lambda: len(sim.directory) >= 250)
    assert family.log.count("+child/49") == 1
    assert [entry for entry in family.log if entry.startswith("+")][-200:] == [f"+{name}" for name in names[50:]]
    sim.until(lambda: all(sim.directory.find(name) is not None for name in names))
    sim.sim.run_until(sim.sim.now_ns() + SECOND)
    assert family.notices == []
    sim.directory.stop("many")
    sim.sim.run_ready()
    assert family.log[-250:] == [f"-{name}" for name in reversed(names)]


def test_others_have_their_turns_while_many_children_are_started(sim: SimWorld) -> None:
    family = Family(sim)
    started: list[int] = []

    class Bystander(Recorder):
        def on_receive(self, message: Any) -> int:
            started.append(len(family.log))
            return 0

    children = [family.child(f"child/{number}") for number in range(250)]
    Supervisor.start(sim.context("many", "boss"), QUICK, children)
    Bystander.start(sim.context("bystander"), [])
    sim.directory.send("bystander", Filled(1))
    sim.sim.run_ready()
    assert len(family.log) == 250
    assert 0 < started[0] < 250


def test_independent_children_can_be_stopped_together(sim: SimWorld) -> None:
    family = Family(sim, "a", "b", "c", supervision=Supervision(stop_together=True))
    sim.directory.send("family", StartChild(family.child("deaf", Deaf)))
    sim.sim.run_ready()
    sim.directory.stop("family")
    sim.sim.run_ready()
    assert family.log[-3:] == ["-c", "-b", "-a"]
    assert family.notices == []
    sim.sim.run_until(sim.sim.now_ns() + 2 * SECOND)
    assert [down.error for down in family.notices] == [None]


def test_the_deadlines_of_an_abandoned_child_go_and_those_of_its_successor_stay(sim: SimWorld) -> None:
    class Sleeper(Deaf):
        def on_start(self) -> None:
            self.context.wake_at(self.now_ns + 5 * SECOND, f"life {len(family.seen['deaf'])}")

    family = Family(sim)
    sim.directory.send("family", StartChild(family.child("deaf", Sleeper)))
    sim.sim.run_ready()
    for message in (StopChild("deaf"), StartChild(family.child("deaf", Sleeper))):
        sim.directory.send("family", message)
    sim.sim.run_until(20 * SECOND)
    assert family.seen["deaf"] == [["asked"], [Woke("life 2")]]


def markets(number_of_markets: int, log: list[str]) -> Iterable[ChildSpec]:
    supervision = Supervision(Strategy.REST_FOR_ONE, excess=Excess.QUARANTINE, backoff_ns=MS)

    def start(context: Context) -> Any:
        log.append(context.name)
        return Recorder.start(context, [])

    for number in range(number_of_markets):
        names = [f"{kind}/{number}" for kind in ("book", "flow", "inventory", "coordinator")]
        children = [ChildSpec(name, start) for name in names]
        market = partial(Supervisor.start, supervision=supervision, children=children)
        yield ChildSpec(f"market/{number}", market)


def test_thousands_of_markets_start_mend_one_death_and_stop() -> None:
    size = 2_000
    world = RealWorld("markets")
    log: list[str] = []
    Supervisor.start(world.context("markets", None), Supervision(stop_together=True), list(markets(size, log)))
    world.until(lambda: len(world.directory) == 5 * size + 1)
    world.until(lambda: len(log) == 4 * size)
    world.directory.send("book/7", Raise("ValueError"))
    world.until(lambda: log[4 * size :] == ["book/7", "flow/7", "inventory/7", "coordinator/7"])
    world.directory.stop("markets")
    world.until(lambda: len(world.directory) == 0)
    # Deadlines of starts that are long over may come due while all stops; where a machine is slow, nobody reads them.
    dead = {letter: count for letter, count in world.dead_letters.counts.items() if letter[1] != "Woke"}
    assert dead == {("book/7", "Raise", "crashed"): 1}
    assert world.aborts == []
    world.close()


def test_who_begins_under_a_used_name_is_restarted_also_after_a_planned_stop(sim: SimWorld) -> None:
    family = Family(sim, "a")
    sim.directory.send("family", StopChild("a"))
    sim.until(lambda: family.log == ["+a", "-a"])
    assert family.said(ActorRestarted) == []
    sim.directory.send("family", StartChild(family.child("a")))
    sim.until(lambda: family.log == ["+a", "-a", "+a"])
    assert family.events == [ActorRestarted("a", "M1", 0)]


def test_children_that_died_with_their_supervisor_are_restarted_by_the_next_one(sim: SimWorld) -> None:
    family = Family(sim, "a", "b")
    Supervisor.start(sim.context("next family", "boss"), QUICK, [family.child("c")], "M1")
    sim.directory.send("family", Frame(1))  # it has no use for that, and dies
    sim.until(lambda: family.log[-2:] == ["-b", "-a"])
    Supervisor.start(sim.context("family", "boss"), QUICK, [family.child("a"), family.child("b")], "M1")
    sim.until(lambda: family.log[-2:] == ["+a", "+b"])
    assert family.events == [ActorRestarted("a", "M1", 0), ActorRestarted("b", "M1", 0)]


def test_a_child_that_wants_to_know_hears_of_its_restart_before_all_other_mail(sim: SimWorld) -> None:
    family = Family(sim)
    sim.directory.send("family", StartChild(family.child("a", hears_of_restart=True)))
    sim.until(lambda: family.log == ["+a"])
    sim.directory.send("a", Filled(1))
    family.kill("a")
    sim.directory.send("a", Filled(2))
    sim.until(lambda: family.seen["a"] == [[Filled(1)], [ActorRestarted("a", "M1", 1), Filled(2)]])
