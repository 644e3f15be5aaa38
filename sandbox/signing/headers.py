"""Who sends a request: headers signed by an account (L1), and headers signed with an API secret (L2).

An account proves itself once, to make or derive its API credentials; every later request bears an HMAC of exactly what
is sent. Names of headers are in small letters, as they are read from the wire. How old a timestamp may be is for the
caller to say: the venue's tolerance is not known.
"""

import base64
import hashlib
import hmac
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sandbox.signing.keys import PrivateKey, Refusal, bytes_of, recover
from sandbox.signing.typed_data import clob_auth_digest

_NUMBER: Final = re.compile(r"[0-9]{1,77}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Proof:
    """An account has signed that it controls its wallet."""

    address: str
    timestamp_s: int
    nonce: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """The API key of an account; `secret` is URL-safe base64 of 32 bytes."""

    address: str
    api_key: str
    secret: str
    passphrase: str


def check_l1(headers: Mapping[str, str], chain_id: int) -> Proof | Refusal:
    """Whose proof the headers bear, or why they bear none; never raises."""
    address, timestamp = headers.get("poly_address", ""), headers.get("poly_timestamp", "")
    nonce = headers.get("poly_nonce", "0")
    if not _SECONDS.fullmatch(timestamp) or not _NUMBER.fullmatch(nonce):
        return Refusal("malformed: timestamp or nonce")
    try:
        digest = clob_auth_digest(chain_id, address, timestamp, int(nonce))
        account = recover(digest, bytes_of(headers.get("poly_signature", ""), 65))
    except ValueError as error:
        return Refusal(f"malformed: {error}")
    if account is None or account.lower() != address.lower():
        return Refusal("signed by another account, or for another chain, time or nonce")
    return Proof(account, int(timestamp), int(nonce))


def check_l2(
    headers: Mapping[str, str],
    method: str,
    path: str,
    body: bytes,
    credentials_of: Callable[[str], Credentials | None],
) -> Credentials | Refusal:
    """Whose request it is, or why nobody's; never raises.

    `path` is without the query, `body` exactly what was sent; `credentials_of` finds an API key.
    """
    credentials = credentials_of(headers.get("poly_api_key", ""))
    if credentials is None:
        return Refusal("the API key is unknown")
    if headers.get("poly_address", "").lower() != credentials.address.lower():
        return Refusal("the API key is another account's")
    if not _same(headers.get("poly_passphrase", ""), credentials.passphrase):
        return Refusal("the passphrase is wrong")
    timestamp = headers.get("poly_timestamp", "")
    if not _SECONDS.fullmatch(timestamp):
        return Refusal("malformed: timestamp")
    if not _same(headers.get("poly_signature", ""), l2_signature(credentials.secret, timestamp, method, path, body)):
        return Refusal("signed with another secret, or another method, path, time or body")
    return credentials


def credentials_from(seed_text: str, address: str) -> Credentials:
    """Derive the credentials of an account from a text; the same text gives the same credentials."""
    key, secret, passphrase = (
        hashlib.sha256(f"{part} of {seed_text}".encode()).digest() for part in ("key", "secret", "passphrase")
    )
    api_key = str(uuid.UUID(bytes=key[:16], version=4))
    return Credentials(address, api_key, base64.urlsafe_b64encode(secret).decode(), passphrase.hex())


def sign_clob_auth(key: PrivateKey, chain_id: int, timestamp_s: int, nonce: int = 0) -> str:
    """Sign that an account controls its wallet; `0x` text."""
    return "0x" + key.sign(clob_auth_digest(chain_id, key.address, str(timestamp_s), nonce)).hex()


def l2_signature(secret: str, timestamp: str, method: str, path: str, body: bytes = b"") -> str:
    """Sign a request with an API secret; the secret may lack its padding, the signature has it."""
    decoded = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    digest = hmac.digest(decoded, f"{timestamp}{method}{path}".encode() + body, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode()


def l1_headers(key: PrivateKey, chain_id: int, timestamp_s: int, nonce: int = 0) -> dict[str, str]:
    """Headers that prove an account."""
    return {
        "poly_address": key.address,
        "poly_signature": sign_clob_auth(key, chain_id, timestamp_s, nonce),
        "poly_timestamp": str(timestamp_s),
        "poly_nonce": str(nonce),
    }


def l2_headers(credentials: Credentials, timestamp_s: int, method: str, path: str, body: bytes = b"") -> dict[str, str]:
    """Headers that sign a request."""
    return {
        "poly_address": credentials.address,
        "poly_signature": l2_signature(credentials.secret, str(timestamp_s), method, path, body),
        "poly_timestamp": str(timestamp_s),
        "poly_api_key": credentials.api_key,
        "poly_passphrase": credentials.passphrase,
    }


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
