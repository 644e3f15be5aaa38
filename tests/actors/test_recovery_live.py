"""Deaths of the core in real time: a pool of two workers, threads, and a database on the disk."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from loguru import logger
from msgspec.structs import replace

from actors.assembly import Assembly, Plan
from actors.gate import Gate
from actors.redelivery import Redelivery
from actors.runtime.clock import SystemClock
from actors.runtime.dead_letters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.machine import Machine
from actors.runtime.pool import PoolDispatcher, Worker
from actors.runtime.surroundings import Emergency
from actors.runtime.threads import ThreadDispatcher
from actors.runtime.timers import TimerThread
from actors.store.chain import read_back, verify
from actors.store.database import open_reader, sqlite_url
from actors.store.journal import JournalActor, Outlets
from actors.store.writer import Writer
from actors.system import ROOT, Outside, Runners, System
from actors.topology import EXECUTOR, JOURNAL, RISK, VENUE, coordinator_name, inventory_name
from actors.venues.paper import PaperVenue
from models.cells import TradingState
from models.controls.rejects import RejectParameters
from models.controls.repetition import RepetitionParameters
from models.executor import ExecutorMachine
from models.flow import FlowParameters
from models.inventory import InventoryMachine
from models.messages.base import Message
from models.messages.control import SetOperatorState
from models.messages.orders import SubmitOrder
from models.messages.recall import RecallAsked
from models.paper.exchange import PaperMachine
from models.paper.parameters import PaperParameters
from models.risk import RiskMachine
from models.storage import JournalParameters
from models.units import DOLLAR, SHARE
from tests.actors.recoveries import MARKETS, PARAMETERS, TAG, Injected, frames, plan, trade

QUICK = replace(
    PARAMETERS,
    # In real time nobody wants to wait for a window of three seconds, for the chain, or for a debounce.
    quotes=replace(PARAMETERS.quotes, debounce_ms=1, cancels_per_s=1_000),
    flow=FlowParameters(window_ms=100, min_toxic_ms=50, recovery_hold_ms=50, threshold=10_000 * SHARE),
    # Quotes that the mid outruns are refused as crossing, and a side may be filled again and again.
    rejects=RejectParameters(market=100, total=1_000, ratio=1.0, crossings=1_000),
    repetition=RepetitionParameters(fills=1_000),
    paper=PaperParameters(
        cash=1_000 * DOLLAR, accept_ms=3, cancel_ms=3, settlement_median_ms=40, settlement_p95_ms=40, merge_delay_ms=50
    ),
)


class Engine:
    """The actors of an engine without its feeds and surfaces; the test is the market."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.gate = Gate(folder / "KILL", self.clock)
        self.aborts: list[str] = []
        self.held: list[str | None] = []
        """Why the gate was closed at each death of the core."""
        self.machines: dict[str, Machine] = {}
        self.sent: list[SubmitOrder] = []
        self.dead_letters = DeadLetters()
        self.directory = Directory(self.dead_letters)
        self._doomed: set[str] = set()
        self._timers = TimerThread(self.directory, self.clock)
        self.url = sqlite_url(folder / "arb.db")
        writer = Writer(self.url, self.clock.now_ns())
        emergency = Emergency(self.aborts.append, lambda overflow: self.aborts.append(str(overflow)))
        common = (self.directory, self.clock, self._timers, emergency, self._observe)
        self._pool = PoolDispatcher([Worker("markets", *common), Worker("control", *common)])
        threads = ThreadDispatcher(*common)
        made = plan()
        assembly = Assembly(Plan(made.catalogue, made.desks, QUICK, "paper", writer.run, 1), self._made)
        topology = assembly.topology(frozenset({JOURNAL, VENUE}), recording=True)
        topology.tap(self.gate.hears)
        self._route = topology.route
        exchange = assembly.venue()
        outlets = Outlets(
            VENUE, EXECUTOR, self.aborts.append, folder / "emergency.jsonl",
            hold_gate=self._hold, release_gate=self.gate.release, committed=self.gate.committed,
        )  # fmt: skip
        outside = Outside(
            journal=lambda context: JournalActor.start(context, writer, JournalParameters(), outlets),
            venue=lambda context: PaperVenue.start(context, exchange, topology.route, self.gate),
            watchers=(JOURNAL,),
        )
        runners = Runners(self._pool["markets"], self._pool["control"], threads)
        redelivery = Redelivery(self.directory, topology.route, self.clock, self.aborts.append)
        self._timers.start()
        self._pool.start()
        System(assembly, topology, runners, outside, redelivery.deliver).start()
        self.until(lambda: all(self.directory.find(coordinator_name(TAG, market)) for market in MARKETS))

    def tell(self, *messages: Message) -> None:
        for message in messages:
            for name in self._route(message):
                self.directory.send(name, message)

    def kill(self, name: str) -> None:
        """Let an actor die at its next message; return when another one has its name."""
        mailbox = self.directory.mailbox(name)
        if name == JOURNAL:
            self.tell(RecallAsked("nonsense"))  # pyright: ignore[reportArgumentType]
        else:
            self._doomed.add(name)
        self.trade_until(lambda: self.directory.mailbox(name) not in (None, mailbox))

    def trade_until(self, condition: Callable[[], object], timeout_s: float = 100.0) -> None:
        """Let the market move until a condition holds.

        Slowly: quotes that the mid outruns on a busy machine are refused as crossing, and their slots wait a minute. In
        a narrow band: a hedge that rests where the mid never comes back to is all that a full desk wants.
        """
        limit = time.monotonic() + timeout_s
        chance, mid, turns = Random(len(self.sent)), 50, 0
        while not condition():
            assert time.monotonic() < limit, "it never came about"
            assert not self.aborts
            turns += 1
            if turns % 20 == 0:
                mid = max(47, min(53, mid + chance.choice((-1, 0, 1))))
            for market in MARKETS:
                self.tell(*frames(market, mid, self.clock.now_ns()), trade(market, mid, self.clock.now_ns(), chance))
            time.sleep(0.005)

    def until(self, condition: Callable[[], object], seen: Callable[[], object] | None = None) -> None:
        limit = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < limit, f"it never came about: {(seen or self.under_way)()}"
            time.sleep(0.005)

    def under_way(self) -> list[object]:
        """Return what the executor of now holds for not over: orders, and positions that still move."""
        executor = self.machines[EXECUTOR]
        assert isinstance(executor, ExecutorMachine)
        held = [executor._accounts.position(TAG, market) for market in MARKETS]
        return [*executor._orders.open_in(None), *(one for one in held if one.provisional or one.merging)]

    def states(self, market: str) -> set[TradingState]:
        """Return what operators have said of a market, as the risk supervisor of now knows it."""
        risk = self.machines[RISK]
        assert isinstance(risk, RiskMachine)
        return {cell.state for cell in risk._states.covering(market) if cell.source == "operator"}

    def stop(self) -> None:
        self.directory.stop(ROOT)
        self.until(lambda: len(self.directory) == 0)
        assert self._pool.stop()
        self._timers.stop()

    def _hold(self, reason: str) -> None:
        self.gate.hold(reason)
        self.held.append(self.gate.closed)

    def _made(self, name: str, machine: Machine) -> None:
        self.machines[name] = machine
        step = machine.step

        def mortal(message: Any, now_ns: int) -> tuple[Message, ...]:
            if name in self._doomed:
                self._doomed.remove(name)
                raise Injected(type(message).__name__)
            return step(message, now_ns)

        machine.step = mortal  # pyright: ignore[reportAttributeAccessIssue]

    def _observe(self, _now_ns: int, actor: str, message: Message) -> None:
        if actor == VENUE and isinstance(message, SubmitOrder):
            self.sent.append(message)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    logger.disable("actors")
    engine = Engine(tmp_path)
    yield engine
    engine.stop()
    logger.enable("actors")


@pytest.mark.proves("I25")
@pytest.mark.parametrize("victims", [("executor", "risk"), ("journal", "venue"), ("executor", "journal")])
def test_a_core_on_threads_and_a_disk_is_rebuilt_in_real_time(engine: Engine, victims: tuple[str, str]) -> None:
    engine.trade_until(lambda: len(engine.sent) > 10)
    for victim in victims:
        engine.kill(victim)
        sent = len(engine.sent)
        engine.trade_until(lambda sent=sent: len(engine.sent) > sent + 10)
    engine.tell(SetOperatorState("pause", None, "the end", "test"))
    engine.until(lambda: all(TradingState.CANCEL_ONLY in engine.states(market) for market in MARKETS))
    engine.until(lambda: not engine.under_way())
    executor, risk = engine.machines[EXECUTOR], engine.machines[RISK]
    venue = engine.machines[VENUE]
    assert isinstance(executor, ExecutorMachine)
    assert isinstance(risk, RiskMachine)
    assert isinstance(venue, PaperMachine)

    def disagreeing() -> list[str]:
        """Markets of which somebody has not heard the last word, or another one."""
        account = {(held.market, held.outcome): held.settled for held in venue.summary().holdings}
        found: list[str] = []
        for market in MARKETS:
            truth, inventory = executor._accounts.position(TAG, market), engine.machines[inventory_name(TAG, market)]
            assert isinstance(inventory, InventoryMachine)
            known = risk._exposures.of(market)
            told = (inventory.position, known._positions.get(TAG, type(truth)()), len(known.orders))
            held = (account.get((market, 0), 0), account.get((market, 1), 0))
            if told != (truth, truth, 0) or held != (truth.yes.shares, truth.no.shares):
                found.append(f"{market}: {truth} is told as {told} and held as {held}")
        return found

    time.sleep(0.1)  # for anything that should not come any more
    engine.until(lambda: not disagreeing(), disagreeing)
    assert engine.held == ["the journal is down"] * sum(victim != VENUE for victim in victims)
    assert engine.gate.closed is None
    assert sum(executor._accounts.position(TAG, market).fills for market in MARKETS) > 0

    intents = {message.order.intent: message.order_id for message in engine.sent}
    assert len(intents) == len({message.order_id for message in engine.sent}) == len(set(intents.values()))
    reader = open_reader(engine.url)
    journalled = {e.message.order_id for e in read_back(reader, ended=100_000) if isinstance(e.message, SubmitOrder)}
    verify(reader)
    reader.close()
    assert {message.order_id for message in engine.sent} <= journalled, "no order left before it was on the disk"
