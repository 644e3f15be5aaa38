"""The official clients run as published and find on the sandbox what they find at the venue.

Each test lets one client live through one story (`run_*.py`) and judges what it saw.
"""

import time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(600)
"""The first test that needs a client's environment pays for building it."""

MILLION = 1_000_000
VERSION_MISMATCH = "order_version_mismatch"
SINGLE = "btc-above-64000"
GROUPED = "rate-decision-meeting-1-hold"
FINAL = "TRADE_STATUS_CONFIRMED"


@pytest.fixture(scope="module")
def eoa(sandbox):
    return next(account for account in sandbox["accounts"] if account["signature_type"] == 0)


@pytest.fixture(scope="module")
def wallet(sandbox):
    return next(account for account in sandbox["accounts"] if account["signature_type"] == 3)


@pytest.fixture(scope="module", params=[0, 3], ids=["eoa", "deposit wallet"])
def account(request, eoa, wallet):
    return wallet if request.param else eoa


@pytest.fixture(scope="module")
def single(sandbox):
    """A market that stands alone."""
    return facts_of(sandbox, SINGLE)


@pytest.fixture(scope="module", params=["single", "grouped", "position"])
def market(request, sandbox, newer):
    """A market alone, one of a neg-risk event, and one of the newer protocol: each has its own exchange contract."""
    if request.param == "position":
        return facts_of(newer, SINGLE)
    return facts_of(sandbox, SINGLE if request.param == "single" else GROUPED)


@pytest.fixture(scope="module", params=["hurried", "newer"], ids=["token", "position"])
def quick(request):
    """A world where the chain is quick: of CTF tokens, and of positions."""
    return request.getfixturevalue(request.param)


def facts_of(sandbox: dict[str, Any], slug: str) -> dict[str, Any]:
    market = next(market for market in sandbox["markets"] if market["slug"] == slug)
    facts = {name: market[name] for name in ("slug", "condition_id", "token_ids", "neg_risk", "version")}
    return facts | {"token_id": market["token_ids"][0], "sandbox": sandbox}


class TestVersion1:
    """py-clob-client 0.34.6, which can no longer place orders."""

    def test_it_reads(self, run, market):
        seen = run("v1", "read", **market)
        assert seen["ok"] == "OK"
        assert seen["time"] >= int(time.time()) - 60
        assert seen["book"]["asset_id"] == market["token_id"]
        assert seen["book"]["bids"] > 1 < seen["book"]["asks"]
        assert (seen["own_hash"] == seen["hash"]) is hashes(market)
        assert seen["books"] == [market["token_id"]]
        assert 0 < Decimal(seen["midpoint"]["mid"]) < 1
        assert 0 < Decimal(seen["price"]["price"]) < 1
        assert 0 < Decimal(seen["spread"]["spread"]) < 1
        assert seen["tick_size"] == "0.01"
        assert seen["neg_risk"] is market["neg_risk"]
        assert [token["token_id"] for token in seen["market"]["tokens"]] == market["token_ids"]

    def test_it_authenticates_reads_its_account_and_cancels(self, run, eoa, single):
        order_ids = run("v2", "rest", account=eoa, **single)["order_ids"]
        seen = run("v1", "account", account=eoa, order_ids=order_ids, **single)
        assert seen["api_key"] == eoa["api_key"]
        assert eoa["api_key"] in seen["api_keys"]["apiKeys"]
        assert seen["closed_only"] == {"closed_only": False}
        assert set(order_ids) <= set(seen["orders"])
        assert seen["order"]["status"] == "LIVE"
        assert int(seen["balance"]["balance"]) > 0
        assert seen["cancel"] == {"canceled": order_ids[:1], "not_canceled": {}}
        assert seen["cancel_again"]["canceled"] == []
        assert list(seen["cancel_again"]["not_canceled"]) == order_ids[:1]
        assert order_ids[1] in seen["cancel_all"]["canceled"]
        assert seen["orders_left"] == []

    def test_its_orders_are_refused_as_of_another_version(self, run, eoa, market):
        seen = run("v1", "order", account=eoa, **market)
        assert seen == {"status": 400, "answer": {"error": VERSION_MISMATCH}}

    @pytest.mark.parametrize("slug", [SINGLE, GROUPED], ids=["single", "grouped"])
    def test_its_orders_are_taken_where_the_first_generation_rules(self, run, first_generation, eoa, slug):
        seen = run("v1", "order", account=eoa, **facts_of(first_generation, slug))
        assert (seen["status"], seen["answer"]["status"], seen["answer"]["errorMsg"]) == (200, "live", "")


class TestVersion2:
    """py-clob-client-v2 1.2.1."""

    def test_it_reads(self, run, market):
        seen = run("v2", "read", **market)
        token = market["token_id"]
        assert (seen["ok"], seen["version"]) == ("OK", 2)
        assert (seen["own_hash"] == seen["book"]["hash"]) is hashes(market)
        assert seen["books"] == [token]
        assert 0 < Decimal(seen["midpoint"]["mid"]) < 1
        assert 0 < Decimal(seen["midpoints"][token]) < 1
        assert 0 < Decimal(seen["price"]["price"]) < 1
        assert 0 < Decimal(seen["prices"][token]["BUY"]) < 1
        assert 0 < Decimal(seen["spread"]["spread"]) < 1
        assert set(seen["last_trade"]) == {"price", "side"}
        assert (seen["tick_size"], seen["neg_risk"]) == ("0.01", market["neg_risk"])
        assert [token["t"] for token in seen["info"]["t"]] == market["token_ids"]
        assert seen["market"]["market_slug"] == market["slug"]
        assert market["condition_id"] in seen["markets"]

    def test_it_derives_its_key_rests_orders_and_cancels_them(self, run, account, market):
        seen = run("v2", "limits", account=account, **market)
        first, ids = seen["first"]["orderID"], [answer["orderID"] for answer in seen["batch"]]
        assert seen["api_key"] == account["api_key"]
        for answer in (seen["first"], *seen["batch"], seen["dated"]):
            assert (answer["success"], answer["errorMsg"], answer["status"]) == (True, "", "live")
        assert {
            "status": "LIVE",
            "side": "BUY",
            "price": "0.02",
            "original_size": "10",
            "size_matched": "0",
        }.items() <= seen["order"].items()
        assert seen["order"]["maker_address"].lower() == account["funder"].lower()
        assert seen["dated_order"]["order_type"] == "GTD"
        assert int(seen["dated_order"]["expiration"]) > time.time()
        assert {order["id"] for order in seen["open"]} == {first, *ids, seen["dated"]["orderID"]}
        assert seen["cancel"] == {"canceled": [first], "not_canceled": {}}
        assert seen["cancelled_order"]["status"] == "CANCELED"
        assert list(seen["cancel_again"]["not_canceled"]) == [first]
        assert set(seen["cancel_two"]["canceled"]) == set(ids[:2])
        assert set(seen["cancel_market"]["canceled"]) == {*ids[2:], seen["dated"]["orderID"]}
        assert seen["cancel_all"] == {"canceled": [], "not_canceled": {}}
        assert seen["left"] == []

    @pytest.mark.parametrize("group", [False, True], ids=["single", "grouped"])
    def test_its_market_orders_trade_and_move_the_balances(self, run, quick, eoa, wallet, group):
        market = facts_of(quick, GROUPED if group else SINGLE)
        seen = run("v2", "trades", account=eoa if group else wallet, **market)
        bought, sold = seen["bought"], seen["sold"]
        assert (bought["status"], sold["status"]) == ("matched", "matched")
        assert bought["transactionsHashes"]
        assert [trade["id"] for trade in seen["buys"]] == bought["tradeIDs"]
        assert {trade["status"] for trade in seen["buys"] + seen["sells"]} == {FINAL}
        assert {trade["trader_side"] for trade in seen["buys"]} == {"TAKER"}
        assert {trade["taker_order_id"] for trade in seen["buys"]} == {bought["orderID"]}
        shares = sum(Decimal(trade["size"]) for trade in seen["buys"])
        assert shares == Decimal(bought["takingAmount"]) == Decimal(seen["buy_order"]["size_matched"])
        assert shares == sum(Decimal(m["matched_amount"]) for trade in seen["buys"] for m in trade["maker_orders"])
        assert Decimal(0) < Decimal(bought["makingAmount"]) <= 20
        paid = cash(seen["before"]) - cash(seen["between"])
        fee = paid - Decimal(bought["makingAmount"])
        assert 0 <= fee <= fee_at_most(seen["fees"], seen["buys"])
        assert tokens(seen["between"]) - tokens(seen["before"]) == shares
        gave = Decimal(sold["makingAmount"])
        assert tokens(seen["between"]) - tokens(seen["after"]) == gave > 0
        fee = Decimal(sold["takingAmount"]) - (cash(seen["after"]) - cash(seen["between"]))
        assert 0 <= fee <= fee_at_most(seen["fees"], seen["sells"])
        mine = {trade["id"] for trade in seen["all_trades"]}
        assert {*bought["tradeIDs"], *sold["tradeIDs"]} <= mine

    def test_it_is_told_why_an_order_is_refused(self, run, account, single):
        seen = run("v2", "refusals", account=account, **single)
        assert "order crosses book" in said(seen["post_only"])
        assert "lower than the minimum: 5" in said(seen["small"])
        assert "not enough balance / allowance" in said(seen["poor"])
        assert said(seen["twice"]) == f"order {seen['order_id']} is invalid. Duplicated."
        assert seen["stranger"]["status"] == 401


class TestUnified:
    """polymarket-client 0.14.0."""

    def test_its_public_client_reads(self, run, market):
        seen = run("unified", "read", **market)
        token = market["token_id"]
        assert seen["plain"]["asset_id"] == seen["book"]["asset_id"] == token
        assert seen["book"]["neg_risk"] is market["neg_risk"]
        assert seen["book"]["bids"]
        assert seen["book"]["asks"]
        assert [book["asset_id"] for book in seen["books"]] == [token]
        for name in ("midpoint", "price", "spread"):
            assert 0 < Decimal(seen[name]) < 1
        assert list(seen["midpoints"]) == list(seen["prices"]) == [token]
        assert seen["last_trade"] is None or 0 < Decimal(seen["last_trade"]["price"]) < 1
        assert whole(seen["market"]["condition_id"]) == market["condition_id"]
        assert seen["market"]["version"] == market["version"]
        assert seen["market"]["outcomes"]["yes"]["token_id" if hashes(market) else "position_id"] == token
        everything = market["sandbox"]["markets"]
        assert {one["condition_id"] for one in everything} <= set(map(whole, seen["listed"]))
        assert [one["slug"] for one in seen["found"]] == [market["slug"]]
        assert {one["event"] for one in everything} <= {event["slug"] for event in seen["events"]}

    def test_its_market_stream_reads_every_frame(self, run, market):
        seen = run("unified", "watch", **market)
        assert seen["dropped"] == []
        kinds = {event["type"] for event in seen["events"]}
        assert {"book", "price_change", "last_trade_price", "best_bid_ask"} <= kinds

    def test_its_secure_client_takes_a_key_for_a_deposit_wallet_unless_told_otherwise(self, run, eoa, wallet, single):
        seen = run("unified", "accounts", eoa=eoa, wallet=wallet, **single)
        expected = {
            "wallet": wallet["funder"],
            "type": "DEPOSIT_WALLET",
            "signer": wallet["address"],
            "key": wallet["api_key"],
        }
        assert seen["default"] == expected
        assert wallet["api_key"] in seen["keys"]
        assert seen["closed_only"] is False
        assert seen["eoa"] == {"wallet": eoa["address"], "type": "EOA", "signer": eoa["address"], "key": eoa["api_key"]}
        assert seen["eoa_balance"]["balance"] > 0

    def test_its_user_stream_tells_of_orders_placed_and_cancelled(self, run, account, market):
        seen = run("unified", "orders", account=account, **market)
        rested, dated = seen["rested"]["order_id"], seen["dated"]["order_id"]
        assert (seen["rested"]["status"], seen["dated"]["status"]) == ("live", "live")
        assert {"status": "LIVE", "price": "0.02", "original_size": "10"}.items() <= seen["order"].items()
        assert {rested, dated} <= set(seen["open"])
        assert "order crosses book" in str(seen["crossing"]["answer"])
        assert seen["cancel"] == {"canceled": [rested], "not_canceled": {}}
        assert dated in seen["cancel_all"]["canceled"]
        assert list(seen["again"]["not_canceled"]) == [rested]
        assert seen["dropped"] == []
        told = [(event["payload"]["id"], event["payload"]["order_event_type"]) for event in seen["events"]]
        assert set(told) == {(id_, kind) for id_ in (rested, dated) for kind in ("PLACEMENT", "CANCELLATION")}
        assert {event["payload"]["owner"] for event in seen["events"]} == {account["api_key"]}
        assert {update["tier"] for update in seen["limits"]} == {"Standard"}

    def test_it_knows_by_the_text_why_an_order_is_refused(self, run, account, single):
        seen = run("unified", "refusals", account=account, **single)
        taken, crossed = seen["batch"]
        assert (taken["ok"], taken["status"]) == (True, "live")
        assert (crossed["ok"], crossed["code"]) == (False, "post_only_would_cross")
        assert "the balance is not enough" in seen["poor"]["answer"]
        assert seen["fok"]["answer"] == "order couldn't be fully filled. FOK orders are fully filled or killed."
        assert seen["fak"]["answer"].startswith("no orders found to match with FAK order.")

    def test_two_accounts_trade_and_both_streams_tell_of_it(self, run, quick, eoa, wallet):
        single = facts_of(quick, SINGLE)
        seen = run("unified", "trades", eoa=eoa, wallet=wallet, **single)
        rested, bought = seen["rested"], seen["bought"]
        assert bought["status"] == "matched"
        assert seen["hashes"]
        assert seen["dropped"] == []
        # The maker's bid and the taker's bid for the opposite outcome make a pair: the venue mints it.
        mine = [trade for trade in seen["maker_trades"] if trade["trader_side"] == "MAKER"]
        parts = [part for trade in mine for part in trade["maker_orders"] if part["order_id"] == rested["order_id"]]
        matched = sum(Decimal(part["matched_amount"]) for part in parts)
        assert matched == Decimal(seen["rested_order"]["size_matched"]) == 20
        assert {part["side"] for part in parts} == {"BUY"}
        assert {part["asset_id"] for part in parts} == {single["token_id"]}
        before, after = seen["before"], seen["after"]
        assert after[0]["tokens"] - before[0]["tokens"] == 20 * MILLION
        assert before[0]["cash"] - after[0]["cash"] == 20 * MILLION * Decimal(seen["rested_order"]["price"])
        got = sum(Decimal(trade["size"]) for trade in seen["taker_trades"] if trade["id"] in bought["trade_ids"])
        assert got == Decimal(bought["taking_amount"]) == Decimal(after[1]["tokens"] - before[1]["tokens"]) / MILLION
        sold = seen["sold"]
        assert sold["status"] == "matched"
        assert seen["earned"]
        assert after[1]["tokens"] - seen["last"]["tokens"] == MILLION * Decimal(sold["making_amount"])
        assert 0 < seen["last"]["cash"] - after[1]["cash"] <= MILLION * Decimal(sold["taking_amount"])
        for events, order_id, side in (
            (seen["maker_events"], rested["order_id"], "MAKER"),
            (seen["taker_events"], bought["order_id"], "TAKER"),
        ):
            assert chain_of(events, side) == ["MATCHED", "MINED", "CONFIRMED"]
            kinds = [event["payload"]["order_event_type"] for event in events if event["payload"]["id"] == order_id]
            assert "UPDATE" in kinds


class TestTroubles:
    """What the unified client, which tells them apart, makes of the venue's bad hours."""

    def test_each_is_taken_for_what_it_is(self, run, wallet, single):
        account = {"account": wallet["address"]}
        faults = {
            "restart": {},
            "post_only": {},
            "cancel_only": {},
            "disabled": {},
            "closed_only": account,
            "version_mismatch": {},
            "forbidden": {},
            "too_many": {"how": "bare"},
            "drain_bucket": {**account, "bucket": "cancels", "debt": 100},
        }
        met = run("unified", "troubles", account=wallet, faults=faults, **single)
        orders = {fault: answers[0] for fault, answers in met.items()}
        cancels = {fault: answers[1] for fault, answers in met.items()}
        assert (orders["restart"]["status"], orders["restart"]["restriction"]) == (425, "restarting")
        assert (orders["post_only"]["status"], orders["post_only"]["restriction"]) == (503, "post_only")
        assert orders["post_only"]["code"] == "post_only_mode"
        assert 0 < orders["post_only"]["retry_after"] <= 120
        assert (orders["cancel_only"]["status"], orders["cancel_only"]["restriction"]) == (503, "cancel_only")
        assert (orders["disabled"]["status"], cancels["disabled"]["status"]) == (503, 503)
        assert "closed only" in orders["closed_only"]["text"]
        assert (orders["version_mismatch"]["status"], orders["version_mismatch"]["text"]) == (400, VERSION_MISMATCH)
        assert (orders["forbidden"]["status"], "Cloudflare" in orders["forbidden"]["text"]) == (403, True)
        assert (orders["too_many"]["kind"], orders["too_many"]["rate_limit"]) == ("RateLimitError", None)
        for fault in ("post_only", "cancel_only", "closed_only"):
            assert cancels[fault] == {"kind": "CancelOrdersResponse"}
        assert orders["drain_bucket"] == {"kind": "AcceptedOrder"}
        limit = cancels["drain_bucket"]["rate_limit"]
        assert (limit["tier"], limit["remaining"] < 0) == ("Standard", True)
        assert cancels["drain_bucket"]["retry_after"] > 0


class TestHeartbeats:
    """They stand last: after the first one, an account that falls silent loses its orders."""

    def test_version_2_is_given_a_chain_and_told_when_it_breaks(self, run, eoa, single):
        seen = run("v2", "beats", account=eoa, **single)
        assert seen["first"]["heartbeat_id"] != seen["second"]["heartbeat_id"]
        assert seen["stale"]["status"] == 400
        assert seen["stale"]["answer"]["heartbeat_id"] == seen["second"]["heartbeat_id"]

    def test_the_unified_client_falls_silent_and_its_orders_are_cancelled(self, run, wallet, single):
        seen = run("unified", "beats", account=wallet, **single)
        assert seen["first"]["heartbeat_id"] != seen["second"]["heartbeat_id"]
        assert seen["expected"] == seen["second"]["heartbeat_id"]
        assert [event["payload"]["order_event_type"] for event in seen["events"]] == ["PLACEMENT", "CANCELLATION"]


def hashes(market):
    """Whether the older clients know how a book is hashed: of the newer protocol it has one more key."""
    return market["version"] == "v1"


def whole(condition_id):
    """The 32 bytes of a condition: of the newer protocol's, Gamma writes 31."""
    return condition_id.ljust(66, "0")


def said(refusal):
    """The text of a refusal, which the venue sends with 400 or in an answer that is no success."""
    answer = refusal["answer"]
    return answer.get("error") or answer["errorMsg"]


def cash(balances):
    return Decimal(balances["cash"]["balance"]) / MILLION


def tokens(balances):
    return Decimal(balances["tokens"]["balance"]) / MILLION


def fee_at_most(schedule, trades):
    """The fee if every part had been traded at one half, where it is highest; each part is rounded by itself."""
    rate = Decimal(str(schedule["r"])) if schedule else Decimal(0)
    parts = [Decimal(maker["matched_amount"]) for trade in trades for maker in trade["maker_orders"]]
    return sum((part * rate / 4).quantize(Decimal("0.00001"), ROUND_HALF_UP) for part in parts)


def chain_of(events, side):
    """What was said of the account's first trade, in order and each state once."""
    trades = [
        event["payload"] for event in events if event["type"] == "trade" and event["payload"]["trader_side"] == side
    ]
    return list(dict.fromkeys(trade["status"] for trade in trades if trade["id"] == trades[0]["id"]))
