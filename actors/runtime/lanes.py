"""How a mailbox treats each type of message: its lane, whether it can be superseded, whether it goes off.

Why a table by type: a mailbox looks at every message, and one look into a table is cheaper than three at the message.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from pykka import Future

from actors.runtime.pykka_inside import ActorStop, Envelope
from models.messages.base import Lane, Message

IDLE, READY, URGENT, RUNNING = 0, 1, 2, 3
"""States of a mailbox: no mail; waiting for a turn; waiting with CONTROL or ORDER mail; in a turn."""


class Bounds(NamedTuple):
    """How many messages each lane holds, in the order of the lanes. MARKET counts raw mail only.

    `market_first`: MARKET is served before INTENT, for who judges intents by what the market has said.
    """

    control: int = 1_000
    order: int = 10_000
    intent: int = 200
    market: int = 2_000
    market_first: bool = False


ORDINARY = Bounds()
"""The bounds of an actor that serves one market, or one that nobody floods."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a type of message is treated."""

    lane: Lane
    waits_as: int
    """State of a mailbox in which such a message waits."""
    plain: bool
    """Only appended: it has no key and does not go off."""
    keyed: bool
    time_to_live_ns: int | None


class _Kinds(dict[type, Kind]):
    def __missing__(self, cls: type) -> Kind:
        if cls is ActorStop:
            kind = Kind(Lane.CONTROL, URGENT, plain=True, keyed=False, time_to_live_ns=None)
        elif issubclass(cls, Message):
            keyed = cls.key is not Message.key
            plain = not keyed and cls.time_to_live_ns is None
            kind = Kind(cls.lane, URGENT if cls.lane <= Lane.ORDER else READY, plain, keyed, cls.time_to_live_ns)
        else:
            raise TypeError(f"a mailbox takes messages, not {cls.__name__}")
        self[cls] = kind
        return kind


KINDS = _Kinds()
"""The kinds of all types seen so far; each type is looked into once."""


class Perishable(Envelope[Any]):
    """A message with a time to live, in an envelope that may not be opened from `expires_ns` on."""

    __slots__ = ("expires_ns",)

    def __init__(self, message: Message, reply_to: Future[Any] | None, expires_ns: int) -> None:
        super().__init__(message, reply_to)
        self.expires_ns = expires_ns
