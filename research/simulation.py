"""The production actors on one thread under a virtual clock: what replay, backtest and simulation tests run on.

Why the real supervision tree: a replay that skipped it would not be the system that trades. Only the dispatcher, the
clock and the journal are other ones: it keeps its chain in memory, or nothing, and then a death of the core is the end.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from random import Random
from typing import TypeVar

from actors.assembly import Assembly, Plan
from actors.redelivery import Redelivery
from actors.runtime.actor import Context
from actors.runtime.dead_letters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.dispatcher import Observer
from actors.runtime.machine import Machine, MachineActor
from actors.runtime.simulation import SimDispatcher
from actors.runtime.surroundings import Emergency
from actors.store.journal import MemoryJournal
from actors.system import ROOT, Outside, Runners, System
from actors.topology import JOURNAL, VENUE
from actors.venues.paper import surviving
from models.messages.base import Message
from models.messages.recall import Chained
from models.messages.runtime import MailOverflowed

MachineT = TypeVar("MachineT")


class EngineFailed(RuntimeError):
    """The engine gave up: a part of it died and could not be mended."""


class Simulation:
    """One engine in a simulation. `observe` is called before every step with the time, the actor and the message.

    `keeps`: what a core that dies is rebuilt from is kept, for the whole run. `built` is told of every machine made.
    """

    def __init__(
        self,
        plan: Plan,
        start_ns: int,
        observe: Observer | None = None,
        *,
        keeps: bool = False,
        built: Callable[[str, Machine], object] = lambda _name, _machine: None,
    ) -> None:
        self.machines: dict[str, Machine] = {}
        self.steps: Counter[type[Message]] = Counter()
        self.dead_letters = DeadLetters()
        self._directory = Directory(self.dead_letters)
        emergency = Emergency(_give_up, _overflowed)
        self._dispatcher = SimDispatcher(self._directory, emergency, start_ns, observe)
        self.chain: list[tuple[int, Chained]] | None = [] if keeps else None
        self._built = built
        assembly = Assembly(plan, self._made)
        present = frozenset({JOURNAL, VENUE} if plan.mode == "paper" else {JOURNAL})
        topology = assembly.topology(present, recording=keeps)
        self._route = topology.route
        venue = None
        if plan.mode == "paper":
            exchange = surviving(assembly.venue())
            venue = lambda context: MachineActor.start(context, exchange, topology.route)  # noqa: E731
        watchers = (JOURNAL,) if keeps else ()
        outside = Outside(lambda context: MemoryJournal.start(context, VENUE, self.chain), venue, watchers=watchers)
        runners = Runners(self._dispatcher, self._dispatcher, self._dispatcher)
        abort = self._dispatcher.emergency.abort
        redelivery = Redelivery(self._directory, topology.route, self._dispatcher.clock, abort)
        system = System(assembly, topology, runners, outside, redelivery.deliver, Random(plan.seed).random)
        system.start_root(Context(ROOT, self._dispatcher))
        self._dispatcher.run_ready()

    @property
    def now_ns(self) -> int:
        """The virtual time."""
        return self._dispatcher.now_ns()

    def tell(self, at_ns: int, messages: Iterable[Message]) -> None:
        """Let the world say something at a time, after everything that was due before, and let all actors react."""
        self._dispatcher.advance(at_ns)
        for message in messages:
            for name in self._route(message):
                self._directory.send(name, message)
        self._dispatcher.run_ready()

    def run_until(self, at_ns: int) -> None:
        """Let everything happen that is due up to a time."""
        self._dispatcher.run_until(at_ns)

    def machine(self, name: str, kind: type[MachineT]) -> MachineT:
        """Return the machine of an actor for a report. Raises KeyError or TypeError."""
        found = self.machines[name]
        if not isinstance(found, kind):
            raise TypeError(f"{name} is a {type(found).__name__}, not a {kind.__name__}")
        return found

    def _made(self, name: str, machine: Machine) -> None:
        self.machines[name] = machine
        self._built(name, machine)


def _give_up(reason: str) -> None:
    raise EngineFailed(reason)


def _overflowed(overflow: MailOverflowed) -> None:
    raise EngineFailed(f"the ORDER mail of {overflow.name} is beyond its bound")
