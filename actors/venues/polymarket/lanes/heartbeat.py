"""The sign of life without which the venue cancels all our orders, given only while this process is healthy.

Why its own actor: a beat that hangs must not hold a cancel up, nor a cancel a beat. Why it is not a plain timer: a
process whose executor is wedged would keep its quotes alive with it. So whoever stops being healthy, is killed or dies
loses its orders 10 to 15 s later, without anybody doing anything.

Why another id than ours is a second writer: each beat names the answer to the one before. The venue expects another
only if somebody else has beaten with our key, or if we do not know how our own last beat ended: then its word is
followed. What it names with a refusal may be the chain of the process before us, which expires any moment: only a beat
that was accepted begins one that is ours.
"""

from collections.abc import Callable
from typing import Any, Final

from actors.runtime.actor import Context
from actors.runtime.machine import Route
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.clob_session import ReadFailed
from actors.venues.polymarket.lanes.lane import Lane
from actors.venues.polymarket.verdicts import Fate, Verdict
from models.cells import TradingState
from models.messages.control import RaiseCell
from models.messages.lanes import HeartbeatResumed, LeaveToHeartbeat
from models.messages.runtime import Woke

SOURCE: Final = "heartbeat"
"""The source of the cells that it raises."""

_MS: Final = 1_000_000
_EXPIRES_AFTER: Final = 2
"""Intervals after which the venue takes us for dead."""
_DONE: Final = Verdict(Fate.DONE)
_TRIES: Final = 5
"""How often within an interval a beat that failed, or that we were not fit for, is tried again."""


class Heartbeat(Lane):
    """Beats while `healthy()`, which has to be false from a kill on; `close_gate` is told of a second writer.

    `beaten` is called after every beat that was accepted: without them no order leaves.

    Without an accepted beat for two intervals it raises CANCEL_ONLY over everything until one is accepted again.
    `every_ms` is the interval that the venue asks for.
    """

    def __init__(
        self,
        context: Context,
        client: ClobClient,
        route: Route,
        healthy: Callable[[], bool],
        close_gate: Callable[[str], object],
        beaten: Callable[[], object] = lambda: None,
        every_ms: int = 5_000,
    ) -> None:
        super().__init__(context, client, route)
        self.beats = 0
        """Beats that were accepted."""
        self._healthy = healthy
        self._close_gate = close_gate
        self._beaten = beaten
        self._every_ns = every_ms * _MS
        self._last = ""
        self._known_ns: int | None = None
        """When the venue accepted a beat and named `_last`; None while what it expects is a guess."""
        self._alive_ns = self.read_clock()
        """When a beat was accepted last, in the beginning: when we began."""
        self._cell: TradingState | None = None
        self._trouble: str | None = None
        self._lapses_until_ns = 0
        """Until when we are taken for dead on purpose."""

    def on_start(self) -> None:
        self.context.wake_at(self.read_clock())

    def on_receive(self, message: Any) -> None:
        if self._cell is TradingState.HALTED:
            return
        if isinstance(message, LeaveToHeartbeat):
            self._lapse(message)
        elif isinstance(message, Woke):
            self._turn()

    def _lapse(self, wish: LeaveToHeartbeat) -> None:
        self._lapses_until_ns = max(wish.until_ns, self._lapses_until_ns)
        self.log.bind(beats=self.beats).error("the venue is left to cancel everything: {}", wish.reason)
        self._raise(TradingState.CANCEL_ONLY, f"no heartbeat: {wish.reason}")

    def _turn(self) -> None:
        began_ns = self.read_clock()
        if began_ns < self._lapses_until_ns:
            trouble = "the venue is to cancel everything"
        else:
            trouble = self._beat() if self._healthy() else "we are not healthy"
        if trouble is not None and self._trouble is None:
            self.log.bind(beats=self.beats).warning("no heartbeat: {}", trouble)
        self._trouble = trouble
        if trouble is None:
            self._heard()
        elif began_ns - self._alive_ns >= _EXPIRES_AFTER * self._every_ns:
            self._raise(TradingState.CANCEL_ONLY, f"no heartbeat: {trouble}")
        self.context.wake_at(began_ns + (self._every_ns if trouble is None else self._every_ns // _TRIES))

    def _heard(self) -> None:
        """Let trading go on; after a silence in which everything may have been cancelled that has to be read first."""
        if self._cell is TradingState.CANCEL_ONLY:
            self.tell(HeartbeatResumed(self.read_clock()))
        self._raise(TradingState.ACTIVE, "beating")

    def _beat(self) -> str | None:
        """Beat once; return what went wrong."""
        try:
            beat = self.client.heartbeat(self._last)
        except ReadFailed as failed:
            self.note(failed.verdict)
            if failed.verdict.fate is Fate.UNKNOWN:
                self._known_ns = None
            return str(failed)
        self.note(_DONE)
        now_ns = self.read_clock()
        known, self._last = self._known(now_ns), beat.heartbeat_id
        self._known_ns = now_ns if beat.accepted else None
        if beat.accepted:
            self.beats += 1
            self._alive_ns = now_ns
            self._beaten()
            return None
        if known:
            self._second_writer()
        return "the venue expected another id"

    def _known(self, now_ns: int) -> bool:
        """Whether the venue must have expected our id: a chain that has expired, by its clock, begins anew."""
        return self._known_ns is not None and 2 * (now_ns - self._known_ns) < 3 * self._every_ns

    def _second_writer(self) -> None:
        reason = "another program sends heartbeats with our API key"
        self._close_gate(reason)
        self.log.bind(beats=self.beats).error("{}: find it, or make another API key, and start again", reason)
        self._raise(TradingState.HALTED, reason)

    def _raise(self, state: TradingState, reason: str) -> None:
        if state is not self._cell:
            self._cell = state
            self.tell(RaiseCell(None, SOURCE, state, reason))
