"""Who sends a request: headers that an account signs (L1), and headers signed with its API secret (L2).

L1 serves to make, derive and list API credentials; everything else of the account is L2. Both are the same in all
generations. `POLY_ADDRESS` is always the account that holds the key, never the wallet that holds the money.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass

import msgspec

from actors.venues.polymarket.keys import Key
from actors.venues.polymarket.signables import SignIn
from actors.venues.polymarket.typed_data import authentication_digest
from actors.venues.secret import Secret


class InvalidCredentials(ValueError):
    """API credentials that cannot be used; says which part is wrong and never what it is."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The API key of an account, with the secret that signs and the passphrase that goes with it.

    Raises InvalidCredentials for what no venue gave out.
    """

    api_key: str
    secret: Secret
    passphrase: Secret

    def __post_init__(self) -> None:
        for name, text in (("API key", self.api_key), ("API passphrase", self.passphrase.reveal())):
            # What a header cannot carry would be quoted by the error that refuses it.
            if not text or not text.isascii() or not text.isprintable():
                raise InvalidCredentials(f"the {name} is empty or has characters that no header can carry")
        try:
            usable = bool(_decoded(self.secret))
        except ValueError:
            usable = False
        if not usable:
            raise InvalidCredentials("the API secret is not URL-safe base64: copy it whole, or derive it anew")


class _Triple(msgspec.Struct, rename="camel"):
    api_key: str
    secret: str
    passphrase: str


def read_credentials(body: bytes) -> Credentials:
    """Read the answer that makes or derives an API key. Raises InvalidCredentials, which quotes none of it."""
    try:
        triple = msgspec.json.decode(body, type=_Triple)
    except (ValueError, RecursionError):
        raise InvalidCredentials("the answer is not an API key, a secret and a passphrase") from None
    return Credentials(triple.api_key, Secret(triple.secret), Secret(triple.passphrase))


def l1_headers(key: Key, chain_id: int, timestamp_s: int, nonce: int = 0) -> dict[str, str]:
    """Return the headers by which an account shows that it controls its wallet. Raises SigningRefused."""
    digest = authentication_digest(chain_id, key.address, timestamp_s, nonce)
    signature = key.sign(digest, SignIn(chain_id, key.address, timestamp_s, nonce))
    return {
        "POLY_ADDRESS": key.address,
        "POLY_SIGNATURE": f"0x{signature.hex()}",
        "POLY_TIMESTAMP": str(timestamp_s),
        "POLY_NONCE": str(nonce),
    }


def l2_headers(
    credentials: Credentials, address: str, timestamp_s: int, method: str, path: str, body: bytes = b""
) -> dict[str, str]:
    """Return the headers that sign a request: `path` without host and query, `body` exactly as it is sent."""
    return {
        "POLY_ADDRESS": address,
        "POLY_SIGNATURE": _signature(credentials, timestamp_s, method, path, body),
        "POLY_TIMESTAMP": str(timestamp_s),
        "POLY_API_KEY": credentials.api_key,
        "POLY_PASSPHRASE": credentials.passphrase.reveal(),
    }


def builder_headers(
    credentials: Credentials, timestamp_s: int, method: str, path: str, body: bytes = b""
) -> dict[str, str]:
    """Return the headers by which a builder signs a request to the relayer, as an account does one to the CLOB."""
    return {
        "POLY_BUILDER_API_KEY": credentials.api_key,
        "POLY_BUILDER_PASSPHRASE": credentials.passphrase.reveal(),
        "POLY_BUILDER_SIGNATURE": _signature(credentials, timestamp_s, method, path, body),
        "POLY_BUILDER_TIMESTAMP": str(timestamp_s),
    }


def _signature(credentials: Credentials, timestamp_s: int, method: str, path: str, body: bytes) -> str:
    signed = f"{timestamp_s}{method}{path}".encode() + body
    return base64.urlsafe_b64encode(hmac.digest(_decoded(credentials.secret), signed, hashlib.sha256)).decode()


def _decoded(secret: Secret) -> bytes:
    """Return the bytes of an API secret, whose padding may be missing. Raises ValueError."""
    text = secret.reveal()
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
