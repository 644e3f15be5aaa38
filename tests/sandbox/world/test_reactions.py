"""What accounts do to the outside: nothing where it is fixed, and what a market does to its traders where it reacts."""

from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

import pytest

from sandbox.books import MirroredBook, Side
from sandbox.exchange import Exchange, Setup
from sandbox.units import MILLISECOND, SECOND, SHARE
from sandbox.world.crowd import Crowd, Style
from sandbox.world.draws import always
from sandbox.world.makers import Makers
from sandbox.world.population import Trades
from sandbox.world.questions import Question, alone, make_market
from tests.sandbox.house import BEGIN_NS, House
from tests.sandbox.world.trading import trader_in

STYLE = Style(
    levels=always(6),
    spread=always(2),
    touch_size=always(100 * SHARE),
    level_size=always(200 * SHARE),
    distance=always(3),
    changes=always(1),
    removal_share=0.0,
)


class Scene:
    """One market with makers at 0.48 and 0.50 and a funded account in it."""

    def __init__(self, *, reacts: bool) -> None:
        self.house = House()
        makers = Makers(self.house.venue, reacts=reacts)
        question = Question("rain", "Will it rain?", "politics")
        self.market = make_market(question, alone(question), 1, BEGIN_NS, BEGIN_NS + 3_600 * SECOND)
        self.crowd: Crowd = makers.open(self.market, STYLE, 4_800, Random(1), BEGIN_NS)
        self.trader = self.house.trader(cash=1_000_000)

    def place(self, side: Side, price: str, size: str) -> dict[str, Any]:
        """Buy YES, or sell it by buying NO."""
        token, shown = (0, price) if side == "BUY" else (1, str(1 - Decimal(price)))
        status, said = self.trader.place(self.market, token, "BUY", shown, size)
        assert status == 200, said
        return said

    @property
    def book(self) -> MirroredBook:
        assert isinstance(self.market.book, MirroredBook)
        return self.market.book

    def outside(self, side: Side, price: int) -> int:
        orders = self.book.orders(side, price)
        return sum(order.remaining for order in orders if order.owner == "outside") // SHARE

    def wait(self, seconds: float) -> None:
        self.house.advance_to(self.house.now_ns + round(seconds * SECOND))


def outside_actions(profile: str, *, reacts: bool, trades: bool, seconds: int) -> tuple[list[Any], int]:
    """All that the outside asked of the venue, and how many trades the account had."""
    exchange = Exchange(Setup(seed=3))
    done: list[Any] = []

    def noted(name: str, act: Any, market: Any, *said: Any) -> Any:
        done.append((name, market.slug, said))
        return act(market, *said)

    for name in ("rest_outside", "withdraw_outside", "trade"):
        setattr(exchange._venue, name, partial(noted, name, getattr(exchange._venue, name)))
    exchange.populate(profile, BEGIN_NS, reacts=reacts)
    trader = trader_in(exchange, BEGIN_NS)
    for second in range(seconds):
        trader.house.advance_to(BEGIN_NS + second * SECOND)
        if trades:
            market = exchange.catalogue.markets[second % len(exchange.catalogue.markets)]
            bid, ask = market.touch_text(0)
            kind = ("GTC", "FAK")[second % 2]
            trader.place(market, 0, "BUY", ask if kind == "FAK" else bid, "40", kind=kind)
    trader.house.advance_to(BEGIN_NS + (seconds + 1) * SECOND)
    return done, len(exchange.engine.trades)


@pytest.mark.parametrize("profile", ["demo", "sports_inplay", "crypto_5m", "adverse"])
def test_a_fixed_outside_does_the_same_whatever_an_account_does(profile):
    alone_, _ = outside_actions(profile, reacts=False, trades=False, seconds=40)
    beside, fills = outside_actions(profile, reacts=False, trades=True, seconds=40)
    assert len(alone_) > 50
    assert beside == alone_
    assert fills > 5


def test_an_outside_that_reacts_does_not_do_the_same_for_an_account():
    alone_, _ = outside_actions("sports_inplay", reacts=True, trades=False, seconds=60)
    beside, _ = outside_actions("sports_inplay", reacts=True, trades=True, seconds=60)
    assert beside != alone_


def test_an_outside_that_could_react_is_the_fixed_one_while_nobody_trades():
    assert outside_actions("demo", reacts=True, trades=False, seconds=20) == outside_actions(
        "demo", reacts=False, trades=False, seconds=20
    )


def test_what_an_account_took_is_gone_until_the_makers_come_again():
    scene = Scene(reacts=True)
    scene.place("BUY", "0.5", "100")
    assert scene.outside("SELL", 5_000) == 0
    scene.wait(0.05)
    assert scene.crowd.shadow.size("SELL", 5_000) == 0
    scene.wait(1)
    assert scene.outside("SELL", scene.crowd.ask) > 0


def test_the_touch_that_an_account_swept_steps_back_and_a_part_of_it_does_not():
    scene = Scene(reacts=True)
    scene.place("BUY", "0.5", "60")
    scene.wait(1)
    assert (scene.crowd.bid, scene.crowd.ask) == (4_800, 5_000)
    assert scene.crowd.shadow.size("SELL", 5_000) == 40 * SHARE
    scene.place("BUY", "0.5", "40")
    scene.wait(1)
    assert (scene.crowd.bid, scene.crowd.ask) == (4_900, 5_100)
    scene.place("SELL", "0.49", "100")
    scene.wait(1)
    assert (scene.crowd.bid, scene.crowd.ask) == (4_800, 5_000)


def test_a_fixed_touch_that_an_account_swept_stays_where_it_is_wanted():
    scene = Scene(reacts=False)
    scene.place("BUY", "0.5", "100")
    scene.wait(5)
    assert (scene.crowd.bid, scene.crowd.ask) == (4_800, 5_000)
    assert scene.outside("SELL", 5_000) == 0
    assert scene.crowd.shadow.size("SELL", 5_000) == 100 * SHARE


@pytest.mark.parametrize("side, price, moved", [("BUY", "0.47", 100), ("SELL", "0.51", -100)])
def test_the_makers_lean_away_from_a_large_surplus_of_orders_and_back_when_it_goes(side, price, moved):
    scene = Scene(reacts=True)
    said = scene.place(side, price, "5000")
    scene.wait(1)
    assert scene.crowd.bid == 4_800 + moved
    scene.trader.call("DELETE", "/order", {"orderID": said["orderID"]})
    scene.wait(1)
    assert scene.crowd.bid == 4_800


def test_a_small_order_moves_nobody():
    scene = Scene(reacts=True)
    scene.place("BUY", "0.47", "50")
    scene.wait(1)
    assert scene.crowd.bid == 4_800


@pytest.mark.parametrize("reacts, many", [(True, True), (False, False)])
def test_takers_come_to_the_side_on_which_an_account_bettered_the_price(monkeypatch, reacts, many):
    scene = Scene(reacts=reacts)
    sides: list[Side] = []
    monkeypatch.setattr(scene.crowd, "trade", lambda side, *_: sides.append(side))
    Trades(scene.crowd, always(100 * MILLISECOND), always(SHARE), Random(5), BEGIN_NS, alternating=False)
    scene.place("BUY", "0.49", "20")
    scene.wait(60)
    assert len(sides) > 500
    assert (sides.count("SELL") / len(sides) > 0.65) == many


def test_a_level_that_ends_takes_all_outside_size_with_it_and_leaves_the_accounts():
    scene = Scene(reacts=False)
    scene.place("BUY", "0.48", "30")
    scene.crowd.trade("SELL", 0, 100 * SHARE, scene.house.now_ns)
    assert [order.owner == "outside" for order in scene.book.orders("BUY", 4_800)] == [False]
    scene.place("SELL", "0.5", "10")
    scene.crowd.move(3, scene.house.now_ns)
    assert scene.crowd.bid == 5_100
    assert scene.book.bids.best == 5_100
    assert scene.book.orders("SELL", 5_000) == ()
    assert all(order.owner == "outside" for order in scene.book.orders("SELL", 5_300))
