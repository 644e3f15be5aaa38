"""Reference prices against a local WebSocket server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from loguru import logger

from actors.runtime.actor import Context
from actors.venues.reference import ReferenceFeed
from models.feeds import FeedParameters
from models.messages.market import FeedCounted, ReferenceUpdated
from tests.actors.runtime.worlds import RealWorld
from tests.actors.venues.wire_server import SocketServer, socket_server

QUICK = FeedParameters(ping_ms=50, silent_ms=400, backoff_ms=20, backoff_cap_ms=100)


@pytest.fixture
def venue() -> Iterator[SocketServer]:
    with socket_server() as server:
        yield server


@pytest.fixture
def world() -> Iterator[RealWorld]:
    logger.disable("actors")
    world = RealWorld("threads")
    yield world
    world.close()
    logger.enable("actors")


def start(world: RealWorld, url: str) -> tuple[ReferenceFeed, list[ReferenceUpdated]]:
    told: list[ReferenceUpdated] = world.record("follower")
    world.record("board")
    ReferenceFeed.start(
        Context("feed/reference", world.threads, "nobody"), url, ("BTCUSD", "ETHUSD"), QUICK,
        lambda message: ("board",) if isinstance(message, FeedCounted) else ("follower",),
    )  # fmt: skip
    mailbox = world.directory.mailbox("feed/reference")
    assert mailbox is not None
    assert isinstance(mailbox.owner, ReferenceFeed)
    return mailbox.owner, told


def price(value: Any, name: str = "BTCUSD") -> dict[str, Any]:
    return {"event_type": "reference", "name": name, "price": value, "timestamp": "1"}


def test_it_asks_for_its_names_and_tells_their_prices(world: RealWorld, venue: SocketServer) -> None:
    _, told = start(world, venue.url)
    world.until(venue.connections)
    assert json.loads(venue.heard[0]) == {"type": "reference", "names": ["BTCUSD", "ETHUSD"]}
    venue.say(price("64000.25"), price("3100", "ETHUSD"))
    world.until(lambda: len(told) == 2)
    assert [(update.name, update.value) for update in told] == [("BTCUSD", 64000.25), ("ETHUSD", 3100.0)]


def test_what_is_no_price_is_counted_and_told_to_nobody(world: RealWorld, venue: SocketServer) -> None:
    feed, told = start(world, venue.url)
    world.until(venue.connections)
    venue.say("{", price("much"), price("0"), price("-1"), price("inf"), price("nan"), price(None))
    venue.say('{"x":' + "[" * 10_000, price("1.5"))
    world.until(lambda: told)
    assert [update.value for update in told] == [1.5]
    assert feed.malformed == {"reference": 4, "price": 4}


def test_a_silent_or_lost_connection_is_made_again(world: RealWorld, venue: SocketServer) -> None:
    venue.greeting = json.dumps(price("1"))
    feed, told = start(world, venue.url)
    world.until(lambda: len(told) == 1)
    venue.drop()
    world.until(lambda: len(told) == 2)
    venue.pongs = False
    world.until(lambda: feed.connections == 3)
