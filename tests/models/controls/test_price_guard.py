"""Prices are held to the grid, away from certainty, and to the market's mid on the side that harms."""

import pytest

from models.cells import TradingState
from models.controls.control import Refusal
from models.controls.price_guard import PriceGuard, PriceParameters
from models.markets import NO, YES, Market, Outcome, Side
from models.messages.base import Message
from models.messages.control import RaiseCell, Reading
from models.messages.orders import PlaceOrder
from models.messages.runtime import WakeAt
from models.risk import denied
from tests.models.controls.books import book
from tests.models.wishes import M, wish

S = 1_000_000_000
N = "other"
MARKETS = {name: Market(name, f"slug-{name}", ("1", "2")) for name in (M, N)}
PAUSED = RaiseCell(M, "collar", TradingState.CANCEL_ONLY, "beyond_collar")


class Prices:
    def __init__(self) -> None:
        self.guard = PriceGuard(PriceParameters(), MARKETS, exit_collar=500)
        self.now_ns = 0

    def sees(self, bid: int | None = 48, ask: int | None = 50, market: str = M, tick: int = 100) -> None:
        assert self.guard.heard(book(bid, ask, market=market, tick=tick), self.now_ns) == ()

    def refusal(self, order: PlaceOrder, *, opens: bool = True) -> Refusal | None:
        return self.guard.refusal(order, (), opens, self.now_ns)

    def answer(
        self, price: str, outcome: Outcome = YES, side: Side = Side.BUY, *, opens: bool = True, market: str = M
    ) -> str:
        refusal = self.refusal(wish(1, price, outcome=outcome, side=side, market=market), opens=opens)
        return "passes" if refusal is None else refusal.reason

    def denies(self, price: str = "0.9", *, opens: bool = True, market: str = M) -> tuple[Message, ...]:
        """Have an order beyond the collar refused, and tell the guard, as a supervisor does."""
        order = wish(1, price, market=market)
        refusal = self.refusal(order, opens=opens)
        assert refusal is not None
        return self.guard.heard(denied(order, refusal, self.now_ns), self.now_ns)


@pytest.fixture
def prices() -> Prices:
    return Prices()


@pytest.mark.proves("I15")
@pytest.mark.control("price_grid", "trips")
@pytest.mark.control("price_grid", "nearly")
def test_a_price_lies_on_the_grid_of_the_newest_book(prices: Prices) -> None:
    assert prices.answer("0.485") == "price_grid", "before any book on the market's own"
    prices.sees(tick=50)
    assert prices.answer("0.485") == "passes"
    assert prices.answer("0.4825") == "price_grid"


@pytest.mark.control("price_grid", "blocks")
def test_an_exit_off_the_grid_would_be_refused_by_the_venue_too(prices: Prices) -> None:
    assert prices.answer("0.485", side=Side.SELL, opens=False) == "price_grid"


@pytest.mark.control("price_bounds", "trips")
@pytest.mark.control("price_bounds", "nearly")
def test_nothing_opens_within_two_ticks_of_certainty(prices: Prices) -> None:
    assert [prices.answer(price) for price in ("0.02", "0.98")] == ["passes"] * 2
    assert [prices.answer(price) for price in ("0.01", "0.99")] == ["price_bounds"] * 2
    prices.sees(1, 2, tick=10)
    assert prices.answer("0.002") == "passes"
    assert prices.answer("0.001") == "price_bounds"


@pytest.mark.control("price_bounds", "blocks")
def test_an_exit_may_be_near_to_certainty(prices: Prices) -> None:
    assert prices.answer("0.99", opens=False) == "passes"


@pytest.mark.control("collar", "trips")
@pytest.mark.control("collar", "nearly")
@pytest.mark.parametrize(
    ("bid", "ask", "outcome", "passing", "beyond"),
    [
        (48, 50, YES, "0.54", "0.55"),  # the mid 0.49 and 0.05
        (48, 50, NO, "0.56", "0.57"),  # the mid 0.51 and 0.05
        (47, 50, YES, "0.53", "0.54"),  # the mid 0.485 and 0.05: no price is just there
        (9, 11, YES, "0.12", "0.13"),  # a fifth of 0.10
        (4, 6, YES, "0.07", "0.08"),  # a fifth of 0.05 is one tick: two are always allowed
        (94, 96, NO, "0.07", "0.08"),
    ],
)
def test_a_buy_may_be_so_far_above_the_mid_and_no_further(
    prices: Prices, bid: int, ask: int, outcome: Outcome, passing: str, beyond: str
) -> None:
    prices.sees(bid, ask)
    assert prices.answer(passing, outcome) == "passes"
    assert prices.answer(beyond, outcome) == "collar"
    assert prices.answer("0.02", outcome) == "passes", "far below the mid nothing is lost"


def test_a_sale_may_be_so_far_below_the_mid_and_its_figures_are_said(prices: Prices) -> None:
    prices.sees()
    assert prices.answer("0.44", side=Side.SELL) == "passes"
    assert prices.answer("0.9", side=Side.SELL) == "passes"
    refusal = prices.refusal(wish(1, "0.43", side=Side.SELL))
    assert refusal == ("collar", "0.43 is 0.0600 below the mid 0.4900, more than 0.0500")


@pytest.mark.control("collar", "blocks")
def test_an_exit_may_go_as_far_as_a_flatten_and_is_stopped_beyond(prices: Prices) -> None:
    prices.sees(9, 11)
    assert prices.answer("0.15") == "collar"
    assert prices.answer("0.15", opens=False) == "passes"
    assert prices.answer("0.16", opens=False) == "collar"
    assert prices.answer("0.05", side=Side.SELL, opens=False) == "passes"
    assert prices.answer("0.04", side=Side.SELL, opens=False) == "collar"


@pytest.mark.parametrize(("bid", "ask"), [(None, 50), (48, None)])
def test_without_two_sides_there_is_no_mid(prices: Prices, bid: int | None, ask: int | None) -> None:
    prices.sees(bid, ask)
    assert prices.answer("0.9") == "passes"


def test_five_orders_beyond_the_collar_within_a_minute_pause_their_market(prices: Prices) -> None:
    prices.sees()
    prices.sees(market=N)
    assert prices.denies() == ()
    prices.now_ns = 60 * S
    assert [prices.denies() for _ in range(4)] == [()] * 4, "the first one is a minute ago"
    assert [prices.denies(market=N) for _ in range(4)] == [()] * 4
    assert prices.denies() == (PAUSED, WakeAt(360 * S, "collar"))
    prices.now_ns = 361 * S
    assert prices.guard.woke(prices.now_ns) == (RaiseCell(M, "collar", TradingState.ACTIVE, ""),)
    assert prices.denies() == (), "it is counted anew"


def test_each_paused_market_waits_for_its_own_time(prices: Prices) -> None:
    prices.sees()
    prices.sees(market=N)
    for _ in range(5):
        prices.denies()
    prices.now_ns = 10 * S
    for _ in range(4):
        prices.denies(market=N)
    assert prices.denies(market=N)[1] == WakeAt(300 * S, "collar")
    assert prices.guard.woke(300 * S) == (RaiseCell(M, "collar", TradingState.ACTIVE, ""), WakeAt(310 * S, "collar"))


def test_neither_exits_nor_other_refusals_count_towards_the_pause(prices: Prices) -> None:
    prices.sees()
    for _ in range(6):
        assert prices.denies(opens=False) == ()
        assert prices.denies("0.01") == ()


def test_it_says_how_often_a_market_was_beyond_the_collar_of_late(prices: Prices) -> None:
    prices.sees()
    for _ in range(4):
        prices.denies()
    assert list(prices.guard.readings(S)) == [
        Reading("price_grid", "all", None, None, "price"),
        Reading("price_bounds", "all", None, 2, "ticks"),
        Reading("collar", "all", None, 0.05, "price"),
        Reading("collar", f"slug-{M}", 4, 5, "refusals"),
    ]
    prices.denies()
    last = list(prices.guard.readings(S))[-1]
    assert last == Reading("collar", f"slug-{M}", 0, 5, "refusals", True, "paused for 299 s more")
