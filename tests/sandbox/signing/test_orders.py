"""Whether an order's signature holds, for every kind of account, and why it does not."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.signing.keys import PrivateKey, Refusal, key_from
from sandbox.signing.orders import sign_order, signed_by, verify
from sandbox.signing.typed_data import AMOY, ORDER_TYPE, POLYGON, Domain, Order, exchange_domain
from sandbox.signing.wallets import deposit_wallet, first_deposit_wallet, proxy_wallet, safe_wallet

KEY = PrivateKey(key_from("the maker"))
OTHER = PrivateKey(key_from("another"))
DOMAIN = exchange_domain(2, POLYGON, neg_risk=False)
GROUP_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


def order_of(signature_type: int, maker: str, signer: str) -> Order:
    return Order(7, maker, signer, 2**255 + 9, 5_200_000, 10_000_000, 0, signature_type, timestamp_ms=1782753357257)


PLAIN = order_of(0, KEY.address, KEY.address)
PROXY = order_of(1, proxy_wallet(KEY.address), KEY.address)
SAFE = order_of(2, safe_wallet(KEY.address), KEY.address)
WALLET = order_of(3, deposit_wallet(KEY.address), deposit_wallet(KEY.address))
FIRST_WALLET = order_of(3, first_deposit_wallet(KEY.address), first_deposit_wallet(KEY.address))
KINDS = [PLAIN, PROXY, SAFE, WALLET, FIRST_WALLET]


def reason(answer: str | Refusal) -> str:
    assert isinstance(answer, Refusal), f"{answer} is taken for the signer"
    return answer.reason


@pytest.mark.parametrize("neg_risk", [False, True])
@pytest.mark.parametrize("chain_id", [POLYGON, AMOY])
@pytest.mark.parametrize("generation", [2, 3])
@pytest.mark.parametrize("order", KINDS)
def test_every_kind_of_account_can_sign(order: Order, generation: int, chain_id: int, neg_risk: bool) -> None:
    domain = exchange_domain(generation, chain_id, neg_risk=neg_risk)
    assert verify(domain, order, sign_order(KEY, domain, order)) == KEY.address


@pytest.mark.parametrize("order", [PLAIN, PROXY, SAFE])
def test_generation_1_is_signed_without_deposit_wallets(order: Order) -> None:
    domain = exchange_domain(1, POLYGON, neg_risk=False)
    assert verify(domain, order, sign_order(KEY, domain, order)) == KEY.address
    assert reason(verify(domain, WALLET, sign_order(KEY, DOMAIN, WALLET))) == "the signature type is unknown"


@pytest.mark.parametrize(
    "domain",
    [
        exchange_domain(2, AMOY, neg_risk=False),
        exchange_domain(1, POLYGON, neg_risk=False),
        exchange_domain(3, POLYGON, neg_risk=False),
        exchange_domain(2, POLYGON, neg_risk=True),
        Domain(3, POLYGON, DOMAIN.verifying_contract),
    ],
    ids=["chain", "generation 1", "generation 3", "neg-risk", "version alone"],
)
@pytest.mark.parametrize("order", KINDS)
def test_a_signature_for_another_exchange_is_refused(order: Order, domain: Domain) -> None:
    assert "another exchange" in reason(verify(DOMAIN, order, sign_order(KEY, domain, order)))


@pytest.mark.parametrize("order", KINDS)
def test_a_changed_order_is_refused(order: Order) -> None:
    signature = sign_order(KEY, DOMAIN, order)
    for changed in (
        replace(order, salt=8),
        replace(order, maker_amount=5_200_001),
        replace(order, side=1),
        replace(order, timestamp_ms=1),
        replace(order, builder="0x" + "11" * 32),
    ):
        assert "order" in reason(verify(DOMAIN, changed, signature))


@pytest.mark.parametrize("order", [PLAIN, PROXY, SAFE])
def test_a_signature_of_another_account_is_refused(order: Order) -> None:
    assert "another account" in reason(verify(DOMAIN, order, sign_order(OTHER, DOMAIN, order)))


def test_an_order_of_a_wallet_signed_by_another_account_is_the_wallet_of_nobody_here() -> None:
    signature = sign_order(OTHER, DOMAIN, WALLET)
    assert signed_by(DOMAIN, WALLET, signature) == OTHER.address
    assert "maker" in reason(verify(DOMAIN, WALLET, signature))


@pytest.mark.parametrize("signature_type", [0, 1, 2])
@pytest.mark.parametrize("maker", [OTHER.address, KEY.address, proxy_wallet(KEY.address), safe_wallet(KEY.address)])
def test_only_the_signers_own_wallet_is_a_maker(signature_type: int, maker: str) -> None:
    order = order_of(signature_type, maker, KEY.address)
    own = [KEY.address, proxy_wallet(KEY.address), safe_wallet(KEY.address)][signature_type]
    answer = verify(DOMAIN, order, sign_order(KEY, DOMAIN, order))
    assert answer == KEY.address if maker == own else "maker" in reason(answer)


def test_a_deposit_wallet_is_its_own_signer() -> None:
    order = order_of(3, deposit_wallet(KEY.address), KEY.address)
    assert "both maker and signer" in reason(verify(DOMAIN, order, sign_order(KEY, DOMAIN, order)))


@pytest.mark.parametrize("order", KINDS)
def test_addresses_in_small_letters_are_the_same_addresses(order: Order) -> None:
    small = replace(order, maker=order.maker.lower(), signer=order.signer.lower())
    assert verify(DOMAIN, small, sign_order(KEY, DOMAIN, order)) == KEY.address


@pytest.mark.parametrize("order", KINDS)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: "0x",
        lambda text: text[2:],
        lambda text: text[:-2],
        lambda text: text + "00",
        lambda text: text[:-1] + "g",
        lambda text: text[:-2] + "  ",
        lambda text: text[:-1] + chr(0x0663),
        lambda text: text + "00" * 1_000_000,
    ],
)
def test_malformed_text_is_refused(order: Order, spoil: Callable[[str], str]) -> None:
    assert "malformed" in reason(verify(DOMAIN, order, spoil(sign_order(KEY, DOMAIN, order))))


@pytest.mark.parametrize(
    "order",
    [
        replace(PLAIN, maker="0x12"),
        replace(PLAIN, signer="nobody"),
        replace(PLAIN, salt=-1),
        replace(PLAIN, token_id=2**256),
        replace(PLAIN, metadata="0x"),
        replace(WALLET, signer="nobody"),
        replace(WALLET, maker_amount=-1),
    ],
)
def test_a_malformed_order_is_refused(order: Order) -> None:
    sound = WALLET if order.signature_type == 3 else PLAIN
    assert "malformed" in reason(verify(DOMAIN, order, sign_order(KEY, DOMAIN, sound)))


@pytest.mark.parametrize("signature_type", [-1, 4, 255, 256])
def test_an_unknown_signature_type_is_refused(signature_type: int) -> None:
    order = replace(PLAIN, signature_type=signature_type)
    assert reason(verify(DOMAIN, order, "0x" + "11" * 65)) == "the signature type is unknown"


@pytest.mark.parametrize("side", [-1, 2, 256])
def test_an_unknown_side_is_refused(side: int) -> None:
    assert "side" in reason(verify(DOMAIN, replace(PLAIN, side=side), "0x" + "11" * 65))


@pytest.mark.parametrize("order", KINDS)
def test_the_second_form_of_a_signature_is_refused(order: Order) -> None:
    signature = bytes.fromhex(sign_order(KEY, DOMAIN, order)[2:])
    high_s = (GROUP_ORDER - int.from_bytes(signature[32:64])).to_bytes(32)
    second = signature[:32] + high_s + bytes((55 - signature[64],)) + signature[65:]
    assert "no account" in reason(verify(DOMAIN, order, "0x" + second.hex()))


@pytest.mark.parametrize("order", KINDS)
def test_a_recovery_byte_of_0_or_1_is_refused(order: Order) -> None:
    signature = bytes.fromhex(sign_order(KEY, DOMAIN, order)[2:])
    lowered = signature[:64] + bytes((signature[64] - 27,)) + signature[65:]
    assert "no account" in reason(verify(DOMAIN, order, "0x" + lowered.hex()))


def test_the_wire_signature_of_a_wallet_says_what_was_signed() -> None:
    signature = bytes.fromhex(sign_order(KEY, DOMAIN, WALLET)[2:])
    assert len(signature) == 317
    assert signature[129:315] == ORDER_TYPE
    assert signature[315:] == b"\x00\xba"


@pytest.mark.parametrize(
    "place, expected", [(70, "another exchange"), (100, "another order"), (140, "another type"), (316, "another type")]
)
def test_a_wire_signature_that_says_something_else_is_refused(place: int, expected: str) -> None:
    signature = bytearray.fromhex(sign_order(KEY, DOMAIN, WALLET)[2:])
    signature[place] ^= 1
    assert expected in reason(verify(DOMAIN, WALLET, "0x" + signature.hex()))


def test_a_wallet_is_not_bound_by_its_owners_plain_signature() -> None:
    plain = sign_order(KEY, DOMAIN, replace(WALLET, signature_type=0))
    assert "malformed" in reason(verify(DOMAIN, WALLET, plain))
    nested = sign_order(KEY, DOMAIN, WALLET)
    assert reason(verify(DOMAIN, WALLET, plain + nested[132:])) != ""


@given(st.sampled_from(KINDS), st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_no_changed_byte_of_a_signature_goes_unnoticed(order: Order, place: int, change: int) -> None:
    signature = bytearray.fromhex(sign_order(KEY, DOMAIN, order)[2:])
    signature[place % len(signature)] ^= change
    assert isinstance(verify(DOMAIN, order, "0x" + signature.hex()), Refusal)


@given(st.sampled_from(KINDS), st.text(max_size=140))
def test_any_text_at_all_is_refused_without_an_error(order: Order, text: str) -> None:
    assert isinstance(verify(DOMAIN, order, text), Refusal)
