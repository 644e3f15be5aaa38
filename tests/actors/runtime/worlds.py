"""The three dispatchers behind one face, and messages of every lane."""

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from actors.runtime.actor import BaseActor, Context
from actors.runtime.clock import SystemClock
from actors.runtime.dead_letters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.dispatcher import Dispatcher, Observer
from actors.runtime.pool import PoolDispatcher, Worker
from actors.runtime.simulation import SimDispatcher
from actors.runtime.surroundings import Emergency
from actors.runtime.threads import ThreadDispatcher
from actors.runtime.timers import TimerThread
from models.messages.base import Lane, Message
from models.messages.runtime import MailOverflowed

MS = 1_000_000
SECOND = 1_000 * MS


class Cancel(Message, frozen=True):
    lane: ClassVar[Lane] = Lane.CONTROL
    order: int
    number: int = 0

    @property
    def key(self) -> Hashable:
        return self.order


class Halt(Message, frozen=True):
    lane: ClassVar[Lane] = Lane.CONTROL
    number: int


class Filled(Message, frozen=True):
    lane: ClassVar[Lane] = Lane.ORDER
    number: int


class Place(Message, frozen=True):
    lane: ClassVar[Lane] = Lane.INTENT
    time_to_live_ns: ClassVar[int | None] = 500 * MS
    quote: int
    number: int

    @property
    def key(self) -> Hashable:
        return self.quote


class Query(Message, frozen=True):
    lane: ClassVar[Lane] = Lane.INTENT
    number: int = 0


class Frame(Message, frozen=True):
    lane: ClassVar[Lane] = Lane.MARKET
    number: int
    received_ns: int = 0


class Touch(Message, frozen=True):
    lane: ClassVar[Lane] = Lane.MARKET
    token: int
    number: int

    @property
    def key(self) -> Hashable:
        return self.token


class Raise(Message, frozen=True):
    """Makes a `Recorder` raise."""

    lane: ClassVar[Lane] = Lane.MARKET
    error: str
    number: int = 0
    received_ns: int = 0


ERRORS: dict[str, type[BaseException]] = {
    error.__name__: error for error in (ValueError, SystemExit, KeyboardInterrupt, GeneratorExit)
}


class Recorder(BaseActor):
    """Keeps what it gets in a list that outlives it; answers an ask with the number of messages so far."""

    def __init__(self, context: Context, seen: list[Any]) -> None:
        super().__init__(context)
        self.seen = seen

    def on_receive(self, message: Any) -> int:
        if isinstance(message, Raise):
            raise ERRORS[message.error](message.error)
        self.seen.append(message)
        return len(self.seen)


class World:
    """A process in small: directory, dead letters, one dispatcher, and what became of its emergencies."""

    def __init__(self) -> None:
        self.dead_letters = DeadLetters()
        self.directory = Directory(self.dead_letters)
        self.aborts: list[str] = []
        self.overflows: list[MailOverflowed] = []
        self.emergency = Emergency(self.aborts.append, self.overflows.append)
        self.place: Dispatcher

    def context(self, name: str, supervisor: str | None = "nobody", **more: Any) -> Context:
        return Context(name, self.place, supervisor, **more)

    def record(self, name: str, **more: Any) -> list[Any]:
        """Start a recorder; return what it sees."""
        seen: list[Any] = []
        Recorder.start(self.context(name, **more), seen)
        return seen

    def until(self, condition: Callable[[], object], timeout_s: float = 60.0) -> None:
        """Let the actors run until a condition holds."""
        limit = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < limit, "it never came about"
            self.pass_time()

    def pass_time(self) -> None:
        time.sleep(0.001)

    def dead(self, reason: str) -> list[Message]:
        return [letter.message for letter in self.dead_letters.newest(10_000) if letter.reason == reason]


class SimWorld(World):
    def __init__(self, observe: Observer | None = None) -> None:
        super().__init__()
        self.place = self.sim = SimDispatcher(self.directory, self.emergency, observe=observe)

    def pass_time(self) -> None:
        self.sim.run_until(self.sim.now_ns() + MS)


class RealWorld(World):
    """A pool of two workers, threads and a timer thread; `place` is one of them."""

    def __init__(self, place: str, observe: Observer | None = None) -> None:
        super().__init__()
        self.clock = SystemClock()
        self.timers = TimerThread(self.directory, self.clock)
        common = (self.directory, self.clock, self.timers, self.emergency, observe)
        self.pool = PoolDispatcher([Worker("markets", *common, slow_after_ns=50 * MS), Worker("control", *common)])
        self.threads = ThreadDispatcher(*common)
        self.place = self.threads if place == "threads" else self.pool[place]
        self.timers.start()
        self.pool.start()

    def close(self) -> None:
        for name in self.directory.names():
            self.directory.stop(name)
        self.until(lambda: len(self.directory) == 0)
        assert self.pool.stop()
        self.timers.stop()


@contextmanager
def world_of(kind: str, observe: Observer | None = None) -> Iterator[World]:
    """Build one of `pool`, `threads`, `sim`, and take it down again."""
    if kind == "sim":
        yield SimWorld(observe)
        return
    world = RealWorld("threads" if kind == "threads" else "markets", observe)
    yield world
    world.close()
