import json

import pytest

from sandbox.books import RecordedBooks
from sandbox.limits import TIERS
from sandbox.units import MILLISECOND, SECOND
from tests.sandbox.house import House

FOK_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_KILLED = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
POST_ONLY = "invalid post-only order: order crosses book"
POST_ONLY_MODE = "post-only mode: only post-only orders and cancels are allowed"
VERSION = "order_version_mismatch"
NOT_SIGNER = "the order signer address has to be the address of the API KEY"
NOT_ALLOWED = "maker address not allowed, please use the deposit wallet flow"


def refusal(text: str, status: int = 400):
    return (status, {"error": text})


def quoted(**facts):
    """A house, its market with a bid of 0.50 and an ask of 0.53, and a trader."""
    house = House()
    market = house.market(**facts)
    house.quote(market, "BUY", 5_000, 100)
    house.quote(market, "SELL", 5_300, 100)
    return house, market, house.trader()


def test_an_order_that_rests_is_live_and_has_no_amounts():
    house, market, trader = quoted()
    status, answer = trader.place(market, 0, "BUY", "0.51", "10")
    order_id = answer.pop("orderID")
    expected = {"errorMsg": "", "takingAmount": "", "makingAmount": "", "status": "live", "success": True}
    assert (status, answer) == (200, expected)
    assert house.engine.orders[order_id].api_key == trader.credentials.api_key
    assert market.book.touch(0) == (5_100, 5_300)


def test_an_order_that_matches_has_decimal_amounts_and_trades_and_no_hashes():
    house, market, trader = quoted()
    _, answer = trader.place(market, 0, "BUY", "0.54", "12.5")
    assert (answer["status"], answer["makingAmount"], answer["takingAmount"]) == ("matched", "6.625", "12.5")
    assert list(house.engine.trades) == answer["tradeIDs"]
    assert "transactionsHashes" not in answer


def test_the_other_token_trades_in_the_same_book():
    _, market, trader = quoted()
    _, answer = trader.place(market, 1, "BUY", "0.5", "10")
    assert (answer["status"], answer["makingAmount"]) == ("matched", "5")


@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
@pytest.mark.parametrize(("neg_risk", "version", "generation"), [(False, "v1", 2), (True, "v1", 2), (True, "v2", 3)])
def test_orders_of_every_wallet_kind_and_exchange_are_taken(signature_type, neg_risk, version, generation):
    house = House()
    market = house.market(neg_risk=neg_risk, version=version)
    trader = house.trader("1", signature_type)
    status, answer = trader.place(market, 0, "BUY", "0.5", "10", generation=generation)
    assert (status, answer["status"]) == (200, "live")


@pytest.mark.parametrize("signature_type", [0, 3])
@pytest.mark.parametrize(
    ("version", "generation", "neg_risk", "text"),
    [
        ("v1", 3, False, VERSION),
        ("v2", 2, False, VERSION),
        ("v2", 2, True, VERSION),
        ("v1", 2, True, "invalid signature"),
    ],
)
def test_a_signature_for_another_exchange_is_refused(signature_type, version, generation, neg_risk, text):
    house = House()
    market = house.market(version=version)
    trader = house.trader("1", signature_type)
    answer = trader.place(market, 0, "BUY", "0.5", "10", generation=generation, neg_risk=neg_risk)
    assert answer == refusal(text)


def test_an_order_of_the_first_generation_is_taken_only_where_that_is_spoken():
    for protocol, old, new in ((2, refusal(VERSION), "live"), (1, "live", refusal(VERSION))):
        house = House(protocol=protocol)
        market, trader = house.market(), house.trader()
        for generation, expected in ((1, old), (2, new)):
            answer = trader.place(market, 0, "BUY", "0.5", "10", generation=generation)
            assert answer == expected or answer[1].get("status") == expected


def test_the_first_generation_knows_only_the_nonce_that_every_account_begins_with():
    house = House(protocol=1)
    market, trader = house.market(), house.trader()
    body = trader.body(market, 0, "BUY", "0.5", "10", generation=1)
    body["order"]["nonce"] = "1"
    assert trader.call("POST", "/order", body) == refusal("invalid nonce")


def test_an_order_changed_after_signing_is_refused():
    _, market, trader = quoted()
    body = trader.body(market, 0, "BUY", "0.5", "10")
    body["order"]["makerAmount"] = "4900000"
    assert trader.call("POST", "/order", body) == refusal("invalid signature")


def test_an_order_is_sent_by_its_owner_signer_and_an_allowed_maker():
    house, market, trader = quoted()
    other, wallet = house.trader("other"), house.trader("wallet", 3)
    for sender, changed, text in (
        (trader, {"owner": other.credentials.api_key}, "the order owner has to be the owner of the API KEY"),
        (trader, {"signer": other.key.address}, NOT_SIGNER),
        (trader, {"maker": other.key.address}, NOT_ALLOWED),
        (trader, {"signature_type": 3}, NOT_SIGNER),
        (wallet, {"signature_type": 0, "signer": wallet.key.address, "maker": wallet.key.address}, NOT_ALLOWED),
        (wallet, {"signature_type": 2, "signer": wallet.key.address}, NOT_ALLOWED),
        (wallet, {"signer": wallet.key.address}, NOT_SIGNER),
    ):
        assert sender.place(market, 0, "BUY", "0.5", "10", **changed) == refusal(text)


def test_a_wallet_that_is_not_deployed_cannot_sign():
    house, market, _ = quoted()
    wallet = house.trader("wallet", 3)
    wallet.wallet.deployed = False
    assert wallet.place(market, 0, "BUY", "0.5", "10") == refusal(NOT_SIGNER)


def test_a_banned_account_trades_no_more_and_a_closed_one_only_sells():
    house, market, trader = quoted()
    house.control("POST", "/chain", {"action": "split", "wallet": trader.key.address, "market": "rain", "amount": "50"})
    trader.ask("GET", "/balance-allowance/update", asset_type="CONDITIONAL", token_id=market.token_ids[0])
    trader.account.closed_only = True
    text = f"'{trader.key.address}' address in closed only mode"
    assert trader.place(market, 0, "BUY", "0.5", "10") == refusal(text)
    assert trader.place(market, 0, "SELL", "0.52", "10")[0] == 200
    trader.account.banned = True
    assert trader.place(market, 0, "SELL", "0.52", "10") == refusal(f"'{trader.key.address}' address banned")


def test_the_same_order_again_is_a_duplicate_and_the_first_one_lives():
    house, market, trader = quoted()
    body = trader.body(market, 0, "BUY", "0.51", "10")
    _, first = trader.call("POST", "/order", body)
    order_id = first["orderID"]
    for _ in range(2):
        assert trader.call("POST", "/order", body) == refusal(f"order {order_id} is invalid. Duplicated.")
    assert house.engine.orders[order_id].status == "LIVE"
    trader.call("DELETE", "/order", {"orderID": order_id})
    assert trader.call("POST", "/order", body) == refusal(f"order {order_id} is invalid. Duplicated.")


def test_what_the_engine_refuses_is_refused_in_the_venues_words():
    _, market, trader = quoted()
    for more, text in (
        ({"post_only": True}, POST_ONLY),
        ({"kind": "FOK", "size": "1000"}, FOK_KILLED),
        ({"kind": "FAK", "price": "0.52"}, FAK_KILLED),
        ({"kind": "FOK", "post_only": True}, "Invalid order payload"),
        ({"kind": "FAK", "size": "0.9"}, "invalid amount for a marketable BUY order ($0.9), min size: $1"),
    ):
        price, size = str(more.pop("price", "0.53")), str(more.pop("size", "10"))
        assert trader.place(market, 0, "BUY", price, size, **more) == refusal(text)


def test_a_killed_order_may_be_sent_again():
    house, market, trader = quoted()
    body = trader.body(market, 0, "BUY", "0.52", "10", kind="FOK")
    assert trader.call("POST", "/order", body) == refusal(FOK_KILLED)
    house.quote(market, "SELL", 5_200, 100)
    assert trader.call("POST", "/order", body)[1]["status"] == "matched"


def test_what_the_wallet_cannot_pay_for_is_refused_with_the_figures():
    house, market, _ = quoted()
    poor = house.trader("poor", cash=3)
    text = "not enough balance / allowance: the balance is not enough -> balance: 3000000, order amount: 5000000"
    assert poor.place(market, 0, "BUY", "0.5", "10") == refusal(text)
    bare = house.trader("bare", approved=False)
    status, answer = bare.place(market, 0, "BUY", "0.5", "10")
    assert status == 400
    assert "the allowance is not enough -> spender: 0xE111180000d2663C0091e4f400237545B87B996B" in answer["error"]
    assert next(house.logged("order_refused"))["account"] == poor.key.address


def test_open_orders_take_from_what_a_new_one_may_spend():
    house, market, _ = quoted()
    trader = house.trader("small", cash=8)
    assert trader.place(market, 0, "BUY", "0.5", "10")[0] == 200
    status, answer = trader.place(market, 0, "BUY", "0.5", "10")
    assert status == 400
    assert "balance: 3000000, order amount: 5000000" in answer["error"]


def test_an_order_needs_a_market_that_takes_orders():
    house, market, trader = quoted()
    assert trader.place(market, 0, "BUY", "0.5", "10", token_id=123) == refusal("the orderbook 123 does not exist")
    market.accepting = False
    not_ready = "the market is not yet ready to process new orders"
    assert trader.place(market, 0, "BUY", "0.5", "10") == refusal(not_ready)
    house.venue.resolve(market, (10_000, 0), house.now_ns)
    gone = f"the orderbook {market.token_ids[0]} does not exist"
    assert trader.place(market, 0, "BUY", "0.5", "10") == refusal(gone)


def test_a_replayed_market_takes_no_orders():
    _, market, trader = quoted()
    market.book = RecordedBooks()
    assert trader.place(market, 0, "BUY", "0.5", "10") == refusal("the market is not yet ready to process new orders")


def test_the_same_calls_give_the_same_log_and_the_same_frames():
    seen = []
    for _ in range(2):
        house, market, trader = quoted()
        trader.listen()
        for number in range(30):
            trader.place(market, number % 2, "BUY", ("0.45", "0.54")[number % 3 == 0], "7")
            house.advance(0.7)
        trader.call("DELETE", "/cancel-all")
        house.advance(60)
        seen.append((house.log.after(0, house.log.last), house.heard))
    assert seen[0] == seen[1]
    assert len(seen[0][1]) > 60


def test_an_order_that_expires_does_so_three_minutes_ahead_or_more():
    house, market, trader = quoted()
    now_s = house.now_ns // SECOND
    for kind, expiration, status in (("GTD", 179, 400), ("GTD", 180, 200), ("GTC", 600, 400)):
        answer = trader.place(market, 0, "BUY", "0.5", "10", kind=kind, expiration=now_s + expiration)
        assert answer[0] == status
        assert status == 200 or answer == refusal("invalid expiration")
    assert trader.place(market, 0, "BUY", "0.5", "10", kind="GTD") == refusal("invalid expiration")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body["order"].update(salt=2**53),
        lambda body: body["order"].update(salt="1"),
        lambda body: body["order"].update(makerAmount=5_000_000),
        lambda body: body["order"].update(makerAmount="-5000000"),
        lambda body: body["order"].update(takerAmount=str(2**256)),
        lambda body: body["order"].update(maker="me"),
        lambda body: body["order"].update(side="buy"),
        lambda body: body["order"].update(signatureType=4),
        lambda body: body["order"].pop("timestamp"),
        lambda body: body["order"].pop("tokenId"),
        lambda body: body.update(orderType="IOC"),
        lambda body: body.update(order=None),
        lambda body: body.pop("owner"),
    ],
)
def test_a_malformed_order_is_an_invalid_payload(spoil):
    _, market, trader = quoted()
    body = trader.body(market, 0, "BUY", "0.5", "10")
    spoil(body)
    assert trader.call("POST", "/order", body) == refusal("Invalid order payload")


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b"null", b"[" * 10_000])
def test_what_is_no_order_at_all_is_an_invalid_payload(raw):
    house, _, trader = quoted()
    for path in ("/order", "/orders"):
        answer = house.request("POST", path, raw, trader.headers("POST", path, raw))
        assert (answer.status, json.loads(answer.body)) == refusal("Invalid order payload")


def test_a_batch_is_answered_leg_by_leg_and_a_refused_leg_is_a_success_without_an_id():
    _, market, trader = quoted()
    bodies = [
        trader.body(market, 0, "BUY", "0.51", "10"),
        trader.body(market, 0, "BUY", "0.555", "10"),
        trader.body(market, 0, "BUY", "0.53", "5"),
        trader.body(market, 0, "BUY", "0.54", "200", kind="FOK"),
    ]
    status, legs = trader.call("POST", "/orders", bodies)
    assert status == 200
    assert [leg["status"] for leg in legs] == ["live", "", "matched", ""]
    assert all(leg["success"] for leg in legs)
    assert (legs[1]["orderID"], legs[1]["makingAmount"]) == ("", "")
    assert "breaks minimum tick size rule: 0.01" in legs[1]["errorMsg"]
    assert legs[3]["orderID"].startswith("0x")
    assert legs[3]["errorMsg"] == FOK_KILLED


def test_a_batch_holds_one_to_fifteen_orders():
    _, market, trader = quoted()
    bodies = [trader.body(market, 0, "BUY", "0.5", "5") for _ in range(16)]
    assert trader.call("POST", "/orders", bodies[:15])[0] == 200
    assert trader.call("POST", "/orders", bodies) == refusal("Too many orders in payload: 16, max allowed: 15")
    assert trader.call("POST", "/orders", []) == refusal("Invalid order payload")


def test_a_taker_delay_holds_the_answer_back_and_a_sports_delay_does_not():
    house, market, trader = quoted(taker_delay_ns=50 * MILLISECOND)
    began = house.now_ns
    assert trader.place(market, 0, "BUY", "0.53", "10")[1]["status"] == "matched"
    assert house.now_ns == began + 50 * MILLISECOND
    game = house.market("game", seconds_delay=3)
    house.quote(game, "SELL", 5_300, 100)
    _, answer = trader.place(game, 0, "BUY", "0.53", "10")
    assert (answer["status"], answer["makingAmount"]) == ("delayed", "")
    assert house.now_ns == began + 50 * MILLISECOND
    house.advance(4)
    assert house.engine.orders[answer["orderID"]].status == "MATCHED"


def test_a_batch_with_held_orders_is_answered_when_the_last_is_decided():
    house, market, trader = quoted(taker_delay_ns=50 * MILLISECOND)
    bodies = [trader.body(market, 0, "BUY", price, "5") for price in ("0.53", "0.51")]
    began = house.now_ns
    _, legs = trader.call("POST", "/orders", bodies)
    assert [leg["status"] for leg in legs] == ["matched", "live"]
    assert house.now_ns > began


def test_each_order_costs_a_token_and_an_empty_bucket_refuses_all_of_a_batch():
    house, market, trader = quoted()
    answer = trader.ask("POST", "/order", trader.body(market, 0, "BUY", "0.5", "5"))
    assert (answer.headers["Poly-RateLimit-Remaining"], answer.headers["Poly-RateLimit-Tier"]) == ("59", "Standard")
    for _ in range(3):
        trader.call("POST", "/orders", [trader.body(market, 0, "BUY", "0.5", "5") for _ in range(15)])
    refused = trader.ask("POST", "/orders", [trader.body(market, 0, "BUY", "0.5", "5") for _ in range(15)])
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert len(house.engine.open) == 46
    house.buckets.assign(trader.key.address, TIERS["Elite"], house.now_ns)
    house.advance(1)
    assert trader.place(market, 0, "BUY", "0.5", "5")[0] == 200


def test_modes_refuse_as_they_say():
    house, market, trader = quoted()
    body = [trader.body(market, 0, "BUY", "0.5", "5"), trader.body(market, 0, "BUY", "0.5", "5", post_only=True)]
    house.modes.restart(house.now_ns, 10)
    assert trader.call("POST", "/order", body[0])[0] == 425
    assert trader.call("POST", "/orders", body)[0] == 425
    house.advance(10)
    single = trader.ask("POST", "/order", body[0])
    assert (single.status, json.loads(single.body)["code"]) == (503, "post_only_mode")
    assert single.headers["Retry-After"] == "120"
    _, legs = trader.call("POST", "/orders", body)
    empty = {"orderID": "", "takingAmount": "", "makingAmount": "", "status": "", "success": True}
    assert legs[0] == {"errorMsg": POST_ONLY_MODE} | empty
    assert legs[1]["status"] == "live"
    house.modes.cancel_only(house.now_ns)
    assert trader.call("POST", "/orders", body)[0] == 503
