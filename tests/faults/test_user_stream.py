"""What can go wrong with the user channel, in a whole live engine: F27 to F29, F33, F39 and F40."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from actors.store.queries import Reader
from actors.venues.polymarket.clob_session import ClobSession
from models.markets import Market
from models.messages.lanes import ReadAccount
from models.messages.orders import OrderChanged, UserFeedLost, UserFeedRestored
from models.orders import TERMINAL, OrderState
from models.snapshot import OrderLine
from models.units import SHARE
from tests.bin.processes import sandbox
from tests.faults.by_hand import Hand, by_hand
from tests.faults.journal import agree, journalled, life, states
from tests.faults.live_engine import clear, log
from tests.faults.overheard import overheard

QUICK = {
    "feed__backoff_ms": "10",
    "feed__backoff_cap_ms": "60",
    "feed__refused_ms": "1500",
    "executor__read_lag_ms": "1000",
    "executor__reconcile_every_ms": "1000",
}
S = 1_000_000_000
OVERLAP_NS = 600 * S


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    with (
        sandbox("--port", 0, "--profile", "demo", "--markets-count", 16, "--seed", 5) as venue,
        by_hand(venue, 0, tmp_path_factory.mktemp("user"), **QUICK) as hand,
    ):
        yield hand


@pytest.fixture
def hand(desk: Hand) -> Iterator[Hand]:
    yield desk
    clear(desk.venue)
    desk.until(lambda: not {source for source, _ in desk.running.cells()} & {"user_feed", "foreign"}, "all is well")
    agree(desk.running)


def rests(hand: Hand, market: Market, price: str = "0.01") -> OrderLine:
    """Let an order rest. The venue loses frames by itself, and an order that was priced before that is not sent."""

    def look() -> OrderLine | None:
        wish = hand.ask(market, price)
        hand.until(lambda: hand.working(wish) or told(hand, wish.intent), f"{wish.intent} is answered")
        return hand.working(wish)

    return hand.until(look, "an order rests")


def told(hand: Hand, intent: str) -> bool:
    """Whether an order was not sent, or is over; risk refuses one whose book has just lost a frame."""
    changes = journalled(hand.running, OrderChanged)
    if any(changed.intent == intent and changed.state in TERMINAL for changed in changes):
        return True
    with Reader(hand.running.engine.options.database) as reader:
        return any(denied["detail"]["intent"] == intent for denied in reader.events(kind="denied"))


def connections(hand: Hand) -> int:
    return hand.running.board.feeds["feed/user"].connections


def misunderstood(hand: Hand, kind: str) -> int:
    return hand.running.board.feeds["feed/user"].malformed.get(kind, 0)


def holds(hand: Hand, market: Market, shares: int) -> None:
    """See that ledger, risk's position and the venue's wallet all have so many micro-shares, once all is settled."""
    hand.until(lambda: hand.shares(market)[0] == shares, f"{shares} are counted")
    hand.settles(market)
    hand.until(lambda: hand.in_wallet(market)[0] == shares, "the wallet has them")
    assert hand.settled(market)[0] == hand.shares(market)[0] == shares


@pytest.mark.proves("I1")
@pytest.mark.fault("F27")
@pytest.mark.fault("F28")
def test_fills_that_are_told_twice_late_and_before_their_orders_are_counted_once(hand: Hand) -> None:
    hand.venue.fault("duplicate", channel="user")
    hand.venue.fault("shuffle", channel="user", within=2)
    market = hand.market()
    for number in range(1, 4):
        order = rests(hand, market)
        hand.fill(order, parts=2)
        hand.until(lambda number=number: hand.shares(market)[0] == number * 5 * SHARE, "it is counted")
        hand.venue.fault("replay_batch", channel="user", count=50)
    hand.settles(market)
    hand.venue.fault("replay_batch", channel="user", count=200)
    holds(hand, market, 15 * SHARE)
    assert hand.cells(market).keys() <= {"inventory"}


@pytest.mark.fault("F28")
def test_a_trade_that_is_told_before_its_order_was_answered_is_ours(hand: Hand) -> None:
    market = hand.market()
    book = hand.running.board.markets[market.id].book
    assert book is not None
    hand.venue.fault("late_answer", method="POST", path="/order", least=2, most=2, count=1)
    hand.venue.fault("late_answer", method="POST", path="/orders", least=2, most=2, count=1)
    hand.venue.fault("late_frames", channel="user", kind="order", delay=3, count=2)
    before = len(hand.running.placed())
    wish = hand.ask(market, "0.01")
    (order_id,) = hand.until(lambda: hand.running.placed()[before:], "the venue has it")
    hand.venue.fault("partial_fills", order=order_id, parts=1, dust="0")
    hand.ended(wish)
    assert hand.end(wish).state is OrderState.FILLED
    holds(hand, market, 5 * SHARE)
    assert hand.cells(market).keys() <= {"inventory"}


@pytest.mark.proves("I1")
@pytest.mark.fault("F29")
def test_fills_that_were_lost_with_a_connection_are_read_with_ten_minutes_of_overlap(hand: Hand) -> None:
    market = hand.market()
    cancelled, filled = rests(hand, market, "0.01"), rests(hand, market, "0.02")
    before = connections(hand)
    with overheard(hand.running, UserFeedLost, UserFeedRestored, ReadAccount) as heard, asked_pages() as asked:
        hand.venue.fault("lose_frames", channel="user", seconds=60)
        hand.fill(filled)
        hand.venue.fault("self_trade", order=cancelled.order_id)
        hand.venue.fault("drop_ws", channel="user", code=1006)
        hand.until(lambda: connections(hand) > before, "a new connection")
        hand.ended(filled)
        hand.ended(cancelled)
        (lost,), (restored, *_) = heard.of(UserFeedLost), heard.of(UserFeedRestored)
        hand.until(lambda: "user_feed" in {read.reason for read in heard.of(ReadAccount)}, "the account is read")
    assert lost.heard_ns is not None
    assert lost.heard_ns <= restored.at_ns
    after_s = [int(query["after"]) for path, query in asked if path == "/data/trades" and "after" in query]
    assert after_s
    assert max(after_s) * S <= restored.at_ns - OVERLAP_NS, "ten minutes further back than anything was missed"
    assert hand.end(filled).state is OrderState.FILLED
    assert hand.end(cancelled).state is OrderState.CANCELLED
    clear(hand.venue)
    holds(hand, market, 5 * SHARE)


@pytest.mark.proves("I23")
@pytest.mark.fault("F33")
@pytest.mark.parametrize(("how", "kind"), [("numbers", "trade"), ("missing", "trade"), ("renamed", "order")])
def test_an_event_that_cannot_be_read_has_its_market_read_by_rest(how: str, kind: str, hand: Hand) -> None:
    market = hand.market()
    order = rests(hand, market)
    shapes = misunderstood(hand, "shape")
    with overheard(hand.running, UserFeedRestored, UserFeedLost) as heard:
        hand.venue.fault("mutate", channel="user", kind=kind, how=how, count=1)
        hand.fill(order)
        hand.until(lambda: heard.of(UserFeedRestored), "it is read anew")
        assert heard.of(UserFeedLost) == [], "the process goes on, and so does the connection"
    hand.until(lambda: misunderstood(hand, "shape") > shapes, "it is counted")
    assert hand.end(order).state is OrderState.FILLED
    holds(hand, market, 5 * SHARE)


@pytest.mark.fault("F33")
@pytest.mark.parametrize(("how", "counted"), [("unknown_event", "event"), ("unknown_field", "field")])
def test_events_and_fields_that_nobody_knows_are_ignored_and_counted(how: str, counted: str, hand: Hand) -> None:
    market = hand.market()
    before = misunderstood(hand, counted)
    hand.venue.fault("mutate", channel="user", how=how, count=1)
    order = rests(hand, market)
    hand.until(lambda: misunderstood(hand, counted) > before, "it is counted")
    hand.fill(order)
    holds(hand, market, 5 * SHARE)


@pytest.mark.fault("F39")
@pytest.mark.parametrize("code", [1000, 1001, 1006, 1012])
def test_a_user_channel_that_goes_away_is_tried_again_at_once_and_the_account_read(code: int, hand: Hand) -> None:
    before = connections(hand)
    with overheard(hand.running, UserFeedLost, UserFeedRestored, ReadAccount) as heard:
        hand.venue.fault("drop_ws", channel="user", code=code)
        hand.until(lambda: heard.of(UserFeedRestored), "it is back")
        hand.until(lambda: "user_feed" in {read.reason for read in heard.of(ReadAccount)}, "and the account is read")
        assert len(heard.of(UserFeedLost)) == 1
    assert connections(hand) == before + 1
    assert "user_feed" not in {source for source, _ in hand.running.cells()}


@pytest.mark.fault("F39")
@pytest.mark.parametrize("code", [1008, 4001])
def test_a_user_channel_that_asks_who_we_are_halts_everything_and_is_tried_again_late(code: int, hand: Hand) -> None:
    market = hand.market()
    order = rests(hand, market)
    hand.venue.fault("drop_ws", channel="user", code=code)
    hand.until(lambda: ("user_feed", f"closed by the venue: {code}") in hand.running.cells(), "all is halted")
    placed = len(hand.running.placed())
    refused = hand.ask(market, "0.02")
    hand.ended(order)
    assert hand.end(order).state is OrderState.CANCELLED
    hand.until(lambda: "user_feed" not in {source for source, _ in hand.running.cells()}, "it is back")
    assert refused.intent not in hand.running.board.orders
    assert len(hand.running.placed()) == placed, "nothing went out meanwhile"


@contextmanager
def asked_pages() -> Iterator[list[tuple[str, Mapping[str, str]]]]:
    """What is asked of the venue's listings: path and query."""
    asked: list[tuple[str, Mapping[str, str]]] = []
    pages = ClobSession.pages

    def recorded(self: ClobSession, path: str, kind: Any, query: Mapping[str, str]) -> Any:
        asked.append((path, query))
        return pages(self, path, kind, query)

    with patch.object(ClobSession, "pages", recorded):
        yield asked


def lived(hand: Hand, order: OrderLine) -> list[OrderState]:
    return states(life(hand.running, order))


@pytest.mark.proves("I8")
@pytest.mark.fault("F40")
def test_an_order_that_the_stream_calls_cancelled_and_rest_calls_live_is_disputed_and_then_taken_off(
    hand: Hand,
) -> None:
    market = hand.market()
    order = rests(hand, market)
    hand.venue.fault("disagree", order=order.order_id, how="stream_cancelled")
    hand.until(lambda: OrderState.DISPUTED in lived(hand, order), "two things are said of it")
    hand.until(lambda: order.order_id not in hand.running.account()["open_orders"], "it is gone at the venue")
    hand.until(lambda: lived(hand, order)[-1] is OrderState.CANCELLED, "and here")
    doubt = [OrderState.WORKING, OrderState.CANCELLED, OrderState.DISPUTED]
    assert lived(hand, order)[1:4] == doubt
    # Either the cancel that a doubt calls for came first, or the second read that agrees with the first.
    agreed = [OrderState.WORKING, OrderState.CANCELLING, OrderState.CANCELLED]
    assert lived(hand, order)[4:] in (agreed[-1:], agreed)
    (line,) = [line for line in log(hand.venue, "order_cancelled") if line["id"] == order.order_id]
    assert line["status"] == "CANCELED"
    hand.until(lambda: any(line.text.startswith("disputed ") for line in hand.running.board.log), "it is said")


@pytest.mark.fault("F40")
def test_an_order_that_the_stream_calls_live_and_rest_calls_gone_is_disputed_until_rest_said_so_twice(
    hand: Hand,
) -> None:
    market = hand.market()
    order = rests(hand, market)
    hand.venue.fault("disagree", order=order.order_id, how="stream_live", seconds=60)
    hand.until(lambda: OrderState.DISPUTED in lived(hand, order), "two things are said of it")
    hand.ended(order)
    assert lived(hand, order)[1:] == [OrderState.WORKING, OrderState.DISPUTED, OrderState.CANCELLED]
    assert hand.cells(market).keys() <= {"inventory"}
    assert rests(hand, market, "0.02"), "its market is traded again"


def test_an_executor_that_takes_a_dead_ones_place_is_told_that_the_stream_stands(hand: Hand) -> None:
    market = hand.market()
    order = rests(hand, market)
    with overheard(hand.running, UserFeedRestored, UserFeedLost) as heard:
        hand.running.engine._directory.stop("executor")
        hand.until(lambda: heard.of(UserFeedRestored), "it is told again what stands")
        assert heard.of(UserFeedLost) == []
    hand.ended(order)
    assert hand.end(order).state is OrderState.CANCELLED, "what rested was cancelled, for nobody watched it"
    rests(hand, market)
