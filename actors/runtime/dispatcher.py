"""What every dispatcher has in common: it gives actors their turns, their time and their timers.

Why the dispatcher is the one thing an actor is given: the same actor classes run on a pool, on threads of their own and
in a simulation; all they may know of that is this class.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any, Protocol, TypeAlias

from pykka import Future

from actors.runtime.clock import Clock
from actors.runtime.dead_letters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.lanes import Bounds
from actors.runtime.mailbox import Mailbox
from actors.runtime.surroundings import Emergency, Owner, Scheduler
from actors.runtime.timers import Timers
from models.messages.base import Message

Observer: TypeAlias = Callable[[int, str, Message], object]
"""Called before every step of a machine with the time of the turn, the actor's name and the message."""


class Runner(Protocol):
    """A thread that takes turns, as the watchdog sees it."""

    thread: Thread
    running: Mailbox | None
    """Whose turn it is."""
    turn_began_ns: int
    stuck_after_ns: int
    """A handler that runs longer is reported as stuck."""
    abort_after_ns: int
    """A handler that runs longer ends the process."""
    slow_after_ns: int | None
    """A turn that takes longer is reported."""

    def queued(self) -> Iterable[Mailbox]:
        """Return the mailboxes in which urgent mail may be waiting."""
        ...

    def thread_died(self) -> None:
        """Do what has to be done when the thread is found dead."""
        ...


class Dispatcher(ABC):
    """Runs actors: one per worker of the pool, one for all threads, one for a simulation."""

    def __init__(
        self, directory: Directory, clock: Clock, timers: Timers, emergency: Emergency, observe: Observer | None = None
    ) -> None:
        self.directory = directory
        self.dead_letters: DeadLetters = directory.dead_letters
        self.clock = clock
        self.timers = timers
        self.emergency = emergency
        self.observe = observe

    def said(self, error: BaseException) -> str:
        """Return what an error says as it is told to others: its kind, and its text without secrets."""
        return self.emergency.hide(f"{type(error).__name__}: {error}")

    def attach(self, actor: Owner, name: str, bounds: Bounds) -> None:
        """Bind an actor's mailbox, make its name known, and give it its first turn, in which it starts.

        Raises:
            ValueError: the name is taken.
            RuntimeError: no thread can be started for it.
        """
        mailbox = actor.actor_inbox
        scheduler = self.scheduler_for(actor, name)
        mailbox.bind(actor, name, bounds, scheduler, self)
        self.directory.add(name, mailbox)
        try:
            scheduler.ready(mailbox, urgent=False)
        except BaseException:
            self.forget(name, actor.actor_urn)
            mailbox.close()
            raise

    def forget(self, name: str, urn: str) -> None:
        """Take name and deadlines from an incarnation that has ended, unless a newer one has them already."""
        if self.directory.remove(name, urn):
            self.timers.cancel_all(name)

    @abstractmethod
    def scheduler_for(self, actor: Owner, name: str) -> Scheduler:
        """Return who will give a new actor its turns."""

    def will_answer(self, future: Future[Any]) -> None:  # noqa: B027
        """Prepare the future of an ask before anyone waits for it."""
