"""The shell of a machine that takes a dead one's place: first it is recalled what that one knew, then it has its mail.

Why what comes meanwhile is held here and given back to the mailbox afterwards, before all that is newer: a report of
the venue means nothing to an executor that does not know the order, and a resume must not be read before the pause that
was said first. Handled one by one as ordinary mail, a message that kills is still known as the one that killed; and
whatever is held when the actor dies again goes to the dead letters, as any unread mail does.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol, runtime_checkable

from actors.runtime.actor import Context
from actors.runtime.dead_letters import Reason
from actors.runtime.machine import Machine, MachineActor, Route
from models.cells import TradingState
from models.messages.base import MarketId, Message
from models.messages.control import CellNote, TradingStateChanged
from models.messages.recall import RecallAsked, Recalled, RecallEnded
from models.repeats import Repeats
from models.venue_account import RECOVERY

RECALLING: Final = "what is held and open is being read back from the journal"
"""Why nothing leaves as long as the core does not know what an earlier one knew."""

_HELD_MAX: Final = 10_000


@runtime_checkable
class Recallable(Machine, Protocol):
    """A machine that is rebuilt from the journal's chain."""

    def recall(self, entry: Any, at_ns: int, /) -> None:
        """Learn what was journalled at a time; nothing follows from it."""
        ...

    def meanwhile(self, message: Any, now_ns: int, /) -> tuple[Message, ...] | None:
        """Answer what cannot wait until all is recalled; None for what can."""
        ...

    def recalled(self, now_ns: int, /) -> tuple[Message, ...]:
        """Return what the others must be told now that all is recalled."""
        ...


class RecoveringActor(MachineActor):
    """`asks`: it turns the pages for all who are recalled to. It is the one that was started last."""

    def __init__(self, context: Context, machine: Callable[[], Machine], route: Route, *, asks: bool = False) -> None:
        super().__init__(context, machine, route)
        self._asks = asks
        self._held: list[Message] = []
        self._repeats = Repeats()

    def on_start(self) -> None:
        machine = self._build()
        if not isinstance(machine, Recallable):
            raise TypeError(f"a {type(machine).__name__} cannot take the place of a dead one")
        self._machine = machine
        self._step = self._recover
        self._ask(0)

    def on_end(self) -> None:
        for message in self._held:
            self._bury(message, Reason.UNREAD)

    def _recover(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        """Stands in for the machine's step until all is recalled."""
        match message:
            case Recalled():
                for at_ns, entry in message.entries:
                    for news in self._repeats.news(entry):
                        self._machine.recall(news, at_ns)
                self._ask(message.last)
                return ()
            case RecallEnded():
                out = self._machine.recalled(now_ns)
                self._step, self._repeats = self._machine.step, Repeats()
                held, self._held = self._held, []
                self.actor_inbox.give_back(held)
                return out
            case _:
                answer = self._machine.meanwhile(message, now_ns)
                return self._hold(message) if answer is None else answer

    def _hold(self, message: Message) -> tuple[Message, ...]:
        if len(self._held) >= _HELD_MAX:
            raise OverflowError(f"{_HELD_MAX} messages came before all was recalled")
        self._held.append(message)
        return ()

    def _ask(self, after: int) -> None:
        question = RecallAsked(after)
        for name in self._route(question) if self._asks else ():
            self.context.send(name, question)


def recalling(markets: Iterable[MarketId], now_ns: int) -> Iterator[TradingStateChanged]:
    """Return what people are shown of markets until risk knows more: it says all when it has been recalled."""
    cell = CellNote("all", RECOVERY, TradingState.CANCEL_ONLY, RECALLING, now_ns)
    for market in markets:
        yield TradingStateChanged(market, TradingState.CANCEL_ONLY, (cell,), now_ns)
