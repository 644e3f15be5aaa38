"""For the first hour live under new conditions hardly anything opens."""

import pytest
from msgspec.structs import replace

from models.controls.canary import Canary
from models.exposure import Exposures
from models.markets import NO, YES, Market, Side
from models.messages.orders import PlaceOrder
from models.units import SHARE
from tests.models.wishes import M, wish

MINUTE = 60 * 1_000_000_000
MARKETS = {M: Market(M, "slug", ("1", "2")), "other": Market("other", "another", ("3", "4"))}


class Room:
    def __init__(self, minutes: int = 60) -> None:
        self.exposures = Exposures(MARKETS)
        self.canary = Canary(minutes * MINUTE, self.exposures)

    def say(
        self, order: PlaceOrder, minute: int = 0, *, opens: bool = True, before: tuple[PlaceOrder, ...] = ()
    ) -> str:
        refusal = self.canary.refusal(order, before, opens, minute * MINUTE)
        return "passes" if refusal is None else refusal.detail

    def place(self, order: PlaceOrder, minute: int = 0) -> None:
        assert self.say(order, minute) == "passes"
        self.canary.approved(order, minute * MINUTE)
        self.exposures.change(order.market, lambda exposure: exposure.approved(order))


BID = wish(1)
NO_BID = wish(2, outcome=NO)


@pytest.mark.control("canary", "trips")
def test_the_first_market_is_the_only_one_with_one_least_order_a_side() -> None:
    room = Room()
    assert room.say(wish(1, size=5 * SHARE + 1)) == "5.000001 > 5 shares, for 60 min more"
    room.place(BID)
    room.place(NO_BID, 10)
    assert room.say(wish(3, price="0.40"), 20) == "one order a side, for 40 min more"
    assert room.say(wish(4, market="other"), 59) == "one market alone, slug, for 1 min more"


@pytest.mark.control("canary", "nearly")
def test_it_ends_an_hour_after_the_first_order_and_not_after_the_start() -> None:
    room = Room()
    assert "60 min more" in room.say(wish(1, size=6 * SHARE), 600)
    room.place(BID, 600)
    assert "1 min more" in room.say(wish(2, size=6 * SHARE), 659)
    assert room.say(wish(2, size=6 * SHARE), 660) == "passes"
    assert room.say(wish(4, market="other"), 660) == "passes"
    assert list(room.canary.readings(660 * MINUTE)) == []


@pytest.mark.control("canary", "blocks")
def test_what_lowers_what_can_be_lost_is_let_through_of_any_size() -> None:
    room = Room()
    room.place(BID)
    assert room.say(wish(5, size=500 * SHARE, side=Side.SELL), opens=False) == "passes"
    assert room.say(wish(5, size=500 * SHARE, market="other"), opens=False) == "passes"


def test_the_legs_of_a_bundle_count_among_themselves() -> None:
    room = Room()
    assert room.say(wish(2, market="other"), before=(BID,)) == "one market alone, slug, for 60 min more"
    assert room.say(replace(BID, intent="again"), before=(BID,)) == "one order a side, for 60 min more"
    assert room.say(NO_BID, before=(BID,)) == "passes"


def test_where_nothing_is_left_of_the_hour_nothing_is_held_back() -> None:
    room = Room(0)
    room.place(wish(1, size=50 * SHARE))
    assert room.say(wish(2, size=50 * SHARE, market="other")) == "passes"
    assert list(room.canary.readings(0)) == []


def test_it_is_shown_with_what_is_left_and_where() -> None:
    room = Room()
    (before,) = room.canary.readings(5 * MINUTE)
    assert (before.value, before.holds, before.note) == (3_600, True, "from the first order on")
    room.place(BID, 5)
    (after,) = room.canary.readings(15 * MINUTE)
    assert (after.value, after.unit, after.note) == (3_000, "s left", "slug")


def test_yes_and_no_are_sides_of_their_own() -> None:
    room = Room()
    room.place(BID)
    assert BID.outcome == YES
    assert room.say(wish(6, side=Side.SELL)) == "passes"
