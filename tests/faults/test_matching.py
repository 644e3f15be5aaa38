"""Fills in parts, too large, in races, and orders that end in ways of their own: what the ledger makes of them."""

from collections.abc import Iterator

import pytest

from models.cells import TradingState
from models.markets import NO, YES, Side
from models.messages.market import BookUpdated
from models.messages.orders import FillCounted
from models.orders import OrderState, TimeInForce
from models.units import ONE, SHARE, Price, format_price, parse_size
from tests.bin.processes import sandbox
from tests.faults.by_hand import Hand, by_hand
from tests.faults.journal import agree, journalled, life
from tests.faults.live_engine import clear

_WORLD = ("--port", 0, "--profile", "demo", "--markets-count", 20, "--seed", 5)
_FAR = {"price__collar": "0.2", "price__collar_share": "1"}
"""Orders here cross one another where no one else trades: further from the mid than the collar lets one open."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    with sandbox(*_WORLD) as venue, by_hand(venue, 0, tmp_path_factory.mktemp("matching"), **_FAR) as found:
        yield found


@pytest.fixture
def hand(desk: Hand) -> Iterator[Hand]:
    yield desk
    clear(desk.venue)
    agree(desk.running)


@pytest.mark.fault("F41")
def test_fills_in_parts_are_counted_to_the_grain_and_what_is_dust_of_the_order_is_not_tried_again(hand: Hand) -> None:
    market = hand.market()
    order = hand.rests(market, size=20 * SHARE)
    hand.fill(order, parts=3, dust="0.0049")
    assert hand.end(order).state is OrderState.CANCELLED, "the venue lets the dust go"
    hand.settles(market)
    fills = [fill for fill in journalled(hand.running, FillCounted) if fill.market == market.id]
    assert len(fills) == 3
    hand.until(lambda: 0 < 20 * SHARE - hand.shares(market)[YES] <= SHARE // 100, "all but the dust is held")
    hand.until(lambda: hand.shares(market) == hand.settled(market) == hand.in_wallet(market), "both sides agree")
    assert hand.state(market) is TradingState.ACTIVE
    assert len(hand.seen("order_placed", market)) == 1


@pytest.mark.fault("F41")
def test_a_position_below_the_minimum_is_named_when_all_shall_go_and_is_not_tried(hand: Hand) -> None:
    market = hand.market()
    order = hand.rests(market, size=8 * SHARE)
    hand.fill(order, dust="4.9951")
    hand.until(lambda: hand.shares(market)[YES], "a part is counted")
    hand.cancel(order)
    assert hand.end(order).filled == 3_004_900
    hand.settles(market)
    answer = hand.running.engine.control.set_state("flatten", (market.slug,), "test", 60, confirmed=True)
    (left,) = answer.markets
    assert "below the minimum" in left.why
    hand.until(lambda: hand.shares(market) == hand.in_wallet(market) == (3_004_900, 0), "both sides agree")
    assert len(hand.seen("order_placed", market)) == 1


@pytest.mark.fault("F42")
@pytest.mark.parametrize("more, disputed", [("0.005", False), ("0.02", True)])
def test_a_hundredth_of_a_share_too_much_is_taken_and_more_is_disputed(hand: Hand, more: str, disputed: bool) -> None:
    market = hand.market()
    order = hand.rests(market)
    hand.venue.fault("overfill", size=more)
    hand.fill(order)
    hand.ended(order)
    hand.settles(market)
    hand.until(
        lambda: hand.shares(market) == hand.in_wallet(market) == (5 * SHARE + parse_size(more), 0), "both sides agree"
    )
    halted = {"executor": f"disputed: overfilled order {order.order_id}"} if disputed else {}
    hand.until(lambda: hand.cells(market) == halted, "it is disputed, or is not")
    assert hand.state(market) is (TradingState.HALTED if disputed else TradingState.ACTIVE)


@pytest.mark.fault("F46")
def test_an_order_that_is_filled_as_it_is_cancelled_is_filled(hand: Hand) -> None:
    market = hand.market()
    order = hand.rests(market)
    cancels = hand.running.board.counts.cancels
    hand.venue.fault("race", how="matched")
    hand.cancel(order)
    assert hand.end(order).state is OrderState.FILLED
    hand.until(lambda: hand.shares(market) == (5 * SHARE, 0), "it is held")
    assert hand.running.board.counts.cancels == cancels, "no phantom cancel"


@pytest.mark.fault("F46")
def test_a_fill_that_is_told_after_the_cancel_is_counted_and_its_exposure_is_kept_until_then(hand: Hand) -> None:
    market = hand.market()
    order = hand.rests(market, "0.01", 10 * SHARE)
    hand.venue.fault("race", how="after", delay=2)
    hand.cancel(order)
    hand.until(lambda: hand.shares(market)[YES], "what was filled before the cancel is counted")
    hand.end(order)
    told = life(hand.running, order)
    assert [changed.taken_off for changed in told if changed.filled < 5 * SHARE][-1] == 5 * SHARE, "it was waited for"
    assert (told[-1].state, told[-1].filled) == (OrderState.CANCELLED, 5 * SHARE)
    hand.until(lambda: hand.shares(market) == (5 * SHARE, 0), "and held")


@pytest.mark.fault("F48")
def test_one_taker_that_meets_three_orders_of_ours_fills_each_on_its_own_side(hand: Hand) -> None:
    market = hand.market()
    hand.bought(market, outcome=NO)
    hand.settles(market)
    first, second = hand.rests(market, "0.02"), hand.rests(market, "0.01", 6 * SHARE)
    offer = hand.rests(market, "0.97", outcome=NO, side=Side.SELL)
    hand.venue.fault("trade_fate", fate="retried", pace=50)
    hand.venue.fault("sweep", market=market.condition_id, side="SELL", size=1_000_000)
    for order in (first, second, offer):
        hand.ended(order)
    placed = (first.order_id, second.order_id, offer.order_id)

    def filled() -> list[FillCounted] | None:
        fills = {fill.order_id: fill for fill in journalled(hand.running, FillCounted)}
        return [fills[order_id] for order_id in placed] if fills.keys() >= set(placed) else None

    ours = hand.until(filled, "all fills are counted")
    hand.settles(market)
    assert [(fill.outcome, fill.side, fill.size) for fill in ours] == [
        (YES, Side.BUY, 5 * SHARE), (YES, Side.BUY, 6 * SHARE), (NO, Side.SELL, 5 * SHARE)
    ]  # fmt: skip
    assert len({fill.trade_id for fill in ours}) == 1, "one trade"
    assert [fill.price for fill in ours] == [200, 100, 9_700]
    hand.until(lambda: hand.shares(market) == hand.in_wallet(market) == (11 * SHARE, 0), "it is in the wallet")


@pytest.mark.proves("I16")
@pytest.mark.fault("F49")
def test_an_order_that_the_venue_cancels_against_self_trades_is_cancelled_and_said_so_and_no_other_would_cross(
    hand: Hand,
) -> None:
    market = hand.market()
    below = hand.book(market).bid - away(hand.book(market))
    order = hand.rests(market, format_price(below))
    denied = hand.denied().get("self_cross", 0)
    hand.ask(market, format_price(ONE - below), outcome=NO)
    hand.until(lambda: hand.denied().get("self_cross", 0) == denied + 1, "what would trade with it is refused")
    hand.venue.fault("self_trade", order=order.order_id)
    assert hand.end(order).state is OrderState.CANCELLED
    hand.until(
        lambda: any(
            line.level == "WARNING" and line.slug == market.slug and "by the venue, unasked" in line.text
            for line in hand.running.board.log
        ),
        "it is said",
    )
    assert (hand.shares(market), hand.state(market)) == ((0, 0), TradingState.ACTIVE)
    assert hand.rests(market)


@pytest.mark.fault("F50")
def test_a_take_that_is_held_by_the_venue_counts_until_it_found_nobody_and_is_over(hand: Hand) -> None:
    market = hand.market()
    hand.venue.fault("delay_orders", market=market.condition_id, delay=1, unmatched=True)
    above = format_price(hand.book(market).ask + away(hand.book(market)))
    take = hand.ask(market, above, 60 * SHARE, time_in_force=TimeInForce.FOK)
    held = hand.until(lambda: hand.working(take), "it is held")
    assert held.filled == 0
    hand.until(lambda: hand.exposure(market).open_orders == 1, "it counts")
    hand.cancel(take)

    def is_over() -> bool:
        hand.venue.fault("gap", market=market.condition_id, how="vanish")
        return take.intent not in hand.running.board.orders

    hand.until(is_over, "its time is over, and nobody was there")
    assert hand.end(take).state is OrderState.CANCELLED
    assert hand.shares(market) == (0, 0)
    assert hand.end(take).order_id not in hand.running.account()["open_orders"]


@pytest.mark.fault("F52")
@pytest.mark.parametrize("time_in_force", [TimeInForce.FOK, TimeInForce.FAK])
def test_a_take_that_finds_nothing_is_an_outcome_and_no_error(hand: Hand, time_in_force: TimeInForce) -> None:
    market = hand.market()
    before = hand.running.board.counts
    hand.venue.fault("killed")
    take = hand.ask(market, hand.touch(market), time_in_force=time_in_force)
    last = hand.end(take)
    assert (last.state, last.filled) == (OrderState.CANCELLED, 0)
    assert time_in_force.value in last.reason
    after = hand.running.board.counts
    assert (after.rejects, after.errors) == (before.rejects, before.errors)
    assert (hand.shares(market), hand.state(market)) == ((0, 0), TradingState.ACTIVE)


@pytest.mark.fault("F56")
def test_an_order_that_expires_is_over_as_any_other_and_one_that_would_too_soon_is_not_sent(hand: Hand) -> None:
    market = hand.market()
    now_ns = hand.running.engine.clock.now_ns()
    order = hand.rests(market, time_in_force=TimeInForce.GTD, expires_ns=now_ns + 125_000_000_000)
    (taken,) = hand.seen("order_placed", market)
    assert (taken["time_in_force"], taken["expires_s"]) == ("GTD", -(-(now_ns + 185_000_000_000) // 10**9))
    hand.venue.fault("expire", order=order.order_id)
    assert hand.end(order).state is OrderState.CANCELLED
    assert not any("unasked" in line.text for line in hand.running.board.log if line.slug == market.slug)
    assert hand.state(market) is TradingState.ACTIVE
    early = hand.ask(market, "0.01", time_in_force=TimeInForce.GTD, expires_ns=now_ns + 100_000_000_000)
    not_sent = hand.end(early)
    assert (not_sent.state, "expiration" in not_sent.reason) == (OrderState.NEVER_SENT, True)
    assert hand.rests(market, time_in_force=TimeInForce.GTD, expires_ns=now_ns + 600_000_000_000)


def away(book: BookUpdated) -> Price:
    """Return how far from the touch nobody else trades, and an order still is within the collar of either token."""
    return min(1_800, min(book.bid, ONE - book.ask) * 8 // 10) // 100 * 100
