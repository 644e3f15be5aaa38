"""A venue that throttles: by refusing, by its signer's buckets, and by letting us wait without a word."""

import pytest

from models.markets import Market
from models.messages.orders import PlaceOrder
from models.orders import OrderState
from tests.faults.journal import states
from tests.faults.live_engine import clear, log
from tests.faults.steady_hand import SteadyHand

SETTINGS = {
    "executor__mode_pause_first_ms": "5000",
    "executor__lapse_ms": "5000",
    "executor__slow_answer_ms": "2800",
    "executor__slow_answers_ms": "2800",
    "executor__slow_tail_ms": "2800",
    "executor__slow_pause_ms": "2000",
}


@pytest.mark.fault("F10")
@pytest.mark.parametrize("how", ["retry_after", "bare", "html"])
def test_too_many_holds_the_lane_of_orders_alone_and_proves_nothing_of_the_order(
    hand: SteadyHand, market: Market, how: str
) -> None:
    rests = hand.stands(market)
    hand.venue.fault("too_many", how=how, method="POST", path="/order")
    caught = hand.until(lambda: refused_by_the_venue(hand, market), "the body proves nothing", 90)
    waits = hand.calm_but(market, hand.market_of(caught))
    posts = hand.orders_sent()
    hand.denies(waits, "rate_limited")
    hand.cancels(rests)
    hand.until(lambda: hand.fate(rests) is OrderState.CANCELLED, "cancels have a budget of their own")
    assert hand.orders_sent() == posts
    hand.until(lambda: hand.fate(caught) is OrderState.NEVER_ACCEPTED, "it is asked for")
    hand.stands(waits)


def refused_by_the_venue(hand: SteadyHand, market: Market) -> PlaceOrder | None:
    """Send an order of another event; None where it did not come so far, for its book moved or the like."""
    order = hand.sends(hand.calm_but(market))
    hand.until(lambda: hand.fate(order) is not OrderState.PLACING, "it is answered")
    return order if OrderState.UNKNOWN in states(hand.life(order)) else None


@pytest.mark.fault("F10")
def test_too_many_that_was_booked_all_the_same_is_found(hand: SteadyHand, market: Market) -> None:
    hand.venue.fault("lose_frames", channel="user", market=market.slug, count=100)
    hand.venue.fault("too_many", how="bare", done=True, method="POST", path="/order")
    caught = hand.sends(market)
    hand.until(lambda: hand.fate(caught) is OrderState.WORKING, "it stands")
    assert states(hand.life(caught)) == [OrderState.PLACING, OrderState.UNKNOWN, OrderState.WORKING]
    assert len(hand.sent(market)) == len(hand.taken(market)) == 1


@pytest.mark.fault("F11")
def test_stops_that_the_bucket_cannot_pay_for_in_time_are_left_to_the_venue(hand: SteadyHand, market: Market) -> None:
    first, second = hand.stands(market), hand.stands(hand.calm_but(market))
    began = log(hand.venue)[-1]["n"]
    address = hand.venue.said["accounts"][0]["address"]
    hand.venue.fault("drain_bucket", account=address, bucket="cancels", debt=1_250)
    hand.cancels(first)
    hand.until(lambda: any("429" in changed.reason for changed in hand.life(first)), "the debt is told")
    hand.denies(hand.calm_but(market, hand.market_of(second)), "rate_limited")
    hand.running.engine.control.set_state("pause", (), "test", 10, confirmed=True)
    hand.until(
        lambda: any(source == "heartbeat" and "no token" in reason for source, reason in hand.running.cells()),
        "the heart stops",
    )
    hand.until(lambda: log(hand.venue, "heartbeat_expired", began), "the venue cancels")
    for order in (first, second):
        hand.until(lambda order=order: hand.fate(order) is OrderState.CANCELLED, "it is gone")
    assert len(hand.deletes(began)) <= 4, "nobody hammers at an empty bucket"
    hand.person_resumes()
    hand.stands(market)


@pytest.mark.fault("F12")
def test_answers_that_take_three_seconds_pull_all_quotes_and_one_quote_finds_out_when_it_is_over(
    hand: SteadyHand, market: Market
) -> None:
    rests = hand.stands(market)
    hand.venue.fault("latency", delay=3, path="/order")
    slow = hand.sends(hand.calm_but(market))
    hand.until(lambda: any(source == "latency" for source, _ in hand.running.cells()), "it is too slow")
    hand.until(lambda: hand.fate(rests) is OrderState.CANCELLED, "what rested is pulled")
    hand.until(lambda: hand.fate(slow) is OrderState.CANCELLED, "and what was slow")
    hand.until(lambda: not any(source == "latency" for source, _ in hand.running.cells()), "the pause is over")
    question = hand.sends(market)
    hand.denies(hand.calm_but(market), "slow_venue")
    hand.until(lambda: hand.fate(question) is OrderState.CANCELLED, "still slow: pulled again")
    clear(hand.venue)
    hand.recovers()
    hand.stands(market)
    hand.stands(hand.calm_but(market))
