"""What every message between actors is: an immutable struct with a lane and, where a newer one replaces it, a key.

Why lanes live on the class: a mailbox must sort a message without looking inside it, and the place where a message is
declared is where its author knows whether losing or merging it would lose money.
"""

from collections.abc import Hashable
from enum import IntEnum
from typing import ClassVar, TypeAlias

import msgspec

MarketId: TypeAlias = str
"""Condition id of a market (`0x` and 64 hex digits), or its slug where a recording knows no other name."""

Tag: TypeAlias = str
"""Name of a desk: one strategy with its own inventory, orders, limits and P&L."""


class Lane(IntEnum):
    """Order in which a mailbox serves its mail; first in, first out within a lane."""

    CONTROL = 0
    ORDER = 1
    INTENT = 2
    MARKET = 3


class Message(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Base of all messages. Commands are imperatives (`PlaceOrder`), events past participles (`OrderFilled`).

    `dispensable`: once it has killed two readers in a row, the next one goes on without it.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    time_to_live_ns: ClassVar[int | None] = None
    dispensable: ClassVar[bool] = True

    @property
    def key(self) -> Hashable | None:
        """Conflation key: a newer message of the same type and key takes the place of a waiting one. None: never."""
        return None
