"""One life of a live engine: the production actors, from the start on what an earlier life has committed to its end.

It stands where `bin/engine.py` stands in production, and brings the same parts in the same order; what is other is what
they run on. A crash is that this object is thrown away: what is left is the database, the latch and the exchange.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from greenlet import getcurrent, greenlet

from actors.assembly import Assembly, Plan
from actors.gate import Gate
from actors.live import Live, LiveVenue
from actors.recovery import RECALLING
from actors.redelivery import Redelivery
from actors.runtime.abort import EXIT_CODE
from actors.runtime.actor import Context
from actors.runtime.dead_letters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.machine import Machine
from actors.runtime.surroundings import Emergency
from actors.store.heads import Heads
from actors.store.journal import JournalActor, Outlets
from actors.store.lease import Lease
from actors.store.rows import Row
from actors.store.trouble import StoreError
from actors.store.writer import Writer
from actors.system import ROOT, Outside, Runners, System
from actors.topology import (
    BOARD,
    CANCEL_LANE,
    EXECUTOR,
    FEED,
    HEARTBEAT,
    JOURNAL,
    OPERATIONS_LANE,
    QUERY_LANE,
    RISK,
    SUBMIT_LANE,
)
from actors.venues.polymarket.feed import FeedShard, shards
from actors.venues.polymarket.snapshots import Snapshots
from actors.venues.polymarket.sweep import Unproven
from models.cells import TradingState
from models.engine import EngineParameters
from models.markets import Catalogue
from models.messages.base import Message, Tag
from models.messages.control import ClearKill, CommandApplied, Kill, KillLatched, RaiseCell, ReadRisk, SetOperatorState
from models.messages.runtime import ActorRestarted, MailOverflowed
from research.prove.sim.turns import MS, Time, Worker, Workers, sleep

PRESENT: Final = frozenset({BOARD, JOURNAL, FEED, SUBMIT_LANE, CANCEL_LANE, QUERY_LANE, OPERATIONS_LANE, HEARTBEAT})
_OURS: Final = ("engine", "feed", "journal", "mailbox", "runtime", "user_feed", "executor", "foreign")
"""Sources of cells that a new start lifts; see `bin/engine.py`."""
_LOOK_NS: Final = 250 * MS
_RISK_KNOWS_NS: Final = 300 * MS
_SPARE: Final = "feed/spare"


class ProcessEnded(RuntimeError):
    """The engine has ended its own process, with exit code 70."""


@dataclass(frozen=True)
class Surroundings:
    """What a life of an engine is given: where it is, what it trades, and who is told of what it does."""

    time: Time
    random: Random
    folder: Path
    venue: LiveVenue
    catalogue: Catalogue
    desks: dict[Tag, str]
    parameters: EngineParameters
    observe: Callable[[int, str, Message], object]
    said: Callable[[str, Message, bool], object]
    committing: Callable[[], object]
    committed: Callable[[Sequence[tuple[int, Message]]], object]
    refused: Callable[[str], object]
    disk_ns: Callable[[], int]
    """How long half of a commit takes."""
    disk_fails: Callable[[], str | None]
    """Why the disk refuses just now."""
    takes_ns: Callable[[], int]
    """How long a turn of a worker takes."""
    shuffled: bool
    """Whether who goes first is drawn."""


class Engine:
    """Built, `start`ed, driven through `workers`, and thrown away by `discard`."""

    def __init__(self, given: Surroundings) -> None:
        self.given = given
        time = given.time
        self.machines: dict[str, Machine] = {}
        self.ended = ""
        """Why it has ended by itself."""
        self._tasks: list[greenlet] = []
        self._dead = False
        self._journal_waits = False
        self._killed_known = self._risk_knows = False
        self._operated = 0
        self.gate = Gate(given.folder / "KILL", time, given.parameters.gate)
        url = f"sqlite:///{given.folder}/arb.db"
        self.writer = _Writer(self, url, time.now_ns(), given.venue.account.maker, Heads(given.folder))
        self.gate.lease = lambda: self.writer.lost
        killed = self.writer.killed()
        if killed is not None:
            self.gate.kill(killed, "database")
        self._letters = DeadLetters()
        self.directory = _Heard(self._letters, self._hear)
        emergency = Emergency(self._abort, self._order_overflowed)
        pick = given.random.randrange if given.shuffled else lambda _: 0
        common = (time, self.directory, emergency, given.observe)
        self.workers = Workers(
            (
                control := Worker(*common, takes_ns=given.takes_ns),
                markets := Worker(*common, takes_ns=given.takes_ns),
                threads := Worker(*common, blocking=True, pick=pick),
            ),
            time,
            given.random if given.shuffled else None,
        )
        self._control, self._threads = control, threads
        earlier = self.writer.order_ids()
        self.live = Live(given.venue, self.writer.run, given.catalogue.markets, time, self.gate, earlier)
        plan = Plan(
            given.catalogue, given.desks, given.parameters, "live", self.writer.run, 0, self.live.identify,
            self.live.merge_unavailable,
        )  # fmt: skip
        self._assembly = Assembly(plan, self.machines.__setitem__)
        self._topology = self._assembly.topology(PRESENT, recording=True)
        self._topology.tap(self.gate.hears)
        self._clears = set[str]()
        self._topology.tap({CommandApplied: self._applied, KillLatched: self._latched})
        redelivery = Redelivery(self.directory, self._topology.route, time, emergency.abort)
        self._system = System(
            self._assembly, self._topology, Runners(markets, control, threads), self._outside(), redelivery.deliver,
            Random(given.random.random()).random, recalls=True,
        )  # fmt: skip

    @property
    def run_id(self) -> str:
        """The run that it counts as."""
        return self.writer.run

    def whose_turn(self) -> str:
        """Name the actor that has its turn on a thread of its own."""
        return self._threads.parked.get(getcurrent(), "sweep")

    def start(self) -> None:
        """Start everything, as `bin/engine.py` does."""
        self.gate.hold(RECALLING)
        self._system.start_root(Context(ROOT, self._control))
        self.workers.run_ready()
        self.spawn(self._follow_earlier_run)

    def tell(self, message: Message) -> None:
        """Send a message to all whom it concerns."""
        for name in self._topology.route(message):
            self.directory.send(name, message)

    def discard(self) -> None:
        """Throw away all that is in memory: the process is gone."""
        self._dead = True
        self.workers.discard()
        for task in self._tasks:
            while not task.dead:
                task.throw()
        self.writer.vanish()
        self.machines.clear()

    # What a person says

    def operate(self, verb: str, market: str | None) -> None:
        """Say a command as the command bus does."""
        self._operated += 1
        request = f"sim-{self.run_id}-{self._operated}"
        if verb == "kill":
            self.gate.kill("by hand", "sim")
            self.tell(Kill("by hand", request, "sim"))
        elif verb == "clear":
            self._clears.add(request)
            self.tell(ClearKill(request, "sim"))
        else:
            self.tell(SetOperatorState(verb, market, request, "sim"))

    def disown(self, *, told: bool) -> None:
        """Let another have the database."""
        self.writer.disown(told=told)

    def _applied(self, applied: CommandApplied) -> None:
        if applied.request in self._clears and applied.refusal is None:
            self._clears.discard(applied.request)
            self.gate.clear()
            self._killed_known = self._risk_knows = False

    def _latched(self, _: KillLatched) -> None:
        self._risk_knows = True

    # Parts

    def _outside(self) -> Outside:
        given, route = self.given, self._topology.route
        outlets = Outlets(
            SUBMIT_LANE, EXECUTOR, self._journal_refused, given.folder / "emergency.jsonl",
            hold_gate=self.gate.hold, release_gate=self._journal_took, operations=OPERATIONS_LANE,
            committed=self.gate.committed, open_gate=self._journal_took, give_up=self.gate.close,
        )  # fmt: skip
        return Outside(
            journal=lambda context: JournalActor.start(context, self.writer, given.parameters.journal, outlets),
            lanes=tuple(self.live.lanes(route)),
            feeds=tuple(self._feeds(route)),
            watchers=(JOURNAL, *self.live.watchers),
        )

    def _feeds(self, route: Callable[[Message], Iterable[str]]) -> Iterable[tuple[str, Any]]:
        given = self.given
        parameters, markets = given.parameters.feed, given.catalogue.markets
        chance = Random(given.random.random()).random
        yield self.live.user_feed(parameters, route, chance)
        yield self.live.heartbeat(route, lambda: self.gate.closed is None, self.gate.close)
        noticed = self.live.noticing(route)
        yield FEED, lambda context: Snapshots.start(context, "http://clob.sim", markets, noticed)
        common = (parameters, noticed, FEED, None, chance)
        url = "ws://clob.sim/ws/market"
        split = {f"feed/{number}": tokens for number, tokens in enumerate(shards(markets.values()))}
        for name, tokens in split.items():
            yield (
                name,
                lambda context, tokens=tokens: FeedShard.start(context, url, tokens, *common, spare=_SPARE),
            )
        yield _SPARE, lambda context: FeedShard.start(context, url, {}, *common, serves=tuple(split))

    def _follow_earlier_run(self) -> None:
        """Do what a live start does once the core stands; then see to kills, as `bin/kill_watch.py` does."""
        time, markets = self.given.time, self.given.catalogue.markets
        for name in (JOURNAL, RISK, EXECUTOR):
            self._until(name)
        for market in (None, *markets):
            for source in _OURS:
                self.tell(RaiseCell(market, source, TradingState.ACTIVE, ""))
        if self.given.parameters.risk.start_paused:
            self.tell(SetOperatorState("pause", None, f"start-{self.run_id}", "start-up"))
        parts = [part for market in markets for part in self._assembly.market_parts(market)]
        names = [part.name for part in (*parts, *self._assembly.event_parts())]
        for name in names:
            self._until(name)
        for name in (*names, *(f"market/{market}" for market in markets)):
            for core in (EXECUTOR, RISK):
                self.directory.send(core, ActorRestarted(name, "", 0))
        killed = self.gate.look()
        if killed is not None:
            self.tell(Kill(killed, "latch", "start-up"))
        self.tell(ReadRisk("start-up"))
        while not self._dead:
            sleep(time, _LOOK_NS)
            reason = self.gate.look()
            if reason is None:
                self._killed_known = False
            elif not self._killed_known:
                self._carry_out(reason)

    def _carry_out(self, reason: str) -> None:
        self._killed_known = True
        sleep(self.given.time, _RISK_KNOWS_NS)
        if not self._risk_knows:
            self._operated += 1
            self.tell(Kill(reason, f"sim-{self.run_id}-{self._operated}", "latch"))
        try:
            self.live.sweep(9.0, lambda: self.gate.killed is None, lambda: self.gate.at_rest)
        except Unproven:
            self._killed_known = self.gate.killed is None

    def _until(self, name: str) -> None:
        while self.directory.find(name) is None:
            sleep(self.given.time, 10 * MS)

    def spawn(self, task: Callable[[], object]) -> None:
        """Run something beside the actors, as a thread of the process would."""
        green = greenlet(task)
        self._tasks.append(green)
        self.given.time.after(0, green.switch)

    # Trouble

    def _hear(self, name: str, message: Message, taken: bool) -> None:
        if not self._dead:
            self.given.said(name, message, taken)

    def _abort(self, reason: str) -> None:
        self.gate.close(reason)
        if not self._dead:
            self.ended = self.ended or f"exit {EXIT_CODE}: {reason}"
            raise ProcessEnded(reason)

    def _order_overflowed(self, overflow: MailOverflowed) -> None:
        market = next((part for part in overflow.name.split("/")[1:] if part in self.given.catalogue.markets), None)
        self.tell(RaiseCell(market, "mailbox", TradingState.HALTED, f"{overflow.name} is overrun"))

    def _journal_refused(self, reason: str) -> None:
        self._journal_waits = True
        self.gate.hold(reason)
        self.tell(RaiseCell(None, "journal", TradingState.CANCEL_ONLY, reason))

    def _journal_took(self) -> None:
        if self.gate.release() is None and self._journal_waits:
            self._journal_waits = False
            self.tell(RaiseCell(None, "journal", TradingState.ACTIVE, ""))


class _Heard(Directory):
    """A directory that says what is sent. Of the board only what it would be told: nobody looks at it here."""

    def __init__(self, dead_letters: DeadLetters, hear: Callable[[str, Message, bool], object]) -> None:
        super().__init__(dead_letters)
        self._hear = hear

    def send(self, name: str, message: Message) -> bool:
        taken = name == BOARD or super().send(name, message)
        self._hear(name, message, taken)
        return taken


class _Writer(Writer):
    """The production writer on a disk that takes its time, and that a crash leaves as it is."""

    def __init__(self, engine: Engine, url: str, now_ns: int, account: str, heads: Heads) -> None:
        self._engine = engine
        self._gone = False
        self._works = False
        super().__init__(url, now_ns, account, heads)
        self._works = True

    def write(self, rows: Sequence[Row], chained: Sequence[tuple[int, Message]]) -> None:
        given = self._engine.given
        if not self._works:
            super().write(rows, chained)
            return
        given.committing()
        sleep(given.time, given.disk_ns())
        refusal = given.disk_fails()
        if refusal is not None:
            given.refused(refusal)
            raise StoreError(refusal, cause="full")
        try:
            super().write(rows, chained)
        except StoreError as error:
            given.refused(str(error))
            raise
        given.committed(chained)
        sleep(given.time, given.disk_ns())

    def close(self) -> None:
        if not self._gone:
            super().close()

    def disown(self, *, told: bool) -> None:
        """Write the next epoch, as whoever takes the database over does; `told`: the lock is known to be lost."""
        lock: Any = self._owned.lease._lock  # noqa: SLF001
        if self.is_open:
            Lease(self.database, lock)
        if told:
            lock.lost = "the lock on the database is lost (drawn)"

    def vanish(self) -> None:
        """Leave the files as a process does that is gone."""
        if not self._gone:
            self._gone = True
            if self.is_open:
                self._owned.close()

    def _open(self) -> None:
        super()._open()
        # A crash here is of a process, never of the machine: what the kernel has is safe.
        self.database.execute_sql("PRAGMA synchronous=OFF")
