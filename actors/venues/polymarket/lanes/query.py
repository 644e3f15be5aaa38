"""The lane of questions: what became of an order, how a cancelled one ended, and what the account holds.

Why a question is asked in steps, one request in a turn: reading an account takes many requests, and a question about
one order must not wait for them, nor a stop. Balances wait for the account as well: there are two of every market, and
the venue answers only so many in ten seconds.

Why a read under way is ended before the next one begins: what is asked later has to be read later, but a read that is
dropped for each one that follows never ends.

Why "not found" needs three answers: an order that was filled and is old is shown by nobody but its trades, and a read
may be older than the order. What is found anywhere is found; a question that failed has no answer at all.
"""

from collections.abc import Generator, Hashable, Mapping
from itertools import chain
from typing import Any, ClassVar, Final, TypeAlias

import msgspec

from actors.runtime.actor import Context
from actors.runtime.machine import Route
from actors.venues.polymarket.clob_answers import OpenOrder, Page, WireOrder
from actors.venues.polymarket.clob_client import AssetType, ClobClient
from actors.venues.polymarket.clob_session import ReadFailed, malformed
from actors.venues.polymarket.codec import MalformedFrame
from actors.venues.polymarket.lanes.intents import Markets
from actors.venues.polymarket.lanes.lane import Lane
from actors.venues.polymarket.user_codec import OwnAccount, UserCodec
from actors.venues.polymarket.verdicts import Fate, Verdict
from models.limiter import Bucket
from models.markets import NO, YES, Market, Outcome
from models.messages.base import Lane as MailLane
from models.messages.base import MarketId, Message
from models.messages.lanes import (
    AccountRead,
    CancelUnanswered,
    ConfirmCancel,
    Found,
    HoldingsRead,
    OpenOrderSeen,
    OrderFound,
    OrderNotFound,
    QueryFailed,
    QueryOrder,
    ReadAccount,
    ReadHoldings,
)
from models.messages.orders import CancelRejected, ForeignOrderSeen, OrderCancelled, TradeReported
from models.messages.runtime import Woke
from models.text import clean
from models.units import Size

_S: Final = 1_000_000_000
_OVERLAP_S: Final = 600
"""Trades are read from so long before the time that was asked for: the venue dates and lists them as it likes."""

_REFRESHED_MAX: Final = 20
_REFRESH_APART_NS: Final = 10 * _S
"""Markets of which the venue is asked to look at the chain after a read, and how far apart such reads are.

It looks fifty times in ten seconds and no more often.
"""

_BALANCES: Final = 200
_BALANCES_WITHIN_S: Final = 10
"""How many balances the venue reads for one address in so many seconds; whoever asks for more waits (its page on rate
limits, read 2026-10)."""

_LIVE: Final = frozenset({"LIVE", "DELAYED", "UNMATCHED"})
_DONE: Final = Verdict(Fate.DONE)
_HARMLESS: Final = frozenset({"parts", "whose"})
"""Kinds of what the codec does not understand of a trade that take no fill of ours away."""

_ACCOUNT: Final = "account"
_HOLDINGS: Final = "holdings"
_REFRESH: Final = "refresh"
_LAST: Final = (_ACCOUNT, _HOLDINGS, _REFRESH)
"""What questions about orders do not wait for, the most urgent first."""

_Job: TypeAlias = Generator[int | None]
"""A question under way; each step is at most one request, and may say how many nanoseconds the next one has to wait."""


class AskOn(Message, frozen=True, gc=False):
    """Tells the lane to itself: take the next step."""

    lane: ClassVar[MailLane] = MailLane.MARKET

    @property
    def key(self) -> Hashable:
        return "ask"


class QueryLane(Lane):
    """Asks about orders and reads the account. `own` knows which orders are ours, those of earlier runs too."""

    batch: ClassVar[int] = 1

    def __init__(self, context: Context, client: ClobClient, route: Route, own: OwnAccount, markets: Markets) -> None:
        super().__init__(context, client, route)
        self._own = own
        self._markets = markets
        self._codec = UserCodec((), own)
        self._jobs: dict[Hashable, _Job] = {}
        """Questions under way, by what they are about, oldest first."""
        self._next: dict[Hashable, _Job] = {}
        """What was asked for while the same was under way, by what it is about."""
        self._balances = Bucket(_BALANCES * 9 // 10, _BALANCES // 10, _BALANCES_WITHIN_S)
        self._stopping = False
        self._refreshed_ns = 0
        """When the last refresh began."""

    def on_receive(self, message: Any) -> None:
        match message:
            case AskOn() | Woke():
                self._step()
            case QueryOrder():
                self._begin(("order", message.order_id), self._find(message))
            case ConfirmCancel():
                self._begin(("cancel", message.order_id), self._confirm(message))
            case ReadAccount():
                self._begin_after(_ACCOUNT, self._read_account(message))
            case ReadHoldings():
                self._begin_after(_HOLDINGS, self._read_holdings(message.markets))
            case _:
                pass

    def on_asked_to_stop(self) -> None:
        """Stop with the `AskOn` or `Woke` that is on its way, so that none is left unread."""
        self._stopping = True
        if not self._jobs:
            self._stop()

    def _begin(self, about: Hashable, job: _Job) -> None:
        """Begin a question, unless it is under way."""
        self._jobs.setdefault(about, job)
        self.context.send(self.context.name, AskOn())

    def _begin_after(self, about: Hashable, job: _Job) -> None:
        """Begin a question, or keep it for when the one under way has ended; of several the last one is kept."""
        if about in self._jobs:
            self._next[about] = job
        else:
            self._begin(about, job)

    def _step(self) -> None:
        """Take one step: with a question about an order, if there is one, else with what is urgent next."""
        if self._stopping:
            self.context.wake_at(None)
            self._stop()
            return
        if not self._jobs:
            return
        about = next((about for about in self._jobs if about not in _LAST), None)
        about = about or next(about for about in _LAST if about in self._jobs)
        wait_ns: int | None = None
        try:
            wait_ns = next(self._jobs[about])
        except StopIteration:
            del self._jobs[about]
            if about in self._next:
                self._jobs[about] = self._next.pop(about)
        if wait_ns:
            self.context.wake_at(self.read_clock() + wait_ns)
        elif self._jobs:
            self.context.send(self.context.name, AskOn())

    # One order

    def _find(self, asked: QueryOrder) -> _Job:
        order_id, market = asked.order_id, asked.market
        try:
            order = self._order(order_id)
            yield
            if order is None:
                listed = yield from self._open_orders(self._query(market))
                order = next((found for found in listed if found.order_id.lower() == order_id.lower()), None)
            if order is not None:
                self.tell(self._found(order, asked))
            if order is None or order.filled:
                told = yield from self._told_of(asked)
                if order is None:
                    self.tell(self._found_by_trades(asked, told))
        except ReadFailed as failed:
            self._failed(order_id, failed)
        else:
            self.note(_DONE)

    def _found(self, order: OpenOrder, asked: QueryOrder) -> OrderFound:
        return OrderFound(
            asked.order_id, asked.market, _state(order), order.filled, clean(order.status), self.read_clock()
        )

    def _found_by_trades(self, asked: QueryOrder, told: Mapping[str, Size]) -> OrderFound | OrderNotFound:
        """Say of an order that only its trades know just that: they do not say whether it is over."""
        if not told:
            return OrderNotFound(asked.order_id, asked.market, self.read_clock())
        matched = sum(told.values())
        return OrderFound(
            asked.order_id, asked.market, "traded", matched, "known by its trades alone", self.read_clock()
        )

    def _told_of(self, asked: QueryOrder) -> Generator[None, None, dict[str, Size]]:
        """Tell the trades of an order; return their sizes by their ids. Raises ReadFailed."""
        told: dict[str, Size] = {}
        for page in self._trades(self._query(asked.market), asked.since_ns):
            for trade in self._decoded(page):
                if isinstance(trade, TradeReported) and trade.order_id.lower() == asked.order_id.lower():
                    self.tell(trade)
                    told[trade.trade_id] = 0 if trade.status == "FAILED" else trade.size
            yield
        return told

    def _confirm(self, asked: ConfirmCancel) -> _Job:
        order_id, market = asked.order_id, asked.market
        try:
            order = self._order(order_id)
            state = None if order is None else _state(order)
        except ReadFailed as failed:
            self.note(failed.verdict)
            text = f"{asked.text or 'cancelled'}, but how it ended cannot be read: {failed}"
            self.tell(CancelUnanswered(order_id, market, text, self.read_clock()))
            return
        self.note(_DONE)
        now_ns = self.read_clock()
        if order is not None and state != "live":
            self.tell(OrderCancelled(order_id, market, order.filled, clean(order.status), now_ns))
        elif asked.text:
            self.tell(CancelRejected(order_id, market, asked.text, now_ns))
        else:
            shown = "not at all" if order is None else clean(order.status)
            self.tell(CancelUnanswered(order_id, market, f"cancelled, but the venue shows it as {shown}", now_ns))
        yield

    # The account

    def _read_account(self, asked: ReadAccount) -> _Job:
        asked_ns = self.read_clock()
        try:
            listed = yield from self._open_orders({})
            for page in self._trades({}, asked.since_ns):
                for decoded in self._decoded(page):
                    self.tell(decoded)
                yield
            yield from self._balance_may_be_read()
            cash = self.client.balance().amount
        except ReadFailed as failed:
            self._failed(None, failed)
            return
        self.note(_DONE)
        self.tell(AccountRead(asked.reason, self._ours(listed), cash, asked_ns, self.read_clock()))

    def _read_holdings(self, market_ids: tuple[MarketId, ...]) -> _Job:
        """Tell what could be read; the rest is asked for again."""
        asked_ns = self.read_clock()
        known = self._markets()
        markets = [known[market_id] for market_id in market_ids if market_id in known]
        tokens: dict[MarketId, tuple[Size, Size]] = {}
        try:
            for market in markets:
                tokens[market.id] = yield from self._holding(market)
        except ReadFailed as failed:
            self.note(failed.verdict)
            self.log.bind(read=len(tokens), asked=len(market_ids)).warning("holdings are not read: {}", failed)
        else:
            self.note(_DONE)
        self.tell(HoldingsRead(tokens, asked_ns, self.read_clock()))
        if asked_ns - self._refreshed_ns >= _REFRESH_APART_NS:
            self._refreshed_ns = asked_ns
            self._begin(_REFRESH, self._refresh(markets[:_REFRESHED_MAX]))

    def _balance_may_be_read(self) -> Generator[int | None]:
        """Wait until the venue answers one more question about a balance."""
        while wait_ns := self._balances.wait_ns(0, self.read_clock()):
            yield wait_ns
        self._balances.take()

    def _refresh(self, markets: list[Market]) -> _Job:
        """Have the venue look at the chain, for the next read: what moves there without a trade it does not notice."""
        try:
            self.client.refresh_balance()
            for market in markets:
                for outcome in (YES, NO):
                    yield
                    self.client.refresh_balance(_asset(market), market.token_ids[outcome])
        except ReadFailed as failed:
            self.note(failed.verdict)

    def _holding(self, market: Market) -> Generator[int | None, None, tuple[Size, Size]]:
        held: list[Size] = []
        for outcome in (YES, NO):
            yield from self._balance_may_be_read()
            held.append(self.client.balance(_asset(market), market.token_ids[outcome]).amount)
            yield
        return held[YES], held[NO]

    def _ours(self, listed: tuple[OpenOrder, ...]) -> tuple[OpenOrderSeen, ...]:
        """Return our open orders, and tell of those that are not ours, or in a token that nobody here knows."""
        tokens: dict[str, tuple[Market, Outcome]] = {}
        for market in self._markets().values():
            tokens |= {market.token_ids[YES]: (market, YES), market.token_ids[NO]: (market, NO)}
        ours: list[OpenOrderSeen] = []
        for order in listed:
            known = tokens.get(order.token_id)
            if known is None or not self._own.owns(order.order_id):
                market_id = clean(order.market, 80) if known is None else known[0].id
                self.tell(ForeignOrderSeen(clean(order.order_id, 100), market_id, None, self.read_clock()))
                continue
            market, outcome = known
            ours.append(
                OpenOrderSeen(order.order_id, market.id, outcome, order.side, order.price, order.size, order.filled)
            )
        return tuple(ours)

    # What is read

    def _order(self, order_id: str) -> OpenOrder | None:
        """Read one order. Raises ReadFailed, also where the answer is about another."""
        order = self.client.order(order_id)
        if order is not None and order.order_id.lower() != order_id.lower():
            raise malformed(f"order {order_id}", f"the answer is about {clean(order.order_id, 80)}")
        return order

    def _query(self, market_id: MarketId) -> dict[str, str]:
        market = self._markets().get(market_id)
        return {} if market is None else {"market": market.condition_id or market.id}

    def _open_orders(self, query: Mapping[str, str]) -> Generator[None, None, tuple[OpenOrder, ...]]:
        """Read open orders page by page; one that moved to a later page meanwhile is taken as it was last."""
        found: dict[str, OpenOrder] = {}
        for page in self.client.session.pages("/data/orders", Page[WireOrder], query):
            try:
                found |= {order.order_id: order for order in (wire.typed() for wire in page)}
            except ValueError as error:
                raise malformed("/data/orders", str(error)) from error
            yield
        return tuple(found.values())

    def _trades(self, query: Mapping[str, str], since_ns: int) -> Generator[list[msgspec.Raw]]:
        """Read trades page by page. Raises ReadFailed."""
        after_s = since_ns // _S - _OVERLAP_S
        since = {"after": str(after_s)} if after_s > 0 else {}
        yield from self.client.session.pages("/data/trades", Page[msgspec.Raw], {**query, **since})

    def _decoded(self, page: list[msgspec.Raw]) -> Generator[TradeReported | ForeignOrderSeen]:
        """Decode trades. Raises ReadFailed behind the last one if a fill of ours may hide in what is not understood."""
        for market in self._markets().values():
            self._codec.add(market)
        now_ns, lost = self.read_clock(), ""
        for decoded in chain.from_iterable(self._codec.decode_trades(bytes(one), now_ns) for one in page):
            if isinstance(decoded, TradeReported | ForeignOrderSeen):
                yield decoded
            elif isinstance(decoded, MalformedFrame):
                self.log.bind(kind=decoded.kind).warning("a trade is not wholly understood: {}", decoded.detail)
                lost = lost or ("" if decoded.kind in _HARMLESS else decoded.detail)
        if lost:
            raise malformed("/data/trades", lost)

    def _failed(self, order_id: str | None, failed: ReadFailed) -> None:
        self.note(failed.verdict)
        self.tell(QueryFailed(order_id, str(failed), self.read_clock()))


def _asset(market: Market) -> AssetType:
    return "CONDITIONAL-V2" if market.version == "v2" else "CONDITIONAL"


def _state(order: OpenOrder) -> Found:
    """Return what the venue's word for an order means. Raises ReadFailed for a word that nobody knows.

    MATCHED below its size is a cancelled order with a fill, or one that ended a grain of dust short: over, both.
    """
    if order.status in _LIVE:
        return "live"
    if order.status == "MATCHED":
        return "matched" if order.filled >= order.size else "cancelled"
    if order.status.startswith("CANCEL") or order.status == "INVALID":
        return "cancelled"
    raise malformed("order", f"status {clean(order.status, 40)!r} is not known")
