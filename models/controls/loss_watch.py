"""When a loss is one: on two evaluations in a row, or at once where it is realised. And what is held because of it.

Why two evaluations: a mark is what a book shows in a moment, and a moment can be wrong. What is realised cannot.
Why the sign is looked at and never the amount alone: a profit as large as the limit is no loss.
"""

from collections.abc import Iterator
from typing import Final

from models.cells import TradingState
from models.controls.loss_rules import SECOND_NS, state_of
from models.messages.base import MarketId
from models.messages.control import RaiseCell
from models.messages.losses import Baseline, Hold, Worth
from models.units import Money

APART_NS: Final = 2 * SECOND_NS
"""Two evaluations so far apart count as two."""


class Watch:
    """One limit on one loss. Every evaluation was beyond it since one time, or none was since another."""

    def __init__(self) -> None:
        self.beyond_since_ns: int | None = None
        self.clean_since_ns: int | None = None
        self.tripped = False

    @property
    def waits(self) -> bool:
        """Whether the next evaluation may make it a loss."""
        return self.beyond_since_ns is not None and not self.tripped

    def trips(self, change: Worth, limit: Money, now_ns: int) -> bool:
        """Take in an evaluation, and say whether the loss is one."""
        if -change.total < limit:
            self.beyond_since_ns, self.tripped = None, False
            self.clean_since_ns = now_ns if self.clean_since_ns is None else self.clean_since_ns
            return False
        self.clean_since_ns = None
        self.beyond_since_ns = now_ns if self.beyond_since_ns is None else self.beyond_since_ns
        self.tripped |= -change.realised >= limit or now_ns - self.beyond_since_ns >= APART_NS
        return self.tripped


class Peak:
    """The most that was ever won, on two evaluations in a row as well: from a false peak every fall is a loss."""

    def __init__(self, baseline: Baseline) -> None:
        self.baseline = baseline
        self.rising: Baseline | None = None

    def follow(self, worth: Worth, now_ns: int, *, moving: bool) -> None:
        """Take in an evaluation; `moving`: there are marks in it that another moment may contradict."""
        if worth.total <= self.baseline.worth.total:
            self.rising = None
            return
        rising = self.rising or Baseline(now_ns, worth)
        lower = worth if worth.total < rising.worth.total else rising.worth
        self.rising = Baseline(rising.since_ns, lower)
        if not moving or now_ns - rising.since_ns >= APART_NS:
            self.baseline, self.rising = Baseline(now_ns, lower), None


class Holds:
    """The cells that losses have raised. `changed`: since it was last set to False."""

    def __init__(self) -> None:
        self.changed = False
        self._holds: dict[tuple[str, MarketId | None], Hold] = {}

    def get(self, control: str, market: MarketId | None = None) -> Hold | None:
        return self._holds.get((control, market))

    def all(self) -> tuple[Hold, ...]:
        """Return all, oldest first."""
        return tuple(self._holds.values())

    def by(self, control: str) -> tuple[Hold, ...]:
        """Return those of one control."""
        return tuple(hold for hold in self._holds.values() if hold.control == control)

    def put(self, hold: Hold) -> RaiseCell:
        """Hold a market, or all, until that is lifted."""
        self.changed = True
        self._holds[hold.control, hold.market] = hold
        return RaiseCell(hold.market, hold.control, state_of(hold.control), hold.reason, hold.since_ns)

    def lift(self, hold: Hold) -> RaiseCell:
        """Let go what a control holds."""
        self.changed = True
        del self._holds[hold.control, hold.market]
        return RaiseCell(hold.market, hold.control, TradingState.ACTIVE, "")

    def become(self, holds: tuple[Hold, ...]) -> Iterator[RaiseCell]:
        """Hold these and no others."""
        kept = {(hold.control, hold.market) for hold in holds}
        for hold in self.all():
            if (hold.control, hold.market) not in kept:
                yield self.lift(hold)
        for hold in holds:
            yield self.put(hold)
        self.changed = False


def shifted(baseline: Baseline, realised: Money, own_ns: int) -> Baseline:
    """Return a baseline after something was realised at its own time: before the baseline, it is no loss since then.

    What that does to the total is a loss since then all the same: nobody knew of it.
    """
    if own_ns >= baseline.since_ns:
        return baseline
    return Baseline(baseline.since_ns, baseline.worth.plus(Worth(realised, -realised)))
