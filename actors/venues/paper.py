"""The paper venue in its mailbox.

Why one machine over all restarts: a venue is outside. When our actor dies, the orders that it took still stand, and the
money is still on the account; a new machine would be a venue that forgot us.
"""

from collections.abc import Callable

from models.paper.exchange import PaperMachine


def surviving(machine: PaperMachine) -> Callable[[], PaperMachine]:
    """Return what a `MachineActor` builds its machine with: always this one, asked anew for its deadline."""

    def build() -> PaperMachine:
        machine.reconnect()
        return machine

    return build
