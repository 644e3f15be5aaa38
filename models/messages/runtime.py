"""The actor runtime's own messages: deadlines, deaths, and what its watchdog and mailboxes have to say.

Why none of the supervision events has a conflation key: `ActorFailed`, `ActorRestarted`, `ActorFailed` must arrive as
three events in this order. A key would put the second failure in the place of the first, and the reader would believe
that the actor is up.
"""

from collections.abc import Hashable
from typing import ClassVar

from models.messages.base import Lane, Message


class WakeAt(Message, frozen=True):
    """Ask for `Woke(timer)` at a deadline. Returned by a machine; its shell keeps it, it is never routed.

    A later `WakeAt` with the same `timer` replaces the earlier one; `at_ns=None` cancels it. A deadline that has passed
    is due at once.
    """

    at_ns: int | None
    timer: str = ""


class Woke(Message, frozen=True):
    """A deadline asked for with `WakeAt` has come. It always says the same, so two deaths on it have no one cause."""

    lane: ClassVar[Lane] = Lane.MARKET
    dispensable: ClassVar[bool] = False
    timer: str = ""

    @property
    def key(self) -> Hashable:
        return self.timer


class MailOverflowed(Message, frozen=True):
    """A lane of a mailbox went beyond its bound.

    MARKET: all raw mail of that mailbox was dropped; told to the actor itself, which raises its epoch and asks for a
    snapshot. ORDER: nothing was dropped; given to the runtime's owner, who halts and reconciles the market.
    `dropped` counts over the life of the mailbox, so that a newer message may replace a waiting one.
    """

    lane: ClassVar[Lane] = Lane.CONTROL
    name: str
    overflowed: Lane
    dropped: int

    @property
    def key(self) -> Hashable:
        return (self.name, self.overflowed)


class DeadLettered(Message, frozen=True):
    """A message was not handled: `reason` is one of the `Reason`s of `actors.runtime.dead_letters`."""

    lane: ClassVar[Lane] = Lane.CONTROL
    actor: str
    reason: str
    message: Message


class ActorDown(Message, frozen=True):
    """An actor has ended; told to its supervisor only. `error` is None if it stopped in good order.

    `urn` names the incarnation, so that a stale notice is known as such. `digest` identifies the message that was being
    handled (empty if none was), so that a poison message is found when it comes again.
    """

    lane: ClassVar[Lane] = Lane.CONTROL
    name: str
    urn: str
    error: str | None
    handling: str = ""
    digest: str = ""


class ActorFailed(Message, frozen=True):
    """An actor died and will be restarted, quarantined or escalated. Told by its supervisor to the listeners."""

    lane: ClassVar[Lane] = Lane.CONTROL
    name: str
    scope: str
    """What the supervisor is responsible for: a market, a group, or empty for the global actors."""
    error: str
    handling: str = ""


class ActorRestarted(Message, frozen=True):
    """A new incarnation of an actor runs, empty: it has to be given its state again."""

    lane: ClassVar[Lane] = Lane.CONTROL
    name: str
    scope: str
    restarts: int
    """How often this supervisor has restarted it; 0: it begins anew, with its supervisor or after a planned stop."""


class ActorQuarantined(Message, frozen=True):
    """A supervisor gave up on its children: they are stopped and stay so until a person starts them again."""

    lane: ClassVar[Lane] = Lane.CONTROL
    name: str
    scope: str
    reason: str


class HandlerSlow(Message, frozen=True):
    """A handler held a shared worker longer than it may; (market, runtime) becomes CANCEL_ONLY."""

    lane: ClassVar[Lane] = Lane.CONTROL
    name: str
    handling: str
    age_ns: int

    @property
    def key(self) -> Hashable:
        return self.name


class HandlerRecovered(Message, frozen=True):
    """An actor that was slow has not been so for a while; whoever limited it may lift that again."""

    lane: ClassVar[Lane] = Lane.CONTROL
    name: str


class HandlerStuck(Message, frozen=True):
    """A handler has been running for seconds. Beyond the limit the process aborts."""

    lane: ClassVar[Lane] = Lane.CONTROL
    name: str
    handling: str
    age_ns: int
    stack: str

    @property
    def key(self) -> Hashable:
        return self.name


class ControlMailLate(Message, frozen=True):
    """CONTROL mail of an actor has been waiting for too long."""

    lane: ClassVar[Lane] = Lane.CONTROL
    name: str
    age_ns: int

    @property
    def key(self) -> Hashable:
        return self.name
