"""What the runtime relies on in pykka 4.5 and what it guards against: an upgrade that changes this breaks us."""

import inspect
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pykka
import pytest
from pykka import ActorDeadError, ActorRegistry, ThreadingActor, ThreadingFuture
from pykka._envelope import Envelope
from pykka.messages import _ActorStop


class Probe(ThreadingActor):
    use_daemon_thread = True

    def __init__(self, log: list[Any]) -> None:
        super().__init__()
        self.log = log
        self.go = threading.Event()

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, threading.Event):
            message.wait(5)
        self.log.append(message)
        return message

    def on_stop(self) -> None:
        self.log.append("on_stop")

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self.log.append("on_failure")


class EndOfTurn(BaseException):
    pass


@pytest.fixture(autouse=True)
def _no_actors_left() -> Iterator[None]:
    yield
    for ref in ActorRegistry.get_all():
        ActorRegistry.unregister(ref)


@pytest.fixture
def thread_errors(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    errors: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", errors.append)
    return errors


def test_pykka_is_the_version_that_was_read() -> None:
    assert version("pykka").startswith("4.5.")


def test_the_extension_points_are_static_methods_called_by_the_base_class() -> None:
    assert isinstance(inspect.getattr_static(pykka.Actor, "_create_actor_inbox"), staticmethod)
    assert isinstance(inspect.getattr_static(pykka.Actor, "_create_future"), staticmethod)
    actor = Probe([])
    assert actor.actor_ref.actor_inbox is actor.actor_inbox


def test_a_reference_keeps_the_inbox_but_not_the_actor() -> None:
    ref = Probe([]).actor_ref
    assert ref._actor_weakref() is None
    assert ref.actor_inbox.empty()


def test_futures_are_made_on_the_class_and_again_by_their_own_type_without_arguments() -> None:
    made: list[ThreadingFuture[Any]] = []

    class Counted(ThreadingFuture[Any]):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    class Actor(Probe):
        @staticmethod
        def _create_future() -> ThreadingFuture[Any]:
            return Counted()

    assert Actor.start([]).stop() is True
    assert len(made) == 2


def test_a_failed_tell_stops_the_actor_and_loses_the_rest_of_its_mail() -> None:
    log: list[Any] = []
    gate = threading.Event()
    ref = Probe.start(log)
    ref.tell(gate)
    ref.tell(ValueError())
    ref.tell("lost")
    asked = ref.ask("asked", block=False)
    gate.set()
    with pytest.raises(ActorDeadError):
        asked.get(timeout=5)
    assert log == [gate, "on_failure"]


def test_a_failed_ask_leaves_the_actor_alive() -> None:
    ref = Probe.start([])
    with pytest.raises(ValueError, match="half changed"):
        ref.ask(ValueError("half changed"), timeout=5)
    assert ref.ask("still here", timeout=5) == "still here"
    ref.stop()


def test_the_stock_inbox_is_an_unbounded_queue_in_which_a_stop_comes_last() -> None:
    log: list[Any] = []
    gate = threading.Event()
    ref = Probe.start(log)
    ref.tell(gate)
    for number in range(1000):
        ref.tell(number)
    stopping = ref.stop(block=False)
    gate.set()
    assert stopping.get(timeout=5) is True
    assert log == [gate, *range(1000), "on_stop"]


def test_a_base_exception_in_one_handler_stops_all_actors_and_leaves_its_ask_unanswered() -> None:
    log: list[Any] = []
    bystander = Probe.start(log)
    culprit = Probe.start([])
    unanswered = culprit.ask(SystemExit(), block=False)
    bystander.actor_stopped.wait(5)
    culprit.actor_stopped.wait(5)
    assert not bystander.is_alive()
    with pytest.raises(pykka.Timeout):
        unanswered.get(timeout=0.05)


def test_an_exception_in_on_start_calls_no_hook() -> None:
    log: list[Any] = []

    class Broken(Probe):
        def on_start(self) -> None:
            raise ValueError

    ref = Broken.start(log)
    assert ref.actor_stopped.wait(5)
    assert log == []


def test_a_base_exception_in_on_start_leaves_a_zombie_that_takes_mail(thread_errors: list[Any]) -> None:
    class Broken(Probe):
        def on_start(self) -> None:
            raise SystemExit

    before = set(threading.enumerate())
    ref = Broken.start([])
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    assert ref.is_alive()
    assert ref in ActorRegistry.get_all()
    ref.tell("nobody will read this")


def test_a_tell_to_a_stopped_actor_raises_in_the_sender() -> None:
    ref = Probe.start([])
    ref.stop()
    with pytest.raises(ActorDeadError):
        ref.tell("late")


def test_an_ask_that_passes_the_liveness_check_before_a_stop_is_never_answered() -> None:
    ref = Probe.start([])
    before = [thread for thread in threading.enumerate() if thread.name.startswith("Probe")]
    ref.stop()
    for thread in before:
        thread.join(5)
    future = ThreadingFuture[Any]()
    ref.actor_inbox.put(Envelope("asked", reply_to=future))
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0.05)


def test_the_loop_can_be_left_through_get_and_entered_again() -> None:
    class Inbox:
        def __init__(self) -> None:
            self.mail: list[Envelope[Any]] = []

        def put(self, envelope: Envelope[Any], /) -> None:
            self.mail.append(envelope)

        def get(self) -> Envelope[Any]:
            if not self.mail:
                raise EndOfTurn
            return self.mail.pop(0)

        def empty(self) -> bool:
            return not self.mail

    class Turns(Probe):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return Inbox()

    log: list[Any] = []
    actor = Turns(log)
    for number in range(3):
        actor.actor_ref.tell(number)
        with pytest.raises(EndOfTurn):
            actor._actor_loop_running()
    assert log == [0, 1, 2]
    assert actor.actor_ref.is_alive()
    actor.actor_ref.tell(_ActorStop())
    actor._actor_loop_running()
    assert log == [0, 1, 2, "on_stop"]


@pytest.mark.parametrize("where", ["on_start", "on_receive", "on_stop"])
def test_every_exception_that_is_not_asked_for_reaches_handle_failure(where: str) -> None:
    failures: list[Any] = []

    class Broken(Probe):
        def _handle_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
            failures.append(exception_type)
            self.actor_stopped.set()

        def fail(self, *_args: Any) -> None:
            raise ValueError

    setattr(Broken, where, Broken.fail)
    actor = Broken([])
    actor.actor_ref.tell("message") if where == "on_receive" else actor.actor_ref.tell(_ActorStop())
    actor._actor_loop()
    assert failures == [ValueError]


def test_taking_an_actor_off_the_global_list_is_a_search() -> None:
    assert isinstance(ActorRegistry._actor_refs, list)


def test_after_a_fork_the_child_believes_that_the_actors_are_alive() -> None:
    script = """
import os, pykka
class A(pykka.ThreadingActor):
    use_daemon_thread = True
    def on_receive(self, message): return message
ref = A.start()
if os.fork() == 0:
    try:
        ref.ask(1, timeout=0.2)
    except pykka.Timeout:
        print(ref.is_alive(), flush=True)
    os._exit(0)
os.wait()
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout == "True\n"


def test_a_thread_that_cannot_start_leaves_a_ghost_on_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError):
        Probe.start([])
    assert len(ActorRegistry.get_all()) == 1


def test_a_stuck_actor_cannot_be_stopped() -> None:
    gate = threading.Event()
    ref = Probe.start([])
    ref.tell(gate)
    with pytest.raises(pykka.Timeout):
        ref.stop(timeout=0.05)
    assert ref.is_alive()
    gate.set()
