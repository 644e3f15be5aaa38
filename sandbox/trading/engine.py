"""The matching engine: which orders are taken, what they trade, what they hold back, and how they end.

Why a taker never meets its own wallet, and why the resting order gives way: the newer order is the trader's newer will,
and a taker that stopped at its own old quote would leave the better part of the book to others. So the resting one is
cancelled and matching goes on. (The venue does prevent self-trades; which side it cancels is not documented.)

Why a killed FOK or FAK order is not kept: the venue's own event about it has neither a creation time nor a matched
size, so it never got into its books; sent again, it is judged again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Literal
from uuid import UUID

from sandbox.books import OPPOSITE, MirroredBook, Side
from sandbox.books import Order as Resting
from sandbox.log import Log
from sandbox.markets import Market, digest_id
from sandbox.schedule import Schedule
from sandbox.trading.facts import order_facts, trade_facts
from sandbox.trading.fees import taker_fee
from sandbox.trading.ledger import Ledger
from sandbox.trading.matching import Part, Plan, Taker, plan
from sandbox.trading.records import OUTSIDE, MakerFill, Order, OrderStatus, Trade
from sandbox.trading.reservations import (
    balance_text,
    fillable,
    hold,
    hold_for_rest,
    lacking,
)
from sandbox.trading.settlement import Settlement
from sandbox.units import ONE, SHARE, decimal_text

OrderEvent = Literal["PLACEMENT", "UPDATE", "CANCELLATION"]

POST_ONLY: Final = "invalid post-only order: order crosses book"
FOK_KILLED: Final = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_KILLED: Final = (
    "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
)
NOT_READY: Final = "the market is not yet ready to process new orders"
_SMALLEST_TAKE: Final = SHARE
"""Micro-dollars that a buy which trades at once must be worth."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of an order; `making` and `taking` are the micro-units that it gave and got so far.

    `order` is None when it was refused; `error` is then the venue's text and `http_status` its status.
    """

    order: Order | None
    status: Literal["live", "matched", "delayed", "unmatched", ""]
    making: int = 0
    taking: int = 0
    trade_ids: tuple[str, ...] = ()
    error: str = ""
    http_status: int = 200


class Engine:
    """All orders and trades of the accounts, and the matching of everybody in the books of the markets.

    `spender_of` names the exchange contract that settles a market and so needs allowance and approval.
    """

    def __init__(
        self, ledger: Ledger, record: Log, schedule: Schedule, random: Random, spender_of: Callable[[Market], str]
    ) -> None:
        self.ledger = ledger
        self.orders: dict[str, Order] = {}
        """All orders that were ever accepted, by id."""
        self.open: dict[str, Order] = {}
        """Those that can still trade."""
        self.trades: dict[str, Trade] = {}
        """All trades in which an account took part."""
        self.on_order: list[Callable[[Order, OrderEvent, int], None]] = []
        self.on_trade: list[Callable[[Trade, int], None]] = []
        """Who is told of a trade when it is matched and at every later status."""
        self.overfill_next = 0
        """Micro-shares by which the next account's order that an outside taker uses up gets more than it ordered."""
        self.refuse_balance_for: dict[str, int] = {}
        """Until when (ns) the balance of a token is believed to be 0, by token id."""
        self.random = random
        self.settlement = Settlement(ledger, record, schedule, random, spender_of, self._tell_trade)
        self.log = record
        self.spender_of = spender_of

    def judge(self, order: Order, now_ns: int) -> Plan | Placed:
        """What an order would trade now, or why it is refused. Changes nothing."""
        if not order.market.accepting or not isinstance(order.market.book, MirroredBook):
            return _refused(NOT_READY)
        planned = self._plan(order.market, Taker.of(order), order)
        if text := self._lacking(order, order.making, now_ns):
            return _refused(text)
        if order.post_only and (planned.parts or planned.own):
            return _refused(POST_ONLY)
        if order.time_in_force == "FOK" and not planned.complete:
            return _refused(FOK_KILLED)
        if order.time_in_force == "FAK" and not planned.parts:
            return _refused(FAK_KILLED)
        if order.side == "BUY" and planned.parts and order.making < _SMALLEST_TAKE:
            worth = decimal_text(order.making, 6)
            return _refused(f"invalid amount for a marketable BUY order (${worth}), min size: $1")
        fee = self._fee(order.market, planned.parts) if order.side == "BUY" else 0
        if text := self._lacking(order, order.making + fee, now_ns):
            return _refused(text)
        return planned

    def accept(self, order: Order, status: OrderStatus, now_ns: int) -> None:
        """Know an order from now on and hold back what it may give."""
        order.status = status
        self.orders[order.id] = self.open[order.id] = order
        hold(order, order.making)
        self.log.write(now_ns, "order_placed", **order_facts(order))
        self.tell_order(order, "PLACEMENT", now_ns)

    def match(self, order: Order, planned: Plan, now_ns: int) -> Trade | None:
        """Trade what was planned; what is left rests, or ends when it may not rest."""
        trade = self._trade(order.market, Taker.of(order), order, planned, now_ns)
        if trade is not None:
            hold_for_rest(order, trade.cash if order.side == "BUY" else trade.size)
        rests = order.time_in_force in ("GTC", "GTD")
        rest = fillable(order) if rests else 0
        if rest:
            order.resting = _book(order.market).rest(order.id, order.book_side, order.book_price, rest)
            order.status = "LIVE"
        else:
            self._finish(order, "MATCHED")
        if trade is not None:
            self._announce(trade, now_ns)
        return trade

    def take_outside(self, market: Market, taker: Taker, now_ns: int) -> tuple[Plan, Trade | None]:
        """Let an outside taker trade; where it met no account there is no trade to settle."""
        planned = self._plan(market, taker, None)
        trade = self._trade(market, taker, None, planned, now_ns)
        if trade is not None:
            self._announce(trade, now_ns)
        elif planned.parts:
            parts = [(part.price, part.size) for part in planned.parts]
            facts = {"market": market.condition_id, "token": taker.token, "side": taker.side, "parts": parts}
            self.log.write(now_ns, "outside_trade", **facts)
        return planned, trade

    def end(self, order: Order, status: OrderStatus, now_ns: int, reason: str = "") -> None:
        """Take an open order out, out of the book too where it rests."""
        if order.resting is not None:
            _book(order.market).cancel(order.resting)
        self._finish(order, status)
        order.reason = reason
        self.log.write(now_ns, "order_cancelled", id=order.id, status=status, reason=reason, matched=order.matched)
        self.tell_order(order, "CANCELLATION", now_ns)

    def kill(self, order: Order, text: str, now_ns: int) -> None:
        """Tell the trader's stream of a FOK or FAK order that was never taken in."""
        order.status = "CANCELED"
        order.reason = f"CANCELED_{text}"
        self.tell_order(order, "CANCELLATION", now_ns)

    def open_in(self, market: Market) -> list[Order]:
        """The open orders of a market, oldest first."""
        return [order for order in self.open.values() if order.market is market]

    def withdraw_outside(self, market: Market, side: Side, price: int, size: int) -> int:
        """Take up to `size` of the outside's newest orders out of a level; says how much was there."""
        left = size
        book = _book(market)
        for resting in reversed(book.orders(side, price)):
            if resting.owner in self.orders:
                continue
            leaving = min(left, resting.remaining)
            if not leaving:
                break
            book.cancel(resting, leaving)
            left -= leaving
        return size - left

    def tell_order(self, order: Order, event: OrderEvent, now_ns: int) -> None:
        """Tell whoever listens what happened to an order."""
        for told in self.on_order:
            told(order, event, now_ns)

    def _tell_trade(self, trade: Trade, now_ns: int) -> None:
        for told in self.on_trade:
            told(trade, now_ns)

    def _plan(self, market: Market, taker: Taker, order: Order | None) -> Plan:
        def is_own(resting: Resting) -> bool:
            other = self.orders.get(resting.owner)
            return order is not None and other is not None and other.wallet is order.wallet

        return plan(_book(market), taker, is_own)

    def _lacking(self, order: Order, need: int, now_ns: int) -> str:
        if self.refuse_balance_for.get(order.token_id, 0) > now_ns:
            return balance_text(0, need)
        return lacking(order, need, self.spender_of(order.market))

    def _fee(self, market: Market, parts: tuple[Part, ...]) -> int:
        return sum(taker_fee(market.category, part.price, part.size) for part in parts)

    def _trade(self, market: Market, taker: Taker, order: Order | None, planned: Plan, now_ns: int) -> Trade | None:
        for own in planned.own:
            self.end(self.orders[own.owner], "CANCELED", now_ns)
        fills = tuple(self._fill(market, part, overfills=order is None) for part in planned.parts)
        if not fills or (order is None and all(fill.order is None for fill in fills)):
            return None
        name = str(UUID(int=self.random.getrandbits(128), version=4))
        trade = Trade(
            id=name,
            market=market,
            order=order,
            order_id=order.id if order else digest_id(OUTSIDE, name),
            token=taker.token,
            side=taker.side,
            price=planned.parts[-1].price,
            size=sum(fill.size for fill in fills),
            cash=sum(fill.cash if fill.token == taker.token else fill.size - fill.cash for fill in fills),
            fee=self._fee(market, planned.parts),
            fills=fills,
            matched_ns=now_ns,
            updated_ns=now_ns,
            number=len(self.trades) + 1,
        )
        self.trades[trade.id] = trade
        if order is not None:
            order.matched += trade.size
            order.paid += trade.cash
        for party in trade.orders:
            party.trades.append(trade.id)
        return trade

    def _fill(self, market: Market, part: Part, *, overfills: bool) -> MakerFill:
        resting, size = part.resting, part.size
        book = _book(market)
        book.cancel(resting, size)
        maker = self.orders.get(resting.owner)
        if maker is None:
            # Half of the outside's orders are of the other token, so that there are mints and merges as well.
            token = resting.number % 2
            side, price = (resting.side, resting.price) if not token else (OPPOSITE[resting.side], ONE - resting.price)
            order_id = digest_id(OUTSIDE, market.condition_id, str(resting.number))
            return MakerFill(None, order_id, token, side, price, size, _maker_cash(side, price, size))
        if overfills and not resting.remaining:
            size += self.overfill_next
            self.overfill_next = 0
        cash = _maker_cash(maker.side, maker.price, size)
        maker.matched += size
        maker.paid += cash
        hold_for_rest(maker, cash if maker.side == "BUY" else size)
        rest = fillable(maker)
        if rest < resting.remaining:
            book.cancel(resting, resting.remaining - rest)
        if not rest:
            self._finish(maker, "MATCHED")
        return MakerFill(maker, maker.id, maker.token, maker.side, maker.price, size, cash)

    def _finish(self, order: Order, status: OrderStatus) -> None:
        order.status = status
        order.resting = None
        hold(order, 0)
        self.open.pop(order.id, None)

    def _announce(self, trade: Trade, now_ns: int) -> None:
        self.log.write(now_ns, "trade", **trade_facts(trade))
        self.settlement.begin(trade, now_ns)
        for order in trade.orders:
            facts = {"matched": order.matched, "paid": order.paid, "status": order.status}
            self.log.write(now_ns, "order_matched", id=order.id, trade=trade.id, **facts)
            self.tell_order(order, "UPDATE", now_ns)
        self._tell_trade(trade, now_ns)


def _refused(text: str, status: int = 400) -> Placed:
    return Placed(None, "", error=text, http_status=status)


def _book(market: Market) -> MirroredBook:
    if not isinstance(market.book, MirroredBook):
        raise TypeError(f"the books of {market.slug} are a recording's: nobody can trade in them")
    return market.book


def _maker_cash(side: Side, price: int, size: int) -> int:
    """What a maker pays (rounded up) or gets (rounded down)."""
    return -(-size * price // ONE) if side == "BUY" else size * price // ONE
