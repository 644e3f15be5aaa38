"""Orders that leave while something closes the gate to them: what arrives when that has returned was too late.

Threads write through the transport and the gate of the product onto sockets; at the other end of each somebody reads
(`races_ear`). What closes is said in the midst of it, at a moment of chance: a kill in every way there is, a state or a
book epoch of one market, the loss of the lease, a fault, a repair.

Why a signal counts only once the gate was looked at: its handler may take no lock, so the write that it interrupts goes
on. Whoever carries it out looks at the gate first. The same goes for a file that anybody leaves, and for a lease.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Thread  # noqa: TID251 - the lanes of a proof, which has no dispatcher
from typing import Final, NamedTuple, TypeAlias

from actors.gate import Door, Gate
from actors.venues.gated_transport import GateClosed
from actors.venues.http_client import HttpClient
from models.cells import TradingState
from models.gate_parameters import Leaving
from models.markets import YES, Side
from models.messages.control import CellNote, Kill, KillLatched, TradingStateChanged
from models.messages.market import BookEpochChanged
from models.messages.orders import OrderApproved, PlaceOrder, SubmitOrder
from models.orders import TimeInForce
from models.units import SHARE
from research.prove.races_ear import Ear
from research.prove.races_outside import Outside
from research.prove.witness import Findings

Made: TypeAlias = Callable[[Path], Gate]
"""Makes the gate of a latch."""
Attempt: TypeAlias = Callable[[Random, Findings, Counter[str]], object]
"""Runs a race once: with parameters of chance, noting what it finds and what it counts."""

MARKETS: Final = ("a", "b")
_NONE: Final = frozenset[str]()
_LANES: Final = 4
_REQUESTS: Final = 8
"""How many each lane has to send; the moment of chance lies among the first of them."""
_ORDERS: Final = 3
_TRIES_AFTER: Final = 3
_PATIENCE_S: Final = 20.0
_SPIN_S: Final = 0.0001
_YOUNG: Final = 1 << 62
"""A wish from the far future: an order's age is not what is raced here, and threads stand still for long."""


class Scene:
    """One gate, and those who tell it what they approve and commit."""

    def __init__(self, gate: Gate, latch: Path, outside: Outside) -> None:
        self.gate = gate
        self.latch = latch
        self.outside = outside
        self._numbers = count()

    def say(self, message: Kill | KillLatched | TradingStateChanged | BookEpochChanged | OrderApproved) -> None:
        """Say what the gate hears."""
        self.gate.hears[type(message)](message)

    def ready(self, market: str) -> Leaving:
        """Return an order that was approved and committed."""
        name = f"{market}{next(self._numbers)}"
        order = PlaceOrder(name, "tag", market, YES, Side.BUY, 4_800, SHARE, True, TimeInForce.GTC, "race", 1, _YOUNG)
        self.say(OrderApproved(order, 0))
        self.gate.committed(SubmitOrder(name, order, 0))
        return Leaving(name, order, name.encode())


class Change(NamedTuple):
    """What closes the gate to the orders of `markets` that were approved before; `lets` out later ones of these."""

    close: Callable[[Scene], object]
    markets: frozenset[str] = frozenset(MARKETS)
    lets: frozenset[str] = _NONE


def _state(state: TradingState, source: str) -> Callable[[Scene], object]:
    cells = (CellNote("market a", source, state, "race", 0),)
    return lambda scene: scene.say(TradingStateChanged("a", state, cells, 0))


def _tripped(scene: Scene) -> None:
    scene.gate.trip("SIGUSR2")
    scene.gate.look()


def _touched(scene: Scene) -> None:
    scene.latch.touch()
    scene.gate.look()


def _lease_lost(scene: Scene) -> None:
    scene.gate.lease = lambda: "the lease is lost"
    scene.gate.look()


_A, _B = frozenset("a"), frozenset("b")
KILLS: Final[Mapping[str, Change]] = {
    "kill()": Change(lambda scene: scene.gate.kill("race", "test")),
    "the command": Change(lambda scene: scene.say(Kill("race", "request", "test"))),
    "a limit of risk": Change(lambda scene: scene.say(KillLatched("race", 0))),
    "a signal": Change(_tripped),
    "a file": Change(_touched),
    "another process": Change(lambda scene: scene.outside.ask(f"kill {scene.latch}")),
}
CHANGES: Final[Mapping[str, Change]] = {
    "HALTED": Change(_state(TradingState.HALTED, "operator"), _A, _B),
    "CANCEL_ONLY": Change(_state(TradingState.CANCEL_ONLY, "feed"), _A, _B),
    "REDUCING": Change(_state(TradingState.REDUCING, "operator"), _A, _A | _B),
    "a fuse": Change(_state(TradingState.CANCEL_ONLY, "flow"), _A, _A | _B),
    "a book epoch": Change(lambda scene: scene.say(BookEpochChanged("a", 2, 100, "gap")), _A, _B),
    "a lost lease": Change(_lease_lost),
    "a fault": Change(lambda scene: scene.gate.close("race")),
    "a repair": Change(lambda scene: scene.gate.hold("race")),
}


class OrderRace:
    """Lanes against one of `changes`."""

    def __init__(self, latch: Path, changes: Mapping[str, Change], made: Made, ear: Ear, outside: Outside) -> None:
        self._latch = latch
        self._changes = changes
        self._made = made
        self._ear = ear
        self._outside = outside
        self._ways = [_Way() for _ in range(_LANES)]
        self.clients = [HttpClient(ear.url, way) for way in self._ways]

    def attempt(self, random: Random, findings: Findings, figures: Counter[str]) -> None:
        """Race once."""
        name, change = random.choice(list(self._changes.items()))
        scene = Scene(self._made(self._latch), self._latch, self._outside)
        lanes = [_Lane(scene, way, client) for way, client in zip(self._ways, self.clients, strict=True)]
        lanes = lanes[: random.randint(1, _LANES)]
        for lane in lanes:
            lane.load(random)
        ear = self._ear
        ear.arrived.clear()
        moment = random.randrange(4 * len(lanes))
        for lane in lanes:
            lane.start()
        while len(ear.arrived) < moment and any(lane.is_alive() for lane in lanes):
            Event().wait(_SPIN_S)
        change.close(scene)
        marked = ear.mark()
        figures["in the midst of orders"] += any(lane.waiting for lane in lanes)
        for lane in lanes:
            lane.join(_PATIENCE_S)
        sent = ear.mark()

        late = [order for order in ear.arrived[marked:] if order[0] in change.markets]
        findings.hold("no order left when the gate was closed to it", not late, lambda: f"{name}: late {late}")
        hang = [lane.name for lane in lanes if lane.is_alive()]
        findings.hold("no lane hangs", not hang, lambda: f"{name}: {hang}")
        trouble = [lane.trouble for lane in lanes if lane.trouble]
        findings.hold("a closed gate is all that stops a lane", not trouble, lambda: f"{name}: {trouble}")
        findings.hold(
            "what the gate let out is what came", scene.gate.left == sent, lambda: f"{scene.gate.left}, {sent}"
        )
        for market in MARKETS:
            refusal = scene.gate.refusal(scene.ready(market))
            findings.hold(
                "what is approved afterwards is let out as it should be",
                (refusal is None) == (market in change.lets),
                lambda market=market, refusal=refusal: f"{name}: of market {market} {refusal or 'let out'}",
            )
        figures["orders"] += sent
        figures["late orders"] += len(late)
        self._latch.unlink(missing_ok=True)


class _Way:
    """What a client writes through; which gate that is changes from race to race."""

    door: Door

    @property
    def closed(self) -> str | None:
        return self.door.closed

    def passes(self) -> AbstractContextManager[str | None]:
        return self.door.passes()


class _Lane(Thread):
    """Sends what it is loaded with, one request after the other, until it is refused for good."""

    def __init__(self, scene: Scene, way: _Way, client: HttpClient) -> None:
        super().__init__(daemon=True)
        self.waiting: list[Sequence[Leaving]] = []
        self.trouble = ""
        self._scene = scene
        self._door = way.door = Door(scene.gate)
        self._client = client

    def load(self, random: Random) -> None:
        """Have requests ready whose orders were all approved and committed by now."""
        for _ in range(_REQUESTS):
            market, orders = random.choice(MARKETS), random.randint(1, _ORDERS)
            self.waiting.append([self._scene.ready(market) for _ in range(orders)])

    def run(self) -> None:
        refused = 0
        try:
            while self.waiting and refused < _TRIES_AFTER:
                leaving = self.waiting.pop()
                try:
                    with self._door.carrying(leaving):
                        body = b",".join(one.body for one in leaving)
                        self._client.exchange("POST", "/orders", within_s=_PATIENCE_S, body=body)
                except GateClosed:
                    refused += self._scene.gate.closed is not None
        except Exception as error:  # noqa: BLE001 - whatever stops a lane but the gate is a finding
            self.trouble = repr(error)


@contextmanager
def orders(folder: Path, changes: Mapping[str, Change], made: Made) -> Iterator[Attempt]:
    """Have lanes, their other end and another process ready."""
    ear = Ear()
    with Outside() as outside:
        race = OrderRace(folder / "KILL", changes, made, ear, outside)
        try:
            yield race.attempt
        finally:
            for client in race.clients:
                client.close()
            ear.close()
