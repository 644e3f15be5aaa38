"""A mailbox with lanes: what is urgent goes first, what is superseded goes away, and nothing is lost unsaid.

Why the reader pops without the lock: only the actor itself reads its mailbox, and `deque.popleft` is atomic, so a plain
message costs one lock (in `post`) instead of two. A keyed one is popped under the lock, because a newer one may be
taking its place at that moment.

Why `post` takes the lock by hand: a `with` on it costs as much as everything else that a plain message needs.

Why `get` ends a turn by raising: pykka's loop over a mailbox is reused as it stands. `get` stands outside its `try`, so
an exception that is no `Exception` leaves the loop with the actor untouched.
"""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from threading import Lock
from typing import Any, Final, TypeAlias

from pykka import ActorDeadError, Future, Timeout

from actors.runtime.dead_letters import Reason
from actors.runtime.lanes import IDLE, KINDS, ORDINARY, READY, RUNNING, URGENT, Bounds, Kind, Perishable
from actors.runtime.pykka_inside import ActorStop, Envelope
from actors.runtime.surroundings import Owner, Scheduler, Surroundings
from models.messages.base import Lane, Message
from models.messages.runtime import MailOverflowed

_Mail: TypeAlias = Message | Envelope[Any]
"""A message that was told, or an envelope: what was asked, what goes off, and pykka's stop."""
_Slot: TypeAlias = tuple[type, Hashable]
"""Stands in a queue for a keyed message, which is in the table of slots and may be replaced there."""
_Queue: TypeAlias = deque[_Mail | _Slot]
_Sequel: TypeAlias = Callable[[], object]
"""What is left to do once the lock is released."""
_INTENT_FIRST: Final = (Lane.INTENT, Lane.MARKET)
_MARKET_FIRST: Final = (Lane.MARKET, Lane.INTENT)


class EndOfTurn(BaseException):
    """Leaves pykka's loop: no mail, or enough for one turn."""


class MailboxFull(Exception):
    """The INTENT lane is full; the message was not taken."""


class Mailbox:
    """Mail of one actor. Any thread puts; the actor, in whichever thread it has its turn, gets."""

    __slots__ = (
        "_after_orders",
        "_closed",
        "_envelope",
        "_keyed",
        "_lanes",
        "_last",
        "_lock",
        "_scheduler",
        "_state",
        "_surroundings",
        "bounds",
        "conflated",
        "dropped",
        "name",
        "now_ns",
        "owner",
        "served",
    )

    def __init__(self) -> None:
        self.name = ""
        self.owner: Owner | None = None
        """The actor; this is the strong reference that keeps it alive."""
        self.now_ns = 0
        """Time of the turn."""
        self.served = 0
        """Messages handed out; the watchdog sees by it whether a handler moves on."""
        self.bounds = ORDINARY
        self.conflated = 0
        """Messages whose place was taken by a newer one."""
        self.dropped = 0
        """Raw market messages lost by overflow."""
        self._lanes: list[_Queue | None] = [None, None, None, None]
        self._keyed: dict[_Slot, _Mail] = {}
        self._envelope: Envelope[Any] = Envelope(None)
        self._after_orders = _INTENT_FIRST
        self._lock = Lock()
        self._state = READY
        self._last = 0
        self._closed = False
        self._scheduler: Scheduler
        self._surroundings: Surroundings

    def bind(self, owner: Owner, name: str, bounds: Bounds, scheduler: Scheduler, surroundings: Surroundings) -> None:
        """Connect a new mailbox before anyone can know it. It is ready at once: the first turn starts the actor."""
        self.owner = owner
        self.name = name
        self.bounds = bounds
        self._after_orders = _MARKET_FIRST if bounds.market_first else _INTENT_FIRST
        self._scheduler = scheduler
        self._surroundings = surroundings

    def post(self, message: Message, envelope: Envelope[Any] | None = None) -> None:
        """Take a message (in its envelope if it is to be answered); have the actor given a turn if none is coming.

        Raises:
            ActorDeadError: the actor has ended (for an ask its future says so).
            MailboxFull: the INTENT lane is full (for an ask its future says so).
            TypeError: what was sent is no message.
        """
        kind = KINDS[type(message)]
        waits_as = kind.waits_as
        mail = message if envelope is None else envelope
        sequel = None
        lock = self._lock
        lock.acquire()
        try:
            queue = self._lanes[kind.lane]
            if kind.plain and queue is not None and len(queue) < self.bounds[kind.lane]:
                queue.append(mail)
            else:
                sequel = self._admit(kind, message, mail)
            state = self._state
            if state < waits_as:
                self._state = waits_as
        finally:
            lock.release()
        if state == IDLE:
            self._scheduler.ready(self, waits_as == URGENT)
        elif state < waits_as:
            self._scheduler.promote(self)
        if sequel is not None:
            sequel()

    def put(self, envelope: Envelope[Any], /) -> None:
        """Take what pykka's references send: a `tell` is its bare message, an `ask` or a stop keeps its envelope."""
        stops = type(envelope.message) is ActorStop
        if envelope.reply_to is not None:
            self._surroundings.will_answer(envelope.reply_to)
        elif not stops:
            self.post(envelope.message)
            return
        self.post(envelope.message, envelope)

    def give_back(self, messages: Sequence[Message]) -> None:
        """Put mail that was read too early before all that waits; of the same key what waits is newer, and stays.

        For the actor itself, in its turn: nobody has to be told that there is mail.
        """
        with self._lock:
            for message in reversed(messages):
                kind = KINDS[type(message)]
                queue = self._lanes[kind.lane]
                if queue is None:
                    queue = self._lanes[kind.lane] = deque()
                mail: _Mail = message
                if kind.time_to_live_ns is not None:
                    mail = Perishable(message, None, self.now_ns + kind.time_to_live_ns)
                key = message.key if kind.keyed else None
                if key is None:
                    queue.appendleft(mail)
                elif (slot := (type(message), key)) in self._keyed:
                    self.conflated += 1
                else:
                    self._keyed[slot] = mail
                    queue.appendleft(slot)

    def stop_next(self) -> None:
        """Have the actor asked to stop before it reads anything else; nothing where it has ended."""
        with self._lock:
            if self._closed:
                return
            queue = self._lanes[Lane.CONTROL]
            if queue is None:
                queue = self._lanes[Lane.CONTROL] = deque()
            queue.appendleft(Envelope(ActorStop()))
            state = self._state
            if state < URGENT:
                self._state = URGENT
        if state == IDLE:
            self._scheduler.ready(self, urgent=True)
        elif state < URGENT:
            self._scheduler.promote(self)

    def get(self) -> Envelope[Any]:
        """Hand out the next message, in an envelope that is good until the next call.

        Raises:
            EndOfTurn: there is none, or the turn is over.
        """
        envelope = self._envelope
        lanes = self._lanes
        second, third = self._after_orders
        while self.served < self._last:
            queue = lanes[0] or lanes[1] or lanes[second] or lanes[third]
            if not queue:
                break
            try:
                mail = queue.popleft()
            except IndexError:  # raw mail was being dropped
                break
            if type(mail) is tuple:
                with self._lock:
                    mail = self._keyed.pop(mail)
            if isinstance(mail, Envelope):
                if isinstance(mail, Perishable) and mail.expires_ns <= self.now_ns:
                    self._expire(mail)
                    continue
                envelope.message = mail.message
                envelope.reply_to = mail.reply_to
            else:
                envelope.message = mail
                envelope.reply_to = None
            self.served += 1
            return envelope
        raise EndOfTurn

    def empty(self) -> bool:
        """Tell whether no mail waits."""
        return not any(self._lanes)

    @property
    def handling(self) -> object:
        """The message handed out last in this turn; None between turns."""
        return self._envelope.message

    def waiting(self, lane: Lane) -> int:
        """Return how many messages wait in a lane."""
        return len(self._lanes[lane] or ())

    def oldest_control(self) -> object:
        """Return what waits at the head of CONTROL (None: nothing), to be compared by identity."""
        queue = self._lanes[Lane.CONTROL]
        try:
            return queue[0] if queue else None
        except IndexError:
            return None

    def begin_turn(self, now_ns: int, batch: int) -> bool:
        """Begin a turn of at most `batch` messages. False if the mailbox has had its turn already.

        Without the lock: urgent mail that comes meanwhile may set the state back to URGENT, which only means that the
        mailbox is queued once more; `end_turn` puts it right.
        """
        state = self._state
        if state in (IDLE, RUNNING):
            return False
        self._state = RUNNING
        self.now_ns = now_ns
        self._last = self.served + batch
        return True

    def end_turn(self) -> int:
        """End a turn; return IDLE, or READY or URGENT if the mailbox has to be queued again.

        The lock is taken only to go to sleep. With mail left a sender that still sees RUNNING does nothing, and one
        that sees READY promotes; what came in between is seen by the second look.
        """
        self._envelope.message = self._envelope.reply_to = None
        lanes = self._lanes
        if not (lanes[0] or lanes[1] or lanes[2] or lanes[3]):
            with self._lock:
                if not (lanes[0] or lanes[1] or lanes[2] or lanes[3]):
                    self._state = IDLE
                    return IDLE
        self._state = READY
        if lanes[0] or lanes[1]:
            self._state = URGENT
            return URGENT
        return READY

    def close(self) -> None:
        """Take no more mail, and send what waits to the dead letters; asks are answered with `ActorDeadError`."""
        with self._lock:
            self._closed = True
            items = [item for queue in self._lanes for item in queue or ()]
            keyed, self._keyed = self._keyed, {}
            self._lanes = [None, None, None, None]
        for item in items:
            mail = keyed[item] if isinstance(item, tuple) else item
            message, reply_to = _opened(mail)
            if reply_to is None:
                self._bury(message, Reason.UNREAD)
            elif type(message) is ActorStop:
                reply_to.set()
            else:
                _refuse(mail, ActorDeadError(f"{self.name} ended before handling the message"))
        self.owner = None

    def _admit(self, kind: Kind, message: Message, mail: _Mail) -> _Sequel | None:
        """Take mail that is more than appended to a lane with room. Runs under the lock."""
        if self._closed:
            return partial(_refuse, mail, ActorDeadError(f"{self.name} has ended"))
        lane, time_to_live_ns = kind.lane, kind.time_to_live_ns
        queue = self._lanes[lane]
        if queue is None:
            queue = self._lanes[lane] = deque()
        told = mail is message
        if time_to_live_ns is not None:
            mail = Perishable(message, _opened(mail)[1], self._surroundings.clock.now_ns() + time_to_live_ns)
        key = message.key if kind.keyed and told else None
        slot = None if key is None else (type(message), key)
        if slot is not None and slot in self._keyed:
            return self._replace(slot, mail, lane)
        sequel = None
        if len(queue) >= self.bounds[lane]:
            if lane is Lane.INTENT:
                return partial(_refuse, mail, MailboxFull(f"{self.name} has {len(queue)} intents waiting"))
            sequel = self._overflow(lane, slot, queue)
        if slot is None:
            queue.append(mail)
        else:
            self._keyed[slot] = mail
            queue.append(slot)
        return sequel

    def _replace(self, slot: _Slot, mail: _Mail, lane: Lane) -> _Sequel | None:
        """Put a newer message in the place of the waiting one; an intent that is not carried out is a dead letter."""
        older, _ = _opened(self._keyed[slot])
        self._keyed[slot] = mail
        self.conflated += 1
        return partial(self._bury, older, Reason.SUPERSEDED) if lane is Lane.INTENT else None

    def _overflow(self, lane: Lane, slot: _Slot | None, queue: _Queue) -> _Sequel | None:
        """Do what a lane beyond its bound demands. Runs under the lock."""
        if lane is Lane.MARKET:
            return self._drop_raw(queue) if slot is None else None
        if len(queue) > self.bounds[lane]:
            return None  # said when the bound was met
        if lane is Lane.ORDER:
            return partial(self._surroundings.emergency.order_overflowed, MailOverflowed(self.name, lane, 0))
        return partial(self._surroundings.emergency.abort, f"CONTROL mail of {self.name} is beyond its bound")

    def _drop_raw(self, queue: _Queue) -> _Sequel | None:
        """Drop all raw mail of the MARKET lane at once, and tell the actor before anything newer reaches it.

        The actor may be popping at the same time: each message goes either to it or to the dead letters.
        """
        if sum(type(item) is not tuple for item in tuple(queue)) < self.bounds.market:
            return None
        raw: list[_Mail] = []
        derived: list[_Slot] = []
        while queue:
            try:
                item = queue.popleft()
            except IndexError:
                break
            if isinstance(item, tuple):
                derived.append(item)
            else:
                raw.append(item)
        queue.extend(derived)
        self.dropped += len(raw)
        notice = MailOverflowed(self.name, Lane.MARKET, self.dropped)
        sequel = self._admit(KINDS[MailOverflowed], notice, notice)
        return partial(self._bury_raw, raw, sequel)

    def _bury_raw(self, raw: list[_Mail], sequel: _Sequel | None) -> None:
        if sequel is not None:
            sequel()
        for mail in raw:
            message, reply_to = _opened(mail)
            if reply_to is None:
                self._bury(message, Reason.OVERFLOW)
            else:
                _refuse(mail, MailboxFull(f"{self.name} has lost its market mail"))

    def _expire(self, mail: Perishable) -> None:
        if mail.reply_to is None:
            self._bury(mail.message, Reason.EXPIRED)
        else:
            _refuse(mail, Timeout(f"{self.name} came to it too late"))

    def _bury(self, message: object, reason: Reason) -> None:
        if isinstance(message, Message):
            self._surroundings.dead_letters.bury(self.name, message, reason)


def _opened(mail: _Mail) -> tuple[Any, Future[Any] | None]:
    """Return the message and, if somebody waits for an answer, where to put it."""
    return (mail.message, mail.reply_to) if isinstance(mail, Envelope) else (mail, None)


def _refuse(mail: _Mail, error: Exception) -> None:
    """Tell the sender: an asker through its future, a teller by raising."""
    _, reply_to = _opened(mail)
    if reply_to is None:
        raise error
    reply_to.set_exception((type(error), error, None))
