"""What is said around an operator's command: what came of it, and where a reader stands."""

from typing import ClassVar

from models.messages.base import Lane, MarketId, Message


class CommandAnswered(Message, frozen=True, gc=False):
    """What a call of the command bus came to: the whole audit row. `result` is what was told, in one line.

    `outcome` is `done`, `partial` (something is left), `shown` (a dry run), `refused`, or `begun`: then another follows
    under the same `request`. `role`, `uid` and `pid` are the caller's; the last two None where the engine itself has
    said it.
    """

    lane: ClassVar[Lane] = Lane.ORDER
    request: str
    who: str
    verb: str
    market: MarketId | None
    arguments: dict[str, str]
    result: str
    asked_ns: int
    at_ns: int
    outcome: str = "done"
    role: str = ""
    uid: int | None = None
    pid: int | None = None


class Fence(Message, frozen=True, gc=False):
    """Goes last: whoever has read it has read all mail sent to it before, derived mail included.

    A command's answer comes on a quicker lane than the figures that prove it; the fence tells when those are in.
    """

    lane: ClassVar[Lane] = Lane.MARKET
    request: str
