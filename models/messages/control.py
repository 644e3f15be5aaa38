"""What operators and supervisors say, and how the trading state answers.

`request` names a command so that its answer can be found; `who` is the surface and person for the audit.
"""

from collections.abc import Hashable
from typing import ClassVar

import msgspec

from models.cells import TradingState
from models.messages.base import Lane, MarketId, Message, Tag


class SetOperatorState(Message, frozen=True, gc=False):
    """An operator's pause, resume, reduce, flatten, off, on of one market or of all (`market` None).

    `verb` is one of these words; `resume` of all never clears a market's own cell, and only `on` clears `off`.
    """

    lane: ClassVar[Lane] = Lane.CONTROL
    verb: str
    market: MarketId | None
    request: str
    who: str

    @property
    def key(self) -> Hashable:
        return self.request


class Kill(Message, frozen=True, gc=False):
    """Latch KILLED for everything. The gate is closed by whoever says this, before this message is sent."""

    lane: ClassVar[Lane] = Lane.CONTROL
    reason: str
    request: str
    who: str

    @property
    def key(self) -> Hashable:
        return "kill"


class ClearKill(Message, frozen=True, gc=False):
    """A person lifts the latch, on the local socket."""

    lane: ClassVar[Lane] = Lane.CONTROL
    request: str
    who: str

    @property
    def key(self) -> Hashable:
        return self.request


class CommandApplied(Message, frozen=True, gc=False):
    """The risk supervisor did what an operator said. `changed` is false where it already was so.

    `reason` is why everything was killed; of all else it is empty.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    request: str
    verb: str
    market: MarketId | None
    changed: bool
    refusal: str | None
    at_ns: int
    reason: str = ""


class RaiseCell(Message, frozen=True, gc=False):
    """A part of the engine (feed, runtime, executor, ...) sets its own cell on a market or on all; ACTIVE clears it.

    `since_ns` is since when it is so, where that is not from now on.
    """

    lane: ClassVar[Lane] = Lane.CONTROL
    market: MarketId | None
    source: str
    state: TradingState
    reason: str
    since_ns: int | None = None

    @property
    def key(self) -> Hashable:
        return (self.market, self.source)


class CellNote(msgspec.Struct, frozen=True, gc=False):
    """A cell as people and coordinators see it."""

    scope: str
    source: str
    state: TradingState
    reason: str
    since_ns: int


class MarketHeld(Message, frozen=True, gc=False):
    """A control of risk holds a market by a cell, or keeps its quotes `ticks_back` behind their price; or lets it go.

    For controls that could not work out again, from what else is journalled, whether they hold it. `market` None: all.
    `until_ns` is when they let go by themselves, None where they will not, or cannot say yet.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    market: MarketId | None
    control: str
    state: TradingState
    ticks_back: int
    reason: str
    until_ns: int | None
    at_ns: int


class TradingStateChanged(Message, frozen=True, gc=False):
    """The strictest state that covers a market, and the cells that hold it, strictest first.

    `ticks_back`: quotes that open stand so many ticks behind the price that their strategy wants, for this `because`.
    """

    lane: ClassVar[Lane] = Lane.CONTROL
    market: MarketId
    state: TradingState
    cells: tuple[CellNote, ...]
    at_ns: int
    ticks_back: int = 0
    because: str = ""

    @property
    def key(self) -> Hashable:
        return self.market


class FlattenChanged(Message, frozen=True, gc=False):
    """How far a desk has come with flattening a market: said when it changes, and after every `TradingStateChanged`.

    `step` is `waiting`, `merging`, `unwinding`, `flat`, or `rest`: what is held stays, for the reason in `detail`.
    `yes_shares` and `no_shares` are what it holds, so that risk believes it only of the position that risk counts.
    """

    lane: ClassVar[Lane] = Lane.MARKET
    tag: Tag
    market: MarketId
    step: str
    detail: str
    yes_shares: int
    no_shares: int
    at_ns: int

    @property
    def key(self) -> Hashable:
        return (self.tag, self.market)

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be done."""
        return self.step in ("flat", "rest")


class ExposureUpdated(Message, frozen=True, gc=False):
    """RiskSupervisor's own count of a market, from fills and orders alone; in micro-shares and micro-dollars."""

    lane: ClassVar[Lane] = Lane.MARKET
    market: MarketId
    net_shares: int
    worst_case: int
    open_orders: int
    at_ns: int

    @property
    def key(self) -> Hashable:
        return self.market


class Explain(Message, frozen=True, gc=False):
    """Ask a coordinator to say how it stands now (answered by `Explained`)."""

    lane: ClassVar[Lane] = Lane.INTENT
    tag: Tag
    market: MarketId
    request: str

    @property
    def key(self) -> Hashable:
        return (self.tag, self.market)


class MarketParked(Message, frozen=True, gc=False):
    """A market that is off needs its actors no more (`parked`), or is switched on again and needs them back."""

    lane: ClassVar[Lane] = Lane.ORDER
    market: MarketId
    parked: bool


class KillLatched(Message, frozen=True, gc=False):
    """A limit of risk has killed everything. Whoever holds the gate closes it when this is said, before it is sent."""

    lane: ClassVar[Lane] = Lane.CONTROL
    reason: str
    at_ns: int

    @property
    def key(self) -> Hashable:
        return "kill"


class Reading(msgspec.Struct, frozen=True):
    """Where a control stands: `value` against `limit`, both in `unit`; None where there is nothing to measure yet.

    `scope` is `all`, or names a market, an event, a token or a desk, as people do. `holds`: it blocks at present.
    """

    control: str
    scope: str
    value: float | None
    limit: float | None
    unit: str
    holds: bool = False
    note: str = ""


class ReadRisk(Message, frozen=True, gc=False):
    """Ask the risk supervisor where its controls stand (answered by `RiskRead`)."""

    lane: ClassVar[Lane] = Lane.INTENT
    request: str

    @property
    def key(self) -> Hashable:
        return "risk"


class RiskRead(Message, frozen=True):
    """Where every control stands, in the order in which they are asked."""

    lane: ClassVar[Lane] = Lane.MARKET
    request: str
    readings: tuple[Reading, ...]
    at_ns: int

    @property
    def key(self) -> Hashable:
        return "risk"
