"""Everything on one thread, in a reproducible order, under a virtual clock.

Why the driver and the timers are kept apart: what the world says at a time (a recorded frame) comes before what the
actors planned for that time (a deadline). `advance` therefore stops short of the deadlines at its target, the driver
delivers, and only then, with the next `advance` or with `run_until`, do they fire.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from pykka import Future

from actors.runtime.directory import Directory
from actors.runtime.dispatcher import Dispatcher, Observer
from actors.runtime.future import ActorFuture, AskDeadlock
from actors.runtime.lanes import IDLE
from actors.runtime.mailbox import Mailbox
from actors.runtime.surroundings import Emergency, Owner
from actors.runtime.timers import Deadlines
from models.messages.base import Message
from models.messages.runtime import Woke

_TURNS_PER_INSTANT = 1_000_000


class Livelock(RuntimeError):
    """The actors keep each other busy without time going on."""


class SimDispatcher(Dispatcher):
    """A dispatcher, clock and timers in one; the driver delivers messages and moves time.

    What an emergency raises ends the run: it reaches the driver when the turn in which it happened is over.
    """

    def __init__(
        self, directory: Directory, emergency: Emergency, start_ns: int = 0, observe: Observer | None = None
    ) -> None:
        guarded = Emergency(self._guard(emergency.abort), self._guard(emergency.order_overflowed), emergency.hide)
        super().__init__(directory, self, self, guarded, observe)
        self._now_ns = start_ns
        self._ready: deque[Mailbox] = deque()
        self._deadlines = Deadlines()
        self._running = False
        self._broken: BaseException | None = None

    def now_ns(self) -> int:
        """Return the virtual time; it never decreases."""
        return self._now_ns

    def deliver(self, name: str, message: Message) -> bool:
        """Send a message at the present time; it is handled when the simulation runs."""
        return self.directory.send(name, message)

    def run_ready(self) -> None:
        """Let the actors handle all mail; time stands still and no deadline fires.

        Raises:
            Livelock: they never finish.
        """
        ready, take_turn = self._ready, self._turn
        for _ in range(_TURNS_PER_INSTANT):
            if not ready:
                return
            take_turn(ready.popleft())
        raise Livelock(f"still busy after {_TURNS_PER_INSTANT} turns at {self._now_ns} ns")

    def advance(self, to_ns: int) -> None:
        """Run everything before `to_ns`, then set the clock to it. A time that has passed changes nothing."""
        self.run_ready()
        if to_ns > self._now_ns:
            self._fire(to_ns - 1)
            self._now_ns = to_ns

    def run_until(self, to_ns: int) -> None:
        """Run everything up to and including the deadlines of `to_ns`."""
        self.advance(to_ns)
        self._fire(self._now_ns)

    def wake_at(self, name: str, at_ns: int | None, timer: str) -> None:
        self._deadlines.ask(name, at_ns, timer)

    def cancel_all(self, name: str) -> None:
        self._deadlines.cancel_all(name)

    def scheduler_for(self, actor: Owner, name: str) -> "SimDispatcher":
        return self

    def ready(self, mailbox: Mailbox, urgent: bool) -> None:
        self._ready.append(mailbox)

    def promote(self, mailbox: Mailbox) -> None:
        """Turns are given first come, first served."""

    def will_answer(self, future: Future[Any]) -> None:
        if isinstance(future, ActorFuture):
            future.pump = self._answer

    def _fire(self, until_ns: int) -> None:
        """Fire deadlines up to a time, one at a time, with all that follows from each."""
        deadlines = self._deadlines
        fired = 0
        while (at_ns := deadlines.next_ns()) is not None and at_ns <= until_ns:
            if at_ns > self._now_ns:
                self._now_ns = at_ns
                fired = 0
            fired += 1
            if fired > _TURNS_PER_INSTANT:
                raise Livelock(f"still waking after {fired} deadlines at {self._now_ns} ns")
            name, timer = deadlines.pop()
            self.directory.send(name, Woke(timer))
            self.run_ready()

    def _turn(self, mailbox: Mailbox) -> None:
        actor = mailbox.owner
        if actor is None or not mailbox.begin_turn(self._now_ns, actor.batch):
            return
        self._running = True
        actor.take_turn()
        self._running = False
        if mailbox.end_turn() != IDLE:
            self._ready.append(mailbox)
        if self._broken is not None:
            raise self._broken

    def _guard(self, emergency: Callable[[Any], object]) -> Callable[[Any], None]:
        """Keep what an emergency raises from being taken for the failure of the actor in whose turn it is raised."""

        def guarded(argument: Any) -> None:
            try:
                emergency(argument)
            except BaseException as error:
                self._broken = error

        return guarded

    def _answer(self, future: ActorFuture[Any]) -> None:
        """Run the actors until the future is answered."""
        if self._running:
            raise AskDeadlock("an actor waits for an answer; between actors only tell")
        while not future.answered:
            if not self._ready:
                raise AskDeadlock("nothing is left to run that could answer")
            self._turn(self._ready.popleft())
