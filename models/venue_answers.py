"""Answers of a live venue that settle nothing, and the questions that do: what became of an order.

Nothing here is done in another mode.

Why no order is ever sent again: its price was good for half a second, and what is left of an order without an answer
after that is the question whether it stands. Its name is asked for until the venue has said so, or has said often
enough, late enough, that it knows it nowhere. Until then it counts as standing and its market gets no new order.

Why a surprise is cancelled first and explained later: an order that stands against all we know was priced by nobody
who still watches it.
"""

from collections.abc import Callable
from typing import Final

from models.executor_parameters import ExecutorParameters, Mode
from models.messages.base import MarketId
from models.messages.lanes import (
    CancelUnanswered,
    OrderFound,
    OrderNotFound,
    QueryOrder,
    SubmitUnanswered,
)
from models.messages.orders import (
    CancelRejected,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    PlaceOrder,
    UserFeedLost,
    UserFeedRestored,
)
from models.order_life import DUST, NEVER_STOOD, RESTS, Messages
from models.order_register import OrderRecord
from models.orders import OrderEvent, OrderState
from models.stops import Refusal
from models.unknown_orders import Questions
from models.venue_limits import VenueLimits

_ASK: Final = "ask "
"""Before an order's id: the deadline of the next question about it."""

_ACCEPTED_BEFORE: Final = "duplicated"
"""In the venue's refusal of an order that it has already: the first one lives."""

_MS: Final = 1_000_000


class VenueAnswers(VenueLimits):
    """The life of orders at a venue of which nothing is certain."""

    def __init__(self, mode: Mode, parameters: ExecutorParameters, identify: Callable[[PlaceOrder], str]) -> None:
        super().__init__(mode, parameters, identify)
        self._blind: str | None = "not connected yet"
        self._questions = Questions(parameters)
        if self._live:
            self._handlers |= {
                SubmitUnanswered: self._submit_unanswered,
                CancelUnanswered: self._cancel_unanswered,
                OrderFound: self._found,
                OrderNotFound: self._not_found,
                UserFeedLost: self._feed_lost,
                UserFeedRestored: self._feed_restored,
            }

    def _unsafe(self, market: MarketId, now_ns: int) -> Refusal | None:
        if self._blind is not None:
            return Refusal("user_feed_lost", f"nobody tells us of our fills: {self._blind}")
        return super()._unsafe(market, now_ns)

    # Answers that settle nothing

    def _cancel_rejected(self, rejected: CancelRejected, now_ns: int) -> Messages:
        """Ask what became of an order that the venue does not cancel: it may be gone, or filled, and never told."""
        said = super()._cancel_rejected(rejected, now_ns)
        record = self._orders.of_id(rejected.order_id)
        return (*said, *self._ask(record, now_ns)) if self._live and said and record is not None else said

    def _cancel_unanswered(self, unanswered: CancelUnanswered, now_ns: int) -> Messages:
        """Say so; the cancel is repeated when its time has come, and from the second time on the order is asked for."""
        record = self._orders.of_id(unanswered.order_id)
        if record is None or record.state is not OrderState.CANCELLING or record.taken_off is not None:
            return ()
        asked = self._ask(record, now_ns) if record.cancels_sent > 1 else ()
        return record.changed(unanswered.text, now_ns), *asked

    def _submit_unanswered(self, unanswered: SubmitUnanswered, now_ns: int) -> Messages:
        record = self._orders.of_id(unanswered.order_id)
        if record is None:
            return ()
        slow = self._timed(record.order_id, now_ns)
        return *self._unanswered(record, unanswered.text, now_ns), *slow

    def _unanswered(self, record: OrderRecord, reason: str, now_ns: int) -> Messages:
        said = super()._unanswered(record, reason, now_ns)
        if not self._live or not said:
            return said
        self._deadlines.drop(record.order_id)
        return *said, *self._ask(record, now_ns), *self._send_cancel(record, now_ns)

    def _accepted(self, accepted: OrderAccepted, now_ns: int) -> Messages:
        said = super()._accepted(accepted, now_ns)
        record = self._orders.of_id(accepted.order_id)
        if said and record is not None:
            self._answered(record)
        return said

    def _rejected(self, rejected: OrderRejected, now_ns: int) -> Messages:
        """Take a refusal of what the venue has already for an acceptance, and ask what has become of it."""
        record = self._orders.of_id(rejected.order_id)
        if not self._live or record is None or _ACCEPTED_BEFORE not in rejected.text.lower():
            return super()._rejected(rejected, now_ns)
        if record.state not in (OrderState.PLACING, OrderState.UNKNOWN):
            return ()
        accepted = OrderAccepted(rejected.order_id, rejected.market, rejected.at_ns)
        return *self._accepted(accepted, now_ns), *self._ask(record, now_ns)

    def _ask(self, record: OrderRecord, now_ns: int) -> Messages:
        """Ask the venue for an order, unless it is being asked for."""
        return () if record.order_id in self._questions else self._question(record, now_ns)

    def _question(self, record: OrderRecord, now_ns: int) -> Messages:
        lag_ns = self._parameters.read_lag_ms * _MS
        if record.state is OrderState.UNKNOWN:
            evidence_ns = record.sent_ns + self._parameters.late_acceptance_ms * _MS
        else:
            evidence_ns = (record.accepted_ns if record.is_open else record.ended_ns) + lag_ns
        self._questions.begin(record.order_id, evidence_ns)
        self._deadlines.put(_ASK + record.order_id, self._questions.asked(record.order_id, now_ns))
        return (QueryOrder(record.order_id, record.placed.market, record.sent_ns),)

    def _answered(self, record: OrderRecord) -> None:
        self._questions.close(record.order_id)
        self._deadlines.drop(_ASK + record.order_id)

    def _found(self, found: OrderFound, now_ns: int) -> Messages:
        record = self._orders.of_id(found.order_id)
        if record is None:
            return ()
        if found.state == "traded" and record.is_open and record.placed.time_in_force in RESTS:
            return self._known_by_trades(record, found, now_ns)
        if record.state is OrderState.DISPUTED:
            return self._rest_says(record, "live" if found.state == "live" else "gone", now_ns, found)
        asked = record.order_id in self._questions
        self._answered(record)
        if not record.is_open:
            stands = found.state == "live" and (asked or record.state in NEVER_STOOD)
            stands = stands and record.state is not OrderState.FILLED
            return self._accepted_after_all(record, now_ns) if stands else ()
        if found.state != "live":
            return self._gone(record, found, now_ns)
        if record.state not in (OrderState.PLACING, OrderState.UNKNOWN):
            return ()
        return self._accepted(OrderAccepted(found.order_id, found.market, found.at_ns), now_ns)

    def _disputed(self, record: OrderRecord, says: str, reason: str, now_ns: int) -> Messages:
        """Doubt an order of which REST says the opposite of what we were told; it counts as open, and is asked for."""
        ended = not record.is_open
        record.happened(OrderEvent.CONTRADICTED)
        record.rest_says = says
        if ended:
            self._orders.reopen(record)
        return record.changed(reason, now_ns), *self._ask(record, now_ns)

    def _rest_says(self, record: OrderRecord, says: str, now_ns: int, found: OrderFound | None = None) -> Messages:
        """Believe REST once it has said the same of a disputed order twice in a row."""
        if says != record.rest_says:
            record.rest_says = says
            return ()
        self._answered(record)
        if says == "gone":
            return () if found is None else self._gone(record, found, now_ns)
        if record.ended_ns:
            return self._accepted_after_all(record, now_ns)
        record.happened(OrderEvent.REAPPEARED)
        return (record.changed("rest_agrees", now_ns), *self._send_cancel(record, now_ns))

    def _gone(self, record: OrderRecord, found: OrderFound, now_ns: int) -> Messages:
        """End an order of which the venue says that it is off its book, and with how much of it matched."""
        record.cancel_reason = record.cancel_reason or found.text or found.state
        return self._taken_off(record, max(found.filled, record.taken_off or 0), now_ns)

    def _known_by_trades(self, record: OrderRecord, found: OrderFound, now_ns: int) -> Messages:
        """Take an order for one that stood, and may have been cancelled since: that its trades do not say."""
        if record.state in (OrderState.PLACING, OrderState.UNKNOWN):
            accepted = OrderAccepted(found.order_id, found.market, found.at_ns)
            return *self._accepted(accepted, now_ns), *self._ask(record, now_ns)
        if record.order_id in self._questions and self._is_gone(record, found.at_ns):
            return self._gone(record, found, now_ns)
        return ()

    def _not_found(self, absent: OrderNotFound, now_ns: int) -> Messages:
        record = self._orders.of_id(absent.order_id)
        if record is None or record.order_id not in self._questions or not self._is_gone(record, absent.at_ns):
            return ()
        reason = record.cancel_reason or f"nowhere at the venue, {self._parameters.absences_needed} times asked"
        return self._ended(record, OrderEvent.ABSENT, reason, now_ns)

    def _is_gone(self, record: OrderRecord, at_ns: int) -> bool:
        """Count that an order was nowhere, and believe it in the end; while nobody tells us of fills, count nothing.

        An order whose fills are awaited was there and is not asked away.
        """
        if record.taken_off is not None:
            self._answered(record)
            return False
        if self._blind is not None:
            return False
        again_ns = self._questions.absent(record.order_id, at_ns)
        if again_ns is not None:
            self._deadlines.put(_ASK + record.order_id, again_ns)
            return False
        self._answered(record)
        return True

    def _ended(self, record: OrderRecord, event: OrderEvent, reason: str, now_ns: int) -> Messages:
        said = super()._ended(record, event, reason, now_ns)
        if said:
            self._answered(record)
        return said

    # Orders that stand after all, or of which more was filled

    def _cancelled(self, cancelled: OrderCancelled, now_ns: int) -> Messages:
        """Count an ended order as open again if more of it was matched than we were told of, until we are."""
        record = self._orders.of_id(cancelled.order_id)
        alarm: Messages = ()
        if self._live and record is not None and min(cancelled.filled, record.placed.size) > record.filled + DUST:
            before = record.state
            if not record.is_open and record.happened(OrderEvent.REAPPEARED):
                self._orders.reopen(record)
                if before in NEVER_STOOD:
                    what = f"{before.value} order was filled: {record.order_id}"
                    alarm = (self._alarm(record.placed.market, what),)
        return *super()._cancelled(cancelled, now_ns), *alarm

    def _accepted_after_all(self, record: OrderRecord, now_ns: int) -> Messages:
        """Count an order as standing again, and want it gone: its exposure must not be free for another."""
        if not self._live:
            return super()._accepted_after_all(record, now_ns)
        alarm = self._alarm(record.placed.market, f"{record.state.value} order stands after all: {record.order_id}")
        record.happened(OrderEvent.REAPPEARED)
        record.accepted_ns, record.cancels_sent = now_ns, 0
        record.cancel_reason, record.cancel_urgent, record.taken_off = "accepted_after_all", True, None
        self._orders.reopen(record)
        return alarm, record.changed("accepted_after_all", now_ns), *self._send_cancel(record, now_ns)

    def _filled_after_all(self, record: OrderRecord, now_ns: int) -> Messages:
        if not self._live or record.filled >= record.placed.size:
            return super()._filled_after_all(record, now_ns)
        return self._accepted_after_all(record, now_ns)

    # Whether we hear what happens

    def _feed_lost(self, lost: UserFeedLost, now_ns: int) -> Messages:
        self._blind = lost.reason
        self._questions.doubt_all()
        return ()

    def _feed_restored(self, restored: UserFeedRestored, now_ns: int) -> Messages:
        if restored.market is None:
            self._blind = None
            self._questions.doubt_all()
        return ()

    def _due(self, key: str, now_ns: int) -> Messages:
        if not key.startswith(_ASK):
            return super()._due(key, now_ns)
        record = self._orders.of_id(key.removeprefix(_ASK))
        return () if record is None or record.order_id not in self._questions else self._question(record, now_ns)
