"""Faults of markets, as a client sees them over real sockets."""

import json
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.sandbox.faults.live import until


def first(sock):
    return json.loads(sock.raw.recv())


def book(live, market, token=0):
    return live.ask("GET", "/book", token_id=market.token_ids[token])


def touch(live, market):
    shown = book(live, market).json()
    bids, asks = ([Decimal(level["price"]) for level in shown[side]] for side in ("bids", "asks"))
    return max(bids, default=None), min(asks, default=None)


def kind(name):
    return lambda frame: frame["event_type"] == name


def placed(trader, market, token, side, price, size):
    status, answer = trader.place(market, token, side, price, size)
    assert status == 200, answer
    return answer["orderID"]


def test_the_tick_may_change_and_change_back(live):
    trader, market = live.traders[0], live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("tick_change", market=market.slug)
    changed = [sock.wait(kind("tick_size_change")) for _ in range(2)]
    assert {frame["asset_id"] for frame in changed} == set(market.token_ids)
    assert {(frame["old_tick_size"], frame["new_tick_size"]) for frame in changed} == {("0.01", "0.001")}
    assert trader.place(market, 0, "BUY", "0.301", "10")[0] == 200
    live.throw("tick_change", market=market.slug)
    assert sock.wait(kind("tick_size_change"))["new_tick_size"] == "0.01"
    status, answer = trader.place(market, 0, "BUY", "0.303", "10")
    assert (status, "breaks minimum tick size rule: 0.01" in answer["error"]) == (400, True)


@pytest.mark.parametrize("outcome", ["Yes", "No"])
def test_a_market_ends_with_orders_in_it(live, outcome):
    trader, market = live.traders[0], live.market()
    market_sock, user_sock = live.subscribe(market, custom=True), live.listen(trader, market)
    order_id = placed(trader, market, 0, "BUY", "0.30", "10")
    live.throw("resolve", market=market.slug, outcome=outcome)
    frame = market_sock.wait(kind("market_resolved"))
    assert (frame["winning_outcome"], frame["winning_asset_id"] in market.token_ids) == (outcome, True)
    cancelled = user_sock.wait(lambda frame: frame["type"] == "CANCELLATION")
    assert (cancelled["id"], cancelled["status"][:24]) == (order_id, "CANCELED_MARKET_RESOLVED")
    assert book(live, market).status_code == 404
    assert trader.place(market, 0, "BUY", "0.30", "10")[0] == 400


def test_a_void_market_pays_half_to_both(live):
    trader, market = live.trader(), live.market()
    live.give(trader, market, "No", "10")
    live.throw("void", market=market.slug)
    before = trader.wallet.cash
    answer = live.ask("POST", "/sandbox/chain", json.dumps(
        {"action": "redeem", "wallet": trader.wallet.address, "market": market.condition_id}
    ).encode())  # fmt: skip
    assert answer.status_code == 200, answer.text
    assert trader.wallet.cash - before == 5_000_000


def test_the_markets_of_an_event_end_one_after_the_other(live):
    markets = live.event()
    sock = live.subscribe(*markets, custom=True)
    first(sock)
    assert live.throw("resolve_event", market=markets[1].slug, gap=4) == 3
    ended = [sock.wait(kind("market_resolved")) for _ in range(3)]
    winners = {frame["market"]: frame["winning_outcome"] for frame in ended}
    assert list(winners)[-1] == markets[1].condition_id
    assert winners == {market.condition_id: "Yes" if market is markets[1] else "No" for market in markets}
    times = [int(frame["timestamp"]) for frame in ended]
    assert [after - before for before, after in pairwise(times)] == [4_000, 4_000]


def test_all_liquidity_may_jump_in_one_frame(live):
    market = live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("gap", market=market.slug, price="0.95")
    frame = sock.wait(kind("price_change"))
    mine = [change for change in frame["price_changes"] if change["asset_id"] == market.token_ids[0]]
    assert {(change["best_bid"], change["best_ask"]) for change in mine} == {("0.94", "0.95")}
    assert touch(live, market) == (Decimal("0.94"), Decimal("0.95"))


def test_a_gap_runs_over_orders_that_stand_in_its_way(live):
    trader, market = live.trader(), live.market()
    live.give(trader, market, "Yes", "10")
    order_id = placed(trader, market, 0, "SELL", "0.70", "10")
    live.throw("gap", market=market.slug, price="0.95")
    assert until(lambda: trader.call("GET", f"/data/order/{order_id}")[1]["status"] == "MATCHED")


def test_liquidity_may_vanish_but_for_our_own(live):
    trader, market = live.traders[0], live.market()
    placed(trader, market, 0, "BUY", "0.30", "10")
    live.throw("gap", market=market.slug, how="vanish")
    assert touch(live, market) == (Decimal("0.3"), None)


def test_a_large_quote_may_come_and_go(live):
    market = live.market()
    sock = live.subscribe(market)
    first(sock)
    live.throw("flicker", market=market.slug, side="BUY", size="5000", seconds=5)
    sizes = []
    while len(sizes) < 20:
        change = sock.wait(kind("price_change"))["price_changes"][0]
        assert change["price"] == "0.45"
        sizes.append(change["size"])
    assert sizes == ["6000", "1000"] * 10
    until(lambda: not live.on())
    assert sock.heard(0.2) is not None
    assert touch(live, market)[0] == Decimal("0.45")
    assert book(live, market).json()["bids"][-1]["size"] == "1000"
    assert len(live.lines("flicker")) > 20
