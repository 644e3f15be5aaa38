from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.gate import Gate
from actors.live import Live, LiveVenue
from actors.venues.polymarket.sweep import Unproven
from models.messages.market import TickSizeChanged
from tests.actors.venues.polymarket.local_venue import CLOCK, Trader, clear, market_of, sandbox, throw
from tests.models.wishes import wish


@pytest.fixture(scope="module")
def venue() -> Iterator[dict[str, Any]]:
    with sandbox("--markets-count", "2") as told:
        yield told


@pytest.fixture
def trader(venue: dict[str, Any], tmp_path: Path) -> Iterator[Trader]:
    made = Trader(venue, venue["accounts"][0], Gate(tmp_path / "KILL", CLOCK))
    yield made
    made.client.close()


def live(venue: dict[str, Any], trader: Trader, tmp_path: Path, *earlier: str) -> Live:
    found = LiveVenue(venue["clob_url"], venue["user_ws_url"], trader.account, trader.credentials, 2)
    markets = {market.id: market for market in map(market_of, venue["markets"])}
    return Live(found, "run", markets, CLOCK, Gate(tmp_path / "KILL", CLOCK), frozenset(earlier))


def test_an_order_is_ours_once_it_is_named_and_so_are_those_of_earlier_runs(
    venue: dict[str, Any], trader: Trader, tmp_path: Path
) -> None:
    account = live(venue, trader, tmp_path, "0xearlier")
    market = next(iter(account.known_markets()))
    order = wish(1, "0.40", market=market, created_ns=CLOCK.now_ns())
    order_id = account.identify(order)
    assert order_id.startswith("0x")
    assert account.identify(order) == order_id
    assert account.owns(order_id)
    assert account.owns("0xearlier")
    assert not account.owns("0xstranger")
    assert (account.api_key, account.wallet) == (trader.credentials.api_key, trader.account.maker)


def test_orders_are_signed_by_the_tick_that_was_told_last(
    venue: dict[str, Any], trader: Trader, tmp_path: Path
) -> None:
    account = live(venue, trader, tmp_path)
    market = next(iter(account.known_markets()))
    off_the_grid = replace(wish(1, "0.405", market=market, created_ns=CLOCK.now_ns()))
    assert account.identify(off_the_grid).startswith("paper:"), "no lane sends it"
    told = TickSizeChanged(market, 10, 0, CLOCK.now_ns())
    assert tuple(account.noticing(lambda _: ("book",))(told)) == ("book",)
    assert account.identify(off_the_grid).startswith("0x")


@pytest.mark.proves("I10")
def test_a_sweep_leaves_nothing_behind_and_says_so(venue: dict[str, Any], trader: Trader, tmp_path: Path) -> None:
    account = live(venue, trader, tmp_path)
    market = next(iter(account.known_markets().values()))
    trader.place(trader.signed(market, "0.01"))
    assert trader.client.open_orders()
    assert account.sweep(10.0) == ()
    assert trader.client.open_orders() == ()


@pytest.mark.fault("F11")
def test_where_all_cannot_be_cancelled_at_once_a_sweep_cancels_market_by_market(
    venue: dict[str, Any], trader: Trader, tmp_path: Path
) -> None:
    account = live(venue, trader, tmp_path)
    for market in account.known_markets().values():
        trader.place(trader.signed(market, "0.01"))
    throw(venue, "too_many", how="bare", method="DELETE", path="/cancel-all", count=100)
    assert account.sweep(10.0) == ()
    clear(venue)
    assert trader.client.open_orders() == ()


@pytest.mark.proves("I10")
def test_a_sweep_that_cannot_read_proves_nothing(venue: dict[str, Any], trader: Trader, tmp_path: Path) -> None:
    throw(venue, "unauthorized", path="/data/orders", count=100)
    with pytest.raises(Unproven, match="api key"):
        live(venue, trader, tmp_path).sweep(1.0)


def test_a_sweep_of_a_venue_that_does_not_answer_ends_when_its_time_is_over(
    venue: dict[str, Any], trader: Trader, tmp_path: Path
) -> None:
    clear(venue)
    throw(venue, "latency", delay=3_000, path="/data/orders", count=100)
    with pytest.raises(Unproven, match="timed out"):  # and does not wait for the one answer that would come
        live(venue, trader, tmp_path).sweep(1.0)
    clear(venue)


@pytest.mark.proves("I39")
def test_nothing_of_a_venue_shows_a_secret(venue: dict[str, Any], trader: Trader) -> None:
    told = venue["accounts"][0]
    shown = repr(LiveVenue(venue["clob_url"], venue["user_ws_url"], trader.account, trader.credentials, 2))
    for name in ("private_key", "api_secret", "api_passphrase"):
        assert told[name].removeprefix("0x") not in shown
