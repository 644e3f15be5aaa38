"""`keel markets add` and `remove` in a running engine, in paper and live, against a real sandbox."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest

from actors.control.ports import Listed, Markets, Refused
from actors.venues.polymarket.feed import Hear
from bin.catalogue import (
    Endpoints,
    SeveralMarkets,
    UnknownMarket,
    VenueUnreachable,
    find_market,
    read_catalogue,
    sandbox_endpoints,
    with_listed,
)
from bin.engine import Engine
from bin.engine_options import Options
from bin.markets_port import RunningMarkets
from config.settings import load
from models.markets import Catalogue, Market
from models.messages.control import RaiseCell, SetOperatorState
from models.snapshot import Board, DeskLine, MarketLine
from surfaces import documents
from tests.bin.processes import Sandbox, sandbox, until
from tests.faults.live_engine import SMALL, live


@pytest.fixture(scope="module")
def place() -> Iterator[Sandbox]:
    """Markets that each stand alone."""
    with sandbox("--markets-count", 6, "--seed", 7) as running:
        yield running


@pytest.fixture(scope="module")
def where(place: Sandbox) -> Endpoints:
    return sandbox_endpoints(place.url)


@pytest.fixture(scope="module")
def alone(where: Endpoints) -> list[Market]:
    return list(read_catalogue(where, ()).markets.values())


@pytest.fixture(scope="module")
def event(venue: Sandbox) -> list[Market]:
    """Three markets, of which one alone can pay."""
    found = read_catalogue(sandbox_endpoints(venue.url), ())
    return next([found.markets[one] for one in group.markets] for group in found.groups.values())


class Running:
    """An engine with names for what is asked of it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        assert engine.control.markets is not None
        self.port: Markets = engine.control.markets

    @property
    def board(self) -> Board:
        return self.engine.board.look()

    def line(self, market: Market) -> MarketLine:
        return self.board.markets[market.id]

    def slugs(self) -> set[str]:
        return {line.market.slug for line in self.board.markets.values() if not line.removed}

    def desk(self, market: Market) -> DeskLine:
        (desk,) = self.board.desks_of(market.id)
        return desk

    def add(self, name: str, *, dry_run: bool = False) -> Listed:
        return self.port.add(name, "test", 20, dry_run=dry_run)

    def remove(self, market: Market, *, dry_run: bool = False) -> Listed:
        return self.port.remove(market.id, "test", 20, dry_run=dry_run)

    def quotes(self, market: Market) -> None:
        until(lambda: self.board.open_orders(market.id), f"orders in {market.slug}", 60)

    def actors(self, market: Market) -> list[str]:
        desks = [f"{part}/desk/{market.id}" for part in ("inventory", "coordinator")]
        names = [f"book/{market.id}", f"flow/{market.id}", *desks]
        return [name for name in names if self.engine._directory.find(name) is not None]


@contextmanager
def paper(where: Endpoints, folder: Path, *markets: Market, **more: str) -> Iterator[Running]:
    """Run an engine whose quotes stand so far from the touch that nobody finds them."""
    given = {"mode": "paper", "paper.cash": "10000", "risk.wallet_usd": "10000", "maker.pair_target": "0.90"}
    settings = load({**SMALL, **given, **more}, config_file=None, env_file=None, environment={})
    database, named = f"sqlite:///{folder}/arb.db", tuple(one.slug for one in markets)
    made = Engine(
        Options("paper", {"desk": "maker"}, settings.engine, where, folder, database, named, recording=False),
        leave=lambda code: None,
    )
    try:
        made.start()
        yield Running(made)
    finally:
        made.stop()


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{folder}/arb.db?mode=ro", uri=True)) as database:
        found = database.execute("SELECT detail FROM events WHERE kind = ?", [kind]).fetchall()
    return [json.loads(detail) for (detail,) in found]


def test_a_market_is_added_while_another_trades_on_removed_and_a_restart_remembers_both(
    where: Endpoints, alone: list[Market], tmp_path: Path
) -> None:
    first, second, third = alone[:3]
    with paper(where, tmp_path, first, third) as running:
        shown = running.add(second.slug, dry_run=True)
        assert (shown.dry_run, shown.lines[0]) == (True, f"{second.slug} would be added")
        assert second.id not in running.board.markets, "nothing was done"
        assert running.add(second.slug).changed
        assert len(running.actors(second)) == 4
        assert not running.add(second.id).changed, "it is there already"
        for market in (first, second, third):
            running.quotes(market)
        assert not running.board.counts.dead_letters_by_reason

        assert "would be switched off" in running.remove(third, dry_run=True).lines[0]
        assert running.line(third).on
        assert running.remove(third).changed
        assert running.board.open_orders(third.id) == []
        assert running.actors(third) == []
        assert running.slugs() == {first.slug, second.slug}
        assert {row["slug"] for row in documents.markets(running.board)["markets"]} == running.slugs()
        assert not running.remove(third).changed
        running.quotes(first)
    assert [(one["slug"], one["who"]) for one in events(tmp_path, "listed")] == [(second.slug, "test")]
    assert [one["slug"] for one in events(tmp_path, "unlisted")] == [third.slug]

    with paper(where, tmp_path, first, third) as running:
        assert running.slugs() == {first.slug, second.slug}
        running.quotes(second)
        assert running.add(third.slug).changed, "only adding brings it back"
        running.quotes(third)


def test_a_core_and_a_feed_that_die_take_up_again_what_was_added(
    where: Endpoints, alone: list[Market], tmp_path: Path
) -> None:
    first, second = alone[:2]
    with paper(where, tmp_path, first) as running:
        running.add(second.slug)
        running.quotes(second)
        before = {order.order_id for order in running.board.open_orders()}
        running.engine._directory.send("risk", RaiseCell("m", "test", cast(Any, "no state"), ""))
        until(lambda: running.board.counts.restarts >= 3, "journal, risk and executor stand again", 60)
        until(lambda: not before & {order.order_id for order in running.board.open_orders()}, "all was cancelled", 60)
        running.quotes(second)

        restarts, book = running.board.counts.restarts, running.line(second).book
        assert book is not None
        running.engine._directory.send("feed/0", Hear(cast(Any, []), ("1", "2")))
        until(lambda: running.board.counts.restarts > restarts, "the feed stands again", 60)
        until(lambda: getattr(running.line(second).book, "epoch", 0) > book.epoch, "its book is a new one", 60)
        running.quotes(second)


def test_what_is_decided_on_together_is_neither_added_nor_removed(
    venue: Sandbox, event: list[Market], tmp_path: Path
) -> None:
    with paper(sandbox_endpoints(venue.url), tmp_path, event[0]) as running:
        for dry_run in (True, False):
            with pytest.raises(Refused, match="is of the same event as") as raised:
                running.add(event[1].slug, dry_run=dry_run)
            assert "restart" in raised.value.hint
        with pytest.raises(Refused) as unknown:
            running.add("nowhere-to-be-found")
        assert unknown.value.code == "not_found"
        with pytest.raises(Refused) as other:
            running.port.remove("0xother", "test", 1, dry_run=False)
        assert other.value.code == "not_found"
        assert set(running.board.markets) == {event[0].id}


def test_a_live_engine_signs_sends_and_hears_of_fills_in_a_market_that_was_added(
    place: Sandbox, alone: list[Market], tmp_path: Path
) -> None:
    first, second, third = alone[:3]
    with live(place, 1, tmp_path, markets=first.slug) as trader:
        running = Running(trader.engine)
        trader.resume()
        assert set(running.board.markets) == {first.id}
        running.engine.tell(SetOperatorState("pause", None, "pause", "test"))
        assert running.add(third.slug).changed
        assert running.remove(third).changed, "nothing was traded there"
        assert running.actors(third) == []
        running.engine.tell(SetOperatorState("resume", None, "resume", "test"))
        assert running.add(second.slug).changed
        running.quotes(second)
        until(lambda: running.desk(second).fills, f"fills in {second.slug}", 60)
        with pytest.raises(Refused, match="is off, marked and settled until it is flat: ") as raised:
            running.port.remove(second.id, "test", 3, dry_run=False)
        assert "keel flatten" in raised.value.hint
        assert not running.line(second).on
        assert running.board.open_orders(second.id) == []
        assert len(running.actors(second)) == 4, "what it holds is marked and settled"
        assert {cell.source for cell in running.line(second).cells} <= {"switch", "inventory", "flow"}


def test_a_market_is_found_by_slug_condition_token_and_page(where: Endpoints, alone: list[Market]) -> None:
    market = alone[0]
    assert market.condition_id is not None
    names = (
        market.slug, market.condition_id, *market.token_ids,
        f"https://polymarket.com/market/{market.slug}", f"https://polymarket.com/event/some-event/{market.slug}?tid=1",
    )  # fmt: skip
    assert {find_market(where, name).id for name in names} == {market.id}
    with pytest.raises(UnknownMarket):
        find_market(where, "https://polymarket.com/event/no-such-event")


def test_a_page_of_several_markets_names_them(venue: Sandbox, event: list[Market]) -> None:
    listed = {one["condition_id"]: one["event"] for one in venue.said["markets"]}
    with pytest.raises(SeveralMarkets) as raised:
        find_market(sandbox_endpoints(venue.url), f"https://polymarket.com/event/{listed[event[0].id]}")
    assert set(raised.value.slugs) == {one.slug for one in event}


def test_what_was_said_earlier_of_a_market_that_is_gone_keeps_nothing_from_starting(
    where: Endpoints, alone: list[Market]
) -> None:
    first, second = alone[:2]
    known = Catalogue({first.id: first})
    facts = {
        "0xgone": '{"slug":"gone","traded":true,"who":"me","at_ns":1}',
        "0xelse": '{"slug":"else","traded":false,"who":"me","at_ns":1}',
        second.id: f'{{"slug":"{second.slug}","traded":true,"who":"me","at_ns":1}}',
        first.id: f'{{"slug":"{first.slug}","traded":false,"who":"me","at_ns":1}}',
    }
    assert set(with_listed(where, known, facts).markets) == {second.id}


def test_what_was_removed_and_is_held_after_all_is_known_again(where: Endpoints, alone: list[Market]) -> None:
    first, second, third = alone[:3]
    removed = {one.id: f'{{"slug":"{one.slug}","traded":false,"who":"me","at_ns":1}}' for one in (first, second)}
    known = Catalogue({first.id: first, third.id: third})
    assert set(with_listed(where, known, removed).markets) == {third.id}
    assert set(with_listed(where, known, removed, {first.id}).markets) == {first.id, third.id}, "the file names it"
    assert set(with_listed(where, known, removed, {second.id}).markets) == {second.id, third.id}, "it was added, once"


def test_who_waits_for_another_no_longer_than_asked_adds_nothing_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is held up by a venue that does not answer."""
    asked, go_on = list[str](), Event()

    def slow(_: Endpoints, name: str) -> Market:
        asked.append(name)
        assert go_on.wait(60)
        raise VenueUnreachable("too late")

    monkeypatch.setattr("bin.markets_port.find_market", slow)
    nobody: Any = SimpleNamespace(endpoints=None)
    port = RunningMarkets(nobody, nobody, nobody, None)

    def first() -> None:
        with pytest.raises(Refused, match="too late"):
            port.add("first", "test", 20, dry_run=False)

    other = Thread(target=first)
    other.start()
    until(lambda: asked, "the first is under way")
    for ask in (port.add, port.remove):
        with pytest.raises(Refused, match="another market is being added or removed: nothing was done") as refused:
            ask("second", "test", 0.05, dry_run=False)
        assert (refused.value.code, refused.value.retryable) == ("refused", True)
    go_on.set()
    other.join()
    assert asked == ["first"]
