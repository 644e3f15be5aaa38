"""A journal between an executor and a venue that remember what they were told, under a virtual clock."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.runtime.actor import BaseActor, Context
from actors.runtime.dead_letters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.mailbox import Mailbox
from actors.runtime.simulation import SimDispatcher
from actors.runtime.surroundings import Emergency
from actors.store.journal import JournalActor, Outlets
from actors.store.tape import Place
from actors.store.writer import Writer
from models.messages.base import Message
from models.messages.orders import SubmitOrder
from models.messages.recall import RecallAsked, Recalled, RecallEnded
from models.storage import JournalParameters

SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND


class Listener(BaseActor):
    """Hands on what it is told."""

    def __init__(self, context: Context, told: Callable[[Message], object]) -> None:
        super().__init__(context)
        self._told = told

    def on_receive(self, message: Any) -> None:
        self._told(message)


class Desk:
    """A journal between an executor and a venue that remember what they were told."""

    def __init__(self, url: str, folder: Path, parameters: JournalParameters) -> None:
        self.venue: list[Message] = []
        self.executor: list[Message] = []
        self.risk: list[Message] = []
        self.closed: list[str] = []
        self.given_up: list[str] = []
        self.on_venue: Callable[[Message], object] = self.venue.append
        self.on_committed: Callable[[SubmitOrder], object] = lambda _: None
        self.chain: list[Message] = []
        self.on_chain: Callable[[Message], object] = self.chain.append
        self.order_of_events: list[str] = []
        self.places: dict[int, Place] = {}
        self.emergency = folder / "emergency.jsonl"
        self.dispatcher = SimDispatcher(Directory(DeadLetters()), Emergency(pytest.fail, lambda _: None), START)
        self.writer = Writer(url, START)
        Listener.start(Context("venue", self.dispatcher), self._told_venue)
        Listener.start(Context("chain", self.dispatcher), self._told_chain)
        Listener.start(Context("executor", self.dispatcher), self._told_executor)
        Listener.start(Context("risk", self.dispatcher), self._told_risk)
        self.outlets = Outlets(
            "venue", "executor", self._close_gate, self.emergency, self.places.get,
            hold_gate=lambda _: self.order_of_events.append("hold"),
            release_gate=lambda: self.order_of_events.append("release"),
            operations="chain",
            open_gate=lambda: self.order_of_events.append("open"),
            give_up=self.given_up.append,
            committed=self._committed,
        )  # fmt: skip
        context = Context("journal", self.dispatcher, "core")
        self.ref = JournalActor.start(context, self.writer, parameters, self.outlets)
        self.dispatcher.run_until(START)

    @property
    def mailbox(self) -> Mailbox:
        found = self.dispatcher.directory.mailbox("journal")
        assert found is not None
        return found

    def tell(self, *messages: Message) -> None:
        for message in messages:
            self.dispatcher.deliver("journal", message)
        self.dispatcher.run_ready()

    def wait(self, seconds: float) -> None:
        self.dispatcher.run_until(self.dispatcher.now_ns() + int(seconds * SECOND))

    def break_database(self) -> None:
        """Take away a table that every durable message needs."""
        self.writer.database.execute_sql("ALTER TABLE journal RENAME TO lost")

    def mend_database(self) -> None:
        self.writer.database.execute_sql("ALTER TABLE lost RENAME TO journal")

    def _committed(self, order: SubmitOrder) -> None:
        self.on_committed(order)

    def _close_gate(self, reason: str) -> None:
        self.closed.append(reason)
        self.order_of_events.append("gate")

    def _told_venue(self, message: Message) -> None:
        self.on_venue(message)

    def _told_chain(self, message: Message) -> None:
        self.on_chain(message)

    def _told_executor(self, message: Message) -> None:
        self.executor.append(message)
        self.order_of_events.append("executor")

    def _told_risk(self, message: Message) -> None:
        self.risk.append(message)
        self.order_of_events.append("risk")

    def start_again(self, parameters: JournalParameters | None = None) -> None:
        context = Context("journal", self.dispatcher)
        JournalActor.start(context, self.writer, parameters or JournalParameters(), self.outlets)

    def recall(self) -> list[Message]:
        """Read the chain page by page, as an executor does; return the entries."""
        after, entries = 0, []
        while True:
            self.executor.clear()
            self.tell(RecallAsked(after))
            match self.executor:
                case [Recalled() as page]:
                    entries += [message for _, message in page.entries]
                    after = page.last
                case said:
                    assert said == [RecallEnded()]
                    return entries

    def stop(self) -> None:
        self.dispatcher.directory.stop("journal")
        self.dispatcher.run_ready()
