import json
from datetime import UTC, datetime

import pytest

from sandbox.limits import TIERS
from sandbox.units import SECOND, SHARE
from tests.sandbox.house import House

COLLATERAL = {"asset_type": "COLLATERAL", "signature_type": 0}


def quoted():
    house = House()
    market = house.market()
    house.quote(market, "BUY", 5_000, 1_000)
    house.quote(market, "SELL", 5_300, 1_000)
    return house, market, house.trader()


def test_open_orders_are_shown_in_shares_and_filtered():
    house, market, trader = quoted()
    order_id = trader.place(market, 1, "BUY", "0.45", "12.5")[1]["orderID"]
    other = house.market("sun")
    elsewhere = trader.place(other, 0, "BUY", "0.2", "5", kind="GTD", expiration=house.now_ns // SECOND + 600)
    status, page = trader.call("GET", "/data/orders", next_cursor="MA==")
    assert (status, page["limit"], page["next_cursor"], page["count"]) == (200, 500, "LTE=", 2)
    assert page["data"][0] == {
        "id": order_id,
        "status": "LIVE",
        "owner": trader.credentials.api_key,
        "maker_address": trader.wallet.address,
        "market": market.condition_id,
        "asset_id": market.token_ids[1],
        "side": "BUY",
        "original_size": "12.5",
        "size_matched": "0",
        "price": "0.45",
        "outcome": "No",
        "expiration": "0",
        "order_type": "GTC",
        "associate_trades": [],
        "created_at": house.now_ns // SECOND,
    }
    assert page["data"][1]["expiration"] == str(house.now_ns // SECOND + 600)
    for query, expected in (
        ({"market": other.condition_id}, elsewhere[1]["orderID"]),
        ({"asset_id": market.token_ids[1]}, order_id),
        ({"id": order_id}, order_id),
    ):
        assert [one["id"] for one in trader.call("GET", "/data/orders", **query)[1]["data"]] == [expected]
    assert trader.call("GET", "/data/orders", id="0x00")[1]["data"] == []


def test_an_order_is_shown_to_its_owner_in_any_state_and_to_nobody_else():
    house, market, trader = quoted()
    order_id = trader.place(market, 0, "BUY", "0.51", "10")[1]["orderID"]
    trader.call("DELETE", "/cancel-all")
    status, order = trader.call("GET", f"/data/order/{order_id}")
    assert (status, order["status"], order["id"]) == (200, "CANCELED", order_id)
    missing = (404, {"error": "Order not found"})
    assert house.trader("other").call("GET", f"/data/order/{order_id}") == missing
    assert trader.call("GET", "/data/order/0x12") == missing


def test_a_buy_that_spends_shows_dollars_as_its_size():
    _, market, trader = quoted()
    _, answer = trader.place(market, 0, "BUY", "0.53", "5.3", kind="FAK")
    _, order = trader.call("GET", f"/data/order/{answer['orderID']}")
    assert (order["original_size"], order["size_matched"], order["status"]) == ("5.3", "10", "MATCHED")
    assert order["associate_trades"] == answer["tradeIDs"]


def test_a_trade_is_shown_to_its_taker_and_to_its_maker_each_on_its_side():
    house, market, taker = quoted()
    maker = house.trader("maker", 3)
    resting = maker.place(market, 1, "BUY", "0.48", "10")[1]["orderID"]
    taking = taker.place(market, 0, "BUY", "0.53", "25")[1]["orderID"]
    (taken,) = taker.call("GET", "/data/trades")[1]["data"]
    (made,) = maker.call("GET", "/data/trades")[1]["data"]
    assert (taken["trader_side"], made["trader_side"]) == ("TAKER", "MAKER")
    assert {**taken, "trader_side": "MAKER"} == made
    assert taken["taker_order_id"] == taking
    assert (taken["side"], taken["price"], taken["size"], taken["outcome"]) == ("BUY", "0.53", "25", "Yes")
    assert (taken["owner"], taken["maker_address"]) == (taker.credentials.api_key, taker.wallet.address)
    assert (taken["status"], taken["transaction_hash"]) == ("TRADE_STATUS_MATCHED", "")
    own, outside = taken["maker_orders"]
    assert own == {
        "order_id": resting,
        "owner": maker.credentials.api_key,
        "maker_address": maker.wallet.address,
        "matched_amount": "10",
        "price": "0.48",
        "fee_rate_bps": "0",
        "asset_id": market.token_ids[1],
        "outcome": "No",
        "side": "BUY",
    }
    assert outside["matched_amount"] == "15"
    assert (outside["order_id"][:2], len(outside["owner"]), len(outside["maker_address"])) == ("0x", 36, 42)


def test_a_trade_has_a_transaction_when_it_is_mined_and_is_confirmed_in_the_end():
    house, market, trader = quoted()
    (trade_id,) = trader.place(market, 0, "BUY", "0.53", "10")[1]["tradeIDs"]
    seen = []
    for _ in range(400):
        (trade,) = trader.call("GET", "/data/trades", id=trade_id)[1]["data"]
        if trade["status"] not in seen:
            seen.append(trade["status"])
            assert bool(trade["transaction_hash"]) == (trade["status"] != "TRADE_STATUS_MATCHED")
        house.advance(0.25)
    assert seen == ["TRADE_STATUS_MATCHED", "TRADE_STATUS_MINED", "TRADE_STATUS_CONFIRMED"]


def test_trades_are_filtered_and_come_newest_first():
    house, market, trader = quoted()
    ids = []
    for _ in range(3):
        ids += trader.place(market, 0, "BUY", "0.53", "5")[1]["tradeIDs"]
        house.advance(10)
    begin = house.now_ns // SECOND - 30

    def found(**query):
        return [one["id"] for one in trader.call("GET", "/data/trades", **query)[1]["data"]]

    assert found() == ids[::-1]
    assert found(after=begin) == ids[:0:-1]
    assert found(before=begin + 20) == ids[1::-1]
    assert found(after=begin, before=begin + 20) == [ids[1]]
    assert found(maker_address=trader.wallet.address.lower()) == ids[::-1]
    assert found(maker_address="0x" + "00" * 20) == []
    assert found(market=market.condition_id, asset_id=market.token_ids[0], id=ids[0]) == [ids[0]]
    assert found(market="0x00") == []
    assert trader.call("GET", "/data/trades", after="yesterday")[0] == 400


def test_pages_follow_each_other_by_cursor_until_the_end():
    house, market, trader = quoted()
    house.trading.reads.page = 2
    ids = [trader.place(market, 0, "BUY", "0.4", "5")[1]["orderID"] for _ in range(5)]
    cursor, seen, cursors = "MA==", [], []
    while cursor != "LTE=":
        cursors.append(cursor)
        _, page = trader.call("GET", "/data/orders", next_cursor=cursor)
        seen += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
    assert seen == ids
    assert cursors == ["MA==", "Mg==", "NA=="]
    for wrong in ("LTE=", "?", "YWJj"):
        assert trader.call("GET", "/data/orders", next_cursor=wrong)[0] == 400


def test_a_second_key_of_the_account_sees_the_same_orders():
    house, market, trader = quoted()
    order_id = trader.place(market, 0, "BUY", "0.4", "5")[1]["orderID"]
    made = house.accounts.make_key(trader.account, 1)
    assert made is not None
    trader.credentials = made
    assert trader.call("GET", "/data/orders")[1]["data"][0]["id"] == order_id


def test_while_the_engine_restarts_orders_cannot_be_read():
    house, _, trader = quoted()
    house.modes.restart(house.now_ns, 5)
    assert trader.call("GET", "/data/orders")[0] == 425
    assert trader.call("GET", "/data/trades")[0] == 425
    house.advance(5)
    assert trader.call("GET", "/data/orders")[0] == 200


def test_balances_and_allowances_are_text_of_micro_units():
    house, market, trader = quoted()
    _, cash = trader.call("GET", "/balance-allowance", **COLLATERAL)
    assert cash["balance"] == "1000000000"
    assert set(cash["allowances"]) == set(house.accounts.spenders)
    assert set(cash["allowances"].values()) == {str(2**256 - 1)}
    trader.place(market, 0, "BUY", "0.53", "10")
    asked = {"asset_type": "CONDITIONAL", "token_id": market.token_ids[0], "signature_type": 0}
    assert trader.call("GET", "/balance-allowance", **asked)[1]["balance"] == "0"
    house.advance(120)
    assert trader.call("GET", "/balance-allowance", **asked)[1]["balance"] == "10000000"
    paid = 1_000_000_000 - int(trader.call("GET", "/balance-allowance", **COLLATERAL)[1]["balance"])
    assert paid == 5_300_000 + 99_640
    elsewhere = trader.call("GET", "/balance-allowance", **{**asked, "asset_type": "CONDITIONAL-V2"})
    assert elsewhere[1]["balance"] == "0"
    assert trader.call("GET", "/balance-allowance", **{**COLLATERAL, "signature_type": 3})[1]["balance"] == "0"


def test_the_venue_believes_in_a_deposit_only_after_it_was_told_to_look():
    house, market, _ = quoted()
    trader = house.trader("poor", cash=1)
    house.control("POST", "/chain", {"action": "deposit", "wallet": trader.key.address, "amount": "99"})
    assert trader.place(market, 0, "BUY", "0.4", "10")[0] == 400
    assert trader.call("GET", "/balance-allowance", **COLLATERAL)[1]["balance"] == "1000000"
    assert trader.ask("GET", "/balance-allowance/update", **COLLATERAL).status == 200
    assert trader.call("GET", "/balance-allowance", **COLLATERAL)[1]["balance"] == "100000000"
    assert trader.place(market, 0, "BUY", "0.4", "10")[0] == 200


def test_the_venue_believes_in_an_approval_only_after_it_was_told_to_look():
    house, market, _ = quoted()
    trader = house.trader("bare", approved=False)
    house.control("POST", "/chain", {"action": "approve", "wallet": trader.key.address})
    status, answer = trader.place(market, 0, "BUY", "0.4", "10")
    assert status == 400
    assert "the allowance is not enough" in answer["error"]
    trader.ask("GET", "/balance-allowance/update", **COLLATERAL)
    assert trader.place(market, 0, "BUY", "0.4", "10")[0] == 200


@pytest.mark.parametrize("query", [{}, {"asset_type": "GOLD"}, {"asset_type": "CONDITIONAL"}])
def test_a_balance_of_nothing_in_particular_is_refused(query):
    _, _, trader = quoted()
    assert trader.call("GET", "/balance-allowance", **query)[0] == 400


def test_scoring_and_rewards_are_those_of_the_callers_wallet():
    house, market, trader = quoted()
    order_id = trader.place(market, 0, "BUY", "0.51", "100")[1]["orderID"]
    assert trader.call("GET", "/order-scoring", order_id=order_id) == (200, {"scoring": False})
    house.advance(60)
    assert trader.call("GET", "/order-scoring", order_id=order_id) == (200, {"scoring": True})
    assert trader.call("POST", "/orders-scoring", [order_id, "0x00"]) == (200, {order_id: True, "0x00": False})
    stranger = house.trader("stranger")
    assert stranger.call("GET", "/order-scoring", order_id=order_id) == (200, {"scoring": False})
    assert trader.call("POST", "/orders-scoring", {})[0] == 400
    house.rewards.start(house.now_ns)
    house.advance(120)
    share = trader.call("GET", "/rewards/user/percentages", signature_type=0)[1][market.condition_id]
    assert 0 < share < 100
    today = datetime.fromtimestamp(house.now_ns // SECOND, UTC).date().isoformat()
    _, page = trader.call("GET", "/rewards/user", date=today, signature_type=0)
    assert (page["data"][0]["maker_address"], page["next_cursor"]) == (trader.wallet.address, "LTE=")
    _, (total,) = trader.call("GET", "/rewards/user/total", date=today, signature_type=0)
    assert float(total["earnings"]) == pytest.approx(sum(float(one["earnings"]) for one in page["data"]))
    assert stranger.call("GET", "/rewards/user/percentages", signature_type=0) == (200, {})
    assert trader.call("GET", "/rewards/user", date="today")[0] == 400


def test_a_builder_sees_the_trades_of_the_orders_that_it_brought():
    _, market, trader = quoted()
    code = "0x" + "be" * 32
    (trade_id,) = trader.place(market, 0, "BUY", "0.53", "10", builder=code)[1]["tradeIDs"]
    trader.place(market, 0, "BUY", "0.53", "10")
    (seen,) = trader.call("GET", "/builder/trades", builder_code=code)[1]["data"]
    assert (seen["id"], seen["builder"], seen["sizeUsdc"]) == (trade_id, code, "5.3")
    assert trader.call("GET", "/builder/trades")[1]["data"] == []


def test_a_fill_of_a_resting_order_and_a_cancel_by_the_venue_are_notified_until_dropped():
    house, market, trader = quoted()
    filled = trader.place(market, 0, "BUY", "0.51", "10")[1]["orderID"]
    ended = trader.place(market, 0, "BUY", "0.4", "10")[1]["orderID"]
    house.venue.trade(market, 0, "SELL", 4 * SHARE, 0, house.now_ns)
    trader.call("DELETE", "/order", {"orderID": filled})
    house.venue.resolve(market, (10_000, 0), house.now_ns)
    _, notices = trader.call("GET", "/notifications", signature_type=0)
    assert [(one["type"], one["payload"]["order_id"]) for one in notices] == [(2, filled), (1, ended)]
    assert (notices[0]["payload"]["matched_size"], notices[0]["payload"]["remaining_size"]) == ("4", "6")
    assert notices[0]["owner"] == trader.credentials.api_key
    assert trader.call("GET", "/notifications", signature_type=3) == (200, [])
    trader.call("DELETE", "/notifications", ids=notices[0]["id"], signature_type=0)
    assert trader.call("GET", "/notifications")[1] == notices[1:]


def test_what_is_no_private_call_is_not_found():
    house, _, trader = quoted()
    assert trader.call("GET", "/nothing") == (404, {"error": "not found"})
    assert trader.call("POST", "/data/orders")[0] == 405
    assert json.loads(house.request("GET", "/data/orders").body) == {"error": "Unauthorized/Invalid api key"}


def test_a_signer_reads_its_rate_tier():
    house, _, trader = quoted()
    assert trader.call("GET", "/v1/user/rate-limit-tier") == (200, {"tier": "Standard"})
    house.buckets.assign(trader.account.address, TIERS["Gold"], house.now_ns)
    assert trader.call("GET", "/v1/user/rate-limit-tier") == (200, {"tier": "Gold"})
