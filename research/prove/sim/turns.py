"""Whose turn it is: three workers under one virtual clock, one of them for actors that wait for the outside.

Why greenlets: a lane writes a request and waits for its answer in the midst of a turn. In production it has a thread
for that, and what the others do meanwhile is where the bugs live. Here each such turn is a greenlet that is left when
it waits and entered again when its time has come: one at a time, in an order that the seed decides.

Why workers take virtual time: a turn that takes none hides every race between two of them.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Final

from greenlet import GreenletExit, getcurrent, greenlet

from actors.runtime.directory import Directory
from actors.runtime.dispatcher import Observer
from actors.runtime.mailbox import Mailbox
from actors.runtime.simulation import Livelock, SimDispatcher
from actors.runtime.surroundings import Emergency
from models.messages.runtime import Woke

S: Final = 1_000_000_000
MS: Final = 1_000_000
_TURNS_PER_INSTANT: Final = 200_000
_ABORT_AFTER_NS: Final = 10 * S
"""How long the watchdog lets a turn of an actor with a thread of its own take."""
_CRITICAL_ABORT_AFTER_NS: Final = 5 * S


class Time:
    """The virtual clock, and what is planned for a time; at one time, in the order in which it was planned."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns
        self._planned: list[tuple[int, int, Callable[[], object]]] = []
        self._number = 0

    def now_ns(self) -> int:
        """Return the time; it never decreases."""
        return self._now_ns

    def at(self, at_ns: int, call: Callable[[], object]) -> None:
        """Call something at a time, or now if that has passed."""
        self._number += 1
        heappush(self._planned, (at_ns, self._number, call))

    def after(self, wait_ns: int, call: Callable[[], object]) -> None:
        """Call something after a while."""
        self.at(self._now_ns + wait_ns, call)

    @property
    def next_ns(self) -> int | None:
        """When the next thing is planned."""
        return self._planned[0][0] if self._planned else None

    def pop(self) -> Callable[[], object]:
        """Take what is planned next."""
        return heappop(self._planned)[2]

    def go_to(self, at_ns: int) -> None:
        """Move on."""
        self._now_ns = max(self._now_ns, at_ns)


class Waiting:
    """One greenlet that waits: for somebody to `wake` it, or until a time."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self._green: greenlet | None = None
        self._woken = False

    def until(self, at_ns: int) -> bool:
        """Leave the greenlet until then; True where it was woken before."""
        green = getcurrent()
        if green.parent is None:
            raise RuntimeError("only an actor with a thread of its own may wait")
        self._green, self._woken = green, False
        number = object()
        self._number = number
        self._time.at(at_ns, lambda: self._go_on(number, woken=False))
        green.parent.switch()
        return self._woken

    def wake(self) -> None:
        """Let it go on, now."""
        if self._green is not None:
            number = self._number
            self._time.at(self._time.now_ns(), lambda: self._go_on(number, woken=True))

    def _go_on(self, number: object, *, woken: bool) -> None:
        green = self._green
        if green is None or number is not self._number:
            return
        self._green, self._woken = None, woken
        green.switch()


def sleep(time: Time, wait_ns: int) -> None:
    """Leave the greenlet for a while."""
    Waiting(time).until(time.now_ns() + wait_ns)


class Worker(SimDispatcher):
    """A SimDispatcher whose clock is everybody's. `blocking`: each turn may wait, for it is a greenlet.

    `takes_ns` draws how long a turn takes, in which this worker does nothing else.
    """

    def __init__(
        self,
        time: Time,
        directory: Directory,
        emergency: Emergency,
        observe: Observer,
        *,
        blocking: bool = False,
        takes_ns: Callable[[], int] = lambda: 0,
        pick: Callable[[int], int] = lambda _: 0,
    ) -> None:
        self.time = time
        super().__init__(directory, emergency, time.now_ns(), observe)
        self.parked: dict[greenlet, str] = {}
        """Turns that have begun and not ended, and whose they are."""
        self._blocking = blocking
        self._takes_ns = takes_ns
        self._pick = pick
        self._free_ns = 0

    @property
    def _now_ns(self) -> int:
        return self.time.now_ns()

    @_now_ns.setter
    def _now_ns(self, now_ns: int) -> None:
        """Time is everybody's: nobody sets it here."""

    @property
    def next_ns(self) -> int | None:
        """When it has something to do by itself: a turn that it could not begin yet, or a deadline."""
        ready_ns = self._free_ns if self._ready else None
        due_ns = self._deadlines.next_ns()
        if ready_ns is None or due_ns is None:
            return ready_ns if due_ns is None else due_ns
        return min(ready_ns, due_ns)

    @property
    def can_go_on(self) -> bool:
        """Whether mail waits that can be read now."""
        return bool(self._ready) and self._free_ns <= self.time.now_ns()

    def fire(self) -> None:
        """Send the deadlines that are due to whoever asked for them."""
        deadlines, now_ns = self._deadlines, self.time.now_ns()
        while (at_ns := deadlines.next_ns()) is not None and at_ns <= now_ns:
            name, timer = deadlines.pop()
            self.directory.send(name, Woke(timer))

    def take(self) -> None:
        """Let one actor have its turn."""
        ready = self._ready
        if len(ready) > 1 and (index := self._pick(len(ready))):
            mailbox = ready[index]
            del ready[index]
        else:
            mailbox = ready.popleft()
        if not self._blocking:
            self._turn(mailbox)
            self._free_ns = self.time.now_ns() + self._takes_ns()
            return
        green = greenlet(self._long_turn)
        self.parked[green] = mailbox.name
        green.switch(mailbox)

    def stall(self, for_ns: int) -> None:
        """Take no turn for a while."""
        self._free_ns = max(self._free_ns, self.time.now_ns() + for_ns)

    def discard(self) -> None:
        """Throw away everything that is under way, as the end of a process does."""
        for green in tuple(self.parked):
            while not green.dead:
                green.throw(GreenletExit)
        self.parked.clear()
        self._ready.clear()

    def _long_turn(self, mailbox: Mailbox) -> None:
        owner = mailbox.owner
        began_ns = self.time.now_ns()
        try:
            self._turn(mailbox)
        except GreenletExit:
            return
        finally:
            self.parked.pop(getcurrent(), None)
        took_ns = self.time.now_ns() - began_ns
        if owner is not None and took_ns > (_CRITICAL_ABORT_AFTER_NS if owner.critical else _ABORT_AFTER_NS):
            self.emergency.abort(f"{mailbox.name} took {took_ns / S:.1f} s for a turn")
            if self._broken is not None:
                raise self._broken


class Workers:
    """The workers of one engine and who of them goes first."""

    def __init__(self, workers: tuple[Worker, ...], time: Time, random: Random | None) -> None:
        self.workers = workers
        self.halted = False
        """Nobody has another turn: the run is over."""
        self._time = time
        self._random = random

    @property
    def next_ns(self) -> int | None:
        """When any of them has something to do."""
        times = [at_ns for worker in self.workers if (at_ns := worker.next_ns) is not None]
        return min(times) if times else None

    def run_ready(self) -> None:
        """Let everybody do what can be done at this moment. Raises Livelock."""
        workers, random = self.workers, self._random
        for _ in range(_TURNS_PER_INSTANT):
            able = [worker for worker in workers if worker.can_go_on]
            if not able or self.halted:
                return
            (able[0] if random is None or len(able) == 1 else random.choice(able)).take()
        raise Livelock(f"still busy after {_TURNS_PER_INSTANT} turns at {self._time.now_ns()} ns")

    def stall(self, for_ns: int) -> None:
        """Let none of those that decide have a turn for a while, as a collector of garbage does."""
        for worker in self.workers:
            worker.stall(for_ns)

    def fire(self) -> None:
        """Send the deadlines that are due."""
        for worker in self.workers:
            worker.fire()

    def discard(self) -> None:
        """Throw away everything that is under way."""
        for worker in self.workers:
            worker.discard()
