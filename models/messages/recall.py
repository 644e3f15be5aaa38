"""How the core learns again what it knew before it died: the journal reads its chain to those that begin empty.

    executor -> RecallAsked -> journal -> Recalled -> risk and executor -> ... -> RecallEnded -> risk and executor

Why the reader asks for every page: a mailbox holds one page at a time, however much a run has written. Why none of
these is dispensable: who goes on without a page believes what is not so.
"""

from typing import ClassVar, TypeAlias

from models.messages.base import Lane, Message
from models.messages.catalogue import MarketListed
from models.messages.control import CommandApplied, MarketHeld, RaiseCell
from models.messages.lanes import CashFound, HoldingsFound
from models.messages.losses import LossesNoted
from models.messages.market import MarketResolved
from models.messages.operations import RedemptionChanged
from models.messages.orders import (
    FillCounted,
    FillSettled,
    FillVoided,
    MergeChanged,
    OrderChanged,
    PositionsRedeemed,
    SubmitCancel,
    SubmitOrder,
)
from models.messages.position import LedgerSnapshot
from models.messages.records import StoppedCleanly
from models.messages.runtime import ActorFailed, ActorQuarantined, ActorRestarted


class Checkpointed(Message, frozen=True, gc=False):
    """All that the entries before it say that still counts, as a shorter chain: whoever learns it need not read them.

    `entries` are in the order in which they are to be learned, each with its time; the positions among them have the
    `fills` in them already, which are those of orders that the venue may still speak of. `began_ns` is when the first
    entry of all was journalled.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    dispensable: ClassVar[bool] = False
    began_ns: int
    entries: "tuple[tuple[int, Kept], ...]"
    fills: tuple[FillCounted | FillSettled | FillVoided, ...]


_Lasting: TypeAlias = (
    SubmitOrder
    | OrderChanged
    | MergeChanged
    | RedemptionChanged
    | HoldingsFound
    | CashFound
    | MarketResolved
    | MarketListed
    | CommandApplied
    | RaiseCell
    | MarketHeld
    | LossesNoted
    | ActorFailed
    | ActorRestarted
    | ActorQuarantined
)

Kept: TypeAlias = _Lasting | LedgerSnapshot
"""What a checkpoint may consist of."""

Chained: TypeAlias = (
    _Lasting | SubmitCancel | FillCounted | FillSettled | FillVoided | PositionsRedeemed | StoppedCleanly | Checkpointed
)
"""Messages that enter the journal's chain: from them, and from nothing else, risk and executor are rebuilt."""


class RecallAsked(Message, frozen=True, gc=False):
    """Ask for the entries of this run after number `after`; 0: from its beginning."""

    lane: ClassVar[Lane] = Lane.ORDER
    dispensable: ClassVar[bool] = False
    after: int


class Recalled(Message, frozen=True, gc=False):
    """Entries in the order in which they were journalled, each with its time. `last` is the number of the last one."""

    lane: ClassVar[Lane] = Lane.ORDER
    dispensable: ClassVar[bool] = False
    entries: tuple[tuple[int, Chained], ...]
    last: int


class RecallEnded(Message, frozen=True, gc=False):
    """There are no more entries: whoever was recalled to knows all that its predecessor knew."""

    lane: ClassVar[Lane] = Lane.ORDER
    dispensable: ClassVar[bool] = False
