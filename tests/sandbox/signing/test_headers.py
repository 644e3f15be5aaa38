"""Headers of requests against the published vectors, and who is refused."""

import base64
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.signing.headers import (
    Credentials,
    Proof,
    check_l1,
    check_l2,
    credentials_from,
    l1_headers,
    l2_headers,
    l2_signature,
    sign_clob_auth,
)
from sandbox.signing.keys import PrivateKey, Refusal, key_from
from sandbox.signing.typed_data import AMOY, POLYGON, clob_auth_digest

ZERO_SECRET = "A" * 43 + "="
OTHER = PrivateKey(key_from("another"))
NOW_S = 1_790_000_000
MINE = credentials_from("mine", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
BODY = b'{"orderID":"0xabc"}'


def found(api_key: str) -> Credentials | None:
    return MINE if api_key == MINE.api_key else None


def test_a_proof_has_its_published_signature(key: PrivateKey) -> None:
    assert sign_clob_auth(key, AMOY, 10_000_000, 23) == (
        "0xf62319a987514da40e57e2f4d7529f7bac38f0355bd88bb5adbb3768d80de6c1"
        "682518e0af677d5260366425f4361e7b70c25ae232aff0ab2331e2b164a1aedc1b"
    )


@pytest.mark.parametrize(
    "timestamp, method, path, body, expected",
    [
        ("1000000", "test-sign", "/orders", b'{"hash": "0x123"}', "ZwAdJKvoYRlEKDkNMwd5BuwNNtg93kNaR_oU2HrfVvc="),
        ("1700000000", "GET", "/data/orders", b"", "m6lGS9WyES7JjpAYNd7zIdW5bfHxAAI_pIa1St9vLO4="),
        ("1700000000", "DELETE", "/order", BODY, "ebd_Mp184tE7Z6KPR1h4np8gSxcgEPZ7MeKtDjVwf2g="),
        (
            "1700000000",
            "POST",
            "/v1/heartbeats",
            b'{"heartbeat_id":""}',
            "-PUdMuGD63fwGrjfWWDTMme64hsoU-TNjWB7GroYNmo=",
        ),
    ],
)
def test_a_request_has_its_published_signature(
    timestamp: str, method: str, path: str, body: bytes, expected: str
) -> None:
    assert l2_signature(ZERO_SECRET, timestamp, method, path, body) == expected
    assert l2_signature(ZERO_SECRET.rstrip("="), timestamp, method, path, body) == expected


@pytest.mark.parametrize("chain_id", [POLYGON, AMOY])
def test_a_proof_holds(key: PrivateKey, chain_id: int) -> None:
    assert check_l1(l1_headers(key, chain_id, NOW_S, 3), chain_id) == Proof(key.address, NOW_S, 3)


def test_a_proof_without_a_nonce_is_for_the_first(key: PrivateKey) -> None:
    headers = l1_headers(key, POLYGON, NOW_S)
    del headers["poly_nonce"]
    assert check_l1(headers, POLYGON) == Proof(key.address, NOW_S, 0)


def test_a_proof_for_another_chain_is_refused(key: PrivateKey) -> None:
    assert isinstance(check_l1(l1_headers(key, AMOY, NOW_S), POLYGON), Refusal)


@pytest.mark.parametrize(
    "name, value",
    [
        ("poly_address", OTHER.address),
        ("poly_address", "0x12"),
        ("poly_address", ""),
        ("poly_timestamp", str(NOW_S + 1)),
        ("poly_timestamp", f"0{NOW_S}"),
        ("poly_timestamp", f" {NOW_S}"),
        ("poly_timestamp", ""),
        ("poly_timestamp", "-1"),
        ("poly_nonce", "1"),
        ("poly_nonce", ""),
        ("poly_nonce", "-1"),
        ("poly_nonce", "9" * 5_000),
        ("poly_nonce", chr(0x0660)),
        ("poly_signature", "0x" + "11" * 65),
        ("poly_signature", "0x"),
        ("poly_signature", "no hexadecimal"),
    ],
)
def test_a_changed_proof_is_refused(key: PrivateKey, name: str, value: str) -> None:
    assert isinstance(check_l1({**l1_headers(key, POLYGON, NOW_S), name: value}, POLYGON), Refusal)


@pytest.mark.parametrize("timestamp", ["", "now", f" {NOW_S}", "-1", "1.5", "1" * 13, chr(0x0661)])
def test_a_signed_timestamp_that_is_no_count_of_seconds_is_refused(key: PrivateKey, timestamp: str) -> None:
    signature = "0x" + key.sign(clob_auth_digest(POLYGON, key.address, timestamp, 0)).hex()
    headers = {"poly_address": key.address, "poly_signature": signature, "poly_timestamp": timestamp}
    assert check_l1(headers, POLYGON) == Refusal("malformed: timestamp or nonce")


def test_headers_that_are_missing_prove_nothing(key: PrivateKey) -> None:
    assert isinstance(check_l1({}, POLYGON), Refusal)
    for name in ("poly_address", "poly_signature", "poly_timestamp"):
        headers = l1_headers(key, POLYGON, NOW_S)
        del headers[name]
        assert isinstance(check_l1(headers, POLYGON), Refusal)


@pytest.mark.parametrize("body", [b"", BODY, '[{"b":"é😃"}]'.encode(), b"\xff\x00"])
def test_a_signed_request_holds(body: bytes) -> None:
    headers = l2_headers(MINE, NOW_S, "POST", "/order", body)
    assert check_l2(headers, "POST", "/order", body, found) == MINE


def test_the_case_of_the_address_is_free() -> None:
    headers = l2_headers(MINE, NOW_S, "GET", "/data/orders")
    headers["poly_address"] = MINE.address.lower()
    assert check_l2(headers, "GET", "/data/orders", b"", found) == MINE


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("POST", "/order", BODY),
        ("delete", "/order", BODY),
        ("DELETE", "/orders", BODY),
        ("DELETE", "/order?id=1", BODY),
        ("DELETE", "/order", BODY + b"\n"),
        ("DELETE", "/order", b'{"orderID": "0xabc"}'),
        ("DELETE", "/order", BODY.replace(b'"', b"'")),
        ("DELETE", "/order", b""),
    ],
)
def test_a_signature_is_for_exactly_what_is_sent(method: str, path: str, body: bytes) -> None:
    headers = l2_headers(MINE, NOW_S, "DELETE", "/order", BODY)
    assert check_l2(headers, "DELETE", "/order", BODY, found) == MINE
    assert isinstance(check_l2(headers, method, path, body, found), Refusal)


@pytest.mark.parametrize(
    "name, value, expected",
    [
        ("poly_api_key", "another", "the API key is unknown"),
        ("poly_api_key", "", "the API key is unknown"),
        ("poly_address", OTHER.address, "the API key is another account's"),
        ("poly_address", "", "the API key is another account's"),
        ("poly_passphrase", "wrong", "the passphrase is wrong"),
        ("poly_passphrase", "\udcff", "the passphrase is wrong"),
        ("poly_timestamp", str(NOW_S + 1), "signed with another secret, or another method, path, time or body"),
        ("poly_timestamp", "now", "malformed: timestamp"),
        ("poly_signature", "", "signed with another secret, or another method, path, time or body"),
        ("poly_signature", "é", "signed with another secret, or another method, path, time or body"),
    ],
)
def test_a_changed_header_is_refused(name: str, value: str, expected: str) -> None:
    headers = {**l2_headers(MINE, NOW_S, "GET", "/data/orders"), name: value}
    assert check_l2(headers, "GET", "/data/orders", b"", found) == Refusal(expected)


def test_a_signature_in_the_other_base64_is_refused() -> None:
    signed = (l2_headers(MINE, NOW_S + second, "GET", "/data/orders") for second in range(100))
    headers = next(headers for headers in signed if "-" in headers["poly_signature"])
    assert check_l2(headers, "GET", "/data/orders", b"", found) == MINE
    headers["poly_signature"] = headers["poly_signature"].replace("-", "+").replace("_", "/")
    assert isinstance(check_l2(headers, "GET", "/data/orders", b"", found), Refusal)


def test_credentials_come_from_their_seed_and_look_like_the_venues() -> None:
    assert credentials_from("mine", MINE.address) == MINE
    other = credentials_from("yours", MINE.address)
    assert not {MINE.api_key, MINE.secret, MINE.passphrase} & {other.api_key, other.secret, other.passphrase}
    assert str(uuid.UUID(MINE.api_key)) == MINE.api_key
    assert uuid.UUID(MINE.api_key).version == 4
    assert len(base64.urlsafe_b64decode(MINE.secret)) == 32
    assert len(bytes.fromhex(MINE.passphrase)) == 32


@given(st.dictionaries(st.sampled_from([*l2_headers(MINE, 0, "", ""), "poly_nonce"]), st.text(max_size=70)))
def test_headers_of_any_text_are_refused_without_an_error(headers: dict[str, str]) -> None:
    assert isinstance(check_l1(headers, POLYGON), Refusal)
    assert isinstance(check_l2(headers, "GET", "/", b"", found), Refusal)
    assert isinstance(check_l2({**headers, "poly_api_key": MINE.api_key}, "GET", "/", b"", found), Refusal)
