"""What a run tells whoever checks it: everything that happens, as it happens, and the world as it stands.

Why events are data and not calls: a run that breaks an invariant shows the smallest slice of its own events, so they
are kept, compared and printed. `step` numbers them from 1 without gaps; a seed gives the same events every time.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import msgspec

from actors.gate import Gate
from models.engine import EngineParameters
from models.markets import Market
from models.messages.base import MarketId, Message
from sandbox.exchange import Exchange


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened, at a virtual time."""

    step: int
    at_ns: int


class Stepped(Event, frozen=True, gc=False):
    """An actor that decides is about to take a message. `actor` is its name: `risk`, `executor`, `book/M`, ...

    Of those that only carry (feeds, lanes, the journal) what they are told and what they do is heard instead.
    """

    actor: str
    message: Message


class Said(Event, frozen=True, gc=False):
    """A message was sent to an actor of this name."""

    to: str
    message: Message
    taken: bool = True
    """Whether it is in a mailbox: who has not begun yet, or is dead, takes nothing."""


class Written(Event, frozen=True, gc=False):
    """A whole request left the process, all of its bytes at once: it passed the gate if it had to."""

    call: int
    """Numbers the requests of a run; its answer bears the same."""
    service: str
    """`clob`, or `relayer`."""
    lane: str
    """Which actor's connection: its name."""
    method: str
    path: str
    """Without the query."""
    query: Mapping[str, Sequence[str]]
    body: bytes


class Arrived(Event, frozen=True, gc=False):
    """A request has reached the exchange, which may lag behind its leaving, or never happen."""

    call: int


class Answered(Event, frozen=True, gc=False):
    """An answer has reached whoever asked, whole or cut. `status` None: none came, and `text` says why."""

    call: int
    status: int | None
    body: bytes
    text: str = ""


class Framed(Event, frozen=True, gc=False):
    """A text of the exchange has reached a feed (`market` or `user`) that is connected."""

    channel: str
    connection: int
    text: str | bytes


class Committed(Event, frozen=True, gc=False):
    """The journal's chain has these messages for ever: from now on a restart knows them."""

    messages: tuple[Message, ...]


class Refused(Event, frozen=True, gc=False):
    """The journal's database has refused a write, of which nothing is kept."""

    reason: str


class Started(Event, frozen=True, gc=False):
    """An engine was started: the first (`number` 1), or the one after a crash. It begins paused until resumed."""

    number: int
    run_id: str


class Crashed(Event, frozen=True, gc=False):
    """All that the engine had in memory is gone; what was committed, the latch and the exchange are left."""

    why: str


class Died(Event, frozen=True, gc=False):
    """An actor has died of an error; its supervisor sees to it."""

    actor: str
    error: str
    planted: bool
    """Whether the plan let it die."""


class Disowned(Event, frozen=True, gc=False):
    """The journal's database is another's from now on: nothing more may be written to it by this engine.

    `told`: its lock says so at once, and no order may leave any more; else the next write finds out.
    """

    told: bool


class Operated(Event, frozen=True, gc=False):
    """A person has said something: pause, resume, reduce, flatten, on, off, kill, clear. `market` None: everything.

    `done` False: it is being said now. True (kill alone): `gate.kill` has returned; no order may leave any more.
    """

    act: str
    market: MarketId | None
    done: bool


class Faulted(Event, frozen=True, gc=False):
    """The exchange's switchboard: a fault was `thrown`, had an `effect`, or `ended`."""

    fault: str
    what: str


class Healed(Event, frozen=True, gc=False):
    """All faults have ended and none comes any more; a person now clears a kill and resumes everything.

    After `plan.LIVENESS_NS` it is paused, and after `plan.SETTLING_NS` more the run is over.
    """


Happening: TypeAlias = (
    Stepped
    | Said
    | Written
    | Arrived
    | Answered
    | Framed
    | Committed
    | Refused
    | Started
    | Crashed
    | Died
    | Disowned
    | Operated
    | Faulted
    | Healed
)


class Violation(Exception):
    """An invariant does not hold: its name (`I9`), what was found, and the step at which it was."""

    def __init__(self, invariant: str, text: str, step: int) -> None:
        super().__init__(f"{invariant} at step {step}: {text}")
        self.invariant = invariant
        self.text = text
        self.step = step


class World(Protocol):
    """The run as it stands; to be looked at, not to be changed."""

    seed: int
    exchange: Exchange
    """With all orders, trades, wallets and `log`, which is the truth."""
    address: str
    """The address of our account at the exchange."""
    wallet: str
    """The address that holds our money and tokens (also of a deposit wallet)."""
    markets: Mapping[MarketId, Market]
    """What the engine trades, by condition id."""
    tag: str
    """The desk's."""
    parameters: EngineParameters
    """By what limits the engine goes: to be held against our own arithmetic."""

    @property
    def now_ns(self) -> int:
        """The virtual time."""
        ...

    @property
    def step(self) -> int:
        """The number of the newest event."""
        ...

    @property
    def machines(self) -> Mapping[str, object]:
        """The machines of the engine that runs, by actor: `risk` RiskMachine, `executor` ExecutorMachine, ...

        Empty while none runs.
        """
        ...

    @property
    def gate(self) -> Gate | None:
        """The gate of the engine that runs, None while none does."""
        ...

    @property
    def latch(self) -> Path:
        """The file of the kill."""
        ...

    def chain(self) -> Sequence[tuple[int, Message]]:
        """All that was ever committed to the journal's chain, with the time each came; over all runs."""
        ...


class Checker(Protocol):
    """Holds a run to the invariants. Made anew for each seed."""

    checks: Counter[str]
    """How often each invariant was checked, by its name."""

    def hear(self, event: Happening, world: World) -> None:
        """Take an event, in order. Raises Violation."""
        ...

    def settled(self, world: World) -> None:
        """Judge the world at its end: healed, some virtual minutes later, with nothing under way. Raises Violation."""
        ...
