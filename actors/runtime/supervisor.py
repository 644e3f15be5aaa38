"""A supervisor: starts its children in order, stops them in reverse, and mends their deaths as it was told to.

Why it never waits: it shares its thread with its children, so a blocking stop would wait for itself. A stop is a
message, its end the child's `ActorDown`, its limit a timer; between them the supervisor handles other mail.

Why it, and not the dying actor, tells the listeners: what has just failed cannot be trusted to say so.

Why a name decides what a restart is: whoever begins under a name that was used before begins empty where others
remember, also if it was stopped on purpose, or died with its supervisor and is the new supervisor's first.
"""

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, ClassVar

from loguru import logger

from actors.runtime.actor import BaseActor, Context, Fatal
from actors.runtime.supervision import ChildSpec, Excess, Intensity, Restart, Strategy, Supervision
from models.messages.base import Lane, Message
from models.messages.runtime import ActorDown, ActorFailed, ActorQuarantined, ActorRestarted, Woke

_CONTROL_PER_CHILD = 8
_STARTS_AT_ONCE = 50


class StartChild(Message, frozen=True):
    """Add a child to a supervisor and start it; if one of that name is being stopped, after it."""

    lane: ClassVar[Lane] = Lane.CONTROL
    child: ChildSpec


class StopChild(Message, frozen=True):
    """Stop a child of a supervisor and forget it."""

    lane: ClassVar[Lane] = Lane.CONTROL
    name: str


class _StartMore(Message, frozen=True):
    """Go on starting children; behind all mail that is more urgent."""

    lane: ClassVar[Lane] = Lane.MARKET


class GaveUp(Exception):
    """The children of a supervisor died too often."""


class _State(Enum):
    DOWN = 0
    UP = 1
    STOPPING = 2


class _Child:
    """A child and what is remembered of its earlier lives."""

    __slots__ = ("began_ns", "deaths", "digest", "leaves", "poison", "spec", "starts", "state", "successor", "urn")

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.state = _State.DOWN
        self.urn = ""
        self.began_ns = 0
        self.deaths = 0
        """Deaths in a row, since it was last healthy for long."""
        self.starts = 0
        self.digest = ""
        """The message that it died of last time."""
        self.poison: frozenset[str] = frozenset()
        self.leaves = False
        """Whether it is forgotten when it is down."""
        self.successor: ChildSpec | None = None


class _Repair:
    """Children that are stopped in reverse and, when the backoff is over, started in order."""

    __slots__ = ("children", "due")

    def __init__(self) -> None:
        self.children: list[_Child] = []
        self.due = False


class Supervisor(BaseActor):
    """Start with `Supervisor.start(context, supervision, children, scope, chance)`.

    `scope` says in every event what the supervisor is responsible for (a market, or nothing). `chance` gives numbers in
    [0, 1) for the jitter of the backoff: `random.Random(seed).random`.
    """

    batch: ClassVar[int] = 1
    """Starting children takes its time; others have their turns after every message."""

    def __init__(
        self,
        context: Context,
        supervision: Supervision,
        children: Iterable[ChildSpec],
        scope: str = "",
        chance: Callable[[], float] = lambda: 0.5,
    ) -> None:
        super().__init__(context)
        self._supervision = supervision
        self._scope = scope
        self._chance = chance
        self._children = {spec.name: _Child(spec) for spec in children}
        self._repairs: dict[str, _Repair] = {}
        """By the child's name under ONE_FOR_ONE, else one for all under ""."""
        self._unstarted: deque[_Child] = deque()
        self._intensity = Intensity()
        self._closing: list[_Child] | None = None
        """Children not yet known to be down, while all are being stopped."""
        self._asked_to_stop = False
        self._gave_up: str | None = None

    def on_start(self) -> None:
        self._make_room()
        self._unstarted.extend(self._children.values())
        self._start_more()

    def on_receive(self, message: Any) -> None:
        match message:
            case ActorDown():
                self._on_down(message)
            case Woke(timer):
                what, _, name = timer.partition("/")
                if what == "stop":
                    self._on_stop_timeout(name)
                else:
                    self._on_backoff_over(name)
            case StartChild(child):
                self._on_start_child(child)
            case StopChild(name):
                self._on_stop_child(name)
            case _StartMore():
                self._start_more()
            case _:
                raise TypeError(f"a supervisor has no use for {message!r}")

    def on_asked_to_stop(self) -> None:
        """Stop the children, then itself."""
        self._asked_to_stop = True
        if self._closing is None:
            self._close()

    def on_end(self) -> None:
        """Take along the children that a failure of the supervisor itself has left behind."""
        for child in reversed(self._children.values()):
            if child.state is not _State.DOWN:
                self._disown(child)

    def _on_down(self, down: ActorDown) -> None:
        child = self._children.get(down.name)
        if child is None or child.urn != down.urn or child.state is _State.DOWN:
            return  # of an incarnation that is no longer ours
        if child.state is _State.STOPPING:
            self.context.wake_at(None, f"stop/{down.name}")
            self._is_down(child)
        else:
            child.state = _State.DOWN
            self._died(child, down)

    def _on_stop_timeout(self, name: str) -> None:
        child = self._children.get(name)
        if child is None or child.state is not _State.STOPPING:
            return
        logger.bind(actor=name).error("{} did not stop in time and is abandoned", name)
        self._disown(child)
        self._is_down(child)

    def _on_backoff_over(self, key: str) -> None:
        repair = self._repairs.get(key)
        if repair is not None:
            repair.due = True
            self._go_on(key, repair)

    def _on_start_child(self, spec: ChildSpec) -> None:
        present = self._children.get(spec.name)
        if self._closing is not None or self._gave_up is not None:
            logger.bind(actor=spec.name).warning("{} starts no more children", self.context.name)
        elif present is None:
            child = self._children[spec.name] = _Child(spec)
            self._make_room()
            self._start(child)
        elif present.leaves:
            present.successor = spec
        else:
            logger.bind(actor=spec.name).warning("{} is a child already", spec.name)

    def _on_stop_child(self, name: str) -> None:
        child = self._children.get(name)
        if child is None:
            return
        child.leaves = True
        child.successor = None
        if child.state is _State.DOWN:
            self._is_down(child)
        elif child.state is _State.UP:
            self._ask_to_stop(child)

    def _make_room(self) -> None:
        """All children may end at once."""
        bounds = self.context.bounds
        self.actor_inbox.bounds = bounds._replace(control=bounds.control + _CONTROL_PER_CHILD * len(self._children))

    def _start_more(self) -> None:
        """Start the next children; thousands take many turns, so that others have theirs in between."""
        for _ in range(_STARTS_AT_ONCE):
            if not self._unstarted:
                return
            child = self._unstarted.popleft()
            if self._children.get(child.spec.name) is child:
                self._start(child)
        if self._unstarted:
            self.context.send(self.context.name, _StartMore())

    def _start(self, child: _Child) -> bool:
        spec = child.spec
        dispatcher = spec.dispatcher or self.context.dispatcher
        again = dispatcher.directory.has_run(spec.name)
        context = Context(spec.name, dispatcher, self.context.name, spec.bounds, child.poison)
        child.began_ns = self.now_ns
        try:
            child.urn = spec.start(context).actor_urn
        except (Fatal, MemoryError):
            raise
        except BaseException as error:
            logger.opt(exception=True).bind(actor=spec.name).error("{} cannot be started", spec.name)
            self._died(child, ActorDown(spec.name, "", dispatcher.said(error)))
            return False
        child.state = _State.UP
        child.starts += 1
        if again:
            self._tell_of_restart(child)
        return True

    def _died(self, child: _Child, down: ActorDown) -> None:
        """Decide what follows from a death that nobody asked for."""
        supervision, name = self._supervision, child.spec.name
        temporary = child.spec.restart is Restart.TEMPORARY
        if down.error is not None or not temporary:
            error = down.error or "it stopped by itself"
            self._tell(ActorFailed(name, self._scope, error, down.handling))
        if self._closing is not None or child.leaves or temporary:
            child.leaves = child.leaves or temporary
            self._is_down(child)
            return
        self._remember_poison(child, down.digest)
        if self._intensity.exceeded(self.now_ns, supervision):
            self._give_up(f"{name} died once too often, last of {down.error or 'stopping by itself'}")
            return
        if self.now_ns - child.began_ns >= supervision.healthy_after_ns:
            child.deaths = 0
        delay_ns = supervision.delay_ns(child.deaths, self._chance())
        child.deaths += 1
        key = self._key_of(child)
        if not key:
            self._unstarted.clear()  # they are part of the repair
        repair = self._repairs.setdefault(key, _Repair())
        repair.children = self._affected(child, repair.children)
        repair.due = False
        self.context.wake_at(self.now_ns + delay_ns, f"restart/{key}")
        self._go_on(key, repair)

    def _key_of(self, child: _Child) -> str:
        """Return under which name a child is repaired."""
        return child.spec.name if self._supervision.strategy is Strategy.ONE_FOR_ONE else ""

    def _affected(self, child: _Child, already: list[_Child]) -> list[_Child]:
        """Return the children that are restarted with this one or are being restarted already, in order."""
        if self._supervision.strategy is Strategy.ONE_FOR_ONE:
            return [child]
        children = list(self._children.values())
        if self._supervision.strategy is Strategy.ONE_FOR_ALL:
            return children
        first = min(children.index(other) for other in (child, *already) if other in children)
        return children[first:]

    def _remember_poison(self, child: _Child, digest: str) -> None:
        """After a second death on the same message, no later incarnation gets it."""
        if digest and digest == child.digest:
            child.poison |= {digest}
        child.digest = digest

    def _go_on(self, key: str, repair: _Repair) -> None:
        """Stop the last one that is still up; if there is none and the backoff is over, start all."""
        for child in reversed(repair.children):
            if child.state is _State.UP:
                self._ask_to_stop(child)
            if child.state is _State.STOPPING:
                return
        if not repair.due:
            return
        del self._repairs[key]
        for child in repair.children:
            if self._children.get(child.spec.name) is not child:
                continue  # forgotten meanwhile
            if not self._start(child) and key == "":
                return  # this failure began a new repair of the same children

    def _is_down(self, child: _Child) -> None:
        """Go on with whatever waited for this child to end."""
        child.state = _State.DOWN
        if child.leaves or child.spec.restart is Restart.TEMPORARY:
            del self._children[child.spec.name]
            if child.successor is not None:
                self._on_start_child(child.successor)
        if self._closing is not None:
            self._close_next(self._closing)
            return
        key = self._key_of(child)
        repair = self._repairs.get(key)
        if repair is not None:
            self._go_on(key, repair)

    def _give_up(self, reason: str) -> None:
        self._gave_up = reason
        logger.bind(actor=self.context.name, scope=self._scope).error("{} gives up: {}", self.context.name, reason)
        if self._supervision.excess is Excess.QUARANTINE:
            self._tell(ActorQuarantined(self.context.name, self._scope, reason))
        self._close()

    def _close(self) -> None:
        """Stop all children, last started first."""
        self._repairs.clear()
        self._unstarted.clear()
        self._closing = list(self._children.values())
        if self._supervision.stop_together:
            for child in reversed(self._closing):
                if child.state is _State.UP:
                    self._ask_to_stop(child)
        self._close_next(self._closing)

    def _close_next(self, closing: list[_Child]) -> None:
        while closing:
            child = closing[-1]
            if child.state is _State.UP:
                self._ask_to_stop(child)
            if child.state is _State.STOPPING:
                return
            closing.pop()
        self._closing = None
        if self._asked_to_stop:
            self._stop()
        elif self._gave_up is not None and self._supervision.excess is Excess.ESCALATE:
            raise GaveUp(self._gave_up)

    def _ask_to_stop(self, child: _Child) -> None:
        name = child.spec.name
        child.state = _State.STOPPING
        self.context.wake_at(self.now_ns + child.spec.stop_timeout_ns, f"stop/{name}")
        self.context.dispatcher.directory.stop(name)

    def _disown(self, child: _Child) -> None:
        """Free the name of a child that has not ended, so that another can have it; its end will mean nothing.

        It handles no more than what it is in the midst of: two under one name would both decide.
        """
        dispatcher = child.spec.dispatcher or self.context.dispatcher
        mailbox = dispatcher.directory.mailbox(child.spec.name)
        owner = None if mailbox is None else mailbox.owner
        if owner is not None and owner.actor_urn == child.urn:
            owner.give_up()
        dispatcher.forget(child.spec.name, child.urn)
        child.urn = ""

    def _tell_of_restart(self, child: _Child) -> None:
        event = ActorRestarted(child.spec.name, self._scope, child.starts - 1)
        if child.spec.hears_of_restart and child.spec.name not in self._supervision.listeners:
            self.context.send(child.spec.name, event)
        self._tell(event)

    def _tell(self, event: Message) -> None:
        for listener in self._supervision.listeners:
            self.context.send(listener, event)
