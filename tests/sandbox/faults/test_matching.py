"""Faults of orders, trades and holdings, as their trader sees them over real sockets."""

import time

import httpx
import pytest

from tests.sandbox.faults.live import SPEED, until


def orders(trader):
    return {one["id"]: one for one in trader.call("GET", "/data/orders")[1]["data"]}


def order(trader, order_id):
    return trader.call("GET", f"/data/order/{order_id}")[1]


def trades(trader, market):
    return trader.call("GET", "/data/trades", market=market.condition_id)[1]["data"]


def of_order(frame):
    return frame["event_type"] == "order"


def placed(trader, market, side="BUY", price="0.45", size="100", token=0, **more):
    status, answer = trader.place(market, token, side, price, size, **more)
    assert status == 200, answer
    return answer["orderID"]


def test_the_stream_may_say_cancelled_of_an_order_that_lives(live):
    trader, market = live.traders[0], live.market()
    sock = live.listen(trader, market)
    order_id = placed(trader, market, price="0.30")
    live.throw("disagree", order=order_id)
    frame = sock.wait(lambda frame: frame["type"] == "CANCELLATION")
    assert (frame["id"], frame["status"]) == (order_id, "CANCELED")
    assert order(trader, order_id)["status"] == "LIVE"


def test_the_stream_may_not_say_that_an_order_was_cancelled(live):
    trader, market = live.traders[0], live.market()
    sock = live.listen(trader, market)
    order_id = placed(trader, market, price="0.30")
    sock.wait(lambda frame: frame["id"] == order_id)
    live.throw("disagree", order=order_id, how="stream_live", seconds=20)
    assert sock.heard(0.2) == []
    assert order(trader, order_id)["status"] == "CANCELED"


def test_an_order_is_filled_in_parts_until_dust_is_left(live):
    trader, market = live.traders[0], live.market()
    order_id = placed(trader, market)
    assert live.throw("partial_fills", order=order_id, parts=4, gap=1, dust="0.0049") == 4
    ended = until(lambda: (found := order(trader, order_id))["status"] == "MATCHED" and found)
    assert (ended["size_matched"], ended["original_size"]) == ("99.9951", "100")
    assert len(trades(trader, market)) == 4
    assert order_id not in orders(trader)


def test_a_part_may_be_larger_than_the_order(live):
    trader, market = live.traders[0], live.market()
    order_id = placed(trader, market)
    live.throw("overfill", size="0.005")
    live.throw("partial_fills", order=order_id, parts=1, dust="0")
    assert until(lambda: order(trader, order_id)["size_matched"]) == "100.005"


@pytest.mark.parametrize(
    "fate, statuses",
    [
        ("retried", ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]),
        ("failed", ["MATCHED", "RETRYING", "FAILED"]),
        ("contradictory", ["MATCHED", "FAILED", "CONFIRMED"]),
        ("stuck", ["MATCHED"]),
    ],
)
def test_a_trade_goes_the_way_that_is_chosen_for_it(live, fate, statuses):
    trader, market = live.traders[0], live.market()
    sock = live.listen(trader, market)
    live.throw("trade_fate", fate=fate)
    order_id = placed(trader, market, price="0.55", size="10")
    told: list[str] = []
    while len(told) < len(statuses):
        frame = sock.wait(lambda frame: frame["event_type"] == "trade")
        assert frame["taker_order_id"] == order_id
        told.append(frame["status"])
    assert told == statuses
    assert [one["status"] for one in trades(trader, market)] == [f"TRADE_STATUS_{statuses[-1]}"]


def test_a_failed_trade_leaves_the_money_where_it_was(live):
    trader, market = live.trader(), live.market()
    before = trader.wallet.cash
    live.throw("trade_fate", fate="failed")
    placed(trader, market, price="0.55", size="10")
    until(lambda: trades(trader, market)[0]["status"] == "TRADE_STATUS_FAILED")
    assert trader.wallet.cash == before
    assert market.token_ids[0] not in trader.wallet.tokens


def test_an_order_may_be_matched_before_its_cancel_arrives(live):
    trader, market = live.traders[0], live.market()
    order_id = placed(trader, market)
    live.throw("race")
    answer = trader.call("DELETE", "/order", {"orderID": order_id})[1]
    assert answer == {"canceled": [], "not_canceled": {order_id: "Order already matched"}}
    assert order(trader, order_id)["size_matched"] == "100"


def test_a_fill_may_be_told_of_after_the_cancel(live):
    trader, market = live.traders[0], live.market()
    sock = live.listen(trader, market)
    order_id = placed(trader, market)
    live.throw("race", how="after", delay=6)
    assert trader.call("DELETE", "/order", {"orderID": order_id})[1]["canceled"] == [order_id]
    begin = time.monotonic()
    placement, cancellation = sock.wait(of_order), sock.wait(of_order)
    assert (placement["type"], cancellation["type"]) == ("PLACEMENT", "CANCELLATION")
    assert cancellation["size_matched"] == "0"
    later = [sock.wait(lambda _: True) for _ in range(2)]
    assert time.monotonic() - begin > 5 / SPEED
    update = next(frame for frame in later if frame["event_type"] == "order")
    trade = next(frame for frame in later if frame["event_type"] == "trade")
    assert (update["type"], update["status"], update["size_matched"]) == ("UPDATE", "CANCELED", "50")
    assert (trade["status"], trade["maker_orders"][0]["matched_amount"]) == ("MATCHED", "50")


def test_an_order_that_nobody_admits_to_is_filled_later(live):
    trader, market = live.traders[0], live.market()
    sock = live.listen(trader, market)
    live.throw("zombie", hidden=20)
    live._http.timeout = 0.3
    body = trader.body(market, 0, "BUY", "0.45", "100")
    with pytest.raises(httpx.ReadTimeout):
        trader.call("POST", "/order", body)
    live._http.timeout = 10
    assert orders(trader) == {}
    assert sock.heard(0.1) == []
    frame = sock.wait(lambda frame: frame["event_type"] == "trade")
    (maker,) = frame["maker_orders"]
    assert (maker["matched_amount"], order(trader, maker["order_id"])["status"]) == ("100", "MATCHED")
    assert trader.call("POST", "/order", body)[1]["error"].endswith("Duplicated.")


def test_one_taker_may_hit_several_of_our_orders_on_both_tokens(live):
    trader, market = live.trader(), live.market()
    live.give(trader, market, "No", "30")
    sock = live.listen(trader, market)
    mine = {
        placed(trader, market, "BUY", "0.48", "20"): ("20", "Yes", "BUY"),
        placed(trader, market, "BUY", "0.47", "25"): ("25", "Yes", "BUY"),
        placed(trader, market, "SELL", "0.54", "30", token=1): ("30", "No", "SELL"),
    }
    assert live.throw("sweep", market=market.slug, side="SELL", size="75") == 75_000_000
    frame = sock.wait(lambda frame: frame["event_type"] == "trade")
    assert (frame["trader_side"], frame["side"], frame["outcome"]) == ("MAKER", "SELL", "Yes")
    hit = {one["order_id"]: (one["matched_amount"], one["outcome"], one["side"]) for one in frame["maker_orders"]}
    assert hit == mine


def test_an_order_is_cancelled_to_prevent_a_self_trade(live):
    trader, market = live.traders[0], live.market()
    sock = live.listen(trader, market)
    order_id = placed(trader, market)
    live.throw("self_trade", order=order_id)
    assert sock.wait(lambda frame: frame["type"] == "CANCELLATION")["id"] == order_id
    assert order_id not in orders(trader)


def test_a_marketable_order_may_be_delayed_and_then_find_nobody(live):
    trader, market = live.traders[0], live.market()
    sock = live.listen(trader, market)
    live.throw("delay_orders", market=market.slug, delay=6, unmatched=True)
    status, answer = trader.place(market, 0, "BUY", "0.55", "10")
    assert (status, answer["status"], answer.get("tradeIDs", [])) == (200, "delayed", [])
    refused = trader.call("DELETE", "/order", {"orderID": answer["orderID"]})[1]
    assert refused["canceled"] == []
    assert sock.wait(lambda frame: frame["type"] == "UPDATE")["status"] == "UNMATCHED"
    assert order(trader, answer["orderID"])["status"] == "LIVE"
    live.clear()
    assert trader.place(market, 0, "BUY", "0.59", "10")[1]["status"] == "matched"


def test_a_balance_may_be_refused_that_is_there(live):
    trader, market = live.traders[0], live.market()
    live.throw("balance_stuck", market=market.slug, outcome="Yes")
    status, answer = trader.place(market, 0, "BUY", "0.30", "10")
    assert (status, "not enough balance / allowance" in answer["error"]) == (400, True)
    assert trader.place(market, 1, "BUY", "0.30", "10")[0] == 200
    live.clear()
    assert trader.place(market, 0, "BUY", "0.30", "10")[0] == 200


def test_a_fee_may_be_taken_from_what_was_bought(live):
    trader, market = live.trader(), live.market()
    before = trader.wallet.cash
    live.throw("fee_in_shares", account=trader.account.address)
    placed(trader, market, price="0.55", size="100")
    until(lambda: trades(trader, market)[0]["status"] == "TRADE_STATUS_CONFIRMED")
    # 100 x 0.04 x 0.55 x 0.45 = 0.99 dollars, which are 1.8 shares.
    assert until(lambda: trader.wallet.tokens[market.token_ids[0]] == 98_200_000)
    assert before - trader.wallet.cash == 55_000_000
    assert live.exchange.accounts.ledger.cash == live.exchange.accounts.ledger.brought_in


def test_an_order_may_expire_before_its_time(live):
    trader, market = live.traders[0], live.market()
    sock = live.listen(trader, market)
    order_id = placed(trader, market, kind="GTD", expiration=live.now_ns // 10**9 + 100_000)
    live.throw("expire", order=order_id)
    frame = sock.wait(lambda frame: frame["type"] == "CANCELLATION")
    assert (frame["id"], frame["status"]) == (order_id, "CANCELED_EXPIRED_ORDER")


def test_dollars_and_tokens_may_move_without_us(live):
    trader, market = live.trader(), live.market()
    address, before = trader.account.address, trader.wallet.cash
    live.throw("move_funds", account=address, how="withdraw", amount="100.5")
    live.throw("move_funds", account=address, how="deposit", amount="0.5")
    assert before - trader.wallet.cash == 100_000_000
    live.throw("move_funds", account=address, how="receive", amount="7", market=market.slug, outcome="No")
    live.throw("move_funds", account=address, how="send", amount="3", market=market.slug, outcome="No")
    assert trader.wallet.tokens[market.token_ids[1]] == 4_000_000
    asked = {"asset_type": "CONDITIONAL", "token_id": market.token_ids[1], "signature_type": trader.signature_type}
    trader.ask("GET", "/balance-allowance/update", **asked)
    assert trader.call("GET", "/balance-allowance", **asked)[1]["balance"] == "4000000"
    answer = httpx.post(
        live.url + "/sandbox/faults",
        json={"fault": "move_funds", "account": address, "how": "send", "amount": "5", "market": market.slug},
    )
    assert (answer.status_code, "holds 0" in answer.json()["error"]) == (400, True)


def test_an_order_may_be_somebody_elses(live):
    trader, market = live.traders[0], live.market()
    sock = live.listen(trader, market)
    live.throw("foreign_order", account=trader.account.address, market=market.slug, price="0.20", size="15")
    frame = sock.wait(lambda frame: frame["event_type"] == "order")
    assert (frame["original_size"], frame["price"], frame["type"]) == ("15", "0.2", "PLACEMENT")
    assert frame["owner"] != trader.credentials.api_key
    assert frame["id"] in orders(trader)


def test_everything_may_be_cancelled_without_our_asking(live):
    trader, market = live.traders[0], live.market()
    other = placed(live.traders[1], market, price="0.30")
    mine = {placed(trader, market, price=f"0.{30 + step}") for step in range(3)}
    sock = live.listen(trader, market)
    assert live.throw("cancel_all", account=trader.account.address) == 3
    assert {sock.wait(lambda frame: frame["type"] == "CANCELLATION")["id"] for _ in range(3)} == mine
    assert orders(trader) == {}
    assert other in orders(live.traders[1])
