"""What actors cost over their machines (P3), and how fast a recording is replayed.

P3 sets the engine's machines in a plain loop against the same machines as actors in a simulation, without trace and
journal.

Why the outcomes are compared: a ratio of two loops says something only if both did the same work. Both get the same
messages, and every order, every fill and every position at the end has to be equal. Why they take turns in slices: what
else the machine does then slows both.
"""

import tempfile
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from actors.assembly import Assembly, Plan
from actors.runtime.clock import monotonic_ns
from actors.runtime.dispatcher import Observer
from actors.runtime.machine import Machine
from actors.runtime.timers import Deadlines
from actors.topology import JOURNAL, VENUE
from actors.venues.polymarket.codec import Codec, MalformedFrame
from models.engine import EngineParameters
from models.inventory import InventoryMachine
from models.markets import Catalogue, Market
from models.messages.base import Message
from models.messages.orders import FillCounted, SubmitOrder
from models.messages.position import Position
from models.messages.runtime import WakeAt, Woke
from models.units import DOLLAR, SHARE
from research.bench.stream import START_NS, frames, markets, tokens, write_recording
from research.replay import Replay
from research.simulation import Simulation

_TAG = "bench"
_SLICES = 20
_WALLET = 1_000_000 * DOLLAR

Event = tuple[int, tuple[Message, ...]]
"""What the market says at a time."""


class DifferentWork(Exception):
    """The two sides of a comparison did not do the same."""


class World(Protocol):
    """An engine that is told what the market says."""

    @property
    def machines(self) -> Mapping[str, Machine]: ...
    def tell(self, at_ns: int, messages: Iterable[Message]) -> None: ...


class MachinesAlone:
    """Every machine of a plan in one loop: what the decisions cost when no actor carries them.

    Mail is read in the order of a simulation: who got mail first reads first, and reads what is urgent first.
    """

    def __init__(self, plan: Plan, start_ns: int, observe: Observer | None = None) -> None:
        assembly = Assembly(plan)
        parts = [*assembly.core_parts(), *assembly.event_parts()]
        parts += [part for market in plan.catalogue.markets for part in assembly.market_parts(market)]
        self.machines: dict[str, Machine] = {part.name: part.build(False) for part in parts}
        self.machines[VENUE] = assembly.venue()
        self._steps = {name: machine.step for name, machine in self.machines.items()}
        self._steps[JOURNAL] = self._pass_on
        self._route = assembly.topology(frozenset({JOURNAL, VENUE}), recording=False).route
        self._observe = observe
        self._ready: deque[str] = deque()
        self._mail: dict[str, list[Message]] = {}
        self._deadlines = Deadlines()
        self._now_ns = start_ns

    def tell(self, at_ns: int, messages: Iterable[Message]) -> None:
        """Let the market say something, after all that was due before, and let all machines react."""
        while (due_ns := self._deadlines.next_ns()) is not None and due_ns < at_ns:
            self._now_ns = max(self._now_ns, due_ns)
            name, timer = self._deadlines.pop()
            self._post(name, Woke(timer))
            self._run()
        self._now_ns = max(self._now_ns, at_ns)
        for message in messages:
            for name in self._route(message):
                self._post(name, message)
        self._run()

    def _pass_on(self, order: Message, _: int) -> tuple[Message, ...]:
        """Do what the journal does that keeps nothing."""
        self._post(VENUE, order)
        return ()

    def _post(self, name: str, message: Message) -> None:
        mail = self._mail.get(name)
        if mail is None:
            self._mail[name] = [message]
            self._ready.append(name)
        else:
            mail.append(message)

    def _run(self) -> None:
        ready, waiting, steps, now_ns = self._ready, self._mail, self._steps, self._now_ns
        observe, route, post = self._observe, self._route, self._post
        while ready:
            name = ready.popleft()
            mail = waiting.pop(name)
            if len(mail) > 1:
                mail.sort(key=_lane)
            for message in mail:
                if observe is not None:
                    observe(now_ns, name, message)
                for follow_up in steps[name](message, now_ns):
                    if type(follow_up) is WakeAt:
                        self._deadlines.ask(name, follow_up.at_ns, follow_up.timer)
                    else:
                        for told in route(follow_up):
                            post(told, follow_up)


def actors_over_machines(seconds: float = 60.0, number: int = 10) -> dict[str, float]:
    """Measure P3 once: events per second of so many seconds of so many markets, as actors and by machines alone.

    Raises DifferentWork where the outcomes are not equal.
    """
    traded = markets(number)
    plan = _plan(traded)
    events = _events(traded, seconds)
    seen = _Witness(), _Witness()
    worlds = MachinesAlone(plan, START_NS - 1, seen[0]), Simulation(plan, START_NS - 1, seen[1])
    _play(worlds, events)
    outcomes = [(witness.orders, witness.fills, _positions(world)) for witness, world in zip(seen, worlds, strict=True)]
    if outcomes[0] != outcomes[1]:
        alone, actors = (f"{len(witness.orders)} orders, {len(witness.fills)} fills" for witness in seen)
        raise DifferentWork(f"machines alone: {alone}; as actors: {actors}; or they differ in kind")
    # What was watched is not what is measured: the same once more, unseen.
    machines_ns, actors_ns = _play((MachinesAlone(plan, START_NS - 1), Simulation(plan, START_NS - 1)), events)
    return {
        "ratio": machines_ns / actors_ns,
        "actors_events_per_s": len(events) * 1e9 / actors_ns,
        "machines_events_per_s": len(events) * 1e9 / machines_ns,
        "orders": len(seen[0].orders),
        "fills": len(seen[0].fills),
    }


def replay(seconds: float = 60.0, number: int = 10) -> dict[str, float]:
    """Measure a replay, with its trace: events per second from the bytes of a recording to its report."""
    with tempfile.TemporaryDirectory(prefix="keel-bench-") as folder:
        path = Path(folder) / "stream.jsonl"
        write_recording(path, number, seconds)
        player = Replay([path], {_TAG: "maker"}, _parameters())
        began_ns = monotonic_ns()
        report = player.run()
        ended_ns = monotonic_ns()
    return {
        "events_per_s": report["events"] * 1e9 / (ended_ns - began_ns),
        "orders": report["orders"],
        "fills": report["fills"],
    }


class _Witness:
    """Keeps every order that reaches the venue and every fill that is booked."""

    def __init__(self) -> None:
        self.orders: list[SubmitOrder] = []
        self.fills: list[FillCounted] = []

    def __call__(self, now_ns: int, name: str, message: Message) -> None:
        if name == VENUE and isinstance(message, SubmitOrder):
            self.orders.append(message)
        elif isinstance(message, FillCounted) and name.startswith("inventory/"):
            self.fills.append(message)


def _play(worlds: tuple[World, World], events: list[Event]) -> tuple[int, int]:
    """Let both worlds hear all events, taking turns; return the nanoseconds that each took."""
    taken_ns = [0, 0]
    size = -(-len(events) // _SLICES)
    for start in range(0, len(events), size):
        for side, world in enumerate(worlds):
            began_ns = monotonic_ns()
            for at_ns, messages in events[start : start + size]:
                world.tell(at_ns, messages)
            taken_ns[side] += monotonic_ns() - began_ns
    return taken_ns[0], taken_ns[1]


def _events(traded: tuple[Market, ...], seconds: float) -> list[Event]:
    codec = Codec(tokens(traded))
    events: list[Event] = []
    for at_ns, frame in frames(traded, seconds):
        decoded = codec.decode(frame, at_ns)
        events.append((at_ns, tuple(one for one in decoded if not isinstance(one, MalformedFrame))))
    return events


def _plan(traded: tuple[Market, ...]) -> Plan:
    catalogue = Catalogue({market.id: market for market in traded})
    return Plan(catalogue, {_TAG: "maker"}, _parameters(), "paper", "bench", 1)


def _parameters() -> EngineParameters:
    """Return the small account's, with caps that many markets do not reach."""
    defaults = EngineParameters()
    return replace(
        defaults,
        book=replace(defaults.book, tape_is_proof=True),
        maker=replace(defaults.maker, bid_size=5 * SHARE),
        inventory=replace(defaults.inventory, max_net_diff=10 * SHARE, max_position_value=10 * DOLLAR),
        risk=replace(defaults.risk, wallet_usd=_WALLET),
        paper=replace(defaults.paper, cash=_WALLET),
    )


def _positions(world: World) -> dict[str, Position]:
    return {name: machine.position for name, machine in world.machines.items() if isinstance(machine, InventoryMachine)}


def _lane(message: Message) -> int:
    return message.lane
