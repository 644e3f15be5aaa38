"""Markets in which something is held that nobody can say the worth of: they are halted, and nothing is killed for it.

Why a market that is halted needs a new mark and not only time: after a death the time without one is counted anew, for
nobody was there to see the books; but what has been halted for want of a mark has none yet.
"""

from collections.abc import Iterable

from models.controls.loss_rules import NO_MARK, SECOND_NS
from models.controls.loss_watch import Holds
from models.marks import Mark, MarkParameters
from models.messages.base import MarketId, Message
from models.messages.control import Reading
from models.messages.losses import Hold
from models.units import Size, format_size


class Unmarked:
    """Puts what it halts among the `holds`. `after_ns`: so long may something be without a good mark."""

    def __init__(self, parameters: MarkParameters, holds: Holds) -> None:
        self.after_ns = parameters.no_mark_after_ms * 1_000_000
        self._holds = holds

    @property
    def holds_any(self) -> bool:
        """Whether any market is halted for want of a mark."""
        return bool(self._holds.by(NO_MARK))

    def looked_at(self, unpaired: Iterable[tuple[MarketId, Size, Mark]], now_ns: int) -> tuple[Message, ...]:
        """Take in what is unpaired: halt a market in which it had no mark for long, let go where all has a new one."""
        out: list[Message] = []
        doubtful: set[MarketId] = set()
        for market, size, mark in unpaired:
            if mark.age_ns is None or mark.age_ns >= self.after_ns:
                doubtful.add(market)
            if mark.no_mark and self._holds.get(NO_MARK, market) is None:
                seconds = f"{self._silent_ns(mark, now_ns) // SECOND_NS} s >= {self.after_ns // SECOND_NS} s"
                reason = f"{NO_MARK}: {format_size(size)} shares unpaired without a good mark for {seconds}"
                out.append(self._holds.put(Hold(NO_MARK, market, reason, now_ns)))
        return (*out, *(self._holds.lift(hold) for hold in self._holds.by(NO_MARK) if hold.market not in doubtful))

    def reading(self, scope: str, market: MarketId, size: Size, mark: Mark, now_ns: int) -> Reading:
        """Say for how long something unpaired could not be marked."""
        seconds, limit = self._silent_ns(mark, now_ns) / SECOND_NS, self.after_ns / SECOND_NS
        holds = self._holds.get(NO_MARK, market) is not None
        return Reading(NO_MARK, scope, seconds, limit, "seconds", holds, f"{format_size(size)} shares unpaired")

    def _silent_ns(self, mark: Mark, now_ns: int) -> int:
        return 0 if mark.no_mark_at_ns is None else now_ns - mark.no_mark_at_ns + self.after_ns
