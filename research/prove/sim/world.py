"""One seed: an exchange, a network, an engine that lives and dies on them, and a plan of what goes wrong.

The loop knows three sources of what happens next: what is planned for a time (bytes that arrive, greenlets that wait,
the plan's own), the exchange, and the engine's deadlines. It moves the clock to the earliest and lets everybody react.
"""

import shutil
import tempfile
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from actors.gate import Gate
from models.markets import Market
from models.messages.base import MarketId, Message
from models.messages.orders import SubmitOrder
from research.prove.sim.beginning import account_at, catalogue_of, empty_database, exchange_of, parameters_of
from research.prove.sim.contract import (
    Answered,
    Arrived,
    Checker,
    Committed,
    Crashed,
    Died,
    Disowned,
    Faulted,
    Framed,
    Happening,
    Healed,
    Operated,
    Refused,
    Said,
    Started,
    Stepped,
    Violation,
    Written,
)
from research.prove.sim.digest import line_of
from research.prove.sim.engine import Engine, ProcessEnded, Surroundings
from research.prove.sim.outsiders import Outsiders
from research.prove.sim.plan import BEGIN_NS, LIVENESS_NS, Due, EnoughSteps, Plan, PlannedDeath
from research.prove.sim.seams import virtual
from research.prove.sim.turns import MS, S, Time
from research.prove.sim.wire import Network, Told
from sandbox.messages import HttpRequest

_NEWEST: Final = 60
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of its own in it, which no other can enter
"""Where a disk costs nothing, on systems that have it."""
_RESTART_NS: Final = 2 * S
"""How long systemd waits before it starts again what has ended by itself."""


_IN_THE_MIDST: Final = 0.8
"""Of the kills so many strike while an order is on its way, and not at a time of their own."""


class World(Told):
    """The run of a seed; see `contract.World` for what may be looked at."""

    tag = "desk"

    def __init__(self, plan: Plan, checker: Checker, *, until: int | None = None, digests: bool = False) -> None:
        self.plan = plan
        self.seed = plan.seed
        self.step = 0
        self.newest: deque[Happening] = deque(maxlen=_NEWEST)
        """What happened last."""
        self.faults: Counter[str] = Counter()
        """Effects of faults, by name."""
        self.crashes = self.requests = self.fills = 0
        self.engine: Engine | None = None
        self.parameters = parameters_of(tuple(sorted(plan.settings.items())))
        self._over: Exception | None = None
        self._checker = checker
        self._until = until
        self._digest = sha256() if digests else None
        self._random = Random(f"run {plan.seed}")
        self.time = Time(BEGIN_NS)
        self.folder = Path(tempfile.mkdtemp(prefix="keel-sim-", dir=_MEMORY if _MEMORY.is_dir() else None))
        self.exchange = exchange_of(plan)
        self.network = Network(self.exchange, self.time, Random(f"wire {plan.seed}"), plan.latencies, self)
        self._venue = account_at(self.exchange)
        self.address, self.wallet = self._venue.account.key.address, self._venue.account.maker
        self._catalogue = catalogue_of(self.exchange)
        self.markets: Mapping[MarketId, Market] = self._catalogue.markets
        self._chain: list[tuple[int, Message]] = []
        self._lives = 0
        self._disk_until_ns = 0
        self._disk_why = ""
        self._crash: Due | None = None
        self._dooms: list[str] = []
        self._kills = False
        """Whether somebody kills as soon as the next order is on the disk."""
        self._disowning: Mapping[str, Any] | None = None
        """How the database is another's as soon as the next order is on the disk."""
        self._disowned = False
        markets = tuple(self.markets)
        self._outsiders = Outsiders(self.exchange, self.network, self.time, markets, self.address)
        self.exchange.log.on_line.append(self._logged)

    # What may be looked at

    @property
    def now_ns(self) -> int:
        return self.time.now_ns()

    @property
    def machines(self) -> Mapping[str, object]:
        return self.engine.machines if self.engine is not None else {}

    @property
    def gate(self) -> Gate | None:
        return self.engine.gate if self.engine is not None else None

    @property
    def latch(self) -> Path:
        return self.folder / "KILL"

    def chain(self) -> Sequence[tuple[int, Message]]:
        return self._chain

    @property
    def digest(self) -> str:
        """The SHA-256 of all that has happened."""
        return "" if self._digest is None else self._digest.hexdigest()

    # The run

    def run(self) -> None:
        """Run the plan to its end. Raises Violation, and EnoughSteps at the step that was asked for."""
        (self.folder / "arb.db").write_bytes(empty_database())
        with virtual(self.time, self.network):
            try:
                self._start()
                self._plan()
                self._loop(self.plan.end_ns)
                self._checker.settled(self)
            finally:
                if self.engine is not None:
                    self.engine.discard()
                shutil.rmtree(self.folder, ignore_errors=True)

    def _plan(self) -> None:
        plan, time = self.plan, self.time
        time.at(BEGIN_NS + 3 * S, lambda: self._operate("resume", None))
        for due in plan.dues:
            time.at(due.at_ns, lambda due=due: self._do(due))
        time.at(plan.heal_ns, self._heal)
        time.at(plan.heal_ns + LIVENESS_NS, lambda: self._operate("pause", None))

    def _loop(self, end_ns: int) -> None:
        time, exchange = self.time, self.exchange
        while True:
            engine = self.engine
            if self._over is not None:
                raise self._over
            if engine is not None:
                try:
                    engine.workers.run_ready()
                except ProcessEnded as ended:
                    self._crashed(str(ended), _RESTART_NS)
                    continue
                if self._crash is not None and self._crash.said["where"] == "now":
                    self._crashed("drawn", self._crash.said["down_ns"])
                    continue
            planned_ns, exchange_ns = time.next_ns, exchange.next_event_at
            engine_ns = engine.workers.next_ns if engine is not None else None
            next_ns = min(at_ns for at_ns in (planned_ns, exchange_ns, engine_ns, end_ns + 1) if at_ns is not None)
            if next_ns > end_ns:
                return
            time.go_to(next_ns)
            if exchange_ns is not None and exchange_ns <= next_ns:
                self.network.deliver(exchange.tick(time.now_ns()))
            elif planned_ns is not None and planned_ns <= next_ns:
                try:
                    time.pop()()
                except ProcessEnded as ended:
                    self._crashed(str(ended), _RESTART_NS)
            elif engine is not None:
                engine.workers.fire()

    # The engine's lives

    def _start(self) -> None:
        plan, random = self.plan, self._random
        self._lives += 1
        self._disowned = False
        given = Surroundings(
            time=self.time,
            random=random,
            folder=self.folder,
            venue=self._venue,
            catalogue=self._catalogue,
            desks={self.tag: plan.strategy},
            parameters=self.parameters,
            observe=self._observe,
            said=lambda to, message, taken: self._hear(Said(self._next(), self.now_ns, to, message, taken)),
            committing=lambda: self._strike("committing"),
            committed=self._committed,
            refused=self._refused,
            disk_ns=lambda: int(random.expovariate(1.0) * plan.disk_ns) if plan.disk_ns else 0,
            disk_fails=lambda: self._disk_why if self.now_ns < self._disk_until_ns else None,
            takes_ns=(lambda: int(random.expovariate(1.0) * plan.turn_ns)) if plan.turn_ns else lambda: 0,
            shuffled=plan.shuffled,
        )
        self.engine = engine = Engine(given)
        self.network.who = engine.whose_turn
        self._hear(Started(self._next(), self.now_ns, self._lives, engine.run_id))
        engine.start()

    def _crashed(self, why: str, down_ns: int) -> None:
        engine, self.engine, self._crash = self.engine, None, None
        assert engine is not None
        self.crashes += 1
        self.faults["(crash)" if why == "drawn" else "(exit)"] += 1
        self._hear(Crashed(self._next(), self.now_ns, why))
        engine.discard()
        self.network.drop_all()
        self._dooms.clear()
        self.time.after(down_ns, self._restart)

    def _restart(self) -> None:
        self._start()
        self.time.after(3 * S, lambda: self._operate("resume", None))

    # What the plan does

    def _do(self, due: Due) -> None:
        said = due.said
        if due.kind == "fault":
            self._outsiders.throw(said)
        elif due.kind == "act" and said["act"] == "kill" and said["which"] < _IN_THE_MIDST:
            self._kills = True
        elif due.kind == "act":
            self._operate(said["act"], self._outsiders.pick(said["which"]) if said["market"] else None)
        elif due.kind == "taker":
            self._outsiders.take(said["which"], said["share"])
        elif due.kind == "crash" and self.engine is not None:
            where = "now" if said["where"] == "anywhere" else said["where"]
            self._crash = Due(due.at_ns, "crash", {**said, "where": where})
        elif due.kind == "death":
            self._dooms.append(said["actor"].format(self._outsiders.pick(said["which"])))
        elif due.kind == "disk":
            self._disk_until_ns, self._disk_why = self.now_ns + said["for_ns"], said["why"]
        elif due.kind == "lease":
            self._disowning = said
        elif due.kind == "stall" and self.engine is not None:
            self.faults["(stall)"] += 1
            self.engine.workers.stall(said["for_ns"])

    def _disown(self, said: Mapping[str, Any]) -> None:
        """Let another have the database, who does nothing with it; after a while a person starts this engine anew."""
        engine, told = self.engine, bool(said["told"])
        if engine is None:
            return
        self._disowned = True
        self.faults["(lease)"] += 1
        self._hear(Disowned(self._next(), self.now_ns, told))
        engine.disown(told=told)

        def restart() -> None:
            if self.engine is engine:
                self._crashed("restarted", 1 * S)

        self.time.at(min(self.now_ns + said["for_ns"], self.plan.heal_ns - 1), restart)

    def _operate(self, act: str, market: MarketId | None) -> None:
        engine = self.engine
        if engine is None or (self._disowned and act != "kill"):
            return  # what an engine is told that cannot write it down is lost with it, but for a kill
        if act in ("off", "on") and market is None:
            market = self._outsiders.pick(0.0)
        self._hear(Operated(self._next(), self.now_ns, act, market, done=False))
        engine.operate(act, market)
        if act == "kill":
            self._hear(Operated(self._next(), self.now_ns, act, market, done=True))

    def _heal(self) -> None:
        self._outsiders.heal()
        self._disk_until_ns, self._crash, self._kills, self._disowning = 0, None, False, None
        self._dooms.clear()
        self._hear(Healed(self._next(), self.now_ns))
        self._resume_all()

    def _resume_all(self) -> None:
        """Undo all that a person has said, once there is an engine that hears it."""
        if self.engine is None:
            self.time.after(1 * S, self._resume_all)
            return
        self._operate("clear", None)
        for market in self.markets:
            self._operate("on", market)
            self._operate("resume", market)
        self.time.after(200 * MS, lambda: self._operate("resume", None))

    # What happens

    def written(self, call: int, service: str, lane: str, request: HttpRequest) -> None:
        self.requests += 1
        self._hear(
            Written(
                self._next(), self.now_ns, call, service, lane, request.method, request.path, request.query,
                request.body,
            )
        )  # fmt: skip
        self._strike("written")

    def arrived(self, call: int) -> None:
        self._hear(Arrived(self._next(), self.now_ns, call))
        self._strike("arrived")

    def answered(self, call: int, status: int | None, body: bytes, text: str) -> None:
        self._hear(Answered(self._next(), self.now_ns, call, status, body, text))
        self._strike("answered")

    def framed(self, channel: str, connection: int, text: str | bytes) -> None:
        self._hear(Framed(self._next(), self.now_ns, channel, connection, text))

    def _observe(self, now_ns: int, name: str, message: Message) -> None:
        self._hear(Stepped(self._next(), now_ns, name, message))
        if self._dooms and name in self._dooms:
            self._dooms.remove(name)
            self.faults["(death)"] += 1
            self._hear(Died(self._next(), now_ns, name, "drawn", planted=True))
            raise PlannedDeath(name)

    def _committed(self, chained: Sequence[tuple[int, Message]]) -> None:
        self._chain.extend(chained)
        if chained:
            self._hear(Committed(self._next(), self.now_ns, tuple(message for _, message in chained)))
            self._strike("committed")
            if self._kills and any(isinstance(message, SubmitOrder) for _, message in chained):
                # An order is on its way to its lane: whoever kills now must still stop it.
                self._kills = False
                self.time.after(0, lambda: self._operate("kill", None))
            if self._disowning is not None and any(isinstance(message, SubmitOrder) for _, message in chained):
                said, self._disowning = self._disowning, None
                self.time.after(0, lambda: self._disown(said))

    def _refused(self, reason: str) -> None:
        self.faults["(disk)"] += 1
        self._hear(Refused(self._next(), self.now_ns, reason))

    def _strike(self, where: str) -> None:
        """Crash where the plan wants it: as soon as whoever has the turn gives it up."""
        if self._crash is not None and self._crash.said["where"] == where:
            self._crash = Due(self._crash.at_ns, "crash", {**self._crash.said, "where": "now"})

    def _logged(self, line: str) -> None:
        if '"kind":"order_matched"' in line:
            self.fills += 1
        elif '"kind":"fault"' in line:
            found = msgspec.json.decode(line)
            if found["what"] == "effect":
                self.faults[found["fault"]] += 1
            self._hear(Faulted(self._next(), self.now_ns, found["fault"], found["what"]))

    def _next(self) -> int:
        self.step += 1
        return self.step

    def _hear(self, event: Happening) -> None:
        self.newest.append(event)
        if self._digest is not None:
            self._digest.update(line_of(event))
        if self._over is not None:
            return
        if self._until is not None and self.step > self._until:
            self._halt(EnoughSteps())
            return
        try:
            self._checker.hear(event, self)
        except Violation as violation:
            self._halt(violation)

    def _halt(self, why: Exception) -> None:
        """End the run as soon as whoever has the turn gives it up: raised here it would look like that one's death."""
        self._over = why
        if self.engine is not None:
            self.engine.workers.halted = True
