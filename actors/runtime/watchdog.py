"""A thread that looks at all others: what is stuck, slow, late or dead is found here.

Why it looks instead of being told: a handler that hangs cannot say so, and one that reported before and after every
message would pay for it with every message. A mailbox counts what it hands out; if the count stands still between two
looks, so does the handler.
"""

import faulthandler
import sys
import traceback
from collections.abc import Callable, Iterable
from threading import Event, Thread

from loguru import logger

from actors.runtime.clock import SystemClock
from actors.runtime.dispatcher import Runner
from actors.runtime.mailbox import Mailbox
from actors.runtime.pool import PoolDispatcher
from actors.runtime.stacks import stacks
from actors.runtime.threads import ThreadDispatcher
from actors.runtime.timers import TimerThread
from models.messages.base import Message
from models.messages.runtime import ControlMailLate, HandlerRecovered, HandlerSlow, HandlerStuck

_MS = 1_000_000
_LOOK_EVERY_S = 0.25
_LATE_AFTER_NS = 1_000 * _MS
_RECOVERED_AFTER_NS = 60_000 * _MS
_SKEW_SAID_NS = 2_000 * _MS


class _Progress:
    """Where a runner stood when it was first seen there."""

    def __init__(self, mailbox: Mailbox, now_ns: int) -> None:
        self.mailbox = mailbox
        self.served = mailbox.served
        self.since_ns = now_ns
        self.reported = False

    def stands(self, mailbox: Mailbox) -> bool:
        return self.mailbox is mailbox and self.served == mailbox.served


class _Waiting:
    """CONTROL mail that was first seen waiting at `since_ns`."""

    def __init__(self, head: object, now_ns: int) -> None:
        self.head = head
        self.since_ns = now_ns
        self.reported = False


class Watchdog:
    """Watches the pool, the threads and the timers of a process; tells `listeners`, and aborts where it must.

    `stall_s`: how long the interpreter may stand still as a whole before the process is ended from outside it (None:
    not watched). `alive` is called after each look that has found nothing stuck or late, for whoever watches us.
    """

    def __init__(
        self,
        pool: PoolDispatcher,
        threads: ThreadDispatcher,
        timers: TimerThread,
        listeners: Iterable[str] = (),
        stall_s: float | None = 10.0,
        alive: Callable[[], object] = lambda: None,
    ) -> None:
        self._pool = pool
        self._threads = threads
        self._timers = timers
        self._listeners = tuple(listeners)
        self._stall_s = stall_s
        self._alive = alive
        self._clock = threads.clock
        self._directory = threads.directory
        self._abort = threads.emergency.abort
        self._progress: dict[Runner, _Progress] = {}
        self._waiting: dict[Mailbox, _Waiting] = {}
        self._slow: dict[str, int] = {}
        """When an actor was slow last."""
        self._skew_ns = 0
        self._looked_ns = 0
        self._ending = Event()
        self.thread = Thread(target=self._run, name="watchdog", daemon=True)
        for worker in pool.workers.values():
            worker.on_slow = self._was_slow

    def start(self) -> None:
        """Begin to look, four times a second."""
        self.thread.start()

    def stop(self) -> None:
        """Look no more. Before the pool and the timers are stopped: they would be found dead."""
        self._ending.set()
        if self.thread.ident is not None:
            self.thread.join()
        faulthandler.cancel_dump_traceback_later()

    @property
    def healthy(self) -> bool:
        """Whether the last look is fresh and found nothing stuck or late."""
        fresh = self._clock.now_ns() - self._looked_ns < _LATE_AFTER_NS
        seen = (*self._progress.values(), *self._waiting.values())
        return fresh and not any(it.reported for it in seen)

    def look(self) -> None:
        """Look once at everything."""
        now_ns = self._clock.now_ns()
        runners: list[Runner] = [*self._pool.workers.values(), *self._threads.seats]
        for runner in runners:
            if runner.thread.ident is not None and not runner.thread.is_alive():
                runner.thread_died()
        if self._timers.thread.ident is not None and not self._timers.thread.is_alive():
            self._abort("the timer thread is dead")
        self._progress = {runner: at for runner in runners if (at := self._handler(runner, now_ns)) is not None}
        boxes = {box for runner in runners for box in (*runner.queued(), runner.running) if box is not None}
        self._waiting = {box: at for box in boxes if (at := self._control(box, now_ns)) is not None}
        self._look_for_recovered(now_ns)
        self._look_at_clock()
        self._looked_ns = now_ns
        if self.healthy:
            self._alive()

    def _run(self) -> None:
        try:
            while not self._ending.wait(_LOOK_EVERY_S):
                if self._stall_s is not None:
                    faulthandler.dump_traceback_later(self._stall_s, exit=True, file=stacks())
                self.look()
        except BaseException as error:
            logger.opt(exception=True).critical("the watchdog died")
            self._abort(f"the watchdog died of {error!r}")

    def _handler(self, runner: Runner, now_ns: int) -> _Progress | None:
        """Look at the handler that a runner is in."""
        mailbox = runner.running
        if mailbox is None:
            return None
        progress = self._progress.get(runner)
        if progress is None or not progress.stands(mailbox):
            progress = _Progress(mailbox, now_ns)
        if runner.slow_after_ns is not None and now_ns - runner.turn_began_ns > runner.slow_after_ns:
            self._was_slow(mailbox.name, _kind(mailbox), now_ns - runner.turn_began_ns)
        age_ns = now_ns - progress.since_ns
        if age_ns > runner.abort_after_ns:
            self._abort(f"{mailbox.name} has been handling {_kind(mailbox)} for {age_ns / 1e9:.1f} s")
        if age_ns > runner.stuck_after_ns and not progress.reported:
            progress.reported = True
            stack = _stack_of(runner.thread)
            logger.bind(actor=mailbox.name, handling=_kind(mailbox), age_ns=age_ns, stack=stack).error(
                "{} is stuck handling {}", mailbox.name, _kind(mailbox)
            )
            self._tell(HandlerStuck(mailbox.name, _kind(mailbox), age_ns, stack))
        return progress

    def _control(self, mailbox: Mailbox, now_ns: int) -> _Waiting | None:
        """Look at the oldest CONTROL mail of a mailbox."""
        head = mailbox.oldest_control()
        if head is None:
            return None
        waiting = self._waiting.get(mailbox)
        if waiting is None or waiting.head is not head:
            waiting = _Waiting(head, now_ns)
        age_ns = now_ns - waiting.since_ns
        if age_ns > _LATE_AFTER_NS and not waiting.reported:
            waiting.reported = True
            logger.bind(actor=mailbox.name, age_ns=age_ns).error("CONTROL mail of {} is late", mailbox.name)
            self._tell(ControlMailLate(mailbox.name, age_ns))
        return waiting

    def _was_slow(self, name: str, handling: str, age_ns: int) -> None:
        """Report a turn that was or is too long. Also called by the workers, in their threads."""
        self._slow[name] = self._clock.now_ns()
        logger.bind(actor=name, handling=handling, age_ns=age_ns).warning("{} held its worker too long", name)
        self._tell(HandlerSlow(name, handling, age_ns))

    def _look_for_recovered(self, now_ns: int) -> None:
        for name, slow_ns in tuple(self._slow.items()):
            if now_ns - slow_ns > _RECOVERED_AFTER_NS:
                del self._slow[name]
                self._tell(HandlerRecovered(name))

    def _look_at_clock(self) -> None:
        """Say it when the wall clock has been stepped; the runtime's own time is not touched by that."""
        if not isinstance(self._clock, SystemClock):
            return
        skew_ns = self._clock.skew_ns()
        if abs(skew_ns - self._skew_ns) > _SKEW_SAID_NS:
            logger.bind(skew_ns=skew_ns).warning("the wall clock is {:+.1f} s away from ours", skew_ns / 1e9)
            self._skew_ns = skew_ns

    def _tell(self, message: Message) -> None:
        for listener in self._listeners:
            self._directory.send(listener, message)


def _kind(mailbox: Mailbox) -> str:
    handling = mailbox.handling
    return "" if handling is None else type(handling).__name__


def _stack_of(thread: Thread) -> str:
    # The only way to the stack of another thread.
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return "" if frame is None else "".join(traceback.format_stack(frame))
