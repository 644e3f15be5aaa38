"""What is signed is what the official library and the public vectors say, and nothing else is signed."""

import copy
import gzip
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from actors.venues.polymarket.keys import InvalidKey, SigningKey, address_bytes, checksum_address
from actors.venues.polymarket.official_signer import LIBRARY, LibraryMissing, OfficialSigner
from actors.venues.polymarket.orders import Account, SignatureType, SignedOrder, SigningRefused, UnsignedOrder, unsigned
from actors.venues.polymarket.signing import DigestSigner, generation_of, prove_against_library, signer_for
from actors.venues.polymarket.typed_data import EXCHANGES
from actors.venues.secret import Secret
from models.amounts import signed_amounts
from models.ledger import Amounts
from models.markets import NO, Market, Side
from models.order_ids import salt_of
from tests.models.wishes import wish

# The first account of every development chain: public, and worth nothing.
PRIVATE = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
WALLET = "0x1111111111111111111111111111111111111111"
TOKEN = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
KEY = SigningKey(Secret(PRIVATE))
ORDER = UnsignedOrder(TOKEN, False, Side.BUY, 100_000_000, 50_000_000, 123456789, 1_713_398_400_000)
PARITY_ORDERS = int(os.environ.get("KEEL_PARITY_ORDERS", "1000"))


def account(kind: SignatureType = SignatureType.ACCOUNT, chain_id: int = 137, wallet: str = WALLET) -> Account:
    return Account(KEY, chain_id, kind, ADDRESS if kind is SignatureType.ACCOUNT else wallet)


def test_an_order_has_the_id_and_signature_of_the_public_vector() -> None:
    signed = signer_for(2, account()).sign(ORDER)
    assert signed.order_id == "0x32961c48ddac87ed3582f8e02097cd0eff4fcf80460306bd44b3710438dfa64c"
    assert signed.signature == (
        "0x89f178136333c8ebb32a19146cb891233e3202d474be6ef730c24dbc06ae4d2a"
        "0c99948a86d9b57de0f2c0bb8ec6964aa244ecf17cfa3a95b86878d0b64ad78a1b"
    )


def test_an_order_of_a_deposit_wallet_has_the_id_of_the_public_vector_and_a_nested_signature() -> None:
    order = msgspec.structs.replace(ORDER, token_id="1234", salt=479249096354, timestamp_ms=1_710_000_000_000)
    signed = signer_for(2, account(SignatureType.DEPOSIT_WALLET, 80_002)).sign(order)
    assert signed.order_id == "0x2afca94626db91b2d556c351584a4cd93e13da32e377dc48c7983e43afa5ab47"
    assert (signed.maker, signed.signer) == (WALLET, WALLET)
    assert len(bytes.fromhex(signed.signature[2:])) == 65 + 32 + 32 + 186 + 2
    assert signed.signature.endswith("00ba")


def test_orders_of_all_kinds_are_those_of_the_published_vectors(shared: Path) -> None:
    vectors = json.loads((shared / "vectors" / "order_signing.json").read_text())["orders"]
    for vector in vectors:
        if vector["domain"]["version"] == "1":
            continue
        signed = _signer_of(vector).sign(_order_of(vector))
        assert signed.order_id == vector["order_hash"], vector["id"]
        if vector.get("signature"):
            assert signed.signature == vector["signature"], vector["id"]
    assert len(vectors) == 11


def test_orders_of_generation_1_are_those_of_the_published_vectors(shared: Path) -> None:
    vectors = json.loads((shared / "vectors" / "order_signing.json").read_text())["orders"]
    first = [vector for vector in vectors if vector["domain"]["version"] == "1"]
    for vector in first:
        signed = _signer_of(vector).sign(_order_of(vector))
        assert (signed.order_id, signed.signature) == (vector["order_hash"], vector["signature"]), vector["id"]
    assert len(first) == 2


def test_orders_are_signed_as_the_official_clients_signed_them(shared: Path) -> None:
    with gzip.open(shared / "vectors" / "official_sdk_vectors.json.gz") as file:
        vectors = json.load(file)["signed_orders_v2_v3"]
    for vector in vectors:
        order = vector["order"]["order"]
        generation, contract = vector["version"], vector["verifying_contract"]
        if "v3" in vector["exchange"]:
            generation = 3
        contracts = EXCHANGES[vector["chain_id"], generation]
        kind = SignatureType(order["signatureType"])
        signed = signer_for(generation, Account(KEY, vector["chain_id"], kind, order["maker"])).sign(
            UnsignedOrder(
                order["tokenId"], contract != contracts[0], Side(order["side"]), int(order["makerAmount"]),
                int(order["takerAmount"]), order["salt"], int(order["timestamp"]), metadata=order["metadata"],
                builder=order["builder"],
            )
        )  # fmt: skip
        assert contract in contracts
        assert signed.signer == order["signer"]
        assert signed.signature == order["signature"]
    assert len(vectors) == 48


@pytest.mark.proves("I43")
def test_nothing_is_signed_for_another_contract_than_those_of_the_official_clients(shared: Path) -> None:
    with gzip.open(shared / "vectors" / "official_sdk_vectors.json.gz") as file:
        chains = json.load(file)["contract_config"]
    names = {1: ("exchange", "neg_risk_exchange"), 2: ("exchange_v2", "neg_risk_exchange_v2"), 3: ("exchange_v3",) * 2}
    assert {
        (int(chain_id), generation): tuple(chains[chain_id][name] for name in pair)
        for chain_id in chains
        for generation, pair in names.items()
    } == EXCHANGES


def test_random_orders_are_signed_as_the_official_library_signs_them() -> None:
    random = Random(1)
    signers: dict[tuple[int, Account], tuple[DigestSigner, OfficialSigner]] = {}
    accounts = [account(kind, chain_id) for kind in SignatureType for chain_id in (137, 80_002)]
    for _ in range(PARITY_ORDERS):
        key = random.choice((2, 3)), random.choice(accounts)
        ours, theirs = signers.get(key) or (DigestSigner(*key), OfficialSigner(*key))
        signers[key] = ours, theirs
        order = _random_order(random)
        assert ours.sign(order) == theirs.sign(order)


def test_the_proof_of_a_live_start_holds_for_every_kind_of_account() -> None:
    for kind in SignatureType:
        prove_against_library(account(kind))


def test_a_signer_that_differs_from_the_library_fails_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    sign = DigestSigner.sign

    def forged(self: DigestSigner, order: UnsignedOrder) -> SignedOrder:
        return sign(self, msgspec.structs.replace(order, taking=order.taking + 1))

    monkeypatch.setattr(DigestSigner, "sign", forged)
    with pytest.raises(SigningRefused, match="not signed as the official library does"):
        prove_against_library(account())


def test_without_the_library_live_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == LIBRARY]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, LIBRARY, None)
    for needs_it in (lambda: prove_against_library(account()), lambda: signer_for(1, account())):
        with pytest.raises(LibraryMissing, match=r"bin/setup live"):
            needs_it()
    assert signer_for(2, account()).sign(ORDER).order_id.startswith("0x3296")


def test_the_same_intent_gives_the_same_bytes() -> None:
    market = Market("m", "slug", (TOKEN, "77"), neg_risk=True)
    order = wish(price="0.29", size=100_000_000, outcome=NO, created_ns=1_750_000_000_123_999_999)
    amounts = signed_amounts(order, 100)
    assert isinstance(amounts, Amounts)
    asked = unsigned(order, market, amounts, "run-1")
    assert asked == UnsignedOrder(
        "77", True, Side.BUY, 29_000_000, 100_000_000, salt_of("run-1", order.intent), 1_750_000_000_123
    )
    signer = signer_for(2, account())
    assert signer.sign(asked) == signer.sign(unsigned(order, market, amounts, "run-1"))
    assert signer.sign(asked).order_id != signer.sign(unsigned(order, market, amounts, "run-2")).order_id
    ordinary = msgspec.structs.replace(asked, neg_risk=False)
    assert signer.sign(asked).order_id != signer.sign(ordinary).order_id


@pytest.mark.parametrize(("market", "venue", "generation"), [("v1", 1, 1), ("v1", 2, 2), ("v2", 2, 3), ("v2", 1, 3)])
def test_the_market_and_the_venue_decide_the_generation(market: str, venue: int, generation: int) -> None:
    assert generation_of(market, venue) == generation


@pytest.mark.proves("I43")
@pytest.mark.parametrize(("market", "venue"), [("v3", 2), ("v1", 3), ("", 2)])
def test_an_unknown_generation_is_not_signed(market: str, venue: int) -> None:
    with pytest.raises(SigningRefused):
        generation_of(market, venue)
    with pytest.raises(SigningRefused, match="generation 4"):
        signer_for(4, account())


@pytest.mark.proves("I43")
@pytest.mark.parametrize(
    ("kind", "chain_id", "maker", "says"),
    [
        (SignatureType.ACCOUNT, 137, WALLET, "signature type 0 wants the account's own address"),
        (SignatureType.PROXY, 137, ADDRESS, "signature type 1 wants the address of its wallet"),
        (SignatureType.DEPOSIT_WALLET, 137, ADDRESS.lower(), "signature type 3 wants the address of its wallet"),
        (SignatureType.ACCOUNT, 1, ADDRESS, "chain 1 has no exchange"),
        (SignatureType.SAFE, 137, "0x12", "'0x12' is not an address"),
    ],
)
def test_an_account_that_does_not_fit_together_is_refused(
    kind: SignatureType, chain_id: int, maker: str, says: str
) -> None:
    with pytest.raises(SigningRefused, match=says):
        Account(KEY, chain_id, kind, maker)


def test_generation_1_knows_no_deposit_wallet() -> None:
    with pytest.raises(SigningRefused, match="knows no deposit wallets"):
        signer_for(1, account(SignatureType.DEPOSIT_WALLET))


def test_a_key_tells_its_address_and_nothing_else() -> None:
    assert KEY.address == ADDRESS
    assert SigningKey(Secret(f"0x{PRIVATE}\n")).address == ADDRESS
    signer = signer_for(2, account())
    for shown in (repr(KEY), str(KEY), f"{KEY}", repr(account()), repr(signer), repr(KEY.reveal()), repr([KEY])):
        assert PRIVATE not in shown.lower()
    for store in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            store(KEY)


@pytest.mark.parametrize(
    "text", ["", "0x", "ac09", "zz" * 32, "00" * 32, "ff" * 32, PRIVATE + "00", "0x" + PRIVATE[1:]]
)
def test_a_wrong_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(InvalidKey) as raised:
        SigningKey(Secret(text))
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert len(text) < 4 or text not in str(raised.value)


def test_addresses_are_written_with_their_checksum() -> None:
    assert checksum_address(address_bytes(ADDRESS.lower())) == ADDRESS
    for wrong in ("f39F", ADDRESS[2:], ADDRESS + "00", "0x" + "zz" * 20):
        with pytest.raises(InvalidKey):
            address_bytes(wrong)


def _random_order(random: Random) -> UnsignedOrder:
    return UnsignedOrder(
        token_id=str(random.getrandbits(random.choice((8, 64, 256)))),
        neg_risk=random.random() < 0.5,
        side=random.choice(list(Side)),
        making=random.randrange(1, 10**15),
        taking=random.randrange(1, 10**15),
        salt=random.getrandbits(52),
        timestamp_ms=random.randrange(1, 10**14),
        expiration_s=random.choice((0, 1_800_000_000)),
        metadata=f"0x{random.getrandbits(256):064x}",
        builder=f"0x{random.choice((0, random.getrandbits(256))):064x}",
    )


def _signer_of(vector: dict[str, Any]) -> Any:
    domain, kind = vector["domain"], SignatureType(vector["order"]["signatureType"])
    generation, chain_id = int(domain["version"]), domain["chainId"]
    assert domain["verifyingContract"] in EXCHANGES[chain_id, generation]
    signs_for = account(kind, chain_id)
    # Some public vectors name the account as its own proxy or safe, which no account of ours may.
    object.__setattr__(signs_for, "maker", vector["order"]["maker"])
    return signer_for(generation, signs_for)


def _order_of(vector: dict[str, Any]) -> UnsignedOrder:
    domain, order = vector["domain"], vector["order"]
    ordinary, neg_risk = EXCHANGES[domain["chainId"], int(domain["version"])]
    zero = "0x" + "00" * 32
    return UnsignedOrder(
        token_id=str(order["tokenId"]),
        neg_risk=domain["verifyingContract"] == neg_risk != ordinary,
        side=Side.SELL if order["side"] else Side.BUY,
        making=int(order["makerAmount"]),
        taking=int(order["takerAmount"]),
        salt=int(order["salt"]),
        timestamp_ms=int(order.get("timestamp", 0)),
        expiration_s=int(order.get("expiration", 0)),
        metadata=order.get("metadata", zero),
        builder=order.get("builder", zero),
        fee_rate_bps=int(order.get("feeRateBps", 0)),
    )


def test_the_official_client_leaves_the_depth_of_calls_as_it_was() -> None:
    """One of its packages allows 100,000, with which an answer that nests without end would end the process."""
    look = (
        "import sys; before = sys.getrecursionlimit()\n"
        "from actors.venues.polymarket.official_signer import library_version\n"
        "library_version(); print('py_ecc' in sys.modules, sys.getrecursionlimit() == before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", look],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == ["True", "True"]
