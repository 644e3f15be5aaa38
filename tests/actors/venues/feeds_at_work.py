"""A feed at work in a world of its own: what it told whom, and how to wait for it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from loguru import logger
from pykka import ActorRef

from actors.runtime.actor import Context
from actors.venues.socket_feed import SocketFeed
from models.messages.base import Message
from models.messages.control import RaiseCell
from models.messages.market import FeedCounted
from tests.actors.runtime.worlds import RealWorld

FeedT = TypeVar("FeedT", bound=SocketFeed)


class FeedAtWork(Generic[FeedT]):
    """What a feed `told` those whom it serves, what it said of itself (`counted`), and the `cells` that it raised."""

    def __init__(self, world: RealWorld, name: str) -> None:
        self.world = world
        self.name = name
        self.told: list[Message] = world.record("served")
        self.counted: list[Message] = world.record("board")
        self.cells: list[Any] = world.record("risk")

    def begin(self, start: Callable[[Context], ActorRef[Any]], kind: type[FeedT]) -> FeedT:
        """Start a feed and return it."""
        start(Context(self.name, self.world.threads, "nobody"))
        mailbox = self.world.directory.mailbox(self.name)
        assert mailbox is not None
        assert isinstance(mailbox.owner, kind)
        return mailbox.owner

    def stop(self) -> float:
        """Stop it; return how long that took, in seconds."""
        began = time.monotonic()
        self.world.directory.stop(self.name)
        self.until(lambda: self.world.directory.find(self.name) is None)
        return time.monotonic() - began

    def kinds(self) -> list[type[Message]]:
        return [type(message) for message in self.told]

    def of(self, kind: type[Message]) -> list[Any]:
        return [message for message in self.told if isinstance(message, kind)]

    def until(self, condition: Callable[[], object]) -> None:
        self.world.until(condition, timeout_s=60)


def route(message: Message) -> tuple[str, ...]:
    """Whom a feed tells here."""
    return (
        ("board",) if isinstance(message, FeedCounted) else ("risk",) if isinstance(message, RaiseCell) else ("served",)
    )


@contextmanager
def quiet_world() -> Iterator[RealWorld]:
    """A world in which actors log nothing unless a test wants it."""
    logger.disable("actors")
    world = RealWorld("threads")
    try:
        yield world
    finally:
        world.close()
        logger.enable("actors")
