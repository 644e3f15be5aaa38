"""Keys of Ethereum accounts: hashes, addresses, signatures and whose they are.

Why so strict: the exchange contract recovers with OpenZeppelin's library, which takes 65 bytes only, refuses the upper
half of s (each signature would have a second form) and a recovery byte other than 27 or 28. What the chain would
refuse at settlement, the book must not take.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import coincurve
from Crypto.Hash import keccak

_GROUP_ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_SIGNATURE_BYTES: Final = 65


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a signature does not hold, in a few words for the log; the venue's own texts say less."""

    reason: str


class PrivateKey:
    """The secret of one account."""

    def __init__(self, secret: bytes) -> None:
        self._key = coincurve.PrivateKey(secret)
        self.secret: Final = secret
        self.address: Final = address_of(self._key.public_key.format(compressed=False))

    def sign(self, digest: bytes) -> bytes:
        """Sign 32 bytes (RFC 6979, so that the same digest gives the same signature): r, s, and 27 or 28."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes((27 + signature[64],))


def key_from(seed_text: str) -> bytes:
    """Derive a secret from a text; the same text gives the same account."""
    secret = hashlib.sha256(seed_text.encode()).digest()
    while not 0 < int.from_bytes(secret) < _GROUP_ORDER:
        secret = hashlib.sha256(secret).digest()
    return secret


def recover(digest: bytes, signature: bytes) -> str | None:
    """Address of the account that signed a digest; None for what is no signature."""
    if len(digest) != 32 or len(signature) != _SIGNATURE_BYTES or signature[64] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64]) > _GROUP_ORDER // 2:
        return None
    try:
        public_key = coincurve.PublicKey.from_signature_and_message(
            signature[:64] + bytes((signature[64] - 27,)), digest, hasher=None
        )
    except Exception:  # noqa: BLE001 - the library raises bare exceptions for numbers that are no point of the curve
        return None
    return address_of(public_key.format(compressed=False))


def keccak256(data: bytes) -> bytes:
    """Hash as Ethereum does: Keccak before it became SHA-3."""
    return keccak.new(digest_bits=256, data=data).digest()


def address_of(public_key: bytes) -> str:
    """Address of an uncompressed public key of 65 bytes."""
    return checksum_address(keccak256(public_key[1:])[12:])


@lru_cache(maxsize=16_384)
def checksum_address(address: bytes) -> str:
    """Write 20 bytes as text whose capitals are a checksum (EIP-55)."""
    digits = address.hex()
    nibbles = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if nibble >= "8" else digit for digit, nibble in zip(digits, nibbles, strict=False)
    )


def bytes_of(text: str, size: int) -> bytes:
    """Read hexadecimal text of exactly `size` bytes with `0x` before it; raises ValueError."""
    if len(text) != 2 + 2 * size or not text.startswith("0x"):
        raise ValueError(f"not 0x and {2 * size} hexadecimal digits")
    data = bytes.fromhex(text[2:])
    if len(data) != size:  # fromhex passes over white space
        raise ValueError(f"not 0x and {2 * size} hexadecimal digits")
    return data
