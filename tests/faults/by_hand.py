"""A live engine whose strategy finds every quote too small: what leaves it is what a test asks risk for."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from models.cells import TradingState
from models.markets import NO, YES, Market, Outcome, Side
from models.messages.control import ExposureUpdated
from models.messages.market import BookUpdated
from models.messages.orders import CancelOrder, OrderChanged, PlaceOrder
from models.orders import TERMINAL, OrderState, TimeInForce
from models.positions import leg_of
from models.snapshot import OrderLine
from models.units import ONE, SHARE, Size, format_price, parse_price
from tests.bin.processes import Sandbox
from tests.faults.journal import life
from tests.faults.live_engine import LiveEngine, live, log

Found = TypeVar("Found")

QUIET = {
    "maker__bid_size": "1",
    "phase__flat_band": "1000",
    "inventory__max_net_diff": "1000",
    "inventory__max_position_value": "1000",
    "inventory__auto_merge": "off",
    "flow__threshold": "1000000",
    "risk__wallet_usd": "5000",
}
"""Settings under which the strategy never quotes, nor hedges what the hand has bought, and no flow is toxic."""


class Hand:
    """Asks risk for orders of the desk in an engine's name, and says what became of them on both sides."""

    _numbers = count(1)

    def __init__(self, running: LiveEngine) -> None:
        self.running = running
        self.venue = running.venue
        self._unused = list(running.engine.catalogue.markets.values())

    def market(self) -> Market:
        """A market that may be traded, in which nothing was done yet and nobody trades at the ends of the grid."""
        found = self.until(lambda: next(filter(self._is_free, self._unused), None), "a market may be traded")
        self._unused.remove(found)
        return found

    def _is_free(self, market: Market) -> bool:
        line = self.running.board.markets[market.id]
        book = line.book
        return line.state is TradingState.ACTIVE and book is not None and 500 <= book.bid < book.ask <= ONE - 500

    # What the desk wants

    def ask(
        self,
        market: Market,
        price: str,
        size: Size = 5 * SHARE,
        outcome: Outcome = YES,
        side: Side = Side.BUY,
        *,
        time_in_force: TimeInForce = TimeInForce.GTC,
        expires_ns: int | None = None,
        post_only: bool = False,
    ) -> PlaceOrder:
        """Ask risk for an order. One that is not post-only is none of the strategy's quotes, which it leaves alone."""
        wish = PlaceOrder(
            f"desk/{market.id}/{outcome}/{side}/hand {next(self._numbers)}", "desk", market.id, outcome, side,
            parse_price(price), size, post_only, time_in_force, "test", self.book(market).epoch,
            self.running.engine.clock.now_ns(), expires_ns=expires_ns,
        )  # fmt: skip
        self.running.engine.tell(wish)
        return wish

    def rests(self, market: Market, price: str = "0.01", *more: Any, **named: Any) -> OrderLine:
        """Ask for an order, and see it rest at the venue; what is refused here and never sent is asked for again."""
        wish, asked_s = self.ask(market, price, *more, **named), time.monotonic()

        def look() -> OrderLine | None:
            nonlocal wish, asked_s
            if wish.intent not in self.running.board.orders and time.monotonic() - asked_s > 2:
                wish, asked_s = self.ask(market, price, *more, **named), time.monotonic()
            return self.working(wish)

        return self.until(look, f"{wish.intent} rests")

    def working(self, wish: PlaceOrder) -> OrderLine | None:
        line = self.running.board.orders.get(wish.intent)
        return line if line is not None and line.state is OrderState.WORKING else None

    def cancel(self, order: OrderLine | PlaceOrder) -> None:
        self.running.engine.tell(CancelOrder(order.intent, order.market, "test"))

    def bought(
        self, market: Market, price: str = "0.01", size: Size = 5 * SHARE, *, outcome: Outcome = YES
    ) -> OrderLine:
        """Let an order of ours be filled by an outside taker, whole, and see it counted."""
        before, order = self.shares(market)[outcome], self.rests(market, price, size, outcome)
        self.fill(order)
        self.ended(order)
        self.until(lambda: self.shares(market)[outcome] == before + size, f"{order.intent} is counted")
        return order

    def fill(self, order: OrderLine, parts: int = 1, dust: str = "0", fate: str = "retried", pace: int = 50) -> None:
        """Let an outside taker trade with an order of ours in parts; their fate comes at a pace of its own."""
        self.venue.fault("trade_fate", fate=fate, count=parts, pace=pace)
        self.venue.fault("partial_fills", order=order.order_id, parts=parts, gap=0.05, dust=dust)

    # What came of it

    def until(self, look: Callable[[], Found | None], what: str, timeout_s: float = 60) -> Found:
        """Wait until something is there."""
        return self.running.until(look, what, timeout_s)

    def ended(self, order: OrderLine | PlaceOrder) -> None:
        self.until(lambda: order.intent not in self.running.board.orders, f"{order.intent} ends")

    def end(self, order: OrderLine | PlaceOrder) -> OrderChanged:
        """The last word on an order, once it is over and journalled."""

        def look() -> OrderChanged | None:
            told = life(self.running, order)
            return told[-1] if told and told[-1].state in TERMINAL else None

        return self.until(look, f"{order.intent} ends")

    def state(self, market: Market) -> TradingState:
        return self.running.board.markets[market.id].state

    def cells(self, market: Market) -> dict[str, str]:
        """Source and reason of every cell that holds a market back."""
        return {cell.source: cell.reason for cell in self.running.board.markets[market.id].cells}

    def book(self, market: Market) -> BookUpdated:
        book = self.running.board.markets[market.id].book
        assert book is not None
        return book

    def touch(self, market: Market) -> str:
        """The price at which YES is offered."""
        return format_price(self.book(market).ask)

    def shares(self, market: Market) -> tuple[Size, Size]:
        """YES and NO as the desk's position has them."""
        position = self.running.board.desks["desk", market.id].position
        return position.yes.shares, position.no.shares

    def settled(self, market: Market) -> tuple[Size, Size]:
        position = self.running.board.desks["desk", market.id].position
        return leg_of(position, YES).settled, leg_of(position, NO).settled

    def in_wallet(self, market: Market) -> tuple[Size, Size]:
        """YES and NO as the venue's wallet has them."""
        tokens = self.running.wallet()["tokens"]
        return tokens.get(market.token_ids[YES], 0), tokens.get(market.token_ids[NO], 0)

    def settles(self, market: Market, timeout_s: float = 60) -> None:
        """Wait until the venue has said the last word on every fill in a market."""
        self.until(
            lambda: not self.running.board.desks["desk", market.id].position.provisional, "it settles", timeout_s
        )

    def exposure(self, market: Market) -> ExposureUpdated:
        """What risk counts in a market."""
        return self.running.board.markets[market.id].exposure or ExposureUpdated(market.id, 0, 0, 0, 0)

    def denied(self) -> dict[str, int]:
        return self.running.board.counts.denials_by_reason

    # What the venue saw

    def seen(self, kind: str, market: Market) -> list[dict[str, Any]]:
        """Lines of the venue's log of one kind about a market's orders and trades."""
        return [line for line in log(self.venue, kind) if line.get("market") == market.condition_id]

    def trade_lines(self, market: Market) -> list[dict[str, Any]]:
        """Lines of the venue's log about trades in a market, each status one, oldest first."""
        lines = log(self.venue, "trade")
        ids = {line["id"] for line in lines if line.get("market") == market.condition_id}
        return [line for line in lines if line["id"] in ids]

    def posts(self, path: str = "/order") -> list[dict[str, Any]]:
        """The requests of this account that post there, whatever was answered."""
        address = self.venue.said["accounts"][self.running.number]["address"]
        return [
            line
            for line in log(self.venue, "request")
            if (line["method"], line["path"], line["account"]) == ("POST", path, address)
        ]


@contextmanager
def by_hand(venue: Sandbox, number: int, data_dir: Path, **more: str) -> Iterator[Hand]:
    """Run an engine by hand on an account of a venue, and let it trade."""
    with live(venue, number, data_dir, **{**QUIET, **more}) as running:
        running.resume()
        yield Hand(running)
