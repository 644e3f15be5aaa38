"""What has to follow within a time: cancels upon toxic flow and upon a kill, and every message to its reader."""

from collections import deque
from typing import Any, Final, NamedTuple

from models.messages.base import Lane, MarketId, Message
from models.messages.control import MarketParked
from models.messages.market import FlowUpdated
from models.messages.orders import CancelMarket
from models.messages.runtime import ActorFailed, ActorQuarantined, ActorRestarted
from models.orders import OrderState
from research.prove.sim.claims_base import Claim, Hears, S, said, stepped
from research.prove.sim.claims_history import Logged, OwnOrder, Settled
from research.prove.sim.contract import Crashed, Died, Event, Operated, Said, Started, Stepped, Written

_TOXIC_NS: Final = 1 * S
_EMPTY_NS: Final = 20 * S
_CALM_NS: Final = 30 * S
"""Only where nothing has gone wrong for so long is a time to react a promise."""
_READ_NS: Final = 30 * S
_READERS: Final = frozenset({"risk", "executor"})


class _Due(NamedTuple):
    """Something that has to have happened by a time."""

    by_ns: int
    since_ns: int
    order: OwnOrder


class Reacting(Claim):
    """Time to react, and mail that arrives."""

    invariants = ("I10", "I20", "I32", "I37")

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._toxic: deque[_Due] = deque()
        self._killed_ns: int | None = None
        self._mail: dict[str, deque[tuple[int, Message]]] = {}
        self._failed: dict[MarketId, int] = {}
        self._keeps_hedge = self.facts.parameters.phase.fuse_keeps_hedge
        self._looked_ns = 0
        self._lanes: set[str] = set()
        """Where orders leave."""

    def hears(self) -> Hears:
        return {
            **super().hears(),
            Logged: self._passed,
            Stepped: self._stepped,
            Said: self._said,
            Operated: self._operated,
            Crashed: self._ended,
            Started: self._ended,
            Died: self._died,
            stepped(FlowUpdated): self._flow,
            said(CancelMarket): self._cancels,
            Written: self._written,
            said(ActorFailed): self._failure,
            said(ActorRestarted): self._restarted,
            said(ActorQuarantined): lambda _: self._mail.clear(),
            said(MarketParked): lambda _: self._mail.clear(),
        }

    # Toxic flow

    def _flow(self, event: Any) -> None:
        flow: FlowUpdated = event.message
        if event.actor != "risk" or not flow.toxic or self._keeps_hedge:
            return
        for order in self.history.standing():
            here = order.terms is not None and order.terms.market == flow.market
            if here and order.told is OrderState.WORKING and order.cancel_ns is None:
                self._toxic.append(_Due(event.at_ns + _TOXIC_NS, event.at_ns, order))

    def _written(self, event: Written) -> None:
        """A cancel never waits behind an order: they have connections of their own."""
        if event.method == "POST" and event.path in ("/order", "/orders"):
            self._lanes.add(event.lane)
        elif event.method == "DELETE":
            apart = event.lane not in self._lanes
            self.hold("I20", apart, lambda: f"a cancel leaves by {event.lane}, where orders wait for their answers")

    def _passed(self, event: Event) -> None:
        """Look at what is due, as time goes on."""
        now_ns = event.at_ns
        toxic = self._toxic
        while toxic and toxic[0].by_ns <= now_ns:
            due = toxic.popleft()
            if self.history.is_quiet(due.since_ns - _CALM_NS, now_ns):
                name = due.order.order_id[:12]
                done = due.order.cancel_ns is not None or not due.order.stands
                self.hold("I20", done, lambda name=name: f"{name} stands a second after its flow was toxic")
        if self._killed_ns is not None and now_ns >= self._killed_ns + _EMPTY_NS:
            killed_ns, self._killed_ns = self._killed_ns, None
            if self.history.is_quiet(killed_ns - _CALM_NS, now_ns) and self.history.running:
                standing = [order.order_id[:12] for order in self.history.standing()]
                self.hold("I10", not standing, lambda: f"{standing} stand {_EMPTY_NS // S} s after the kill")
        if now_ns - self._looked_ns >= S:
            self._looked_ns = now_ns
            self._undelivered(now_ns)

    def _operated(self, event: Operated) -> None:
        if event.act == "kill" and event.done:
            self._killed_ns = event.at_ns
        elif event.act == "clear":
            self._killed_ns = None

    # Mail

    def _said(self, event: Any) -> None:
        message = event.message
        if event.taken and event.to in _READERS and message.lane is Lane.ORDER and type(message).key is Message.key:
            self._mail.setdefault(event.to, deque()).append((event.at_ns, message))

    def _stepped(self, event: Any) -> None:
        message = event.message
        if event.actor not in _READERS or message.lane is not Lane.ORDER or type(message).key is not Message.key:
            return
        mail = self._mail.get(event.actor)
        if not mail:
            return
        first = mail[0][1]
        if first is message:
            mail.popleft()
            self._checks["I32"] += 1
            return
        known = next((one for one in mail if one[1] is message), None)
        if known is not None:
            kind = type(first).__name__
            self.hold("I32", False, lambda: f"{event.actor} never read a {kind}, but one that came after it")

    def _undelivered(self, now_ns: int) -> None:
        for name, mail in self._mail.items():
            if mail and self.history.running:
                waits_ns, kind = now_ns - mail[0][0], type(mail[0][1]).__name__
                read = waits_ns < _READ_NS
                self.hold("I32", read, lambda name=name, kind=kind: f"{name} has not read a {kind} in 30 s")

    def _ended(self, event: Event) -> None:
        self._mail.clear()
        self._toxic.clear()

    def _died(self, event: Died) -> None:
        """Who died leaves mail behind, and who is restarted with it."""
        self._mail.clear()
        self._toxic.clear()

    def _restarted(self, event: Any) -> None:
        """What was sent while nobody was there is brought again, or was told besides."""
        if event.message.name in _READERS:
            self._mail.pop(event.message.name, None)

    # Blast radius

    def _failure(self, event: Any) -> None:
        failed: ActorFailed = event.message
        self._mail.clear()
        for market in self.facts.markets:
            if market in (failed.scope, failed.name.rpartition("/")[2]) or failed.scope not in self.facts.markets:
                self._failed[market] = event.at_ns

    def _cancels(self, event: Any) -> None:
        cancel: CancelMarket = event.message
        if cancel.reason == "actor_failed" and cancel.market is not None:
            near = event.at_ns - self._failed.get(cancel.market, -S) < S
            self.hold("I37", near, lambda: f"{cancel.market} is cancelled for the death of an actor of another")

    def settled(self, event: Settled) -> None:
        """At the end nothing waits unread."""
        self._undelivered(event.at_ns)
