"""Many deadlines behind one timer of the dispatcher.

Why one timer: an executor waits for thousands of answers, and nearly all of them come. A deadline that was dropped
costs nothing but its place in the heap until it is reached.
"""

import heapq

from models.messages.runtime import WakeAt


class Deadlines:
    """At most one deadline a key."""

    def __init__(self, timer: str) -> None:
        self._timer = timer
        self._due_ns: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []
        self._armed_ns: int | None = None

    def put(self, key: str, at_ns: int) -> None:
        """Set the deadline of a key; an earlier one of the same key is void."""
        self._due_ns[key] = at_ns
        heapq.heappush(self._heap, (at_ns, key))

    def drop(self, key: str) -> None:
        """Forget the deadline of a key, if it has one."""
        self._due_ns.pop(key, None)

    def take_due(self, now_ns: int) -> tuple[str, ...]:
        """Return and forget the keys whose deadline has come, earliest first; the timer has to be asked for again."""
        self._armed_ns = None
        due: list[str] = []
        while self._heap and (self._heap[0][0] <= now_ns or not self._is_standing(self._heap[0])):
            entry = heapq.heappop(self._heap)
            if self._is_standing(entry):
                del self._due_ns[entry[1]]
                due.append(entry[1])
        return tuple(due)

    def ask(self) -> tuple[WakeAt, ...]:
        """Return the timer to ask for, empty where the one that stands comes early enough."""
        if not self._heap or (self._armed_ns is not None and self._armed_ns <= self._heap[0][0]):
            return ()
        self._armed_ns = self._heap[0][0]
        return (WakeAt(self._armed_ns, self._timer),)

    def _is_standing(self, entry: tuple[int, str]) -> bool:
        return self._due_ns.get(entry[1]) == entry[0]
