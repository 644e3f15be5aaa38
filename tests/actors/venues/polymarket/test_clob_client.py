"""Calls send what the venue expects, return exact values, and never take a failed read for an empty one."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from actors.gate import Gate
from actors.runtime.clock import SystemClock
from actors.venues.http_client import HttpClient
from actors.venues.polymarket.clob_answers import Balance, Beat, MakerPart, MarketTerms, OpenOrder, OwnTrade
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.clob_session import ClobSession, ReadFailed
from actors.venues.polymarket.credentials import Credentials, l1_headers, l2_headers
from actors.venues.polymarket.keys import SigningKey
from actors.venues.polymarket.orders import Account, SignatureType
from actors.venues.polymarket.verdicts import Cause, Fate, RateLimit
from actors.venues.secret import Secret
from models.markets import Side
from tests.actors.venues.rude_server import Peer, RudeServer, rude_server

# The first account of every development chain: public, and worth nothing.
KEY = SigningKey(Secret("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))
ACCOUNT = Account(KEY, 137, SignatureType.PROXY, "0x1111111111111111111111111111111111111111")
CREDENTIALS = Credentials("key", Secret("A" * 43), Secret("pass"))
ID = "0x" + "ab" * 32
M = "0x" + "11" * 32
NOW_S = 1_750_000_000

ORDER = {
    "id": ID, "status": "ORDER_STATUS_LIVE", "owner": "key", "maker_address": "0x1", "market": M, "asset_id": "77",
    "side": "BUY", "original_size": "10", "size_matched": "2.5", "price": "0.48", "outcome": "Yes",
    "expiration": "0", "order_type": "GTC", "associate_trades": ["t1"], "created_at": NOW_S, "new_key": {},
}  # fmt: skip
TRADE = {
    "id": "t1", "taker_order_id": "0x2", "market": M, "asset_id": "77", "side": "SELL", "size": "2.5",
    "fee_rate_bps": "0", "price": "0.48", "status": "TRADE_STATUS_CONFIRMED", "match_time": str(NOW_S),
    "last_update": str(NOW_S), "outcome": "Yes", "bucket_index": 0, "owner": "other", "maker_address": "0x9",
    "trader_side": "MAKER",
    "maker_orders": [{
        "order_id": ID, "owner": "key", "maker_address": "0x1", "matched_amount": "2.500001", "price": "0.48",
        "fee_rate_bps": "0", "asset_id": "77", "outcome": "Yes",
    }],
}  # fmt: skip


class FixedClock:
    def now_ns(self) -> int:
        return NOW_S * 1_000_000_000 + 999_999_999


class Script:
    """Answers each (method, path) with what it is told, or with what a function of the query says."""

    def __init__(self, server: RudeServer) -> None:
        self.answers: dict[tuple[str, str], tuple[int, Any] | Callable[[dict[str, str]], tuple[int, Any]]] = {}
        self.headers: dict[str, str] = {}
        self.server = server
        server.manner = self._answer

    def asked(self, number: int = -1) -> tuple[str, str, dict[str, str], dict[str, str], bytes]:
        """Return a request: method, path, query, headers, body."""
        head, _, body = self.server.requests[number].partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, target, _ = first.split(" ")
        headers = dict(line.split(": ", 1) for line in lines)
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        return method, urlsplit(target).path, query, headers, body

    def _answer(self, peer: Peer) -> None:
        method, path, query, _, _ = self.asked()
        told = self.answers.get((method, path), (404, {"error": "not found"}))
        status, body = told(query) if callable(told) else told
        packed = body if isinstance(body, bytes) else json.dumps(body).encode()
        peer.answer(status, packed, **self.headers)


@pytest.fixture
def script() -> Iterator[Script]:
    with rude_server() as server:
        yield Script(server)


@pytest.fixture
def client(script: Script, tmp_path: Path) -> Iterator[ClobClient]:
    http = HttpClient(script.server.url, Gate(tmp_path / "killed", SystemClock()))
    made = ClobClient(ClobSession(http, ACCOUNT, FixedClock(), CREDENTIALS, within_s=5, pages_max=5))
    yield made
    made.close()


def page(items: list[Any], following: str = "LTE=") -> tuple[int, Any]:
    return 200, {"limit": 500, "count": len(items), "next_cursor": following, "data": items}


def test_an_order_is_placed_with_the_bytes_that_were_journalled(script: Script, client: ClobClient) -> None:
    script.answers["POST", "/order"] = 200, {"success": True, "errorMsg": "", "orderID": ID, "status": "live"}
    script.headers = {"Poly_RateLimit_Remaining": "59"}
    assert client.place(b'{"order":{}}', ID).fate is Fate.DONE
    method, path, _, headers, body = script.asked()
    assert body == b'{"order":{}}'
    signed = l2_headers(CREDENTIALS, KEY.address, NOW_S, method, path, body)
    assert {name: headers[name] for name in signed} == signed
    assert client.session.rate_limit == RateLimit(59)


def test_orders_are_placed_together(script: Script, client: ClobClient) -> None:
    legs = [
        {"success": True, "errorMsg": "", "orderID": ID, "status": "live"},
        {"success": True, "errorMsg": "invalid expiration", "orderID": "", "status": ""},
    ]
    script.answers["POST", "/orders"] = 200, legs
    verdicts = client.place_many([b"{}", b"[]"], [ID, "0x2"])
    assert [verdict.fate for verdict in verdicts] == [Fate.DONE, Fate.REFUSED]
    assert script.asked()[4] == b"[{},[]]"


def test_without_a_gate_nothing_is_placed(script: Script) -> None:
    client = ClobClient(ClobSession(HttpClient(script.server.url), ACCOUNT, FixedClock(), CREDENTIALS))
    with pytest.raises(RuntimeError, match="through a client with a gate"):
        client.place(b"{}", ID)
    with pytest.raises(RuntimeError, match="through a client with a gate"):
        client.place_many([b"{}"], [ID])
    assert not script.server.requests
    client.close()


def test_cancels_say_what_was_cancelled(script: Script, client: ClobClient) -> None:
    told = 200, {"canceled": [ID], "not_canceled": {"0x2": "Order already matched"}}
    for path in ("/order", "/orders", "/cancel-market-orders", "/cancel-all"):
        script.answers["DELETE", path] = told
    assert client.cancel(ID).fate is Fate.DONE
    assert client.cancel("0x2").cause is Cause.GONE
    assert client.cancel_many([ID, "0x2"]).of("0x2").text == "Order already matched"
    assert client.cancel_market(M, "77").cancelled == (ID,)
    assert json.loads(script.asked()[4]) == {"market": M, "asset_id": "77"}
    assert client.cancel_all().kept == {"0x2": "Order already matched"}
    method, path, _, headers, body = script.asked()
    assert (method, path, body) == ("DELETE", "/cancel-all", b"")
    assert headers["POLY_SIGNATURE"] == l2_headers(CREDENTIALS, KEY.address, NOW_S, method, path)["POLY_SIGNATURE"]


def test_open_orders_are_read_to_the_last_page(script: Script, client: ClobClient) -> None:
    other = {**ORDER, "id": "0x2", "status": "LIVE"}
    moved = {**ORDER, "size_matched": "3"}
    pages = {"MA==": page([ORDER, other], "NTAw"), "NTAw": page([moved])}
    script.answers["GET", "/data/orders"] = lambda query: pages[query["next_cursor"]]
    first, second = client.open_orders(M)
    assert first == OpenOrder(ID, "LIVE", M, "77", Side.BUY, 4_800, 10_000_000, 3_000_000, "GTC", "0x1", NOW_S, ("t1",))
    assert second.order_id == "0x2"
    assert script.asked()[2] == {"market": M, "next_cursor": "NTAw"}
    # The signature covers the path without the query.
    signed = l2_headers(CREDENTIALS, KEY.address, NOW_S, "GET", "/data/orders")
    assert script.asked()[3]["POLY_SIGNATURE"] == signed["POLY_SIGNATURE"]


def test_no_open_orders_are_an_answer(script: Script, client: ClobClient) -> None:
    script.answers["GET", "/data/orders"] = page([])
    assert client.open_orders() == ()


@pytest.mark.parametrize(
    "answer",
    [
        lambda query: page([ORDER], query["next_cursor"]),
        lambda query: page([ORDER], "NTAw" if query["next_cursor"] == "MA==" else "MA=="),
        lambda query: page([ORDER], query["next_cursor"] + "x"),
        lambda query: page([ORDER], ""),
        lambda query: page([ORDER], "NTAw") if query["next_cursor"] == "MA==" else (500, {"error": "no"}),
        (200, {"data": [ORDER]}),
        (200, {"next_cursor": "LTE="}),
        (200, [ORDER]),
        (200, b""),
        (200, b"null"),
        (200, b"<html>"),
        (200, b'{"data":[' + b"[" * 100_000),
        page([{**ORDER, "price": "NaN"}]),
        page([{**ORDER, "price": "1.01"}]),
        page([{**ORDER, "size_matched": "-1"}]),
        page([{**ORDER, "original_size": "1e3"}]),
        page([{**ORDER, "side": "HOLD"}]),
        page([{name: value for name, value in ORDER.items() if name != "size_matched"}]),
        (401, {"error": "Unauthorized/Invalid api key"}),
        (403, b"<html>Cloudflare</html>"),
        (404, {"error": "not found"}),
        (425, b""),
        (429, b""),
    ],
)
def test_a_failed_read_is_never_an_empty_one(script: Script, client: ClobClient, answer: Any) -> None:
    script.answers["GET", "/data/orders"] = answer
    with pytest.raises(ReadFailed):
        client.open_orders()
    assert len(script.server.requests) <= 5


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, {"error": "Unauthorized/Invalid api key"}, "401 Unauthorized/Invalid api key (derive the API key anew"),
        (403, b"<html>Cloudflare", "403 <html>Cloudflare (the venue does not serve this address or region"),
        (500, b"", "/data/orders: 500"),
    ],
)
def test_a_failed_read_says_what_a_person_can_do(
    script: Script, client: ClobClient, status: int, body: Any, says: str
) -> None:
    script.answers["GET", "/data/orders"] = status, body
    with pytest.raises(ReadFailed) as raised:
        client.open_orders()
    assert says in str(raised.value)


def test_a_venue_that_is_not_there_fails_a_read() -> None:
    with rude_server() as server:
        url = server.url
    client = ClobClient(ClobSession(HttpClient(url), ACCOUNT, FixedClock(), CREDENTIALS))
    with pytest.raises(ReadFailed) as raised:
        client.open_orders()
    assert raised.value.verdict.fate is Fate.NEVER_SENT
    client.close()


def test_an_order_is_read_whatever_became_of_it(script: Script, client: ClobClient) -> None:
    script.answers["GET", f"/data/order/{ID}"] = 200, {**ORDER, "status": "CANCELED_MARKET_RESOLVED"}
    found = client.order(ID)
    assert found is not None
    assert found.status == "CANCELED_MARKET_RESOLVED"


@pytest.mark.parametrize("answer", [(404, {"error": "Order not found"}), (200, b"null")])
def test_an_order_that_the_venue_does_not_know_is_none(script: Script, client: ClobClient, answer: Any) -> None:
    script.answers["GET", f"/data/order/{ID}"] = answer
    assert client.order(ID) is None


@pytest.mark.parametrize(
    "answer", [(404, b"<html>"), (404, {"error": "not found"}), (500, b""), (200, b"{}"), (200, b"")]
)
def test_an_error_is_not_the_word_that_an_order_is_unknown(script: Script, client: ClobClient, answer: Any) -> None:
    script.answers["GET", f"/data/order/{ID}"] = answer
    with pytest.raises(ReadFailed):
        client.order(ID)


def test_trades_are_read_with_their_makers(script: Script, client: ClobClient) -> None:
    script.answers["GET", "/data/trades"] = page([TRADE])
    assert client.trades(after_s=NOW_S, condition_id=M) == (
        OwnTrade(
            "t1", "0x2", M, "77", Side.SELL, 4_800, 2_500_000, "CONFIRMED", "MAKER", "0x9", NOW_S, "",
            (MakerPart(ID, "0x1", "77", None, 4_800, 2_500_001),),
        ),
    )  # fmt: skip
    assert script.asked()[2] == {"market": M, "after": str(NOW_S), "next_cursor": "MA=="}
    client.trades(trade_id="t1")
    assert script.asked()[2] == {"id": "t1", "next_cursor": "MA=="}


def test_a_balance_is_whole_millionths(script: Script, client: ClobClient) -> None:
    unlimited = 2**256 - 1
    told = {"balance": "1000000000", "allowances": {"0xE111": str(unlimited)}}
    script.answers["GET", "/balance-allowance"] = 200, told
    script.answers["GET", "/balance-allowance/update"] = 200, b'""'
    assert client.balance() == Balance(1_000_000_000, {"0xE111": unlimited})
    assert script.asked()[2] == {"asset_type": "COLLATERAL", "signature_type": "1"}
    client.refresh_balance("CONDITIONAL", "77")
    assert script.asked()[2] == {"asset_type": "CONDITIONAL", "signature_type": "1", "token_id": "77"}
    for balance in ("1.5", "-1", "", "9" * 79):
        script.answers["GET", "/balance-allowance"] = 200, {"balance": balance, "allowances": {}}
        with pytest.raises(ReadFailed):
            client.balance()


def test_heartbeats_go_on_from_the_last_id(script: Script, client: ClobClient) -> None:
    script.answers["POST", "/v1/heartbeats"] = 200, {"heartbeat_id": "next"}
    assert client.heartbeat() == Beat(True, "next")
    assert script.asked()[4] == b'{"heartbeat_id":""}'
    stale = {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": "expected"}
    script.answers["POST", "/v1/heartbeats"] = 400, stale
    assert client.heartbeat("old") == Beat(False, "expected")
    for status, body in ((400, {"error": "odd"}), (401, stale), (200, {}), (500, stale)):
        script.answers["POST", "/v1/heartbeats"] = status, body
        with pytest.raises(ReadFailed):
            client.heartbeat("old")


def test_a_key_is_made_or_derived_and_used(script: Script, client: ClobClient) -> None:
    triple = {"apiKey": "made", "secret": "AAAA", "passphrase": "word"}
    script.answers["POST", "/auth/api-key"] = 400, {"error": "Could not create api key"}
    script.answers["GET", "/auth/derive-api-key"] = 200, triple
    script.answers["GET", "/auth/api-keys"] = 200, {"apiKeys": ["made"]}
    script.answers["DELETE", "/auth/api-key"] = 200, "OK"
    client.session.credentials = None
    assert client.create_or_derive_key(3) == Credentials("made", Secret("AAAA"), Secret("word"))
    headers = script.asked()[3]
    signed = l1_headers(KEY, 137, NOW_S, 3)
    assert {name: headers[name] for name in signed} == signed
    assert client.api_keys() == ("made",)
    assert script.asked()[3]["POLY_API_KEY"] == "made"
    client.delete_key()
    script.answers["POST", "/auth/api-key"] = 200, {**triple, "apiKey": "new"}
    assert client.create_or_derive_key().api_key == "new"


def test_a_key_that_is_refused_or_malformed_is_an_error_that_shows_none_of_it(
    script: Script, client: ClobClient
) -> None:
    for status, body in ((401, {"error": "Invalid L1 Request headers"}), (200, {"apiKey": "k", "secret": "hush!"})):
        script.answers["POST", "/auth/api-key"] = status, body
        with pytest.raises(ReadFailed) as raised:
            client.create_or_derive_key()
        assert "hush" not in str(raised.value)
        assert client.session.credentials == CREDENTIALS


def test_before_a_key_is_known_nothing_is_asked_for_the_account(script: Script, client: ClobClient) -> None:
    client.session.credentials = None
    with pytest.raises(RuntimeError, match="not known yet"):
        client.open_orders()
    assert not script.server.requests


def test_requests_are_signed_by_the_clock_of_the_venue(script: Script, client: ClobClient) -> None:
    script.answers["GET", "/time"] = 200, NOW_S + 30
    script.answers["GET", "/data/orders"] = page([])
    assert client.learn_time() == 30
    assert "POLY_API_KEY" not in script.asked()[3]
    assert client.learn_time() == 30
    client.open_orders()
    assert script.asked()[3]["POLY_TIMESTAMP"] == str(NOW_S + 30)


def test_the_terms_of_a_market_are_exact(script: Script, client: ClobClient) -> None:
    told = {
        "r": {"mi": 50}, "t": [{"t": "25", "o": "Up\x1b"}, {"t": "11", "o": "Down"}], "c": M, "mos": 5, "mts": 0.0025,
        "mbf": 1000, "tbf": 1000, "ao": True, "itode": True, "fd": {"r": 0.07, "e": 1, "to": True}, "v": "v2",
    }  # fmt: skip
    script.answers["GET", f"/clob-markets/{M}"] = 200, told
    assert client.market_terms(M) == MarketTerms(
        M, ("25", "11"), ("Up", "Down"), 25, 5_000_000, False, "v2", True, True, 70_000, 1
    )
    script.answers["GET", f"/clob-markets/{M}"] = 200, b'{"c":"x","t":[],"mts":1e-3,"mos":15.5,"nr":true}'
    bare = client.market_terms(M)
    assert (bare.tick, bare.min_size, bare.neg_risk, bare.version, bare.fee_rate_e6) == (10, 15_500_000, True, "v1", 0)


@pytest.mark.parametrize("tick", ["0.02", "1e999999999", '"NaN"', "-0.01", "null", '"x"', "0.01000000000000000000001"])
def test_a_tick_that_the_venue_does_not_have_is_an_error(script: Script, client: ClobClient, tick: str) -> None:
    script.answers["GET", "/tick-size"] = 200, f'{{"minimum_tick_size":{tick}}}'.encode()
    with pytest.raises(ReadFailed):
        client.tick_size("77")
    script.answers["GET", f"/clob-markets/{M}"] = 200, f'{{"c":"x","t":[],"mts":{tick},"mos":5}}'.encode()
    with pytest.raises(ReadFailed):
        client.market_terms(M)


def test_what_anybody_may_read_is_read(script: Script, client: ClobClient) -> None:
    script.answers["GET", "/version"] = 200, {"version": 2}
    script.answers["GET", "/tick-size"] = 200, {"minimum_tick_size": "0.001"}
    script.answers["GET", "/neg-risk"] = 200, {"neg_risk": True}
    script.answers["GET", "/auth/ban-status/closed-only"] = 200, {"closed_only": False}
    assert (client.version(), client.tick_size("77"), client.neg_risk("77")) == (2, 10, True)
    assert client.closed_only() is False
    for path, body in (("/version", {"version": "two"}), ("/time", b'"soon"')):
        script.answers["GET", path] = 200, body
    with pytest.raises(ReadFailed):
        client.version()
    with pytest.raises(ReadFailed):
        client.server_time_s()
