from typing import Any

import pytest

from sandbox.books import MirroredBook, Side
from sandbox.units import MILLISECOND, SHARE
from sandbox.world.shadow import Shadow
from tests.sandbox.house import House


class Scene:
    """A shadow of an empty market, and what a client of the market hears."""

    def __init__(self) -> None:
        self.house = House()
        self.market = self.house.market()
        self.shadow = Shadow(self.house.venue, self.market)
        self.frames: list[str] = []
        publish = self.house.venue.channel.publish

        def heard(market: Any, kind: Any, *more: Any, **named: Any) -> None:
            self.frames.append(kind)
            publish(market, kind, *more, **named)

        self.house.venue.channel.publish = heard  # type: ignore[method-assign]

    def want(self, *levels: tuple[Side, int, int]) -> list[str]:
        """Carry these levels over; says what was shown."""
        self.frames.clear()
        for side, price, shares in levels:
            self.shadow.set(side, price, shares * SHARE)
        self.shadow.carry(self.house.now_ns)
        return [kind for kind in self.frames if kind != "best_bid_ask"]

    def rest(self, side: Side, price: str, shares: int):
        """Let an account's order rest or trade."""
        token, shown = (0, price) if side == "BUY" else (1, f"{1 - float(price):.2f}")
        self.house.trader(f"{side} {price}").place(self.market, token, "BUY", shown, str(shares))

    def level(self, side: Side, price: int) -> list[int]:
        """The sizes that stand in a level, first in line first; an account's are negative."""
        assert isinstance(self.market.book, MirroredBook)
        orders = self.market.book.orders(side, price)
        return [order.remaining // SHARE * (1 if order.owner == "outside" else -1) for order in orders]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_all_that_changed_is_one_frame_and_what_did_not_is_none(scene):
    assert scene.want(("BUY", 4_000, 10), ("SELL", 5_000, 20), ("BUY", 3_900, 5)) == ["price_change"]
    assert scene.want(("BUY", 4_000, 30), ("BUY", 4_000, 10)) == []
    assert scene.want(("BUY", 4_000, 4), ("SELL", 5_000, 0)) == ["price_change"]
    assert (scene.level("BUY", 4_000), scene.level("SELL", 5_000)) == ([4], [])


def test_what_grows_joins_the_back_and_what_shrinks_leaves_there(scene):
    scene.want(("BUY", 4_000, 10))
    scene.rest("BUY", "0.40", 7)
    scene.want(("BUY", 4_000, 25))
    assert scene.level("BUY", 4_000) == [10, -7, 15]
    scene.want(("BUY", 4_000, 6))
    assert scene.level("BUY", 4_000) == [6, -7]
    scene.want(("BUY", 4_000, 0))
    assert scene.level("BUY", 4_000) == [-7]


def test_what_an_account_took_does_not_show_in_the_shadow_and_never_comes_back_as_a_debt(scene):
    scene.want(("SELL", 5_000, 20))
    scene.rest("BUY", "0.50", 15)
    assert (scene.level("SELL", 5_000), scene.shadow.size("SELL", 5_000)) == ([5], 20 * SHARE)
    scene.want(("SELL", 5_000, 8))
    assert scene.level("SELL", 5_000) == []
    scene.want(("SELL", 5_000, 9))
    assert scene.level("SELL", 5_000) == [1]


def test_what_arrives_across_an_accounts_order_is_a_trade_in_frames_of_its_own(scene):
    scene.want(("BUY", 4_000, 10))
    scene.rest("BUY", "0.44", 6)
    shown = scene.want(("BUY", 4_000, 0), ("SELL", 4_300, 20))
    assert shown == ["price_change", "price_change", "book", "book", "price_change"]
    assert scene.level("SELL", 4_300) == [14]


def test_an_outside_taker_meets_the_account_first_and_what_it_spared_goes(scene):
    scene.want(("SELL", 5_000, 20), ("SELL", 5_100, 20))
    scene.rest("SELL", "0.49", 12)
    scene.shadow.trade(0, "BUY", 30 * SHARE, 10 * MILLISECOND, scene.house.now_ns)
    assert scene.level("SELL", 4_900) == scene.level("SELL", 5_000) == []
    assert scene.level("SELL", 5_100) == [20]
    assert scene.shadow.size("SELL", 5_100) == 10 * SHARE
    scene.want(("SELL", 5_100, 0), ("BUY", 5_100, 5))
    assert scene.level("BUY", 5_100) == [5]


def test_the_grid_of_the_shadow_is_its_own_and_takes_the_market_along(scene):
    scene.rest("BUY", "0.97", 5)
    assert (scene.market.tick, scene.shadow.tick) == (10, 100)
    other = Scene()
    other.want(("BUY", 9_500, 5))
    assert (other.market.tick, other.shadow.tick) == (100, 100)
    other.rest("SELL", "0.96", 9)
    other.want(("BUY", 9_700, 5))
    assert (other.market.tick, other.shadow.tick) == (10, 10)
