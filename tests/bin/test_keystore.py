"""Keystores are read and written as Ethereum's wallets do, and a file that is none says so, whatever it asks for."""

import json
from typing import Any

import pytest
from eth_account import Account

from actors.venues.polymarket.keys import SigningKey
from actors.venues.secret import Secret
from bin import keystore
from bin.keystore import InvalidKeystore, lock, unlock

DIGITS = "4c" * 32
PASSWORD = Secret("correct horse battery")


def theirs(kdf: str, rounds: int) -> dict[str, Any]:
    return Account.encrypt(f"0x{DIGITS}", PASSWORD.reveal(), kdf=kdf, iterations=rounds)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("kdf", "rounds"), [("scrypt", 1024), ("pbkdf2", 1000)])
def test_what_others_wrote_is_opened_with_its_password_alone(kdf: str, rounds: int) -> None:
    body = json.dumps(theirs(kdf, rounds)).encode()
    assert unlock(body, PASSWORD) == Secret(DIGITS)
    with pytest.raises(InvalidKeystore, match="the password is not") as raised:
        unlock(body, Secret("wrong horse battery"))
    assert "horse" not in str(raised.value)


def test_others_open_what_was_written_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "_N", 1 << 10)
    body = lock(SigningKey(Secret(DIGITS)), PASSWORD)
    assert Account.decrypt(json.loads(body), PASSWORD.reveal()).hex() == DIGITS
    assert DIGITS.encode() not in body
    assert body != lock(SigningKey(Secret(DIGITS)), PASSWORD), "salted anew"


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
def test_a_password_of_any_letters_is_read_as_others_read_it(kdf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    password = "schön, дом, 家"
    monkeypatch.setattr(keystore, "_N", 1 << 10)
    written = json.loads(lock(SigningKey(Secret(DIGITS)), Secret(password)))
    assert Account.decrypt(written, password).hex() == DIGITS
    others = Account.encrypt(f"0x{DIGITS}", password, kdf=kdf, iterations=1024)  # pyright: ignore[reportArgumentType]
    assert unlock(json.dumps(others).encode(), Secret(password)) == Secret(DIGITS)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"version": 1}, "version 3"), ({"kdf": "md5"}, "not known"), ({"n": 1 << 30}, "too much memory"),
        ({"mac": "00" * 32}, "the password"), ({"salt": "zz"}, "not a JSON keystore"), ({"cipher": "none"}, "aes-128"),
        ({"dklen": 1 << 30}, "32 bytes"), ({"ciphertext": "00"}, "of a private key"),
        ({"iv": 5}, "not a JSON keystore"), ({"r": 0}, "not a JSON keystore"),
    ],
)  # fmt: skip
def test_what_is_no_keystore_says_so(changed: dict[str, Any], says: str) -> None:
    document = theirs("scrypt", 1024)
    for part in (document, document["crypto"], document["crypto"]["kdfparams"], document["crypto"]["cipherparams"]):
        part |= {name: value for name, value in changed.items() if name in part}
    with pytest.raises(InvalidKeystore, match=says):
        unlock(json.dumps(document).encode(), PASSWORD)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b"[" * 70_000, b'{"version": 3, "crypto": []}'])
def test_no_text_is_taken_for_one(body: bytes) -> None:
    with pytest.raises(InvalidKeystore):
        unlock(body, PASSWORD)
