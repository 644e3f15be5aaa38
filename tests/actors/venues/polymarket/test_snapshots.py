"""Books by REST against a local server."""

from collections.abc import Iterator
from typing import Any

import pytest
from loguru import logger

from actors.runtime.actor import Context
from actors.runtime.lanes import Bounds
from actors.venues.polymarket.feed import BooksProbed, ProbeBooks
from actors.venues.polymarket.snapshots import Snapshots
from models.markets import Market
from models.messages.base import Message
from models.messages.market import BookFrame, RequestSnapshot
from tests.actors.runtime.worlds import RealWorld
from tests.actors.venues.wire_server import BookServer, book_server

MARKETS = {
    f"M{number}": Market(f"M{number}", f"market-{number}", (f"{number}1", f"{number}2")) for number in range(400)
}


@pytest.fixture
def venue() -> Iterator[BookServer]:
    with book_server() as server:
        yield server


@pytest.fixture
def world() -> Iterator[RealWorld]:
    logger.disable("actors")
    world = RealWorld("threads")
    yield world
    world.close()
    logger.enable("actors")


@pytest.fixture
def told(world: RealWorld, venue: BookServer) -> list[Message]:
    """Start the actor; give what it tells the books."""
    told: list[Message] = world.record("book")
    context = Context("feed", world.threads, "nobody", Bounds(intent=2 * len(MARKETS)))
    Snapshots.start(context, venue.url, MARKETS, lambda _: ("book",))
    return told


def rest_book(token: str) -> dict[str, Any]:
    return {
        "market": "0x1", "asset_id": token, "timestamp": "1000", "hash": "h", "min_order_size": "5",
        "tick_size": "0.01", "neg_risk": False, "last_trade_price": "0.5",
        "bids": [{"price": "0.40", "size": "10"}], "asks": [{"price": "0.60", "size": "10"}],
    }  # fmt: skip


def test_a_market_that_asks_gets_both_books_marked_as_rest(
    world: RealWorld, venue: BookServer, told: list[Message]
) -> None:
    venue.answer = [rest_book("71"), rest_book("72")]
    world.directory.send("feed", RequestSnapshot("M7", "gap"))
    world.until(lambda: len(told) == 2)
    assert venue.asked == [["71", "72"]]
    frames = [frame for frame in told if isinstance(frame, BookFrame)]
    assert [(frame.market, frame.outcome, frame.source) for frame in frames] == [("M7", 0, "rest"), ("M7", 1, "rest")]


def test_all_that_waits_goes_into_one_request_of_at_most_500_tokens(
    world: RealWorld, venue: BookServer, told: list[Message]
) -> None:
    venue.may_answer.clear()
    world.directory.send("feed", ProbeBooks("feed/0", ("11",)))
    world.until(lambda: venue.asked)
    for number in range(1, 391):
        world.directory.send("feed", ProbeBooks("feed/0", (f"{number}1", "11")))
        if number % 2:
            world.directory.send("feed", RequestSnapshot(f"M{number}", "gap"))
    venue.may_answer.set()
    world.until(lambda: sum(map(len, venue.asked)) >= 1 + 390 + 195)
    requests = venue.asked[1:]
    assert max(map(len, requests)) <= 500
    assert len(requests) <= 4
    assert all(len(set(one)) == len(one) for one in requests), "nothing is asked for twice in one request"


def test_a_failed_read_tells_no_book_says_so_once_and_goes_on(
    world: RealWorld, venue: BookServer, told: list[Message]
) -> None:
    logger.enable("actors")
    lines: list[str] = []
    handler = logger.add(lambda line: lines.append(str(line)), format="{extra} {message}", level="WARNING")
    venue.status, venue.answer = 503, {"error": "overloaded"}
    for count in (1, 2):
        world.directory.send("feed", ProbeBooks("feed/0", ("11",)))
        world.until(lambda count=count: len(venue.asked) == count)
    venue.status, venue.answer = 200, [rest_book("11")]
    world.directory.send("feed", ProbeBooks("feed/0", ("11",)))
    world.until(lambda: told)
    logger.remove(handler)
    assert len(told) == 1
    assert [line for line in lines if "cannot be read" in line] == [
        "{'actor': 'feed', 'reason': 'status 503, 23 bytes'} books cannot be read by REST\n"
    ]


def test_where_one_read_fails_the_rest_waits_for_the_next_turn(
    world: RealWorld, venue: BookServer, told: list[Message]
) -> None:
    venue.status = 503
    world.directory.send("feed", ProbeBooks("feed/0", tuple(f"{number}" for number in range(600))))
    world.until(lambda: venue.asked)
    venue.status = 200
    world.directory.send("feed", ProbeBooks("feed/0", ("11",)))
    world.until(lambda: len(venue.asked) == 2)
    assert (len(venue.asked[0]), venue.asked[1]) == (500, [str(number) for number in range(500, 600)] + ["11"])


def test_whoever_probes_is_told_of_when_the_books_are(world: RealWorld, venue: BookServer, told: list[Message]) -> None:
    answered: list[Any] = world.record("feed/0")
    venue.answer = [rest_book("11"), rest_book("21") | {"timestamp": "2000"}, rest_book("31")]
    venue.may_answer.clear()
    world.directory.send("feed", RequestSnapshot("M9", "gap"))
    world.until(lambda: venue.asked)
    world.directory.send("feed", RequestSnapshot("M3", "gap"))
    world.directory.send("feed", ProbeBooks("feed/0", ("11", "21")))
    venue.may_answer.set()
    world.until(lambda: answered)
    assert answered == [BooksProbed({"M1": 1_000, "M2": 2_000})]


def test_a_market_nobody_knows_is_not_asked_for(world: RealWorld, venue: BookServer, told: list[Message]) -> None:
    world.directory.send("feed", RequestSnapshot("M999", "gap"))
    world.directory.send("feed", RequestSnapshot("M1", "gap"))
    world.until(lambda: venue.asked)
    assert venue.asked == [["11", "12"]]
