"""A private key in an encrypted file: the JSON keystore V3 that Ethereum's wallets write (geth, eth-account).

Why by hand: the format is one hash of a password, one cipher and one checksum, all of which are here already; the
library that has it comes with forty packages. A test has each read what the other wrote.
Why the cost is bounded: the file says how much memory its password takes, and a file may say anything.
"""

import hashlib
import hmac
import json
import secrets
from typing import Any, Final, cast

from Crypto.Cipher import AES
from Crypto.Protocol.KDF import scrypt

from actors.venues.polymarket.keys import SigningKey, keccak256
from actors.venues.secret import Secret

_N: Final = 1 << 18
_R: Final = 1
_P: Final = 8
"""A guess takes 32 MiB and about a second, as with eth-account."""
_MEMORY_MAX: Final = 512 << 20
_ROUNDS_MAX: Final = 10_000_000
_BYTES_MAX: Final = 64 * 1024


class InvalidKeystore(ValueError):
    """A file that is no keystore, or a password that is not its own. Says neither key nor password."""


class WrongPassword(InvalidKeystore):
    """A password that is not the keystore's."""


def unlock(body: bytes, password: Secret) -> Secret:
    """Return the private key of a keystore as 64 hexadecimal digits. Raises InvalidKeystore, WrongPassword."""
    try:
        crypto = _crypto(body)
        derived = _derived(crypto, password)
        cipher, iv = bytes.fromhex(crypto["ciphertext"]), bytes.fromhex(crypto["cipherparams"]["iv"])
        checksum = bytes.fromhex(crypto["mac"])
        if crypto["cipher"] != "aes-128-ctr" or len(iv) != 16 or len(cipher) != 32:
            raise InvalidKeystore("the keystore is not one of a private key, encrypted with aes-128-ctr")
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
        if isinstance(error, InvalidKeystore):
            raise
        raise InvalidKeystore("it is not a JSON keystore of version 3") from None
    if not hmac.compare_digest(keccak256(derived[16:32] + cipher), checksum):
        raise WrongPassword("the password is not that of the keystore")
    return Secret(_cipher(derived, iv).decrypt(cipher).hex())


def lock(key: SigningKey, password: Secret) -> bytes:
    """Return a new keystore of a private key."""
    salt, iv = secrets.token_bytes(32), secrets.token_bytes(16)
    derived = _scrypt(password, salt, _N, _R, _P, 32)
    cipher = _cipher(derived, iv).encrypt(bytes.fromhex(key.reveal().reveal()[2:]))
    crypto = {
        "cipher": "aes-128-ctr", "cipherparams": {"iv": iv.hex()}, "ciphertext": cipher.hex(), "kdf": "scrypt",
        "kdfparams": {"dklen": 32, "n": _N, "r": _R, "p": _P, "salt": salt.hex()},
        "mac": keccak256(derived[16:32] + cipher).hex(),
    }  # fmt: skip
    identity = secrets.token_bytes(16).hex()
    parts = (identity[:8], identity[8:12], f"4{identity[13:16]}", f"8{identity[17:20]}", identity[20:])
    document = {"address": key.address[2:].lower(), "crypto": crypto, "id": "-".join(parts), "version": 3}
    return json.dumps(document, indent=1).encode() + b"\n"


def _crypto(body: bytes) -> dict[str, Any]:
    if len(body) > _BYTES_MAX:
        raise InvalidKeystore("the keystore is too long")
    document = json.loads(body)
    if document["version"] != 3:
        raise InvalidKeystore("the keystore is not of version 3")
    return document["crypto"] if "crypto" in document else document["Crypto"]


def _derived(crypto: dict[str, Any], password: Secret) -> bytes:
    """Return the key of the cipher."""
    told = crypto["kdfparams"]
    salt, length = bytes.fromhex(told["salt"]), told["dklen"]
    if length != 32:
        raise InvalidKeystore("the keystore derives no key of 32 bytes")
    if crypto["kdf"] == "scrypt":
        return _scrypt(password, salt, told["n"], told["r"], told["p"], length)
    if crypto["kdf"] == "pbkdf2" and told["prf"] == "hmac-sha256" and 0 < told["c"] <= _ROUNDS_MAX:
        return hashlib.pbkdf2_hmac("sha256", password.reveal().encode(), salt, told["c"], length)
    raise InvalidKeystore("the keystore derives its key in a way that is not known here")


def _scrypt(password: Secret, salt: bytes, n: int, r: int, p: int, length: int) -> bytes:
    if 128 * n * r * p > _MEMORY_MAX:
        raise InvalidKeystore("the keystore asks for too much memory")
    # Not OpenSSL's, which refuses the r of 1 that eth-account writes. Of a text this one takes Latin-1, wallets UTF-8.
    return cast(bytes, scrypt(password.reveal().encode(), salt, length, n, r, p))  # pyright: ignore[reportArgumentType]


def _cipher(derived: bytes, iv: bytes) -> Any:
    return AES.new(derived[:16], AES.MODE_CTR, nonce=b"", initial_value=iv)
