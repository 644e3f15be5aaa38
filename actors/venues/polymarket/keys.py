"""The account that signs: its private key, its address, and Ethereum's hash.

Why not the official client's: it takes the key as plain text into objects that print it, and ten times as long.
"""

from typing import TYPE_CHECKING, Final, NoReturn, Protocol, SupportsIndex

import coincurve
from Crypto.Hash import keccak

from actors.venues.secret import Secret

if TYPE_CHECKING:
    from actors.venues.polymarket.signables import Signable

_KEY_DIGITS: Final = 64


class InvalidKey(ValueError):
    """A private key or an address that is none; says what is expected, never what was given."""


class Key(Protocol):
    """What signs for an account, wherever the private key itself is. `address` is the account's."""

    @property
    def address(self) -> str: ...

    def sign(self, digest: bytes, what: "Signable") -> bytes:
        """Sign 32 bytes, which are the digest of `what`: r, s, and 27 or 28. Raises SigningRefused."""
        ...

    def trouble(self) -> str:
        """Say why it cannot sign now; nothing where it can."""
        ...


class SigningKey:
    """The private key of an account. It signs and tells its address; it is not shown, copied or stored."""

    __slots__ = ("_key", "address")

    def __init__(self, secret: Secret) -> None:
        digits = secret.reveal().strip().removeprefix("0x")
        try:
            if len(digits) != _KEY_DIGITS:
                raise ValueError
            self._key = coincurve.PrivateKey(bytes.fromhex(digits))
        except ValueError:
            raise InvalidKey(
                "the private key is not 64 hexadecimal digits of a number that the curve allows: "
                "export it anew from the wallet, with or without 0x before it"
            ) from None
        self.address: Final = _address(self._key.public_key)

    def sign(self, digest: bytes, what: "Signable | None" = None) -> bytes:
        """Sign 32 bytes: r, s, and 27 or 28. The same digest gives the same signature (RFC 6979).

        It takes the digest at its word: `what` it is of is for keys that look before they sign.
        """
        # Of the library's nonce argument only the tuple is declared.
        signature = self._key.sign_recoverable(digest, hasher=None)  # pyright: ignore[reportUnknownMemberType]
        return signature[:64] + bytes((27 + signature[64],))

    def trouble(self) -> str:
        """It can always sign."""
        return ""

    def reveal(self) -> Secret:
        """Return the key itself, for the official client, which takes nothing else."""
        return Secret(f"0x{self._key.to_hex()}")

    def __repr__(self) -> str:
        return f"<key of {self.address}>"

    def __getstate__(self) -> NoReturn:
        raise TypeError("a private key is neither copied nor stored")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a private key is neither copied nor stored")


def signed_by(digest: bytes, signature: bytes) -> str:
    """Return the address whose key made a signature of 65 bytes. Raises InvalidKey where none did."""
    try:
        public = coincurve.PublicKey.from_signature_and_message(
            signature[:64] + bytes((signature[64] - 27,)), digest, hasher=None
        )
    except (ValueError, IndexError):
        raise InvalidKey("it is not a signature of r, s, and 27 or 28") from None
    return _address(public)


def address_of(private: bytes) -> str | None:
    """Return the address of 32 bytes, were they a private key; None for a number that the curve does not allow."""
    try:
        return _address(coincurve.PrivateKey(private).public_key)
    except ValueError:
        return None


def keccak256(data: bytes) -> bytes:
    """Hash as Ethereum does, which is not quite SHA-3."""
    return keccak.new(digest_bits=256, data=data).digest()


def address_bytes(address: str) -> bytes:
    """Read an address of `0x` and 40 hexadecimal digits. Raises InvalidKey where it is none."""
    try:
        data = bytes.fromhex(address.removeprefix("0x"))
    except ValueError:
        data = b""
    if len(data) != 20 or len(address) != 42:
        raise InvalidKey(f"{address!r} is not an address of 0x and 40 hexadecimal digits")
    return data


def checksum_address(address: bytes) -> str:
    """Write an address with the capitals that check it (EIP-55)."""
    digits = address.hex()
    check = keccak256(digits.encode()).hex()
    return "0x" + "".join(digit.upper() if check[place] in "89abcdef" else digit for place, digit in enumerate(digits))


def _address(public: coincurve.PublicKey) -> str:
    return checksum_address(keccak256(public.format(compressed=False)[1:])[12:])
