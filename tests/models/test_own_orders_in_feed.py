"""Our own orders are not the market: targets are the same byte for byte whether or not the venue shows them."""

from collections.abc import Iterable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from models.book import BookMachine
from models.book_parameters import BookParameters
from models.coordinator import CoordinatorMachine, CoordinatorParameters
from models.leg_risk import LegParameters
from models.markets import NO, YES, Outcome, Side, in_yes_terms
from models.messages.base import Message
from models.messages.market import BookFrame, BookUpdated
from models.messages.orders import CancelOrder, OrderChanged, PlaceOrder
from models.orders import OrderState
from models.phase import PhaseParameters
from models.quotes import QuoteParameters
from models.strategies.maker import Maker, MakerParameters
from models.strategy import Targets, View
from models.units import ONE, SHARE
from models.unwind import FlattenParameters
from tests.models.coordination import MS, SMALL, TAG, M, market

TICK = 100
Levels = dict[int, int]


class Recorded(Maker):
    """The maker, and what it wanted last, as bytes."""

    wanted = b""

    def targets(self, view: View) -> Targets:
        targets = super().targets(view)
        self.wanted = msgspec.json.encode(targets)
        return targets


class World:
    """A book and a coordinator, fed by a venue whose frames show our orders, or do not."""

    def __init__(self, *, shown: bool, taken_out: bool) -> None:
        parameters = BookParameters(own_orders_in_feed=taken_out)
        self.book = BookMachine(market(), parameters)
        self.maker = Recorded(MakerParameters(bid_size=5 * SHARE), SMALL, LegParameters())
        self.desk = CoordinatorMachine(
            TAG, M, (market(),), self.maker, QuoteParameters(), PhaseParameters(), CoordinatorParameters(),
            LegParameters(), FlattenParameters(),
        )  # fmt: skip
        self.shown = shown
        self.now_ns = 10**18
        self.standing: dict[str, OrderChanged] = {}
        self.bids: Levels = {}
        self.asks: Levels = {}

    def changed(self, order: OrderChanged) -> list[Message]:
        """Have the executor say how an order stands, to the book and to the coordinator."""
        if order.state is OrderState.WORKING:
            self.standing[order.order_id] = order
        else:
            self.standing.pop(order.order_id, None)
        self.book.step(order, self.now_ns)
        return list(self.desk.step(order, self.now_ns))

    def frames(self, bids: Levels, asks: Levels) -> list[Message]:
        """Send the full books of both tokens; return what the coordinator made of them."""
        self.now_ns += 1_000 * MS
        self.bids, self.asks = dict(bids), dict(asks)
        for order in self.standing.values() if self.shown else ():
            side, price = in_yes_terms(order.outcome, order.side, order.price)
            levels = self.bids if side is Side.BUY else self.asks
            levels[price] = levels.get(price, 0) + order.size - order.filled
        out: list[Message] = []
        for outcome in (YES, NO):
            for said in self.book.step(self._frame(outcome), self.now_ns):
                if isinstance(said, BookUpdated):
                    out += self.desk.step(said, self.now_ns)
        return out

    def _frame(self, outcome: Outcome) -> BookFrame:
        bids, asks = self.bids, self.asks
        if outcome == NO:
            bids, asks = ({ONE - price: size for price, size in side.items()} for side in (asks, bids))
        # Worst first, as the venue sends them.
        return BookFrame(
            M, outcome, tuple(sorted(bids.items())), tuple(sorted(asks.items(), reverse=True)),
            self.now_ns // MS, self.now_ns,
        )  # fmt: skip


def order(number: int, outcome: Outcome, price: int, shares: int, filled: int = 0) -> OrderChanged:
    return OrderChanged(
        f"id-{number}", f"{TAG}/{M}/{number}", TAG, M, outcome, Side.BUY, price, shares * SHARE, filled * SHARE,
        OrderState.WORKING, "", 0,
    )  # fmt: skip


@st.composite
def outside_books(draw: st.DrawFn) -> tuple[Levels, Levels]:
    """Books that leave 0.40 to 0.60 to our own orders, or do not."""
    best_bid, best_ask = draw(st.integers(30, 49)), draw(st.integers(51, 70))
    sizes = st.integers(1, 500)
    bids = {(best_bid - below) * TICK: draw(sizes) * SHARE for below in range(draw(st.integers(1, 4)))}
    asks = {(best_ask + above) * TICK: draw(sizes) * SHARE for above in range(draw(st.integers(1, 4)))}
    return bids, asks


@st.composite
def own_orders(draw: st.DrawFn) -> list[OrderChanged]:
    """YES bids up to 0.49 and NO bids up to 0.48: whatever they meet, they do not trade."""
    found: list[OrderChanged] = []
    for number in range(draw(st.integers(0, 4))):
        outcome: Outcome = draw(st.sampled_from([YES, NO]))
        cents = draw(st.integers(25, 49 if outcome == YES else 48))
        shares = draw(st.integers(5, 20))
        found.append(order(number, outcome, cents * TICK, shares, draw(st.integers(0, shares - 1))))
    return found


@given(own_orders(), st.lists(outside_books(), min_size=1, max_size=5), own_orders())
def test_the_same_frames_with_and_without_our_orders_give_the_same_targets_byte_for_byte(
    first: list[OrderChanged], books: list[tuple[Levels, Levels]], second: list[OrderChanged]
) -> None:
    merged, plain = World(shown=True, taken_out=True), World(shown=False, taken_out=False)
    for acknowledged in (first, second):
        for one in acknowledged:
            merged.changed(one)
            plain.changed(one)
        for bids, asks in books:
            merged.frames(bids, asks)
            plain.frames(bids, asks)
            assert plain.maker.wanted
            assert merged.maker.wanted == plain.maker.wanted


def climb(world: World, rounds: int = 12) -> list[int]:
    """Play a venue that takes our YES orders and refuses every NO order; return the prices of the YES bid."""
    prices: list[int] = []
    waiting: list[Message] = []
    for _ in range(rounds):
        waiting += world.frames({4_000: 100 * SHARE}, {8_000: 100 * SHARE})
        while waiting:
            waiting = [said for message in waiting for said in answer(world, message)]
        prices += [one.price for one in world.standing.values()]
    return prices


def answer(world: World, message: Message) -> Iterable[Message]:
    match message:
        case PlaceOrder():
            taken = OrderChanged(
                f"id-{message.intent}", message.intent, TAG, M, message.outcome, message.side, message.price,
                message.size, 0, OrderState.WORKING if message.outcome == YES else OrderState.REJECTED, "",
                world.now_ns,
            )  # fmt: skip
            return world.changed(taken)
        case CancelOrder():
            standing = world.standing[f"id-{message.intent}"]
            return world.changed(msgspec.structs.replace(standing, state=OrderState.CANCELLED))
        case _:
            return ()


def test_with_only_the_yes_side_live_the_quote_never_moves() -> None:
    assert set(climb(World(shown=True, taken_out=True))) == {5_900}
    assert set(climb(World(shown=False, taken_out=False))) == {5_900}


def test_an_own_order_taken_for_the_market_would_climb_to_the_ask() -> None:
    """The trap itself: without taking our size out, each quote is made from the one before it."""
    prices = climb(World(shown=True, taken_out=False))
    assert prices == sorted(prices)
    assert prices[-1] >= 7_700
