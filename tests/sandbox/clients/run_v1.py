"""Stories of py-clob-client 0.34.6, told as its README does: stdin says where, stdout gets what it saw."""

# It runs in an environment of its own, whose packages are not ours to check.
# pyright: reportMissingImports=false, reportArgumentType=false, reportOptionalSubscript=false
# pyright: reportOptionalMemberAccess=false

import json
import sys

from py_clob_client.client import ClobClient
from py_clob_client.clob_types import AssetType, BalanceAllowanceParams, BookParams, OrderArgs
from py_clob_client.exceptions import PolyApiException
from py_clob_client.order_builder.constants import BUY

CHAIN_ID = 137


def read(told):
    """What needs no key."""
    client = ClobClient(told["sandbox"]["clob_url"])
    token = told["token_id"]
    book = client.get_order_book(token)
    said = book.hash
    return {
        "ok": client.get_ok(),
        "time": client.get_server_time(),
        "book": {"asset_id": book.asset_id, "bids": len(book.bids), "asks": len(book.asks)},
        "hash": said,
        "own_hash": client.get_order_book_hash(book),
        "books": [one.asset_id for one in client.get_order_books([BookParams(token_id=token)])],
        "midpoint": client.get_midpoint(token),
        "price": client.get_price(token, BUY),
        "spread": client.get_spread(token),
        "tick_size": client.get_tick_size(token),
        "neg_risk": client.get_neg_risk(token),
        "market": client.get_market(told["condition_id"]),
    }


def account(told):
    """Authenticate, look at the own orders and trades, cancel one order, then all."""
    client = authenticated(told)
    before = [order["id"] for order in client.get_orders()]
    return {
        "api_key": client.creds.api_key,
        "api_keys": client.get_api_keys(),
        "closed_only": client.get_closed_only_mode(),
        "orders": before,
        "order": client.get_order(told["order_ids"][0]),
        "trades": client.get_trades(),
        "balance": client.get_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL)),
        "cancel": client.cancel(told["order_ids"][0]),
        "cancel_again": client.cancel(told["order_ids"][0]),
        "cancel_all": client.cancel_all(),
        "orders_left": client.get_orders(),
    }


def order(told):
    """Sign an order of the first generation and send it."""
    client = authenticated(told)
    signed = client.create_order(OrderArgs(token_id=told["token_id"], price=0.05, size=20.0, side=BUY))
    try:
        return {"status": 200, "answer": client.post_order(signed)}
    except PolyApiException as refused:
        return {"status": refused.status_code, "answer": refused.error_msg}


def authenticated(told):
    """Make a client with the credentials that its key derives."""
    client = ClobClient(told["sandbox"]["clob_url"], key=told["account"]["private_key"], chain_id=CHAIN_ID)
    client.set_api_creds(client.create_or_derive_api_creds())
    return client


if __name__ == "__main__":
    json.dump(globals()[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
