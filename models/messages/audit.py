"""What is said around an operator's command: what came of it, and where a reader stands."""

from typing import ClassVar

from models.messages.base import Lane, MarketId, Message


class CommandAnswered(Message, frozen=True, gc=False):
    """What a mutating command came to: the whole audit row. `result` is what the person was told, in one line."""

    lane: ClassVar[Lane] = Lane.ORDER
    request: str
    who: str
    verb: str
    market: MarketId | None
    arguments: dict[str, str]
    result: str
    asked_ns: int
    at_ns: int


class Fence(Message, frozen=True, gc=False):
    """Goes last: whoever has read it has read all mail sent to it before, derived mail included.

    A command's answer comes on a quicker lane than the figures that prove it; the fence tells when those are in.
    """

    lane: ClassVar[Lane] = Lane.MARKET
    request: str
