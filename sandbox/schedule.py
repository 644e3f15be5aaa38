"""What is due when: the exchange's only notion of the future."""

import heapq
from collections.abc import Callable

Action = Callable[[int], None]


class Schedule:
    """Actions in the order of their time, and of their arrival within one instant."""

    def __init__(self) -> None:
        self.now_ns = 0
        """The time of what is being done."""
        self._heap: list[tuple[int, int, Action]] = []
        self._arrivals = 0

    @property
    def next_due(self) -> int | None:
        """When something is due next, None when nothing is."""
        return self._heap[0][0] if self._heap else None

    def at(self, due_ns: int, action: Action) -> None:
        """Call `action(due_ns)` when that time comes."""
        self._arrivals += 1
        heapq.heappush(self._heap, (due_ns, self._arrivals, action))

    def run(self, now_ns: int) -> None:
        """Do all that is due, each at its own time, so that a late caller changes nothing."""
        while self._heap and self._heap[0][0] <= now_ns:
            due_ns, _, action = heapq.heappop(self._heap)
            self.now_ns = due_ns
            action(due_ns)
        self.now_ns = now_ns
