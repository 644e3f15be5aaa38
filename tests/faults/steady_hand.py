"""A hand that works one engine through many faults: it takes markets again, and looks at what was done since."""

from collections.abc import Callable, Iterator
from typing import Any

from models.cells import TradingState
from models.markets import Market, neg_risk_siblings
from models.messages.orders import CancelOrder, OrderChanged, PlaceOrder, SubmitOrder
from models.orders import TERMINAL, OrderState
from models.snapshot import OrderLine
from tests.faults.by_hand import Hand
from tests.faults.journal import journalled, life
from tests.faults.live_engine import log


class SteadyHand(Hand):
    """A hand that takes a market again once its orders are gone; it looks at what was done since."""

    since_ns = 0
    line = 0

    def calm(self, fits: Callable[[Market], bool] = lambda _: True) -> Market:
        """A market that may be traded and in which nothing stands."""
        self.since_ns = self.running.engine.clock.now_ns()
        self.line = log(self.venue)[-1]["n"]
        return self.until(lambda: next(filter(fits, self.calm_markets()), None), "a market is calm")

    def calm_but(self, *markets: Market) -> Market:
        """Return another calm market, of another event: what is unknown of one blocks the others of its event."""
        events = {market.group or market.id for market in markets}
        return self.until(
            lambda: next((one for one in self.calm_markets() if (one.group or one.id) not in events), None),
            "another one is calm",
        )

    def sibling(self, market: Market) -> Market:
        """Another market of the same neg-risk event."""
        markets = self.running.engine.catalogue.markets
        return markets[neg_risk_siblings(markets)[market.id][0]]

    def market_of(self, order: PlaceOrder) -> Market:
        return self.running.engine.catalogue.markets[order.market]

    def sends(self, market: Market, price: str = "0.01", **named: Any) -> PlaceOrder:
        """Ask for an order until one is let pass: a market or its feeds may be stopped for a moment."""

        def sent() -> PlaceOrder | None:
            refused = sum(self.denied().values())
            order = self.ask(market, price, **named)
            self.until(lambda: self.life(order) or sum(self.denied().values()) > refused, "it is sent or denied")
            return order if self.life(order) and self.fate(order) is not OrderState.NEVER_SENT else None

        return self.until(sent, "an order is let pass")

    def stands(self, market: Market, price: str = "0.01", **named: Any) -> PlaceOrder:
        """Send orders until one is seen to rest: what flows may take it off again at once."""

        def rests() -> PlaceOrder | None:
            order = self.sends(market, price, **named)
            self.until(lambda: self.working(order) or self.fate(order) in TERMINAL, f"{order.intent} is answered")
            return order if self.working(order) else None

        return self.until(rests, "an order rests")

    def denies(self, market: Market, reason: str, **named: Any) -> None:
        """Ask for an order until it is denied for this: a market may be stopped, and what was not sent was the same."""

        def denied() -> bool:
            said = self.denied_for(market, **named)
            assert said <= {reason, "cancel_only", "duplicate"}, f"denied for {said}, not for {reason}"
            return said == {reason}

        self.until(denied, f"it is denied for {reason}")

    def denied_for(self, market: Market, price: str = "0.01", **named: Any) -> set[str]:
        """Ask for an order and return why it was denied; `cancel_only` also where a busy machine stops the market."""
        before = self.denied()
        order = self.ask(market, price, **named)
        self.until(lambda: sum(self.denied().values()) > sum(before.values()), "it is denied")
        assert self.life(order) == [] or self.fate(order) is OrderState.NEVER_SENT
        return {reason for reason, count in self.denied().items() if count > before.get(reason, 0)}

    def cancels(self, order: PlaceOrder) -> None:
        self.running.engine.tell(CancelOrder(order.intent, order.market, "test"))

    def person_resumes(self) -> None:
        """Say `resume`, and see markets trade."""
        self.running.engine.control.set_state("resume", (), "test", 10, confirmed=True)
        self.recovers()

    def recovers(self) -> None:
        """Wait until no cell is left that holds all markets."""
        self.until(lambda: TradingState.ACTIVE in self.running.states(), "trading goes on")

    # What the venue is

    def mode(self) -> str:
        """What the venue takes."""
        return log(self.venue, "mode")[-1]["mode"]

    def orders_sent(self) -> int:
        """How often the account has placed anything."""
        return len(self.posts()) + len(self.posts("/orders"))

    @property
    def address(self) -> str:
        """The account, as the venue's log names it."""
        return self.venue.said["accounts"][self.running.number]["address"]

    def read_until(self, after: int, path: str, times: int) -> list[dict[str, Any]]:
        """Wait until the account has read a path so often since a line of the log."""

        def read() -> list[dict[str, Any]] | None:
            lines = log(self.venue, "request", after)
            found = [line for line in lines if (line["account"], line["path"]) == (self.address, path)]
            return found if len(found) >= times else None

        return self.until(read, f"{path} is read {times} times")

    def line_of(self, order: PlaceOrder) -> OrderLine:
        return self.running.board.orders[order.intent]

    def deletes(self, after: int) -> list[dict[str, Any]]:
        """Requests of the account to cancel, since a line of the log."""
        lines = log(self.venue, "request", after)
        return [line for line in lines if (line["account"], line["method"]) == (self.address, "DELETE")]

    def warned(self, text: str) -> bool:
        """Whether a line of the log warns of something."""
        return any(text in line.text for line in self.running.board.log if line.level in ("WARNING", "ERROR"))

    def clear(self) -> None:
        """Cancel what stands."""
        for line in self.running.board.orders.values():
            self.running.engine.tell(CancelOrder(line.intent, line.market, "test"))
        self.until(lambda: not self.running.board.orders, "nothing stands")

    def sent(self, market: Market) -> list[SubmitOrder]:
        """What was sent there since."""
        found = journalled(self.running, SubmitOrder)
        return [entry for entry in found if entry.order.market == market.id and entry.submitted_ns >= self.since_ns]

    def taken(self, market: Market) -> list[str]:
        """The ids of our orders that the venue took there since."""
        lines = self.seen("order_placed", market)
        return [line["id"] for line in lines if line["account"] == self.address and line["n"] > self.line]

    def life(self, order: PlaceOrder) -> list[OrderChanged]:
        return life(self.running, order)

    def fate(self, order: PlaceOrder) -> OrderState | None:
        changes = self.life(order)
        return changes[-1].state if changes else None

    def calm_markets(self) -> Iterator[Market]:
        """Markets that may be traded and in which nothing stands."""
        taken = {line.market for line in self.running.board.orders.values()}
        for line in self.running.board.markets.values():
            if line.state is TradingState.ACTIVE and line.market.id not in taken:
                yield line.market
