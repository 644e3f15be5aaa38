"""What a live venue needs beyond a paper one: orders of unknown fate are asked for, and the account is read.

Nothing here is done in another mode.

Why no order is ever sent again: its price was good for half a second, and what is left of an order without an answer
after that is the question whether it stands. Its name is asked for until the venue has said so, or has said often
enough, late enough, that it knows it nowhere. Until then it counts as standing and its market gets no new order.

Why a surprise is cancelled first and explained later: an order that stands against all we know was priced by nobody
who still watches it.
"""

from collections.abc import Callable
from typing import Final

from models.cells import TradingState
from models.executor_parameters import ExecutorParameters, Mode
from models.messages.base import MarketId, Message
from models.messages.control import RaiseCell
from models.messages.lanes import (
    AccountRead,
    CancelUnanswered,
    OpenOrderSeen,
    OrderFound,
    OrderNotFound,
    QueryFailed,
    QueryOrder,
    ReadAccount,
    SubmitUnanswered,
)
from models.messages.orders import (
    CancelRejected,
    ForeignOrderSeen,
    OrderAccepted,
    OrderRejected,
    PlaceOrder,
    SubmitCancel,
    UserFeedLost,
    UserFeedRestored,
)
from models.order_life import NEVER_STOOD, Messages
from models.order_register import OrderRecord
from models.orders import OrderEvent, OrderState
from models.reconciliation import Reconciliation
from models.stops import Refusal
from models.unknown_orders import Questions
from models.venue_limits import VenueLimits

FOREIGN: Final = "foreign"
"""The source of the cell on everything while somebody else trades on our account."""

_ASK: Final = "ask "
_ACCOUNT: Final = "account"
"""Keys of deadlines: the next question about an order, and the next read of the account."""

_ACCEPTED_BEFORE: Final = "duplicated"
"""In the venue's refusal of an order that it has already: the first one lives."""

_MS: Final = 1_000_000


class VenueWatch(VenueLimits):
    """The life of orders at a venue of which nothing is certain."""

    def __init__(self, mode: Mode, parameters: ExecutorParameters, identify: Callable[[PlaceOrder], str]) -> None:
        super().__init__(mode, parameters, identify)
        self._begun = not self._live
        self._blind: str | None = "not connected yet"
        self._failed_reads = 0
        self._reading = Reconciliation(parameters)
        self._questions = Questions(parameters)
        if self._live:
            self._handlers |= {
                SubmitUnanswered: self._submit_unanswered,
                CancelUnanswered: self._cancel_unanswered,
                OrderFound: self._found,
                OrderNotFound: self._not_found,
                QueryFailed: self._query_failed,
                AccountRead: self._account_read,
                ForeignOrderSeen: self._foreign_seen,
                UserFeedLost: self._feed_lost,
                UserFeedRestored: self._feed_restored,
            }

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """Take in one message; the first one of all makes a live machine read the account."""
        if self._begun:
            return super().step(message, now_ns)
        self._begun = True
        self._reading.lived(now_ns)
        return *self._read("start", now_ns), *super().step(message, now_ns), *self._deadlines.ask()

    def _unsafe(self, market: MarketId, now_ns: int) -> Refusal | None:
        if self._blind is not None:
            return Refusal("user_feed_lost", f"nobody tells us of our fills: {self._blind}")
        if self._reading.lacks(market):
            return Refusal("not_reconciled", "the account has still to be read")
        return super()._unsafe(market, now_ns)

    # Answers that settle nothing

    def _cancel_rejected(self, rejected: CancelRejected, now_ns: int) -> Messages:
        """Ask what became of an order that the venue does not cancel: it may be gone, or filled, and never told."""
        said = super()._cancel_rejected(rejected, now_ns)
        record = self._orders.of_id(rejected.order_id)
        return (*said, *self._ask(record, now_ns)) if self._live and said and record is not None else said

    def _cancel_unanswered(self, unanswered: CancelUnanswered, now_ns: int) -> Messages:
        """Say so; the cancel is repeated when its time has come."""
        record = self._orders.of_id(unanswered.order_id)
        if record is None or record.state is not OrderState.CANCELLING:
            return ()
        return (record.changed(unanswered.text, now_ns),)

    def _submit_unanswered(self, unanswered: SubmitUnanswered, now_ns: int) -> Messages:
        record = self._orders.of_id(unanswered.order_id)
        return () if record is None else self._unanswered(record, unanswered.text, now_ns)

    def _unanswered(self, record: OrderRecord, reason: str, now_ns: int) -> Messages:
        said = super()._unanswered(record, reason, now_ns)
        if not self._live or not said:
            return said
        self._deadlines.drop(record.order_id)
        return *said, *self._ask(record, now_ns), *self._send_cancel(record, now_ns)

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
        return (QueryOrder(record.order_id, record.placed.market),)

    def _answered(self, record: OrderRecord) -> None:
        self._questions.close(record.order_id)
        self._deadlines.drop(_ASK + record.order_id)

    def _found(self, found: OrderFound, now_ns: int) -> Messages:
        record = self._orders.of_id(found.order_id)
        if record is None:
            return ()
        asked = record.order_id in self._questions
        if record.is_open and found.state == "matched" and found.filled == 0:
            return ()  # it contradicts itself: asked again
        self._answered(record)
        missing = self._read("fills", now_ns) if found.filled > record.filled else ()
        if not record.is_open:
            stands = found.state == "live" and (asked or record.state in NEVER_STOOD)
            stands = stands and record.state is not OrderState.FILLED
            return *missing, *(self._accepted_after_all(record, now_ns) if stands else ())
        if found.state != "live":
            return *missing, *self._gone(record, found, now_ns)
        if record.state in (OrderState.PLACING, OrderState.UNKNOWN):
            accepted = OrderAccepted(found.order_id, found.market, found.at_ns)
            return *missing, *self._accepted(accepted, now_ns)
        return missing

    def _gone(self, record: OrderRecord, found: OrderFound, now_ns: int) -> Messages:
        """End an order of which the venue says that it is off its book, and with how much of it matched."""
        record.cancel_reason = record.cancel_reason or found.text or found.state
        return self._taken_off(record, max(found.filled, record.taken_off or 0), now_ns)

    def _not_found(self, absent: OrderNotFound, now_ns: int) -> Messages:
        """Count it, and believe it in the end; an order whose fills are awaited was there and is not asked away."""
        record = self._orders.of_id(absent.order_id)
        if record is None or record.order_id not in self._questions:
            return ()
        if not record.is_open or record.taken_off is not None:
            self._answered(record)
            return ()
        if self._blind is not None:
            return ()
        again_ns = self._questions.absent(record.order_id, absent.at_ns)
        if again_ns is not None:
            self._deadlines.put(_ASK + record.order_id, again_ns)
            return ()
        self._answered(record)
        reason = record.cancel_reason or f"nowhere at the venue, {self._parameters.absences_needed} times asked"
        return self._ended(record, OrderEvent.ABSENT, reason, now_ns)

    def _query_failed(self, failed: QueryFailed, now_ns: int) -> Messages:
        """Learn nothing; ask again when it is time. Only the account has no other deadline that comes soon."""
        if failed.order_id is None:
            first_ms, most_ms = self._parameters.query_first_ms, self._parameters.query_max_ms
            self._deadlines.put(_ACCOUNT, now_ns + min(first_ms << min(self._failed_reads, 20), most_ms) * _MS)
            self._failed_reads += 1
        return ()

    def _ended(self, record: OrderRecord, event: OrderEvent, reason: str, now_ns: int) -> Messages:
        self._answered(record)
        return super()._ended(record, event, reason, now_ns)

    # Orders that stand after all

    def _accepted_after_all(self, record: OrderRecord, now_ns: int) -> Messages:
        """Count an order as standing again, and want it gone: its exposure must not be free for another."""
        if not self._live:
            return super()._accepted_after_all(record, now_ns)
        alarm = self._alarm(record.placed.market, f"{record.state.value} order stands after all: {record.order_id}")
        record.happened(OrderEvent.REAPPEARED)
        record.accepted_ns, record.cancels_sent = now_ns, 0
        record.cancel_reason, record.cancel_urgent = "accepted_after_all", True
        self._orders.reopen(record)
        return alarm, record.changed("accepted_after_all", now_ns), *self._send_cancel(record, now_ns)

    def _filled_after_all(self, record: OrderRecord, now_ns: int) -> Messages:
        alarm = super()._filled_after_all(record, now_ns)
        if not self._live or record.filled >= record.placed.size:
            return alarm
        return *alarm, *self._accepted_after_all(record, now_ns)

    def _foreign_seen(self, seen: ForeignOrderSeen, now_ns: int) -> Messages:
        if self._orders.of_id(seen.order_id) is not None:
            return ()
        what = "order" if seen.trade_id is None else f"fill {seen.trade_id} of"
        return *self._foreign(seen.market, f"foreign {what} {seen.order_id}"), *self._read("foreign", now_ns)

    def _foreign(self, market: MarketId, what: str) -> Messages:
        if not self._live:
            return super()._foreign(market, what)
        return (RaiseCell(None, FOREIGN, TradingState.HALTED, f"{what} in {market}"),)

    # What the venue says of the whole account

    def _feed_lost(self, lost: UserFeedLost, now_ns: int) -> Messages:
        self._blind = lost.reason
        self._questions.doubt_all()
        return ()

    def _feed_restored(self, restored: UserFeedRestored, now_ns: int) -> Messages:
        """Read what was said while nobody listened."""
        if restored.market is None:
            self._blind = None
            self._questions.doubt_all()
        self._reading.need(restored.market, restored.at_ns)
        return self._read("user_feed", now_ns)

    def _read(self, reason: str, now_ns: int) -> Messages:
        self._deadlines.put(_ACCOUNT, now_ns + self._parameters.read_answer_ms * _MS)
        under_way = [record.sent_ns or record.placed.created_ns for record in self._orders.open_in(None)]
        provisional_ns = self._accounts.oldest_provisional_ns()
        if provisional_ns is not None:
            under_way.append(provisional_ns)
        return (ReadAccount(reason, self._reading.since_ns(min(under_way, default=None), now_ns)),)

    def _account_read(self, read: AccountRead, now_ns: int) -> Messages:
        """Hold what the venue lists against what we know; what differs is asked for, halted or reported."""
        self._failed_reads = 0
        self._reading.taken(read)
        self._deadlines.put(_ACCOUNT, now_ns + self._parameters.reconcile_every_ms * _MS)
        out: list[Message] = []
        for seen in read.open_orders:
            out += self._listed(seen, read, now_ns)
        listed = {seen.order_id for seen in read.open_orders}
        for record in self._orders.open_in(None):
            if record.order_id not in listed:
                out += self._not_listed(record, read, now_ns)
        out += self._reading.compare(read, self._accounts.holdings(), self._accounts.paid_out())
        if self._reading.is_needed:
            out += self._read("again", now_ns)
        return tuple(out)

    def _listed(self, seen: OpenOrderSeen, read: AccountRead, now_ns: int) -> Messages:
        record = self._orders.of_id(seen.order_id)
        if record is None:
            cancel = SubmitCancel(seen.order_id, seen.market, FOREIGN)
            return *self._foreign(seen.market, f"foreign order {seen.order_id}"), cancel
        if record.state in (OrderState.PLACING, OrderState.UNKNOWN):
            self._answered(record)
            return self._accepted(OrderAccepted(seen.order_id, seen.market, read.at_ns), now_ns)
        if record.is_open:
            self._answered(record)
            return ()
        if record.state is OrderState.FILLED:
            return ()
        if record.state in NEVER_STOOD:
            return self._accepted_after_all(record, now_ns)
        if read.asked_ns < record.ended_ns + self._parameters.read_lag_ms * _MS:
            return ()
        cancel = SubmitCancel(record.order_id, record.placed.market, "listed_after_its_end")
        return cancel, *self._ask(record, now_ns)

    def _not_listed(self, record: OrderRecord, read: AccountRead, now_ns: int) -> Messages:
        """Ask for an order that ought to be listed; one whose fills are awaited ought not."""
        if record.state not in (OrderState.WORKING, OrderState.CANCELLING) or record.taken_off is not None:
            return ()
        if read.asked_ns < record.accepted_ns + self._parameters.read_lag_ms * _MS:
            return ()
        return self._ask(record, now_ns)

    def _ask_for_all(self, now_ns: int) -> Messages:
        """Ask for what a predecessor left open: the account, and every order without an answer."""
        if not self._live:
            return ()
        out = [*self._read("restart", now_ns)]
        for record in self._orders.open_in(None):
            if record.state is OrderState.PLACING:
                out += self._unanswered(record, "not answered before the restart", now_ns)
            elif record.state is OrderState.UNKNOWN:
                out += (*self._ask(record, now_ns), *self._send_cancel(record, now_ns))
        return tuple(out)

    def _due(self, key: str, now_ns: int) -> Messages:
        if key == _ACCOUNT:
            return self._read("cadence" if not self._reading.is_needed else "again", now_ns)
        if not key.startswith(_ASK):
            return super()._due(key, now_ns)
        record = self._orders.of_id(key.removeprefix(_ASK))
        return () if record is None or record.order_id not in self._questions else self._question(record, now_ns)
