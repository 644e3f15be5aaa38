"""Actors that block (lanes, feeds, journal, control) have a thread each; mailbox and turns are those of the pool."""

from queue import SimpleQueue
from threading import Thread

from loguru import logger

from actors.runtime.clock import Clock
from actors.runtime.directory import Directory
from actors.runtime.dispatcher import Dispatcher, Observer
from actors.runtime.future import forbid_waiting
from actors.runtime.lanes import IDLE
from actors.runtime.mailbox import Mailbox
from actors.runtime.surroundings import Emergency, Owner
from actors.runtime.timers import Timers

_ABORT_AFTER_NS = 10_000_000_000
_CRITICAL_ABORT_AFTER_NS = 5_000_000_000


class ThreadDispatcher(Dispatcher):
    """Starts a thread with every actor; the thread ends with it."""

    def __init__(
        self, directory: Directory, clock: Clock, timers: Timers, emergency: Emergency, observe: Observer | None = None
    ) -> None:
        super().__init__(directory, clock, timers, emergency, observe)
        self.seats: set[Seat] = set()
        """The threads that run, or that died without ending their actor."""

    def scheduler_for(self, actor: Owner, name: str) -> "Seat":
        return Seat(self, actor, name)


class Seat:
    """The thread of one actor."""

    def __init__(self, dispatcher: ThreadDispatcher, actor: Owner, name: str) -> None:
        self.thread = Thread(target=self._run, name=name, daemon=True)
        self.running: Mailbox | None = None
        self.turn_began_ns = 0
        self.abort_after_ns = _CRITICAL_ABORT_AFTER_NS if actor.critical else _ABORT_AFTER_NS
        self.stuck_after_ns = actor.patience_ns
        self.slow_after_ns: int | None = None
        self._dispatcher = dispatcher
        self._actor = actor
        self._signal: SimpleQueue[None] = SimpleQueue()

    def ready(self, mailbox: Mailbox, urgent: bool) -> None:
        if self.thread.ident is None:
            self.thread.start()
        else:
            self._signal.put(None)

    def promote(self, mailbox: Mailbox) -> None:
        """There is nobody to overtake."""

    def queued(self) -> tuple[Mailbox, ...]:
        return (self._actor.actor_inbox,)

    def thread_died(self) -> None:
        self._dispatcher.seats.discard(self)
        self._actor.abandon(RuntimeError("its thread died"))

    def _run(self) -> None:
        forbid_waiting()
        self._dispatcher.seats.add(self)
        try:
            self._take_turns(self._actor.actor_inbox)
        except BaseException as error:
            logger.opt(exception=True).critical("the thread of {} died", self.thread.name)
            self._actor.abandon(error)
        self._dispatcher.seats.discard(self)

    def _take_turns(self, mailbox: Mailbox) -> None:
        actor, clock = self._actor, self._dispatcher.clock
        while not actor.actor_stopped.is_set():
            self.turn_began_ns = clock.now_ns()
            mailbox.begin_turn(self.turn_began_ns, actor.batch)
            self.running = mailbox
            actor.take_turn()
            self.running = None
            if mailbox.end_turn() == IDLE and not actor.actor_stopped.is_set():
                self._signal.get()
