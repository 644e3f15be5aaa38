"""What becomes of mail that died with its addressee: what money or a person's will hangs on is brought to the next one.

Not everything is: what is in the journal's chain is recalled from there, what was priced before the fall must not be
sent after it, and what is said again anyway is. A message that has killed twice is not brought a third time; instead
its market is halted.

Why what was sent behind a death is kept apart: the dying one takes its name off first and gives its unread mail away
then, so a later message may be lost before an earlier one. A fill that is settled before it was counted is lost.

Why an order that a dead venue did not read was never sent, and one that it died of is brought again: the first never
reached the exchange, of the second only the exchange can tell. It knows an order that it has by its id.
"""

from collections import deque
from collections.abc import Callable, Mapping
from threading import Lock
from types import MappingProxyType
from typing import Any, Final, get_args

from loguru import logger

from actors.runtime.clock import Clock
from actors.runtime.dead_letters import Reason
from actors.runtime.directory import Directory
from actors.runtime.machine import Route
from actors.runtime.mailbox import Mailbox
from actors.topology import (
    CANCEL_LANE,
    EXECUTOR,
    JOURNAL,
    MARKETS,
    OPERATIONS_LANE,
    QUERY_LANE,
    RISK,
    SUBMIT_LANE,
    VENUE,
)
from models.cells import TradingState
from models.messages.audit import CommandAnswered
from models.messages.base import Lane, Message
from models.messages.control import ClearKill, Kill, MarketParked, RaiseCell, SetOperatorState
from models.messages.lanes import (
    CancelUnanswered,
    ConfirmCancel,
    OrderFound,
    OrderNotFound,
    SubmitUnanswered,
    VenueModeSeen,
)
from models.messages.operations import OperationSigned, RedemptionReported, SubmitRedemption
from models.messages.orders import (
    CancelMarket,
    CancelRejected,
    FillSettled,
    FillVoided,
    ForeignOrderSeen,
    IntentDenied,
    MergeReported,
    OrderAccepted,
    OrderCancelled,
    OrderNotJournalled,
    OrderRejected,
    PlaceBundle,
    PlaceOrder,
    SubmitCancel,
    SubmitMerge,
    SubmitOrder,
    TradeReported,
    UserFeedLost,
    UserFeedRestored,
)
from models.messages.recall import Chained
from models.messages.runtime import DeadLettered

_KEPT_MAX: Final = 10_000
_BEHIND: Final = (Reason.UNKNOWN, Reason.DEAD)

BROUGHT: Final[Mapping[str, frozenset[type[Message]]]] = MappingProxyType(
    {
        EXECUTOR: frozenset(
            {
                OrderAccepted, OrderRejected, OrderCancelled, CancelRejected, TradeReported, MergeReported,
                OrderNotJournalled, CancelMarket, ForeignOrderSeen, UserFeedLost, UserFeedRestored,
                SubmitUnanswered, CancelUnanswered, OrderFound, OrderNotFound, VenueModeSeen,
                OperationSigned, RedemptionReported,
            }
        ),
        RISK: frozenset({SetOperatorState, Kill, ClearKill}),
        JOURNAL: frozenset(get_args(Chained)) - {SubmitOrder} | {CommandAnswered},
        VENUE: frozenset({SubmitOrder, SubmitCancel, SubmitMerge}),
        SUBMIT_LANE: frozenset({SubmitOrder}),
        CANCEL_LANE: frozenset({SubmitCancel}),
        QUERY_LANE: frozenset({ConfirmCancel}),
        OPERATIONS_LANE: frozenset({SubmitMerge, SubmitRedemption}),
        MARKETS: frozenset({MarketParked}),
    }
)  # fmt: skip
"""What is brought to the next incarnation of an actor."""


class Redelivery:
    """Watches the dead letters from its making on. `abort` ends the process, when more is lost than can be kept."""

    def __init__(self, directory: Directory, route: Route, clock: Clock, abort: Callable[[str], object]) -> None:
        self._directory = directory
        self._route = route
        self._clock = clock
        self._abort = abort
        self._kept: dict[str, deque[Message]] = {name: deque() for name in BROUGHT}
        self._behind: dict[str, deque[Message]] = {name: deque() for name in BROUGHT}
        """What was sent when the addressee had no mailbox any more, and so behind all that lay in it."""
        self._served: dict[str, Mailbox | None] = {}
        """The incarnation that was brought everything: what is lost on the way to it is brought at once."""
        self._lock = Lock()
        directory.dead_letters.watch(Lane.CONTROL, self._lost)
        directory.dead_letters.watch(Lane.ORDER, self._lost)
        directory.dead_letters.watch(Lane.INTENT, self._intent_lost)

    def deliver(self, name: str) -> None:
        """Bring an actor that has just begun what the one before it did not handle, in the order of its sending."""
        with self._lock:
            self._served[name] = self._directory.mailbox(name)
            letters = (*self._kept[name], *self._behind[name])
            self._kept[name].clear()
            self._behind[name].clear()
        for message in letters:
            self._directory.send(name, message)

    def _lost(self, letter: DeadLettered) -> None:
        name, message, reason = letter.actor, letter.message, letter.reason
        if type(message) not in BROUGHT.get(name, ()):
            return
        if reason == Reason.POISON:
            self._give_up(name, message)
        elif isinstance(message, SubmitOrder) and reason != Reason.CRASHED:
            self._bring(EXECUTOR, OrderNotJournalled(message.order_id, f"{name} is down"))
        else:
            self._bring(name, message, dying=reason == Reason.CRASHED, behind=reason in _BEHIND)

    def _bring(self, name: str, message: Message, *, dying: bool = False, behind: bool = False) -> None:
        """Send a message to an incarnation that has been served and is not dying; else keep it for the next one."""
        while True:
            with self._lock:
                mailbox = self._directory.mailbox(name)
                waits = dying or mailbox is None or mailbox is not self._served.get(name)
                if waits:
                    (self._behind if behind else self._kept)[name].append(message)
                kept = sum(map(len, (*self._kept.values(), *self._behind.values())))
            if kept > _KEPT_MAX:
                self._abort(f"{kept} messages wait for actors that are down")
            if waits or self._directory.send(name, message):
                return

    def _give_up(self, name: str, message: Message) -> None:
        kind, market = type(message).__name__, _market_of(message)
        logger.bind(actor=name, kind=kind, market=market).error("{} cannot be handled by {}", kind, name)
        self._tell(RaiseCell(market, "runtime", TradingState.HALTED, f"{kind} cannot be handled by {name}"))

    def _intent_lost(self, letter: DeadLettered) -> None:
        """Tell a coordinator that its intent died on the way, so that its slot is free again."""
        lost, at_ns = letter.message, self._clock.now_ns()
        legs = lost.legs if isinstance(lost, PlaceBundle) else (lost,) if isinstance(lost, PlaceOrder) else ()
        for leg in legs:
            self._tell(
                IntentDenied(leg.intent, leg.tag, leg.market, leg.outcome, leg.side, letter.reason, letter.actor, at_ns)
            )

    def _tell(self, message: Message) -> None:
        for name in self._route(message):
            self._directory.send(name, message)


def _market_of(message: Any) -> str | None:
    """Return the market that a message is about, None where it is about all."""
    match message:
        case SubmitOrder():
            return message.order.market
        case FillSettled() | FillVoided():
            return message.fill.market
        case _:
            return getattr(message, "market", None)
