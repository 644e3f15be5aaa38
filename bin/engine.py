"""An engine in one process: everything is built here, started in order, and stopped in reverse.

Why here and not in `actors`: this is the only place that may know the outside world and people at once. It hands the
control server a command bus and the actors their venue, and neither sees the other.
"""

import gc
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random
from threading import Event
from typing import TYPE_CHECKING, Final

from loguru import logger
from msgspec.structs import astuple

from actors.assembly import Assembly, Mode, Plan
from actors.board import SharedBoard
from actors.control.bus import Control
from actors.gate import Gate
from actors.latency import LatencyMeter
from actors.recovery import RECALLING, recalling
from actors.redelivery import Redelivery
from actors.runtime.abort import Abort
from actors.runtime.clock import SystemClock
from actors.runtime.dead_letters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.machine import MachineActor
from actors.runtime.pool import PoolDispatcher, Worker
from actors.runtime.surroundings import Emergency
from actors.runtime.threads import ThreadDispatcher
from actors.runtime.timers import TimerThread
from actors.runtime.watchdog import Watchdog
from actors.store.heads import Heads
from actors.store.journal import JournalActor, Outlets
from actors.store.rows import segment_key
from actors.store.tape import TapeWriter
from actors.store.writer import Writer
from actors.system import Outside, Runners, Start, System
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
    VENUE,
)
from actors.venues.paper import PaperVenue
from actors.venues.redaction import redacted
from bin.catalogue import catalogue_of, read_catalogue, resolved
from bin.cautions import cautions
from bin.engine_options import Options
from bin.feeds import MarketFeeds
from bin.kill_watch import KillWatch
from bin.listings import VenueListings
from bin.logs import log_event
from bin.markets_port import Parts, RunningMarkets
from bin.shutdown import SHUTDOWN, Ending, Running, Shutdown
from bin.standing import announced, let_go
from models.board import BoardMachine
from models.cells import TradingState
from models.engine import EngineParameters
from models.markets import Catalogue
from models.messages.base import Lane, Message
from models.messages.control import Kill, RaiseCell, ReadRisk, SetOperatorState
from models.messages.reload import ParametersChanged
from models.messages.runtime import DeadLettered, MailOverflowed
from models.snapshot import Engine as EngineLine
from models.snapshot import LogLine
from surfaces.control_server import ControlServer

if TYPE_CHECKING:
    from actors.live import Live

_SWITCH_INTERVAL_S: Final = 0.0005
_START_S: Final = 15.0
_VENUES: Final[Mapping[Mode, tuple[str, ...]]] = {
    "observe": (),
    "paper": (VENUE,),
    "live": (SUBMIT_LANE, CANCEL_LANE, QUERY_LANE, OPERATIONS_LANE, HEARTBEAT),
}


class EndedEarly(Exception):
    """An engine was asked to end before it had begun."""


class Engine:
    """Built by `Engine(options)`, run by `start`, `wait`, `stop`.

    `leave` ends the process with an exit code when going on would be worse; `alive` is called while nothing is stuck.
    """

    def __init__(
        self, options: Options, leave: Callable[[int], object] = os._exit, alive: Callable[[], object] = lambda: None
    ) -> None:
        self.options = options
        self.clock = SystemClock()
        rules = options.parameters.gate if options.mode == "live" else None
        self.gate = Gate(options.data_dir / "KILL", self.clock, rules)
        named = read_catalogue(options.endpoints, options.markets)
        # Unlike an event, which is set under a lock, it may be told from a signal's handler in the midst of a wait.
        self._ended: SimpleQueue[None] = SimpleQueue()
        self._dead_letters = DeadLetters()
        self._directory = Directory(self._dead_letters)
        self._timers = TimerThread(self._directory, self.clock)
        wallet = "" if options.live is None else options.live.account.maker
        heads = Heads(options.data_dir)
        self._writer = options.writer or Writer(options.database, self.clock.now_ns(), wallet, heads)
        self._writer.on_lost = self._lease_lost
        self.gate.lease = lambda: self._writer.lost
        catalogue = catalogue_of(options.endpoints, named, self._writer, options.mode, self.clock.now_ns())
        killed, self._audited = self._writer.killed(), self._writer.kill_is_audited()
        if killed is not None:
            self.gate.kill(killed, "database")
        self._journal_waits = False
        self._tape = TapeWriter(options.data_dir / "tape", options.parameters.tape) if options.recording else None
        emergency = Emergency(Abort(self.gate.close, leave), self._order_overflowed, redacted)
        common = (self._directory, self.clock, self._timers, emergency)
        watched = (*common, LatencyMeter(self.tell))
        slow_ns = options.parameters.runtime.slow_turn_ms * 1_000_000
        self._pool = PoolDispatcher([Worker("markets", *watched, slow_after_ns=slow_ns), Worker("control", *watched)])
        self._threads = ThreadDispatcher(*watched)
        self._live = self._live_account(catalogue)
        heard = (catalogue.unresolved, options.parameters.feed, self._tape, options.seed)
        self._heard = MarketFeeds(options.endpoints, *heard)
        plan = Plan(
            catalogue,
            options.desks,
            options.parameters,
            options.mode,
            self._writer.run,
            options.seed,
            self._live.identify if self._live is not None else None,
            self._live.merge_unavailable if self._live is not None else "",
            options.canary_ns,
        )
        self._assembly = Assembly(plan)
        self.earlier_segments = {tag: self._writer.fact(segment_key(tag)) for tag in options.desks}
        present = frozenset({BOARD, JOURNAL, FEED, *_VENUES[options.mode]})
        self._topology = self._assembly.topology(present, recording=True)
        self._topology.tap(self.gate.hears)
        self.board = self._shared_board()
        self._system = System(
            self._assembly,
            self._topology,
            Runners(self._pool["markets"], self._pool["control"], self._threads),
            self._outside(),
            Redelivery(self._directory, self._topology.route, self.clock, emergency.abort).deliver,
            Random(options.seed).random,
            recalls=options.mode == "live",
        )
        self._watchdog = Watchdog(self._pool, self._threads, self._timers, (RISK, JOURNAL), alive=alive)
        self.control = Control(self.board, self.tell, self.gate, self.end, self.clock)
        self.control.hurry = self.hurry
        parts = Parts(options.endpoints, self._assembly, self._topology, self._system, self._directory)
        self.control.markets = RunningMarkets(self, parts, self._heard, self._live)
        self.control.listings = None if self._live is None else VenueListings(self._live, self.gate)
        self._kill_watch = KillWatch(self.gate, self.control, self.board, self.clock, self._live)
        self._server = ControlServer(self.control, options.data_dir)
        for lane in (Lane.CONTROL, Lane.ORDER):
            self._dead_letters.watch(lane, self._letter_lost)
        self._shutdown = Shutdown(
            Running(
                self.gate, self.board, self.tell, emergency.abort, self._directory, self._dead_letters, self._pool,
                self._timers, self._watchdog, self._server, self._writer, self._tape, self._live,
            )
        )  # fmt: skip

    @property
    def catalogue(self) -> Catalogue:
        """The markets that are traded now, and those that were added and removed since the start."""
        return self._assembly.plan.catalogue

    @property
    def mode_shown(self) -> str:
        """The mode in words, which also say when it is not the one that was asked for."""
        return f"{self.options.mode} (forced)" if self.options.forced else self.options.mode

    def start(self) -> Path:
        """Start everything; return the control socket, on which commands now arrive.

        The latch of an earlier kill holds before any order can leave. Raises EndedEarly where it is asked to end
        before that, RuntimeError, SocketTaken or OSError.
        """
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        self._timers.start()
        self._pool.start()
        if self.options.mode == "live":
            self.gate.hold(RECALLING)  # until the journal has read all back
        self._system.start()
        for name in (BOARD, JOURNAL, RISK, EXECUTOR):
            if not self._wait_until(lambda name=name: self._directory.find(name) is not None, _START_S):
                raise RuntimeError(f"{name} did not start within {_START_S:g} s")
        if self.options.mode == "live":
            self._follow_earlier_run()
        killed = self.gate.look()
        if killed is not None:
            self.tell(Kill(killed, "latch", "start-up"))
        self._kill_watch.start(None if killed is None else self._audited)
        self.tell(ReadRisk("start-up"))
        _keep_for_good()
        self._watchdog.start()
        return self._server.start()

    @property
    def is_ready(self) -> bool:
        """Whether the core knows all that there is to know: risk answers a question only when it has been recalled."""
        return self.board.look().risk is not None

    def warnings(self) -> Iterable[str]:
        """Say what keeps the configured strategy from ever trading here, and what is odd about the database."""
        if self._writer.warning:
            yield self._writer.warning
        merge_unavailable = "" if self._live is None else self._live.merge_unavailable
        yield from cautions(self.options.desks, self._assembly, self.catalogue, merge_unavailable)

    def wait(self, timeout_s: float) -> bool:
        """Wait until somebody asks the engine to end; False when the time is over first."""
        try:
            self._ended.get(timeout=timeout_s)
        except Empty:
            return False
        self._ended.put(None)
        return True

    def end(self) -> None:
        """Ask the engine to end; returns at once."""
        self._ended.put(None)

    def hurry(self) -> None:
        """Ask it to end at once: all is cancelled, and nothing else is waited for. May come in a signal's handler."""
        self._shutdown.hurry()
        self.end()

    def stop(self) -> Ending:
        """End in good order, whatever became of `start`; may be called again for the same answer."""
        self._kill_watch.stop()
        ending = self._shutdown.run()
        gc.unfreeze()
        return ending

    def now_ns(self) -> int:
        """Return the engine's time."""
        return self.clock.now_ns()

    def change(self, parameters: EngineParameters) -> None:
        """Go by other parameters: whoever is built from now on at once, whoever runs when it reads its mail."""
        message = ParametersChanged(astuple(self._assembly.change(parameters)))
        for name in self._topology.route(message):
            if self._directory.find(name) is not None:  # a market that is off may have no actors
                self._directory.send(name, message)

    def tell(self, message: Message) -> None:
        """Send a message to all whom it concerns."""
        for name in self._topology.route(message):
            self._directory.send(name, message)

    # Parts

    def _live_account(self, catalogue: Catalogue) -> "Live | None":
        """Return the account that trades; in every other mode nothing that could sign is even loaded."""
        options = self.options
        if options.mode != "live":
            return None
        if options.live is None:
            raise ValueError("a live engine needs a venue that was found ready")
        from actors.live import Live

        earlier = self._writer.order_ids()
        return Live(options.live, self._writer.run, catalogue.markets, self.clock, self.gate, earlier)

    def _shared_board(self) -> SharedBoard:
        merges = self._live is None or not self._live.merge_unavailable
        line = EngineLine(
            self.mode_shown, tuple(self.options.desks), self._writer.run, os.getpid(), version("keel"),
            self.clock.now_ns(), merges, self._live.wallet if self._live is not None else "", self.catalogue.left_out,
        )  # fmt: skip
        machine = BoardMachine(line, self.catalogue, self.options.parameters.marks)
        return SharedBoard(machine, self.clock, _log)

    def _outside(self) -> Outside:
        options, route = self.options, self._topology.route
        outlets = Outlets(
            SUBMIT_LANE if self._live is not None else VENUE,
            EXECUTOR,
            self._journal_refused,
            options.data_dir / "emergency.jsonl",
            self._tape.locate if self._tape is not None else lambda _: None,
            hold_gate=self.gate.hold,
            release_gate=self._journal_took,
            operations=OPERATIONS_LANE,
            committed=self.gate.committed,
            open_gate=self._journal_took,
            give_up=self.gate.close,
        )
        venue: Start | None = None
        if options.mode == "paper":
            machine = self._assembly.venue()
            venue = lambda context: PaperVenue.start(context, machine, route, self.gate)  # noqa: E731
        lanes = self._live.lanes(route) if self._live is not None else ()
        return Outside(
            journal=lambda context: JournalActor.start(context, self._writer, options.parameters.journal, outlets),
            venue=venue,
            lanes=tuple(lanes),
            board=lambda context: MachineActor.start(context, lambda: self.board, route),
            feeds=tuple(self._feeds(route)),
            watchers=(JOURNAL, BOARD, *(self._live.watchers if self._live is not None else ())),
        )

    def _feeds(self, route: Callable[[Message], Iterable[str]]) -> Iterable[tuple[str, Start]]:
        if self._live is not None:
            yield self._live.user_feed(self.options.parameters.feed, route, Random(self.options.seed).random)
            yield self._live.heartbeat(route, self._healthy, self.gate.close)
            route = self._live.noticing(route)
        yield from self._heard.starts(route)

    def _healthy(self) -> bool:
        """Whether our orders may stay: nothing is stuck, and nobody has said stop."""
        return self.gate.closed in (None, SHUTDOWN) and self._shutdown.beats and self._watchdog.healthy

    def _follow_earlier_run(self) -> None:
        """Leave nothing of an earlier process standing but positions, orders, kills and what a person said.

        Its troubles ended with it. Whoever decides on a market is given what the core has of it once both stand. It
        begins paused, whatever the earlier one was told.
        """
        for said in recalling(self.catalogue.markets, self.clock.now_ns()):
            self._directory.send(BOARD, said)
        for said in (*let_go(self.catalogue.markets), *resolved(self.catalogue, self.clock.now_ns())):
            self.tell(said)
        if self.options.parameters.risk.start_paused:
            self.tell(SetOperatorState("pause", None, f"start-{self._writer.run}", "start-up"))
        markets, events = self.catalogue.markets, self._assembly.event_parts()
        if not announced(self._assembly, self._directory, markets, self._wait_until, _START_S, events):
            raise RuntimeError(f"the actors of the markets did not start within {_START_S:g} s")
        for market in self.catalogue.kept:  # not before: a market that is off and flat has no actors to wait for
            self.tell(SetOperatorState("off", market, f"kept-{market}-{self._writer.run}", "start-up"))

    # Trouble

    def _journal_refused(self, reason: str) -> None:
        self._journal_waits = True
        self.gate.hold(reason)
        self.tell(RaiseCell(None, "journal", TradingState.CANCEL_ONLY, reason))

    def _journal_took(self) -> None:
        """Nothing waits for the database any more; what closed the gate for good stays. A kill has its own cell."""
        if self.gate.release() is None and self._journal_waits:
            self._journal_waits = False
            self.tell(RaiseCell(None, "journal", TradingState.ACTIVE, ""))

    def _lease_lost(self, reason: str) -> None:
        needed = f"{reason}; restart the engine"
        self.gate.close(needed)
        logger.bind(actor=JOURNAL, reason=needed).error("no order leaves, cancels do")
        self._journal_refused(needed)

    def _order_overflowed(self, overflow: MailOverflowed) -> None:
        """A part of the engine cannot keep up with what must not be lost: stop what it serves."""
        market = next((part for part in overflow.name.split("/")[1:] if part in self.catalogue.markets), None)
        self.tell(RaiseCell(market, "mailbox", TradingState.HALTED, f"{overflow.name} is overrun"))

    def _letter_lost(self, letter: DeadLettered) -> None:
        if letter.actor != BOARD:
            self._directory.send(BOARD, letter)

    def _wait_until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        waiting = Event()
        until_ns = self.clock.now_ns() + int(timeout_s * 1e9)
        while not condition():
            if not self._ended.empty():
                raise EndedEarly
            if self.clock.now_ns() > until_ns:
                return False
            waiting.wait(0.01)
        return True


def _keep_for_good() -> None:
    """Hide what the start has made from the collector: to go through it all holds every order up for 80 ms."""
    gc.collect()
    gc.freeze()
    gc.enable()  # from here on: `keel run` begins without it


def _log(line: LogLine) -> None:
    """Log an event, but not for every market that the engine stops: that is said once."""
    if not line.text.endswith(f": {SHUTDOWN}"):
        log_event(line)
