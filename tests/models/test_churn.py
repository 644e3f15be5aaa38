"""The bound on cancelling and quoting again."""

from models.churn import Churn
from models.markets import NO, Side
from models.messages.orders import IntentDenied
from models.stops import Refusal
from tests.models.venue import MS, Floor, S
from tests.models.wishes import M, wish


def test_after_so_many_cancels_in_a_second_a_quote_waits() -> None:
    churn = Churn(2)
    churn.cancelled(M, 0)
    assert churn.refusal(M, 1) is None
    churn.cancelled(M, 400 * MS)
    assert churn.refusal(M, 600 * MS) == Refusal("churn", "2 cancels within a second; the next quote in 400 ms")
    assert churn.refusal("other", 600 * MS) is None
    assert churn.refusal(M, S) is None


def test_without_a_bound_nothing_is_counted() -> None:
    churn = Churn(0)
    churn.cancelled(M, 0)
    assert churn.refusal(M, 0) is None


def test_the_governor_holds_quotes_up_and_neither_cancels_nor_hedges_nor_exits() -> None:
    floor = Floor(churn_per_second=1)
    held, requoted = wish(1), wish(2)
    floor.working(held)
    floor.trade(held, "CONFIRMED")
    floor.working(requoted)
    floor.cancel(requoted)
    floor.cancelled(requoted)
    floor.approve(wish(3))
    assert [denied.reason for denied in floor.heard(IntentDenied)] == ["churn"]
    for useful in (wish(4, outcome=NO), wish(5, side=Side.SELL, price="0.60")):
        assert floor.approve(useful) in floor.submitted()
    floor.wait(S)
    assert floor.approve(wish(6)) in floor.submitted()


def test_a_stop_of_risk_is_no_churn() -> None:
    floor = Floor(churn_per_second=1)
    floor.working(wish(1))
    floor.cancel_market()
    assert floor.approve(wish(2, created_ns=floor.now_ns + 1)) in floor.submitted()


def test_an_order_that_has_rested_for_long_enough_is_cancelled() -> None:
    floor = Floor(order_ttl_ms=15_000)
    order_id = floor.working(wish(1))
    floor.wait(15 * S - 1)
    assert floor.cancels() == []
    floor.wait(1)
    assert floor.cancels() == [(order_id, "ttl")]


def test_an_order_that_ended_in_time_is_not_cancelled_for_its_age() -> None:
    floor = Floor(order_ttl_ms=15_000)
    floor.working(wish(1))
    floor.trade(wish(1), "MATCHED")
    assert floor.wait(20 * S) == ()
