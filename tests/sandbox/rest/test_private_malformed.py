"""Whatever an account sends, it gets one answer in JSON, and its venue goes on."""

import json
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.books import MirroredBook
from tests.sandbox.house import House

STEP_NS = 500_000_000
HOUSE = House()
HOUSE.buckets.enforced = False
MARKET = HOUSE.market()
HOUSE.quote(MARKET, "BUY", 5_000, 1_000_000)
HOUSE.quote(MARKET, "SELL", 5_300, 1_000_000)
TRADER = HOUSE.trader(cash=1_000_000)
CALLS = [(method, path) for method, path in HOUSE.trading.routes if (method, path) != ("DELETE", "/auth/api-key")]
SOCKETS = count(1_000)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**300),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.sampled_from(
        ["BUY", "GTC", "0x", "0x" + "ab" * 32, MARKET.condition_id, *MARKET.token_ids, "1" * 90, "-1", "1.5"]
    ),
)
NAMES = st.sampled_from(["order", "orderID", "owner", "market", "asset_id", "heartbeat_id", "key", "salt", "side"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=8,
)
BODIES = st.one_of(st.binary(max_size=40), VALUES.map(lambda value: json.dumps(value).encode()), st.just(b"[" * 50_000))
QUERIES = st.dictionaries(
    st.sampled_from(["id", "market", "asset_id", "asset_type", "token_id", "signature_type", "next_cursor", "after",
                     "before", "date", "order_id", "ids", "maker_address", "builder_code"]),
    st.one_of(st.text(max_size=12), st.sampled_from(["COLLATERAL", "CONDITIONAL", "3", "MA==", "LTE=", "2026-11-21"])),
    max_size=4,
)  # fmt: skip


def conserved() -> bool:
    ledger = HOUSE.engine.ledger
    return ledger.cash == ledger.brought_in


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(CALLS), st.text(st.characters(codec="ascii"), max_size=5), BODIES, QUERIES)
def test_any_signed_call_gets_one_answer(call, last, body, query):
    method, path = call
    path = path.replace("*", last)
    HOUSE.advance_to(HOUSE.now_ns + STEP_NS)
    answer = HOUSE.request(method, path, body, TRADER.headers(method, path, body), **query)
    assert answer.status in (200, 400, 401, 404, 405)
    json.loads(answer.body)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(["salt", "maker", "signer", "tokenId", "makerAmount", "takerAmount", "side", "expiration",
                     "signatureType", "timestamp", "metadata", "builder", "signature", "taker", "owner", "orderType"]),
    VALUES,
    st.sampled_from(["GTC", "GTD", "FOK", "FAK"]),
)  # fmt: skip
def test_any_spoilt_order_is_refused_and_nothing_is_lost(field, value, kind):
    HOUSE.advance_to(HOUSE.now_ns + STEP_NS)
    body = TRADER.body(MARKET, 0, "BUY", "0.53", "5.3", kind=kind)
    (body["order"] if field in body["order"] or field == "taker" else body)[field] = value
    status, answer = TRADER.call("POST", "/order", body)
    assert status in (200, 400)
    assert status == 400 or answer["success"] is True
    assert conserved()


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["BUY", "SELL"]),
    st.integers(0, 2**80),
    st.integers(0, 2**80),
    st.sampled_from(["GTC", "FOK", "FAK"]),
    st.booleans(),
)
def test_any_signed_amounts_are_judged_and_nothing_is_lost(side, maker_amount, taker_amount, kind, small):
    HOUSE.advance_to(HOUSE.now_ns + STEP_NS)
    shrink = 10_000 if small else 1
    amounts = {"maker_amount": maker_amount % 10**9 * shrink, "taker_amount": taker_amount % 10**9 * shrink}
    status, answer = TRADER.place(MARKET, 0, side, "0.5", "10", kind=kind, **amounts)
    assert status in (200, 400)
    assert status == 400 or answer["status"] in ("live", "matched")
    assert conserved()
    assert isinstance(MARKET.book, MirroredBook)
    bid, ask = MARKET.book.touch(0)
    assert bid is None or ask is None or bid < ask


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=20), VALUES.map(json.dumps), st.just("PING")), max_size=4))
def test_any_text_on_a_user_socket_is_survived(texts):
    connection = next(SOCKETS)
    HOUSE.users.opened(connection)
    for text in texts:
        HOUSE.say(connection, text)
    assert HOUSE.events(connection) == ["PONG"] * texts.count("PING")
    HOUSE.users.closed(connection)


@pytest.mark.parametrize("value", ["\u0661", "\u00b2", "0x10", "1e3", " 1", "1\n", "+1", ""])
def test_a_number_is_written_in_plain_digits(value):
    for field in ("tokenId", "makerAmount", "takerAmount", "expiration", "timestamp"):
        body = TRADER.body(MARKET, 0, "BUY", "0.4", "5")
        body["order"][field] = value
        assert TRADER.call("POST", "/order", body)[0] == 400
