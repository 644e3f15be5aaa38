import json

import pytest

from sandbox.signing.headers import l1_headers, l2_headers
from sandbox.signing.keys import PrivateKey, key_from
from sandbox.units import SECOND
from tests.sandbox.house import House

STRANGER = PrivateKey(key_from("a stranger"))


def proof(house: House, key: PrivateKey = STRANGER, nonce: int = 0) -> dict[str, str]:
    return l1_headers(key, house.accounts.chain_id, house.now_ns // SECOND, nonce)


def test_an_unknown_account_creates_a_key_once_and_derives_it_ever_after():
    house = House()
    created = house.request("POST", "/auth/api-key", headers=proof(house))
    assert created.status == 200
    assert set(json.loads(created.body)) == {"apiKey", "secret", "passphrase"}
    again = house.request("POST", "/auth/api-key", headers=proof(house))
    assert (again.status, json.loads(again.body)) == (400, {"error": "Could not create api key"})
    derived = house.request("GET", "/auth/derive-api-key", headers=proof(house))
    assert derived.body == created.body


def test_each_nonce_has_its_own_key_and_one_without_cannot_be_derived():
    house = House()
    first = house.request("POST", "/auth/api-key", headers=proof(house, nonce=0))
    second = house.request("POST", "/auth/api-key", headers=proof(house, nonce=7))
    assert first.body != second.body
    missing = house.request("GET", "/auth/derive-api-key", headers=proof(house, nonce=8))
    assert (missing.status, json.loads(missing.body)) == (400, {"error": "Could not derive api key!"})


@pytest.mark.parametrize(
    "change",
    [
        {"poly_signature": "0x" + "11" * 65},
        {"poly_signature": "nothing"},
        {"poly_nonce": "1"},
        {"poly_timestamp": "now"},
        {"poly_address": "0x" + "22" * 20},
    ],
)
def test_a_proof_that_does_not_hold_is_an_invalid_header(change):
    house = House()
    answer = house.request("POST", "/auth/api-key", headers=proof(house) | change)
    assert (answer.status, json.loads(answer.body)) == (401, {"error": "Invalid L1 Request headers"})
    assert next(house.logged("unauthorized"))["path"] == "/auth/api-key"


def test_a_signed_request_may_be_half_a_minute_off_and_no_more():
    house = House()
    trader = house.trader()
    for seconds, status in ((-30, 200), (30, 200), (-31, 401), (31, 401)):
        headers = l2_headers(trader.credentials, house.now_ns // SECOND + seconds, "GET", "/auth/api-keys")
        assert house.request("GET", "/auth/api-keys", headers=headers).status == status
    house.trading.auth.tolerance_s = None
    ancient = l2_headers(trader.credentials, 1, "GET", "/auth/api-keys")
    assert house.request("GET", "/auth/api-keys", headers=ancient).status == 200


def test_the_signature_covers_the_exact_body_and_the_path_without_the_query():
    house = House()
    trader = house.trader()
    sent = b'{"heartbeat_id": ""}'
    headers = trader.headers("POST", "/v1/heartbeats", sent)
    assert house.request("POST", "/v1/heartbeats", b'{"heartbeat_id":""}', headers).status == 401
    assert house.request("POST", "/v1/heartbeats", sent, headers).status == 200
    assert trader.call("GET", "/data/orders", market="0x1", next_cursor="MA==")[0] == 200


@pytest.mark.parametrize(
    "name", ["poly_api_key", "poly_passphrase", "poly_signature", "poly_address", "poly_timestamp"]
)
def test_a_wrong_or_missing_header_is_unauthorized(name):
    house = House()
    headers = house.trader().headers("GET", "/data/orders")
    for changed in (headers | {name: "x"}, {key: value for key, value in headers.items() if key != name}):
        answer = house.request("GET", "/data/orders", headers=changed)
        assert (answer.status, json.loads(answer.body)) == (401, {"error": "Unauthorized/Invalid api key"})


def test_a_deleted_key_is_listed_no_more_and_opens_nothing():
    house = House()
    trader = house.trader()
    assert trader.call("GET", "/auth/api-keys") == (200, {"apiKeys": [trader.credentials.api_key]})
    assert trader.call("DELETE", "/auth/api-key") == (200, "OK")
    assert trader.call("GET", "/auth/api-keys")[0] == 401


def test_read_only_keys_are_made_listed_and_taken_back():
    trader = House().trader()
    _, made = trader.call("POST", "/auth/readonly-api-key")
    assert trader.call("GET", "/auth/readonly-api-keys") == (200, [made["apiKey"]])
    assert trader.call("DELETE", "/auth/readonly-api-key", {"key": made["apiKey"]}) == (200, "OK")
    assert trader.call("GET", "/auth/readonly-api-keys") == (200, [])
    assert trader.call("DELETE", "/auth/readonly-api-key", {"key": made["apiKey"]})[0] == 400
    assert trader.call("DELETE", "/auth/readonly-api-key", ["?"])[0] == 400


def test_closed_only_mode_is_told():
    trader = House().trader()
    assert trader.call("GET", "/auth/ban-status/closed-only") == (200, {"closed_only": False})
    trader.account.closed_only = True
    assert trader.call("GET", "/auth/ban-status/closed-only") == (200, {"closed_only": True})
