"""The market feed against a local WebSocket server."""

import itertools
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from loguru import logger

from actors.runtime.actor import Context
from actors.venues.polymarket.feed import (
    TOKENS_MAX,
    BooksProbed,
    FeedShard,
    Forget,
    Hear,
    ProbeBooks,
    RepeatMoves,
    TakeOver,
    Tokens,
    shards,
)
from models.cells import TradingState
from models.feeds import FeedParameters
from models.markets import Market
from models.messages.control import RaiseCell
from models.messages.market import BookFrame, FeedCounted, FeedLost, FeedRestored, LevelsChanged
from tests.actors.runtime.worlds import RealWorld
from tests.actors.venues.feeds_at_work import FeedAtWork, quiet_world, route
from tests.actors.venues.wire_server import SocketServer, socket_server

QUICK = FeedParameters(
    ping_ms=50, silent_ms=400, probe_ms=10_000, connect_timeout_ms=3_000, backoff_ms=20, backoff_cap_ms=300
)
TOKENS: Tokens = {"11": ("M1", 0), "12": ("M1", 1), "21": ("M2", 0), "22": ("M2", 1)}


def market(number: int) -> Market:
    return Market(f"M{number}", f"market-{number}", (f"{number}1", f"{number}2"))


def book(token: str, bid: str = "0.40") -> dict[str, Any]:
    return {
        "event_type": "book", "asset_id": token, "market": "0x1", "timestamp": "1000", "hash": "",
        "bids": [{"price": bid, "size": "10"}], "asks": [{"price": "0.60", "size": "10"}],
    }  # fmt: skip


def change(token: str, size: str = "5") -> dict[str, Any]:
    entry = {"asset_id": token, "price": "0.41", "size": size, "side": "BUY", "hash": ""}
    return {"event_type": "price_change", "market": "0x1", "timestamp": "1001", "price_changes": [entry]}


class Kept:
    """A tape in memory."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, str, bytes]] = []
        self.flushes = 0

    def append(self, received_ns: int, connection: str, raw: bytes) -> None:
        self.frames.append((received_ns, connection, raw))

    def flush(self, now_ns: int) -> None:
        self.flushes += 1


class Desk(FeedAtWork[FeedShard]):
    """A shard at work: what it asked of the prober and gave to the spare, and what it kept on the tape."""

    def __init__(self, world: RealWorld) -> None:
        super().__init__(world, "feed/0")
        self.asked: list[Any] = world.record("prober")
        self.given: list[Any] = world.record("spare")
        self.tape = Kept()

    def start(self, url: str, parameters: FeedParameters = QUICK, tokens: Tokens = TOKENS, **more: Any) -> FeedShard:
        return self.begin(
            lambda context: FeedShard.start(
                context, url, tokens, parameters, route, "prober", self.tape, **more
            ),
            FeedShard,
        )  # fmt: skip

    def shown(self, url: str, venue: SocketServer, parameters: FeedParameters = QUICK, **more: Any) -> FeedShard:
        """Start it on a venue that shows all its books."""
        venue.greeting = json.dumps([book(token) for token in TOKENS])
        feed = self.start(url, parameters, **more)
        self.until(lambda: len(self.of(BookFrame)) == len(TOKENS))
        return feed


@pytest.fixture
def desk() -> Iterator[Desk]:
    with quiet_world() as world:
        yield Desk(world)


def test_it_subscribes_to_all_its_tokens_and_passes_frames_on(desk: Desk, venue: SocketServer) -> None:
    desk.start(venue.url)
    desk.until(lambda: venue.heard)
    assert json.loads(venue.heard[0]) == {
        "assets_ids": ["11", "12", "21", "22"], "type": "market", "custom_feature_enabled": True,
    }  # fmt: skip
    venue.say([book("11"), book("22")], change("21"))
    desk.until(lambda: len(desk.told) == 3)
    assert [type(message) for message in desk.told] == [BookFrame, BookFrame, LevelsChanged]
    assert [message.market for message in desk.told] == ["M1", "M2", "M2"]  # pyright: ignore[reportAttributeAccessIssue]


def test_every_raw_frame_is_kept_with_the_time_of_its_receipt(desk: Desk, venue: SocketServer) -> None:
    desk.start(venue.url)
    desk.until(venue.connections)
    venue.say(change("11"), "not json")
    desk.until(lambda: len([raw for _, _, raw in desk.tape.frames if raw != b"PONG"]) == 2)
    desk.until(lambda: desk.of(LevelsChanged))
    assert {name for _, name, _ in desk.tape.frames} == {"feed/0"}
    assert [message.received_ns for message in desk.of(LevelsChanged)] == [
        at_ns for at_ns, _, raw in desk.tape.frames if b"price_change" in raw
    ]


def test_a_quiet_tape_is_made_safe_too(desk: Desk, venue: SocketServer) -> None:
    desk.start(venue.url)
    desk.until(venue.connections)
    desk.until(lambda: desk.tape.flushes >= 2)


def test_markets_are_split_at_200_tokens_and_never_in_themselves() -> None:
    split = shards(market(number) for number in range(1, 152))
    assert [len(tokens) for tokens in split] == [TOKENS_MAX, 102]
    for tokens in split:
        owners = [of for of, _ in tokens.values()]
        assert all(owners.count(of) == 2 for of in owners)


def test_no_shard_takes_more_than_the_venue_serves(desk: Desk) -> None:
    tokens: Tokens = {str(number): (f"M{number}", 0) for number in range(TOKENS_MAX + 1)}
    with pytest.raises(ValueError, match="200 tokens, not 201"):
        FeedShard(Context("feed/9", desk.world.threads), "ws://nowhere", tokens, QUICK, lambda _: (), "prober")


def test_a_ping_goes_out_every_interval_and_an_answer_keeps_the_connection(desk: Desk, venue: SocketServer) -> None:
    feed = desk.start(venue.url)
    began = time.monotonic()
    desk.until(lambda: venue.heard.count("PING") >= 12)
    elapsed_s = time.monotonic() - began
    assert elapsed_s > QUICK.silent_ms / 1_000, "long enough for silence to count"
    assert elapsed_s > 11 * QUICK.ping_ms / 1_000, "not more often than asked for"
    assert feed.connections == 1
    assert desk.told == []


def test_pings_of_the_protocol_neither_block_the_feed_nor_count_as_frames(desk: Desk, venue: SocketServer) -> None:
    venue.pongs = False
    feed = desk.start(venue.url)
    desk.until(venue.connections)
    for wanted in range(2, 14):
        venue.ping()
        desk.until(lambda wanted=wanted: venue.heard.count("PING") >= wanted)
    assert feed.connections == 1
    assert desk.tape.frames == []


def test_a_silent_connection_is_replaced_and_its_books_wait_for_full_frames(desk: Desk, venue: SocketServer) -> None:
    feed = desk.shown(venue.url, venue)
    venue.pongs = False
    desk.until(lambda: feed.connections == 2)
    desk.until(lambda: len(desk.of(FeedRestored)) >= 2)
    assert [message for message in desk.told if not isinstance(message, BookFrame)][:4] == [
        FeedLost("M1", "silent for 400 ms"), FeedLost("M2", "silent for 400 ms"),
        FeedRestored("M1", resynchronise=True), FeedRestored("M2", resynchronise=True),
    ]  # fmt: skip


def test_a_dropped_connection_comes_back_with_the_venues_own_reason_and_each_market_with_its_book(
    desk: Desk, venue: SocketServer
) -> None:
    venue.greeting = json.dumps([book("11"), book("21"), book("12")])
    desk.start(venue.url)
    desk.until(lambda: len(desk.of(BookFrame)) == 3)
    venue.drop()
    desk.until(lambda: len(desk.of(BookFrame)) == 5)
    assert desk.kinds()[3:] == [FeedLost, FeedLost, FeedRestored, BookFrame, BookFrame]
    assert [lost.reason for lost in desk.of(FeedLost)] == ["closed by the venue: 1001 going away"] * 2
    assert [restored.market for restored in desk.of(FeedRestored)] == ["M1"], "of the other only one token was shown"


@pytest.mark.fault("F26")
def test_each_failure_in_a_row_waits_twice_as_long_up_to_the_cap(desk: Desk, lines: list[str]) -> None:
    logger.enable("actors")
    with socket_server(closes=True) as venue:
        desk.start(venue.url)
        desk.until(lambda: len(venue.connected_s) >= 7)
    at = venue.connected_s
    waited_ms = [(later - earlier) * 1_000 for earlier, later in itertools.pairwise(at)]
    for waited, least in zip(waited_ms, (20, 40, 80, 160, 300, 300), strict=False):
        assert waited >= least * 0.99
    retries = [line.split("'retry_ms': ")[1].split("}")[0] for line in lines if "retry_ms" in line]
    assert retries[:6] == ["20", "40", "80", "160", "300", "300"]


def test_an_outage_is_told_to_the_books_once_and_in_the_log_once(desk: Desk, lines: list[str]) -> None:
    logger.enable("actors")
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    desk.start(f"ws://127.0.0.1:{port}/ws/market")
    desk.until(lambda: sum("feed lost" in line for line in lines) >= 4)
    assert sum("feed lost" in line and line.startswith("WARNING") for line in lines) == 1
    assert len(desk.told) == 2
    with socket_server(json.dumps([book("11"), book("12")]), port=port):
        desk.until(lambda: desk.of(FeedRestored))


def test_a_handshake_that_trickles_is_given_up_as_a_whole(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as slow:
        desk.start(f"ws://127.0.0.1:{slow.getsockname()[1]}/", FeedParameters(connect_timeout_ms=200))
        connection, _ = slow.accept()
        with connection:

            def lost() -> bool:
                connection.send(b"H")
                return bool(desk.of(FeedLost))

            desk.until(lost)
    assert desk.of(FeedLost)[0].reason == "no connection within 200 ms"


def test_a_connection_in_the_making_does_not_hold_a_stop(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        desk.start(f"ws://127.0.0.1:{mute.getsockname()[1]}/", FeedParameters(connect_timeout_ms=60_000))
        connection, _ = mute.accept()
        with connection:
            assert desk.stop() < 2


def test_tokens_that_are_quiet_are_asked_for_and_others_are_not(desk: Desk, venue: SocketServer) -> None:
    parameters = FeedParameters(probe_ms=200, ping_ms=10_000)
    desk.start(venue.url, parameters)
    desk.until(venue.connections)
    began = time.monotonic()

    def probed() -> bool:
        venue.say(change("21"))
        return len(desk.asked) >= 3

    desk.until(probed)
    assert {probe.token_ids for probe in desk.asked} == {("11", "12")}
    assert time.monotonic() - began >= 0.6, "once a period, not at every look"


def test_a_resolved_market_is_asked_for_no_more(desk: Desk, venue: SocketServer) -> None:
    desk.start(venue.url, FeedParameters(probe_ms=100, ping_ms=10_000))
    desk.until(venue.connections)
    venue.say(
        {"event_type": "market_resolved", "market": "0x1", "assets_ids": ["11", "12"], "winning_asset_id": "11",
         "timestamp": "1"}
    )  # fmt: skip
    desk.until(lambda: desk.told)
    desk.asked.clear()
    desk.until(lambda: len(desk.asked) >= 2)
    assert {probe.token_ids for probe in desk.asked} == {("21", "22")}


def test_a_malformed_frame_is_counted_logged_once_a_kind_and_resynchronises_its_market(
    desk: Desk, venue: SocketServer, lines: list[str]
) -> None:
    logger.enable("actors")
    feed = desk.start(venue.url)
    desk.until(venue.connections)
    bad_size = change("11", size="much")
    venue.say(bad_size, bad_size, '{"event_type":"news"}', '{"event_type":"news"}', change("21"))
    desk.until(lambda: desk.of(LevelsChanged))
    assert feed.codec.counts.malformed == 4
    assert desk.of(FeedRestored) == [FeedRestored("M1", resynchronise=True)] * 2
    malformed = [line for line in lines if "malformed frame" in line]
    assert [line.split("'kind': '")[1].split("'")[0] for line in malformed] == ["number", "event"]
    desk.until(lambda: desk.counted and desk.counted[-1] == FeedCounted("feed/0", 1, {"number": 2, "event": 2}))


def test_after_garbage_that_names_no_market_all_books_are_asked_for_once(desk: Desk, venue: SocketServer) -> None:
    desk.start(venue.url, FeedParameters(probe_ms=800, ping_ms=10_000))
    desk.until(venue.connections)
    venue.say('{"event_type":"price_change","price_ch', "{", change("21"))
    desk.until(lambda: desk.asked)
    assert desk.asked == [ProbeBooks("feed/0", ("11", "12", "21", "22"))]
    assert desk.of(FeedRestored) == [], "no quote goes for it"


@pytest.mark.proves("I42")
@pytest.mark.fault("F35")
def test_a_frame_beyond_the_bound_ends_the_connection_unread(desk: Desk, venue: SocketServer) -> None:
    desk.start(venue.url)
    desk.until(venue.connections)
    venue.say("x" * (4 * 1024 * 1024 + 1))
    desk.until(lambda: desk.of(FeedLost))
    assert "frame of 4194305 bytes, more than 4194304" in desk.of(FeedLost)[0].reason


@pytest.mark.proves("I42")
@pytest.mark.fault("F35")
def test_a_message_in_pieces_that_never_end_is_refused_as_a_whole(desk: Desk, venue: SocketServer) -> None:
    desk.start(venue.url)
    desk.until(venue.connections)
    venue.connections()[0].send("x" * (1024 * 1024) for _ in range(5))
    desk.until(lambda: desk.of(FeedLost))
    assert "message of 5242880 bytes, more than 4194304" in desk.of(FeedLost)[0].reason


def test_what_the_venue_says_when_it_closes_is_cleaned(desk: Desk, venue: SocketServer, lines: list[str]) -> None:
    logger.enable("actors")
    desk.start(venue.url)
    desk.until(venue.connections)
    venue.connections()[0].close(1001, "gone\n2026-01-01 INFO kill off\x1b[2J\u202e" + "x" * 30)
    desk.until(lambda: desk.of(FeedLost))
    assert desk.of(FeedLost)[0].reason == "closed by the venue: 1001 gone 2026-01-01 INFO kill off[2J" + "x" * 30
    (said,) = [line for line in lines if "feed lost" in line]
    assert "\x1b" not in said
    assert said.count("\n") == 1


@pytest.mark.fault("F25")
def test_a_market_of_which_a_token_shows_no_book_is_subscribed_to_anew_then_moved(
    desk: Desk, venue: SocketServer
) -> None:
    venue.greeting = json.dumps([book("11"), book("12"), book("22")])
    desk.start(venue.url, msgspec.structs.replace(QUICK, unheard_ms=100), spare="spare")
    desk.until(lambda: desk.given)
    assert desk.given == [TakeOver("M2", ("21", "22"))]

    def said() -> list[tuple[str, list[str]]]:
        heard = [json.loads(text) for text in venue.heard[1:] if text != "PING"]
        return [(one["operation"], one["assets_ids"]) for one in heard]

    desk.until(lambda: len(said()) >= 7)
    assert said() == [
        *[("unsubscribe", ["21"]), ("subscribe", ["21"])] * 3, ("unsubscribe", ["21", "22"]),
    ]  # fmt: skip
    assert desk.of(FeedLost) == [FeedLost("M2", "no book of its YES token")]
    assert desk.cells == []
    venue.drop()
    desk.until(lambda: desk.of(FeedRestored))
    assert json.loads(venue.heard[-1])["assets_ids"] == ["11", "12"], "it is not its market any more"


@pytest.mark.fault("F25")
def test_what_the_spare_does_not_hear_either_is_quarantined_and_let_go_when_it_is_heard(
    desk: Desk, venue: SocketServer
) -> None:
    spare = desk.start(venue.url, msgspec.structs.replace(QUICK, unheard_ms=100, steady_ms=300), {})
    desk.until(lambda: spare.is_wanted() is False)
    assert venue.connected_s == [], "nothing to hear, no connection"
    desk.world.directory.send("feed/0", TakeOver("M2", ("21", "22")))
    desk.until(lambda: desk.cells)
    assert desk.cells == [RaiseCell("M2", "feed", TradingState.HALTED, "no book of its YES or NO token")]
    venue.greeting = json.dumps([book("21"), book("22")])
    desk.until(lambda: len(desk.cells) == 2)
    assert desk.cells[1] == RaiseCell("M2", "feed", TradingState.ACTIVE, "")
    assert desk.of(FeedRestored) == [FeedRestored("M2", resynchronise=True)]


def test_a_market_that_is_added_is_heard_on_the_connection_that_stands_and_one_that_is_removed_no_more(
    desk: Desk, venue: SocketServer
) -> None:
    def changes() -> list[tuple[str, list[str]]]:
        said = [json.loads(text) for text in venue.heard[1:] if text != "PING"]
        return [(change["operation"], change["assets_ids"]) for change in said]

    feed = desk.shown(venue.url, venue, msgspec.structs.replace(QUICK, unheard_ms=50))
    desk.world.directory.send("feed/0", Hear("M3", ("31", "32")))
    desk.until(lambda: ("subscribe", ["31", "32"]) in changes())
    venue.say([book("31"), book("32")])
    desk.until(lambda: desk.of(FeedRestored))
    assert desk.of(FeedRestored) == [FeedRestored("M3", resynchronise=True)]
    desk.until(lambda: [frame.market for frame in desk.of(BookFrame)][-2:] == ["M3", "M3"])
    desk.world.directory.send("feed/0", Forget("M1"))
    desk.until(lambda: ("unsubscribe", ["11", "12"]) in changes())
    venue.say(change("11"), change("31"))
    desk.until(lambda: desk.of(LevelsChanged))
    assert [frame.market for frame in desk.of(LevelsChanged)] == ["M3"]
    assert feed.connections == 1
    assert not desk.of(FeedLost)


def test_a_market_that_was_quarantined_and_removed_is_let_go_when_it_is_added_again(
    desk: Desk, venue: SocketServer
) -> None:
    desk.start(venue.url, msgspec.structs.replace(QUICK, unheard_ms=100), {})
    desk.world.directory.send("feed/0", TakeOver("M2", ("21", "22")))
    desk.until(lambda: desk.cells)
    desk.world.directory.send("feed/0", Forget("M2"))
    venue.greeting = json.dumps([book("21"), book("22")])
    desk.world.directory.send("feed/0", Hear("M2", ("21", "22")))
    desk.until(lambda: desk.of(FeedRestored))
    assert [cell.state for cell in desk.cells[:2]] == [TradingState.HALTED, TradingState.ACTIVE]


def test_a_spare_in_the_place_of_a_dead_one_is_given_again_what_that_one_had(desk: Desk, venue: SocketServer) -> None:
    venue.greeting = json.dumps([book("11"), book("12")])
    desk.start(venue.url, msgspec.structs.replace(QUICK, unheard_ms=50), spare="spare")
    desk.until(lambda: desk.given)
    desk.world.directory.send("feed/0", RepeatMoves("spare"))
    desk.until(lambda: len(desk.given) == 2)
    assert desk.given[0] == desk.given[1]


@pytest.mark.fault("F24")
def test_a_book_at_rest_that_moves_on_while_the_stream_is_silent_replaces_the_connection(
    desk: Desk, venue: SocketServer
) -> None:
    parameters = msgspec.structs.replace(QUICK, probe_ms=500, moved_on_ms=100)
    feed = desk.shown(venue.url, venue, parameters)
    desk.until(lambda: desk.asked)
    assert {probe.asker for probe in desk.asked} == {"feed/0"}
    desk.world.directory.send("feed/0", BooksProbed({"M1": 1_000, "M2": 1_000}))
    asked = len(desk.asked)
    desk.until(lambda: len(desk.asked) > asked)
    assert feed.connections == 1, "what REST shows is what the stream said last"
    desk.world.directory.send("feed/0", BooksProbed({"M1": 1_001}))
    desk.until(lambda: feed.connections == 2)
    assert {lost.reason for lost in desk.of(FeedLost)} == {"the venue's book moves on and its stream says nothing"}


@pytest.mark.fault("F24")
def test_a_book_that_moves_on_while_only_its_stream_is_silent_is_given_to_the_spare(
    desk: Desk, venue: SocketServer
) -> None:
    feed = desk.shown(venue.url, venue, msgspec.structs.replace(QUICK, moved_on_ms=100), spare="spare")
    desk.world.directory.send("feed/0", BooksProbed({"M1": 1_001}))

    def given() -> bool:
        venue.say(change("21"))
        return bool(desk.given)

    desk.until(given)
    assert desk.given == [TakeOver("M1", ("11", "12"))]
    assert [one.market for one in desk.of(FeedLost)] == ["M1"]
    assert feed.connections == 1


@pytest.mark.fault("F26")
def test_connections_that_do_not_last_quarantine_their_markets_until_one_does(desk: Desk, venue: SocketServer) -> None:
    desk.shown(venue.url, venue, msgspec.structs.replace(QUICK, flaps=3, steady_ms=400))
    for connections in (2, 3, 4):
        venue.drop()
        desk.until(lambda connections=connections: len(venue.connected_s) == connections)
        desk.until(venue.connections)
    desk.until(lambda: len(desk.cells) == 4)
    reason = "3 connections lost within 60 s"
    assert desk.cells == [
        RaiseCell("M1", "feed", TradingState.HALTED, reason), RaiseCell("M2", "feed", TradingState.HALTED, reason),
        RaiseCell("M1", "feed", TradingState.ACTIVE, ""), RaiseCell("M2", "feed", TradingState.ACTIVE, ""),
    ]  # fmt: skip


@pytest.mark.fault("F39")
@pytest.mark.parametrize("code", [1002, 1008, 4001, 4403])
def test_a_venue_that_closes_for_a_reason_of_ours_halts_its_markets_and_is_tried_again_late(
    code: int, desk: Desk, venue: SocketServer
) -> None:
    desk.shown(venue.url, venue, msgspec.structs.replace(QUICK, refused_ms=600, steady_ms=100))
    began = time.monotonic()
    venue.connections()[0].close(code, "who are you")
    desk.until(lambda: len(desk.cells) == 4)
    assert [cell.state for cell in desk.cells] == [TradingState.HALTED] * 2 + [TradingState.ACTIVE] * 2
    assert desk.cells[0].reason == f"closed by the venue: {code} who are you"
    assert venue.connected_s[1] - began > 0.4


def test_a_stop_leaves_nothing_unread_and_no_connection(desk: Desk, venue: SocketServer) -> None:
    desk.start(venue.url)
    desk.until(venue.connections)
    assert desk.stop() < 1
    assert desk.world.dead_letters.total() == 1, "only the word of its end, for a supervisor that is not there"
    desk.until(lambda: not venue.connections())


def test_a_feed_in_the_place_of_a_dead_one_says_what_was_missed_and_lifts_what_that_one_raised(
    desk: Desk, venue: SocketServer
) -> None:
    desk.shown(venue.url, venue)
    desk.stop()
    desk.told.clear()
    desk.shown(venue.url, venue)
    assert desk.told[:2] == [FeedLost("M1", "the feed died"), FeedLost("M2", "the feed died")]
    assert desk.of(FeedRestored) == [FeedRestored("M1", resynchronise=True), FeedRestored("M2", resynchronise=True)]
    assert {(cell.market, cell.state) for cell in desk.cells} == {
        ("M1", TradingState.ACTIVE), ("M2", TradingState.ACTIVE),
    }  # fmt: skip
