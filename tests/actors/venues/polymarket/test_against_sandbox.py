"""Orders that are signed, placed, read and cancelled against a whole local venue, which checks every signature."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.gate import Gate
from actors.venues.http_client import HttpClient
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.clob_session import ClobSession, ReadFailed
from actors.venues.polymarket.credentials import Credentials
from actors.venues.polymarket.order_body import order_body
from actors.venues.polymarket.orders import SignatureType, SignedOrder
from actors.venues.polymarket.signing import generation_of
from actors.venues.polymarket.verdicts import Cause, Fate, Verdict
from actors.venues.secret import Secret
from models.markets import Market, Side
from models.orders import TimeInForce
from models.units import ONE, SHARE, parse_price
from tests.actors.venues.polymarket.local_venue import CLOCK, Trader, market_of, sandbox


@pytest.fixture(scope="module")
def venue() -> Iterator[dict[str, Any]]:
    with sandbox() as told:
        yield told


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "killed", CLOCK)


@pytest.fixture(params=[SignatureType.ACCOUNT, SignatureType.DEPOSIT_WALLET])
def trader(request: pytest.FixtureRequest, venue: dict[str, Any], gate: Gate) -> Iterator[Trader]:
    told = next(one for one in venue["accounts"] if one["signature_type"] == request.param)
    made = Trader(venue, told, gate)
    yield made
    made.client.cancel_all()
    made.client.close()


@pytest.fixture(params=[False, True], ids=["ordinary", "neg-risk"])
def market(request: pytest.FixtureRequest, venue: dict[str, Any]) -> Market:
    return market_of(next(one for one in venue["markets"] if one["neg_risk"] is request.param))


def best_ask(trader: Trader, market: Market) -> int:
    book = trader.session.read_public("/book", dict[str, Any], {"token_id": market.token_ids[0]})
    return min(parse_price(level["price"]) for level in book["asks"])


def test_an_order_lives_under_the_hash_that_was_known_before(trader: Trader, market: Market) -> None:
    signed = trader.signed(market, "0.01")
    placed = trader.place(signed)
    assert placed == Verdict(Fate.DONE, order_id=signed.order_id, status="live", making=0, taking=0)
    found = trader.client.order(signed.order_id)
    assert found is not None
    assert (found.status, found.price, found.size, found.filled) == ("LIVE", 100, 5 * SHARE, 0)
    assert (found.market, found.token_id, found.maker) == (market.id, market.token_ids[0], trader.account.maker)
    assert [order.order_id for order in trader.client.open_orders(market.id)] == [signed.order_id]

    again = trader.place(signed)
    assert (again.fate, again.cause) == (Fate.DONE, Cause.DUPLICATE)
    assert len(trader.client.open_orders()) == 1

    assert trader.client.cancel(signed.order_id) == Verdict(Fate.DONE, order_id=signed.order_id)
    gone = trader.client.cancel(signed.order_id)
    assert (gone.fate, gone.cause) == (Fate.REFUSED, Cause.GONE)
    found = trader.client.order(signed.order_id)
    assert found is not None
    assert found.status == "CANCELED"
    assert trader.client.open_orders() == ()
    assert trader.client.order("0x" + "00" * 32) is None


def test_an_order_that_takes_is_reported_with_its_trades(trader: Trader, venue: dict[str, Any]) -> None:
    market = market_of(next(one for one in venue["markets"] if one["slug"].startswith("rate-decision")))
    before = trader.client.balance().amount
    price = min(best_ask(trader, market) + 3 * market.tick, ONE - market.tick)
    size = 10 * SHARE * ONE // price // 10_000 * 10_000
    signed = trader.signed(market, f"{price / ONE:.4f}", size, time_in_force=TimeInForce.FAK)
    placed = trader.place(signed, TimeInForce.FAK, post_only=False)
    assert (placed.fate, placed.status) == (Fate.DONE, "matched")
    assert placed.making is not None
    assert placed.taking is not None
    assert placed.trade_ids
    assert 0 < placed.making <= signed.order.making
    parts = [trade for trade_id in placed.trade_ids for trade in trader.client.trades(trade_id=trade_id)]
    assert {trade.taker_order_id for trade in parts} == {signed.order_id}
    assert sum(trade.size for trade in parts) == placed.taking
    assert {trade.trade_id for trade in trader.client.trades(condition_id=market.id)} >= set(placed.trade_ids)
    assert trader.client.balance().amount <= before


def test_a_batch_is_answered_leg_by_leg(trader: Trader, market: Market) -> None:
    crossing = f"{(ONE - market.tick) / ONE:.4f}"
    legs = [trader.signed(market, "0.01"), trader.signed(market, crossing), trader.signed(market, "0.02")]
    owner = trader.credentials.api_key
    bodies = [order_body(leg, TimeInForce.GTC, True, owner) for leg in legs]
    verdicts = trader.client.place_many(bodies, [leg.order_id for leg in legs])
    assert [(verdict.fate, verdict.cause) for verdict in verdicts] == [
        (Fate.DONE, Cause.NONE), (Fate.REFUSED, Cause.CROSSES), (Fate.DONE, Cause.NONE),
    ]  # fmt: skip
    rests = {legs[0].order_id, legs[2].order_id}
    assert {order.order_id for order in trader.client.open_orders(market.id)} == rests
    assert set(trader.client.cancel_market(market.id, market.token_ids[1]).cancelled) == set()
    assert set(trader.client.cancel_market(market.id).cancelled) == rests


def test_several_orders_and_all_orders_are_cancelled(trader: Trader, market: Market) -> None:
    orders = [trader.signed(market, price) for price in ("0.01", "0.02", "0.03")]
    assert {trader.place(order).fate for order in orders} == {Fate.DONE}
    ids = [order.order_id for order in orders]
    unknown = "0x" + "11" * 32
    found = trader.client.cancel_many([ids[0], unknown])
    assert (found.of(ids[0]).fate, found.of(unknown).cause) == (Fate.DONE, Cause.GONE)
    assert set(trader.client.cancel_all().cancelled) == set(ids[1:])
    assert trader.session.rate_limit is not None


@pytest.mark.parametrize(
    "forge",
    [
        lambda signed: replace(signed, signature="0x" + "11" * (len(signed.signature) // 2 - 1)),
        lambda signed: replace(signed, order=replace(signed.order, taking=6 * SHARE)),
        lambda signed: replace(signed, order=replace(signed.order, side=Side.SELL)),
        lambda signed: replace(signed, maker="0x" + "22" * 20),
    ],
)
def test_the_venue_takes_what_is_signed_and_nothing_else(
    trader: Trader, market: Market, forge: Callable[[SignedOrder], SignedOrder]
) -> None:
    signed = trader.signed(market, "0.01")
    assert trader.place(forge(signed)).fate is Fate.REFUSED
    assert trader.client.open_orders() == ()
    assert trader.place(signed).fate is Fate.DONE


def test_an_order_of_another_generation_is_refused(trader: Trader, market: Market) -> None:
    assert generation_of("v1", trader.client.version()) == 2
    assert trader.place(trader.signed(market, "0.01", generation=3)).fate is Fate.REFUSED


def test_an_order_for_another_chain_is_refused(trader: Trader, market: Market) -> None:
    trader.account = dataclasses.replace(trader.account, chain_id=80_002)
    verdict = trader.place(trader.signed(market, "0.01"))
    assert (verdict.fate, verdict.cause) == (Fate.REFUSED, Cause.WALLET)


def test_an_order_of_somebody_elses_key_is_refused(trader: Trader, market: Market) -> None:
    other = "00000000-0000-4000-8000-000000000000"
    verdict = trader.place(trader.signed(market, "0.01"), owner=other)
    assert (verdict.fate, verdict.cause) == (Fate.REFUSED, Cause.WALLET)


def test_wrong_credentials_are_unauthorised(trader: Trader, market: Market) -> None:
    trader.session.credentials = Credentials(trader.credentials.api_key, Secret("A" * 43), Secret("wrong"))
    verdict = trader.place(trader.signed(market, "0.01"))
    assert (verdict.fate, verdict.cause) == (Fate.REFUSED, Cause.UNAUTHORISED)
    with pytest.raises(ReadFailed) as raised:
        trader.client.open_orders()
    assert raised.value.verdict.cause is Cause.UNAUTHORISED
    trader.session.credentials = trader.credentials


def test_the_key_is_derived_from_the_account(trader: Trader) -> None:
    assert trader.client.create_or_derive_key() == trader.credentials
    assert trader.credentials.api_key in trader.client.api_keys()
    assert not trader.client.closed_only()
    assert trader.client.balance().amount > 0
    trader.client.refresh_balance()


def test_the_terms_of_a_market_are_those_that_were_announced(trader: Trader, market: Market) -> None:
    terms = trader.client.market_terms(market.id)
    assert (terms.token_ids, terms.tick, terms.min_size, terms.neg_risk, terms.version) == (
        market.token_ids, market.tick, market.min_order_size, market.neg_risk, "v1",
    )  # fmt: skip
    assert trader.client.tick_size(market.token_ids[0]) == market.tick
    assert trader.client.neg_risk(market.token_ids[1]) is market.neg_risk
    assert abs(trader.client.learn_time()) <= 1


def test_a_killed_gate_lets_cancels_pass_and_orders_not(
    venue: dict[str, Any], trader: Trader, market: Market, gate: Gate
) -> None:
    resting = trader.signed(market, "0.01")
    assert trader.place(resting).fate is Fate.DONE
    gate.kill("the operator says so")
    refused = trader.place(trader.signed(market, "0.02"))
    assert (refused.fate, refused.cause) == (Fate.NEVER_SENT, Cause.GATE)
    cancels = ClobClient(ClobSession(HttpClient(venue["clob_url"]), trader.account, CLOCK, trader.credentials))
    assert cancels.cancel_all().cancelled == (resting.order_id,)
    assert cancels.open_orders() == ()
    cancels.close()


def test_heartbeats_form_a_chain(venue: dict[str, Any], gate: Gate) -> None:
    """On an account of its own: once begun, a chain that ends cancels all orders of the key."""
    trader = Trader(venue, venue["accounts"][2], gate)
    first = trader.client.heartbeat()
    second = trader.client.heartbeat(first.heartbeat_id)
    assert (first.accepted, second.accepted) == (True, True)
    stale = trader.client.heartbeat("00000000-0000-4000-8000-000000000000")
    assert (stale.accepted, stale.heartbeat_id) == (False, second.heartbeat_id)
    assert trader.client.heartbeat(stale.heartbeat_id).accepted
    trader.client.close()


def test_a_venue_of_generation_1_takes_what_the_official_library_signs(gate: Gate) -> None:
    with sandbox("--protocol", "1") as venue:
        trader = Trader(venue, next(one for one in venue["accounts"] if one["signature_type"] == 0), gate)
        market = market_of(venue["markets"][0])
        generation = generation_of("v1", trader.client.version())
        signed = trader.signed(market, "0.01", generation=generation)
        assert generation == 1
        assert trader.place(signed) == Verdict(Fate.DONE, order_id=signed.order_id, status="live", making=0, taking=0)
        assert trader.place(trader.signed(market, "0.02", generation=2)).cause is Cause.WRONG_GENERATION
        trader.client.close()
