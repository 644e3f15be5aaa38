"""What mailboxes, actors and dispatchers know of each other."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from pykka import ActorRef, Future

from actors.runtime.clock import Clock
from actors.runtime.dead_letters import DeadLetters
from models.messages.runtime import MailOverflowed

STUCK_AFTER_NS: Final = 2_000_000_000
"""A handler that runs longer than this and waits for nothing outside hangs."""

if TYPE_CHECKING:
    from actors.runtime.mailbox import Mailbox


@dataclass(frozen=True, slots=True)
class Emergency:
    """What only the owner of the process can do; given by the composition root."""

    abort: Callable[[str], object]
    """Close the gate and end the process; the argument says why."""
    order_overflowed: Callable[[MailOverflowed], object]
    """Halt and reconcile what this actor serves: its ORDER lane is beyond its bound."""
    hide: Callable[[str], str] = str
    """Takes the secrets that this process knows out of what an actor died of: it is told, stored and shown."""


class Owner(Protocol):
    """The part of an actor that runs it in a dispatcher."""

    batch: ClassVar[int]
    critical: ClassVar[bool]
    patience_ns: ClassVar[int]
    actor_urn: str
    actor_stopped: Event

    @property
    def actor_inbox(self) -> "Mailbox": ...
    @property
    def actor_ref(self) -> ActorRef[Any]: ...
    def take_turn(self) -> None: ...
    def abandon(self, error: BaseException) -> None: ...
    def give_up(self) -> None: ...


class Scheduler(Protocol):
    """Who gives a mailbox its turns."""

    def ready(self, mailbox: "Mailbox", urgent: bool) -> None:
        """Queue a mailbox that had no mail."""
        ...

    def promote(self, mailbox: "Mailbox") -> None:
        """Let a queued mailbox go first: urgent mail has come."""
        ...


class Surroundings(Protocol):
    """What a mailbox needs of the dispatcher it is bound to."""

    @property
    def clock(self) -> Clock: ...
    @property
    def dead_letters(self) -> DeadLetters: ...
    @property
    def emergency(self) -> Emergency: ...
    def will_answer(self, future: Future[Any]) -> None:
        """Prepare the future of an ask before anyone waits for it."""
        ...
