"""One whole engine on one thread: markets are switched off while fills and failures are under way."""

from collections.abc import Iterator
from typing import TypeVar

from msgspec.structs import replace

from actors.assembly import Plan
from actors.topology import EXECUTOR, RISK, book_name, coordinator_name, flow_name, inventory_name
from config.settings import load
from models.inventory import InventoryMachine
from models.markets import NO, YES, Catalogue, Market, Outcome, Side
from models.messages.base import MarketId, Message
from models.messages.control import SetOperatorState, TradingStateChanged
from models.messages.market import BookFrame, BookUpdated, TradePrinted
from models.messages.orders import FillCounted, FillVoided, IntentDenied, OrderChanged, PlaceOrder
from models.messages.position import Position
from models.orders import TERMINAL, OrderState
from models.units import SHARE, Price
from research.simulation import Simulation

MS = 1_000_000
BEGIN_NS = 1_750_000_000_000 * MS
OFF, OTHER = "M0", "M1"
MessageT = TypeVar("MessageT", bound=Message)


class Place:
    """An engine on ten markets with steady books, and all that its risk and executor hear."""

    def __init__(self, failed_share: float = 0.0) -> None:
        settings = load({}, profile="small_250", config_file=None, env_file=None, environment={})
        book = replace(settings.engine.book, tape_is_proof=True)
        paper = replace(settings.engine.paper, failed_share=failed_share, settlement_p95_ms=4_000)
        markets = {name: _market(name) for name in (f"M{number}" for number in range(10))}
        parameters = replace(settings.engine, book=book, paper=paper)
        plan = Plan(Catalogue(markets), {"maker": "maker"}, parameters, "paper", "test", 1)
        self.heard: list[tuple[int, str, Message]] = []
        self.simulation = Simulation(plan, BEGIN_NS, lambda *step: self.heard.append(step))
        self.at_ms = 0
        self.say(*(_book(name, outcome) for name in markets for outcome in (YES, NO)))
        self.wait(200)

    def say(self, *messages: Message) -> None:
        self.simulation.tell(BEGIN_NS + self.at_ms * MS, messages)

    def wait(self, milliseconds: int) -> None:
        self.at_ms += milliseconds
        self.simulation.run_until(BEGIN_NS + self.at_ms * MS)

    def of(self, kind: type[MessageT], hearer: str = RISK) -> Iterator[MessageT]:
        return (message for _, name, message in self.heard if name == hearer and isinstance(message, kind))

    def bid(self, market: MarketId, outcome: Outcome = YES) -> OrderChanged:
        """Return the newest word on a market's bid for a token."""
        return [one for one in self.of(OrderChanged) if (one.market, one.outcome) == (market, outcome)][-1]

    def hit(self, bid: OrderChanged) -> None:
        """Have somebody sell into a bid of ours, and the venue print it."""
        self.say(_print(bid.market, bid.outcome, bid.price, self.at_ms))

    def off(self, market: MarketId, verb: str = "off") -> None:
        self.say(SetOperatorState(verb, market, f"request-{self.at_ms}", "test"))

    def runs(self, market: MarketId) -> bool:
        """Tell whether a market's four actors run."""
        names = (
            book_name(market),
            flow_name(market),
            inventory_name("maker", market),
            coordinator_name("maker", market),
        )
        running = [self.simulation._directory.find(name) is not None for name in names]
        assert all(running) == any(running)
        return all(running)

    def position(self, market: MarketId) -> Position:
        return self.simulation.machine(inventory_name("maker", market), InventoryMachine).position


def test_all_ten_markets_are_quoted_on_both_sides() -> None:
    place = Place()
    for number in range(10):
        for outcome in (YES, NO):
            assert place.bid(f"M{number}", outcome).state is OrderState.WORKING


def test_a_fill_that_races_the_cancel_of_a_market_switched_off_is_booked_and_held() -> None:
    place = Place()
    bid = place.bid(OFF)
    place.off(OFF)
    assert place.bid(OFF).state is OrderState.CANCELLING, "the venue has not answered yet"
    place.wait(20)
    place.hit(bid)
    place.wait(1_000)
    assert [(fill.market, fill.size) for fill in place.of(FillCounted)] == [(OFF, bid.size)]
    assert place.position(OFF).yes.shares == bid.size
    assert place.bid(OFF).state is OrderState.FILLED
    assert place.bid(OFF, NO).state is OrderState.CANCELLED
    assert place.runs(OFF), "what is held must be marked, settled and counted"
    place.off(OFF, "on")
    place.wait(1_000)
    assert place.bid(OFF, NO).state is OrderState.WORKING, "the hedge of what it holds"


def test_a_fill_that_fails_after_the_market_is_off_is_taken_back_and_its_actors_go() -> None:
    place = Place(failed_share=1.0)
    bid = place.bid(OFF)
    place.hit(bid)
    place.wait(500)
    assert place.position(OFF).yes.shares == bid.size
    place.off(OFF)
    place.wait(200)
    assert list(place.of(FillVoided)) == []
    place.wait(10_000)
    assert [(void.fill.market, void.fill.size) for void in place.of(FillVoided)] == [(OFF, bid.size)]
    assert place.position(OFF) == Position()
    assert not place.runs(OFF), "flat, with nothing open or unsettled"
    assert place.runs(OTHER)


def test_the_nine_others_hear_nothing_of_it() -> None:
    place = Place()
    states = len(list(place.of(TradingStateChanged, EXECUTOR)))
    orders = {name: place.bid(name) for name in (f"M{number}" for number in range(1, 10))}
    place.off(OFF)
    place.wait(5_000)
    changed = list(place.of(TradingStateChanged, EXECUTOR))[states:]
    assert {one.market for one in changed} == {OFF}
    assert {name: place.bid(name) for name in orders} == orders
    place.hit(place.bid(OTHER))
    place.wait(200)
    assert place.bid(OTHER).state is OrderState.FILLED


def test_a_market_without_actors_trades_again_when_it_is_switched_on() -> None:
    place = Place()
    place.off(OFF)
    place.wait(1_000)
    assert not place.runs(OFF)
    placed = len([one for one in place.of(OrderChanged) if one.market == OFF])
    place.off(OFF, "on")
    place.wait(500)
    place.say(_book(OFF, YES, place.at_ms), _book(OFF, NO, place.at_ms))
    place.wait(4_000)  # a new flow counts as toxic for one window
    assert len([one for one in place.of(OrderChanged) if one.market == OFF]) > placed
    assert place.bid(OFF).state is OrderState.WORKING


def test_the_first_quote_after_a_book_was_one_sided_is_judged_by_the_book_it_was_decided_on() -> None:
    place = Place()
    for _ in range(3):
        place.say(_book(OFF, YES, place.at_ms, sides=1), _book(OFF, NO, place.at_ms, sides=1))
        place.wait(2_000)
        assert place.bid(OFF).state in TERMINAL, "nobody can say what it is worth"
        place.say(_book(OFF, YES, place.at_ms), _book(OFF, NO, place.at_ms))
        place.wait(200)
        assert place.bid(OFF).state is OrderState.WORKING
    refused = [one for one in place.of(IntentDenied, coordinator_name("maker", OFF)) if one.reason == "book_age"]
    assert refused == []


def test_risk_hears_the_book_that_waits_before_it_judges_an_intent() -> None:
    place = Place()
    intent, book = list(place.of(PlaceOrder))[-1], list(place.of(BookUpdated))[-1]
    heard = len(place.heard)
    for waiting in (intent, book):
        place.simulation._directory.send(RISK, waiting)
    place.wait(10)
    told = [type(message) for _, name, message in place.heard[heard:] if name == RISK]
    assert told.index(BookUpdated) < told.index(PlaceOrder)


def _market(name: MarketId) -> Market:
    return Market(name, f"market-{name}", (f"{name}-yes", f"{name}-no"), end_ns=BEGIN_NS + 3_600_000 * MS)


def _book(market: MarketId, outcome: Outcome, at_ms: int = 0, sides: int = 2) -> BookFrame:
    """Say a whole book; of one side, the token's own first: the bids of one are the asks of the other."""
    bids, asks = ((4_800, 30 * SHARE),), ((5_200, 30 * SHARE),)
    if sides == 1:
        bids, asks = (bids, ()) if outcome is YES else ((), asks)
    at = 1_750_000_000_000 + at_ms
    return BookFrame(market, outcome, bids, asks, at, at * MS)


def _print(market: MarketId, outcome: Outcome, price: Price, at_ms: int) -> TradePrinted:
    at = 1_750_000_000_000 + at_ms
    return TradePrinted(market, outcome, Side.SELL, price, 5 * SHARE, at, at * MS)
