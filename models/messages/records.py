"""What is said only to be kept: figures that nobody decides on and that the journal writes down."""

from collections.abc import Hashable
from typing import ClassVar

from models.markets import Outcome, Side
from models.messages.base import Lane, MarketId, Message, Tag
from models.units import Money, Price, Size


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


class StoppedCleanly(Message, frozen=True, gc=False):
    """A run has ended in good order: the venue has said that nothing of it rests there. `fills` are those of the run.

    A run of which the chain has none died. Behind it stand settlements at most, of fills that came before.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    run: str
    fills: int
    at_ns: int


class SegmentOpened(Message, frozen=True, gc=False):
    """From now on a desk is run under other conditions: figures of before and after are not of the same thing.

    `changes` has what differs by its path (`5 -> 6`), `values` all values that count by theirs, for the next one.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    tag: Tag
    number: int
    changes: dict[str, str]
    values: dict[str, str]
    who: str
    at_ns: int


class RanUnder(Message, frozen=True, gc=False):
    """How long a mode has been run by now under the same code, strategy and limits, whose digest is `conditions`."""

    lane: ClassVar[Lane] = Lane.ORDER
    mode: str
    conditions: str
    ran_ns: int
    at_ns: int


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


class FillMarkedOut(Message, frozen=True, gc=False):
    """What a fill of ours was worth a while after it: all in micro-dollars a share, positive in our favour.

    `markouts` is the net mid at 1, 5, 30 and 60 s less the price of the fill (for a sale the other way round), None
    where there was no good book. `captured` is the same at the moment of the fill, `predicted` at that of the order's
    approval; None where nobody knows. Fee and rebate are apart. `at_ns` is when the fill was counted.
    """

    lane: ClassVar[Lane] = Lane.MARKET
    tag: Tag
    market: MarketId
    trade_id: str
    order_id: str
    outcome: Outcome
    side: Side
    price: Price
    size: Size
    maker: bool
    captured: Money | None
    predicted: Money | None
    markouts: tuple[Money | None, ...]
    at_ns: int
