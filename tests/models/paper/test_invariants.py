"""Whatever the market does and whatever we send: nothing is filled, spent or held that is not there."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.depth import Depth
from models.ledger import cash_of_fill
from models.markets import NO, YES, Outcome, Side, in_yes_terms
from models.messages.base import Message
from models.messages.market import BookUpdated, TradeSeen
from models.messages.orders import MergeReported, PlaceOrder, SubmitMerge, SubmitOrder, TradeReported
from models.orders import TimeInForce
from models.paper.account import Account
from models.paper.orders import PaperOrder
from models.paper.parameters import PaperParameters
from models.units import DOLLAR, ONE, Money, Price, Size, cash_of, cash_of_rounded_up, format_price, format_size
from tests.models.paper.world import BUY, CRYPTO, SELL, World, market

Action = Callable[[World], None]

CASH = 40 * DOLLAR
PARAMETERS = PaperParameters(
    cash=CASH, settlement_median_ms=200, settlement_p95_ms=2_000, failed_share=0.2, merge_delay_ms=500
)

prices = st.integers(45, 55).map(lambda cents: cents * 100)
shares = st.integers(1, 2_500).map(lambda hundredths: hundredths * 10_000)
sides = st.sampled_from(list(Side))


@st.composite
def books(draw: st.DrawFn) -> Action:
    touch = draw(st.integers(46, 55))
    bids = {cents * 100: draw(shares) for cents in draw(st.sets(st.integers(44, touch - 1), max_size=4))}
    asks = {cents * 100: draw(shares) for cents in draw(st.sets(st.integers(touch, 57), max_size=4))}
    unusable = draw(st.sampled_from([None, None, None, None, "one_sided", "gap", "locked"]))
    return lambda world: world.show(Depth(bids), Depth(asks), unusable=unusable)


@st.composite
def trades(draw: st.DrawFn) -> Action:
    side, price, size = draw(sides), draw(prices), draw(shares)
    return lambda world: world.trade(side, format_price(price), format_size(size))


@st.composite
def orders(draw: st.DrawFn) -> Action:
    """Draw an order; the same order has the same id, as the venue's hash would have it."""
    outcome: Outcome = draw(st.sampled_from([YES, NO]))
    side, price = draw(sides), format_price(draw(prices))
    size = format_size(draw(st.integers(450, 1_500)) * 10_000)
    kind = draw(st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.GTC, TimeInForce.FAK, TimeInForce.FOK]))
    post_only, wait = draw(st.booleans()), draw(st.sampled_from([0, 50]))

    def place(world: World) -> None:
        name = f"{side} {outcome} {price} {size} {kind} {post_only}"
        world.send(name, side, price, size, outcome=outcome, kind=kind, post_only=post_only)
        world.wait(wait)

    return place


@st.composite
def cancels(draw: st.DrawFn) -> Action:
    number = draw(st.integers(0, 40))

    def cancel(world: World) -> None:
        accepted = world.accepted()
        world.cancel(accepted[number % len(accepted)] if accepted else "never")

    return cancel


@st.composite
def operations(draw: st.DrawFn) -> Action:
    name, size = f"merge {draw(st.integers(1, 4))}", draw(shares)
    return lambda world: world.merge(name, format_size(size))


waits = st.one_of(st.integers(0, 120), st.integers(0, 3_000)).map(lambda ms: lambda world: world.wait(ms))
resolutions = st.sampled_from([0, 5_000, ONE]).map(lambda payout: lambda world: world.resolve(payout))
streams = st.lists(
    st.one_of(books(), trades(), orders(), orders(), cancels(), operations(), waits), min_size=15, max_size=60
)
delays = st.sampled_from([0, 0, 300])


class Watched(World):
    """A world that also keeps what was said to the venue."""

    def __init__(self, delay_ms: int) -> None:
        super().__init__(market(fees=CRYPTO, taker_delay_ms=delay_ms), parameters=PARAMETERS)
        self.said: list[Message] = []

    def say(self, message: Message) -> tuple[Message, ...]:
        self.said.append(message)
        answers = super().say(message)
        check_account(self)
        return answers

    @property
    def account(self) -> Account:
        return self.machine._account  # pyright: ignore[reportPrivateUsage]

    @property
    def open_orders(self) -> list[PaperOrder]:
        return list(self.machine._orders.values())  # pyright: ignore[reportPrivateUsage]

    def wishes(self) -> dict[str, PlaceOrder]:
        """Return what was sent, by order id."""
        return {message.order_id: message.order for message in self.said if isinstance(message, SubmitOrder)}


def check_account(world: Watched) -> None:
    """Nothing is negative, and what is set aside is exactly what the open orders may still need."""
    account = world.account
    assert 0 <= account.reserved <= account.cash
    assert account.reserved == sum(order.claim for order in world.open_orders if order.wish.side is BUY)
    for outcome in (YES, NO):
        holding = account.holding("m", outcome)
        assert 0 <= holding.offered <= holding.settled
        assert holding.coming >= 0
        assert holding.offered == sum(
            order.claim for order in world.open_orders if order.wish.side is SELL and order.wish.outcome == outcome
        )
    for order in world.open_orders:
        assert 0 < order.remaining <= order.wish.size
        assert order.ahead >= 0
        if order.joined:
            cost = cash_of_rounded_up(order.wish.price, order.remaining)
            assert order.claim == (cost if order.wish.side is BUY else order.remaining)


def run(stream: list[Action], delay_ms: int) -> Watched:
    """Act on a world that already holds pairs, open orders and a book."""
    world = Watched(delay_ms)
    world.buy_settled("some yes", YES, "0.51", "16")
    world.buy_settled("some no", NO, "0.50", "14")
    world.book({"0.48": "8", "0.47": "20"}, {"0.52": "6", "0.53": "20"})
    world.send("a bid", BUY, "0.48", "12")
    world.send("an ask", BUY, "0.48", "12", outcome=NO)
    world.wait(50)
    for action in stream:
        action(world)
    return world


def cash_of_trade(trade: TradeReported, world: Watched) -> Money:
    return cash_of_fill(world.wishes()[trade.order_id], trade.price, trade.size)


@pytest.mark.proves("I3")
@given(streams, delays, resolutions)
def test_cash_and_shares_are_conserved(stream: list[Action], delay_ms: int, resolution: Action) -> None:
    world = run(stream, delay_ms)
    world.wait(3_600_000)
    cash, held = CASH, Counter[int]()
    for trade in world.of(TradeReported):
        if trade.status == "CONFIRMED":
            sign = 1 if trade.side is BUY else -1
            cash -= sign * cash_of_trade(trade, world) + trade.fee
            held[trade.outcome] += sign * trade.size
    sizes = {message.operation: message.size for message in reversed(world.said) if isinstance(message, SubmitMerge)}
    for merge in world.of(MergeReported):
        if merge.status == "confirmed":
            cash += sizes[merge.operation]
            held.subtract({YES: sizes[merge.operation], NO: sizes[merge.operation]})
    account = world.account
    assert account.cash == cash
    assert (account.holding("m", YES).settled, account.holding("m", NO).settled) == (held[YES], held[NO])
    assert account.proceeds == 0
    resolution(world)
    payout = next(reversed([getattr(message, "payout_yes", None) for message in world.said]))
    assert payout is not None
    assert account.cash == cash + cash_of(payout, held[YES]) + cash_of(ONE - payout, held[NO])
    assert account.reserved == 0


@pytest.mark.proves("I18")
@given(streams, delays)
def test_an_order_is_never_filled_beyond_its_size_or_its_limit(stream: list[Action], delay_ms: int) -> None:
    world = run(stream, delay_ms)
    wishes = world.wishes()
    for order_id, wish in wishes.items():
        assert world.filled(order_id) <= wish.size
    for trade in world.of(TradeReported):
        limit = wishes[trade.order_id].price
        assert trade.price <= limit if trade.side is BUY else trade.price >= limit
        assert trade.price == limit or not trade.maker


@given(streams, delays)
def test_no_more_is_filled_than_was_traded_or_came_to_rest_against_us(stream: list[Action], delay_ms: int) -> None:
    world = run(stream, delay_ms)
    for side in Side:
        offered = offered_against(side, world)
        by_level = Counter[Price]()
        for trade in world.of(TradeReported):
            yes_side, yes_price = in_yes_terms(trade.outcome, trade.side, trade.price)
            if trade.status == "MATCHED" and yes_side is side:
                by_level[yes_price] += trade.size
        assert sum(by_level.values()) <= sum(offered.values())
        for level, filled in by_level.items():
            met = sum(size for price, size in offered.items() if (price <= level if side is BUY else price >= level))
            assert filled <= met


def offered_against(side: Side, world: Watched) -> Counter[Price]:
    """Sum, by price, what takers traded against a side and what newly came to rest on the other."""
    offered: Counter[Price] = Counter()
    usable, visible = False, dict[Price, Size]()
    for message in world.said:
        if isinstance(message, BookUpdated):
            usable = message.unusable in (None, "one_sided")
            if usable:
                now = (message.asks if side is BUY else message.bids).sizes
                for price, size in now.items():
                    offered[price] += max(0, size - visible.get(price, 0))
                visible = now
        elif isinstance(message, TradeSeen) and usable and message.side is not side:
            offered[message.price] += message.size
    return offered


@pytest.mark.proves("I31")
@given(streams, delays)
def test_the_same_stream_gives_the_same_answers(stream: list[Action], delay_ms: int) -> None:
    assert run(stream, delay_ms).answers == run(stream, delay_ms).answers
