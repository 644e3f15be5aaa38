"""What the actors of an engine say to each other, heard where it is routed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from models.messages.base import Message
from tests.faults.live_engine import LiveEngine

Kind = TypeVar("Kind", bound=Message)


class Overheard:
    """Messages of some kinds, in the order in which they were sent."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def of(self, kind: type[Kind], market: str | None = None) -> list[Kind]:
        """Those of a kind, of one market or of all."""
        return [one for one in tuple(self.all) if type(one) is kind and market in (None, getattr(one, "market", None))]


@contextmanager
def overheard(running: LiveEngine, *kinds: type[Message]) -> Iterator[Overheard]:
    """Hear what is said, from now on."""
    routes = running.engine._topology._routes
    before = {kind: routes[kind] for kind in kinds}
    heard = Overheard()

    def tapped(kind: type[Message]) -> Any:
        def route(message: Message) -> Any:
            heard.all.append(message)
            return before[kind](message)

        return route

    routes |= {kind: tapped(kind) for kind in kinds}
    try:
        yield heard
    finally:
        routes |= before
