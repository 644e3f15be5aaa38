"""Every vector that the official clients' own code produced."""

import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sandbox.signing.headers import Proof, check_l1, l2_signature, sign_clob_auth
from sandbox.signing.keys import PrivateKey
from sandbox.signing.orders import sign_order, signed_by
from sandbox.signing.typed_data import EXCHANGES, ZERO_32, ZERO_ADDRESS, Domain, Order, order_hash


@pytest.fixture(scope="module")
def published(shared: Path) -> dict[str, Any]:
    return msgspec.json.decode((shared / "vectors" / "order_signing.json").read_bytes())


@pytest.fixture(scope="module")
def official(shared: Path) -> dict[str, Any]:
    return msgspec.json.decode(gzip.decompress((shared / "vectors" / "official_sdk_vectors.json.gz").read_bytes()))


def test_every_published_order_has_its_id_and_signature(published: dict[str, Any], key: PrivateKey) -> None:
    assert len(published["orders"]) == 11
    for vector in published["orders"]:
        named = vector["domain"]
        domain = Domain(int(named["version"]), named["chainId"], named["verifyingContract"])
        order = read(vector["order"])
        assert order_hash(domain, order) == vector["order_hash"], vector["id"]
        assert sign_order(key, domain, order) == vector["signature"], vector["id"]
        assert signed_by(domain, order, vector["signature"]) == key.address, vector["id"]


@pytest.mark.parametrize("name, count", [("signed_orders_v1", 8), ("signed_orders_v2_v3", 48)])
def test_every_order_of_an_official_client_has_its_signature(
    official: dict[str, Any], key: PrivateKey, name: str, count: int
) -> None:
    assert len(official[name]) == count
    for vector in official[name]:
        generation, chain_id = vector["version"], vector["chain_id"]
        contract = EXCHANGES[chain_id][generation, vector["exchange"].startswith("neg_risk")]
        assert contract == vector["verifying_contract"]
        sent = vector["order"].get("order", vector["order"])
        order, domain = read(sent), Domain(generation, chain_id, contract)
        assert sign_order(key, domain, order) == sent["signature"]
        assert signed_by(domain, order, sent["signature"]) == key.address


def test_every_exchange_of_the_official_configuration_is_known(official: dict[str, Any]) -> None:
    for chain_id, config in official["contract_config"].items():
        assert EXCHANGES[int(chain_id)] == {
            (1, False): config["exchange"],
            (1, True): config["neg_risk_exchange"],
            (2, False): config["exchange_v2"],
            (2, True): config["neg_risk_exchange_v2"],
            (3, False): config["exchange_v3"],
            (3, True): config["exchange_v3"],
        }


def test_every_proof_has_its_signature(published: dict[str, Any], official: dict[str, Any], key: PrivateKey) -> None:
    vectors = [(v["chainId"], int(v["timestamp"]), v["nonce"], v["signature"]) for v in published["clob_auth"]]
    vectors += [(v["chain_id"], v["timestamp"], v["nonce"], v["signature"]) for v in official["l1_auth_eip712"]]
    assert len(vectors) == 8
    for chain_id, timestamp, nonce, signature in vectors:
        assert sign_clob_auth(key, chain_id, timestamp, nonce) == signature
        headers = {
            "poly_address": key.address,
            "poly_signature": signature,
            "poly_timestamp": str(timestamp),
            "poly_nonce": str(nonce),
        }
        assert check_l1(headers, chain_id) == Proof(key.address, timestamp, nonce)


def test_every_request_has_its_signature(published: dict[str, Any], official: dict[str, Any]) -> None:
    vectors = [(v["secret"], v, v["expected"]) for v in published["hmac"]]
    vectors += [(v["secret_b64url"], v, v["signature"]) for v in official["l2_hmac"]]
    assert len(vectors) == 13
    for secret, vector, signature in vectors:
        body = (vector["body"] or "").encode()
        assert l2_signature(secret, vector["timestamp"], vector["method"], vector["path"], body) == signature


def read(sent: dict[str, Any]) -> Order:
    """Read an order as a client sends it."""
    return Order(
        salt=int(sent["salt"]),
        maker=sent["maker"],
        signer=sent["signer"],
        token_id=int(sent["tokenId"]),
        maker_amount=int(sent["makerAmount"]),
        taker_amount=int(sent["takerAmount"]),
        side=["BUY", "SELL"].index(sent["side"]) if isinstance(sent["side"], str) else sent["side"],
        signature_type=sent["signatureType"],
        timestamp_ms=int(sent.get("timestamp", 0)),
        metadata=sent.get("metadata", ZERO_32),
        builder=sent.get("builder", ZERO_32),
        taker=sent.get("taker", ZERO_ADDRESS),
        expiration=int(sent.get("expiration", 0)),
        nonce=int(sent.get("nonce", 0)),
        fee_rate_bps=int(sent.get("feeRateBps", 0)),
    )
