"""Trades that settle late, fail or contradict themselves, and fees in shares: what is held, and what is risked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.cells import TradingState
from models.markets import NO, YES, Market, Side
from models.messages.orders import FillCounted, FillSettled, FillVoided, PlaceOrder, SubmitOrder
from models.orders import OrderState, TimeInForce
from models.units import SHARE, cash_of
from tests.bin.processes import sandbox
from tests.faults.by_hand import Hand, by_hand
from tests.faults.journal import agree, journalled
from tests.faults.live_engine import clear

_WORLD = ("--port", 0, "--profile", "demo", "--markets-count", 12, "--seed", 6)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    with (
        sandbox(*_WORLD) as venue,
        by_hand(venue, 0, tmp_path_factory.mktemp("settlement"), executor__reconcile_every_ms="500") as found,
    ):
        yield found


@pytest.fixture
def hand(desk: Hand) -> Iterator[Hand]:
    yield desk
    clear(desk.venue)
    agree(desk.running)


@pytest.mark.proves("I14")
@pytest.mark.fault("F43")
def test_what_is_retried_counts_in_the_worst_case_at_once_and_may_be_sold_only_when_it_is_confirmed(hand: Hand) -> None:
    market = hand.market()
    order = hand.rests(market)
    hand.fill(order, fate="retried", pace=4)
    hand.until(lambda: hand.shares(market) == (5 * SHARE, 0), "it is counted")
    assert hand.settled(market) == (0, 0)
    hand.until(lambda: hand.exposure(market).worst_case == cash_of(order.price, order.size), "risk counts the fill")
    hand.until(lambda: hand.exposure(market).net_shares == 5 * SHARE, "and what it makes the desk hold")
    denied = hand.denied().get("not_settled", 0)
    hand.ask(market, "0.99", side=Side.SELL)
    hand.until(lambda: hand.denied().get("not_settled", 0) == denied + 1, "what has not settled is not sold")
    hand.settles(market)
    statuses = [line["status"] for line in hand.trade_lines(market)]
    assert statuses == ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]
    hand.until(
        lambda: hand.shares(market) == hand.settled(market) == hand.in_wallet(market) == (5 * SHARE, 0),
        "both sides agree",
    )
    assert len([one for one in journalled(hand.running, FillCounted) if one.market == market.id]) == 1
    assert hand.rests(market, "0.99", side=Side.SELL)


@pytest.mark.proves("I1")
@pytest.mark.fault("F44")
def test_what_fails_is_taken_back_its_risk_too_and_nothing_buys_it_again(hand: Hand) -> None:
    market = hand.market()
    before = hand.running.wallet()["cash"]
    order = hand.rests(market)
    hand.fill(order, fate="failed", pace=5)
    hand.until(lambda: fills_in(hand, market), "it is counted")
    hand.until(lambda: hand.running.board.counts.voids == 1 and hand.shares(market) == (0, 0), "it is void")
    hand.until(
        lambda: (hand.exposure(market).net_shares, hand.exposure(market).worst_case) == (0, 0), "risk counts anew"
    )
    (void,) = hand.until(
        lambda: [one for one in journalled(hand.running, FillVoided) if one.fill.market == market.id],
        "it is written down",
    )
    assert void.fill.order_id == order.order_id
    position = hand.running.board.desks["desk", market.id].position
    assert (position.yes.cost, position.realized, position.fees, position.provisional) == (0, 0, 0, ())
    assert hand.running.wallet()["cash"] == before
    assert hand.end(order).state is OrderState.FILLED, "a failed trade puts nothing back on the book"
    assert len(hand.seen("order_placed", market)) == 1
    assert hand.state(market) is TradingState.ACTIVE


@pytest.mark.fault("F44")
def test_the_hedge_of_what_failed_is_called_back_and_nothing_is_taken_in_its_place(hand: Hand, tmp_path: Path) -> None:
    with by_hand(hand.venue, 1, tmp_path, phase__flat_band="0") as hedging:
        market = hedging.market()
        order = hedging.rests(market, "0.05")
        hedging.fill(order, fate="failed", pace=4)

        def hedges() -> list[PlaceOrder]:
            sent = [entry.order for entry in journalled(hedging.running, SubmitOrder)]
            return [one for one in sent if one.market == market.id and one.outcome == NO]

        hedging.until(hedges, "it is hedged")
        hedging.until(lambda: hedging.running.board.counts.voids == 1, "it is void")
        voided_ns = hedging.running.engine.clock.now_ns()
        if hedging.shares(market) == (0, 0):
            hedging.until(lambda: not hedging.running.board.open_orders(market.id), "the hedge is called back")
        later = [entry for entry in journalled(hedging.running, SubmitOrder) if entry.submitted_ns > voided_ns]
        assert all(entry.order.post_only for entry in later), "what the leg policy wants it waits for"
        assert all(entry.order.price + hedges()[-1].price <= 9_900 for entry in later if entry.order.outcome != NO)


@pytest.mark.proves("I2")
@pytest.mark.fault("F45")
def test_a_trade_that_fails_and_is_then_confirmed_is_disputed_and_halts_its_market_alone(hand: Hand) -> None:
    market, other = hand.market(), hand.market()
    order, beside = hand.rests(market), hand.rests(market, "0.01", outcome=NO)
    hand.fill(order, fate="contradictory", pace=5)
    hand.until(lambda: hand.state(market) is TradingState.HALTED, "it halts")
    assert set(hand.cells(market)) == {"executor"}
    assert hand.cells(market)["executor"].startswith("disputed trade ")
    hand.ended(beside)
    hand.until(lambda: hand.shares(market) == (5 * SHARE, 0), "what may be ours is held")
    hand.until(lambda: hand.exposure(market).net_shares == 5 * SHARE, "and is in the worst case")
    denied = hand.denied().get("halted", 0)
    hand.ask(market, "0.01")
    hand.until(lambda: hand.denied().get("halted", 0) == denied + 1, "nothing is placed there")
    assert hand.rests(other)
    settled = hand.until(lambda: settled_in(hand, market), "it is written down")
    assert len(settled) == 1


@pytest.mark.fault("F54")
def test_a_fee_that_was_taken_in_shares_leaves_the_position_that_the_wallet_has_and_an_entry(hand: Hand) -> None:
    market = hand.until(lambda: next(filter(has_fees, iter(hand.market, None))), "a market with fees")
    hand.venue.fault("trade_fate", fate="retried", pace=50)
    hand.venue.fault("fee_in_shares", account=hand.venue.said["accounts"][0]["address"])
    before = hand.running.wallet()["cash"]
    hand.ask(market, hand.touch(market), time_in_force=TimeInForce.FAK)
    (bought,) = hand.until(lambda: fills_in(hand, market), "it is bought")
    hand.settles(market)
    hand.until(lambda: hand.in_wallet(market)[YES] < bought.size, "the fee is taken in shares")
    (sold,) = hand.until(lambda: fills_in(hand, market)[1:], "the fee is booked")
    assert (sold.trade_id, sold.side, sold.cash) == (f"fee of {bought.trade_id}", Side.SELL, bought.fee)
    hand.until(lambda: hand.shares(market) == hand.settled(market) == hand.in_wallet(market), "both sides agree")
    position = hand.running.board.desks["desk", market.id].position
    assert position.realized - position.fees - position.yes.cost == hand.running.wallet()["cash"] - before


def has_fees(market: Market) -> bool:
    return market.fees.rate_e6 > 0


def settled_in(hand: Hand, market: Market) -> list[FillSettled]:
    return [one for one in journalled(hand.running, FillSettled) if one.fill.market == market.id]


def fills_in(hand: Hand, market: Market) -> list[FillCounted]:
    return [one for one in journalled(hand.running, FillCounted) if one.market == market.id]
