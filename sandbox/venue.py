"""What can happen to a market, and what its subscribers then see of it.

Why the order of a trade's frames: at the venue the level change comes first, a full `book` of each token with the same
hash next, and the print 7 to 230 ms later; until the print is out, the books still show (and hash) the last price
before it. So whoever has seen the same frames can compute the same hash.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox import wire
from sandbox.books import OPPOSITE, MirroredBook, Side
from sandbox.channel import MarketChannel
from sandbox.markets import Catalogue, Market, digest_id
from sandbox.schedule import Schedule
from sandbox.trading.desk import Desk
from sandbox.trading.engine import Engine, Placed
from sandbox.trading.matching import Part, Plan, Taker
from sandbox.trading.records import OUTSIDE, Order, OrderStatus, Trade
from sandbox.trading.settlement import transaction_of
from sandbox.units import MILLISECOND, ONE, trade_price_text

_NEAR_ONE = 9_600
_NEAR_ZERO = 400
_FINE_TICK = 10
_PRINT_DELAY_NS = (7 * MILLISECOND, 230 * MILLISECOND)


@dataclass(frozen=True, slots=True)
class Print:
    """A trade as everybody sees it; `side` is the taker's, `trade` the hash of its transaction."""

    market: Market
    token: int
    side: Side
    price: int
    size: int
    trade: str
    at_ns: int


class Venue:
    """Every change of a market goes through here."""

    def __init__(self, catalogue: Catalogue, schedule: Schedule, channel: MarketChannel, engine: Engine) -> None:
        self.catalogue = catalogue
        self.engine = engine
        self.desk = Desk(engine, schedule, self)
        self.schedule = schedule
        self.channel = channel
        self.before_order: list[Callable[[Market, int], None]] = []
        """Who makes a market ready for the order that an account is about to place in it."""
        self.on_print: list[Callable[[Print], None]] = []
        """Who is told of every print, as it goes out."""
        self._touches: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {}
        self._last_print_ns: dict[str, int] = {}
        self._prints = 0

    def list_market(self, market: Market, now_ns: int) -> None:
        """Open a market and tell those who asked to hear of new ones."""
        self.catalogue.add(market)
        self.engine.log.write(
            now_ns, "market_listed", market=market.condition_id, slug=market.slug, tokens=market.token_ids
        )
        self.engine.ledger.stock(market, now_ns)
        self.desk.wipe_later(market)
        self._touches[market.condition_id] = (market.touch_text(0), market.touch_text(1))
        self.channel.publish_to_all(wire.new_market(market, now_ns))

    def publish(self, market: Market, now_ns: int) -> None:
        """Send what changed in a market's mirrored book since the last call, as one frame of both tokens."""
        assert isinstance(market.book, MirroredBook)
        changes = market.book.drain_changes()
        if changes:
            self.publish_changes(market, wire.mirrored(changes), now_ns)
            self._narrow_tick(market, now_ns)

    def publish_changes(self, market: Market, changes: Sequence[wire.Change], now_ns: int) -> None:
        """Send level changes that the books already show."""
        for token in {change[0] for change in changes}:
            market.changed_ns[token] = now_ns
        self.channel.publish(market, "price_change", lambda: wire.price_change(market, changes, now_ns))
        self._announce_touch(market, now_ns)

    def publish_book(self, market: Market, token: int, now_ns: int, *, first: bool = False) -> None:
        """Send a token's whole book; `first` also says tick size and last trade price."""
        text = wire.first_book if first else wire.later_book
        self.channel.publish(market, "book", lambda: text(market, token), token=token)
        self._announce_touch(market, now_ns)

    def place(self, order: Order, done: Callable[[Placed, int], None], now_ns: int) -> None:
        """Take an account's order; `done` is called with what became of it, at once or after the taker delay."""
        for prepare in self.before_order:
            prepare(order.market, now_ns)
        self.desk.place(order, done, now_ns)

    def cancel(self, order: Order, status: OrderStatus, now_ns: int, reason: str = "") -> bool:
        """Take an open order out; False when it is not open, or its trader asks while the taker delay holds it."""
        return self.desk.cancel(order, status, now_ns, reason)

    def show_trade(self, market: Market, taker: Taker, planned: Plan, trade: Trade, now_ns: int) -> None:
        """Show a trade of an account's order: the changed levels, both books, and later the print."""
        self._show(market, taker, planned, trade, now_ns + self._print_delay(), now_ns)

    def trade(self, market: Market, token: int, side: Side, size: int, print_delay_ns: int, now_ns: int) -> int:
        """Let an outside taker trade one token at any price; says how many shares found an order.

        NO bought at q is YES sold at 1 - q: a trade of either token consumes the one book.
        """
        return self._take_outside(market, Taker(token, side, size), print_delay_ns, now_ns)

    def rest_outside(self, market: Market, side: Side, price: int, size: int, now_ns: int) -> None:
        """Let outside liquidity join the back of a level; what it would cross it takes first, as its taker.

        The level is shown by the next `publish`, so that several of them can be one frame.
        """
        assert isinstance(market.book, MirroredBook)
        best = market.book.ladder(OPPOSITE[side]).best
        if best is not None and (best <= price if side == "BUY" else best >= price):
            size -= self._take_outside(market, Taker(0, side, size, price), self._print_delay(), now_ns)
        if size:
            market.book.rest(OUTSIDE, side, price, size)

    def withdraw_outside(self, market: Market, side: Side, price: int, size: int, now_ns: int) -> int:
        """Take outside liquidity out of a level, newest first; says how much was there. Shown by the next `publish`."""
        return self.engine.withdraw_outside(market, side, price, size)

    def print_trade(
        self, market: Market, token: int, side: Side, price: int, size: int, now_ns: int, transaction: str = ""
    ) -> None:
        """Send a print; from now on both tokens' books show its price as their last."""
        self._prints += 1
        trade = transaction or digest_id(market.condition_id, str(self._prints), str(now_ns))
        market.last_trade_price = trade_price_text(price)
        for told in self.on_print:
            told(Print(market, token, side, price, size, trade, now_ns))
        self.channel.publish(
            market,
            "last_trade_price",
            lambda: wire.last_trade_price(market, token, side, price, size, trade, now_ns),
            token=token,
        )

    def change_tick(self, market: Market, tick: int, now_ns: int) -> None:
        """Move a market to another grid."""
        old, market.tick = market.tick, tick
        for token in (0, 1):
            self.channel.publish(
                market,
                "tick_size_change",
                lambda token=token: wire.tick_size_change(market, token, old, now_ns),
                token=token,
            )

    def close(self, market: Market, now_ns: int) -> None:
        """Stop taking orders in a market, and end those of accounts; who holds what is not decided by it."""
        market.accepting = False
        for order in self.engine.open_in(market):
            self.cancel(order, "INVALID", now_ns)

    def resolve(self, market: Market, payouts: tuple[int, int] | int, now_ns: int) -> None:
        """End a market: its orders go, its books with them, and each token pays its part of a dollar.

        `payouts` in 1/10,000 dollar; the index of a token stands for a market in which that one gets it all.
        """
        if market.closed:
            return
        if isinstance(payouts, int):
            payouts = (ONE, 0) if payouts == 0 else (0, ONE)
        market.accepting = False
        for order in self.engine.open_in(market):
            self.engine.end(order, "CANCELED_MARKET_RESOLVED", now_ns)
        market.book.clear()
        if isinstance(market.book, MirroredBook):
            self.publish(market, now_ns)
        market.payouts = payouts
        self.engine.log.write(now_ns, "market_resolved", market=market.condition_id, payouts=payouts)
        self.engine.ledger.redeem(self.engine.ledger.outside, market, payouts, now_ns)
        winner = market.winner
        self.channel.publish(market, "market_resolved", lambda: wire.market_resolved(market, winner, now_ns))

    def _take_outside(self, market: Market, taker: Taker, print_delay_ns: int, now_ns: int) -> int:
        planned, trade = self.engine.take_outside(market, taker, now_ns)
        if planned.parts:
            self._show(market, taker, planned, trade, now_ns + print_delay_ns, now_ns)
        return planned.size

    def _show(
        self, market: Market, taker: Taker, planned: Plan, trade: Trade | None, print_ns: int, now_ns: int
    ) -> None:
        self.publish(market, now_ns)
        for shown in (0, 1):
            self.publish_book(market, shown, now_ns)
        self._print_later(market, taker, planned.parts, transaction_of(trade) if trade else "", print_ns)

    def _print_later(
        self, market: Market, taker: Taker, parts: tuple[Part, ...], transaction: str, due_ns: int
    ) -> None:
        by_price: dict[int, int] = {}
        for part in parts:
            by_price[part.price] = by_price.get(part.price, 0) + part.size
        due_ns = max(due_ns, self._last_print_ns.get(market.condition_id, 0))
        self._last_print_ns[market.condition_id] = due_ns
        for price, size in by_price.items():

            def due(now_ns: int, price: int = price, size: int = size) -> None:
                self.print_trade(market, taker.token, taker.side, price, size, now_ns, transaction)

            self.schedule.at(due_ns, due)

    def _print_delay(self) -> int:
        return self.engine.random.randint(*_PRINT_DELAY_NS)

    def _announce_touch(self, market: Market, now_ns: int) -> None:
        before = self._touches.get(market.condition_id)
        after = self._touches[market.condition_id] = (market.touch_text(0), market.touch_text(1))
        for token in (0, 1):
            if before is None or before[token] != after[token]:
                self.channel.publish(
                    market,
                    "best_bid_ask",
                    lambda token=token: wire.best_bid_ask(market, token, now_ns + market.touch_lead_ns),
                    token=token,
                )

    def _narrow_tick(self, market: Market, now_ns: int) -> None:
        """Past 0.96 or 0.04 the venue moves a market to the finer grid, for good."""
        if market.tick <= _FINE_TICK:
            return
        bid, ask = market.book.touch(0)
        if (bid is not None and bid > _NEAR_ONE) or (ask is not None and ask < _NEAR_ZERO):
            self.change_tick(market, _FINE_TICK, now_ns)
