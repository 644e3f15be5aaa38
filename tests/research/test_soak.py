"""A whole engine that hears and trades for a while keeps what it says that it keeps, and nothing else.

What an order leaves behind is dropped after thousands of them, so here it is weighed; what is heard leaves nothing.
"""

import gc
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
from msgspec.structs import replace

import models.trades
from actors.assembly import Plan
from config.settings import load
from models.markets import NO, YES, Catalogue, Market, Outcome, Side
from models.messages.base import Message
from models.messages.control import SetOperatorState
from models.messages.market import BookFrame, TradePrinted
from models.messages.orders import FillSettled, OrderChanged, PlaceOrder
from models.units import ONE, SHARE, Price
from research.simulation import Simulation

MS = 1_000_000
BEGIN_MS = 1_750_000_000_000
ROUND_MS = 5_000
MARKET = Market("M", "market", ("yes", "no"), end_ns=(BEGIN_MS + 36_000_000) * MS)


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.proves("I36", kind="simulation")
def test_what_is_heard_leaves_nothing_behind_and_an_order_no_more_than_its_record(
    traced: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.trades, "PRINTS_REMEMBERED", 30)
    engine = Soaked()
    engine.trade(30)
    assert engine.heard[FillSettled] > 0, "it has traded"
    engine.say("pause")
    engine.trade(10)
    grown, took = engine.grown_by(80)
    assert took[OrderChanged] == 0
    assert took.total() > 200
    assert grown < 4_000, f"{grown} bytes more after {took.total()} messages"
    engine.say("resume")
    grown, took = engine.grown_by(40)
    assert took[PlaceOrder] > 5
    assert grown < 1_500 * took[PlaceOrder], f"{grown} bytes more after {took[PlaceOrder]} orders"


def kept_bytes() -> int:
    """What is kept when nothing is under way."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


class Soaked:
    """An engine on one market whose books and trades move by chance, with small bounds."""

    def __init__(self) -> None:
        settings = load({}, profile="small_250", config_file=None, env_file=None, environment={})
        engine = settings.engine
        parameters = replace(
            engine,
            book=replace(engine.book, tape_is_proof=True),
            executor=replace(engine.executor, remembered_orders=20),
            paper=replace(engine.paper, failed_share=0.1, settlement_p95_ms=4_000),
        )
        self.heard: Counter[type[Message]] = Counter()
        plan = Plan(Catalogue({MARKET.id: MARKET}), {"maker": "maker"}, parameters, "paper", "test", 1)
        self.simulation = Simulation(plan, BEGIN_MS * MS, self.take)
        self.chance = Random(7)
        self.at_ms = BEGIN_MS

    def take(self, _at_ns: int, actor: str, message: Message) -> None:
        if actor == "risk":
            self.heard[type(message)] += 1

    def say(self, verb: str) -> None:
        self.simulation.tell(self.at_ms * MS, (SetOperatorState(verb, None, verb, "test"),))

    def grown_by(self, rounds: int) -> tuple[int, Counter[type[Message]]]:
        """Let it go on; return by how many bytes it has grown, and what risk has heard."""
        bytes_before, heard_before = kept_bytes(), Counter(self.heard)
        self.trade(rounds)
        return kept_bytes() - bytes_before, self.heard - heard_before

    def trade(self, rounds: int) -> None:
        """Let books move and people trade, and the engine answer."""
        for _ in range(rounds):
            mid = 4_000 + 100 * self.chance.randrange(20)
            sold, price = self.chance.choice((YES, NO)), mid - 100 * self.chance.randrange(4)
            said = (self.book(YES, mid), self.book(NO, ONE - mid), self.printed(sold, price))
            self.simulation.tell(self.at_ms * MS, said)
            self.at_ms += ROUND_MS
            self.simulation.run_until(self.at_ms * MS)

    def book(self, outcome: Outcome, mid: Price) -> BookFrame:
        bids = tuple((mid - 200 - 100 * level, 50 * SHARE) for level in range(3))
        asks = tuple((mid + 200 + 100 * level, 50 * SHARE) for level in range(3))
        return BookFrame(MARKET.id, outcome, bids, asks, self.at_ms, self.at_ms * MS)

    def printed(self, outcome: Outcome, price: Price) -> TradePrinted:
        return TradePrinted(MARKET.id, outcome, Side.SELL, price, 5 * SHARE, self.at_ms, self.at_ms * MS)
