"""What is said only to be kept: figures that nobody decides on and that the journal writes down."""

from collections.abc import Hashable
from typing import ClassVar

from models.messages.base import Lane, MarketId, Message, Tag
from models.units import Money


class ProfitMarked(Message, frozen=True, gc=False):
    """Profit of a desk in a market. `unrealized` is None where there is no good mark, else `mark_age_ms` is its age."""

    lane: ClassVar[Lane] = Lane.MARKET
    tag: Tag
    market: MarketId
    realized: Money
    unrealized: Money | None
    mark_age_ms: int | None
    fees: Money
    rebates: Money
    at_ns: int

    @property
    def key(self) -> Hashable:
        return (self.tag, self.market)


class LatencyMeasured(Message, frozen=True, gc=False):
    """Percentiles of one stage (such as `tick_to_decision`) over the time since the last message of that stage."""

    lane: ClassVar[Lane] = Lane.MARKET
    stage: str
    count: int
    mean_ns: int
    p50_ns: int
    p95_ns: int
    p99_ns: int
    at_ns: int

    @property
    def key(self) -> Hashable:
        return self.stage
