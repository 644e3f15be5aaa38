"""The answer to an ask, under every dispatcher.

Why one class and no module variable: pykka makes futures on the actor *class* (`_create_future` is static) and again in
`ref.stop()` (`type(future)()`), so a future cannot be given its dispatcher when it is made. The mailbox knows its
dispatcher and sees the future before anyone waits for it: there a simulation puts its pump in. Two simulations can so
live in one process, which one variable per module would forbid.
"""

from collections.abc import Callable
from threading import local
from typing import Any, TypeVar

from pykka import ThreadingFuture

T = TypeVar("T")

_thread = local()


class AskDeadlock(RuntimeError):
    """Nobody would ever answer: an actor waits for an actor, or a simulation has nothing left to run."""


def forbid_waiting() -> None:
    """Mark this thread as one that runs actors: waiting for an answer here could be waiting for oneself."""
    _thread.runs_actors = True


class ActorFuture(ThreadingFuture[T]):
    """A future whose `get` refuses to wait inside an actor; in a simulation it runs the actors until it is answered."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = False
        self.pump: Callable[[ActorFuture[Any]], None] | None = None

    def set(self, value: Any | None = None) -> None:
        super().set(value)
        self.answered = True

    def set_exception(self, exc_info: Any = None) -> None:
        super().set_exception(exc_info)
        self.answered = True

    def get(self, *, timeout: float | None = None) -> Any:
        """Return the answer.

        Raises:
            AskDeadlock: called inside an actor, or nothing in the simulation will answer.
            pykka.Timeout: no answer within `timeout` seconds.
        """
        if not self.answered:
            if getattr(_thread, "runs_actors", False):
                raise AskDeadlock("an actor waits for an answer; between actors only tell")
            if self.pump is not None:
                self.pump(self)
        return super().get(timeout=timeout)
