"""Deadlines by (actor, timer), and the thread that serves them for the pool and the threads.

Why nothing is periodic: a timer is asked for again by whoever needs it again, so an idle market costs nothing.
"""

from heapq import heapify, heappop, heappush
from threading import Condition, Thread
from typing import Protocol

from actors.runtime.clock import Clock
from actors.runtime.directory import Directory
from models.messages.runtime import Woke

_LONGEST_WAIT_S = 3600.0


class Timers(Protocol):
    """Who keeps deadlines for actors."""

    def wake_at(self, name: str, at_ns: int | None, timer: str) -> None:
        """Have `Woke(timer)` sent to `name` at a time; None: no longer. Replaces what was asked under this timer."""
        ...

    def cancel_all(self, name: str) -> None:
        """Drop all deadlines of an actor that has ended."""
        ...


class Deadlines:
    """The deadlines asked for, due in order of time and, at one time, in the order in which they were asked.

    A replaced deadline stays in the heap until it comes up or until such remains are the larger part.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str, str]] = []
        self._wanted: dict[str, dict[str, int]] = {}
        """Per actor and timer the sequence number of the one heap entry that counts."""
        self._live = 0
        self._sequence = 0

    def __len__(self) -> int:
        return self._live

    def ask(self, name: str, at_ns: int | None, timer: str) -> None:
        """Set, move or (None) cancel a deadline."""
        timers = self._wanted.setdefault(name, {})
        if timers.pop(timer, None) is not None:
            self._live -= 1
        if at_ns is None:
            if not timers:
                del self._wanted[name]
            return
        self._sequence += 1
        timers[timer] = self._sequence
        self._live += 1
        heappush(self._heap, (at_ns, self._sequence, name, timer))
        if len(self._heap) > 2 * self._live + 64:
            self._heap = [entry for entry in self._heap if self._counts(entry)]
            heapify(self._heap)

    def cancel_all(self, name: str) -> None:
        """Cancel all deadlines of an actor."""
        self._live -= len(self._wanted.pop(name, ()))

    def next_ns(self) -> int | None:
        """Return the time of the earliest deadline."""
        heap = self._heap
        while heap:
            if self._counts(heap[0]):
                return heap[0][0]
            heappop(heap)
        return None

    def pop(self) -> tuple[str, str]:
        """Take the earliest deadline, for which `next_ns` was just asked; return its actor and timer."""
        _, _, name, timer = heappop(self._heap)
        timers = self._wanted[name]
        del timers[timer]
        if not timers:
            del self._wanted[name]
        self._live -= 1
        return name, timer

    def _counts(self, entry: tuple[int, int, str, str]) -> bool:
        timers = self._wanted.get(entry[2])
        return timers is not None and timers.get(entry[3]) == entry[1]


class TimerThread:
    """Serves deadlines in real time, for all pool and thread dispatchers of a process."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._deadlines = Deadlines()
        self._changed = Condition()
        self._ending = False
        self.thread = Thread(target=self._run, name="timers", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self.thread.start()

    def stop(self) -> None:
        """Serve no more; what is still asked for is dropped."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self.thread.join()

    def wake_at(self, name: str, at_ns: int | None, timer: str) -> None:
        with self._changed:
            before_ns = self._deadlines.next_ns()
            self._deadlines.ask(name, at_ns, timer)
            if at_ns is not None and (before_ns is None or at_ns < before_ns):
                self._changed.notify()

    def cancel_all(self, name: str) -> None:
        with self._changed:
            self._deadlines.cancel_all(name)

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._ending:
                    return
                at_ns = self._deadlines.next_ns()
                wait_ns = None if at_ns is None else at_ns - self._clock.now_ns()
                if wait_ns is None or wait_ns > 0:
                    self._changed.wait(_LONGEST_WAIT_S if wait_ns is None else min(wait_ns / 1e9, _LONGEST_WAIT_S))
                    continue
                name, timer = self._deadlines.pop()
            self._directory.send(name, Woke(timer))
