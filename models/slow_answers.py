"""Whether the venue answers orders fast enough for quotes to rest there.

Why quotes are pulled: who needs three seconds to place an order needs as long to take it off, and a quote that cannot
be taken off is an option for everybody else. What lowers the risk goes on. Why one order asks when the pause is over:
if the venue is still slow, one stands there and not one in every market.

Why answers age: an hour ago the venue was another one. What is older than a minute counts nowhere, and the pause ends
by itself, with or without a new order.
"""

from collections import deque
from itertools import islice
from statistics import median
from typing import Final

from models.stops import Refusal

_MS: Final = 1_000_000
_SAMPLES: Final = 20
"""Answers of which the median counts; fewer say nothing yet."""

_KEPT_MAX: Final = 1_000
_KEPT_NS: Final = 60_000 * _MS


class AnswerTimes:
    """How long answers of the last minute took, the latest thousand of them."""

    def __init__(self) -> None:
        self._took_ns: deque[tuple[int, int]] = deque(maxlen=_KEPT_MAX)

    def add(self, took_ns: int, now_ns: int) -> None:
        """Take note of an answer."""
        self._took_ns.append((now_ns, took_ns))

    def count(self, now_ns: int) -> int:
        """Return how many there are."""
        while self._took_ns and now_ns - self._took_ns[0][0] > _KEPT_NS:
            self._took_ns.popleft()
        return len(self._took_ns)

    def median_ns(self, now_ns: int) -> int | None:
        """Return the median of the last 20, None where there are fewer."""
        count = self.count(now_ns)
        if count < _SAMPLES:
            return None
        return int(median(took_ns for _, took_ns in islice(self._took_ns, count - _SAMPLES, count)))

    def p95_ns(self, now_ns: int) -> int | None:
        """Return what 95 of 100 answers did not exceed, None where there are fewer than 20."""
        count = self.count(now_ns)
        return None if count < _SAMPLES else sorted(took_ns for _, took_ns in self._took_ns)[-(-95 * count // 100) - 1]

    def clear(self) -> None:
        """Begin anew."""
        self._took_ns.clear()


class SlowAnswers:
    """A breaker: closed while answers come fast, open for a pause after they did not, then one quote is the question.

    Trips when the median of the last 20 answers is above `median_ms`, when more than 5 of 100 took longer than
    `tail_ms`, or one more than `one_ms`.
    """

    def __init__(self, median_ms: int, tail_ms: int, one_ms: int, pause_ms: int) -> None:
        self._median_ns, self._tail_ns = median_ms * _MS, tail_ms * _MS
        self._one_ns, self._pause_ns = one_ms * _MS, pause_ms * _MS
        self._times = AnswerTimes()
        self._asking = False
        self._question: str | None = None
        self.until_ns: int | None = None
        """While open: when the pause is over."""

    def answered(self, intent: str, took_ns: int, now_ns: int) -> str | None:
        """Take note of an answer to an order; return why it trips, None where it does not."""
        if self.until_ns is not None or (self._asking and intent != self._question):
            return None
        if self._asking:
            why = self._slower(took_ns, self._median_ns, "the answer took")
            self._asking, self._question = False, None
        else:
            self._times.add(took_ns, now_ns)
            why = (
                self._slower(took_ns, self._one_ns, "an answer took")
                or self._slower(self._times.median_ns(now_ns), self._median_ns, "half of the answers took")
                or self._slower(self._times.p95_ns(now_ns), self._tail_ns, "5 % of the answers took at least")
            )
        if why is not None:
            self._times.clear()
            self.until_ns = now_ns + self._pause_ns
        return why

    def ask(self) -> None:
        """End the pause: the next quote is the question."""
        self.until_ns, self._asking, self._question = None, True, None

    def refusal(self) -> Refusal | None:
        """Return why a quote has to wait: for the end of the pause, or for the answer to another one."""
        if self.until_ns is not None:
            return Refusal("slow_venue", "approved before the venue was found slow")
        if self._question is not None:
            return Refusal("slow_venue", f"the venue was slow; {self._question} finds out whether it still is")
        return None

    def sent(self, intent: str) -> None:
        """Note that a quote goes out."""
        if self._asking and self._question is None:
            self._question = intent

    def unsent(self, intent: str) -> None:
        """Note that a quote did not go out after all: it will have no answer."""
        if intent == self._question:
            self._question = None

    @staticmethod
    def _slower(took_ns: int | None, limit_ns: int, what: str) -> str | None:
        if took_ns is None or took_ns <= limit_ns:
            return None
        return f"{what} {took_ns // _MS} ms > {limit_ns // _MS} ms"
