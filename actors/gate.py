"""The last point before a socket: what leaves was approved and journalled, in a market that allows it, or it stays.

Why a lock and not a message: between saying "kill" and a mailbox reading it thousands of orders may pass. `passes`
holds the lock around the write of a request, and so does whatever closes the gate: after `kill` nothing gets out.

Why it believes nobody: it hears approvals, states and epochs when they are said, not when they are read, and counts for
itself. An order leaves once for each intent that was approved, as it was approved, after its row was committed; the
same order leaves again only as the same bytes. It shares no code with what decides.

Why also a lock on the folder: a kill from outside must hold though this process hangs. Whoever writes the latch and
then holds the folder knows that no order is on its way out, and that the next one finds the latch.

Why a person lifts the kills that they knew of, and no other: between their word and the opened gate somebody else may
have killed again, in this process, by a signal, or from outside, and each of these was told that no order leaves.

Why a fault is kept apart from a kill: a person who lifts a kill has not mended the database that refuses orders, and
cannot open an engine that is stopping.
"""

import fcntl
import os
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import Any, Final, NamedTuple, TypeVar
from weakref import finalize

from loguru import logger

from actors.latch import lift_latch, read_author, read_latch, which, write_latch
from actors.runtime.clock import Clock
from models.cells import TradingState
from models.gate_parameters import GateParameters, Leaving
from models.messages.base import MarketId, Message
from models.messages.control import Kill, KillLatched, TradingStateChanged
from models.messages.market import BookEpochChanged
from models.messages.orders import INTENT_TIME_TO_LIVE_NS, OrderApproved, PlaceOrder, SubmitOrder

Value = TypeVar("Value")

_REMEMBERED_MAX: Final = 20_000
"""Approvals, rows and orders that left, each; an intent lives half a second, so the oldest of so many is long dead."""
_S: Final = 1_000_000_000
_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class _Trip:
    """One signal; two of them are never the same."""

    reason: str


class Kills(NamedTuple):
    """The kills that stood at a moment: how many were said, the signal, and which file it was."""

    said: int
    tripped: _Trip | None
    file: tuple[int, int] | None


class _Approved(NamedTuple):
    order: PlaceOrder
    changes: int
    """How many changes of states had been heard by then."""


class _Gone(NamedTuple):
    digest: bytes
    changes: int


class _Standing(NamedTuple):
    changed: TradingStateChanged
    since: int


class Gate:
    """One per process. `latch` is the file that outlives it; `rules` are of a live venue, None before a paper one."""

    def __init__(self, latch: Path, clock: Clock, rules: GateParameters | None = None) -> None:
        self.lease: Callable[[], str | None] = lambda: None
        """Says why we are not the one writer any more; asked for every order."""
        self.entered = self.left = self.refused = 0
        """Orders that were approved, that left, and that were not let out."""
        self._latch = latch
        self._path = str(latch)
        self._clock = clock
        self._rules = rules
        self._lock = RLock()
        self._killed = read_latch(latch)
        self._said = 0
        self._tripped: _Trip | None = None
        self._lifted: _Trip | None = None
        """The trip that was cleared; a newer one may come at any moment."""
        self._fault: str | None = None
        self._held: str | None = None
        self._beaten_ns: int | None = None
        self._under_way = 0
        self._changes = 0
        self._states: dict[MarketId, _Standing] = {}
        self._epochs: dict[MarketId, int] = {}
        self._approved: dict[str, _Approved] = {}
        self._rows: dict[str, PlaceOrder] = {}
        self._gone: dict[str, _Gone] = {}
        self._times = deque[int](maxlen=0 if rules is None else max(rules.second_max, rules.ten_seconds_max))
        with suppress(OSError):
            latch.parent.mkdir(parents=True, exist_ok=True)
        self._folder = os.open(latch.parent, os.O_RDONLY)
        finalize(self, os.close, self._folder)

    # Closing and opening

    @property
    def killed(self) -> str | None:
        """Why everything was killed, None where it was not."""
        tripped = self._tripped
        return self._killed or (None if tripped is None or tripped is self._lifted else tripped.reason)

    @property
    def killed_by(self) -> str | None:
        """Who or what has killed everything: as it stands in the file, else `file` or `signal`; None where nothing."""
        if self.killed is None:
            return None
        return read_author(self._latch) or ("file" if self._tripped is None or self._killed is not None else "signal")

    @property
    def closed(self) -> str | None:
        """Why it is closed to all orders, None while open."""
        return self.killed or self._fault or self._held or self.lease()

    @property
    def at_rest(self) -> bool:
        """Whether no request with orders is under way: all that left were answered, or given up."""
        return self._under_way == 0

    def kill(self, reason: str, who: str = "") -> None:
        """Close it, now and for every later start. When this returns no order passes, whatever the disk does."""
        with self._lock:
            self._said += 1
            before, self._killed = self._killed, self._killed or reason
            reason = self._killed
            if before is not None and os.path.lexists(self._latch):
                return
        try:
            write_latch(self._latch, reason, who, self._clock.now_ns())
        except OSError as error:
            logger.bind(actor="gate").critical("killed, but a restart would not know: {}", error)
            with self._lock:
                self._killed = self._killed or reason  # a clear that came meanwhile found no file, and came too early

    def trip(self, reason: str) -> None:
        """Close it until a person clears it, from a signal's handler: no lock is taken. A `kill` has to follow."""
        self._tripped = _Trip(reason)

    def look(self) -> str | None:
        """Look whether somebody has left the file, and return why everything is killed."""
        with self._lock:
            return self._looked() or self.killed

    def close(self, reason: str) -> None:
        """Close it until this process ends: a fault that a restart may mend, not a kill."""
        with self._lock:
            self._fault = self._fault or reason

    def hold(self, reason: str) -> None:
        """Close it until `release`: a part of the engine is being mended."""
        with self._lock:
            self._held = reason

    def release(self) -> str | None:
        """Undo `hold`; whatever else has closed it keeps it closed. Returns that, but no kill: it has its own end."""
        with self._lock:
            self._held = None
        return self._fault or self.lease()

    def kills(self) -> Kills:
        """Return the kills that stand now: what somebody knows of who begins to lift them."""
        with self._lock:
            return Kills(self._said, self._tripped, which(self._latch))

    def clear(self, known: Kills | None = None) -> bool:
        """Lift these kills, by default all; a person's act. False where another was said meanwhile: all stay.

        Raises OSError where the latch cannot be removed: then it stays closed.
        """
        with self._lock:
            known = known or self.kills()
            try:
                said = self._locked() is not None or (known.said, known.tripped) != (self._said, self._tripped)
                if said or not lift_latch(self._latch, known.file):
                    return False
                self._killed, self._lifted = None, known.tripped
                return self.killed is None
            finally:
                fcntl.flock(self._folder, fcntl.LOCK_UN)

    # Hearing

    @property
    def hears(self) -> Mapping[type[Message], Callable[[Any], object]]:
        """What has to be told here the moment it is said, before anybody is sent it."""
        return {
            OrderApproved: self._hear_approval,
            TradingStateChanged: self._hear_state,
            BookEpochChanged: self._hear_epoch,
            Kill: lambda said: self.kill(said.reason, said.who),
            KillLatched: lambda said: self.kill(said.reason, "risk"),
        }

    def committed(self, message: SubmitOrder) -> None:
        """Take notice of an order whose row is on the disk; without this it never leaves."""
        with self._lock:
            _put(self._rows, message.order_id, message.order)

    def beaten(self) -> None:
        """Take notice of a heartbeat that the venue has accepted."""
        self._beaten_ns = self._clock.now_ns()

    def _hear_approval(self, approved: OrderApproved) -> None:
        with self._lock:
            self.entered += 1
            _put(self._approved, approved.order.intent, _Approved(approved.order, self._changes))

    def _hear_state(self, changed: TradingStateChanged) -> None:
        with self._lock:
            self._changes += 1
            self._states[changed.market] = _Standing(changed, self._changes)

    def _hear_epoch(self, changed: BookEpochChanged) -> None:
        with self._lock:
            self._epochs[changed.market] = changed.epoch

    # Passing

    @contextmanager
    def passes(self, leaving: Sequence[Leaving] = ()) -> Generator[str | None]:
        """Hold it around the write of a request with orders; yields why nothing may be written, None where it may."""
        with self._lock:
            refusal = self._locked() or self._refusal(leaving)
            try:
                if refusal is None:
                    self._count(leaving)
                else:
                    self.refused += len(leaving)
                yield refusal
            finally:
                fcntl.flock(self._folder, fcntl.LOCK_UN)

    def refusal(self, one: Leaving) -> str | None:
        """Return why an order would not pass now; asked before it shares a request with others."""
        with self._lock:
            refusal = self._refusal((one,))
            self.refused += refusal is not None
            return refusal

    @contextmanager
    def request(self) -> Generator[None]:
        """Hold it for not at rest while a request with orders is under way."""
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def _locked(self) -> str | None:
        """Hold the folder, which nobody else does but a kill from outside."""
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return f"the folder of the latch is held: {error.strerror}"
        return None

    def _looked(self) -> str | None:
        if self._killed is None:
            try:
                os.lstat(self._path)
            except FileNotFoundError:
                return None
            except OSError as error:
                return f"the latch {self._latch.name} cannot be looked at: {error.strerror}"
            self._killed = read_latch(self._latch) or "kill"
        return self._killed

    def _refusal(self, leaving: Sequence[Leaving]) -> str | None:
        closed = self._looked() or self.closed
        if closed is not None or not leaving:
            return closed
        if len({one.order.intent for one in leaving}) < len(leaving):
            return "the same order twice in one request"
        if self._rules is not None:
            refusal = self._unheard(self._rules) or self._too_fast(self._rules, len(leaving))
            if refusal is not None:
                return refusal
        return next((refusal for one in leaving if (refusal := self._refusal_of(one)) is not None), None)

    def _unheard(self, rules: GateParameters) -> str | None:
        if self._beaten_ns is None:
            return "the venue has accepted no heartbeat yet"
        age_ns = self._clock.now_ns() - self._beaten_ns
        if age_ns <= rules.heartbeat_max_ms * _MS:
            return None
        return f"no heartbeat for {age_ns / _S:.1f} s > {rules.heartbeat_max_ms / 1_000:g} s"

    def _too_fast(self, rules: GateParameters, orders: int) -> str | None:
        now_ns = self._clock.now_ns()
        for most, seconds in ((rules.second_max, 1), (rules.ten_seconds_max, 10)):
            # Of those that left, the one that may not be younger than this.
            back = most - orders + 1
            if back < 1 or (len(self._times) >= back and self._times[-back] > now_ns - seconds * _S):
                return f"more than {most} orders within {seconds} s"
        return None

    def _refusal_of(self, one: Leaving) -> str | None:
        order, gone = one.order, self._gone.get(one.order_id)
        if gone is None:
            approved = self._approved.get(order.intent)
            if self._rows.get(one.order_id) != order:
                return "no committed row in the journal"
            if approved is None or approved.order != order:
                return "not approved, or not so"
            if self._clock.now_ns() - order.created_ns > INTENT_TIME_TO_LIVE_NS:
                return "expired"
            changes = approved.changes
        elif gone.digest != sha256(one.body).digest():
            return "it has left before, as other bytes"
        else:
            changes = gone.changes
        epoch = self._epochs.get(order.market, order.epoch)
        if order.epoch != epoch:
            return f"priced in book epoch {order.epoch}, now {epoch}"
        standing = self._states.get(order.market)
        return None if standing is None else _held_by(standing, changes)

    def _count(self, leaving: Sequence[Leaving]) -> None:
        now_ns = self._clock.now_ns()
        for one in leaving:
            if one.order_id not in self._gone:
                changes = self._approved.pop(one.order.intent).changes
                del self._rows[one.order_id]
                _put(self._gone, one.order_id, _Gone(sha256(one.body).digest(), changes))
                self.left += 1
            self._times.append(now_ns)


def _held_by(standing: _Standing, changes: int) -> str | None:
    """Return what of a market's state holds an order that was approved after so many changes of states."""
    changed, since = standing
    state = changed.state
    if state is TradingState.ACTIVE:
        return None
    said = f"the market is {state.name}" + (f" by {changed.cells[0].source}" if changed.cells else "")
    fused = all(cell.source == "flow" for cell in changed.cells if cell.state is TradingState.CANCEL_ONLY)
    if state >= TradingState.HALTED or (state is TradingState.CANCEL_ONLY and not fused):
        return said
    # Risk lets through what lowers a position, and under a fuse the hedge that the flow runs towards.
    return None if changes >= since else f"{said}, and it was approved before that"


def _put(kept: dict[str, Value], name: str, value: Value) -> None:
    kept[name] = value
    if len(kept) > _REMEMBERED_MAX:
        del kept[next(iter(kept))]


class Door:
    """One lane's way through the gate: which orders its next request carries is shown here first."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._leaving: Sequence[Leaving] = ()

    @property
    def closed(self) -> str | None:
        """Why the gate is closed to all orders, None while open."""
        return self._gate.closed

    @contextmanager
    def carrying(self, leaving: Sequence[Leaving]) -> Generator[None]:
        """Say what the request carries that is made meanwhile."""
        self._leaving = leaving
        try:
            with self._gate.request():
                yield
        finally:
            self._leaving = ()

    def refusal(self, one: Leaving) -> str | None:
        """Return why an order would not pass now; asked before it shares a request with others."""
        return self._gate.refusal(one)

    def passes(self) -> AbstractContextManager[str | None]:
        """Hold the gate for the write of the request; yields why nothing may be written, None where it may."""
        return self._gate.passes(self._leaving)
