"""The headers are those of the official clients, and no error shows what they are made of."""

import base64
import gzip
import json
from importlib import import_module
from pathlib import Path
from random import Random

import pytest

from actors.venues.polymarket.credentials import (
    Credentials,
    InvalidCredentials,
    l1_headers,
    l2_headers,
    read_credentials,
)
from actors.venues.polymarket.keys import SigningKey
from actors.venues.secret import Secret

# The first account of every development chain: public, and worth nothing.
PRIVATE = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
KEY = SigningKey(Secret(PRIVATE))
ZEROS = "A" * 43 + "="
API_KEY = "5a5f6a3e-0000-4000-8000-000000000001"


def credentials(secret: str = ZEROS, passphrase: str = "pass") -> Credentials:
    return Credentials(API_KEY, Secret(secret), Secret(passphrase))


@pytest.mark.parametrize(
    ("timestamp_s", "method", "path", "body", "signature"),
    [
        (1_000_000, "test-sign", "/orders", b'{"hash": "0x123"}', "ZwAdJKvoYRlEKDkNMwd5BuwNNtg93kNaR_oU2HrfVvc="),
        (1_700_000_000, "GET", "/data/orders", b"", "m6lGS9WyES7JjpAYNd7zIdW5bfHxAAI_pIa1St9vLO4="),
        (1_700_000_000, "DELETE", "/order", b'{"orderID":"0xabc"}', "ebd_Mp184tE7Z6KPR1h4np8gSxcgEPZ7MeKtDjVwf2g="),
        (
            1_700_000_000, "POST", "/v1/heartbeats", b'{"heartbeat_id":""}',
            "-PUdMuGD63fwGrjfWWDTMme64hsoU-TNjWB7GroYNmo=",
        ),
    ],
)  # fmt: skip
def test_a_request_is_signed_as_published(
    timestamp_s: int, method: str, path: str, body: bytes, signature: str
) -> None:
    for secret in (ZEROS, ZEROS.rstrip("=")):
        assert l2_headers(credentials(secret), KEY.address, timestamp_s, method, path, body) == {
            "POLY_ADDRESS": KEY.address,
            "POLY_SIGNATURE": signature,
            "POLY_TIMESTAMP": str(timestamp_s),
            "POLY_API_KEY": API_KEY,
            "POLY_PASSPHRASE": "pass",
        }


def test_an_account_shows_itself_as_published() -> None:
    assert l1_headers(KEY, 80_002, 10_000_000, 23) == {
        "POLY_ADDRESS": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "POLY_SIGNATURE": "0xf62319a987514da40e57e2f4d7529f7bac38f0355bd88bb5adbb3768d80de6c1"
        "682518e0af677d5260366425f4361e7b70c25ae232aff0ab2331e2b164a1aedc1b",
        "POLY_TIMESTAMP": "10000000",
        "POLY_NONCE": "23",
    }


def test_headers_are_those_of_the_recorded_vectors(shared: Path) -> None:
    with gzip.open(shared / "vectors" / "official_sdk_vectors.json.gz") as file:
        vectors = json.load(file)
    for one in vectors["l1_auth_eip712"]:
        headers = l1_headers(KEY, one["chain_id"], one["timestamp"], one["nonce"])
        assert headers["POLY_SIGNATURE"] == one["signature"]
    for one in vectors["l2_hmac"]:
        body = (one["body"] or "").replace("'", '"').encode()
        made = l2_headers(
            credentials(one["secret_b64url"]), KEY.address, int(one["timestamp"]), one["method"], one["path"], body
        )
        assert made["POLY_SIGNATURE"] == one["signature"]


def test_headers_are_those_that_the_official_client_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    clob_types, official, signing = (
        import_module(f"py_clob_client.{name}") for name in ("clob_types", "headers.headers", "signer")
    )

    class Then:
        @staticmethod
        def now() -> "Then":
            return Then()

        @staticmethod
        def timestamp() -> float:
            return 1_750_000_000.75

    monkeypatch.setattr(official, "datetime", Then)
    random = Random(1)
    signer = signing.Signer(PRIVATE, 137)
    for _ in range(50):
        secret = base64.urlsafe_b64encode(random.randbytes(32)).decode()
        body = '{"orderID":"' + random.randbytes(8).hex() + '"}'
        known = clob_types.ApiCreds(API_KEY, secret, "pass")
        request = clob_types.RequestArgs("DELETE", "/order", body)
        theirs = official.create_level_2_headers(signer, known, request)
        assert l2_headers(credentials(secret), KEY.address, 1_750_000_000, "DELETE", "/order", body.encode()) == theirs
    assert l1_headers(KEY, 137, 1_750_000_000, 7) == official.create_level_1_headers(signer, 7)


def test_credentials_are_read_from_the_answer_that_makes_them() -> None:
    answer = {"apiKey": API_KEY, "secret": ZEROS, "passphrase": "pass", "something": "new"}
    assert read_credentials(json.dumps(answer).encode()) == credentials()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (b'{"apiKey":"k","secret":"hush-hush","passphrase":"p"}', "the API secret is not URL-safe base64"),
        (b'{"apiKey":"k","secret":"","passphrase":"p"}', "the API secret is not URL-safe base64"),
        (b'{"apiKey":"k","secret":"AAAA","passphrase":"hush\\r\\nX: y"}', "the API passphrase is empty or has"),
        (b'{"apiKey":"","secret":"AAAA","passphrase":"p"}', "the API key is empty or has"),
        (b'{"apiKey":"k","secret":17,"passphrase":"hush"}', "the answer is not an API key"),
        (b'{"error":"hush"}', "the answer is not an API key"),
        (b"<html>hush", "the answer is not an API key"),
        (b"\xff\xfe", "the answer is not an API key"),
    ],
)
def test_what_are_no_credentials_is_refused_and_not_shown(given: bytes, says: str) -> None:
    with pytest.raises(InvalidCredentials, match=says) as raised:
        read_credentials(given)
    assert "hush" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_credentials_show_their_key_alone() -> None:
    assert repr(credentials(passphrase="hush")) == (
        f"Credentials(api_key='{API_KEY}', secret=<secret>, passphrase=<secret>)"
    )
