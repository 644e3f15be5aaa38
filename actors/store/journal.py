"""The journal actor: what must not be lost is on the disk before it has an effect, and everything else soon after.

Every order that waits in the mailbox is committed in one transaction, and then each is passed on unchanged. Nobody is
answered: what the executor hears is only that an order could *not* be journalled, and that one is never passed on.
What is done on chain goes the same way, behind the state that it follows from; where that cannot be written it waits
for the next start, which submits it again.

Why the commit stands at the end of a turn: the mailbox hands out all that waits before the turn ends, so those who
came while one sync to the disk was under way share the next.
Why what was not committed goes to the dead letters when the journal dies: whoever is rebuilt from the chain must find
in it what was told before, so these messages have to come to the next incarnation.
Why a database that refuses closes the gate and is asked again: no order may leave without its row, but cancels and
fills go on; they and who said what are kept in memory, within bounds, and in a file beside, until the database takes
them. Then the gate opens, unless something was lost or only a new start can say what is on the disk.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

from actors.runtime.actor import BaseActor, Context, Fatal
from actors.runtime.dead_letters import Reason
from actors.store.emergency import EmergencyFile
from actors.store.rows import CHAINED, DURABLE, Row, rows_of
from actors.store.samples import BookSamples
from actors.store.tables import Error, Event
from actors.store.tape import Place
from actors.store.trouble import StoreError
from actors.store.writer import Writer
from models.compaction import Compaction
from models.messages.audit import CommandAnswered
from models.messages.base import Message
from models.messages.market import BookUpdated
from models.messages.operations import SubmitRedemption
from models.messages.orders import OrderNotJournalled, SubmitMerge, SubmitOrder
from models.messages.recall import Chained, RecallAsked, Recalled, RecallEnded
from models.messages.records import SegmentOpened
from models.messages.runtime import Woke
from models.messages.trace import encode_step
from models.storage import JournalParameters

_MS: Final = 1_000_000
_SECOND_NS: Final = 1_000 * _MS
_HOUR_NS: Final = 3_600 * _SECOND_NS
_DAY_NS: Final = 24 * _HOUR_NS
_PAGE: Final = 10_000
_FLUSH, _BOOKS, _PRUNE, _HEAD = "flush", "books", "prune", "head"
_KEPT: Final = (frozenset(CHAINED) | {CommandAnswered, SegmentOpened}) - {SubmitOrder}
"""What is kept while the database refuses: what money hangs on, and who said what meanwhile."""


class Outlets(NamedTuple):
    """Whom the journal tells, by name, and what it asks of the process."""

    venue: str
    """Gets every order whose row is on the disk."""
    executor: str
    """Gets `OrderNotJournalled`."""
    close_gate: Callable[[str], object]
    """Called with the reason, before anybody else is told, when the database refuses; until `open_gate`."""
    emergency: Path
    """File that is made when the database refuses: what is kept then, as lines of a trace."""
    locate: Callable[[int], Place | None] = lambda _: None
    """Where on the tape the frame received at a time stands."""
    risk: str = "risk"
    """Is recalled to, beside the executor; before it, so that what the executor says at last finds it ready."""
    hold_gate: Callable[[str], object] = lambda _: None
    """Called with the reason when there is no journal any more: until the core is rebuilt no order may leave."""
    release_gate: Callable[[], object] = lambda: None
    """Called when all is recalled."""
    operations: str = ""
    """Gets what is to be done on chain at a live venue."""
    committed: Callable[[SubmitOrder], object] = lambda _: None
    """Called with each order whose row is on the disk, before it is passed on."""
    open_gate: Callable[[], object] = lambda: None
    """Called when the database takes rows again, and has taken all that waited."""
    give_up: Callable[[str], object] = lambda _: None
    """Called with the reason when the database refuses and only a new start can mend it: the gate never opens again."""


class _Waiting(NamedTuple):
    at_ns: int
    message: Message
    rows: tuple[Row, ...]


class JournalActor(BaseActor):
    """The only writer of the database. `written` counts messages by kind, `dropped` the rows that were given up."""

    batch: ClassVar[int] = 1_000
    critical: ClassVar[bool] = True

    def __init__(self, context: Context, writer: Writer, parameters: JournalParameters, outlets: Outlets) -> None:
        super().__init__(context)
        self.written: Counter[str] = Counter()
        self.dropped = 0
        self._writer = writer
        self._parameters = parameters
        self._outlets = outlets
        self._samples = BookSamples(parameters.books_per_round)
        self._timers: set[str] = set()
        self._trouble: StoreError | None = None
        self._untold = False
        """Whether the database has not yet taken the record of its trouble."""
        self._emergency = EmergencyFile(outlets.emergency)
        self._compaction = Compaction()
        self._recalling = False
        """While it reads, entries that are written are still to be read."""
        self._start_over()

    def on_start(self) -> None:
        self._writer.reopen()
        self._emergency.make_ready()
        self._prune()

    def on_receive(self, message: Any) -> None:
        match message:
            case Woke():
                self._woke(message)
            case BookUpdated():
                self._wait(message, self._samples.seen(message))
                if self._samples.waiting:
                    self._wake(_BOOKS, self._parameters.book_every_ms * _MS)
            case RecallAsked():
                self._recall(message.after)
            case _:
                self._wait(message, rows_of(message, self._writer.run, self.now_ns))
                if isinstance(message, SubmitOrder | SubmitMerge | SubmitRedemption):
                    self._passed_on.append(message)

    def on_turn_end(self) -> None:
        if self._urgent or self._passed_on or self._rows >= self._parameters.batch_rows:
            self._commit()
        if self._waiting or self._tries:
            self._wake(_FLUSH, self._parameters.flush_ms * _MS)
        if not self._writer.keeps_head:
            self._wake(_HEAD, _SECOND_NS)
        if self._compaction.taken >= self._parameters.checkpoint_every:
            self._checkpoint()

    def on_stop(self) -> None:
        if self._waiting:
            self._commit()

    def on_end(self) -> None:
        self._outlets.hold_gate("the journal is down")
        for waiting in self._waiting:
            self._bury(waiting.message, Reason.UNREAD)
        self._writer.close()

    def _woke(self, woke: Woke) -> None:
        self._timers.discard(woke.timer)
        match woke.timer:
            case "flush":
                self._urgent = bool(self._waiting) or self._tries
            case "books":
                self._wait(woke, self._samples.round(self.now_ns))
                if self._samples.waiting:
                    self._wake(_BOOKS, self._parameters.book_every_ms * _MS)
            case "head":
                self._keep_head()
            case _:
                self._prune()

    def _keep_head(self) -> None:
        try:
            self._writer.keep_head()
        except (OSError, StoreError) as error:
            self.log.bind(reason=str(error)).warning("where the journal ends cannot be kept")

    def _wake(self, timer: str, after_ns: int) -> None:
        """Ask for a timer, unless it has been asked for."""
        if timer not in self._timers:
            self._timers.add(timer)
            self.context.wake_at(self.now_ns + after_ns, timer)

    def _wait(self, message: Message, rows: tuple[Row, ...]) -> None:
        kind = type(message)
        if not rows and kind not in CHAINED:
            return
        for row in rows:
            if row.table is Event:
                place = self._outlets.locate(row.values["at_ns"])
                if place is not None:
                    row.values["tape_segment"], row.values["tape_offset"] = place
        self._waiting.append(_Waiting(self.now_ns, message, rows))
        self._rows += len(rows)
        self._urgent |= kind in DURABLE

    def _prune(self) -> None:
        keep_ns = self._parameters.events_keep_days * _DAY_NS
        more = False
        try:
            more = self._writer.prune(self.now_ns - keep_ns, self._parameters.events_keep_rows)
        except StoreError as error:
            self._refused(error)
        self._wake(_PRUNE, _SECOND_NS if more else _HOUR_NS)

    def _recall(self, after: int) -> None:
        """Read a page of the chain to risk and executor, with what waits to be written in it."""
        if self._waiting:
            self._commit()
        if self._waiting:
            raise StoreError("the core cannot be rebuilt while the database refuses")
        if not after:
            self._compaction, self._recalling = Compaction(), True
        page = self._writer.read_back(after, _PAGE)
        for entry in page:
            self._compaction.take(entry.message, entry.at_ns)
        entries = tuple((entry.at_ns, entry.message) for entry in page)
        recalled = Recalled(entries, page[-1].seq) if page else RecallEnded()
        for name in (self._outlets.risk, self._outlets.executor):
            self.context.send(name, recalled)
        if not page:
            self._recalling = False
            self._outlets.release_gate()

    def _checkpoint(self) -> None:
        """Write down what the chain says, so that a start reads only what comes after; when nothing else waits."""
        if self._recalling or self._waiting or self._trouble is not None:
            return
        try:
            self._writer.write((), [(self.now_ns, self._compaction.checkpoint())])
        except StoreError as error:
            self._refused(error)

    def _commit(self) -> None:
        self._urgent = False
        rows = [row for waiting in self._waiting for row in waiting.rows]
        if self._trouble is not None and self._untold:
            rows.append(self._told(self._trouble))
        chained = [(waiting.at_ns, waiting.message) for waiting in self._waiting if type(waiting.message) in CHAINED]
        try:
            self._writer.write(rows, chained)
        except StoreError as error:
            self._refused(error)
            return
        for message in self._passed_on:
            if isinstance(message, SubmitOrder):
                self._outlets.committed(message)
                self.context.send(self._outlets.venue, message)
            else:
                self.context.send(self._outlets.operations, message)
        for at_ns, message in () if self._recalling else chained:
            self._compaction.take(message, at_ns)
        self.written.update(type(waiting.message).__name__ for waiting in self._waiting)
        self._start_over()
        self._taken()

    def _start_over(self) -> None:
        self._waiting: list[_Waiting] = []
        self._passed_on: list[SubmitOrder | SubmitMerge | SubmitRedemption] = []
        self._rows = 0
        self._urgent = False
        self._recorded = 0
        """How many of those that wait stand in the emergency file."""

    def _refused(self, error: StoreError) -> None:
        """Stop orders from leaving; keep what may not be lost for another try, and let the rest go."""
        self._close_gate(error)
        for message in self._passed_on:
            if isinstance(message, SubmitOrder):
                self.context.send(self._outlets.executor, OrderNotJournalled(message.order_id, str(error)))
        kept = [waiting for waiting in self._waiting if type(waiting.message) in _KEPT]
        self._record(kept[self._recorded :])
        most = self._parameters.kept_while_refused
        if len(kept) > most:
            self._close_gate(StoreError(f"more came than could be kept while {error}", cause="lost_rows"))
        kept = kept[-most:]
        rows = sum(len(waiting.rows) for waiting in kept)
        self.dropped += self._rows - rows
        self._start_over()
        self._waiting, self._rows, self._recorded = kept, rows, len(kept)

    def _close_gate(self, error: StoreError) -> None:
        """Close the gate and say why, once for each cause. What only a new start can mend stays so."""
        before = self._trouble
        if before is not None and (before.lasting or before.cause == error.cause):
            return
        self._trouble, self._untold = error, True
        needed = "; restart the engine" if error.lasting else "; it is tried again"
        self._outlets.close_gate(f"journal: {error}{needed}")
        if error.lasting:
            self._outlets.give_up(f"journal: {error}{needed}")
        self.log.bind(reason=f"{error}{needed}").error("no order leaves, cancels do")

    def _taken(self) -> None:
        """Open the gate where the database was in trouble that is over."""
        trouble = self._trouble
        self._untold = False
        if trouble is None or trouble.lasting:
            return
        # What was kept free for an emergency has been given up: until there is so much again, the disk is full.
        if trouble.cause != "full" or self._emergency.make_ready():
            self._trouble = None
            self.log.bind(reason=str(trouble)).warning("that is over: the database has taken all that waited")
            self._outlets.open_gate()

    @property
    def _tries(self) -> bool:
        """Whether the database is asked again though nothing waits for it."""
        return self._untold or (self._trouble is not None and not self._trouble.lasting)

    def _told(self, trouble: StoreError) -> Row:
        """Return the record of a trouble. It is also the proof that the database takes more than nothing."""
        return Row(Error, {"at_ns": self.now_ns, "actor": self.context.name, "kind": "storage", "text": str(trouble)})

    def _record(self, waiting: list[_Waiting]) -> None:
        lines = [encode_step(at_ns, self.context.name, message) for at_ns, message, _ in waiting]
        if lines and not self._emergency.write(lines):
            self.log.bind(count=len(lines)).critical("messages about money are in memory only: no disk takes them")


class MemoryJournal(BaseActor):
    """Stands in for the journal where there is no database: passes orders on to `venue`.

    `chain` outlives it, as a database would. None: nothing is kept, and no core that dies can be rebuilt.
    """

    def __init__(self, context: Context, venue: str, chain: list[tuple[int, Chained]] | None = None) -> None:
        super().__init__(context)
        self._venue = venue
        self._chain = chain

    def on_receive(self, message: Any) -> None:
        if isinstance(message, RecallAsked):
            self._recall(message.after)
        elif self._chain is not None and type(message) in CHAINED:
            self._chain.append((self.now_ns, message))
        if isinstance(message, SubmitOrder):
            self.context.send(self._venue, message)

    def _recall(self, after: int) -> None:
        if self._chain is None:
            raise Fatal("the core has died, and nothing was kept that it could be rebuilt from")
        page = tuple(self._chain[after : after + _PAGE])
        recalled = Recalled(page, after + len(page)) if page else RecallEnded()
        for name in ("risk", "executor"):
            self.context.send(name, recalled)
