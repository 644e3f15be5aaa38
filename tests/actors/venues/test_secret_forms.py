"""A secret is known in every shape in which a library may write it."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.venues.secret_forms import forms

KEY = "0x" + "5e" * 31 + "Ab"
API_SECRET = base64.urlsafe_b64encode(bytes(range(200, 232))).decode()


def holds(text: str, secret: str) -> bool:
    return any(form in text for form in forms(secret))


@pytest.mark.parametrize(
    "written",
    [
        KEY, KEY[2:].lower(), str(int(KEY, 16)), repr(bytes.fromhex(KEY[2:])), KEY.encode().hex(),
        base64.b64encode(bytes.fromhex(KEY[2:])).decode(), base64.urlsafe_b64encode(KEY.encode()).decode(),
    ],
)  # fmt: skip
def test_a_private_key_is_found_as_text_bytes_and_number(written: str) -> None:
    assert holds(f"x{written}y", KEY)


def test_an_api_secret_is_also_what_it_encodes() -> None:
    decoded = base64.urlsafe_b64decode(API_SECRET)
    assert holds(decoded.hex(), API_SECRET)
    assert holds(base64.b64encode(decoded).decode(), API_SECRET)


def test_a_passphrase_is_found_escaped_and_quoted() -> None:
    passphrase = 'pass "ß" /& phrase'
    written = (
        json.dumps({"p": passphrase}),
        quote(passphrase),
        repr(passphrase),
        json.dumps(passphrase, ensure_ascii=False),
    )
    assert all(holds(text, passphrase) for text in written)


@given(st.binary(min_size=0, max_size=9), st.binary(min_size=0, max_size=9), st.sampled_from([KEY, API_SECRET]))
def test_base64_is_found_wherever_in_a_longer_text_it_stands(before: bytes, after: bytes, secret: str) -> None:
    whole = before + secret.encode() + after
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert holds(encode(whole).decode(), secret)


def test_what_is_short_is_not_looked_for() -> None:
    assert forms("p") == forms("1234567") == frozenset()
