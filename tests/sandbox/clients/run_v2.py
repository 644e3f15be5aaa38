"""Stories of py-clob-client-v2 1.2.1, told as its README does: stdin says where, stdout gets what it saw."""

# It runs in an environment of its own, whose packages are not ours to check.
# pyright: reportMissingImports=false, reportArgumentType=false, reportOptionalSubscript=false
# pyright: reportOptionalMemberAccess=false

import json
import sys
import time

from py_clob_client_v2 import (
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    ClobClient,
    MarketOrderArgs,
    OpenOrderParams,
    OrderArgs,
    OrderMarketCancelParams,
    OrderPayload,
    OrderType,
    PartialCreateOrderOptions,
    PostOrdersV2Args,
    Side,
    TradeParams,
)
from py_clob_client_v2.exceptions import PolyApiException

CHAIN_ID = 137
TICK = PartialCreateOrderOptions(tick_size="0.01")
SETTLED_S = 40
DAY_S = 86_400


def read(told):
    """What needs no key."""
    client = ClobClient(host=told["sandbox"]["clob_url"], chain_id=CHAIN_ID)
    token = told["token_id"]
    asked = [BookParams(token_id=token, side="BUY")]
    book = client.get_order_book(token)
    return {
        "ok": client.get_ok(),
        "time": client.get_server_time(),
        "version": client.get_version(),
        "book": book,
        "own_hash": client.get_order_book_hash(book),
        "books": [one["asset_id"] for one in client.get_order_books(asked)],
        "midpoint": client.get_midpoint(token),
        "midpoints": client.get_midpoints(asked),
        "price": client.get_price(token, "BUY"),
        "prices": client.get_prices(asked),
        "spread": client.get_spread(token),
        "last_trade": client.get_last_trade_price(token),
        "tick_size": client.get_tick_size(token),
        "neg_risk": client.get_neg_risk(token),
        "fee_rate": client.get_fee_rate_bps(token),
        "info": client.get_clob_market_info(told["condition_id"]),
        "market": client.get_market(told["condition_id"]),
        "markets": [one["condition_id"] for one in client.get_sampling_markets()["data"]],
    }


def limits(told):
    """Rest orders, look at them, cancel them in every way there is."""
    client = authenticated(told)
    token, market = told["token_id"], told["condition_id"]
    first = client.create_and_post_order(limit(told, 0.02), TICK)
    batch = client.post_orders(
        [PostOrdersV2Args(order=client.create_order(limit(told, price), TICK)) for price in (0.03, 0.04, 0.05, 0.06)]
    )
    later = limit(told, 0.02, expiration=int(time.time()) + DAY_S)
    dated = client.create_and_post_order(later, TICK, OrderType.GTD, post_only=True)
    ids = [answer["orderID"] for answer in batch]
    return {
        "api_key": client.creds.api_key,
        "first": first,
        "batch": batch,
        "dated": dated,
        "order": client.get_order(first["orderID"]),
        "dated_order": client.get_order(dated["orderID"]),
        "open": client.get_open_orders(OpenOrderParams(market=market)),
        "cancel": client.cancel_order(OrderPayload(orderID=first["orderID"])),
        "cancel_again": client.cancel_order(OrderPayload(orderID=first["orderID"])),
        "cancelled_order": client.get_order(first["orderID"]),
        "cancel_two": client.cancel_orders(ids[:2]),
        "cancel_market": client.cancel_market_orders(OrderMarketCancelParams(market=market, asset_id=token)),
        "cancel_all": client.cancel_all(),
        "left": client.get_open_orders(),
    }


def trades(told):
    """Buy with dollars, all or nothing, sell what was bought as far as it goes, and see the balances move."""
    client = authenticated(told)
    token = told["token_id"]
    before = balances(client, told)
    price = min(round(float(client.get_price(token, "SELL")["price"]) + 0.1, 2), 0.99)
    args = MarketOrderArgs(**asset(told), amount=20, side=Side.BUY, price=price, order_type=OrderType.FOK)
    bought = client.create_and_post_market_order(args, TICK, OrderType.FOK)
    buys = settled(client, bought["tradeIDs"])
    between = balances(client, told)
    shares = int(between["tokens"]["balance"]) // 10_000 / 100
    price = max(round(float(client.get_price(token, "BUY")["price"]) - 0.1, 2), 0.01)
    args = MarketOrderArgs(**asset(told), amount=shares, side=Side.SELL, price=price, order_type=OrderType.FAK)
    sold = client.create_and_post_market_order(args, TICK, OrderType.FAK)
    sells = settled(client, sold["tradeIDs"])
    return {
        "before": before,
        "bought": bought,
        "buys": buys,
        "buy_order": client.get_order(bought["orderID"]),
        "between": between,
        "sold": sold,
        "sells": sells,
        "after": balances(client, told),
        "all_trades": client.get_trades(TradeParams(asset_id=token)),
        "fees": client.get_clob_market_info(told["condition_id"]).get("fd"),
    }


def refusals(told):
    """Send what the venue does not take."""
    client = authenticated(told)
    token = told["token_id"]
    ask = float(client.get_price(token, "SELL")["price"])
    crossing = limit(told, min(round(ask + 0.05, 2), 0.99))
    huge = OrderArgs(**asset(told), price=0.5, size=10_000_000, side=Side.BUY)
    one = client.create_order(limit(told, 0.02), TICK)
    answer = client.post_order(one)
    out = {
        "post_only": refused(lambda: client.create_and_post_order(crossing, TICK, post_only=True)),
        "small": refused(lambda: client.create_and_post_order(limit(told, 0.02, size=1), TICK)),
        "poor": refused(lambda: client.create_and_post_order(huge, TICK)),
        "twice": refused(lambda: client.post_order(one)),
        "order_id": answer["orderID"],
        "stranger": refused(lambda: foreign(told).get_open_orders()),
    }
    client.cancel_all()
    return out


def beats(told):
    """Keep two heartbeats, then send a stale one."""
    client = authenticated(told)
    first = client.post_heartbeat()
    second = client.post_heartbeat(first["heartbeat_id"])
    return {"first": first, "second": second, "stale": refused(lambda: client.post_heartbeat("no such id"))}


def rest(told):
    """Leave two orders in the book for another client to find."""
    client = authenticated(told)
    answers = [client.create_and_post_order(limit(told, price), TICK) for price in (0.02, 0.03)]
    return {"order_ids": [answer["orderID"] for answer in answers]}


def authenticated(told):
    """Make a client with the credentials that its key derives."""
    account = told["account"]
    options = {"host": told["sandbox"]["clob_url"], "chain_id": CHAIN_ID, "key": account["private_key"]}
    if account["signature_type"]:
        options |= {"signature_type": account["signature_type"], "funder": account["funder"]}
    client = ClobClient(**options)
    client.set_api_creds(client.create_or_derive_api_key())
    return client


def foreign(told):
    """A client whose secret is not the account's."""
    client = authenticated(told)
    client.creds.api_secret = "A" * 43 + "="
    return client


def asset(told):
    """How the client is told what is traded: a position id lets it sign for the third generation."""
    return {"position_id" if told["version"] == "v2" else "token_id": told["token_id"]}


def limit(told, price, size=10.0, expiration=0):
    """A buy order that is far from the market at low prices."""
    return OrderArgs(**asset(told), price=price, size=size, side=Side.BUY, expiration=expiration)


def balances(client, told):
    """Dollars and shares."""
    kind = "CONDITIONAL-V2" if told["version"] == "v2" else AssetType.CONDITIONAL
    return {
        "cash": client.get_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL)),
        "tokens": client.get_balance_allowance(BalanceAllowanceParams(kind, told["token_id"])),
    }


def settled(client, trade_ids):
    """The trades, once the chain has them all for good."""
    deadline = time.monotonic() + SETTLED_S
    while True:
        found = [client.get_trades(TradeParams(id=trade_id))[0] for trade_id in trade_ids]
        if all(trade["status"].endswith("CONFIRMED") for trade in found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.25)


def refused(send):
    """Status and body of a refusal, or the answer when there was none."""
    try:
        return {"status": 200, "answer": send()}
    except PolyApiException as said:
        return {"status": said.status_code, "answer": said.error_msg}


if __name__ == "__main__":
    json.dump(globals()[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
