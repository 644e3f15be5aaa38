"""The lane on which orders leave: what waits goes out as one request, once, and comes to exactly one answer each.

Why an order is signed here again: the same intent gives the same bytes, so they need not travel. What is signed must
come to the id that was journalled; else it is another order, which nobody knows, and it is not sent.

Why an order that took nothing is cancelled and not refused: the venue did with it what it was asked to do, and says so
with an error. Its stream calls it a cancellation, too, and may do so first.

Why "never sent" has to be true for all time: the executor forgets the order upon it. A second attempt that does not
leave, or is refused, says nothing of a first one that may stand, so its order stays unanswered.

Why a signer that does not answer is a cell and not only the end of an order: strategies would wish for the next one at
once. It is asked again by and by, and the cell goes when it answers.

Why the gate is asked for each order before, and again when it is written: one that it stops must not take those with it
that share its request; but what counts is what it says at the socket.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Final, Literal, Protocol

from actors.runtime.actor import Context
from actors.runtime.machine import Route
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.lanes.lane import Lane, said
from actors.venues.polymarket.order_body import ORDERS_MAX, order_body
from actors.venues.polymarket.orders import SignedOrder
from actors.venues.polymarket.verdicts import Cause, Fate, Verdict
from models.cells import TradingState
from models.gate_parameters import Leaving
from models.limits import Refusal
from models.messages.control import RaiseCell
from models.messages.lanes import SubmitUnanswered
from models.messages.orders import (
    INTENT_TIME_TO_LIVE_NS,
    OrderAccepted,
    OrderCancelled,
    OrderNotJournalled,
    OrderRejected,
    PlaceOrder,
    SubmitOrder,
)
from models.messages.runtime import Woke

CELL: Final = "signer"
"""The source of the cell that is raised while nobody signs."""

_ASKED_NS: Final = 1_000_000_000
_REMEMBERED_MAX: Final = 10_000
"""Orders without an answer that are remembered. Each blocks its market, so there are never nearly as many."""


class Door(Protocol):
    """This lane's way through the gate, which its client's connection has, too."""

    def refusal(self, one: Leaving) -> str | None:
        """Return why an order would not pass now."""
        ...

    def carrying(self, leaving: Sequence[Leaving]) -> AbstractContextManager[None]:
        """Say what the request carries that is made meanwhile."""
        ...


class SubmitLane(Lane):
    """Places orders. `client` writes through the `door`; `sign` makes of an intent the order whose id is journalled."""

    batch: ClassVar[int] = ORDERS_MAX
    bucket: ClassVar[Literal["orders", "cancels"] | None] = "orders"

    def __init__(
        self,
        context: Context,
        client: ClobClient,
        route: Route,
        sign: Callable[[PlaceOrder], SignedOrder | Refusal],
        door: Door,
    ) -> None:
        super().__init__(context, client, route)
        self._sign = sign
        self._unsigned: str | None = None
        """Why nobody signs, as it was told last; what an earlier incarnation told may stand."""
        self._door = door
        self._waiting: dict[str, SubmitOrder] = {}
        self._unanswered: dict[str, None] = {}
        """Orders that may stand, for bytes of them have left, latest last."""
        self._began_ns = self.read_clock()

    def on_start(self) -> None:
        self.context.wake_at(self.read_clock())

    def on_receive(self, message: Any) -> None:
        if isinstance(message, SubmitOrder):
            self._waiting[message.order_id] = message
        elif isinstance(message, Woke):
            self._tell_trouble()

    def on_turn_end(self) -> None:
        waiting, self._waiting = self._waiting, {}
        bodies = {message.order_id: self._body(message) for message in waiting.values() if self._is_alive(message)}
        # A signer in another process may have taken its time over some of them.
        ready = {
            order_id: body
            for order_id, body in bodies.items()
            if body is not None and self._is_alive(waiting[order_id])
        }
        if not ready:
            return
        self._observe(waiting[order_id] for order_id in ready)
        leaving = tuple(Leaving(order_id, waiting[order_id].order, body) for order_id, body in ready.items())
        with self._door.carrying(leaving):
            verdicts = self._send(ready)
        self.note(*verdicts)
        for order_id, verdict in zip(ready, verdicts, strict=True):
            self._answer(waiting[order_id], verdict)

    def on_end(self) -> None:
        for message in self._waiting.values():
            self._not_sent(message, "the lane has ended")
        super().on_end()

    def _observe(self, sent: Iterable[SubmitOrder]) -> None:
        observe, now_ns = self.context.dispatcher.observe, self.read_clock()
        if observe is not None:
            for message in sent:
                observe(now_ns, self.context.name, message)

    def _is_alive(self, message: SubmitOrder) -> bool:
        """Whether an order may still leave; where it may not, that is told."""
        alive = self.read_clock() - message.order.created_ns <= INTENT_TIME_TO_LIVE_NS
        if not alive:
            self._not_sent(message, "expired")
        return alive

    def _body(self, message: SubmitOrder) -> bytes | None:
        """Return what is sent for an order, None where nothing is."""
        order = message.order
        signed = self._sign(order)
        if isinstance(signed, Refusal):
            if signed.reason == CELL and not self._unsigned:
                self._tell_trouble()
            return self._not_sent(message, f"{signed.reason}: {signed.detail}")
        if signed.order_id != message.order_id:
            reason = f"signed it is {signed.order_id}, which was not journalled"
            self.log.bind(order_id=message.order_id, intent=order.intent).error("order not sent: {}", reason)
            return self._not_sent(message, reason)
        credentials = self.client.session.credentials
        assert credentials is not None  # the lane would not have been made
        try:
            body = order_body(signed, order.time_in_force, order.post_only, credentials.api_key)
        except ValueError as error:
            return self._not_sent(message, str(error))
        stopped = self._door.refusal(Leaving(message.order_id, order, body))
        return body if stopped is None else self._not_sent(message, f"{Cause.GATE}: {stopped}")

    def _tell_trouble(self) -> None:
        """Tell whether anybody signs where that has changed, and look again while nobody does."""
        trouble, before = self.client.session.account.key.trouble(), self._unsigned
        self._unsigned = trouble
        if trouble and not before:
            self.log.bind(reason=trouble).warning("nothing is signed")
            self.tell(RaiseCell(None, CELL, TradingState.CANCEL_ONLY, trouble))
        elif before != "" and not trouble:
            self.log.info("orders are signed")
            self.tell(RaiseCell(None, CELL, TradingState.ACTIVE, ""))
        self.context.wake_at(self.read_clock() + _ASKED_NS if trouble else None)

    def _send(self, ready: dict[str, bytes]) -> tuple[Verdict, ...]:
        order_ids, bodies = tuple(ready), tuple(ready.values())
        if len(ready) == 1:
            return (self.client.place(bodies[0], order_ids[0]),)
        return self.client.place_many(bodies, order_ids)

    def _answer(self, message: SubmitOrder, verdict: Verdict) -> None:
        order_id, market, now_ns = message.order_id, message.order.market, self.read_clock()
        if verdict.fate is Fate.DONE:
            self._unanswered.pop(order_id, None)
            self.tell(OrderAccepted(order_id, market, now_ns))
            if self.mode != "post_only" or not message.order.post_only:
                self.back_to_normal("an order was taken")
        elif verdict.fate is Fate.UNKNOWN:
            self._remember(order_id)
            self.tell(SubmitUnanswered(order_id, market, said(verdict), now_ns))
        elif verdict.fate is Fate.NEVER_SENT:
            self._not_sent(message, f"{verdict.cause}: {verdict.text}")
        elif self._may_stand(message):
            self.tell(SubmitUnanswered(order_id, market, f"refused when sent again: {said(verdict)}", now_ns))
        elif verdict.cause is Cause.UNFILLED:
            self.tell(OrderCancelled(order_id, market, 0, said(verdict), now_ns))
        else:
            self.tell(OrderRejected(order_id, market, said(verdict), now_ns))

    def _not_sent(self, message: SubmitOrder, reason: str) -> None:
        if self._may_stand(message):
            now_ns = self.read_clock()
            text = f"not sent again: {reason}"
            self.tell(SubmitUnanswered(message.order_id, message.order.market, text, now_ns))
        else:
            self.tell(OrderNotJournalled(message.order_id, reason))

    def _may_stand(self, message: SubmitOrder) -> bool:
        """Whether an earlier attempt may have left: this lane's, or that of the one whose place it took."""
        return message.order_id in self._unanswered or message.order.created_ns < self._began_ns

    def _remember(self, order_id: str) -> None:
        self._unanswered.pop(order_id, None)
        self._unanswered[order_id] = None
        if len(self._unanswered) > _REMEMBERED_MAX:
            del self._unanswered[next(iter(self._unanswered))]
