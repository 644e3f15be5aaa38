"""A paper venue with its own clock, told what the market does in the words of a trader."""

from collections.abc import Mapping
from typing import TypeVar

from models.depth import Depth
from models.markets import YES, Fees, Market, Outcome, Side
from models.messages.base import Message
from models.messages.market import BookUpdated, MarketResolved, TradeSeen
from models.messages.orders import (
    CancelRejected,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    PlaceOrder,
    SubmitCancel,
    SubmitMerge,
    SubmitOrder,
    TradeReported,
)
from models.messages.runtime import WakeAt, Woke
from models.orders import TimeInForce
from models.paper.exchange import PaperMachine
from models.paper.parameters import PaperParameters
from models.units import ONE, Price, Size, format_price, format_size, parse_price, parse_size

MS = 1_000_000
BUY, SELL = Side.BUY, Side.SELL
M = Market(id="m", slug="m", token_ids=("1", "2"))

Answer = TypeVar("Answer", bound=Message)


class World:
    """Feeds a `PaperMachine` and keeps all that it answered; time is in milliseconds."""

    def __init__(self, *markets: Market, seed: int = 1, parameters: PaperParameters | None = None) -> None:
        self.machine = PaperMachine(
            {market.id: market for market in markets or (M,)}, parameters or PaperParameters(), seed
        )
        self.now_ns = 0
        self.answers: list[Message] = []
        self._deadline: int | None = None
        self._books = 0

    def wait(self, ms: int, *, deadlines: bool = True) -> None:
        """Let time pass; without `deadlines` those at the very end have not fired yet."""
        end = self.now_ns + ms * MS
        while self._deadline is not None and (self._deadline < end or (deadlines and self._deadline == end)):
            self.now_ns, self._deadline = self._deadline, None
            self.say(Woke(timer="agenda"))
        self.now_ns = end

    def say(self, message: Message) -> tuple[Message, ...]:
        """Step the machine and serve its wish to be woken."""
        answers = self.machine.step(message, self.now_ns)
        for answer in answers:
            if isinstance(answer, WakeAt):
                self._deadline = answer.at_ns
            else:
                self.answers.append(answer)
        return answers

    def book(
        self,
        bids: Mapping[str, str],
        asks: Mapping[str, str],
        *,
        unusable: str | None = None,
        tick: Price = 100,
        market: str = "m",
    ) -> None:
        """Show a book in YES terms."""
        bid_depth = Depth({parse_price(price): parse_size(size) for price, size in bids.items()})
        ask_depth = Depth({parse_price(price): parse_size(size) for price, size in asks.items()})
        self.show(bid_depth, ask_depth, unusable=unusable, tick=tick, market=market)

    def show(self, bids: Depth, asks: Depth, *, unusable: str | None, tick: Price = 100, market: str = "m") -> None:
        self._books += 1
        bid, ask = max(bids.sizes, default=0), min(asks.sizes, default=ONE)
        self.say(
            BookUpdated(
                market=market,
                book_seq=self._books,
                epoch=0,
                tick=tick,
                bids=bids,
                asks=asks,
                bid=bid,
                ask=ask,
                gross_bid=bid,
                gross_ask=ask,
                unusable=unusable,
                event_ns=self.now_ns,
                proven_ns=self.now_ns,
            )
        )

    def trade(self, side: Side, price: str, size: str, *, market: str = "m") -> None:
        """Print a trade in YES terms; `side` is the taker's."""
        self.say(TradeSeen(market, YES, side, parse_price(price), parse_size(size), self.now_ns))

    def send(
        self,
        order_id: str,
        side: Side,
        price: str,
        size: str,
        *,
        outcome: Outcome = YES,
        kind: TimeInForce = TimeInForce.GTC,
        post_only: bool = True,
        market: str = "m",
    ) -> None:
        """Send an order; it is on its way for 50 ms."""
        wish = PlaceOrder(
            intent=f"intent {order_id}",
            tag="desk",
            market=market,
            outcome=outcome,
            side=side,
            price=parse_price(price),
            size=parse_size(size),
            post_only=post_only and kind is TimeInForce.GTC,
            time_in_force=kind,
            reason="test",
            epoch=0,
            created_ns=self.now_ns,
        )
        self.say(SubmitOrder(order_id, wish, self.now_ns))

    def place(self, order_id: str, side: Side, price: str, size: str, **how: object) -> None:
        """Send an order and wait until the venue has judged it."""
        self.send(order_id, side, price, size, **how)  # pyright: ignore[reportArgumentType]
        self.wait(50)

    def cancel(self, order_id: str, *, market: str = "m") -> None:
        self.say(SubmitCancel(order_id, market, "test"))

    def merge(self, operation: str, size: str, *, market: str = "m") -> None:
        self.say(SubmitMerge(operation, market, parse_size(size)))

    def resolve(self, payout_yes: Price, *, market: str = "m") -> None:
        self.say(MarketResolved(market, payout_yes, self.now_ns))

    def buy_settled(self, order_id: str, outcome: Outcome, price: str, size: str) -> None:
        """Come to own settled shares at a price: take them from the book and wait for settlement."""
        there = parse_price(price)
        if outcome == YES:
            self.book({}, {price: size})
        else:
            self.book({format_price(ONE - there): size}, {})
        self.place(order_id, BUY, price, size, outcome=outcome, kind=TimeInForce.FOK)
        self.wait(600_000)
        self.book({}, {})

    def of(self, kind: type[Answer]) -> list[Answer]:
        """Return the answers of one kind."""
        return [answer for answer in self.answers if isinstance(answer, kind)]

    def fills(self, order_id: str | None = None) -> list[tuple[str, str]]:
        """Return price and size of the trades as they were matched."""
        return [
            (format_price(trade.price), format_size(trade.size))
            for trade in self.of(TradeReported)
            if trade.status == "MATCHED" and order_id in (None, trade.order_id)
        ]

    def filled(self, order_id: str) -> Size:
        return sum(
            trade.size for trade in self.of(TradeReported) if trade.status == "MATCHED" and trade.order_id == order_id
        )

    def accepted(self) -> list[str]:
        return [answer.order_id for answer in self.of(OrderAccepted)]

    def refusals(self) -> list[str]:
        return [answer.text for answer in self.of(OrderRejected)]

    def cancelled(self) -> list[tuple[str, str]]:
        return [(answer.order_id, answer.text) for answer in self.of(OrderCancelled)]

    def not_cancelled(self) -> list[tuple[str, str]]:
        return [(answer.order_id, answer.text) for answer in self.of(CancelRejected)]

    def ahead(self, order_id: str) -> str:
        size = self.machine.ahead_of(order_id, self.now_ns)
        assert size is not None
        return format_size(size)


def market(**fields: object) -> Market:
    """Return the market `m` with other fields."""
    return Market(**{"id": "m", "slug": "m", "token_ids": ("1", "2"), **fields})  # pyright: ignore[reportArgumentType]


CRYPTO = Fees(rate_e6=70_000, exponent=1, rebate_share_e6=200_000)
