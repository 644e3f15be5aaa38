"""What the loss limits of risk have to remember over a crash: from where losses are counted, and what they hold.

Why one record of all of it and not one for each change: the newest is enough, however often an entry stands in the
chain. What was realised since is not in it: that follows from the fills themselves.
"""

from typing import ClassVar

import msgspec

from models.markets import Outcome
from models.messages.base import Lane, MarketId, Message, Tag
from models.units import Money, Size


class Worth(msgspec.Struct, frozen=True, gc=False):
    """Won or lost: what is certain (fees paid and rebates accrued), and what is held at its mark, less its cost."""

    realised: Money = 0
    marked: Money = 0

    @property
    def total(self) -> Money:
        return self.realised + self.marked

    def plus(self, other: "Worth") -> "Worth":
        return Worth(self.realised + other.realised, self.marked + other.marked)

    def less(self, other: "Worth") -> "Worth":
        return Worth(self.realised - other.realised, self.marked - other.marked)


class Baseline(msgspec.Struct, frozen=True, gc=False):
    """What had been won by a time: a loss is counted from there."""

    since_ns: int
    worth: Worth = Worth()


class GoodMark(msgspec.Struct, frozen=True, gc=False):
    """What selling `size` of a token would have brought at a moment, in full and in a good book."""

    outcome: Outcome
    size: Size
    cash: Money
    at_ns: int


class Hold(msgspec.Struct, frozen=True, gc=False):
    """A cell that a loss limit has raised on a market, or on all (None); `until_ns` where a time lifts it."""

    control: str
    market: MarketId | None
    reason: str
    since_ns: int
    until_ns: int | None = None


class LossesNoted(Message, frozen=True, gc=False):
    """All that the loss limits know beside the fills. `killed` is the sentence of their kill until a person lifts it.

    `markets` are those whose losses are not counted from their first fill; `marks` the last good one of each residual.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    dispensable: ClassVar[bool] = False
    day: Baseline
    hour: Baseline
    peak: Baseline
    markets: tuple[tuple[MarketId, Baseline], ...]
    holds: tuple[Hold, ...]
    killed: str
    marks: tuple[tuple[Tag, MarketId, GoodMark], ...]
    at_ns: int
