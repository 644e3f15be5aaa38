"""Orders whose fate is asked for: when to ask, and when "nowhere" is believed.

Why absence is counted so carefully: an order that was sent may be taken in late, a read may lag, and a line that broke
has said nothing at all. An order is gone only once the venue has answered every question several times, some time
apart, later than anything could still come in, while its feed was there to tell us otherwise.
"""

from typing import Final

from models.executor_parameters import ExecutorParameters

_MS: Final = 1_000_000


class _Question:
    """One order's case. `evidence_ns`: answers to questions asked from then on are evidence."""

    __slots__ = ("absences", "absent_ns", "asked_ns", "evidence_ns", "times")

    def __init__(self, evidence_ns: int) -> None:
        self.evidence_ns = evidence_ns
        self.asked_ns: int | None = None
        self.times = 0
        self.absences = 0
        self.absent_ns = 0


class Questions:
    """All orders that are being asked for, by id."""

    def __init__(self, parameters: ExecutorParameters) -> None:
        self._first_ns = parameters.query_first_ms * _MS
        self._max_ns = parameters.query_max_ms * _MS
        self._apart_ns = parameters.absence_apart_ms * _MS
        self._needed = parameters.absences_needed
        self._open: dict[str, _Question] = {}

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._open

    def begin(self, order_id: str, evidence_ns: int) -> None:
        """Open an order's case; one that is open stays as it is."""
        self._open.setdefault(order_id, _Question(evidence_ns))

    def asked(self, order_id: str, now_ns: int) -> int:
        """Note that it is asked for; return when to ask again, at the latest when answers become evidence."""
        question = self._open[order_id]
        again_ns = now_ns + min(self._first_ns << min(question.times, 20), self._max_ns)
        question.asked_ns = now_ns
        question.times += 1
        return min(again_ns, question.evidence_ns) if now_ns < question.evidence_ns else again_ns

    def absent(self, order_id: str, at_ns: int) -> int | None:
        """Count an answer that the order is nowhere; return when to ask once more, None where it is gone for good.

        What is not evidence (too early, too soon after the last one, not asked for) leaves the case as it is.
        """
        question = self._open[order_id]
        asked_ns = question.asked_ns
        counts = asked_ns is not None and question.evidence_ns <= asked_ns <= at_ns
        if counts and (question.absences == 0 or at_ns - question.absent_ns >= self._apart_ns):
            question.absences += 1
            question.absent_ns = at_ns
            question.asked_ns = None
        if question.absences >= self._needed:
            return None
        return max(question.absent_ns + self._apart_ns, question.evidence_ns, at_ns + self._first_ns)

    def close(self, order_id: str) -> None:
        """End an order's case, if there is one."""
        self._open.pop(order_id, None)

    def doubt_all(self) -> None:
        """Count no absence of before: what became of the orders meanwhile did not reach us."""
        for question in self._open.values():
            question.absences = 0
