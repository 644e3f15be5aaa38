"""A market is opened in with a fresh, narrow, filled book while the venue takes orders and its end is far."""

import pytest
from msgspec.structs import replace

from models.book_parameters import BookParameters
from models.cells import TradingState
from models.controls.market_guard import MarketGuard, MarketParameters
from models.markets import Market
from models.messages.base import Message
from models.messages.catalogue import MarketListed
from models.messages.control import RaiseCell, Reading
from models.messages.runtime import WakeAt
from models.units import SHARE
from tests.models.controls.books import book
from tests.models.wishes import M, wish

S = 1_000_000_000
MINUTE = 60 * S


def near(market: str = M) -> RaiseCell:
    return RaiseCell(market, "time_guard", TradingState.REDUCING, "near_end")


class Watched:
    """The control over one market, which ends where that is told."""

    def __init__(
        self,
        *,
        ends: int | None = None,
        starts: int | None = None,
        accepting: bool = True,
        tape: bool = False,
        min_touch: int = 0,
    ) -> None:
        self.market = Market(M, "slug", ("1", "2"), end_ns=ends, start_ns=starts, accepting_orders=accepting)
        parameters = MarketParameters(min_touch=min_touch * SHARE)
        self.guard = MarketGuard(parameters, BookParameters(tape_is_proof=tape), {M: self.market})
        self.now_ns = 100 * MINUTE

    def sees(
        self,
        bid: int = 48,
        ask: int = 50,
        *,
        shares: int = 100,
        unusable: str | None = None,
        age_s: float = 0,
        proof_s: float = 60,
    ) -> tuple[Message, ...]:
        at_ns, proven_ns = (self.now_ns - int(age * S) for age in (age_s, proof_s))
        seen = book(bid, ask, shares=shares, at_ns=at_ns, proven_ns=proven_ns, unusable=unusable)
        return self.guard.heard(seen, self.now_ns)

    def answer(self, *, opens: bool = True) -> str:
        refusal = self.guard.refusal(wish(), (), opens, self.now_ns)
        return "passes" if refusal is None else f"{refusal.reason}: {refusal.detail}"

    def readings(self) -> dict[str, Reading]:
        return {reading.control: reading for reading in self.guard.readings(self.now_ns)}


@pytest.mark.proves("I22")
@pytest.mark.control("market_status", "trips")
@pytest.mark.control("market_status", "nearly")
@pytest.mark.control("market_status", "blocks")
def test_where_the_venue_takes_no_orders_none_is_tried_not_even_an_exit() -> None:
    open_market, closed = Watched(), Watched(accepting=False)
    for watched in (open_market, closed):
        watched.sees()
    assert open_market.answer() == "passes"
    assert closed.answer() == "market_status: the venue takes no orders of it"
    assert closed.answer(opens=False) == closed.answer()


@pytest.mark.proves("I19")
@pytest.mark.control("book_age", "trips")
@pytest.mark.control("book_age", "nearly")
def test_a_book_is_believed_for_five_seconds_after_an_event_and_ten_after_a_proof() -> None:
    watched = Watched()
    assert watched.answer() == "book_age: no book yet"
    watched.sees(age_s=5)
    assert watched.answer() == "passes"
    watched.sees(age_s=5.001)
    assert watched.answer().startswith("book_age: 5001 ms without an event > 5000 ms, 60000 ms without a proof")
    watched.sees(age_s=60, proof_s=10)
    assert watched.answer() == "passes"
    watched.sees(age_s=60, proof_s=10.001)
    assert watched.answer().startswith("book_age")


@pytest.mark.control("book_age", "blocks")
def test_an_exit_needs_no_book_that_is_fresh_or_usable() -> None:
    watched = Watched()
    assert watched.answer(opens=False) == "passes"
    watched.sees(age_s=60)
    assert watched.answer(opens=False) == "passes"
    watched.sees(unusable="gap")
    assert watched.answer(opens=False) == "passes"
    assert watched.answer() == "book_age: the book is unusable: gap"


def test_the_silence_of_a_tape_proves_nothing() -> None:
    watched = Watched(tape=True)
    watched.sees(age_s=600, proof_s=600)
    assert watched.answer() == "passes"


@pytest.mark.control("max_spread", "trips")
@pytest.mark.control("max_spread", "nearly")
def test_nothing_opens_in_a_book_wider_than_ten_cents() -> None:
    watched = Watched()
    watched.sees(45, 55)
    assert watched.answer() == "passes"
    watched.sees(44, 55)
    assert watched.answer() == "max_spread: 0.11 > 0.1"


@pytest.mark.control("min_touch", "trips")
@pytest.mark.control("min_touch", "nearly")
def test_nothing_opens_on_a_touch_of_less_than_the_venues_minimum_order() -> None:
    watched = Watched()
    watched.sees(shares=5)
    assert watched.answer() == "passes"
    watched.sees(shares=4)
    assert watched.answer() == "min_touch: 4 < 5 shares of others at the touch"
    asked_for = Watched(min_touch=50)
    asked_for.sees(shares=49)
    assert asked_for.answer().startswith("min_touch")


@pytest.mark.control("max_spread", "blocks")
@pytest.mark.control("min_touch", "blocks")
def test_an_exit_may_take_what_a_thin_or_wide_book_has() -> None:
    watched = Watched()
    watched.sees(20, 70, shares=1)
    assert watched.answer() != "passes"
    assert watched.answer(opens=False) == "passes"


@pytest.mark.proves("I22")
@pytest.mark.control("time_guard", "trips")
@pytest.mark.control("time_guard", "nearly")
def test_nothing_opens_within_ten_minutes_of_the_end() -> None:
    watched = Watched(ends=200 * MINUTE)
    assert watched.sees() == (WakeAt(190 * MINUTE, "time_guard"),)
    watched.now_ns = 190 * MINUTE - 1
    assert watched.sees() == ()
    assert watched.answer() == "passes"
    watched.now_ns += 1
    assert watched.answer() == "time_guard: 600 s to the end < 600 s"
    assert watched.guard.woke(watched.now_ns) == (near(),)
    assert watched.guard.woke(watched.now_ns) == (), "it is said once"


@pytest.mark.control("time_guard", "blocks")
def test_near_the_end_and_after_it_what_lowers_the_risk_may_still_be_tried() -> None:
    watched = Watched(ends=200 * MINUTE)
    watched.sees()
    for at_ns in (195 * MINUTE, 205 * MINUTE):
        watched.now_ns = at_ns
        watched.sees()
        assert watched.answer().startswith("time_guard")
        assert watched.answer(opens=False) == "passes"


@pytest.mark.parametrize(
    ("starts", "guarded"),
    [(None, 110 * MINUTE - 2 * MINUTE), (100, 108 * MINUTE), (70, 110 * MINUTE - 8 * MINUTE), (130, 108 * MINUTE)],
)
def test_a_short_market_is_guarded_for_a_fifth_of_its_life(starts: int | None, guarded: int) -> None:
    watched = Watched(ends=110 * MINUTE, starts=None if starts is None else starts * MINUTE)
    assert watched.sees() == (WakeAt(guarded, "time_guard"),)


def test_a_market_whose_start_is_known_is_guarded_as_long_after_a_restart_near_its_end() -> None:
    watched = Watched(ends=110 * MINUTE, starts=10 * MINUTE)
    watched.now_ns = 102 * MINUTE
    assert watched.sees() == (near(),)


def test_a_market_that_is_seen_at_its_end_is_guarded_at_once() -> None:
    assert Watched(ends=99 * MINUTE).sees() == (near(),)


def test_each_market_is_guarded_at_its_own_time_and_one_that_we_do_not_trade_is_let_be() -> None:
    markets = {
        name: Market(name, name, ("1", "2"), end_ns=minutes * MINUTE) for name, minutes in (("a", 200), ("b", 150))
    }
    guard = MarketGuard(MarketParameters(), BookParameters(), markets)
    assert guard.heard(book(market="a"), 0) == (WakeAt(190 * MINUTE, "time_guard"),)
    assert guard.heard(book(market="b"), 0) == (WakeAt(140 * MINUTE, "time_guard"),)
    assert guard.heard(book(market="c"), 0) == ()
    assert guard.woke(140 * MINUTE) == (near("b"), WakeAt(190 * MINUTE, "time_guard"))


def test_a_market_that_was_added_again_ends_when_its_newest_description_says() -> None:
    markets = {M: Market(M, "slug", ("1", "2"), end_ns=100 * MINUTE)}
    guard = MarketGuard(MarketParameters(), BookParameters(), markets)
    assert guard.heard(book(market=M), 95 * MINUTE) == (WakeAt(99 * MINUTE, "time_guard"),)
    assert guard.woke(99 * MINUTE) == (near(),)
    markets[M] = replace(markets[M], end_ns=300 * MINUTE)
    assert guard.heard(MarketListed(markets[M], False, "paper", "test", 1), 99 * MINUTE) == ()
    lifted = RaiseCell(M, "time_guard", TradingState.ACTIVE, "")
    assert guard.heard(MarketListed(markets[M], True, "paper", "test", 1), 99 * MINUTE) == (lifted,)
    assert guard.heard(book(market=M), 100 * MINUTE) == (WakeAt(290 * MINUTE, "time_guard"),)


def test_it_says_where_the_book_and_the_clock_stand() -> None:
    watched = Watched(ends=200 * MINUTE)
    assert watched.readings()["book_age"] == Reading("book_age", "slug", None, 5, "s", True, "no book yet")
    watched.sees(age_s=2)
    assert watched.readings() == {
        "market_status": Reading("market_status", "slug", None, None, "state", False, "open"),
        "book_age": Reading("book_age", "slug", 2, 5, "s"),
        "max_spread": Reading("max_spread", "slug", 0.02, 0.1, "price"),
        "min_touch": Reading("min_touch", "slug", 100, 5, "shares at least"),
        "time_guard": Reading("time_guard", "slug", 6_000, 600, "s left at least"),
    }
    watched.now_ns = 195 * MINUTE
    watched.sees(40, 60, shares=1, unusable="stale", age_s=9)
    held = watched.readings()
    assert [held[name].holds for name in ("book_age", "max_spread", "min_touch", "time_guard")] == [True] * 4
    assert held["book_age"].note == "stale"
