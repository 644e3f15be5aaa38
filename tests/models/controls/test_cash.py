"""The last of the cash is for hedges, and what the venue has not said is not there."""

import pytest
from msgspec.structs import replace

from models.controls.cash import Cash
from models.exposure import Exposures
from models.limits import RiskParameters
from models.markets import NO, Fees, Market, Side
from models.messages.base import Message
from models.messages.control import Reading
from models.messages.lanes import CashRead
from models.messages.orders import FillSettled, FillVoided, MergeChanged, OrderChanged, PlaceOrder
from models.orders import OrderState
from models.units import DOLLAR, SHARE
from tests.models.wishes import TAG, M, fill, wish

S = 1_000_000_000
MARKET = Market(M, "slug", ("1", "2"), fees=Fees(rate_e6=250_000))


class Account:
    """The control with the exposures that its supervisor keeps: a wallet of $100, of which $10 are kept."""

    def __init__(self, start: int | None = 100) -> None:
        self.exposures = Exposures({M: MARKET})
        begun = None if start is None else start * DOLLAR
        self.cash = Cash(RiskParameters(wallet_usd=100 * DOLLAR), self.exposures, begun)

    def tell(self, event: Message) -> None:
        if not isinstance(event, CashRead):
            self.exposures.change(M, lambda exposure: exposure.moved(TAG, event))
        assert self.cash.heard(event, 0) == ()

    def says(self, dollars: int) -> None:
        self.tell(CashRead(dollars * DOLLAR, S, S))

    def rests(self, order: PlaceOrder) -> None:
        self.exposures.change(M, lambda exposure: exposure.approved(order))

    def ends(self, order: PlaceOrder) -> None:
        over = OrderChanged(
            "id",
            order.intent,
            TAG,
            M,
            order.outcome,
            order.side,
            order.price,
            order.size,
            0,
            OrderState.CANCELLED,
            "",
            0,
        )
        self.exposures.change(M, lambda exposure: exposure.order_changed(over))

    def answer(self, order: PlaceOrder, *before: PlaceOrder, opens: bool = True) -> str:
        refusal = self.cash.refusal(order, before, opens, 0)
        return "passes" if refusal is None else refusal.reason

    def free(self) -> float | None:
        return next(iter(self.cash.readings(0))).value


def bid(dollars: int, number: int = 1) -> PlaceOrder:
    """A bid for twice as many shares as dollars, at 0.50."""
    return wish(number, "0.5", 2 * dollars * SHARE)


@pytest.mark.control("cash_reserve", "trips")
@pytest.mark.control("cash_reserve", "nearly")
def test_what_opens_leaves_the_reserve() -> None:
    account = Account()
    account.rests(bid(50))
    assert account.answer(bid(40, 2)) == "passes"
    assert account.answer(bid(41, 2)) == "cash_reserve"
    assert account.answer(bid(20, 2), bid(20, 3)) == "passes"
    assert account.answer(bid(20, 2), bid(21, 3)) == "cash_reserve", "the legs before it are approved already"


@pytest.mark.control("cash_reserve", "blocks")
def test_a_hedge_may_use_the_reserve_and_a_sale_asks_for_no_cash() -> None:
    account = Account()
    account.rests(bid(95))
    assert account.answer(bid(5, 2), opens=False) == "passes"
    assert account.answer(wish(2, "0.5", 100 * SHARE, side=Side.SELL)) == "passes"
    assert account.answer(bid(1, 2)) == "cash_reserve"


@pytest.mark.proves("I13")
@pytest.mark.control("cash", "trips")
@pytest.mark.control("cash", "nearly")
@pytest.mark.control("cash", "blocks")
def test_no_buy_takes_more_than_there_is_not_even_a_hedge() -> None:
    account = Account()
    assert account.answer(bid(100), opens=False) == "passes"
    assert account.answer(bid(101), opens=False) == "cash"
    assert account.answer(bid(101)) == "cash"
    assert account.answer(wish(1, "0.5", 500 * SHARE, side=Side.SELL)) == "passes"


def test_the_fee_of_a_taker_is_taken_as_well() -> None:
    account = Account()
    assert account.answer(bid(85)) == "passes"
    assert account.answer(replace(bid(85), post_only=False)) == "cash_reserve"


def test_of_an_account_that_is_smaller_than_the_wallet_a_tenth_is_kept() -> None:
    account = Account(50)
    assert account.answer(bid(45)) == "passes"
    assert account.answer(bid(46)) == "cash_reserve"
    account.tell(fill(bid(40), "t1"))
    assert account.answer(bid(5, 2)) == "passes", "40 of the 50 are held"
    assert account.answer(bid(6, 2)) == "cash_reserve"


@pytest.mark.proves("I13")
def test_a_cancelled_bid_gives_its_cash_back() -> None:
    account = Account()
    account.rests(bid(90))
    assert account.answer(bid(1, 2)) == "cash_reserve"
    account.ends(bid(90))
    assert account.answer(bid(90, 2)) == "passes"


def test_on_paper_fills_take_and_settled_sales_and_merges_bring() -> None:
    account = Account()
    bought = fill(bid(40), "t1")
    other = fill(wish(2, "0.5", 80 * SHARE, NO), "t2")
    for event in (bought, other, FillSettled(bought, 0), FillSettled(other, 0)):
        account.tell(event)
    assert account.free() == 20
    sold = fill(wish(3, "0.5", 20 * SHARE, side=Side.SELL), "t3", cost_out=10 * DOLLAR)
    account.tell(sold)
    assert account.free() == 20, "a sale that may fail has brought nothing"
    account.tell(FillSettled(sold, 0))
    assert account.free() == 30
    account.tell(_merge("requested"))
    account.tell(_merge("confirmed"))
    assert account.free() == 80


def test_in_live_nothing_opens_before_the_venue_has_said_what_there_is() -> None:
    account = Account(None)
    assert account.answer(bid(1)) == "cash_reserve"
    assert account.answer(bid(1), opens=False) == "passes"
    assert list(account.cash.readings(0)) == [
        Reading("cash_reserve", "all", None, None, "dollars at least", True, "the venue has not said yet")
    ]
    account.says(100)
    assert account.answer(bid(90)) == "passes"
    assert account.answer(bid(91)) == "cash_reserve"


def test_in_live_fills_take_at_once_and_what_comes_in_is_believed_when_the_venue_says_it() -> None:
    account = Account(None)
    account.says(100)
    bought, failed = fill(bid(40), "t1"), fill(bid(10, 2), "t2")
    account.tell(bought)
    account.tell(failed)
    assert account.free() == 50
    account.tell(FillVoided(failed, 0))
    assert account.free() == 60
    account.says(60)
    assert account.free() == 20, "the buy is not settled, so the venue may not have taken its cash yet"
    account.tell(FillSettled(bought, 0))
    account.says(60)
    assert account.free() == 60
    sold = fill(wish(3, "0.5", 20 * SHARE, side=Side.SELL), "t3", cost_out=10 * DOLLAR)
    account.tell(sold)
    account.tell(FillVoided(sold, 0))
    account.tell(sold)
    account.tell(FillSettled(sold, 0))
    assert account.free() == 60
    account.says(70)
    assert account.free() == 70


def test_it_says_what_is_left_and_what_is_in_bids() -> None:
    account = Account()
    account.rests(bid(95))
    note = "beside 95 in open bids"
    assert list(account.cash.readings(0)) == [
        Reading("cash_reserve", "all", 5, 10, "dollars at least", True, note),
        Reading("cash", "all", 5, 0, "dollars at least", False, note),
    ]


def _merge(state: str) -> MergeChanged:
    return MergeChanged("merge", TAG, M, 50 * SHARE, state, 0, 0)
