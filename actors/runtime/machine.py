"""The shell of everything that decides: a machine in a mailbox."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias

from actors.runtime.actor import BaseActor, Context
from models.messages.base import Message
from models.messages.runtime import WakeAt

Route: TypeAlias = Callable[[Message], Iterable[str]]
"""Names of those who get a message that a machine has returned."""


class Machine(Protocol):
    """State and decisions, without input, output, clock, threads or chance."""

    def step(self, message: Any, now_ns: int, /) -> tuple[Message, ...]:
        """Take one message; return what follows from it."""
        ...


class MachineActor(BaseActor):
    """Steps a machine with its mail, keeps the deadlines it asks for, and sends on what comes out.

    The machine is built when the actor starts, so a restart begins with a new one. An ask is answered with what the
    step returned, which is sent on all the same.
    """

    def __init__(self, context: Context, machine: Callable[[], Machine], route: Route) -> None:
        super().__init__(context)
        self._build = machine
        self._route = route
        self._send = context.send
        self._observe = context.dispatcher.observe

    def on_start(self) -> None:
        self._step = self._build().step

    def on_receive(self, message: Any) -> tuple[Message, ...]:
        now_ns = self.actor_inbox.now_ns
        if self._observe is not None:
            self._observe(now_ns, self.context.name, message)
        out = self._step(message, now_ns)
        for follow_up in out:
            if type(follow_up) is WakeAt:
                self.context.wake_at(follow_up.at_ns, follow_up.timer)
            else:
                for name in self._route(follow_up):
                    self._send(name, follow_up)
        return out
