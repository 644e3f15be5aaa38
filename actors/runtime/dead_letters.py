"""Messages that nobody handled: kept for a while, counted for ever, and announced where one may cost money.

Why a hook by lane: a fill that was lost leaves a market whose books are wrong, and an intent that was refused leaves a
coordinator waiting. Who repairs this is known to the composition root only, so it watches the lane; the letter it gets
is itself a message that can be sent on.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from threading import Lock, local
from typing import TypeAlias

from loguru import logger

from actors.runtime.clock import monotonic_ns
from models.messages.base import Lane, Message
from models.messages.runtime import DeadLettered

_KEPT = 10_000
_LOG_EVERY_NS = 1_000_000_000

Hook: TypeAlias = Callable[[DeadLettered], object]


class Reason(StrEnum):
    """Why a message was not handled."""

    UNKNOWN = "unknown"
    """Nobody of that name."""
    DEAD = "dead"
    """The addressee has stopped."""
    UNREAD = "unread"
    """The addressee ended with the message in its mailbox."""
    CRASHED = "crashed"
    """The handler of this message failed."""
    POISON = "poison"
    """Earlier incarnations failed on the same message."""
    BUSY = "busy"
    """The INTENT lane was full."""
    EXPIRED = "expired"
    """Older than its time to live."""
    SUPERSEDED = "superseded"
    """A newer intent of the same key took its place."""
    OVERFLOW = "overflow"
    """Raw market mail went beyond its bound."""


_ENDED = frozenset({Reason.UNKNOWN, Reason.DEAD, Reason.UNREAD})


class DeadLetters:
    """A ring of the newest letters, counters, and hooks by lane."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """How many, by (actor, kind of message, reason)."""
        self._ring: deque[DeadLettered] = deque(maxlen=_KEPT)
        self._hooks: dict[Lane, list[Hook]] = {}
        self._lock = Lock()
        self._hooking = local()
        self._unlogged = 0
        self._next_log_ns = 0
        self._ending = False

    def watch(self, lane: Lane, hook: Hook) -> None:
        """Call `hook` with every letter of a lane, in the thread that lost it.

        A letter that a hook itself causes is kept but not announced: two dead actors cannot call each other for ever.
        """
        self._hooks.setdefault(lane, []).append(hook)

    def end(self) -> None:
        """From now on all actors are being stopped: whom one of them still tells may be gone, which is no news.

        Letters are kept and counted as before, but neither announced nor warned of.
        """
        self._ending = True

    def bury(self, actor: str, message: Message, reason: Reason) -> None:
        """Keep and count a message that `actor` will not handle."""
        letter = DeadLettered(actor, reason.value, message)
        with self._lock:
            self.counts[actor, type(message).__name__, letter.reason] += 1
            self._ring.append(letter)
            unlogged = self._turn_to_log()
        if unlogged is not None:
            kind = type(message).__name__
            # Market data that an ended actor did not read costs nothing: whoever follows it starts from a full book.
            harmless = self._ending or (message.lane is Lane.MARKET and reason in _ENDED)
            level = "DEBUG" if harmless else "WARNING"
            logger.bind(actor=actor, kind=kind, reason=letter.reason, unlogged=unlogged).log(
                level, "dead letter: {} for {} ({})", kind, actor, letter.reason
            )
        if message.lane in self._hooks and not self._ending:
            self._announce(letter)

    def newest(self, limit: int = 100) -> Sequence[DeadLettered]:
        """Return the newest letters, oldest of them first."""
        with self._lock:
            return tuple(self._ring)[-limit:]

    def total(self) -> int:
        """Return how many messages were ever lost."""
        with self._lock:
            return self.counts.total()

    def _announce(self, letter: DeadLettered) -> None:
        if getattr(self._hooking, "now", False):
            return
        self._hooking.now = True
        try:
            for hook in self._hooks[letter.message.lane]:
                hook(letter)
        except Exception:
            logger.opt(exception=True).error("a hook of the dead letters failed")
        finally:
            self._hooking.now = False

    def _turn_to_log(self) -> int | None:
        """Return how many letters went unlogged since the last line if it is time for another, else None."""
        now_ns = monotonic_ns()
        if now_ns < self._next_log_ns:
            self._unlogged += 1
            return None
        unlogged, self._unlogged = self._unlogged, 0
        self._next_log_ns = now_ns + _LOG_EVERY_NS
        return unlogged
