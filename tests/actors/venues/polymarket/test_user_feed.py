"""The user feed against a local WebSocket server."""

import json
import socket
from collections.abc import Iterator

import msgspec
import pytest
from loguru import logger

from actors.venues.polymarket.credentials import Credentials
from actors.venues.polymarket.user_codec import UserCodec
from actors.venues.polymarket.user_feed import UserFeed
from actors.venues.secret import Secret
from models.cells import TradingState
from models.feeds import FeedParameters
from models.messages.control import RaiseCell
from models.messages.market import FeedCounted
from models.messages.orders import (
    ForeignOrderSeen,
    OrderAccepted,
    TradeReported,
    UserFeedLost,
    UserFeedProven,
    UserFeedRestored,
)
from models.messages.runtime import ActorRestarted
from tests.actors.runtime.worlds import RealWorld
from tests.actors.venues.feeds_at_work import FeedAtWork, quiet_world, route
from tests.actors.venues.polymarket.user_frames import KEY, M, Ours, order, part, trade
from tests.actors.venues.wire_server import SocketServer, socket_server

QUICK = FeedParameters(
    ping_ms=50, silent_ms=1_000, probe_ms=600, connect_timeout_ms=3_000, backoff_ms=20, backoff_cap_ms=300
)
SECRET, PASSPHRASE = "c2VjcmV0LWNhbmFyeQ==", "passphrase-canary"
CREDENTIALS = Credentials(KEY, Secret(SECRET), Secret(PASSPHRASE))


class Desk(FeedAtWork[UserFeed]):
    """A user feed at work."""

    def __init__(self, world: RealWorld) -> None:
        super().__init__(world, "feed/user")

    def start(self, url: str, parameters: FeedParameters = QUICK) -> UserFeed:
        codec = UserCodec([M], Ours("o1", "o2"))
        return self.begin(lambda context: UserFeed.start(context, url, CREDENTIALS, codec, parameters, route), UserFeed)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with quiet_world() as world:
        yield Desk(world)


def test_the_credentials_are_the_first_word_and_a_ping_the_second(desk: Desk, venue: SocketServer) -> None:
    desk.start(venue.url, FeedParameters())
    desk.until(lambda: len(venue.heard) >= 2)
    auth = {"apiKey": KEY, "secret": SECRET, "passphrase": PASSPHRASE}
    assert json.loads(venue.heard[0]) == {"auth": auth, "type": "user"}, "without markets: the whole account"
    assert venue.heard[1:] == ["PING"]


def test_what_was_missed_is_asked_for_once_the_venue_has_read_the_credentials(desk: Desk) -> None:
    with socket_server(pongs=False) as venue:
        feed = desk.start(venue.url)
        desk.until(lambda: "PING" in venue.heard)
        assert desk.told == []
        venue.say("PONG")
        desk.until(lambda: desk.told)
    (restored,) = desk.of(UserFeedRestored)
    assert restored.market is None
    assert not feed.proven


def test_events_are_passed_on_in_order_and_the_first_one_proves_the_credentials(
    desk: Desk, venue: SocketServer
) -> None:
    feed = desk.start(venue.url)
    desk.until(lambda: desk.of(UserFeedRestored))
    assert not feed.proven
    venue.say(order(), [trade(part("x", "10", "0.52")), order(id="foreign")], order(id="o2"))
    desk.until(lambda: len(desk.told) == 6)
    assert desk.kinds() == [
        UserFeedRestored, UserFeedProven, OrderAccepted, TradeReported, ForeignOrderSeen, OrderAccepted,
    ]  # fmt: skip
    assert feed.proven


def test_a_lost_connection_is_told_with_when_it_was_last_heard_and_comes_back(desk: Desk, venue: SocketServer) -> None:
    feed = desk.start(venue.url)
    desk.until(lambda: desk.of(UserFeedRestored))
    venue.say(order())
    desk.until(lambda: desk.of(OrderAccepted))
    venue.drop()
    desk.until(lambda: len(desk.of(UserFeedRestored)) == 2)
    (lost,) = desk.of(UserFeedLost)
    first, second = desk.of(UserFeedRestored)
    assert lost.reason == "closed by the venue: 1001 going away"
    assert first.at_ns <= lost.heard_ns <= second.at_ns
    assert not feed.proven, "another connection, of which nothing is known"
    venue.say(order(id="o2"))
    desk.until(lambda: len(desk.of(OrderAccepted)) == 2)
    assert desk.kinds() == [
        UserFeedRestored, UserFeedProven, OrderAccepted, UserFeedLost, UserFeedRestored, UserFeedProven, OrderAccepted,
    ]  # fmt: skip


@pytest.mark.control("user_feed", "trips")
def test_a_connection_that_never_answers_is_replaced_and_told_lost_once(desk: Desk) -> None:
    with socket_server(pongs=False) as venue:
        feed = desk.start(venue.url)
        desk.until(lambda: feed.connections >= 3)
    assert desk.told == [UserFeedLost("silent for 1000 ms", None)]


def test_an_outage_is_told_once_however_often_it_is_tried_again(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    desk.start(f"ws://127.0.0.1:{port}/ws/user")
    desk.until(lambda: desk.told)
    with socket_server(port=port):
        desk.until(lambda: desk.of(UserFeedRestored))
    assert desk.kinds()[:2] == [UserFeedLost, UserFeedRestored]
    assert desk.of(UserFeedLost)[0].heard_ns is None


@pytest.mark.control("user_feed", "nearly")
def test_pings_keep_a_quiet_connection(desk: Desk, venue: SocketServer) -> None:
    feed = desk.start(venue.url)
    desk.until(lambda: venue.heard.count("PING") >= 25)
    assert feed.connections == 1
    assert desk.kinds() == [UserFeedRestored]


def test_a_market_that_lost_an_event_is_read_again_and_not_for_each_of_them(desk: Desk, venue: SocketServer) -> None:
    feed = desk.start(venue.url)
    desk.until(lambda: desk.of(UserFeedRestored))
    venue.say(order(size_matched=3), order(size_matched=4), '{"event_type":"news"}')
    desk.until(lambda: len(desk.of(UserFeedRestored)) == 2)
    assert desk.of(UserFeedRestored)[1].market == "m"
    venue.say(order(size_matched=5), order(size_matched=6), "{")
    desk.until(lambda: len(desk.of(UserFeedRestored)) == 3)
    again = desk.of(UserFeedRestored)
    assert again[2].market is None, "of the last one nobody knows whose it was"
    assert again[2].at_ns - again[1].at_ns >= QUICK.probe_ms * 1_000_000
    assert feed.malformed == {"shape": 4, "event": 1, "text": 1}
    assert not feed.proven, "nothing that could be read has come"
    desk.until(lambda: desk.counted and desk.counted[-1] == FeedCounted(desk.name, 1, dict(feed.malformed)))


def test_a_feed_in_the_place_of_a_dead_one_says_that_it_was_lost(desk: Desk, venue: SocketServer) -> None:
    desk.start(venue.url)
    desk.until(lambda: desk.of(UserFeedRestored))
    desk.stop()
    assert desk.kinds() == [UserFeedRestored]
    desk.start(venue.url)
    desk.until(lambda: len(desk.of(UserFeedRestored)) == 2)
    assert desk.told[1] == UserFeedLost("the feed died", None)


def test_whoever_takes_the_place_of_the_one_that_was_told_is_told_what_stands(desk: Desk, venue: SocketServer) -> None:
    desk.start(venue.url)
    desk.until(lambda: desk.of(UserFeedRestored))
    for name in ("somebody", "served"):
        desk.world.directory.send(desk.name, ActorRestarted(name, "", 1))
    desk.until(lambda: len(desk.told) == 2)
    assert desk.told[0] == desk.told[1]
    venue.close()
    desk.until(lambda: desk.of(UserFeedLost))
    desk.world.directory.send(desk.name, ActorRestarted("served", "", 2))
    desk.until(lambda: len(desk.told) == 4)
    assert desk.told[2] == desk.told[3]


def test_a_venue_that_wants_other_credentials_halts_everything_and_is_tried_again_late(
    desk: Desk, venue: SocketServer
) -> None:
    desk.start(venue.url, msgspec.structs.replace(QUICK, refused_ms=500))
    desk.until(lambda: desk.of(UserFeedRestored))
    venue.connections()[0].close(4001, "log in")
    desk.until(lambda: len(desk.cells) == 2)
    assert desk.cells == [
        RaiseCell(None, "user_feed", TradingState.HALTED, "closed by the venue: 4001 log in"),
        RaiseCell(None, "user_feed", TradingState.ACTIVE, ""),
    ]
    assert desk.kinds() == [UserFeedRestored, UserFeedLost, UserFeedRestored]
    assert venue.connected_s[1] - venue.connected_s[0] > 0.4


@pytest.mark.proves("I39")
def test_no_log_line_and_no_description_of_the_feed_shows_a_secret(desk: Desk, venue: SocketServer) -> None:
    said: list[str] = []
    handler = logger.add(
        lambda line: said.append(str(line)), level=0, format="{level} {extra} {message}", backtrace=True, diagnose=True
    )
    logger.enable("actors")
    feed = desk.start(venue.url)
    desk.until(lambda: desk.of(UserFeedRestored))
    venue.say("{", order(size_matched=3), '{"event_type":"news"}', order())
    desk.until(lambda: desk.of(OrderAccepted))
    venue.drop()
    desk.until(lambda: desk.of(UserFeedLost) and isinstance(desk.told[-1], UserFeedRestored))
    venue.say("x" * (4 * 1024 * 1024 + 1))
    desk.until(lambda: len(desk.of(UserFeedLost)) == 2)
    logger.remove(handler)
    assert sum("feed lost" in line for line in said) == 2
    shown = "\n".join([*said, repr(feed), repr(vars(feed)), repr(desk.told)])
    for secret in (SECRET, PASSPHRASE):
        assert secret not in shown
