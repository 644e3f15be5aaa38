"""Threads against each other with a tiny switch interval: nothing hangs, and every message is accounted for."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from threading import Thread
from typing import Any

import pykka
import pytest

from actors.runtime.lanes import Bounds
from models.messages.base import Message
from models.messages.runtime import MailOverflowed
from tests.actors.runtime.worlds import Cancel, Filled, Frame, Halt, Place, Query, RealWorld, Recorder, Touch


@pytest.fixture(params=["markets", "threads"])
def world(request: pytest.FixtureRequest) -> Iterator[RealWorld]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    it = RealWorld(request.param)
    yield it
    it.close()
    sys.setswitchinterval(before)


def together(*targets: Callable[[], object]) -> None:
    threads = [Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def buried(world: RealWorld, name: str) -> list[Message]:
    """Return all that was lost on the way to one actor."""
    return [letter.message for letter in world.dead_letters.newest(10_000) if letter.actor == name]


@pytest.mark.proves("I33", kind="race")
def test_stops_tells_and_asks_race_and_every_ask_is_answered(world: RealWorld) -> None:
    answers: Counter[str] = Counter()

    def ask(ref: pykka.ActorRef[Any]) -> None:
        for _ in range(5):
            try:
                ref.ask(Frame(0), timeout=10)
                answers["answered"] += 1
            except pykka.ActorDeadError:
                answers["dead"] += 1

    def tell(name: str) -> None:
        for number in range(10):
            world.directory.send(name, Filled(number))

    for number in range(150):
        name = f"worker/{number}"
        seen = world.record(name)
        ref = world.directory.find(name)
        assert ref is not None
        together(partial(ask, ref), partial(tell, name), partial(world.directory.stop, name))
        world.until(lambda name=name: world.directory.find(name) is None)
        mailbox: Any = ref.actor_inbox
        world.until(lambda mailbox=mailbox: mailbox.owner is None)
        fills = [message for message in (*seen, *buried(world, name)) if isinstance(message, Filled)]
        assert sorted(fill.number for fill in fills) == list(range(10))
    assert answers.total() == 150 * 5


@pytest.mark.proves("I32", kind="race")
def test_senders_of_all_lanes_race_with_a_reader_that_stops_and_nothing_is_lost_unsaid(world: RealWorld) -> None:
    def send(name: str, first: int) -> None:
        for n in range(first, first + 40):
            for message in (Halt(n), Filled(n), Query(n), Frame(n), Touch(n % 3, n), Cancel(n % 3, n), Place(n % 3, n)):
                world.directory.send(name, message)

    def send_and_stop(name: str) -> None:
        send(name, 3000)
        world.directory.stop(name)

    for number in range(10):
        name = f"worker/{number}"
        seen = world.record(name, bounds=Bounds(control=100_000, intent=20, market=100_000))
        mailbox = world.directory.mailbox(name)
        assert mailbox is not None
        together(*(partial(send, name, first) for first in (0, 1000, 2000)), partial(send_and_stop, name))
        world.until(lambda mailbox=mailbox: mailbox.owner is None)
        letters = [letter for letter in world.dead_letters.newest(10_000) if letter.actor == name]
        superseded = sum(letter.reason == "superseded" for letter in letters)
        assert len(seen) + len(letters) + mailbox.conflated - superseded == 4 * 40 * 7
        fills = [message.number for message in seen if isinstance(message, Filled)]
        for first in (0, 1000, 2000, 3000):
            own = [number for number in fills if number // 1000 == first // 1000]
            assert own == sorted(own)


def test_raw_mail_is_dropped_under_the_eyes_of_its_reader_and_still_goes_to_one_of_them(world: RealWorld) -> None:
    for number in range(10):
        name = f"worker/{number}"
        seen = world.record(name, bounds=Bounds(market=5))
        mailbox = world.directory.mailbox(name)
        assert mailbox is not None

        def send(first: int, name: str = name) -> None:
            for n in range(first, first + 300):
                world.directory.send(name, Frame(n))
                world.directory.send(name, Touch(1, n))

        together(partial(send, 0), partial(send, 1000))
        world.until(mailbox.empty)
        world.directory.stop(name)
        world.until(lambda mailbox=mailbox: mailbox.owner is None)
        letters = buried(world, name)
        frames = [message.number for message in (*seen, *letters) if isinstance(message, Frame)]
        assert sorted(frames) == [*range(300), *range(1000, 1300)]
        assert [message.number for message in seen if isinstance(message, Touch)][-1:] in ([299], [1299])
        notices = [message.dropped for message in seen if isinstance(message, MailOverflowed)]
        assert notices == sorted(set(notices))
        assert (notices or [0])[-1] == mailbox.dropped == sum(isinstance(message, Frame) for message in letters)


def test_actors_pass_messages_in_a_ring_of_threads_and_none_sleeps_through_its_mail(world: RealWorld) -> None:
    class Ring(Recorder):
        def on_receive(self, message: Any) -> int:
            if message.number:
                self.context.send(str((int(self.context.name) + 1) % 5), type(message)(message.number - 1))
            return super().on_receive(message)

    seen: list[Any] = []
    for number in range(5):
        Ring.start(world.context(str(number)), seen)
    for kind in (Filled, Frame, Query, Halt):
        world.directory.send("0", kind(500))
    world.until(lambda: len(seen) == 4 * 501)


def test_every_message_to_an_idle_actor_wakes_it(world: RealWorld) -> None:
    world.record("worker")
    ref = world.directory.find("worker")
    assert ref is not None
    for number in range(2_000):
        assert ref.ask(Frame(number), timeout=10) == number + 1
