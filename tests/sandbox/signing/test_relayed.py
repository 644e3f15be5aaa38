"""Transactions that others send, against what polymarket-client 0.14.0 made of the same with the same key."""

import pytest

from sandbox.signing.abi import call_data, decode, encode, kinds_of, selector
from sandbox.signing.contracts import (
    COLLATERAL,
    COLLATERAL_ADAPTER,
    CONDITIONAL_TOKENS,
    PROXY_FACTORY,
    RELAY_HUB,
    SAFE_MULTISEND,
)
from sandbox.signing.relayed import (
    Call,
    ProxyTerms,
    SafeGas,
    batch_digest,
    personal,
    proxy_digest,
    safe_digest,
    safe_signer_of,
    signer_of,
)
from sandbox.signing.typed_data import POLYGON, ZERO_ADDRESS

WALLET = "0x1111111111111111111111111111111111111111"
CONDITION = bytes.fromhex("ab" * 32)
NONCE, DEADLINE_S = 7, 1_795_279_596
NO_GAS = SafeGas(0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS)

MERGE = bytes.fromhex(
    "9e7212ad000000000000000000000000c011a7e12a19f7b1f670d46f03b03f3342e82dfb000000000000000000000000"
    "0000000000000000000000000000000000000000abababababababababababababababababababababababababababab"
    "abababab00000000000000000000000000000000000000000000000000000000000000a0000000000000000000000000"
    "00000000000000000000000000000000003d090000000000000000000000000000000000000000000000000000000000"
    "000000020000000000000000000000000000000000000000000000000000000000000001000000000000000000000000"
    "0000000000000000000000000000000000000002"
)
APPROVE = bytes.fromhex(
    "095ea7b3000000000000000000000000ada100db00ca00073811820692005400218fce1fffffffffffffffffffffffff"
    "ffffffffffffffffffffffffffffffffffffffff"
)
REDEEM = bytes.fromhex(
    "01b7037c000000000000000000000000c011a7e12a19f7b1f670d46f03b03f3342e82dfb000000000000000000000000"
    "0000000000000000000000000000000000000000abababababababababababababababababababababababababababab"
    "abababab0000000000000000000000000000000000000000000000000000000000000080000000000000000000000000"
    "000000000000000000000000000000000000000200000000000000000000000000000000000000000000000000000000"
    "000000010000000000000000000000000000000000000000000000000000000000000002"
)
ROUTER_REDEEM = bytes.fromhex(
    "d217a3cc01cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd0000000000000000000000000000"
    "000000000000000000000000000000000000000100000000000000000000000000000000000000000000000000000000"
    "00000007"
)
APPROVE_ALL = bytes.fromhex(
    "a22cb465000000000000000000000000ada100db00ca00073811820692005400218fce1f000000000000000000000000"
    "0000000000000000000000000000000000000001"
)
MULTISEND = bytes.fromhex(
    "8d80ff0a0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000"
    "00000000000000000000000000000000000001f200ada100db00ca00073811820692005400218fce1f00000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "0000000000000001049e7212ad000000000000000000000000c011a7e12a19f7b1f670d46f03b03f3342e82dfb000000"
    "0000000000000000000000000000000000000000000000000000000000ababababababababababababababababababab"
    "ababababababababababababab00000000000000000000000000000000000000000000000000000000000000a0000000"
    "00000000000000000000000000000000000000000000000000003d090000000000000000000000000000000000000000"
    "000000000000000000000000020000000000000000000000000000000000000000000000000000000000000001000000"
    "000000000000000000000000000000000000000000000000000000000200c011a7e12a19f7b1f670d46f03b03f3342e8"
    "2dfb00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000044095ea7b3000000000000000000000000ada100db00ca0007381182069200"
    "5400218fce1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00000000000000000000"
    "00000000"
)
PROXY_CALLS = bytes.fromhex(
    "34ee97910000000000000000000000000000000000000000000000000000000000000020000000000000000000000000"
    "000000000000000000000000000000000000000200000000000000000000000000000000000000000000000000000000"
    "000000400000000000000000000000000000000000000000000000000000000000000200000000000000000000000000"
    "0000000000000000000000000000000000000001000000000000000000000000ada100db00ca00073811820692005400"
    "218fce1f0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000008000000000000000000000000000000000000000000000000000000000"
    "000001049e7212ad000000000000000000000000c011a7e12a19f7b1f670d46f03b03f3342e82dfb0000000000000000"
    "000000000000000000000000000000000000000000000000abababababababababababababababababababababababab"
    "abababababababab00000000000000000000000000000000000000000000000000000000000000a00000000000000000"
    "0000000000000000000000000000000000000000003d0900000000000000000000000000000000000000000000000000"
    "000000000000000200000000000000000000000000000000000000000000000000000000000000010000000000000000"
    "000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000001000000000000000000000000"
    "c011a7e12a19f7b1f670d46f03b03f3342e82dfb00000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000080000000000000000000000000"
    "0000000000000000000000000000000000000044095ea7b3000000000000000000000000ada100db00ca000738118206"
    "92005400218fce1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff0000000000000000"
    "0000000000000000000000000000000000000000"
)
BATCH_SIGNATURE = (
    "da733e0ccd0dde66eb2fbc35fcb8b87df3b02db0e5c6a9e0c74acc584a4170ff7a44e907d6c692f3b57d1f09b77876"
    "3bcc0d8fca2a037d41db20e6119156a91a1c"
)
SAFE_SIGNATURE = (
    "1e8f3f2b901e401d80bd34527d7a7d6d8733a49aeb35e626255ae711ae580dc321d2eefa14506ae27d9b0ad271591b"
    "d8a2cb8ef35ab22a934200807065fb5b741f"
)
MULTISEND_SIGNATURE = (
    "c50c598e0bbfe3abb89715fbedbbcbd13d07ee69d265be1f89a66a6349dabd4a59da689e3336c10fec8e67a855915b"
    "10292f9169264cd5812f37bd3172aa77041f"
)
PROXY_SIGNATURE = (
    "fa5972c504040237b60cdb8036aa7aaf6c9e119b15fc865c9c70789ad16adef62700775e185f15624d56bf64cd5679"
    "4a86a957ab0cc5bd606c06270d7fef83061b"
)
PROXY_DIGEST = "f82fb839718a7e6a129add30f943d7641b7c4d8b144b9d2092e4f6bfd407c0ba"

CALLS = (Call(COLLATERAL_ADAPTER, 0, MERGE), Call(COLLATERAL, 0, APPROVE))
PROXY_TERMS = ProxyTerms(0, 0, 200_000, RELAY_HUB, WALLET)
MERGE_FUNCTION = "mergePositions(address,bytes32,bytes32,uint256[],uint256)"


def test_calls_are_written_as_the_client_writes_them():
    pair = (COLLATERAL, bytes(32), CONDITION, (1, 2))
    assert call_data(MERGE_FUNCTION, *pair, 4_000_000) == MERGE
    assert call_data("redeemPositions(address,bytes32,bytes32,uint256[])", *pair) == REDEEM
    assert call_data("approve(address,uint256)", COLLATERAL_ADAPTER, 2**256 - 1) == APPROVE
    assert call_data("setApprovalForAll(address,bool)", COLLATERAL_ADAPTER, True) == APPROVE_ALL
    condition = bytes.fromhex("01" + "cd" * 29 + "00")
    assert call_data("redeem(bytes31,uint256,uint256)", condition, 1, 7) == ROUTER_REDEEM
    listed = tuple((1, call.target, call.value, call.data) for call in CALLS)
    assert call_data("proxy((uint8,address,uint256,bytes)[])", listed) == PROXY_CALLS


@pytest.mark.parametrize(
    "signature, data",
    [
        (MERGE_FUNCTION, MERGE),
        ("approve(address,uint256)", APPROVE),
        ("setApprovalForAll(address,bool)", APPROVE_ALL),
        ("redeem(bytes31,uint256,uint256)", ROUTER_REDEEM),
        ("multiSend(bytes)", MULTISEND),
        ("proxy((uint8,address,uint256,bytes)[])", PROXY_CALLS),
    ],
)
def test_calls_are_read_as_they_were_written_and_not_when_they_are_cut_short(signature, data):
    kinds = kinds_of(signature)
    assert data[:4] == selector(signature)
    assert encode(kinds, decode(kinds, data[4:])) == data[4:]
    for size in range(4, len(data) - 31):
        with pytest.raises(ValueError, match="end"):
            decode(kinds, data[4:size])


@pytest.mark.parametrize(
    "kind, word",
    [("address", 1 << 160), ("bool", 2), ("uint8", 256), ("bytes31", 1), ("bytes", 1 << 255), ("uint256[]", 1 << 255)],
)
def test_what_does_not_fit_its_kind_is_refused(kind, word):
    with pytest.raises(ValueError, match=r"no|end"):
        decode((kind,), word.to_bytes(32))


def test_an_array_that_says_to_be_longer_than_the_data_is_refused():
    with pytest.raises(ValueError, match="array"):
        decode(("uint256[]",), (32).to_bytes(32) + (1 << 200).to_bytes(32))


def test_a_batch_of_a_deposit_wallet_is_its_owners(key):
    digest = batch_digest(POLYGON, WALLET, NONCE, DEADLINE_S, CALLS)
    assert key.sign(digest).hex() == BATCH_SIGNATURE
    assert signer_of(digest, "0x" + BATCH_SIGNATURE) == key.address
    others = (
        batch_digest(80_002, WALLET, NONCE, DEADLINE_S, CALLS),
        batch_digest(POLYGON, CONDITIONAL_TOKENS, NONCE, DEADLINE_S, CALLS),
        batch_digest(POLYGON, WALLET, NONCE + 1, DEADLINE_S, CALLS),
        batch_digest(POLYGON, WALLET, NONCE, DEADLINE_S + 1, CALLS),
        batch_digest(POLYGON, WALLET, NONCE, DEADLINE_S, CALLS[:1]),
        batch_digest(POLYGON, WALLET, NONCE, DEADLINE_S, CALLS[::-1]),
    )
    assert key.address not in [signer_of(other, "0x" + BATCH_SIGNATURE) for other in others]


@pytest.mark.parametrize(
    "call, operation, signature",
    [(CALLS[0], 0, SAFE_SIGNATURE), (Call(SAFE_MULTISEND, 0, MULTISEND), 1, MULTISEND_SIGNATURE)],
    ids=["one call", "several"],
)
def test_a_transaction_of_a_safe_is_its_owners(key, call, operation, signature):
    digest = safe_digest(POLYGON, WALLET, call, operation, NO_GAS, NONCE)
    assert safe_signer_of(digest, "0x" + signature) == key.address
    assert safe_signer_of(digest, "0x" + key.sign(digest).hex()) == key.address
    assert safe_signer_of(digest, "0x" + key.sign(personal(digest)).hex()) != key.address
    for other in (
        safe_digest(POLYGON, WALLET, call, operation, NO_GAS, NONCE + 1),
        safe_digest(POLYGON, WALLET, call, 1 - operation, NO_GAS, NONCE),
        safe_digest(POLYGON, WALLET, call, operation, SafeGas(0, 0, 1, ZERO_ADDRESS, ZERO_ADDRESS), NONCE),
    ):
        assert safe_signer_of(other, "0x" + signature) != key.address


def test_what_a_relay_hub_is_given_for_a_proxy_is_its_owners(key):
    digest = proxy_digest(key.address, PROXY_FACTORY, PROXY_CALLS, PROXY_TERMS, NONCE)
    assert digest.hex() == PROXY_DIGEST
    assert signer_of(personal(digest), "0x" + PROXY_SIGNATURE) == key.address
    other = proxy_digest(key.address, PROXY_FACTORY, PROXY_CALLS, PROXY_TERMS, NONCE + 1)
    assert signer_of(personal(other), "0x" + PROXY_SIGNATURE) != key.address


@pytest.mark.parametrize("signature", ["", "0x", "0x12", "0x" + "00" * 65, "x" * 132])
def test_what_is_no_signature_is_nobodys(signature):
    assert signer_of(bytes(32), signature) is None
    assert safe_signer_of(bytes(32), signature) is None
