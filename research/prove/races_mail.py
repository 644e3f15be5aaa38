"""Actors that end or overflow while others write to them: what was sent was handled, or somebody is told.

Every message has a number of its own, so one that was handled twice, or went nowhere, is seen. Actors run as in an
engine: on a worker of the pool, or on a thread of their own.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from random import Random
from threading import Event, Thread  # noqa: TID251 - those outside who write, stop and ask
from typing import Any, ClassVar, Final, TypeAlias

from loguru import logger
from pykka import ActorRef

from actors.runtime.actor import BaseActor, Context
from actors.runtime.clock import SystemClock, monotonic_ns
from actors.runtime.dead_letters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.dispatcher import Dispatcher
from actors.runtime.lanes import Bounds
from actors.runtime.mailbox import Mailbox
from actors.runtime.pool import PoolDispatcher, Worker
from actors.runtime.surroundings import Emergency
from actors.runtime.threads import ThreadDispatcher
from actors.runtime.timers import TimerThread
from models.messages.base import Lane, Message
from models.messages.runtime import MailOverflowed
from research.prove.witness import Findings

_PATIENCE_S: Final = 20.0
_AT_ONCE_S: Final = 2.0
"""An ask of an actor that has ended is answered within this."""
_SPINS: Final = 5_000


class Numbered(Message, frozen=True):
    """A message like no other: `writer` and `number` name it."""

    writer: int
    number: int


class Urgent(Numbered, frozen=True):
    lane: ClassVar[Lane] = Lane.CONTROL


class Told(Numbered, frozen=True):
    lane: ClassVar[Lane] = Lane.ORDER


class Asked(Numbered, frozen=True):
    lane: ClassVar[Lane] = Lane.ORDER


class Wished(Numbered, frozen=True):
    lane: ClassVar[Lane] = Lane.INTENT

    @property
    def key(self) -> Hashable:
        return self.writer


class Seen(Numbered, frozen=True):
    lane: ClassVar[Lane] = Lane.MARKET


class Derived(Numbered, frozen=True):
    lane: ClassVar[Lane] = Lane.MARKET

    @property
    def key(self) -> Hashable:
        return self.writer


class Dies(Numbered, frozen=True):
    """Whoever handles it fails."""

    lane: ClassVar[Lane] = Lane.ORDER


class Hangs(Numbered, frozen=True):
    """Whoever handles it waits until it is let go on."""

    lane: ClassVar[Lane] = Lane.ORDER


KINDS: Final[tuple[type[Numbered], ...]] = (Urgent, Told, Wished, Seen, Derived)
Entry: TypeAlias = tuple[int, Message | None]
"""Which life of an actor handled what; None: it began."""


class Died(Exception):
    """A death that was asked for."""


class Reader(BaseActor):
    """Writes down what it handles, in a list that outlives it."""

    def __init__(self, context: Context, life: int, read: list[Entry], go_on: Event) -> None:
        super().__init__(context)
        self._life = life
        self._read = read
        self._go_on = go_on

    def on_start(self) -> None:
        self._read.append((self._life, None))

    def on_receive(self, message: Any) -> int:
        if isinstance(message, Dies):
            raise Died(str(message.number))
        self._read.append((self._life, message))
        if isinstance(message, Hangs):
            self._go_on.wait(_PATIENCE_S)
        return message.number if isinstance(message, Numbered) else 0


class Ground:
    """What actors need to run: directory, dead letters, a pool of two workers, threads, timers."""

    def __init__(self) -> None:
        self.aborted: list[str] = []
        self.overflowed: list[MailOverflowed] = []
        self.dead_letters = DeadLetters()
        self.directory = Directory(self.dead_letters)
        clock = SystemClock()
        self._timers = TimerThread(self.directory, clock)
        emergency = Emergency(self.aborted.append, self.overflowed.append)
        common = (self.directory, clock, self._timers, emergency)
        self._pool = PoolDispatcher([Worker("markets", *common), Worker("control", *common)])
        self.control: Dispatcher = self._pool["control"]
        self.places: tuple[Dispatcher, ...] = (self._pool["markets"], ThreadDispatcher(*common))
        self._names = count()
        self._timers.start()
        self._pool.start()

    def name(self) -> str:
        """Return a name that nobody had."""
        return f"reader/{next(self._names)}"

    def lost(self, name: str) -> Counter[str]:
        """Return how many messages of each kind to an actor are dead letters."""
        lost = Counter[str]()
        for (actor, kind, _), times in list(self.dead_letters.counts.items()):  # others may still lose mail
            lost[kind] += times if actor == name else 0
        return lost

    def clean(self) -> None:
        """Forget what earlier races lost."""
        self.dead_letters.counts.clear()
        self.aborted.clear()
        self.overflowed.clear()

    def close(self) -> None:
        """End it."""
        self._pool.stop()
        self._timers.stop()


class MailRace:
    """Writers, askers, and an actor that ends or overflows in the midst of it."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    def stop(self, random: Random, findings: Findings, figures: Counter[str]) -> None:
        """Let the actor end: every ask is answered at once, every message is handled or a dead letter."""
        ground, name, read = self.ground, self.ground.name(), list[Entry]()
        ref, mailbox = self._begin(random, name, read, Bounds())
        answers: list[tuple[str, float]] = []
        threads = [
            Writer(ground.directory, name, number, random.choices(KINDS, k=8)) for number in range(random.randint(1, 3))
        ]
        askers = [Thread(target=_ask, args=(ref, number, answers), daemon=True) for number in range(2)]
        fails, waits = random.random() < 0.5, random.randrange(_SPINS)

        def end() -> None:
            spin(waits)
            if fails:
                ground.directory.send(name, Dies(99, 0))
            ground.directory.stop(name)

        findings.hold("nobody hangs", together([*threads, *askers, Thread(target=end, daemon=True)]), lambda: name)
        findings.hold("who is told to end ends", until(lambda: mailbox.owner is None), lambda: name)
        self._hold_mail(name, read, mailbox, sum_of(threads) + Counter(Dies=int(fails)), findings)
        late = [f"{what} after {took_s:.1f} s" for what, took_s in answers if took_s > _AT_ONCE_S or what == "Timeout"]
        findings.hold("every ask is answered, or refused at once", not late and len(answers) == 8, lambda: str(late))
        answered = sum(isinstance(message, Asked) for _, message in read)
        findings.hold(
            "an ask was answered by whoever handled it, once",
            answered == sum(what == "answered" for what, _ in answers),
            lambda: f"{answered} handled, {answers}",
        )
        figures["asks refused, for it had ended"] += sum(what == "ActorDeadError" for what, _ in answers)

    def overflow(self, random: Random, findings: Findings, figures: Counter[str]) -> None:
        """Write more than the mailbox holds: what is dropped or superseded is counted, what may not be lost is not."""
        ground, name, read = self.ground, self.ground.name(), list[Entry]()
        bounds = Bounds(control=random.choice((10, 1_000)), order=random.choice((10, 1_000)), intent=2, market=5)
        _, mailbox = self._begin(random, name, read, bounds)
        writers = [
            Writer(ground.directory, name, number, random.choices(KINDS, k=30))
            for number in range(random.randint(2, 4))
        ]
        findings.hold("nobody hangs", together(writers), lambda: name)
        findings.hold("all mail is read", until(mailbox.empty), lambda: name)
        ground.directory.stop(name)
        findings.hold("who is told to end ends", until(lambda: mailbox.owner is None), lambda: name)
        self._hold_mail(name, read, mailbox, sum_of(writers), findings)

        messages = [message for _, message in read if isinstance(message, Numbered)]
        for writer in writers:
            for kind, numbers in writer.by_kind.items():
                ours = [one.number for one in messages if type(one) is kind and one.writer == writer.number]
                findings.hold(
                    "in the order in which it was sent",
                    ours == sorted(ours),
                    lambda kind=kind, ours=ours: f"{kind.__name__} {ours}",
                )
                if kind in (Urgent, Told):
                    findings.hold(
                        "commands and fills are never lost",
                        ours == numbers,
                        lambda kind=kind, ours=ours: f"{kind.__name__} {ours}",
                    )
                if kind is Derived:
                    findings.hold(
                        "the newest of its key arrives",
                        ours[-1:] == numbers[-1:],
                        lambda ours=ours, numbers=numbers: f"{ours} of {numbers}",
                    )
        told = [message.dropped for _, message in read if isinstance(message, MailOverflowed)]
        lost = ground.lost(name)[Seen.__name__]
        findings.hold(
            "who loses raw mail is told how much",
            (told or [0])[-1] == mailbox.dropped == lost,
            lambda: f"{told}, {mailbox.dropped}, {lost}",
        )
        figures["raw messages dropped"] += lost
        figures["superseded"] += mailbox.conflated
        figures["emergencies of CONTROL and ORDER"] += len(ground.aborted) + len(ground.overflowed)

    def _begin(self, random: Random, name: str, read: list[Entry], bounds: Bounds) -> tuple[ActorRef[Reader], Mailbox]:
        self.ground.clean()
        context = Context(name, random.choice(self.ground.places), "nobody", bounds)
        ref = Reader.start(context, 1, read, Event())
        return ref, ref.actor_inbox  # pyright: ignore[reportReturnType]  # the one kind these actors have

    def _hold_mail(
        self, name: str, read: list[Entry], mailbox: Mailbox, sent: Counter[str], findings: Findings
    ) -> None:
        """Hold what was sent against what was handled, lost and superseded, kind by kind."""
        missing = unaccounted(self.ground, name, read, sent, findings)
        superseded = missing.pop(Derived.__name__, 0)
        findings.hold(
            "what was sent is handled, a dead letter, or superseded",
            not any(missing.values()) and 0 <= superseded <= mailbox.conflated,
            lambda: f"unaccounted for {missing}, {superseded} of {mailbox.conflated} superseded",
        )


class Writer(Thread):
    """Sends its mail through the directory."""

    def __init__(self, directory: Directory, to: str, number: int, mail: Sequence[type[Numbered]]) -> None:
        super().__init__(daemon=True)
        self.to = to
        self.number = number
        self._send = directory.send
        self._mail = [kind(number, one) for one, kind in enumerate(mail)]
        self.by_kind: dict[type[Numbered], list[int]] = {}
        for message in self._mail:
            self.by_kind.setdefault(type(message), []).append(message.number)

    def run(self) -> None:
        for message in self._mail:
            self._send(self.to, message)


def unaccounted(ground: Ground, name: str, read: list[Entry], sent: Counter[str], findings: Findings) -> Counter[str]:
    """Return how many of each kind were sent, and neither handled nor lost; hold that none was handled twice."""
    messages = [message for _, message in read if isinstance(message, Numbered)]
    names = [(type(message).__name__, message.writer, message.number) for message in messages]
    findings.hold("none is handled twice", len(names) == len(set(names)), lambda: str(sorted(names)))
    handled, lost = Counter(kind for kind, _, _ in names), ground.lost(name)
    return Counter({kind: times - handled[kind] - lost[kind] for kind, times in sent.items()})


def sum_of(writers: Sequence[Writer]) -> Counter[str]:
    """Return how many of each kind they send."""
    return Counter({kind.__name__: sum(len(one.by_kind.get(kind, ())) for one in writers) for kind in KINDS})


def _ask(ref: ActorRef[Reader], number: int, answers: list[tuple[str, float]]) -> None:
    for one in range(4):
        began_ns = monotonic_ns()
        try:
            ref.ask(Asked(number, one), timeout=_PATIENCE_S)
            what = "answered"
        except Exception as error:  # noqa: BLE001 - which one it is, is the finding
            what = type(error).__name__
        answers.append((what, (monotonic_ns() - began_ns) / 1e9))


def together(threads: list[Any]) -> bool:
    """Run threads to their end; False where one has none."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE_S)
    return not any(thread.is_alive() for thread in threads)


def until(condition: Callable[[], object]) -> bool:
    """Wait until something is so; False where it does not come about."""
    deadline_ns, waiting = monotonic_ns() + int(_PATIENCE_S * 1e9), Event()
    while not condition():
        if monotonic_ns() > deadline_ns:
            return False
        waiting.wait(0.0001)
    return True


def spin(turns: int) -> None:
    """Let a little time pass, without giving up the turn."""
    for _ in range(turns):
        pass


@contextmanager
def ground() -> Iterator[Ground]:
    """Have workers, threads and timers ready. Deaths that were asked for are not logged."""
    logger.disable("actors")
    made = Ground()
    try:
        yield made
    finally:
        made.close()
        logger.enable("actors")
