"""What can go wrong between the exchange and its clients' sockets, market by market.

The exchange's own state stays right: a lost frame is lost on the wire only, which is what a client has to notice.
"""

from dataclasses import dataclass, field
from typing import Literal

FrameKind = Literal["book", "price_change", "last_trade_price", "tick_size_change", "best_bid_ask", "market_resolved"]


@dataclass(slots=True)
class _Line:
    lost_changes: int = 0
    silent_until_ns: int = 0
    repeats_left: int = 0
    lag_ns: int = 0
    lag_until_ns: int = 0
    busy_until_ns: int = 0


@dataclass(slots=True)
class Impairments:
    """The markets whose frames do not simply arrive."""

    _lines: dict[str, _Line] = field(default_factory=dict[str, _Line])

    def lose_changes(self, condition_id: str, count: int) -> None:
        """Lose the market's next `count` price_change frames."""
        self._line(condition_id).lost_changes += count

    def silence(self, condition_id: str, until_ns: int) -> None:
        """Send nothing of the market until then."""
        self._line(condition_id).silent_until_ns = until_ns

    def repeat(self, condition_id: str, count: int) -> None:
        """Send each of the market's next `count` frames twice."""
        self._line(condition_id).repeats_left += count

    def delay(self, condition_id: str, lag_ns: int, until_ns: int) -> None:
        """Deliver the market's frames late, in their order, until then."""
        line = self._line(condition_id)
        line.lag_ns, line.lag_until_ns = lag_ns, until_ns

    def deliveries(self, condition_id: str, kind: FrameKind, now_ns: int) -> tuple[int, ...]:
        """When a frame of now arrives, once per copy; nothing when it is lost."""
        line = self._lines.get(condition_id)
        if line is None:
            return (now_ns,)
        if now_ns < line.silent_until_ns:
            return ()
        if kind == "price_change" and line.lost_changes:
            line.lost_changes -= 1
            return ()
        arrival = max(line.busy_until_ns, now_ns + (line.lag_ns if now_ns < line.lag_until_ns else 0))
        line.busy_until_ns = arrival
        if line.repeats_left:
            line.repeats_left -= 1
            return (arrival, arrival)
        return (arrival,)

    def _line(self, condition_id: str) -> _Line:
        return self._lines.setdefault(condition_id, _Line())
