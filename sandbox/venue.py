"""What can happen to a market, and what its subscribers then see of it.

Why the order of a trade's frames: at the venue the level change comes first, a full `book` of each token with the same
hash next, and the print 7 to 230 ms later; until the print is out, the books still show (and hash) the last price
before it. So whoever has seen the same frames can compute the same hash.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox import wire
from sandbox.books import OPPOSITE, Fill, MirroredBook, Side
from sandbox.channel import MarketChannel
from sandbox.markets import Catalogue, Market, digest_id
from sandbox.schedule import Schedule
from sandbox.units import ONE, trade_price_text

_OUTSIDE = "outside"
_NEAR_ONE = 9_600
_NEAR_ZERO = 400
_FINE_TICK = 10


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

    def __init__(self, catalogue: Catalogue, schedule: Schedule, channel: MarketChannel) -> None:
        self.catalogue = catalogue
        self.schedule = schedule
        self.channel = channel
        self.on_print: list[Callable[[Print], None]] = []
        """Who is told of every print, as it goes out."""
        self._touches: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {}
        self._last_print_ns: dict[str, int] = {}
        self._trades = 0

    def list_market(self, market: Market, now_ns: int) -> None:
        """Open a market and tell those who asked to hear of new ones."""
        self.catalogue.add(market)
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
        self.channel.publish(market, "price_change", now_ns, lambda: wire.price_change(market, changes, now_ns))
        self._announce_touch(market, now_ns)

    def publish_book(self, market: Market, token: int, now_ns: int, *, first: bool = False) -> None:
        """Send a token's whole book; `first` also says tick size and last trade price."""
        text = wire.first_book if first else wire.later_book
        self.channel.publish(market, "book", now_ns, lambda: text(market, token), token=token)
        self._announce_touch(market, now_ns)

    def trade(self, market: Market, token: int, side: Side, size: int, print_delay_ns: int, now_ns: int) -> int:
        """Let a taker trade one token at any price; says how many shares found an order.

        NO bought at q is YES sold at 1 - q: a trade of either token consumes the one book.
        """
        assert isinstance(market.book, MirroredBook)
        fills = market.book.take(side if token == 0 else OPPOSITE[side], size)
        if not fills:
            return 0
        self.publish(market, now_ns)
        for shown in (0, 1):
            self.publish_book(market, shown, now_ns)
        self._print_later(market, token, side, fills, now_ns + print_delay_ns)
        return sum(fill.size for fill in fills)

    def rest_outside(self, market: Market, side: Side, price: int, size: int, now_ns: int) -> None:
        """Let outside liquidity join the back of a level, in YES terms; `publish` shows it."""
        assert isinstance(market.book, MirroredBook)
        market.book.rest(_OUTSIDE, side, price, size)

    def withdraw_outside(self, market: Market, side: Side, price: int, size: int, now_ns: int) -> None:
        """Take as much of a level's outside liquidity out as there is, newest first; `publish` shows it."""
        assert isinstance(market.book, MirroredBook)
        for order in reversed(market.book.orders(side, price)):
            leaving = min(size, order.remaining) if order.owner == _OUTSIDE else 0
            if leaving:
                market.book.cancel(order, leaving)
                size -= leaving

    def print_trade(self, market: Market, token: int, side: Side, price: int, size: int, now_ns: int) -> None:
        """Send a print; from now on both tokens' books show its price as their last."""
        self._trades += 1
        trade = digest_id(market.condition_id, str(self._trades), str(now_ns))
        market.last_trade_price = trade_price_text(price)
        for told in self.on_print:
            told(Print(market, token, side, price, size, trade, now_ns))
        self.channel.publish(
            market,
            "last_trade_price",
            now_ns,
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
                now_ns,
                lambda token=token: wire.tick_size_change(market, token, old, now_ns),
                token=token,
            )

    def resolve(self, market: Market, winner: int, now_ns: int) -> None:
        """End a market: its orders go, its books with them, and outcome `winner` pays a dollar."""
        if market.closed:
            return
        market.accepting = False
        market.book.clear()
        if isinstance(market.book, MirroredBook):
            self.publish(market, now_ns)
        market.winner = winner
        self.channel.publish(market, "market_resolved", now_ns, lambda: wire.market_resolved(market, winner, now_ns))

    def _print_later(self, market: Market, token: int, side: Side, fills: tuple[Fill, ...], due_ns: int) -> None:
        by_price: dict[int, int] = {}
        for fill in fills:
            by_price[fill.price] = by_price.get(fill.price, 0) + fill.size
        due_ns = max(due_ns, self._last_print_ns.get(market.condition_id, 0))
        self._last_print_ns[market.condition_id] = due_ns
        for price, size in by_price.items():
            shown = price if token == 0 else ONE - price

            def due(now_ns: int, shown: int = shown, size: int = size) -> None:
                self.print_trade(market, token, side, shown, size, now_ns)

            self.schedule.at(due_ns, due)

    def _announce_touch(self, market: Market, now_ns: int) -> None:
        before = self._touches.get(market.condition_id)
        after = self._touches[market.condition_id] = (market.touch_text(0), market.touch_text(1))
        for token in (0, 1):
            if before is None or before[token] != after[token]:
                self.channel.publish(
                    market,
                    "best_bid_ask",
                    now_ns,
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
