"""Actors that compute share a few threads: ten thousand markets in one process.

Why two workers and not more: Python runs one thread at a time, so a second worker buys no speed. It buys distance:
no strategy runs on the worker of risk and executor, and one that loops costs them a switch interval at most.
"""

from collections import deque
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from threading import Thread

from loguru import logger

from actors.runtime.clock import Clock
from actors.runtime.directory import Directory
from actors.runtime.dispatcher import Dispatcher, Observer
from actors.runtime.future import forbid_waiting
from actors.runtime.lanes import IDLE, URGENT
from actors.runtime.mailbox import Mailbox
from actors.runtime.surroundings import STUCK_AFTER_NS, Emergency, Owner
from actors.runtime.timers import Timers

_ABORT_AFTER_NS = 5_000_000_000


class Worker(Dispatcher):
    """One thread and the actors that share it; among those that are ready, CONTROL and ORDER mail goes first."""

    def __init__(
        self,
        name: str,
        directory: Directory,
        clock: Clock,
        timers: Timers,
        emergency: Emergency,
        observe: Observer | None = None,
        slow_after_ns: int | None = None,
    ) -> None:
        super().__init__(directory, clock, timers, emergency, observe)
        self.thread = Thread(target=self._run, name=name, daemon=True)
        self.running: Mailbox | None = None
        self.turn_began_ns = 0
        self.stuck_after_ns = STUCK_AFTER_NS
        self.abort_after_ns = _ABORT_AFTER_NS
        self.slow_after_ns = slow_after_ns
        self.on_slow: Callable[[str, str, int], object] | None = None
        self._urgent: deque[Mailbox] = deque()
        self._others: deque[Mailbox] = deque()
        self._signal: SimpleQueue[None] = SimpleQueue()
        self._asleep = False
        self._ending = False

    def scheduler_for(self, actor: Owner, name: str) -> "Worker":
        return self

    def ready(self, mailbox: Mailbox, urgent: bool) -> None:
        (self._urgent if urgent else self._others).append(mailbox)
        if self._asleep:
            self._asleep = False
            self._signal.put(None)

    def promote(self, mailbox: Mailbox) -> None:
        # The entry among the others stays behind; it finds a mailbox that had its turn, or gives it one early.
        self.ready(mailbox, urgent=True)

    def queued(self) -> tuple[Mailbox, ...]:
        return tuple(self._urgent)

    def thread_died(self) -> None:
        self.emergency.abort(f"worker {self.thread.name} is dead")

    def end(self) -> None:
        """Take no further turn."""
        self._ending = True
        self._signal.put(None)

    def _run(self) -> None:
        forbid_waiting()
        try:
            now_ns = self.clock.now_ns()
            while not self._ending:
                queue = self._urgent or self._others
                if queue:
                    now_ns = self._turn(queue.popleft(), now_ns)
                else:
                    self._sleep()
                    now_ns = self.clock.now_ns()
        except BaseException as error:
            logger.opt(exception=True).critical("worker {} died", self.thread.name)
            self.emergency.abort(f"worker {self.thread.name} died of {error!r}")

    def _turn(self, mailbox: Mailbox, now_ns: int) -> int:
        """Give a mailbox a turn that begins now; return the time at its end, which is the beginning of the next."""
        actor = mailbox.owner
        if actor is None or not mailbox.begin_turn(now_ns, actor.batch):
            return now_ns
        self.turn_began_ns = now_ns
        self.running = mailbox
        actor.take_turn()
        self.running = None
        handling = mailbox.handling
        state = mailbox.end_turn()
        if state != IDLE:
            self.ready(mailbox, state == URGENT)
        ended_ns = self.clock.now_ns()
        if self.slow_after_ns is not None and ended_ns - now_ns > self.slow_after_ns and self.on_slow is not None:
            self.on_slow(mailbox.name, type(handling).__name__, ended_ns - now_ns)
        return ended_ns

    def _sleep(self) -> None:
        """Wait for mail. Whoever appends after the flag is up sends a signal; whoever did before is seen here."""
        self._asleep = True
        if self._urgent or self._others or self._ending:
            self._asleep = False
            return
        self._signal.get()


class PoolDispatcher:
    """Named workers; an actor declares which one it runs on by being given that worker as its dispatcher."""

    def __init__(self, workers: Iterable[Worker]) -> None:
        self.workers = {worker.thread.name: worker for worker in workers}

    def __getitem__(self, name: str) -> Worker:
        return self.workers[name]

    def start(self) -> None:
        """Start the threads. Actors may be attached before."""
        for worker in self.workers.values():
            worker.thread.start()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """End the threads after the turns they are in; False if one did not end in time."""
        for worker in self.workers.values():
            worker.end()
        for worker in self.workers.values():
            worker.thread.join(timeout_s)
        return not any(worker.thread.is_alive() for worker in self.workers.values())
