"""Whether the venue answers orders fast enough for quotes to rest there.

Why quotes are pulled: who needs three seconds to place an order needs as long to take it off, and a quote that cannot
be taken off is an option for everybody else. What lowers the risk goes on. Why one order asks when the pause is over:
if the venue is still slow, one stands there and not one in every market.
"""

from collections import deque
from statistics import median
from typing import Final

from models.stops import Refusal

_MS: Final = 1_000_000
_SAMPLES: Final = 20
"""Answers of which the median counts; fewer say nothing yet."""


class SlowAnswers:
    """A breaker: closed while answers come fast, open for a pause after they did not, then one quote is the question.

    Trips when the median of the last 20 answers is above `median_ms`, or one answer took more than `one_ms`.
    """

    def __init__(self, median_ms: int, one_ms: int, pause_ms: int) -> None:
        self._median_ns, self._one_ns, self._pause_ns = median_ms * _MS, one_ms * _MS, pause_ms * _MS
        self._took_ns: deque[int] = deque(maxlen=_SAMPLES)
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
            self._took_ns.append(took_ns)
            why = self._slower(took_ns, self._one_ns, "an answer took")
            if why is None and len(self._took_ns) == _SAMPLES:
                why = self._slower(int(median(self._took_ns)), self._median_ns, "half of the answers took")
        if why is not None:
            self._took_ns.clear()
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
    def _slower(took_ns: int, limit_ns: int, what: str) -> str | None:
        return f"{what} {took_ns // _MS} ms > {limit_ns // _MS} ms" if took_ns > limit_ns else None
