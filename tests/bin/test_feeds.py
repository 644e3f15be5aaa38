"""Which connection is to hear which market, also when it begins anew, and when there is no room on any."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from actors.runtime.directory import Directory
from actors.runtime.supervisor import StartChild
from actors.store.tape import TapeWriter
from actors.system import FEEDS, Start, System
from actors.venues.polymarket.feed import TOKENS_MAX, Forget, Hear
from bin.catalogue import Endpoints
from bin.feeds import MarketFeeds
from models.feeds import FeedParameters
from models.markets import Market

WHERE = Endpoints("http://127.0.0.1:9", "ws://127.0.0.1:9", "http://127.0.0.1:9")
NO_TAPE: TapeWriter | None = None


def market(number: int, reference: str | None = None) -> Market:
    return Market(f"M{number}", f"market-{number}", (f"{number}1", f"{number}2"), reference=reference)


class Sent:
    """Who was sent what."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []

    def send(self, name: str, message: Any) -> None:
        self.sent.append((name, message))

    @property
    def directory(self) -> Directory:
        return cast(Directory, self)


class World:
    def __init__(self, count: int) -> None:
        self.to = Sent()
        markets = {one.id: one for one in (market(number) for number in range(count))}
        self.feeds = MarketFeeds(WHERE, markets, FeedParameters(), NO_TAPE, 0)
        self.names = [name for name, _ in self.feeds.starts(lambda _: ())]

    def hear(self, number: int) -> list[tuple[str, Any]]:
        self.to.sent.clear()
        system = cast(System, SimpleNamespace(feed=lambda name, start: (name, start)))
        self.feeds.hear(market(number), system, self.to.directory)
        return self.to.sent

    def forget(self, number: int) -> set[str]:
        self.to.sent.clear()
        self.feeds.forget(market(number), self.to.directory)
        assert {message for _, message in self.to.sent} == {Forget(f"M{number}")}
        return {name for name, _ in self.to.sent}


def test_a_market_is_heard_where_there_is_room() -> None:
    world = World(2)
    assert world.names == ["feed", "feed/0", "feed/spare"]
    assert world.hear(5) == [("feed/0", Hear("M5", ("51", "52")))]


def test_where_all_connections_are_full_another_one_is_started_and_takes_the_next() -> None:
    full = TOKENS_MAX // 2
    world = World(full)
    ((name, message),) = world.hear(full)
    assert (name, message.child[0]) == (FEEDS, f"feed/{1}")
    assert isinstance(message, StartChild)
    assert world.hear(full + 1) == [("feed/1", Hear(f"M{full + 1}", (f"{full + 1}1", f"{full + 1}2")))]


def test_a_market_that_is_forgotten_makes_room_and_every_connection_is_told() -> None:
    full = TOKENS_MAX // 2
    world = World(full)
    assert world.forget(3) == {"feed/0", "feed/spare"}, "it may have been given away"
    assert [name for name, _ in world.hear(full)] == ["feed/0"]


@pytest.mark.parametrize(("reference", "heard"), [(None, True), ("BTCUSD", True), ("ETHUSD", False)])
def test_an_outside_price_is_followed_or_not(reference: str | None, heard: bool) -> None:
    feeds = MarketFeeds(WHERE, {"M1": market(1, "BTCUSD")}, FeedParameters(), NO_TAPE, 0)
    assert feeds.follows(reference) is heard


def test_a_connection_that_begins_anew_hears_what_it_is_to_hear_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[Any] = []
    monkeypatch.setattr("bin.feeds.FeedShard.start", lambda *given, **_: began.append(given[2]))
    world = World(1)
    starts: dict[str, Start] = dict(world.feeds.starts(lambda _: ()))
    world.hear(5)
    world.forget(0)
    starts["feed/0"](cast(Any, None))
    assert began == [{"51": ("M5", 0), "52": ("M5", 1)}]
