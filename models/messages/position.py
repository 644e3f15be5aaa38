"""What a desk holds in a market, as the inventory actor says it after every change."""

from collections.abc import Hashable
from typing import ClassVar

import msgspec

from models.messages.base import Lane, MarketId, Message, Tag
from models.messages.orders import FillCounted
from models.units import Money, Size


class Leg(msgspec.Struct, frozen=True, gc=False):
    """One token: all shares with pending fills counted, what they cost in all, and the settled part of them."""

    shares: Size = 0
    cost: Money = 0
    settled: Size = 0


class Position(msgspec.Struct, frozen=True, gc=False):
    """All that a desk's ledger knows of one market; the state that a restarted inventory is rebuilt from.

    `merging` pairs are on their way to a dollar each: no longer in the legs' free quantity, not yet cash. `provisional`
    are counted fills that are not yet settled. `realized` excludes fees and rebates, which have their own lines.
    `unpaired_since_ns` is when the present naked quantity began, None while flat; `unpaired_cost` is what its own lots
    cost (the average of the whole leg is the leg's cost over its shares).
    """

    yes: Leg = Leg()
    no: Leg = Leg()
    merging: Size = 0
    realized: Money = 0
    fees: Money = 0
    rebates: Money = 0
    fills: int = 0
    unpaired_since_ns: int | None = None
    unpaired_cost: Money = 0
    provisional: tuple[FillCounted, ...] = ()


class InventoryUpdated(Message, frozen=True, gc=False):
    """The position of a desk in a market after a change."""

    lane: ClassVar[Lane] = Lane.MARKET
    tag: Tag
    market: MarketId
    position: Position
    at_ns: int

    @property
    def key(self) -> Hashable:
        return (self.tag, self.market)


class LedgerSnapshot(Message, frozen=True, gc=False):
    """The ledger's truth for a restarted inventory actor."""

    lane: ClassVar[Lane] = Lane.ORDER
    tag: Tag
    market: MarketId
    position: Position
    at_ns: int


class OrdersSnapshot(Message, frozen=True, gc=False):
    """Marks the end of the replayed `OrderChanged` of a market for a restarted coordinator: it may decide again."""

    lane: ClassVar[Lane] = Lane.ORDER
    tag: Tag
    market: MarketId
    open_orders: int
