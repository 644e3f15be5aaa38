"""The paper venue in its mailbox, behind the same gate that a live lane has.

Why one machine over all restarts: a venue is outside. When our actor dies, the orders that it took still stand, and the
money is still on the account; a new machine would be a venue that forgot us.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from actors.runtime.actor import Context
from actors.runtime.machine import MachineActor, Route
from models.gate_parameters import Leaving
from models.messages.base import Message
from models.messages.orders import OrderNotJournalled, SubmitOrder
from models.paper.exchange import PaperMachine


class Gate(Protocol):
    """The last point that every order passes."""

    def passes(self, leaving: Sequence[Leaving]) -> AbstractContextManager[str | None]:
        """Hold it for the hand-over of orders; yields why they may not leave, None where they may."""
        ...


class PaperVenue(MachineActor):
    """Hands orders to the exchange while the gate lets them; an order that the gate stops was never sent."""

    def __init__(self, context: Context, machine: PaperMachine, route: Route, gate: Gate) -> None:
        super().__init__(context, surviving(machine), route)
        self._gate = gate
        self._tell = route

    def on_receive(self, message: Any) -> tuple[Message, ...]:
        if not isinstance(message, SubmitOrder):
            return super().on_receive(message)
        with self._gate.passes((Leaving(message.order_id, message.order),)) as refusal:
            if refusal is None:
                return super().on_receive(message)
        stopped = OrderNotJournalled(message.order_id, f"gate: {refusal}")
        for name in self._tell(stopped):
            self.context.send(name, stopped)
        return (stopped,)


def surviving(machine: PaperMachine) -> Callable[[], PaperMachine]:
    """Return what a `MachineActor` builds its machine with: always this one, asked anew for its deadline."""

    def build() -> PaperMachine:
        machine.reconnect()
        return machine

    return build
