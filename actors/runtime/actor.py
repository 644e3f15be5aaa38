"""The base of all actors: however it dies, it is stopped, its mail is accounted for, and its supervisor knows.

Why every failure is fatal: an exception leaves half-changed state behind. pykka lets an actor live on after a failed
ask, stops all actors of the process after a `SystemExit`, and leaves a zombie after one in `on_start`. Here everything
that is raised goes through `_handle_failure`, and what an actor still had to read goes to the dead letters.

Why actors are not on pykka's global list: taking one off is a search, so stopping n actors is quadratic. The directory
of names is ours.
"""

from abc import abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from loguru import logger
from pykka import Actor, ActorRef

from actors.runtime.dead_letters import Reason
from actors.runtime.digest import digest_of
from actors.runtime.dispatcher import Dispatcher
from actors.runtime.future import ActorFuture
from actors.runtime.lanes import ORDINARY, Bounds
from actors.runtime.mailbox import EndOfTurn, Mailbox
from actors.runtime.pykka_inside import ActorStop
from actors.runtime.surroundings import STUCK_AFTER_NS
from models.messages.base import Message
from models.messages.runtime import ActorDown

if TYPE_CHECKING:
    from loguru import Logger


class Fatal(Exception):
    """Going on would be worse than ending: never restarted, the gate closes and the process aborts."""


class ActorCrash(Exception):
    """What an asker sees when the actor raised something that is no `Exception`."""


class Context:
    """What an actor is given when it starts. `dispatcher` decides what it runs on."""

    __slots__ = ("bounds", "dispatcher", "given_up", "name", "poison", "send", "supervisor")

    def __init__(
        self,
        name: str,
        dispatcher: Dispatcher,
        supervisor: str | None = None,
        bounds: Bounds = ORDINARY,
        poison: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self.dispatcher = dispatcher
        self.supervisor = supervisor
        """Who is told when the actor ends; None: nobody, and its failure aborts the process."""
        self.bounds = bounds
        self.poison = poison
        """Digests of messages that killed earlier incarnations; they are not handled again."""
        self.given_up = False
        """Whether another has taken the actor's place: what is said to its own name, the other one hears."""
        self.send = dispatcher.directory.send
        """`send(name, message) -> bool`: tell another actor; False if it did not take the message."""

    def wake_at(self, at_ns: int | None, timer: str = "") -> None:
        """Have `Woke(timer)` sent to this actor; replaces what was asked under this timer, None cancels."""
        if not self.given_up:
            self.dispatcher.timers.wake_at(self.name, at_ns, timer)


class BaseActor(Actor):
    """An actor with a lane mailbox. Override `on_receive` and, if needed, `on_start`, `on_stop`, `on_end`."""

    batch: ClassVar[int] = 32
    """Messages of one turn, which share one time. 1 for handlers that block: each then gets a fresh time."""
    critical: ClassVar[bool] = False
    """Whether a handler stuck for 5 s (others: 10 s) ends the process. In the pool all are."""
    patience_ns: ClassVar[int] = STUCK_AFTER_NS
    """After how long a handler counts as stuck; more for one that waits for the outside, in a thread of its own."""

    actor_inbox: Mailbox  # pyright: ignore[reportIncompatibleVariableOverride]  # the one kind these actors make
    _ends_turns: ClassVar[bool] = False
    _begun = False
    _failure: BaseException | None = None
    _failed_on: object = None

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> ActorRef[Self]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Start an actor: `start(context, ...)`. It runs `on_start` in its first turn.

        Raises:
            ValueError: an actor of that name is running.
            RuntimeError: no thread can be started.
        """
        actor = cls(*args, **kwargs)
        actor._start_actor_loop()
        return actor.actor_ref

    def __init_subclass__(cls) -> None:
        cls._ends_turns = cls.on_turn_end is not BaseActor.on_turn_end

    def __init__(self, context: Context) -> None:
        self.context = context
        super().__init__()

    @property
    def now_ns(self) -> int:
        """Time of the current turn."""
        return self.actor_inbox.now_ns

    @property
    def log(self) -> "Logger":
        """The log, with this actor's name on every line: one structured line per event, never one per tick."""
        return logger.bind(actor=self.context.name)

    @abstractmethod
    def on_receive(self, message: Any) -> Any:
        """Handle a message. What is returned answers an ask. Whatever is raised ends the actor."""

    def on_turn_end(self) -> None:
        """Do what is done once for all mail of a turn, such as one commit."""

    def on_end(self) -> None:
        """Release what the actor holds. Called once, however it ended, after `on_stop` if that was in good order."""

    def on_asked_to_stop(self) -> None:
        """Stop; the rest of the mail goes to the dead letters."""
        self._stop()

    def take_turn(self) -> None:
        """Handle mail until there is none or the turn is over. Called by the dispatcher."""
        if not self._begun:
            self._begun = True
            self._actor_loop_setup()
        try:
            self._actor_loop_running()
        except EndOfTurn:
            if not self._ends_turns or self._end_turn():
                return
        self._actor_loop_teardown()

    def abandon(self, error: BaseException) -> None:
        """End an actor whose thread has died. Called by the watchdog."""
        self._fail(error)
        self._actor_loop_teardown()

    def give_up(self) -> None:
        """End behind the message that is being handled, if there is one. Called when another is to take its place."""
        self.context.given_up = True
        self.actor_inbox.stop_next()

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        return Mailbox()

    @staticmethod
    def _create_future() -> ActorFuture[Any]:
        return ActorFuture()

    def _start_actor_loop(self) -> None:
        self.context.dispatcher.attach(self, self.context.name, self.context.bounds)

    def _actor_loop_setup(self) -> None:
        try:
            self.on_start()
        except BaseException as error:
            self._fail(error)

    def _handle_receive(self, message: Any) -> Any:
        try:
            if type(message) is ActorStop:
                return self._stop() if self.context.given_up else self.on_asked_to_stop()
            if self.context.poison and digest_of(message) in self.context.poison:
                return self._bury(message, Reason.POISON)
            return self.on_receive(message)
        except BaseException as error:
            self._failed_on = message
            self._fail(error)
            self._bury(message, Reason.CRASHED)
            _raise_to_pykka(error)

    def _end_turn(self) -> bool:
        """Run `on_turn_end`; False if it failed."""
        try:
            self.on_turn_end()
        except BaseException as error:
            self._fail(error)
            return False
        return True

    def _stop(self) -> None:
        self.actor_stopped.set()
        try:
            self.on_stop()
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._handle_failure(type(error), error, error.__traceback__)

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Where every way to die ends up; the first failure is the one that counts."""
        self.actor_stopped.set()
        if self._failure is not None or exception_value is None:
            return
        self._failure = exception_value
        handling = type(self._failed_on).__name__ if self._failed_on is not None else ""
        name = self.context.name
        logger.opt(exception=exception_value).bind(actor=name, handling=handling).error("{} died", name)
        if self.context.supervisor is None or isinstance(exception_value, (Fatal, MemoryError)):
            self.context.dispatcher.emergency.abort(f"{name} died of {self.context.dispatcher.said(exception_value)}")

    def _actor_loop_teardown(self) -> None:
        try:
            self.on_end()
        except BaseException as error:
            self._fail(error)
        context, failure, failed_on = self.context, self._failure, self._failed_on
        self._failure = self._failed_on = None
        context.dispatcher.forget(context.name, self.actor_urn)
        self.actor_inbox.close()
        if context.supervisor is not None:
            error = None if failure is None else context.dispatcher.said(failure)
            handling = type(failed_on).__name__ if failed_on is not None else ""
            down = ActorDown(context.name, self.actor_urn, error, handling, digest_of(failed_on))
            context.send(context.supervisor, down)

    def _bury(self, message: object, reason: Reason) -> None:
        if isinstance(message, Message):
            self.context.dispatcher.dead_letters.bury(self.context.name, message, reason)


def _raise_to_pykka(error: BaseException) -> NoReturn:
    """Raise what pykka treats as the failure of one actor: an `Exception`."""
    if isinstance(error, Exception):
        raise error
    raise ActorCrash(f"{type(error).__name__}: {error}") from error
