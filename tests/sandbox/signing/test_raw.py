"""Signed transactions against what polymarket-client 0.14.0 (eth-account) sends for the same."""

import pytest

from sandbox.signing.contracts import COLLATERAL_ADAPTER
from sandbox.signing.raw import RawTransaction, read_raw, sign_raw
from sandbox.signing.relayed import Call
from sandbox.signing.typed_data import AMOY, POLYGON

GAS_PRICE, GAS = 30_000_000_000, 250_000
LONG = (
    7,
    Call(COLLATERAL_ADAPTER, 0, b"\xab" * 100),
    "f8cc078506fc23ac008303d09094ada100db00ca00073811820692005400218fce1f80b864"
    + "ab" * 100
    + "820136a01645c253541987d4122a2a7a32c682f213b1d7a7b2a1fa4b493e9f3b0e66d80ba0584fbf96b341780411dafe8310f4c139822db6"
    "9aea720067cfd5a454f8e054e2",
    "0xdfd13f57b1eb655161e30df27878636580636bab3e60c19e75da2488ba9d1f12",
)
SHORT_RAW = (
    "f867808506fc23ac008303d09094ada100db00ca00073811820692005400218fce1f0105820135a0e0f97e179b109b94b8596ff7589ccb39"
    "006b1f15d7f6a81e2b8da06a1351dd5ba013df9dccc2151f693ff80873143af051db49470e8ba2a3df87f0066093bb0c1f"
)
SHORT = (
    0,
    Call(COLLATERAL_ADAPTER, 1, b"\x05"),
    SHORT_RAW,
    "0xdd7a49acea1aef06a3e5112d838596243a47c3baab4d8a7192670b67088bc56a",
)


@pytest.mark.parametrize("nonce, call, raw, name", [LONG, SHORT], ids=["long", "short"])
def test_a_transaction_is_written_and_read_as_the_client_does(key, nonce, call, raw, name):
    assert sign_raw(key, POLYGON, nonce, GAS_PRICE, GAS, call).hex() == raw
    known = RawTransaction(key.address, nonce, GAS_PRICE, GAS, call, name)
    assert read_raw(bytes.fromhex(raw), POLYGON) == known


@pytest.mark.parametrize("nonce, call, raw, name", [LONG, SHORT], ids=["long", "short"])
def test_a_changed_or_shortened_one_is_nobodys_or_anothers(key, nonce, call, raw, name):
    data = bytes.fromhex(raw)
    for index in range(len(data)):
        for changed in (data[:index], data[:index] + bytes((data[index] ^ 1,)) + data[index + 1 :]):
            try:
                assert read_raw(changed, POLYGON).sender != key.address
            except ValueError:
                continue


def test_one_for_another_chain_is_refused(key):
    raw = sign_raw(key, AMOY, 0, GAS_PRICE, GAS, SHORT[1])
    assert read_raw(raw, AMOY).sender == key.address
    with pytest.raises(ValueError, match="chain id"):
        read_raw(raw, POLYGON)


@pytest.mark.parametrize(
    "raw", ["", "00", "c0", "80", "02c0", "c1" * 9, "c9" + "c0" * 9, "f8", "f800", "b8010" + "1", "ff" * 9, "c98100"]
)
def test_what_is_no_transaction_is_refused(raw):
    with pytest.raises(ValueError, match=r"no|short|written|zeros|without|chain"):
        read_raw(bytes.fromhex(raw), POLYGON)
