"""Accounts' orders over time: placed, held by the taker delay, cancelled, expired, wiped at the start of a game.

Why a held order holds back its money: within the delay it cannot be cancelled, so what it may cost is as good as gone;
at the end it is judged like a new one, by the book and the balance of that moment.
"""

from collections.abc import Callable
from typing import Final, Protocol

from sandbox.markets import Market
from sandbox.schedule import Schedule
from sandbox.trading.engine import FAK_KILLED, FOK_KILLED, NOT_READY, Engine, Placed
from sandbox.trading.matching import Plan, Taker
from sandbox.trading.records import Order, OrderStatus, Trade, Wallet
from sandbox.trading.reservations import hold, short
from sandbox.units import SECOND

_EXPIRES_EARLIER_S: Final = 60
_EXPIRED: Final = "CANCELED_EXPIRED_ORDER"
_TOO_POOR: Final = "CANCELED_NOT_ENOUGH_BALANCE"


class Screen(Protocol):
    """Where changes of a book are shown."""

    def publish(self, market: Market, now_ns: int) -> None:
        """Show what changed in a book."""
        ...

    def show_trade(self, market: Market, taker: Taker, planned: Plan, trade: Trade, now_ns: int) -> None:
        """Show a trade of an account's order, the change of the book first."""
        ...


class Desk:
    """Where accounts' orders come and go."""

    def __init__(self, engine: Engine, schedule: Schedule, screen: Screen) -> None:
        self._engine = engine
        self._schedule = schedule
        self._screen = screen
        engine.ledger.on_moved.append(self.recheck)
        engine.on_trade.append(self._recheck_parties)

    def place(self, order: Order, done: Callable[[Placed, int], None], now_ns: int) -> None:
        """Take an order; `done` is called with what became of it, at once or after the taker delay."""
        judged = self._engine.judge(order, now_ns)
        if isinstance(judged, Placed):
            if judged.error in (FOK_KILLED, FAK_KILLED):
                self._engine.kill(order, judged.error, now_ns)
            done(judged, now_ns)
            return
        market = order.market
        delay_ns = market.seconds_delay * SECOND or market.taker_delay_ns
        held = bool(delay_ns and judged.parts)
        self._engine.accept(order, "DELAYED" if held else "LIVE", now_ns)
        self._expire_later(order)
        if not held:
            done(self._carry_out(order, judged, now_ns), now_ns)
            return
        if market.seconds_delay:
            done(Placed(order, "delayed"), now_ns)

        def due(at_ns: int) -> None:
            placed = self._decide(order, at_ns)
            if not market.seconds_delay:
                done(placed, at_ns)

        self._schedule.at(now_ns + delay_ns, due)

    def cancel(self, order: Order, status: OrderStatus, now_ns: int, reason: str = "") -> bool:
        """Take an open order out; False when it is not open, or its trader asks while the taker delay holds it."""
        if not order.open or (order.status == "DELAYED" and status == "CANCELED"):
            return False
        self._engine.end(order, status, now_ns, reason)
        self._screen.publish(order.market, now_ns)
        return True

    def recheck(self, wallet: Wallet, now_ns: int) -> None:
        """Cancel, newest first, the resting orders that a wallet no longer covers, or no longer lets be settled."""
        if not wallet.reserved_cash and not wallet.reserved_tokens:
            return
        for order in reversed(tuple(self._engine.open.values())):
            if order.wallet is wallet and order.resting is not None:
                spender = self._engine.spender_of(order.market)
                if short(order) or not wallet.permits(spender, order.side, order.reserved):
                    self.cancel(order, "INVALID", now_ns)

    def wipe_later(self, market: Market) -> None:
        """Let the orders of a market go when its game starts, if they shall; a game that is put off keeps them."""
        start_ns = market.game_start_ns
        if start_ns is None or not market.clear_on_start:
            return

        def due(now_ns: int) -> None:
            if market.game_start_ns == start_ns:
                for order in self._engine.open_in(market):
                    self.cancel(order, "CANCELED", now_ns)

        self._schedule.at(start_ns, due)

    def _carry_out(self, order: Order, planned: Plan, now_ns: int) -> Placed:
        trade = self._engine.match(order, planned, now_ns)
        if trade is None:
            self._screen.publish(order.market, now_ns)
            return Placed(order, "live")
        self._screen.show_trade(order.market, Taker.of(order), planned, trade, now_ns)
        making, taking = (trade.cash, trade.size) if order.side == "BUY" else (trade.size, trade.cash)
        return Placed(order, "matched", making, taking, (trade.id,))

    def _decide(self, order: Order, now_ns: int) -> Placed:
        """Judge a held order again at the end of its delay."""
        if not order.open:
            return Placed(None, "", error=NOT_READY, http_status=400)
        if order.time_in_force == "GTD" and now_ns >= _expiry_ns(order):
            self._engine.end(order, "CANCELED", now_ns, _EXPIRED)
            return Placed(None, "", error=_EXPIRED, http_status=400)
        hold(order, 0)
        judged = self._engine.judge(order, now_ns)
        if isinstance(judged, Placed):
            poor = judged.error.startswith("not enough balance")
            self._engine.end(order, "CANCELED", now_ns, _TOO_POOR if poor else f"CANCELED_{judged.error}")
            return judged
        hold(order, order.making)
        placed = self._carry_out(order, judged, now_ns)
        if placed.status == "matched":
            return placed
        order.status = "UNMATCHED"
        self._engine.tell_order(order, "UPDATE", now_ns)
        order.status = "LIVE"
        return Placed(order, "unmatched")

    def _expire_later(self, order: Order) -> None:
        if order.time_in_force != "GTD":
            return

        def due(now_ns: int) -> None:
            self.cancel(order, "CANCELED", now_ns, _EXPIRED)

        self._schedule.at(_expiry_ns(order), due)

    def _recheck_parties(self, trade: Trade, now_ns: int) -> None:
        for order in trade.orders:
            self.recheck(order.wallet, now_ns)


def _expiry_ns(order: Order) -> int:
    """When a GTD order dies: the venue lets it go a minute before what it says."""
    return (order.expires_s - _EXPIRES_EARLIER_S) * SECOND
