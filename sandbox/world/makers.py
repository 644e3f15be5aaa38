"""All outside makers, and how they and the takers react to accounts where they do.

Why a switch: a strategy is judged twice. Against an outside that is fixed (a function of the seed, whatever accounts
do) two versions of it can be compared draw by draw; against one that reacts it meets what a market does to those who
trade in it. Reacting means: what accounts took is gone from the makers' ladder until they fill it up again; a touch
that an account sweeps moves a tick away; a large surplus of accounts' orders on one side moves it a tick ahead of them;
takers rather come to the side on which an account bettered the price.
"""

from random import Random
from typing import Final

from sandbox.books import MirroredBook, Side
from sandbox.markets import Market
from sandbox.trading.engine import OrderEvent
from sandbox.trading.records import OUTSIDE, Order, Trade
from sandbox.units import MILLISECOND
from sandbox.venue import Venue
from sandbox.world.crowd import Crowd, Style

_LOOKS_AFTER_NS: Final = (200 * MILLISECOND, 900 * MILLISECOND)
_NEAR_LEVELS: Final = 5
_LARGE: Final = 0.5
"""A surplus of accounts' orders near the touch that is seen, as a share of what the makers have there."""
_PREFER: Final = 0.5
"""Share of the other side's takers that come over to a bettered price."""


class Makers:
    """Opens markets with makers in them."""

    def __init__(self, venue: Venue, *, reacts: bool) -> None:
        self.venue = venue
        self._reacts = reacts
        self._watching: dict[str, Onlooker] = {}
        if reacts:
            venue.engine.on_order.append(self._ordered)
            venue.engine.on_trade.append(self._traded)

    def open(self, market: Market, style: Style, bid: int, random: Random, now_ns: int) -> Crowd:
        """List a market and let its makers come."""
        self.venue.list_market(market, now_ns)
        crowd = Crowd(self.venue, market, style, bid, random, now_ns)
        if self._reacts:
            # Chance of its own, so that nobody else's draws tell whether somebody looks on.
            onlooker = Onlooker(crowd, Random(f"onlooker of {market.condition_id}"))
            crowd.onlooker = self._watching[market.condition_id] = onlooker
        return crowd

    def _ordered(self, order: Order, _: OrderEvent, now_ns: int) -> None:
        onlooker = self._onlooker(order.market)
        if onlooker is not None:
            onlooker.saw_orders(now_ns)

    def _traded(self, trade: Trade, now_ns: int) -> None:
        onlooker = self._onlooker(trade.market)
        if onlooker is not None and trade.status == "MATCHED":
            onlooker.saw_trade(now_ns, swept_by_account=trade.order is not None)

    def _onlooker(self, market: Market) -> "Onlooker | None":
        if market.closed:
            self._watching.pop(market.condition_id, None)
        return self._watching.get(market.condition_id)


class Onlooker:
    """What the outside of one market sees of accounts, and does about it."""

    def __init__(self, crowd: Crowd, random: Random) -> None:
        self._crowd = crowd
        self._random = random
        self._visited = False
        self._looking = False

    def saw_orders(self, now_ns: int) -> None:
        """Look, a moment after something happened to an account's order, how these orders now lie."""
        self._visited = True
        if not self._looking:
            self._looking = True
            self._crowd.venue.schedule.at(now_ns + self._random.randint(*_LOOKS_AFTER_NS), self._look)

    def saw_trade(self, now_ns: int, *, swept_by_account: bool) -> None:
        """Take note of a trade with an account at once: what was filled is gone, a swept touch steps back."""
        crowd = self._crowd

        def note(due_ns: int) -> None:
            before = crowd.shadow.bids.best, crowd.shadow.asks.best
            self._recognise()
            after = crowd.shadow.bids.best, crowd.shadow.asks.best
            if swept_by_account and not crowd.idle(due_ns) and before != after:
                crowd.move((after[1] != before[1]) - (after[0] != before[0]), due_ns)
            crowd.repair_later(due_ns)

        crowd.venue.schedule.at(now_ns, note)

    def prefer(self, side: Side, random: Random) -> Side:
        """The side that a taker takes who would have taken this one."""
        if not self._visited:
            return side
        book, shadow = _book(self._crowd.market), self._crowd.shadow
        better_bid, better_ask = book.bids.best != shadow.bids.best, book.asks.best != shadow.asks.best
        if better_bid == better_ask or random.random() > _PREFER:
            return side
        return "SELL" if better_bid else "BUY"

    def _look(self, now_ns: int) -> None:
        self._looking = False
        crowd = self._crowd
        if crowd.idle(now_ns):
            return
        self._recognise()
        bids, makers_bids = self._near("BUY")
        asks, makers_asks = self._near("SELL")
        surplus, enough = bids - asks, _LARGE * (makers_bids + makers_asks)
        crowd.lean((surplus > enough) - (surplus < -enough), now_ns)

    def _near(self, side: Side) -> tuple[int, int]:
        """What accounts and what the makers have on the best levels of a side."""
        ladder, levels = _book(self._crowd.market).ladder(side), self._crowd.shadow.levels(side)
        prices = ladder.prices[-_NEAR_LEVELS:] if side == "BUY" else ladder.prices[:_NEAR_LEVELS]
        makers = sum(levels.sizes.get(price, 0) for price in prices)
        return sum(ladder.sizes[price] for price in prices) - makers, makers

    def _recognise(self) -> None:
        """Make the makers' ladder what they really have left."""
        book, shadow = _book(self._crowd.market), self._crowd.shadow
        for side in ("BUY", "SELL"):
            levels = shadow.levels(side)
            for price in tuple(dict.fromkeys((*levels.prices, *book.ladder(side).prices))):
                left = sum(order.remaining for order in book.orders(side, price) if order.owner == OUTSIDE)
                levels.set(price, left)


def _book(market: Market) -> MirroredBook:
    assert isinstance(market.book, MirroredBook)
    return market.book
