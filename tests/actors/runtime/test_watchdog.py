import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.runtime.abort import EXIT_CODE, Abort
from actors.runtime.actor import BaseActor, Context
from actors.runtime.clock import SystemClock
from actors.runtime.watchdog import Watchdog
from models.messages.base import Message
from models.messages.runtime import ControlMailLate, HandlerRecovered, HandlerSlow, HandlerStuck
from tests.actors.runtime.worlds import MS, SECOND, Filled, Halt, Query, RealWorld


class SetClock(SystemClock):
    """The real clock, but for what the test adds to it."""

    def __init__(self) -> None:
        super().__init__()
        self.added_ns = 0
        self.stepped_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.added_ns

    def skew_ns(self) -> int:
        return self.stepped_ns


class Hang(BaseActor):
    """Hangs in its handler until it is released."""

    def __init__(self, context: Context, release: threading.Event) -> None:
        super().__init__(context)
        self.release = release

    def on_receive(self, message: Any) -> None:
        self.hang_here()

    def hang_here(self) -> None:
        self.release.wait(30)


class Critical(Hang):
    critical = True


class Patient(Hang):
    patience_ns = 9 * SECOND


class Kennel:
    """A watchdog over a world whose clock the test sets; it looks when it is told to."""

    def __init__(self) -> None:
        self.world = RealWorld("control")
        self.clock = SetClock()
        for dispatcher in (*self.world.pool.workers.values(), self.world.threads):
            dispatcher.clock = self.clock
        self.pinged = 0
        self.dog = Watchdog(
            self.world.pool, self.world.threads, self.world.timers, ("risk",), stall_s=None, alive=self._ping
        )
        self.risk = self.world.record("risk")
        self.release = threading.Event()

    def hang(self, where: str, cls: type[Hang] = Hang) -> None:
        """Have an actor `hang` that hangs on a worker or in a thread of its own, seen once by the watchdog."""
        world = self.world
        world.place = world.threads if where == "threads" else world.pool[where]
        cls.start(world.context("hang"), self.release)
        world.directory.send("hang", Filled(1))
        mailbox = world.directory.mailbox("hang")
        assert mailbox is not None
        world.until(lambda: mailbox.handling == Filled(1))
        self.dog.look()

    def _ping(self) -> None:
        self.pinged += 1

    def later(self, seconds: float) -> None:
        self.clock.added_ns += int(seconds * SECOND)
        self.dog.look()

    def told(self, kind: type[Message]) -> list[Any]:
        """Return what risk was told of one kind, once it has handled all."""
        self.world.directory.send("risk", Query(99))
        self.world.until(lambda: Query(99) in self.risk)
        self.risk.remove(Query(99))
        return [message for message in self.risk if isinstance(message, kind)]


@pytest.fixture
def kennel() -> Iterator[Kennel]:
    it = Kennel()
    yield it
    it.release.set()
    it.world.close()


@pytest.mark.proves("I35")
@pytest.mark.parametrize("where", ["markets", "threads"])
def test_a_handler_that_runs_for_two_seconds_is_reported_once_with_its_stack(kennel: Kennel, where: str) -> None:
    kennel.hang(where)
    kennel.later(1.9)
    assert kennel.told(HandlerStuck) == []
    assert kennel.dog.healthy
    kennel.later(0.2)
    kennel.later(0.2)
    (stuck,) = kennel.told(HandlerStuck)
    assert (stuck.name, stuck.handling) == ("hang", "Filled")
    assert stuck.age_ns > 2 * SECOND
    assert "hang_here" in stuck.stack
    assert not kennel.dog.healthy
    assert kennel.world.aborts == []
    kennel.release.set()
    kennel.world.until(lambda: all(worker.running is None for worker in kennel.world.pool.workers.values()))
    kennel.world.until(lambda: all(seat.running is None for seat in kennel.world.threads.seats))
    kennel.dog.look()
    assert kennel.dog.healthy


@pytest.mark.proves("I35")
@pytest.mark.parametrize(
    ("where", "cls", "limit"), [("markets", Hang, 5), ("threads", Critical, 5), ("threads", Hang, 10)]
)
def test_a_handler_that_never_ends_ends_the_process(kennel: Kennel, where: str, cls: type[Hang], limit: int) -> None:
    kennel.hang(where, cls)
    kennel.later(limit - 0.1)
    assert kennel.world.aborts == []
    kennel.later(0.2)
    assert len(kennel.world.aborts) == 1
    assert kennel.world.aborts[0].startswith("hang has been handling Filled for")


def test_a_handler_that_waits_for_the_outside_is_given_longer(kennel: Kennel) -> None:
    kennel.hang("threads", Patient)
    kennel.later(8.9)
    assert kennel.told(HandlerStuck) == []
    assert kennel.dog.healthy
    kennel.later(0.2)
    assert len(kennel.told(HandlerStuck)) == 1


def test_whoever_watches_us_hears_that_we_live_until_something_is_stuck(kennel: Kennel) -> None:
    kennel.hang("markets")
    kennel.later(1.9)
    pinged = kennel.pinged
    assert pinged >= 1
    kennel.later(0.2)
    kennel.later(0.2)
    assert kennel.pinged == pinged, "a stuck actor misses the ping"
    kennel.release.set()
    kennel.world.until(lambda: not any(worker.running for worker in kennel.world.pool.workers.values()))
    kennel.later(0.1)
    assert kennel.pinged == pinged + 1


def test_an_actor_that_is_busy_but_moves_on_is_not_stuck(kennel: Kennel) -> None:
    kennel.hang("threads")
    for _ in range(10):
        kennel.later(1.5)
        mailbox = kennel.world.directory.mailbox("hang")
        assert mailbox is not None
        mailbox.served += 1
    assert kennel.told(HandlerStuck) == []
    assert kennel.world.aborts == []


def test_a_market_handler_over_fifty_milliseconds_is_reported_while_it_runs_and_when_it_has_ended(
    kennel: Kennel,
) -> None:
    kennel.hang("markets")
    kennel.later(0.06)
    (slow,) = kennel.told(HandlerSlow)
    assert (slow.name, slow.handling) == ("hang", "Filled")
    assert slow.age_ns > 50 * MS
    kennel.risk.clear()
    kennel.release.set()
    kennel.world.until(lambda: kennel.told(HandlerSlow))
    assert {message.name for message in kennel.told(HandlerSlow)} == {"hang"}


def test_a_handler_that_blocks_a_thread_of_its_own_is_not_slow(kennel: Kennel) -> None:
    kennel.hang("threads")
    kennel.later(1)
    assert kennel.told(HandlerSlow) == []


def test_an_actor_that_was_slow_has_recovered_after_a_minute(kennel: Kennel) -> None:
    kennel.hang("markets")
    kennel.later(0.06)
    kennel.release.set()
    kennel.world.until(lambda: kennel.world.pool["markets"].running is None)
    kennel.later(59)
    assert kennel.told(HandlerRecovered) == []
    kennel.later(2)
    assert kennel.told(HandlerRecovered) == [HandlerRecovered("hang")]
    kennel.later(120)
    assert kennel.told(HandlerRecovered) == [HandlerRecovered("hang")]


@pytest.mark.parametrize("where", ["markets", "threads"])
def test_control_mail_that_waits_for_a_second_is_reported_once(kennel: Kennel, where: str) -> None:
    kennel.hang(where)
    kennel.world.directory.send("hang", Halt(1))
    kennel.later(0)
    kennel.later(0.9)
    assert kennel.told(ControlMailLate) == []
    kennel.later(0.2)
    kennel.later(0.2)
    (late,) = kennel.told(ControlMailLate)
    assert late.name == "hang"
    assert late.age_ns > SECOND


def test_control_mail_that_is_served_in_time_is_not_late_however_much_there_is(kennel: Kennel) -> None:
    kennel.hang("threads")
    mailbox = kennel.world.directory.mailbox("hang")
    assert mailbox is not None
    for number in range(5):
        kennel.world.directory.send("hang", Halt(number))
    kennel.later(0)
    for _ in range(4):
        kennel.later(0.9)
        waiting = mailbox._lanes[0]
        assert waiting is not None
        waiting.popleft()
    assert kennel.told(ControlMailLate) == []


def test_control_mail_of_an_actor_that_cannot_get_its_turn_is_late_too(kennel: Kennel) -> None:
    kennel.hang("markets")
    waiting = kennel.world.record("waiting")
    kennel.world.directory.send("waiting", Halt(1))
    kennel.later(0)
    kennel.later(1.1)
    assert [late.name for late in kennel.told(ControlMailLate)] == ["waiting"]
    kennel.release.set()
    kennel.world.until(lambda: waiting == [Halt(1)])


@pytest.mark.proves("I34")
def test_a_dead_thread_ends_its_actor_and_a_dead_worker_the_process(kennel: Kennel) -> None:
    world = kennel.world
    world.place = world.threads
    dead = world.record("dead", supervisor="risk")
    world.until(lambda: len(world.threads.seats) == 1)
    (seat,) = world.threads.seats
    living, seat.thread = seat.thread, ended_thread()
    kennel.dog.look()
    world.until(lambda: kennel.risk)
    assert [(down.name, down.error) for down in kennel.risk] == [("dead", "RuntimeError: its thread died")]
    assert world.threads.seats == set()
    seat._signal.put(None)
    living.join(5)
    assert dead == []
    worker = world.pool["markets"]
    living, worker.thread = worker.thread, ended_thread()
    kennel.dog.look()
    assert world.aborts == ["worker ended is dead"]
    worker.thread = living


def ended_thread() -> threading.Thread:
    thread = threading.Thread(target=lambda: None, name="ended")
    thread.start()
    thread.join()
    return thread


def test_a_dead_timer_thread_ends_the_process(kennel: Kennel) -> None:
    living, kennel.world.timers.thread = kennel.world.timers.thread, ended_thread()
    kennel.dog.look()
    assert kennel.world.aborts == ["the timer thread is dead"]
    kennel.world.timers.thread = living


def test_a_watchdog_that_fails_ends_the_process() -> None:
    world = RealWorld("markets")
    dog = Watchdog(world.pool, world.threads, world.timers, stall_s=None)
    dog._slow = None  # type: ignore[assignment]
    dog.start()
    world.until(lambda: world.aborts)
    assert world.aborts[0].startswith("the watchdog died of ")
    dog.stop()
    world.close()


def test_the_running_watchdog_finds_an_idle_process_healthy() -> None:
    world = RealWorld("markets")
    dog = Watchdog(world.pool, world.threads, world.timers, stall_s=60)
    assert not dog.healthy
    dog.start()
    world.until(lambda: dog.healthy)
    dog.stop()
    world.close()
    assert world.aborts == []


@pytest.mark.proves("I35")
def test_an_abort_closes_the_gate_dumps_all_stacks_and_leaves(capfd: pytest.CaptureFixture[str]) -> None:
    done: list[Any] = []
    Abort(done.append, done.append)("journal corrupt")
    assert done == ["journal corrupt", EXIT_CODE]
    assert "test_an_abort_closes_the_gate" in capfd.readouterr().err


def test_an_abort_leaves_even_if_the_gate_cannot_be_closed() -> None:
    done: list[Any] = []

    def broken(_reason: str) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Abort(broken, done.append)("journal corrupt")
    assert done == [EXIT_CODE]


@pytest.mark.proves("I35", kind="crash")
def test_an_interpreter_that_stands_still_is_ended_from_outside() -> None:
    script = """
        import ctypes
        from actors.runtime.watchdog import Watchdog
        from tests.actors.runtime.worlds import RealWorld
        world = RealWorld("markets")
        dog = Watchdog(world.pool, world.threads, world.timers, stall_s=0.5)
        dog.start()
        world.until(lambda: dog.healthy)
        ctypes.PyDLL(None).sleep(20)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    project = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=15, check=False)
    assert done.returncode == 1
    assert "Timeout" in done.stderr
