"""What can happen to the market channel as a whole, in a whole live engine: F24 to F28, F30 to F32, F37 to F39."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from models.markets import NO, Market
from models.messages.market import (
    BookEpochChanged,
    BookResynchronised,
    BookUpdated,
    FeedLost,
    FeedRestored,
    FlowUpdated,
    TickSizeChanged,
)
from models.messages.orders import PlaceOrder
from models.units import format_price
from tests.faults.live_engine import LiveEngine, clear, log
from tests.faults.overheard import overheard
from tests.faults.streams_at_work import (
    books_agree,
    connections,
    halted,
    is_back,
    is_well,
    last_line,
    orders_in,
    placed_in,
    quoted,
    quoted_while_unusable,
    sockets_opened,
    unusable_reasons,
    usable,
)

# Silence


@pytest.mark.proves("I19")
@pytest.mark.fault("F24")
def test_a_venue_that_falls_silent_on_all_is_left_for_a_new_connection_and_has_no_quotes(running: LiveEngine) -> None:
    before, opened = connections(running), sockets_opened(running)
    with overheard(running, FeedLost) as heard:
        running.venue.fault("silence", channel="market")
        began = time.monotonic()
        running.until(lambda: heard.of(FeedLost), "the silence is noticed")
        noticed_s = time.monotonic() - began
        assert {lost.reason for lost in heard.of(FeedLost)} == {"the venue's book moves on and its stream says nothing"}
        assert noticed_s < 40, "5 s by the spec, and what a busy machine takes"
        running.until(lambda: not running.account()["open_orders"], "its quotes are pulled")
        after = last_line(running)
        running.until(lambda: connections(running) > before, "it is connected anew")
        running.until(lambda: connections(running) > before + 1, "a connection that shows nothing is replaced, too")
        assert sockets_opened(running) >= opened + 2
        assert not any(usable(running, market) for market in running.board.markets)
        assert log(running.venue, "order_placed", after) == [], "nothing is quoted meanwhile"
    clear(running.venue)
    running.until(lambda: quoted(running), "it quotes again")


@pytest.mark.fault("F24")
def test_one_market_that_falls_silent_moves_to_a_new_connection_and_the_others_go_on(
    running: LiveEngine, market: Market
) -> None:
    before, spare = connections(running, "feed/0"), connections(running, "feed/spare")
    with overheard(running, FeedLost) as heard:
        running.venue.fault("silence", channel="market", market=market.slug)
        running.until(lambda: heard.of(FeedLost), "the silence is noticed")
        running.until(lambda: not orders_in(running, market.id), "its quotes are pulled")
        running.until(lambda: connections(running, "feed/spare") > spare, "it is heard on another connection")
        running.until(lambda: connections(running, "feed/spare") > spare + 1, "and that is left when it is silent")
        assert {lost.market for lost in heard.of(FeedLost)} == {market.id}, "no other market is touched"
        assert connections(running, "feed/0") == before
    clear(running.venue)
    running.until(lambda: is_back(running, market.id), "it is back")


@pytest.mark.fault("F25")
def test_a_token_that_never_shows_its_book_is_redriven_moved_and_quarantined(
    running: LiveEngine, market: Market
) -> None:
    running.venue.fault("never_snapshot", market=market.slug, outcome=market.outcomes[NO])
    with overheard(running, FeedLost) as heard:
        running.venue.fault("drop_ws", channel="market", code=1001)
        running.until(lambda: halted(running, market), "it is quarantined")
        reasons = [lost.reason for lost in heard.of(FeedLost, market.id)]
        assert reasons[0].startswith("closed by the venue: 1001")
    cells = [cell for cell in running.board.markets[market.id].cells if cell.source == "feed"]
    assert [cell.reason for cell in cells] == ["no book of its NO token"]
    assert all(usable(running, other) for other in running.board.markets if other != market.id)
    assert not orders_in(running, market.id)
    clear(running.venue)
    running.until(lambda: is_back(running, market.id), "it is back")


@pytest.mark.fault("F26")
def test_a_venue_that_flaps_is_met_with_patience_and_its_markets_are_quarantined(running: LiveEngine) -> None:
    before, markets = connections(running), tuple(running.engine.catalogue.markets.values())
    running.venue.fault("flap", channel="market", least=0.02, most=0.08, seconds=60)
    running.venue.fault("drop_ws", channel="market", code=1006)
    used: list[tuple[int, int]] = []

    def flapped() -> bool:
        used.append((threading.active_count(), len(tuple(Path("/proc/self/fd").iterdir()))))
        return connections(running) >= before + 20 and all(halted(running, market) for market in markets)

    running.until(flapped, "it was dropped twenty times and all is quarantined")
    for counts in zip(*used, strict=True):
        assert max(counts) - min(counts) <= 5, "threads and file descriptors stay as they are"
    assert {reason for source, reason in running.cells() if source == "feed"} == {"8 connections lost within 2 s"}
    running.until(lambda: not running.account()["open_orders"], "nothing rests")
    clear(running.venue)
    running.until(lambda: all(is_back(running, market) for market in running.board.markets), "all are back")


# Frames that come twice, late, or spoilt


@pytest.mark.proves("I21")
@pytest.mark.fault("F27")
@pytest.mark.fault("F28")
def test_frames_that_come_twice_late_and_in_any_order_leave_every_book_and_the_ledger_right(
    running: LiveEngine,
) -> None:
    for channel in ("market", "user"):
        running.venue.fault("duplicate", channel=channel, probability=0.2)
        running.venue.fault("shuffle", channel=channel, within=1, probability=0.3)
        running.venue.fault("late_frames", channel=channel, delay=0.5, probability=0.1)
    running.trades(3)
    for channel in ("market", "user"):
        running.venue.fault("replay_batch", channel=channel, count=50)
    running.trades(1)
    clear(running.venue)
    time_of_last = last_line(running)
    running.until(lambda: last_line(running) > time_of_last, "what was late has come")
    books_agree(running)
    running.until(lambda: is_well(running), "nothing contradicts the ledger")


@pytest.mark.fault("F30")
@pytest.mark.parametrize("fault", ["corrupt_delta", "lose_deltas"])
def test_a_delta_that_is_wrong_or_missing_is_found_and_the_book_read_anew(
    fault: str, running: LiveEngine, market: Market
) -> None:
    with overheard(running, BookEpochChanged, BookResynchronised) as heard:
        running.venue.fault(fault, channel="market", market=market.slug, count=3)
        running.until(lambda: heard.of(BookResynchronised, market.id), "it is found and mended")
        gap = next(changed for changed in heard.of(BookEpochChanged, market.id) if changed.reason == "gap")
        assert any(word in gap.detail for word in ("hash", "crossed", "books_not_mirrored"))
        assert heard.of(BookEpochChanged, market.id)[-1].epoch > gap.epoch or gap.epoch > 1
    running.until(lambda: is_back(running, market.id), "it is usable again")
    clear(running.venue)
    books_agree(running)


@pytest.mark.proves("I19")
@pytest.mark.fault("F31")
@pytest.mark.parametrize(
    ("how", "expected"),
    [("crossed", {"gap"}), ("locked", {"locked"}), ("empty", {"one_sided"}), ("zero", {"one_sided", "gap"})],
)
def test_a_book_on_which_nothing_can_be_decided_gets_no_quote_and_no_flow_from_nowhere(
    how: str, expected: set[str], running: LiveEngine, market: Market
) -> None:
    with overheard(running, BookUpdated, PlaceOrder, FlowUpdated) as heard:
        running.venue.fault("wrong_book", market=market.slug, how=how)
        running.until(lambda: unusable_reasons(heard, market.id), "it is seen")
        running.until(lambda: usable(running, market.id), "and mended")
        seen = unusable_reasons(heard, market.id)
        assert quoted_while_unusable(heard, market.id) == []
        for flow in heard.of(FlowUpdated, market.id):
            assert all(type(score) is int for score in (flow.yes_score, flow.no_score, flow.net_score))
    assert seen & expected, seen
    running.until(lambda: is_back(running, market.id), "it is usable again")
    books_agree(running)


@pytest.mark.proves("I15")
@pytest.mark.fault("F32")
def test_a_tick_that_changes_voids_the_quotes_of_the_old_grid_and_comes_back(
    running: LiveEngine, market: Market
) -> None:
    book = running.board.markets[market.id].book
    assert book is not None
    grid, other = book.tick, 10 if book.tick == 100 else 100
    for tick in (other, grid):
        running.until(lambda: market.id in quoted(running), "it is quoted")
        mine = [order.order_id for order in running.board.orders.values() if order.market == market.id]
        epoch = running.board.markets[market.id].book.epoch  # type: ignore[union-attr]
        after = last_line(running)
        with overheard(running, TickSizeChanged, BookEpochChanged) as heard:
            running.venue.fault("tick_change", market=market.slug, tick=format_price(tick))
            running.until(lambda heard=heard: heard.of(BookEpochChanged, market.id), "the epoch is another")
            changed = heard.of(BookEpochChanged, market.id)[0]
            assert (changed.reason, changed.tick) == ("tick_changed", tick)
            assert changed.epoch > epoch
        running.until(lambda mine=mine: not set(mine) & set(running.account()["open_orders"]), "old quotes are gone")
        ended = {
            line["id"] for kind in ("order_cancelled", "order_matched") for line in log(running.venue, kind, after)
        }
        assert set(mine) <= ended | {line["id"] for line in log(running.venue, "order_cancelled")}
        running.until(lambda after=after: placed_in(running, market, after), "it is quoted on the new grid")
        refused = [line["error"] for line in log(running.venue, "order_refused", after)]
        assert not [error for error in refused if "tick" in error]
        running.until(lambda tick=tick: on_grid(running, market, tick), "all that rests is on the new grid")


def on_grid(running: LiveEngine, market: Market, tick: int) -> bool:
    book = running.board.markets[market.id].book
    prices = [order.price for order in running.board.orders.values() if order.market == market.id]
    return book is not None and book.tick == tick and all(price % tick == 0 for price in prices)


@pytest.mark.fault("F37")
@pytest.mark.parametrize(("fault", "more"), [("narrow", {"bytes_per_second": 300}), ("deaf", {})])
def test_a_line_that_hardly_moves_holds_up_nobody(fault: str, more: dict[str, int], running: LiveEngine) -> None:
    running.venue.fault(fault, line="market", seconds=4, **more)
    slowest_s = 0.0
    until_s = time.monotonic() + 4
    while time.monotonic() < until_s:
        began = time.monotonic()
        running.engine.control.set_state("reduce", (), "test", 10)
        running.engine.control.set_state("resume", (), "test", 10, confirmed=True)
        slowest_s = max(slowest_s, time.monotonic() - began)
    assert slowest_s < 5, "who asks for something is answered at once"
    assert running.engine._watchdog.healthy
    running.until(lambda: all(is_back(running, market) for market in running.board.markets), "all are back")


@pytest.mark.fault("F38")
@pytest.mark.parametrize("kind", ["new_market", "market_resolved"])
def test_a_storm_of_markets_that_concern_nobody_changes_nothing(kind: str, running: LiveEngine) -> None:
    opened, markets = sockets_opened(running), set(running.board.markets)
    mailbox = running.engine._directory.mailbox("feed")
    assert mailbox is not None
    snapshots: Any = mailbox.owner
    requests = snapshots.requests
    ignored = shard(running).codec.counts.ignored
    before = connections(running)
    with overheard(running, FeedLost, FeedRestored) as heard:
        running.venue.fault("storm", kind=kind, count=1000)
        running.until(lambda: shard(running).codec.counts.ignored >= ignored + 1000, "it is over")
        assert heard.all == []
    assert (sockets_opened(running), connections(running)) == (opened, before)
    assert snapshots.requests <= requests + 5, "no more than quiet books need"
    assert set(running.board.markets) == markets


def shard(running: LiveEngine) -> Any:
    mailbox = running.engine._directory.mailbox("feed/0")
    assert mailbox is not None
    return mailbox.owner


@pytest.mark.fault("F39")
@pytest.mark.parametrize("code", [1000, 1001, 1006, 1012])
def test_a_venue_that_goes_away_is_tried_again_at_once(code: int, running: LiveEngine) -> None:
    before = connections(running)
    with overheard(running, FeedLost) as heard:
        running.venue.fault("drop_ws", channel="market", code=code)
        everything = set(running.board.markets)
        running.until(lambda: {lost.market for lost in heard.of(FeedLost)} == everything, "all are lost")
        running.until(lambda: connections(running) > before, "a new connection")
    running.until(lambda: all(usable(running, market) for market in running.board.markets), "all are usable")
    running.until(lambda: not [source for source, _ in running.cells() if source == "feed"], "nothing holds them")


@pytest.mark.fault("F39")
@pytest.mark.parametrize("code", [1008, 4001])
def test_a_venue_that_wants_something_else_of_us_halts_and_is_tried_again_late(code: int, running: LiveEngine) -> None:
    before = connections(running)
    running.venue.fault("drop_ws", channel="market", code=code)
    markets = running.engine.catalogue.markets.values()
    running.until(lambda: all(halted(running, market) for market in markets), "all are halted")
    assert {reason for source, reason in running.cells() if source == "feed"} == {f"closed by the venue: {code}"}
    running.until(lambda: not running.account()["open_orders"], "nothing rests")
    running.until(lambda: all(is_back(running, market) for market in running.board.markets), "all are back")
    assert connections(running) == before + sum(connections(running, feed) > 0 for feed in ("feed/0", "feed/spare"))
    closed_ns = [line["at_ns"] for line in log(running.venue, "fault") if line["fault"] == "drop_ws"][-1]
    opened_ns = [line["at_ns"] for line in log(running.venue, "socket") if line["what"] == "opened"][-1]
    assert opened_ns - closed_ns > 1_000_000_000
