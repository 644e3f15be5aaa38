"""What a supervisor is told: its children, and how it treats their deaths. After Erlang's supervisors.

Why quarantine stands beside escalation: a market that keeps crashing must not take the others with it, and restarting
all markets would not mend it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pykka import ActorRef

from actors.runtime.actor import Context
from actors.runtime.dispatcher import Dispatcher
from actors.runtime.lanes import ORDINARY, Bounds

_SECOND_NS = 1_000_000_000


class Strategy(Enum):
    """Who is restarted when a child dies."""

    ONE_FOR_ONE = "only the child"
    REST_FOR_ONE = "the child and those started after it"
    ONE_FOR_ALL = "all children"


class Restart(Enum):
    """Whether a child is started again when it has ended."""

    PERMANENT = "always"
    TEMPORARY = "never"


class Excess(Enum):
    """What a supervisor does when its children die too often."""

    ESCALATE = "stop the children and fail, so that its own supervisor decides"
    QUARANTINE = "stop the children and stay, so that nobody else is touched"


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to start one child, now and after every death."""

    name: str
    start: Callable[[Context], ActorRef[Any]]
    """Starts a new incarnation, for example `lambda context: MachineActor.start(context, Book, route)`."""
    dispatcher: Dispatcher | None = None
    """What it runs on; None: what its supervisor runs on."""
    bounds: Bounds = ORDINARY
    restart: Restart = Restart.PERMANENT
    hears_of_restart: bool = False
    """Whether the child itself is told, before anything else, that it takes another's place."""
    stop_timeout_ns: int = 2 * _SECOND_NS


@dataclass(frozen=True, slots=True)
class Supervision:
    """How a supervisor treats deaths. One object serves all supervisors of a kind."""

    strategy: Strategy = Strategy.ONE_FOR_ONE
    intensity: int = 3
    """Deaths within `period_ns` that are mended; one more is an excess."""
    period_ns: int = 60 * _SECOND_NS
    excess: Excess = Excess.ESCALATE
    listeners: tuple[str, ...] = ()
    """Names told of `ActorFailed`, `ActorRestarted` and `ActorQuarantined`."""
    stop_together: bool = False
    """Stop independent children all at once, still last started first asked."""
    backoff_ns: int = _SECOND_NS // 4
    backoff_cap_ns: int = 10 * _SECOND_NS
    backoff_jitter: float = 0.2
    healthy_after_ns: int = 60 * _SECOND_NS
    """A child that has run so long is restarted without remembering its earlier deaths."""

    def delay_ns(self, deaths: int, chance: float) -> int:
        """Return how long to wait before restart number `deaths` + 1 in a row; `chance` in [0, 1) is the jitter's."""
        exponential_ns = min(self.backoff_ns << min(deaths, 62), self.backoff_cap_ns)
        return round(exponential_ns * (1.0 + self.backoff_jitter * (2.0 * chance - 1.0)))


class Intensity:
    """Counts deaths in a sliding period."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: deque[int] | None = None

    def exceeded(self, now_ns: int, supervision: Supervision) -> bool:
        """Count a death; tell whether it is one too many."""
        times = self._times
        if times is None:
            times = self._times = deque()
        times.append(now_ns)
        while times[0] <= now_ns - supervision.period_ns:
            times.popleft()
        return len(times) > supervision.intensity
