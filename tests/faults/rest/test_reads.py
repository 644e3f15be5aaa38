"""Listings that do not end, that miss a page, and that are older than what we know: nothing ends by one read."""

import pytest

from models.markets import YES, Market, Side
from models.messages.orders import PlaceOrder
from models.orders import TERMINAL, OrderState
from models.units import SHARE
from tests.faults.live_engine import clear, log
from tests.faults.steady_hand import SteadyHand

SETTINGS = {
    "executor__reconcile_every_ms": "700",
}


@pytest.mark.fault("F22")
@pytest.mark.parametrize("how", ["repeat", "endless"])
def test_a_list_that_does_not_end_is_read_so_far_and_is_no_truth(hand: SteadyHand, market: Market, how: str) -> None:
    rests = hand.stands(market)
    hand.venue.fault("pages", how=how, path="/data/orders")
    began = log(hand.venue)[-1]["n"]
    pages = hand.read_until(began, "/data/orders", 5 if how == "repeat" else 101)
    assert pages
    assert hand.fate(rests) is OrderState.WORKING
    # What was under way before may still come to its end.
    hand.until(lambda: three_in_a_row(hand, began), "no read of the account gets any further")
    clear(hand.venue)
    hand.read_until(log(hand.venue)[-1]["n"], "/balance-allowance", 1)
    assert hand.fate(rests) is OrderState.WORKING


@pytest.mark.proves("I8")
@pytest.mark.fault("F22")
def test_an_order_that_a_missing_page_left_out_is_asked_for_and_lives(hand: SteadyHand, market: Market) -> None:
    rests = hand.stands(market)
    order_id = hand.sent(market)[0].order_id
    began = log(hand.venue)[-1]["n"]
    hand.venue.fault("pages", how="missing", path="/data/orders")
    hand.read_until(began, f"/data/order/{order_id}", 1)
    hand.read_until(began, "/data/orders", 5)
    assert rests_or_was_cancelled(hand, rests, began)
    clear(hand.venue)
    hand.until(lambda: hand.fate(rests) in (OrderState.WORKING, *TERMINAL), "it is listed again")
    assert rests_or_was_cancelled(hand, rests, began)


@pytest.mark.fault("F23")
def test_an_order_that_a_stale_list_does_not_know_yet_lives(hand: SteadyHand, market: Market) -> None:
    hand.stands(market)
    began = log(hand.venue)[-1]["n"]
    hand.venue.fault("stale_reads", lag=3, path="/data/orders")
    hand.read_until(began, "/data/orders", 1)
    order = hand.stands(hand.calm_but(market))
    hand.read_until(log(hand.venue)[-1]["n"], "/data/orders", 3)
    assert rests_or_was_cancelled(hand, order, began)
    clear(hand.venue)
    hand.until(lambda: hand.fate(order) in (OrderState.WORKING, *TERMINAL), "it is listed at last")
    assert rests_or_was_cancelled(hand, order, began)


@pytest.mark.proves("I14")
@pytest.mark.fault("F23")
def test_what_was_sold_is_not_sold_again_however_old_the_balance_that_is_read(hand: SteadyHand, market: Market) -> None:
    order = hand.stands(market)
    hand.fill(hand.line_of(order))
    hand.until(lambda: hand.settled(market)[YES] == 5 * SHARE, "it is bought, and settled")
    hand.venue.fault("stale_reads", lag=30)
    hand.read_until(log(hand.venue)[-1]["n"], "/balance-allowance", 1)
    sale = hand.stands(market, "0.99", side=Side.SELL)
    hand.denies(market, "not_settled", price="0.98", side=Side.SELL)
    hand.fill(hand.line_of(sale))
    hand.until(lambda: hand.shares(market)[YES] == 0, "it is sold")
    hand.read_until(log(hand.venue)[-1]["n"], "/balance-allowance", 1)
    hand.denies(market, "not_settled", price="0.98", side=Side.SELL)
    assert hand.fate(sale) is OrderState.FILLED


def three_in_a_row(hand: SteadyHand, began: int) -> bool:
    """Whether the last three requests of an account's read all were for its list of orders."""
    lines = [line["path"] for line in log(hand.venue, "request", began) if line["account"] == hand.address]
    read = [path for path in lines if path in ("/data/orders", "/data/trades", "/balance-allowance")]
    return read[-3:] == ["/data/orders"] * 3


def rests_or_was_cancelled(hand: SteadyHand, order: PlaceOrder, began: int) -> bool:
    """Whether an order is over for us only if it is for the venue: nothing ends by its absence."""
    last = hand.life(order)[-1]
    gone = {line["id"] for line in log(hand.venue, "order_cancelled", began)}
    return last.state not in TERMINAL or (last.state is OrderState.CANCELLED and last.order_id in gone)
