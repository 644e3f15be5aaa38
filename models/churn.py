"""The bound on cancelling and quoting again: a strategy that turns its quotes over too fast is made to wait.

Why the next quote waits and not the cancel: a cancel that is held back leaves a price standing that nobody wants any
more. Hedges and exits are not held against it; the caller asks only for what opens a position.
"""

from collections import deque
from typing import Final

from models.messages.base import MarketId
from models.stops import Refusal

_SECOND_NS: Final = 1_000_000_000


class Churn:
    """Cancels that strategies asked for within the last second, by market. `most` of 0: no bound."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._cancels: dict[MarketId, deque[int]] = {}

    def cancelled(self, market: MarketId, now_ns: int) -> None:
        """Count a cancel."""
        if self._most:
            self._cancels.setdefault(market, deque(maxlen=self._most)).append(now_ns)

    def refusal(self, market: MarketId, now_ns: int) -> Refusal | None:
        """Return why a new quote has to wait, None where it has not."""
        cancels = self._cancels.get(market)
        if cancels is None or len(cancels) < self._most or now_ns - cancels[0] >= _SECOND_NS:
            return None
        left_ms = -(-(cancels[0] + _SECOND_NS - now_ns) // 1_000_000)
        return Refusal("churn", f"{self._most} cancels within a second; the next quote in {left_ms} ms")
