"""An order that was given up as never accepted and is filled after all: known, counted, and nothing follows it."""

from pathlib import Path

import pytest

from models.cells import TradingState
from models.orders import OrderState
from models.units import SHARE
from tests.bin.processes import sandbox
from tests.faults.by_hand import by_hand
from tests.faults.journal import life, states

_WORLD = ("--port", 0, "--profile", "demo", "--markets-count", 4, "--seed", 7)
_QUICK = {
    "executor__late_acceptance_ms": "1000",
    "executor__absence_apart_ms": "300",
    "executor__query_first_ms": "200",
    "executor__query_max_ms": "400",
    "executor__reconcile_every_ms": "1000",
    "executor__submit_answer_ms": "2000",
}


@pytest.mark.fault("F47")
def test_a_fill_of_an_order_that_was_given_up_is_counted_and_its_market_halts(tmp_path: Path) -> None:
    with sandbox(*_WORLD) as venue, by_hand(venue, 0, tmp_path, **_QUICK) as hand:
        market, other = hand.market(), hand.market()
        venue.fault("zombie", hidden=12)
        venue.fault("trade_fate", fate="retried", pace=50)
        order = hand.ask(market, "0.01")
        gone = hand.end(order)
        assert gone.state is OrderState.NEVER_ACCEPTED
        assert OrderState.UNKNOWN in states(life(hand.running, order))
        hand.until(lambda: hand.shares(market) == (5 * SHARE, 0), "its fill is counted")
        hand.until(lambda: hand.state(market) is TradingState.HALTED, "people are told, and its market stops")
        assert hand.cells(market)["executor"].startswith("never_accepted order")
        assert gone.order_id in hand.cells(market)["executor"]
        denied = hand.denied().get("halted", 0)
        hand.ask(market, "0.01")
        hand.until(lambda: hand.denied().get("halted", 0) == denied + 1, "nothing is placed there")
        assert hand.rests(other), "other markets go on"
        hand.settles(market)
        assert hand.in_wallet(market) == (5 * SHARE, 0)
        assert len(hand.running.placed()) == 2, "nothing was sent twice"


@pytest.mark.proves("I27")
@pytest.mark.fault("F47")
def test_the_next_process_knows_from_the_journal_an_order_that_the_one_before_it_gave_up(tmp_path: Path) -> None:
    with sandbox(*_WORLD) as venue:
        with by_hand(venue, 0, tmp_path, **_QUICK) as hand:
            market = hand.market()
            venue.fault("zombie", hidden=14)
            venue.fault("trade_fate", fate="retried", pace=50)
            order = hand.ask(market, "0.01")
            assert hand.end(order).state is OrderState.NEVER_ACCEPTED
            venue.fault("disabled", seconds=5)  # or the cancel of all, with which a process ends, would take it off
        with by_hand(venue, 0, tmp_path, **_QUICK) as again:
            again.until(lambda: again.shares(market) == (5 * SHARE, 0), "its fill is counted")
            again.until(lambda: "executor" in again.cells(market), "its market stops")
            assert not any(source == "foreign" for source, _ in again.running.cells())
            again.settles(market)
            assert again.in_wallet(market) == (5 * SHARE, 0)
