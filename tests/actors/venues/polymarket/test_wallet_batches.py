"""What a wallet calls and its owner signs, against what polymarket-client 0.14.0 makes of the same."""

import json

import pytest

from actors.venues.polymarket.contract_calls import Call, merge_calls, redeem_calls
from actors.venues.polymarket.credentials import Credentials, builder_headers
from actors.venues.polymarket.keys import SigningKey
from actors.venues.polymarket.orders import Account, SignatureType
from actors.venues.polymarket.wallet_batches import batch_digest, safe_digest, submission
from actors.venues.secret import Secret
from models.markets import Market
from models.messages.operations import Batch

BATCH = Batch(7, 1_700_000_600)
WALLET = "0x" + "12" * 20
KEY = SigningKey(Secret("5".zfill(64)))
CTF = Market("m", "ctf", ("1", "2"), condition_id="0x" + "ab" * 32)
NEG_RISK = Market("m", "neg-risk", ("1", "2"), condition_id="0x" + "ab" * 32, neg_risk=True)
POSITION = int("017791f201d5a788e0039e511fc1900e5f" + "00" * 15, 16)
NEWER = Market("m", "newer", (str(POSITION), str(POSITION + 1)), version="v2")

ADAPTER = "0xAdA100Db00Ca00073811820692005400218FcE1f"
NEG_RISK_ADAPTER = "0xadA2005600Dec949baf300f4C6120000bDB6eAab"
ROUTER = "0x12121212006e4CD160D18e3f00711DA5c3372600"
COLLATERAL = "000000000000000000000000c011a7e12a19f7b1f670d46f03b03f3342e82dfb"
CONDITION = "ab" * 32
PAIR = f"{2:064x}{1:064x}{2:064x}"


def account(kind: SignatureType) -> Account:
    return Account(KEY, 137, kind, WALLET)


def test_pairs_of_the_older_protocol_are_merged_by_its_adapter() -> None:
    (call,) = merge_calls(CTF, 7_250_000)
    words = f"{COLLATERAL}{0:064x}{CONDITION}{0xA0:064x}{0x6EA050:064x}{PAIR}"
    assert (call.target, call.data.hex()) == (ADAPTER, f"9e7212ad{words}")


def test_pairs_of_a_neg_risk_market_are_merged_by_another_adapter() -> None:
    (call,) = merge_calls(NEG_RISK, 1)
    assert call.target == NEG_RISK_ADAPTER
    assert call.data.hex() == f"9e7212ad{COLLATERAL}{0:064x}{CONDITION}{0xA0:064x}{1:064x}{PAIR}"


def test_an_adapter_redeems_whatever_is_held() -> None:
    (call,) = redeem_calls(CTF, 5_000_000, 0)
    assert (call.target, call.data.hex()) == (ADAPTER, f"01b7037c{COLLATERAL}{0:064x}{CONDITION}{0x80:064x}{PAIR}")


def test_the_router_merges_and_redeems_positions_of_the_newer_protocol() -> None:
    condition = "017791f201d5a788e0039e511fc1900e5f" + "00" * 15
    (merge,) = merge_calls(NEWER, 7_250_000)
    assert (merge.target, merge.data.hex()) == (ROUTER, f"5b63685e{condition}{0x6EA050:064x}")
    assert redeem_calls(NEWER, 5_000_000, 3_000_001) == (
        Call(ROUTER, bytes.fromhex(f"d217a3cc{condition}{0:064x}{5_000_000:064x}")),
        Call(ROUTER, bytes.fromhex(f"d217a3cc{condition}{1:064x}{3_000_001:064x}")),
    )
    assert len(redeem_calls(NEWER, 0, 1)) == 1


def test_a_market_without_a_condition_is_not_merged() -> None:
    with pytest.raises(ValueError, match="condition id of 32 bytes"):
        merge_calls(Market("m", "toy", ("1", "2"), condition_id="0xab"), 1)


@pytest.mark.parametrize(
    ("calls", "digest", "signature"),
    [
        (
            merge_calls(CTF, 7_250_000),
            "3a69201fee338cba9ef95e32abd5f768c4af2b3b2f7924036210fa81c9a22a13",
            (
                "b488bf0bb3333ea5b4e2e3d02186ce9b2fcf436ca6b1a0e4932187d6b30ea8a5"
                "115106625acdc164ff2027155efc0bdd935e3a397e98fc00a818d08eea73834e1c"
            ),
        ),
        (
            redeem_calls(NEWER, 5_000_000, 3_000_001),
            "17268b808184e59d2738fee881cdba469cd72a2e38d737502267ba366115d3ec",
            (
                "e2fc82f92bafebb249eda99fb59fb158f37e5a74e235443aa5c6c6221cd9ae05"
                "662255078fdd702e19df41d37d24767bbead0b7f52993224b771e77beaf7d5021b"
            ),
        ),
    ],
)
def test_the_owner_of_a_deposit_wallet_signs_its_batch(calls: tuple[Call, ...], digest: str, signature: str) -> None:
    assert batch_digest(137, WALLET, BATCH, calls).hex() == digest
    said = json.loads(submission(account(SignatureType.DEPOSIT_WALLET), BATCH, calls, "merge/1"))
    assert said == {
        "type": "WALLET",
        "from": "0xe1AB8145F7E55DC933d51a18c793F901A3A0b276",
        "to": "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07",
        "nonce": "7",
        "signature": f"0x{signature}",
        "metadata": "merge/1",
        "depositWalletParams": {
            "depositWallet": account(SignatureType.DEPOSIT_WALLET).maker,
            "deadline": "1700000600",
            "calls": [{"target": call.target, "value": "0", "data": f"0x{call.data.hex()}"} for call in calls],
        },
    }


@pytest.mark.parametrize(
    ("calls", "target", "operation", "digest", "signature"),
    [
        (
            merge_calls(CTF, 7_250_000),
            ADAPTER,
            "0",
            "840c9d17260740b60d46686084575e5acdb8f5272b5faa3d47c96ea794c240ed",
            (
                "f2f572ef6da465913698e1d5498497dc89203a9dc96e0de63bd033fe4b1ff211"
                "7bf1dce8d28793526b38bea12c40b1a69edc8fb9db90b231e0825bda6e008e7620"
            ),
        ),
        (
            redeem_calls(NEWER, 5_000_000, 3_000_001),
            "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761",
            "1",
            "4130ba232d8b6ee6aa83ead7cdc92e497fe57ec5ffa3620c302745d8f2b1c1c8",
            (
                "baf909eda78aa8bac994305c2561dd1c76f48870b685a5e2a6b10cbd826d2f64"
                "633e9f18d3f765bc2262a302359ff385ee6811da40db01ff01d3c06192791ed520"
            ),
        ),
    ],
)
def test_the_owner_of_a_safe_signs_one_transaction(
    calls: tuple[Call, ...], target: str, operation: str, digest: str, signature: str
) -> None:
    assert safe_digest(137, WALLET, 7, calls).hex() == digest
    said = json.loads(submission(account(SignatureType.SAFE), BATCH, calls, ""))
    assert (said["type"], said["to"], said["signature"]) == ("SAFE", target, f"0x{signature}")
    assert (said["proxyWallet"], said["nonce"], said["signatureParams"]["operation"]) == (
        account(SignatureType.SAFE).maker,
        "7",
        operation,
    )


def test_a_builder_signs_method_path_and_body() -> None:
    builder = Credentials("k", Secret("c2VjcmV0LXNlY3JldC1zZWNyZXQ="), Secret("p"))
    assert builder_headers(builder, 1_700_000_000, "POST", "/submit", b'{"a":1}') == {
        "POLY_BUILDER_API_KEY": "k",
        "POLY_BUILDER_PASSPHRASE": "p",
        "POLY_BUILDER_SIGNATURE": "dmYMRY312deCPhonJrSIHkahMBfLmEjRYLFn-6nw5q4=",
        "POLY_BUILDER_TIMESTAMP": "1700000000",
    }
    read = builder_headers(builder, 1_700_000_000, "GET", "/transactions")
    assert read["POLY_BUILDER_SIGNATURE"] == "SITA51JiYTkslS-s1U_sBiYdGfQO3NZpEcv9MUT5PO4="
