"""Frames of the market channel that are not as they should be, in a whole live engine: F33 to F36."""

import json
import time

import pytest

from actors.venues.polymarket.codec import Codec
from actors.venues.polymarket.feed import tokens_of
from actors.venues.websocket_client import WebSocketClient
from models.markets import NO, YES, Market
from models.messages.market import (
    BookEpochChanged,
    BookFrame,
    FeedLost,
)
from tests.faults.live_engine import LiveEngine
from tests.faults.overheard import Overheard, overheard
from tests.faults.streams_at_work import books_agree, connections, is_back, misunderstood


@pytest.mark.proves("I23")
@pytest.mark.fault("F33")
@pytest.mark.parametrize("how", ["renamed", "missing", "numbers", "seconds"])
def test_a_known_field_that_is_missing_or_of_another_kind_fails_its_market_and_nothing_else(
    how: str, running: LiveEngine, market: Market
) -> None:
    before, shapes = connections(running), misunderstood(running)["shape"]
    with overheard(running, BookEpochChanged) as heard:
        running.venue.fault("mutate", channel="market", market=market.slug, kind="price_change", how=how, count=2)
        running.until(lambda: doubted(heard), "its book is doubted")
        running.until(lambda: is_back(running, market.id), "and read anew")
        assert doubted(heard) == {market.id}
    assert connections(running) == before
    if how != "seconds":  # the surfaces are told a little later than the book
        running.until(lambda: misunderstood(running)["shape"] > shapes, "the frame is counted")
    books_agree(running)


def doubted(heard: Overheard) -> set[str]:
    """The markets whose book is read anew for what a frame said; the venue loses some by itself, which is not meant."""
    gaps = [
        changed
        for changed in heard.of(BookEpochChanged)
        if "frames missed" in changed.detail or "late" in changed.detail
    ]
    return {changed.market for changed in gaps}


@pytest.mark.fault("F33")
def test_events_and_fields_that_nobody_knows_are_ignored_and_counted(running: LiveEngine, market: Market) -> None:
    with overheard(running, BookEpochChanged) as heard:
        running.venue.fault("mutate", channel="market", kind="best_bid_ask", how="unknown_event", count=5)
        running.venue.fault("mutate", channel="market", how="unknown_field", seconds=60)
        running.until(lambda: {"event", "field"} <= misunderstood(running).keys(), "counted")
        assert doubted(heard) == set()
    running.until(lambda: is_back(running, market.id), "all is well")


@pytest.mark.fault("F33")
def test_a_frame_that_is_cut_in_the_middle_is_counted_and_the_books_of_its_connection_are_read(
    running: LiveEngine, market: Market
) -> None:
    before = connections(running)
    with overheard(running, BookFrame) as heard:
        running.venue.fault("garbage", market=market.slug)
        running.until(
            lambda: {one.outcome for one in heard.of(BookFrame, market.id) if one.source == "rest"} == {YES, NO},
            "those that may be meant are read",
        )
    running.until(lambda: misunderstood(running)["text"] >= 1, "it is counted")
    assert connections(running) == before


@pytest.mark.fault("F34")
@pytest.mark.parametrize("how", ["utf8", "binary", "rsv1", "masked"])
def test_what_no_venue_may_send_ends_the_connection(how: str, running: LiveEngine, market: Market) -> None:
    before = connections(running)
    with overheard(running, FeedLost) as heard:
        running.venue.fault("bad_frame", market=market.slug, how=how)
        running.until(lambda: connections(running) > before, "a new connection")
        reason = heard.of(FeedLost)[0].reason
    said = {"utf8": "not UTF-8", "binary": "binary frame", "rsv1": "rsv", "masked": "masked frame"}
    assert said[how] in reason
    running.until(lambda: is_back(running, market.id), "it is usable again")


@pytest.mark.proves("I42")
@pytest.mark.fault("F35")
@pytest.mark.parametrize(
    ("fault", "said"),
    # What is said in the midst of a message that never ends is no frame of it, and ends the connection as well.
    [
        ("huge_frame", ("frame of 300000000 bytes, more than 4194304",)),
        ("endless_frame", ("message of", "Illegal frame")),
    ],
)
def test_what_would_never_end_is_refused_by_what_it_announces(
    fault: str, said: tuple[str, ...], running: LiveEngine, market: Market
) -> None:
    before = connections(running)
    with overheard(running, FeedLost) as heard:
        running.venue.fault(fault, market=market.slug)
        running.until(lambda: connections(running) > before, "a new connection")
        assert any(words in heard.of(FeedLost)[0].reason for words in said)
    running.until(lambda: is_back(running, market.id), "it is usable again")


@pytest.mark.proves("I42")
@pytest.mark.fault("F36")
def test_a_large_snapshot_is_taken_without_holding_anybody_up(running: LiveEngine, market: Market) -> None:
    before = connections(running)
    with overheard(running, BookFrame, FeedLost) as heard:
        running.venue.fault("big_snapshot", market=market.slug, bytes=2_000_000)
        running.until(lambda: len(heard.of(BookFrame, market.id)) > 100, "it is taken")
        assert heard.of(FeedLost) == []
    assert connections(running) == before
    assert not {reason for source, reason in running.cells() if source == "runtime"}


@pytest.mark.proves("I42")
@pytest.mark.fault("F36")
def test_a_snapshot_of_two_megabytes_is_read_in_a_small_part_of_a_second(running: LiveEngine, market: Market) -> None:
    client, codec = WebSocketClient(running.venue.said["market_ws_url"], 5), Codec(tokens_of(market))
    client.send(json.dumps({"assets_ids": list(market.token_ids), "type": "market"}))
    spent_s: list[float] = []
    until_s = time.monotonic() + 30
    while len(spent_s) < 5 and time.monotonic() < until_s:
        running.venue.fault("big_snapshot", market=market.slug, bytes=2_000_000)
        books, began = 0, 0.0
        while books < 100 and time.monotonic() < until_s:
            client.readable(0.1)
            began = time.thread_time()
            raw = client.receive()
            books = len(codec.decode(raw, 0)) if raw else 0
        spent_s.append(time.thread_time() - began)
    client.close()
    assert len(spent_s) == 5
    assert min(spent_s) < 0.15, "of the processor, and thrice of what it takes on a core of our own"
