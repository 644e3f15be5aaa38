"""Where the venue is and what it lists, asked of a real sandbox."""

import pytest

from bin.catalogue import (
    Endpoints,
    UnknownMarket,
    VenueUnreachable,
    read_catalogue,
    resolved,
    sandbox_endpoints,
    with_held,
)
from models.units import ONE
from tests.actors.venues.wire_server import book_server
from tests.bin.processes import Sandbox, sandbox


@pytest.fixture(scope="module")
def endpoints(venue: Sandbox) -> Endpoints:
    return sandbox_endpoints(venue.url + "/")


def test_a_sandbox_says_where_its_services_are(venue: Sandbox, endpoints: Endpoints) -> None:
    assert endpoints == Endpoints(
        venue.said["clob_url"], venue.said["market_ws_url"], venue.said["gamma_url"], venue.said["reference_ws_url"],
        f"{venue.url}/sandbox/status", venue.said["user_ws_url"], venue.said["relayer_url"], venue.said["site_url"],
    )  # fmt: skip


def test_all_markets_are_read_with_their_groups_and_what_they_follow(venue: Sandbox, endpoints: Endpoints) -> None:
    catalogue = read_catalogue(endpoints, ())
    listed = {market["condition_id"]: market for market in venue.said["markets"]}
    assert set(catalogue.markets) <= set(listed)
    assert len(catalogue.markets) >= 9, "one may have ended"
    for market in catalogue.markets.values():
        assert list(market.token_ids) == listed[market.id]["token_ids"]
        assert market.reference == listed[market.id].get("reference")
    assert any(market.reference == "BTCUSD" for market in catalogue.markets.values())
    assert any(len(group.markets) == 3 for group in catalogue.groups.values())


def test_markets_are_named_by_slug_or_condition_and_groups_stay_whole(venue: Sandbox, endpoints: Endpoints) -> None:
    first, second = venue.said["markets"][:2]
    catalogue = read_catalogue(endpoints, (first["slug"], second["condition_id"], first["slug"]))
    assert set(catalogue.markets) == {first["condition_id"], second["condition_id"]}
    assert catalogue.groups == {}, "the third of the event is missing"


def test_an_unknown_name_is_told_with_the_nearest(venue: Sandbox, endpoints: Endpoints) -> None:
    with pytest.raises(UnknownMarket, match="no open market 'league-ath-bos-round-1-atx'") as raised:
        read_catalogue(endpoints, ("league-ath-bos-round-1-atx",))
    assert "league-ath-bos-round-1-ath" in raised.value.hint
    with pytest.raises(UnknownMarket) as raised:
        read_catalogue(endpoints, ("zzzzz",))
    assert raised.value.hint == ""


def test_a_venue_that_answers_nonsense_is_unreachable() -> None:
    with book_server() as server:
        with pytest.raises(VenueUnreachable, match="no sandbox answers"):
            sandbox_endpoints(server.url)
        nowhere = Endpoints(server.url, "ws://x", f"{server.url}/gamma")
        with pytest.raises(VenueUnreachable, match="the catalogue cannot be read"):
            read_catalogue(nowhere, ())


def test_a_market_that_closed_while_something_was_held_there_stays_known_with_what_it_pays() -> None:
    with sandbox("--markets-count", 3, "--seed", 7) as venue:
        where = sandbox_endpoints(venue.url)
        before = read_catalogue(where, ())
        held, void, other = before.markets
        venue.fault("resolve", market=held, outcome=before.markets[held].outcomes[1])
        venue.fault("void", market=void)
        now = read_catalogue(where, ())
        assert set(now.markets) == {other}
        assert with_held(where, now, {other}) is now
        known = with_held(where, now, {held, void, other, "0x404"})
        assert (set(known.markets), set(known.unresolved)) == ({held, void, other}, {other})
        assert [(one.market, one.payout_yes) for one in resolved(known, 5)] == [(held, 0), (void, ONE // 2)]
        assert known.markets[held].token_ids == before.markets[held].token_ids


def test_a_market_that_is_open_and_not_named_any_more_stays_known_for_what_is_held_there_but_off(
    venue: Sandbox, endpoints: Endpoints
) -> None:
    everything = read_catalogue(endpoints, ())
    held = next(market for market in everything.markets.values() if market.reference)
    named = next(market for market in everything.markets.values() if market.id != held.id)
    known = with_held(endpoints, read_catalogue(endpoints, (named.slug,)), {held.id, named.id, "0x404"})
    assert known.markets == {named.id: named, held.id: held}, "with the outside price that it follows"
    assert (known.kept, known.resolved) == ((held.id,), {})
    assert [(one.market, one.reason) for one in known.left_out] == [
        (held, "not named in `markets`; off, and kept for what is or was held there")
    ]
