"""The lane of cancels: never gated, never behind an order, and what waits goes out as one request.

Why a cancel that the venue confirms is not yet told: the answer does not say how much was matched before. Told as
nothing, a fill that raced the cancel would be exposure that nobody counts; so the order is read first, on another
lane, for here the next cancel must not wait for a read.

Why it asks for the time of day when nothing else is asked: a connection that is not used is closed, by the venue or by
us, and the cancel after a quiet hour, which is the one that hurries, would first pay for a new one. A question that
hangs is given up long before the venue's answer would be late.
"""

from typing import Any, ClassVar, Final, Literal

from actors.runtime.actor import Context
from actors.runtime.machine import Route
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.lanes.lane import Lane, said
from actors.venues.polymarket.verdicts import Cause, Fate, Verdict
from models.messages.lanes import CancelUnanswered, ConfirmCancel
from models.messages.orders import CancelRejected, SubmitCancel
from models.messages.runtime import Woke

WARM_EVERY_NS: Final = 15_000_000_000
"""Shorter than an unused connection is kept by us or by the venue."""
_WARM_WITHIN_S: Final = 1.0
"""Longest that a cancel may have to wait for the question before it, should the venue not answer."""


class CancelLane(Lane):
    """Cancels orders."""

    batch: ClassVar[int] = 100
    """Orders of one request. The venue takes 1,000, but the smallest bucket holds 120, and a larger request than the
    bucket never passes."""
    bucket: ClassVar[Literal["orders", "cancels"] | None] = "cancels"

    def __init__(self, context: Context, client: ClobClient, route: Route) -> None:
        super().__init__(context, client, route)
        self._waiting: dict[str, SubmitCancel] = {}
        self._quiet = False

    def on_start(self) -> None:
        self.context.wake_at(self.read_clock())

    def on_receive(self, message: Any) -> None:
        if isinstance(message, SubmitCancel):
            self._waiting[message.order_id] = message
        elif isinstance(message, Woke):
            self._quiet = True

    def on_turn_end(self) -> None:
        waiting, self._waiting = self._waiting, {}
        quiet, self._quiet = self._quiet, False
        if waiting or quiet:
            self.context.wake_at(self.read_clock() + WARM_EVERY_NS)
        if not waiting:
            if quiet:
                self.client.keep_warm(_WARM_WITHIN_S)
            return
        for message, verdict in zip(waiting.values(), self._send(tuple(waiting)), strict=True):
            self._answer(message, verdict)

    def on_end(self) -> None:
        for message in self._waiting.values():
            self._unanswered(message, "the lane has ended")
        super().on_end()

    def _send(self, order_ids: tuple[str, ...]) -> tuple[Verdict, ...]:
        if len(order_ids) == 1:
            verdict = self.client.cancel(order_ids[0])
            self.note(verdict)
            return (verdict,)
        found = self.client.cancel_many(order_ids)
        self.note(found.verdict)
        return tuple(found.of(order_id) for order_id in order_ids)

    def _answer(self, message: SubmitCancel, verdict: Verdict) -> None:
        if verdict.fate is Fate.DONE:
            self.tell(ConfirmCancel(message.order_id, message.market, ""))
        elif verdict.fate is not Fate.REFUSED:
            self._unanswered(message, said(verdict))
        elif verdict.cause is Cause.GONE:
            self.tell(ConfirmCancel(message.order_id, message.market, said(verdict)))
        else:
            self.tell(CancelRejected(message.order_id, message.market, said(verdict), self.read_clock()))

    def _unanswered(self, message: SubmitCancel, text: str) -> None:
        self.tell(CancelUnanswered(message.order_id, message.market, text, self.read_clock()))
