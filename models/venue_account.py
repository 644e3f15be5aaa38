"""What a live venue says of the whole account, held against what we know: at the start, after a silence, and in time.

Nothing here is done in another mode.

Why orders wait for a read: whoever does not know what stands and what was filled cannot say what a new order adds to.
Why a read under way is never begun anew: one that takes longer than the cadence would never end. What it was asked too
early for is read when it is over.
Why one read ends nothing: it may be older than what we were told. What is not listed is asked for, then cancelled, and
is gone once the venue has left it out several times and does not cancel it either.
Why trades are not read since the oldest order was sent: a quiet one may rest for days. Once it was listed with no more
matched than we had counted, only what came after that can be missing.
Why an order that filled is remembered for as long as a read goes back to it: its trades are told again then, and would
be taken for those of a stranger.
"""

from collections.abc import Callable
from typing import Final

from models.cells import TradingState
from models.executor_parameters import ExecutorParameters, Mode
from models.messages.base import MarketId, Message
from models.messages.control import RaiseCell
from models.messages.lanes import (
    AccountRead,
    CashRead,
    DriftFound,
    HeartbeatResumed,
    HoldingsRead,
    OpenOrderSeen,
    QueryFailed,
    ReadAccount,
    ReadHoldings,
)
from models.messages.orders import (
    ForeignOrderSeen,
    OrderAccepted,
    PlaceOrder,
    SubmitCancel,
    TradeReported,
    UserFeedRestored,
)
from models.order_life import DUST, NEVER_STOOD, Messages
from models.order_register import OrderRecord
from models.orders import OrderEvent, OrderState
from models.reconciliation import Reconciliation
from models.stops import Refusal
from models.venue_answers import VenueAnswers
from models.venue_limits import LATENCY, VENUE

FOREIGN: Final = "foreign"
"""The source of the cell on everything while somebody else trades on our account."""

RECOVERY: Final = "recovery"
"""The source of the cell on everything until the venue has said after a start what stands and what was filled."""

_LISTED: Final = frozenset({OrderState.WORKING, OrderState.CANCELLING, OrderState.DISPUTED})
"""What ought to be in a list of open orders, or may be."""

_ACCOUNT: Final = "account"
"""Key of the deadline of the next read."""

_HOLDINGS: Final = "holdings"
"""Key of the deadline of a read of holdings."""

_MS: Final = 1_000_000
_READ_BACK_NS: Final = 900_000 * _MS
"""The reader goes back ten minutes further than it is asked to; with what the venue's clock may be off."""


class VenueAccount(VenueAnswers):
    """The life of orders in an account that others may have touched, and of which we may not have heard all."""

    def __init__(self, mode: Mode, parameters: ExecutorParameters, identify: Callable[[PlaceOrder], str]) -> None:
        super().__init__(mode, parameters, identify)
        self._begun = not self._live
        self._failed_reads = 0
        self._is_reading = False
        self._reads_again_for = ""
        """Why the account has to be read again once the read under way has ended."""
        self._since_ns = 0
        """From when on the last read was to tell trades."""
        self._failed_looks = 0
        self._is_looking = False
        self._trades_in: tuple[MarketId, ...] = ()
        self._reading = Reconciliation(parameters)
        self._recovers = False
        if self._live:
            self._handlers |= {
                QueryFailed: self._query_failed,
                AccountRead: self._account_read,
                HoldingsRead: self._holdings_read,
                ForeignOrderSeen: self._foreign_seen,
                HeartbeatResumed: self._heard_again,
            }

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """Take in one message; the first one of all makes a live machine read the account."""
        if self._begun:
            return super().step(message, now_ns)
        self._begun = True
        self._reading.lived(now_ns)
        waiting = (self._recovering("the account has still to be read"), *self._reading.begin(self._trades_in, ()))
        return *waiting, *self._read("start", now_ns), *super().step(message, now_ns), *self._deadlines.ask()

    def _unsafe(self, market: MarketId, now_ns: int) -> Refusal | None:
        if self._blind is None and self._reading.lacks(market):
            return Refusal("not_reconciled", "the account has still to be read")
        if self._blind is None and market in self._reading.unlooked:
            return Refusal("not_reconciled", "what the wallet holds of it has still to be read")
        return super()._unsafe(market, now_ns)

    # Reads

    def _feed_restored(self, restored: UserFeedRestored, now_ns: int) -> Messages:
        """Read what was said while nobody listened."""
        super()._feed_restored(restored, now_ns)
        self._reading.need(restored.market, restored.at_ns)
        return self._read_soon("user_feed", now_ns)

    def _heard_again(self, resumed: HeartbeatResumed, now_ns: int) -> Messages:
        """Read what the venue did while it did not hear us: it may have cancelled everything."""
        self._reading.need(None, resumed.at_ns)
        return self._read_soon("heartbeat", now_ns)

    def _read_soon(self, reason: str, now_ns: int) -> Messages:
        """Read the account now, or when the read under way has ended."""
        if self._is_reading:
            self._reads_again_for = reason
            return ()
        return self._read(reason, now_ns)

    def _read(self, reason: str, now_ns: int) -> Messages:
        self._is_reading, self._reads_again_for = True, ""
        self._deadlines.put(_ACCOUNT, now_ns + self._parameters.read_answer_ms * _MS)
        under_way = [
            record.told_ns or record.sent_ns or record.placed.created_ns for record in self._orders.open_in(None)
        ]
        provisional_ns = self._accounts.oldest_provisional_ns()
        if provisional_ns is not None:
            under_way.append(provisional_ns)
        self._since_ns = self._reading.since_ns(min(under_way, default=None), now_ns)
        return (ReadAccount(reason, self._since_ns),)

    def _may_forget(self, record: OrderRecord) -> bool:
        """Remember what filled for as long as a read may tell of its trades again."""
        ended_ns = record.ended_ns or record.sent_ns
        is_told_again = self._live and record.filled > 0 and ended_ns + _READ_BACK_NS >= self._since_ns
        return not is_told_again and super()._may_forget(record)

    def _query_failed(self, failed: QueryFailed, now_ns: int) -> Messages:
        """Learn nothing; ask again when it is time. Only the account has no other deadline that comes soon."""
        if failed.order_id is None:
            self._is_reading = False
            self._deadlines.put(_ACCOUNT, now_ns + self._pause_ns(self._failed_reads))
            self._failed_reads += 1
            if self._recovers:
                return (self._recovering(f"the venue cannot be read: {failed.text}"),)
        return ()

    def _recovering(self, reason: str) -> RaiseCell:
        self._recovers = True
        return RaiseCell(None, RECOVERY, TradingState.CANCEL_ONLY, reason)

    def _recovered(self) -> Messages:
        """Let trading begin once a read says all that came before we were told of what happens."""
        if not self._recovers or self._reading.lacks(None):
            return ()
        if self._blind is not None:
            return (self._recovering(f"nobody tells us of our fills: {self._blind}"),)
        self._recovers = False
        return (RaiseCell(None, RECOVERY, TradingState.ACTIVE, ""),)

    def _pause_ns(self, failures: int) -> int:
        first_ms, most_ms = self._parameters.query_first_ms, self._parameters.query_max_ms
        return min(first_ms << min(failures, 20), most_ms) * _MS

    def _account_read(self, read: AccountRead, now_ns: int) -> Messages:
        """Hold what the venue lists against what we know; what differs is asked for, halted or reported."""
        if not self._reading.take(read):
            return ()
        self._failed_reads, self._is_reading = 0, False
        self._deadlines.put(_ACCOUNT, now_ns + self._parameters.reconcile_every_ms * _MS)
        out: list[Message] = [CashRead(read.cash, read.asked_ns, read.at_ns)]
        for seen in read.open_orders:
            out += self._listed(seen, read, now_ns)
        listed = {seen.order_id for seen in read.open_orders}
        for record in self._orders.open_in(None):
            if record.order_id not in listed:
                out += self._not_listed(record, read, now_ns)
        out += self._recovered()
        if self._reading.is_needed:
            out += self._read(self._reads_again_for or "again", now_ns)
        return *out, *(() if self._is_looking else self._look(now_ns))

    def _look(self, now_ns: int) -> Messages:
        """Ask what the wallet holds of those markets whose turn it is."""
        ordered = {record.placed.market for record in self._orders.open_in(None)}
        most = self._parameters.holdings_per_read
        markets = self._reading.to_look_at(self._accounts.holdings(), ordered, most)
        if not markets:
            return ()
        self._is_looking = True
        self._deadlines.put(_HOLDINGS, now_ns + self._parameters.read_answer_ms * _MS)
        return (ReadHoldings(markets),)

    def _look_at(self, market: MarketId, now_ns: int) -> Messages:
        """Ask what the wallet holds of a market that is new here; until it is known nothing is placed there."""
        cells = self._reading.begin((market,), self._accounts.holdings())
        return *cells, *(() if self._is_looking else self._look(now_ns))

    def _holdings_read(self, read: HoldingsRead, now_ns: int) -> Messages:
        """Compare holdings with the ledger, and go on as long as there are markets that wait for their first look."""
        self._is_looking = False
        self._deadlines.drop(_HOLDINGS)
        waited = len(self._reading.unlooked)
        out: list[Message] = []
        for found in self._reading.compare(read, self._accounts.holdings(), self._accounts.paid_out()):
            out.append(found)
            if isinstance(found, DriftFound) and found.held < found.least:
                out += self._accounts.book_fees_in_shares(found)
        wait = len(self._reading.unlooked)
        if wait and wait < waited:
            self._failed_looks = 0
            out += self._look(now_ns)
        elif wait:
            self._deadlines.put(_HOLDINGS, now_ns + self._pause_ns(self._failed_looks))
            self._failed_looks += 1
        return tuple(out)

    def _listed(self, seen: OpenOrderSeen, read: AccountRead, now_ns: int) -> Messages:
        record = self._orders.of_id(seen.order_id)
        if record is None:
            return self._foreign_order(seen.order_id, seen.market)
        if record.state in (OrderState.PLACING, OrderState.UNKNOWN):
            return self._accepted(OrderAccepted(seen.order_id, seen.market, read.at_ns), now_ns)
        if record.state is OrderState.DISPUTED:
            return self._rest_says(record, "live", now_ns)
        if record.is_open:
            record.unlisted = 0
            if seen.filled <= record.filled + DUST:
                record.told_ns = read.asked_ns
            self._answered(record)
            return ()
        if record.state is OrderState.FILLED:
            return ()
        if record.state in NEVER_STOOD:
            return self._accepted_after_all(record, now_ns)
        if read.asked_ns < record.ended_ns + self._parameters.read_lag_ms * _MS:
            return ()
        record.cancel_reason, record.cancels_sent, record.taken_off = "listed_after_its_end", 0, None
        disputed = self._disputed(record, "live", "listed_after_its_end", now_ns)
        return *disputed, *self._send_cancel(record, now_ns)

    def _not_listed(self, record: OrderRecord, read: AccountRead, now_ns: int) -> Messages:
        """Ask for an order that ought to be listed; one whose fills are awaited ought not.

        What stays unlisted is cancelled. If the venue will not do that either, it is gone, whatever it says of it when
        asked: of an order that is old and was partly filled it may know the trades alone.
        """
        if record.state not in _LISTED or record.taken_off is not None:
            return ()
        if read.asked_ns < record.accepted_ns + self._parameters.read_lag_ms * _MS or self._blind is not None:
            return ()
        record.unlisted += 1
        if record.state is OrderState.WORKING and not record.cancels_sent:
            asked = self._disputed(record, "gone", "not_listed", now_ns)
        else:
            asked = self._ask(record, now_ns)
        if record.unlisted < self._parameters.absences_needed:
            return asked
        if record.state is not OrderState.CANCELLING and record.cancels_sent:
            return self._ended(record, OrderEvent.ABSENT, record.cancel_reason or "not_listed", now_ns)
        return *asked, *self._cancel(record, "not_listed", now_ns)

    def _read_again(self, now_ns: int) -> Messages:
        """Ask once more for what was asked of a reader that is gone."""
        account = self._read("again", now_ns) if self._is_reading else ()
        return *account, *(self._look(now_ns) if self._is_looking else ())

    def _ask_for_all(self, now_ns: int) -> Messages:
        """Ask for what a predecessor left open: the account, and every order without an answer."""
        if not self._live:
            return ()
        out: list[Message] = [RaiseCell(None, source, TradingState.ACTIVE, "") for source in (VENUE, LATENCY)]
        out.append(self._recovering("the account has still to be read"))
        out += self._reading.begin(self._trades_in, self._accounts.holdings())
        self._reading.need(None, now_ns)  # a read that our predecessor asked for told its trades to him
        out += self._read("restart", now_ns)
        for record in self._orders.open_in(None):
            if record.state is OrderState.PLACING:
                out += self._unanswered(record, "not answered before the restart", now_ns)
            elif record.state is OrderState.UNKNOWN:
                out += (*self._ask(record, now_ns), *self._send_cancel(record, now_ns))
        return tuple(out)

    def _due(self, key: str, now_ns: int) -> Messages:
        if key == _HOLDINGS:
            return self._look(now_ns)
        if key != _ACCOUNT:
            return super()._due(key, now_ns)
        return self._read("again" if self._reading.is_needed else "cadence", now_ns)

    # What is not ours

    def _foreign_seen(self, seen: ForeignOrderSeen, now_ns: int) -> Messages:
        if self._orders.of_id(seen.order_id) is not None:
            return ()
        if seen.trade_id is None:
            return self._foreign_order(seen.order_id, seen.market)
        return self._foreign(seen.market, f"foreign fill {seen.trade_id} of {seen.order_id}")

    def _foreign_order(self, order_id: str, market: MarketId) -> Messages:
        """Halt everything and take it off: whoever placed it, our limits do not know of it."""
        return *self._foreign(market, f"foreign order {order_id}"), SubmitCancel(order_id, market, FOREIGN)

    def _traded(self, report: TradeReported, now_ns: int) -> Messages:
        """Pass over what was traded before this run: it is in the books of an earlier one."""
        earlier = self._live and self._reading.is_before_us(report.at_ns)
        return () if earlier and self._orders.of_id(report.order_id) is None else super()._traded(report, now_ns)

    def _foreign(self, market: MarketId, what: str) -> Messages:
        if not self._live:
            return super()._foreign(market, what)
        return (RaiseCell(None, FOREIGN, TradingState.HALTED, f"{what} in {market}"),)
