"""The ordered end of an engine: nothing goes out any more, what rests is proven gone, what is known is written.

    the gate closes          no order leaves
    nobody quotes            whoever decides is told, and all orders are cancelled                    2 s
    the sweep                until the venue has twice listed nothing; on paper: until none is open  10 s
    answers under way        until no order waits for its first answer                                5 s
    fills under way          until every order has ended and nothing more is filled                   2 s
    the record               profits as they are marked, and `StoppedCleanly` in the journal's chain
    the heartbeat            falls silent: the venue cancels what may be left in about ten seconds
    the actors               in reverse, each with a bound of its own                                12 s
    the database             its log is folded in, and the lease given up

Why a step goes on without what it waited for: this has to work from every state, also where nobody answers. Why the
whole has a bound too: a step that hangs must not keep alive what nobody watches any more. Beyond it the process ends
with 70, and the venue cancels, for nothing beats.

Why a second signal is only a flag: it comes in the midst of whatever the main thread does, where no lock may be taken.
Every wait looks at it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Timer
from typing import TYPE_CHECKING, Final, TypeVar

from loguru import logger

from actors.board import SharedBoard
from actors.gate import Gate
from actors.runtime.clock import monotonic_ns
from actors.runtime.dead_letters import DeadLetters
from actors.runtime.directory import Directory
from actors.runtime.pool import PoolDispatcher
from actors.runtime.timers import TimerThread
from actors.runtime.watchdog import Watchdog
from actors.store.tape import TapeWriter
from actors.store.writer import Writer
from actors.system import ROOT
from actors.topology import RISK
from models.cells import TradingState
from models.messages.base import MarketId, Message
from models.messages.control import RaiseCell
from models.messages.records import ProfitMarked, StoppedCleanly
from models.orders import OrderState
from models.snapshot import Board

if TYPE_CHECKING:
    from actors.live import Live
    from surfaces.control_server import ControlServer

SHUTDOWN: Final = "shutdown"
"""Why the gate is closed, and why orders are cancelled, in an end that somebody asked for."""

WHOLE_S: Final = 30.0
"""How long all of it may take before the process is ended."""

_QUIET_S: Final = 2.0
_SWEEP_S: Final = 10.0
_ANSWERS_S: Final = 5.0
_FILLS_S: Final = 2.0
_AGAIN_S: Final = 3.0
_ACTORS_S: Final = 12.0
_HURRIED_S: Final = 2.0
_LAST_FILL_S: Final = 0.25
"""How long nothing may have been filled before nothing more is expected."""
_SLICE_S: Final = 0.1
"""How long a wait goes on before it looks whether it is to be cut short."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Left:
    """An order that may still fill; `market` is empty where only the venue knows of it."""

    order_id: str
    market: MarketId


@dataclass(frozen=True)
class Ending:
    """How an engine ended. `before` is what it showed when it was asked to end, `after` what it showed at last.

    `recorded`: the journal's chain says that it ended in good order. `hurried`: it was asked twice.
    """

    left: tuple[Left, ...]
    before: Board
    after: Board
    recorded: bool
    hurried: bool
    took_s: float


@dataclass(frozen=True)
class Running:
    """What is to be ended. `tell` sends a message to all whom it concerns; `abort` ends the process at once."""

    gate: Gate
    board: SharedBoard
    tell: Callable[[Message], object]
    abort: Callable[[str], object]
    directory: Directory
    dead_letters: DeadLetters
    pool: PoolDispatcher
    timers: TimerThread
    watchdog: Watchdog
    server: "ControlServer"
    writer: Writer
    tape: TapeWriter | None
    live: "Live | None"


class Shutdown:
    """Ends what is running, once. `run` may be called from any state, and again for the same answer."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._hurried = False
        self._proven = False
        """Whether the venue has said what rests there since nothing can leave any more."""
        self._ending: Ending | None = None
        self.beats = True
        """Whether a heartbeat may still keep our orders standing."""

    def hurry(self) -> None:
        """Cut every wait short from now on: cancel all, and end."""
        self._hurried = True

    def run(self) -> Ending:
        """End everything; what cannot be done in time is left, and named."""
        if self._ending is None:
            last = Timer(WHOLE_S, self._running.abort, [f"the shutdown took longer than {WHOLE_S:g} s"])
            last.daemon = True
            last.start()
            try:
                self._ending = self._end()
            finally:
                last.cancel()
        return self._ending

    def _end(self) -> Ending:
        running, began_ns = self._running, monotonic_ns()
        before = running.board.look()
        logger.bind(open_orders=len(before.orders)).info("stopping")
        self._step("no order goes out", lambda: running.gate.close(SHUTDOWN), None)
        self._step("nobody quotes", self._stop_quoting, None)
        under_way = not _answered(running.board.look())
        left = self._step("orders cancelled", lambda: self._cancelled(_SWEEP_S), self._known())
        self._step("answers under way awaited", lambda: self._wait(_answered, _ANSWERS_S), None)
        self._step("fills under way awaited", lambda: self._await_fills(before), None)
        if under_way and self._proven and not self._hurried:
            # The venue may have listed what rests there before it took what was on its way.
            left = self._step("orders listed again", lambda: self._cancelled(_AGAIN_S), left)
        self._step("what is known is recorded", lambda: self._record(left), None)
        self._step("the heartbeat is silent", lambda: self._fall_silent(left), None)
        self._step("actors stopped", self._stop_actors, None)
        self._step("the database is closed", self._close_files, None)
        took_s = (monotonic_ns() - began_ns) / 1e9
        return Ending(left, before, running.board.look(), running.writer.ended_cleanly, self._hurried, took_s)

    # The steps

    def _stop_quoting(self) -> None:
        running = self._running
        running.tell(RaiseCell(None, "engine", TradingState.CANCEL_ONLY, SHUTDOWN))
        if running.directory.find(RISK) is not None:
            self._wait(_nobody_quotes, _QUIET_S)

    def _cancelled(self, within_s: float) -> tuple[Left, ...]:
        """Cancel everything, and return what may still fill."""
        live = self._running.live
        if live is None:
            self._wait(lambda board: not board.orders, within_s)
            return self._known()
        from actors.venues.polymarket.sweep import Unproven

        try:
            listed = live.sweep(within_s, lambda: self._hurried)
        except Unproven as error:
            logger.bind(reason=str(error)).error("the venue did not say what rests there; it cancels that soon")
            self._proven = False
            return self._known() or (Left("unknown", ""),)
        self._proven = True
        return tuple(Left(order.order_id, order.market) for order in listed)

    def _await_fills(self, before: Board) -> None:
        """Hear out the venue: fills of what has just been cancelled come behind its cancel."""
        if not before.orders or (self._running.live is not None and not self._proven):
            return
        until_ns = monotonic_ns() + int(_FILLS_S * 1e9)
        self._wait(lambda board: not board.orders, _FILLS_S)
        fills, more = self._running.board.look().counts.fills, self._running.live is not None
        while more and monotonic_ns() < until_ns:
            more = self._wait(lambda board, known=fills: board.counts.fills > known, _LAST_FILL_S)
            fills = self._running.board.look().counts.fills

    def _record(self, left: tuple[Left, ...]) -> None:
        board = self._running.board.look()
        for desk in board.desks.values():
            if desk.fills or desk.position.fills:
                profit = desk.profit
                age_ms = None if profit.marked_ns is None else (board.at_ns - profit.marked_ns) // 1_000_000
                self._running.tell(
                    ProfitMarked(
                        desk.tag, desk.market, profit.realized, profit.unrealized, age_ms, profit.fees, profit.rebates,
                        board.at_ns,
                    )
                )  # fmt: skip
        if not left and not self._hurried:
            self._running.tell(StoppedCleanly(board.engine.run, board.counts.fills, board.at_ns))

    def _fall_silent(self, left: tuple[Left, ...]) -> None:
        self.beats = False
        if left and self._running.live is not None:
            logger.bind(orders=len(left)).warning("no heartbeat any more: the venue cancels what is left in about 10 s")

    def _stop_actors(self) -> None:
        running = self._running
        running.server.stop()
        running.watchdog.stop()
        running.dead_letters.end()
        running.directory.stop(ROOT)
        if not self._until(lambda: running.directory.find(ROOT) is None, _ACTORS_S, _HURRIED_S):
            logger.bind(actors=len(running.directory)).error("the actors did not stop in time")
        running.pool.stop()
        running.timers.stop()

    def _close_files(self) -> None:
        running = self._running
        if running.tape is not None:
            try:
                running.tape.close()
            except OSError as error:
                logger.bind(reason=str(error)).error("the tape is not whole; the next start repairs it")
        if running.directory.find(ROOT) is None and running.writer.is_open:
            running.writer.close()  # the journal never began

    # Waiting

    def _step(self, what: str, do: Callable[[], Result], otherwise: Result) -> Result:
        """Do a step and log it with the time it took; one that fails is logged, and the others are done."""
        began_ns, result = monotonic_ns(), otherwise
        try:
            result = do()
        except Exception as error:  # noqa: BLE001 - the next steps matter all the more
            logger.opt(exception=error).error("shutdown: {} failed", what)
        logger.bind(took_ms=(monotonic_ns() - began_ns) // 1_000_000).info("shutdown: {}", what)
        return result

    def _wait(self, holds: Callable[[Board], bool], within_s: float) -> bool:
        """Wait until the board shows something; whether it did before the time was over, or cut short."""
        return self._until(lambda: self._running.board.wait_for(holds, _SLICE_S)[1], within_s)

    def _until(self, holds: Callable[[], bool], within_s: float, hurried_s: float = 0.0) -> bool:
        began_ns, pause = monotonic_ns(), Event()
        while not (held := holds()):
            if monotonic_ns() - began_ns >= (hurried_s if self._hurried else within_s) * 1e9:
                break
            pause.wait(0.01)
        return held

    def _known(self) -> tuple[Left, ...]:
        return tuple(Left(order.order_id, order.market) for order in self._running.board.look().orders.values())


def _nobody_quotes(board: Board) -> bool:
    return all(line.state >= TradingState.CANCEL_ONLY for line in board.markets.values())


def _answered(board: Board) -> bool:
    """Whether no order is between leaving and its first answer."""
    return not any(order.state is OrderState.PLACING for order in board.orders.values())
