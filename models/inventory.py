"""The inventory of one desk in one market: its position, whether it may open more, and when its pairs are merged.

Why merging belongs to inventory: complete pairs count against the position value, so a market maker that never merges
is shut out of its own market after one or two pairs, while each pair is a dollar that only has to be asked for.
"""

from typing import Annotated, Literal

import msgspec

from models.messages.base import MarketId, Message, Tag
from models.messages.decisions import Gate
from models.messages.orders import MergeChanged, MergePairs
from models.messages.position import InventoryUpdated, LedgerSnapshot, Position
from models.messages.reload import ParametersChanged
from models.messages.runtime import WakeAt, Woke
from models.parameters import parameter
from models.positions import advance, after_merges, mergeable, net_diff
from models.units import DOLLAR, ONE, SHARE, Money, Price, Size

_MERGE_TIMER = "merge"
_MS = 1_000_000


class InventoryParameters(msgspec.Struct, frozen=True):
    """When a desk may open more in a market, and when its complete pairs become dollars."""

    max_net_diff: Annotated[
        Size,
        parameter("Opening stops when |YES - NO| reaches this.", "shares", env=["PM_MAX_NET_DIFF"], gt=0),
    ] = 5 * SHARE
    max_portfolio_cost: Annotated[
        Price,
        parameter(
            "Opening stops when average cost of YES plus that of NO reaches this; no hedge is raised beyond it.",
            "price",
            env=["PM_MAX_PORTFOLIO_COST"],
            gt=0,
        ),
    ] = 10_200
    max_position_value: Annotated[
        Money,
        parameter(
            "Opening stops when the cost of either leg reaches this.", "dollars", env=["PM_MAX_POSITION_VALUE"], gt=0
        ),
    ] = 5 * DOLLAR
    auto_merge: Annotated[
        Literal["off", "when_blocked", "at_least"],
        parameter(
            "Merge settled pairs into dollars never, when opening is blocked, or from `merge_pairs` on.", "choice"
        ),
    ] = "when_blocked"
    merge_pairs: Annotated[Size, parameter("Pairs from which `auto_merge: at_least` merges.", "shares", gt=0)] = (
        10 * SHARE
    )
    merge_retry_ms: Annotated[int, parameter("Wait after a failed merge before the next one.", "ms", gt=0)] = 60_000


class OpenCheck(msgspec.Struct, frozen=True, gc=False):
    """Whether a desk may open more in a market: every gate has to pass, each with its figures."""

    allowed: bool
    gates: tuple[Gate, ...]


def can_open(position: Position, parameters: InventoryParameters) -> OpenCheck:
    """Ask the three conditions of opening, all strict, on the quantities that remain after the merges under way."""
    free = after_merges(position)
    gates = (_net_gate(free, parameters), _cost_gate(free, parameters), _value_gate(free, parameters))
    return OpenCheck(all(gate.passed for gate in gates), gates)


def portfolio_cost(position: Position) -> Price:
    """Return the average cost of YES plus that of NO; 0 while either leg is empty.

    Rounded down, so that it is below a limit exactly when the unrounded cost is.
    """
    yes, no = position.yes, position.no
    if yes.shares <= 0 or no.shares <= 0:
        return 0
    return (yes.cost * no.shares + no.cost * yes.shares) * ONE // (yes.shares * no.shares)


class InventoryMachine:
    """The position of desk `tag` in `market`, kept from the ledger's events alone.

    `restarted`: it takes the place of a dead one and says nothing until the ledger has told it all; what comes before
    that is in what it will be told.
    """

    def __init__(self, tag: Tag, market: MarketId, parameters: InventoryParameters, *, restarted: bool = False) -> None:
        self.position = Position()
        self._restarted = restarted
        self._tag = tag
        self._market = market
        self._parameters = parameters
        self._merge_asked = False
        self._merge_not_before_ns = 0

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """Apply an event of the ledger; say the new position, and ask for a merge where the policy wants one."""
        if isinstance(message, ParametersChanged):
            self._parameters = message.of(InventoryParameters)
            return () if self._restarted else self._merge(now_ns)
        if self._restarted and not isinstance(message, LedgerSnapshot):
            return ()
        self._restarted = False
        if isinstance(message, Woke):
            return self._merge(now_ns)
        position = advance(self.position, message)
        if position is None:
            return ()
        self.position = position
        if isinstance(message, (MergeChanged, LedgerSnapshot)):
            self._merge_asked = False
        if isinstance(message, MergeChanged) and message.state == "failed":
            self._merge_not_before_ns = now_ns + self._parameters.merge_retry_ms * _MS
        return (InventoryUpdated(self._tag, self._market, position, now_ns), *self._merge(now_ns))

    def _merge(self, now_ns: int) -> tuple[Message, ...]:
        """One merge is under way at a time, and it takes every settled pair."""
        size = mergeable(self.position)
        if self._merge_asked or self.position.merging or not size or not self._wants_merge(size):
            return ()
        if now_ns < self._merge_not_before_ns:
            return (WakeAt(self._merge_not_before_ns, _MERGE_TIMER),)
        self._merge_asked = True
        return (MergePairs(self._tag, self._market, size, self._parameters.auto_merge, now_ns),)

    def _wants_merge(self, size: Size) -> bool:
        match self._parameters.auto_merge:
            case "off":
                return False
            case "when_blocked":
                return not can_open(self.position, self._parameters).allowed
            case "at_least":
                return size >= self._parameters.merge_pairs


def _net_gate(position: Position, parameters: InventoryParameters) -> Gate:
    net, limit = abs(net_diff(position)), parameters.max_net_diff
    return Gate("net_diff", net < limit, net, limit, "size", "open", "PM_MAX_NET_DIFF")


def _cost_gate(position: Position, parameters: InventoryParameters) -> Gate:
    cost, limit = portfolio_cost(position), parameters.max_portfolio_cost
    return Gate("portfolio_cost", cost < limit, cost, limit, "price", "open", "PM_MAX_PORTFOLIO_COST")


def _value_gate(position: Position, parameters: InventoryParameters) -> Gate:
    value, limit = max(position.yes.cost, position.no.cost), parameters.max_position_value
    leg = "YES" if value == position.yes.cost else "NO"
    return Gate("position_value", value < limit, value, limit, "money", "open", f"{leg}, PM_MAX_POSITION_VALUE")
