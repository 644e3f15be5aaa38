"""The paper venue: answers orders as the exchange would, from the same books and trades that strategies see.

    SubmitOrder, SubmitCancel, SubmitMerge, BookUpdated, TradeSeen, MarketResolved, Woke
    -> OrderAccepted, OrderRejected, OrderCancelled, CancelRejected, TradeReported, MergeReported, WakeAt

Why an agenda: nothing that is sent has an effect, or is answered, before its latency has passed, and settlement takes
seconds. Whatever is to happen waits in one heap and is done at its own time; the machine asks for one timer, the
earliest. What was due before a message came is done first; what is due at the same instant waits until that instant's
market data is in (`Woke` says so).

Why our orders do not trade with each other: the venue prevents self-trades by cancelling. The resting order goes, the
arriving one is judged without it; a post-only order is refused, for to the venue it crosses the book.

Why an order for shares never buys more of them: the venue fills FOK and FAK buys by collateral, so a better price buys
more shares. Strategies and bundles ask for shares; a live lane must size its amounts so that the same comes out.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec

from models.fees import maker_rebate, taker_fee
from models.ledger import cash_of_fill
from models.markets import Market, Side
from models.messages.base import MarketId, Message
from models.messages.catalogue import MarketListed
from models.messages.market import BookUpdated, MarketResolved, TradeSeen
from models.messages.orders import (
    CancelRejected,
    MergeReported,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    SubmitCancel,
    SubmitMerge,
    SubmitOrder,
    TradeReported,
)
from models.messages.runtime import Woke
from models.orders import TimeInForce
from models.paper import texts
from models.paper.account import Account, AccountSummary, Trade
from models.paper.admission import IMMEDIATE, marketable_refusal, refusal
from models.paper.agenda import Agenda
from models.paper.market import PaperMarket
from models.paper.orders import Fill, PaperOrder
from models.paper.parameters import PaperParameters
from models.paper.settlement import settlement_of
from models.units import Money, Size, cash_of_rounded_up

_MS = 1_000_000
_REMEMBERED_MAX: Final = 100_000
"""Order and merge ids that are known again when they come twice; the oldest are forgotten."""


class PaperMachine:
    """One venue for all markets, with one account."""

    def __init__(self, markets: Mapping[MarketId, Market], parameters: PaperParameters, seed: int) -> None:
        self._parameters = parameters
        self._seed = seed
        self._account = Account(parameters.cash)
        self._markets: dict[MarketId, PaperMarket] = {}
        self._orders: dict[str, PaperOrder] = {}
        self._delayed: set[str] = set()
        self._seen: dict[str, None] = {}
        self._agenda = Agenda()
        self._out: list[Message] = []
        for market in markets.values():
            self.add_market(market)

    def add_market(self, market: Market) -> None:
        """Open a market for trading, or take its newer description."""
        known = self._markets.get(market.id)
        if known is None:
            self._markets[market.id] = PaperMarket(market, self._parameters)
        else:
            known.market = market

    def reconnect(self) -> None:
        """Forget which deadline was asked for: a shell that was restarted has lost it. The next answer asks again."""
        self._agenda.woken()

    @property
    def cash(self) -> Money:
        """Dollars on the account, those set aside for open buys included."""
        return self._account.cash

    @property
    def reserved(self) -> Money:
        """Dollars set aside for open buys."""
        return self._account.reserved

    def summary(self) -> AccountSummary:
        """Return the whole account."""
        return self._account.summary()

    def ahead_of(self, order_id: str, now_ns: int) -> Size | None:
        """Return the outside size before one of our orders at its price, None for an order that does not rest."""
        order = self._orders.get(order_id)
        if order is None or order_id in self._delayed:
            return None
        return self._markets[order.wish.market].ahead_of(order, now_ns)

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """Take one message; return the venue's answers and the next deadline."""
        self._agenda.run(now_ns if isinstance(message, Woke) else now_ns - 1)
        match message:
            case BookUpdated():
                self._see_book(message, now_ns)
            case TradeSeen():
                self._see_trade(message, now_ns)
            case SubmitOrder():
                self._agenda.plan(now_ns + self._parameters.accept_ms * _MS, partial(self._arrive, message))
            case SubmitCancel():
                self._agenda.plan(now_ns + self._parameters.cancel_ms * _MS, partial(self._cancel, message))
            case SubmitMerge():
                self._agenda.plan(now_ns + self._parameters.accept_ms * _MS, partial(self._merge, message))
            case MarketResolved():
                self._resolve(message, now_ns)
            case MarketListed():
                self.add_market(message.listed)
            case Woke():
                self._agenda.woken()
            case _:
                pass
        if not self._out:
            return self._agenda.ask()
        answers, self._out = (*self._out, *self._agenda.ask()), []
        return answers

    # Market data

    def _see_book(self, book: BookUpdated, now_ns: int) -> None:
        market = self._markets.get(book.market)
        if market is None or market.payout_yes is not None:
            return
        if market.book is not None and book.tick > market.book.tick:
            for order in [order for order in market.resting() if order.price % book.tick]:
                self._end(order, texts.INVALID, now_ns)
        self._book_fills(market.see_book(book, now_ns), now_ns)

    def _see_trade(self, trade: TradeSeen, now_ns: int) -> None:
        market = self._markets.get(trade.market)
        if market is not None and market.payout_yes is None:
            self._book_fills(market.see_trade(trade, now_ns), now_ns)

    def _resolve(self, result: MarketResolved, now_ns: int) -> None:
        market = self._markets.get(result.market)
        if market is None or market.payout_yes is not None:
            return
        for order in [order for order in self._orders.values() if order.wish.market == result.market]:
            self._end(order, texts.CANCELED_RESOLVED, now_ns)
        market.payout_yes = result.payout_yes
        self._account.resolve(result.market, result.payout_yes)

    # Orders

    def _arrive(self, submitted: SubmitOrder, now_ns: int) -> None:
        """Judge an order that has reached the venue against the book of this moment."""
        order = PaperOrder(submitted)
        market = self._markets.get(order.wish.market)
        if market is None:
            self._out.append(OrderRejected(order.id, order.wish.market, texts.NO_BOOK, now_ns))
            return
        delay_ms = market.market.taker_delay_ms + self._parameters.taker_delay_ms
        held = delay_ms > 0 and not order.wish.post_only and market.crosses_outside(order)
        text = self._refusal(order, market) or (None if held else self._kill_text(order, market))
        if text is not None:
            self._out.append(OrderRejected(order.id, order.wish.market, text, now_ns))
            return
        self._account.claim(order, self._needed(order, market))
        self._orders[order.id] = order
        self._remember(order.id)
        self._out.append(OrderAccepted(order.id, order.wish.market, now_ns))
        if held:
            self._delayed.add(order.id)
            self._agenda.plan(now_ns + delay_ms * _MS, partial(self._end_delay, order.id))
        else:
            self._execute(order, market, now_ns)

    def _refusal(self, order: PaperOrder, market: PaperMarket) -> str | None:
        """Say why the venue does not take an order: its form, the book, the money."""
        wish = order.wish
        if order.id in self._seen:
            return texts.duplicated(order.id)
        text = refusal(order.id, wish, market)
        if text is not None:
            return text
        crosses = market.crosses_outside(order)
        if wish.post_only and (crosses or market.own_crossed(order)):
            return texts.POST_ONLY_CROSSES
        if crosses or wish.time_in_force in IMMEDIATE:
            text = marketable_refusal(wish)
        if text is None and not self._account.can_claim(order, self._needed(order, market)):
            text = texts.BALANCE
        return text

    def _end_delay(self, order_id: str, now_ns: int) -> None:
        """Judge a delayed order again, by the book of now; what finds no match rests or is killed."""
        if order_id not in self._delayed:
            return
        self._delayed.remove(order_id)
        order = self._orders[order_id]
        market = self._markets[order.wish.market]
        text = refusal(order_id, order.wish, market) or self._kill_text(order, market)
        if text is not None:
            self._end(order, f"{texts.CANCELED}_{text}", now_ns)
        elif not self._account.can_claim(order, self._needed(order, market)):
            self._end(order, texts.CANCELED_BALANCE, now_ns)
        else:
            self._execute(order, market, now_ns)

    def _kill_text(self, order: PaperOrder, market: PaperMarket) -> str | None:
        """Say why an order that must trade at once cannot."""
        if order.wish.time_in_force not in IMMEDIATE:
            return None
        available = sum(size for _, size in market.plan(order))
        if order.wish.time_in_force is TimeInForce.FOK:
            return texts.FOK_KILLED if available < order.remaining else None
        return None if available else texts.FAK_KILLED

    def _execute(self, order: PaperOrder, market: PaperMarket, now_ns: int) -> None:
        """Trade what can be traded at once; the rest of a GTC order rests, of a FAK order it is cancelled."""
        for other in market.own_crossed(order):
            self._end(other, texts.CANCELED_SELF_TRADE, now_ns)
        self._book_fills(market.take(order, market.plan(order)), now_ns)
        if not order.remaining:
            return
        if order.wish.time_in_force in IMMEDIATE:
            self._end(order, texts.CANCELED, now_ns)
        else:
            self._account.claim(order, self._at_limit(order))
            market.rest(order)

    def _cancel(self, cancel: SubmitCancel, now_ns: int) -> None:
        order = self._orders.get(cancel.order_id)
        if order is None or order.id in self._delayed:
            text = texts.GONE if order is None else texts.DELAYED
            self._out.append(CancelRejected(cancel.order_id, cancel.market, text, now_ns))
        else:
            self._end(order, texts.CANCELED, now_ns)

    def _end(self, order: PaperOrder, text: str, now_ns: int) -> None:
        """Take an open order off the venue and say so."""
        self._forget(order)
        if order.joined:
            self._markets[order.wish.market].remove(order)
        self._out.append(OrderCancelled(order.id, order.wish.market, order.filled, text, now_ns))

    def _forget(self, order: PaperOrder) -> None:
        del self._orders[order.id]
        self._delayed.discard(order.id)
        self._account.claim(order, 0)

    def _needed(self, order: PaperOrder, market: PaperMarket) -> int:
        """Return what an order needs set aside: its limit in full, and the fees of what it would take now."""
        if order.wish.side is Side.SELL or order.wish.post_only:
            return self._at_limit(order)
        fees = market.market.fees  # a fee is the same at p and at 1 - p, so YES prices will do
        return self._at_limit(order) + sum(taker_fee(fees, price, size) for price, size in market.plan(order))

    @staticmethod
    def _at_limit(order: PaperOrder) -> int:
        wish = order.wish
        return order.remaining if wish.side is Side.SELL else cash_of_rounded_up(wish.price, order.remaining)

    # Trades and merges

    def _book_fills(self, fills: list[Fill], now_ns: int) -> None:
        """Book the fills of one event, then set aside what is left of their orders."""
        if not fills:
            return
        for fill in fills:
            self._book_fill(fill, now_ns)
        for order in dict.fromkeys(fill.order for fill in fills):
            if order.remaining:
                self._account.claim(order, self._at_limit(order))
            else:
                self._forget(order)

    def _book_fill(self, fill: Fill, now_ns: int) -> None:
        """Report a fill as MATCHED, move the money, and plan its settlement."""
        order, wish, size = fill.order, fill.order.wish, fill.size
        fees, price = self._markets[wish.market].market.fees, order.own_price(fill.price)
        order.fills += 1
        report = TradeReported(
            trade_id=f"{order.id}#{order.fills}",
            order_id=order.id,
            market=wish.market,
            outcome=wish.outcome,
            side=wish.side,
            price=price,
            size=size,
            status="MATCHED",
            maker=fill.maker,
            at_ns=now_ns,
            fee=0 if fill.maker else taker_fee(fees, price, size),
            rebate=maker_rebate(fees, price, size) if fill.maker else 0,
        )
        trade = Trade(report, cash_of_fill(wish, price, size))
        self._account.match(trade)
        self._out.append(report)
        settlement = settlement_of(self._seed, report.trade_id, self._parameters)
        self._agenda.plan(now_ns + settlement.delay_ns, partial(self._settle, trade, settlement.failed))

    def _settle(self, trade: Trade, failed: bool, now_ns: int) -> None:
        """Report the end of a trade and let what it moved arrive, or go back."""
        if failed:
            self._account.fail(trade)
        else:
            self._account.confirm(trade)
        status = "FAILED" if failed else "CONFIRMED"
        self._out.append(msgspec.structs.replace(trade.report, status=status, at_ns=now_ns))

    def _merge(self, merge: SubmitMerge, now_ns: int) -> None:
        """Take settled pairs that are free of offers on their way, or refuse."""
        if merge.operation in self._seen:
            return
        self._remember(merge.operation)
        if not 0 < merge.size <= self._account.free_pairs(merge.market):
            self._out.append(MergeReported(merge.operation, merge.market, "failed", 0, now_ns))
            return
        self._account.take_pairs(merge.market, merge.size)
        self._agenda.plan(now_ns + self._parameters.merge_delay_ms * _MS, partial(self._end_merge, merge))

    def _end_merge(self, merge: SubmitMerge, now_ns: int) -> None:
        cost = self._account.merged(merge.size, self._parameters.merge_cost)
        self._out.append(MergeReported(merge.operation, merge.market, "confirmed", cost, now_ns))

    def _remember(self, name: str) -> None:
        self._seen[name] = None
        if len(self._seen) > _REMEMBERED_MAX:
            del self._seen[next(iter(self._seen))]
