"""Keys, addresses, and whose a signature is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.signing.keys import PrivateKey, bytes_of, checksum_address, keccak256, key_from, recover

GROUP_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
DIGEST = bytes(range(32))


def test_the_hash_is_keccak_and_not_sha3() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@pytest.mark.parametrize(
    "address",
    [  # the examples of EIP-55
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_the_capitals_of_an_address_are_its_checksum(address: str) -> None:
    assert checksum_address(bytes.fromhex(address[2:])) == address


def test_the_published_account_has_its_published_address(key: PrivateKey) -> None:
    assert key.address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def test_a_seed_gives_the_same_account_each_time_and_another_seed_another() -> None:
    addresses = {PrivateKey(key_from(f"account {number}")).address for number in range(50)}
    assert len(addresses) == 50
    assert PrivateKey(key_from("account 7")).address in addresses


@given(st.binary(min_size=32, max_size=32), st.text(max_size=20))
def test_the_signer_of_a_digest_is_found(digest: bytes, seed_text: str) -> None:
    signer = PrivateKey(key_from(seed_text))
    signature = signer.sign(digest)
    assert len(signature) == 65
    assert signature[64] in (27, 28)
    assert recover(digest, signature) == signer.address


@given(st.binary(max_size=70), st.binary(max_size=70))
def test_garbage_is_nobodys_signature(digest: bytes, signature: bytes) -> None:
    found = recover(digest, signature)
    assert found is None or (len(digest) == 32 and len(signature) == 65)


@given(st.binary(min_size=64, max_size=64), st.sampled_from([27, 28]))
def test_garbage_in_the_shape_of_a_signature_raises_nothing(numbers: bytes, recovery: int) -> None:
    found = recover(DIGEST, numbers + bytes((recovery,)))
    assert found is None or found == checksum_address(bytes_of(found, 20))


@pytest.mark.parametrize("r", [0, GROUP_ORDER, 2**256 - 1])
def test_a_number_that_is_no_point_is_nobodys_signature(r: int) -> None:
    assert recover(DIGEST, r.to_bytes(32) + (1).to_bytes(32) + b"\x1b") is None


def test_a_zero_signature_is_nobodys() -> None:
    assert recover(DIGEST, bytes(64) + b"\x1b") is None


def test_the_second_form_of_a_signature_is_refused(key: PrivateKey) -> None:
    signature = key.sign(DIGEST)
    high_s = GROUP_ORDER - int.from_bytes(signature[32:64])
    assert recover(DIGEST, signature[:32] + high_s.to_bytes(32) + bytes((55 - signature[64],))) is None


@pytest.mark.parametrize("recovery", [0, 1, 26, 29, 30, 31, 255])
def test_a_recovery_byte_other_than_27_and_28_is_refused(key: PrivateKey, recovery: int) -> None:
    assert recover(DIGEST, key.sign(DIGEST)[:64] + bytes((recovery,))) is None


@pytest.mark.parametrize("length", [0, 64, 66, 130])
def test_a_signature_of_another_length_is_refused(key: PrivateKey, length: int) -> None:
    assert recover(DIGEST, (key.sign(DIGEST) * 2)[:length]) is None


@pytest.mark.parametrize(
    "text",
    ["", "0x", "0x0", "0x123", "1234", "0X1234", "0x12 4", "0x12\n4", "0xzzzz", "0x12345", "0x1" + chr(0x0662) + "34"],
)
def test_text_that_is_not_two_bytes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        bytes_of(text, 2)


def test_hexadecimal_text_is_read_in_either_case() -> None:
    assert bytes_of("0xaBCd", 2) == b"\xab\xcd"
