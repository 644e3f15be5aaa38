"""Addresses by name. Nobody holds the reference of another actor, so a restart leaves none stale.

Why `send` stands here: it is the only place that tells. Whatever goes wrong with an address (nobody there, dead, busy)
becomes a dead letter and the answer False, so that no actor dies of its neighbour's death. It posts to the mailbox
itself: what pykka's `tell` would add, a look whether the actor is alive, the mailbox knows better.
"""

from threading import Lock
from typing import Any

from pykka import ActorDeadError, ActorRef

from actors.runtime.dead_letters import DeadLetters, Reason
from actors.runtime.mailbox import Mailbox, MailboxFull
from actors.runtime.pykka_inside import ActorStop, Envelope
from models.messages.base import Message


class Directory:
    """The names of all running actors of a process."""

    def __init__(self, dead_letters: DeadLetters) -> None:
        self.dead_letters = dead_letters
        self._mailboxes: dict[str, Mailbox] = {}
        self._ever: set[str] = set()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._mailboxes)

    def names(self) -> tuple[str, ...]:
        """Return all names, oldest first."""
        return tuple(self._mailboxes)

    def has_run(self, name: str) -> bool:
        """Tell whether an actor has, or ever had, this name."""
        return name in self._ever

    def find(self, name: str) -> ActorRef[Any] | None:
        """Return who has a name now: for asks from outside the actors, not to be kept."""
        mailbox = self._mailboxes.get(name)
        owner = None if mailbox is None else mailbox.owner
        return None if owner is None else owner.actor_ref

    def mailbox(self, name: str) -> Mailbox | None:
        """Return the mailbox behind a name, for those who show how it is doing."""
        return self._mailboxes.get(name)

    def send(self, name: str, message: Message) -> bool:
        """Tell an actor; False if it did not take the message, which then is a dead letter."""
        mailbox = self._mailboxes.get(name)
        if mailbox is None:
            reason = Reason.UNKNOWN
        else:
            try:
                mailbox.post(message)
            except ActorDeadError:
                reason = Reason.DEAD
            except MailboxFull:
                reason = Reason.BUSY
            else:
                return True
        self.dead_letters.bury(name, message, reason)
        return False

    def stop(self, name: str) -> bool:
        """Ask an actor to stop, ahead of its other mail, without waiting. False if it has ended already."""
        mailbox = self._mailboxes.get(name)
        if mailbox is None:
            return False
        try:
            mailbox.put(Envelope(ActorStop()))
        except ActorDeadError:
            return False
        return True

    def add(self, name: str, mailbox: Mailbox) -> None:
        """Give an actor its name.

        Raises:
            ValueError: another actor has it.
        """
        with self._lock:
            if name in self._mailboxes:
                raise ValueError(f"{name} is running already")
            self._mailboxes[name] = mailbox
            self._ever.add(name)

    def remove(self, name: str, urn: str) -> bool:
        """Take a name from the incarnation `urn`. False if it has it no longer: a newer one keeps it."""
        with self._lock:
            mailbox = self._mailboxes.get(name)
            if mailbox is not None and mailbox.owner is not None and mailbox.owner.actor_urn == urn:
                del self._mailboxes[name]
                return True
        return False
