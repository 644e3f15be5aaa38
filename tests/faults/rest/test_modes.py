"""A venue that refuses us, or everybody, or is too slow: what still goes out, what our state is, and how it ends."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from models.cells import TradingState
from models.markets import Market
from models.messages.control import RaiseCell
from models.orders import OrderState
from tests.faults.journal import NEVER_STOOD, journalled, states
from tests.faults.live_engine import clear, log
from tests.faults.steady_hand import SteadyHand

_S = 1_000_000_000


@pytest.fixture(autouse=True)
def nothing_dies(hand: SteadyHand) -> Iterator[None]:
    restarts = hand.running.board.counts.restarts
    yield
    assert hand.running.board.counts.restarts == restarts, "nothing died of it"


@pytest.mark.fault("F13")
@pytest.mark.parametrize(("fault", "more"), [("forbidden", {"path": "/order"}), ("region_block", {})])
def test_who_is_blocked_halts_asks_no_more_and_goes_on_when_a_person_says_so(
    hand: SteadyHand, market: Market, fault: str, more: dict[str, Any]
) -> None:
    rests = hand.stands(market)
    hand.venue.fault(fault, **more)
    refused = hand.sends(hand.calm_but(market))
    hand.until(lambda: hand.running.states() == {TradingState.HALTED}, "everything is halted")
    hand.until(lambda: hand.fate(refused) is OrderState.REJECTED, "it was refused for sure")
    hand.until(lambda: hand.fate(rests) is OrderState.CANCELLED, "what rested is cancelled: that is not forbidden")
    (reason,) = {reason for source, reason in hand.running.cells() if source == "venue"}
    assert "blocked" in reason
    assert "nothing here gets around that" in reason
    hand.until(lambda: hand.warned("blocked"), "somebody is told")
    posts = hand.orders_sent()
    for _ in range(3):
        denied = hand.denied().get("halted", 0)
        hand.ask(market, "0.01")
        hand.until(lambda denied=denied: hand.denied().get("halted", 0) > denied, "it is denied")
    assert hand.orders_sent() == posts
    clear(hand.venue)
    hand.person_resumes()
    hand.stands(market)


@pytest.mark.fault("F14")
def test_a_burst_of_401_reads_the_clock_once_then_halts_and_our_orders_count_as_live_until_the_venue_cancels_them(
    hand: SteadyHand, market: Market
) -> None:
    rests = hand.stands(market)
    began = log(hand.venue)[-1]["n"]
    hand.venue.fault("unauthorized", count=100_000)
    hand.until(lambda: hand.running.states() == {TradingState.HALTED}, "the third one halts everything")
    (reason,) = {reason for source, reason in hand.running.cells() if source == "venue"}
    assert "derive the API key anew" in reason
    assert hand.fate(rests) in (OrderState.WORKING, OrderState.CANCELLING), "it may stand"
    hand.until(lambda: log(hand.venue, "heartbeat_expired", began), "the venue has not heard from us for too long")
    hand.until(lambda: hand.fate(rests) is OrderState.CANCELLED, "and its feed says what it did")
    assert not {OrderState.UNKNOWN, *NEVER_STOOD} & set(states(hand.life(rests)))
    times = [line for line in log(hand.venue, "request", began) if line["path"] == "/time"]
    lanes = 4
    assert 1 <= len(times) <= lanes, "each lane reads the clock once"
    clear(hand.venue)
    hand.person_resumes()
    hand.stands(market)


@pytest.mark.fault("F15")
def test_a_restart_of_the_venue_costs_patience_and_after_it_only_quotes_go_out(
    hand: SteadyHand, market: Market
) -> None:
    rests = hand.stands(market)
    began = log(hand.venue)[-1]["n"]
    hand.venue.fault("restart", seconds=4)
    caught = hand.sends(hand.calm_but(market))
    hand.until(lambda: hand.fate(caught) is OrderState.UNKNOWN, "425 says nothing of the order")
    hand.cancels(rests)
    waits = hand.calm_but(market, hand.market_of(caught))
    hand.denies(waits, "restarting")
    hand.until(lambda: hand.fate(rests) is OrderState.CANCELLED, "cancels go on")
    hand.until(lambda: hand.fate(caught) is OrderState.NEVER_ACCEPTED, "it was never taken")
    hand.until(lambda: hand.mode() == "post_only", "it is up again")
    hand.venue.fault("post_only", seconds=30)  # instead of two minutes
    take = hand.sends(waits)
    hand.until(lambda: hand.fate(take) is OrderState.REJECTED, "a take is refused, and tells the mode")
    taken = len(hand.running.placed())
    hand.denies(waits, "post_only")
    quote = hand.sends(waits, post_only=True)
    hand.until(
        lambda: hand.fate(quote) in (OrderState.WORKING, OrderState.CANCELLING, OrderState.CANCELLED), "quotes pass"
    )
    assert len(hand.running.placed()) == taken + 1
    asked = [line for line in log(hand.venue, "request", began) if line["method"] in ("POST", "DELETE")]
    assert len([line for line in asked if line["path"].startswith("/order")]) < 40, "no hot loop"
    hand.until(lambda: hand.mode() == "normal", "the time is over")
    hand.stands(waits, "0.02")


@pytest.mark.proves("I11")
@pytest.mark.fault("F16")
def test_a_venue_that_takes_cancels_only_gets_cancels_only_and_is_asked_again(hand: SteadyHand, market: Market) -> None:
    rests = hand.stands(market)
    hand.venue.fault("cancel_only")
    refused = hand.sends(hand.calm_but(market))
    hand.until(lambda: hand.running.states() == {TradingState.CANCEL_ONLY}, "that is our state, too")
    hand.until(lambda: hand.fate(refused) is OrderState.REJECTED, "it was refused for sure")
    hand.until(lambda: hand.fate(rests) is OrderState.CANCELLED, "what rested is cancelled")
    assert (None, "venue", TradingState.CANCEL_ONLY) in [
        (cell.market, cell.source, cell.state) for cell in journalled(hand.running, RaiseCell)
    ]
    clear(hand.venue)
    hand.until(lambda: TradingState.ACTIVE in hand.running.states(), "it is asked again by itself")
    hand.stands(market)


@pytest.mark.fault("F16")
def test_while_the_venue_is_disabled_all_is_frozen_and_cancels_are_tried_ever_slower(
    hand: SteadyHand, market: Market
) -> None:
    rests = hand.stands(market)
    began = log(hand.venue)[-1]["n"]
    hand.venue.fault("disabled")
    refused = hand.sends(hand.calm_but(market))
    hand.until(lambda: TradingState.HALTED in hand.running.states(), "everything is frozen")
    hand.until(lambda: hand.warned("disabled"), "somebody is told")
    hand.until(lambda: hand.fate(refused) is OrderState.REJECTED, "it was refused for sure")
    hand.until(lambda: len(hand.deletes(began)) >= 4, "a cancel is tried 4 times")
    times = [line["at_ns"] for line in hand.deletes(began)[:4]]
    waited_s = [(after - before) / _S for before, after in pairwise(times)]
    assert waited_s[0] < waited_s[2], "1, 2 and 4 s, and what a busy machine makes of them"
    assert sum(waited_s) > 5
    assert hand.fate(rests) in (OrderState.WORKING, OrderState.CANCELLING), "nothing is known but that it stands"
    clear(hand.venue)
    hand.until(lambda: hand.fate(rests) is OrderState.CANCELLED, "it is cancelled at last")
    hand.stands(market)


@pytest.mark.fault("F17")
def test_an_account_that_may_only_close_is_reduced_until_a_person_says_resume(hand: SteadyHand, market: Market) -> None:
    rests = hand.stands(market)
    address = hand.venue.said["accounts"][0]["address"]
    hand.venue.fault("closed_only", account=address)
    refused = hand.sends(hand.calm_but(market))
    hand.until(lambda: hand.running.states() == {TradingState.REDUCING}, "that is our state, too")
    hand.until(lambda: hand.fate(refused) is OrderState.REJECTED, "it was refused for sure")
    hand.until(lambda: hand.fate(rests) is OrderState.CANCELLED, "a bid would open")
    posts = hand.orders_sent()
    hand.denies(market, "reducing")
    assert hand.orders_sent() == posts
    clear(hand.venue)
    hand.person_resumes()
    hand.stands(market)
