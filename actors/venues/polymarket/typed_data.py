"""The digests of typed data (EIP-712) that an account signs for Polymarket: orders, and who it is.

Why by hand: the structs never change within a generation, so that a digest is two hashes over a few words; a general
encoder walks the type tree of a dictionary for every order. A test holds both against each other on random orders.

Contracts and types: py-clob-client-v2 1.2.1 `config.py` and the venue's pages, read 2026-11-21. The domain of the
authentication stays at version 1 in all generations.
"""

from functools import lru_cache
from types import MappingProxyType
from typing import Final

from actors.venues.polymarket.keys import address_bytes, keccak256

ORDER_TYPE: Final = (
    b"Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    b"uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
"""The order of generations 2 and 3."""

ZERO_32: Final = "0x" + "00" * 32

EXCHANGES: Final = MappingProxyType(
    {
        (137, 1): (
            "0x4bFb41d5B3570DeFd03C39a9A4D8dE6Bd8B8982E",
            "0xC5d563A36AE78145C45a50134d48A1215220f80a",
        ),
        (137, 2): (
            "0xE111180000d2663C0091e4f400237545B87B996B",
            "0xe2222d279d744050d28e00520010520000310F59",
        ),
        (137, 3): ("0xe3333700cA9d93003F00f0F71f8515005F6c00Aa",) * 2,
        (80_002, 1): (
            "0xdFE02Eb6733538f8Ea35D585af8DE5958AD99E40",
            "0xC5d563A36AE78145C45a50134d48A1215220f80a",
        ),
        (80_002, 2): (
            "0xE111180000d2663C0091e4f400237545B87B996B",
            "0xe2222d279d744050d28e00520010520000310F59",
        ),
        (80_002, 3): ("0x9fE6e61422AdB6F610d8597F9684b16912D50C3D",) * 2,
    }
)
"""(Chain, generation) -> the exchange of ordinary and of neg-risk markets. Nothing is signed for any other contract."""

ORDER_TYPE_HASH: Final = keccak256(ORDER_TYPE)
_DOMAIN_TYPE_HASH: Final = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_EXCHANGE_NAME_HASH: Final = keccak256(b"Polymarket CTF Exchange")
_WALLET_SIGN_TYPE_HASH: Final = keccak256(
    b"TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    + ORDER_TYPE
)
_WALLET_HASHES: Final = keccak256(b"DepositWallet") + keccak256(b"1")

_AUTH_DOMAIN: Final = (
    keccak256(b"EIP712Domain(string name,string version,uint256 chainId)")
    + keccak256(b"ClobAuthDomain")
    + keccak256(b"1")
)
_AUTH_TYPE_HASH: Final = keccak256(b"ClobAuth(address address,string timestamp,uint256 nonce,string message)")
_AUTH_MESSAGE_HASH: Final = keccak256(b"This message attests that I control the given wallet")


def word(number: int) -> bytes:
    """Write a number as the chain does: 32 bytes, the highest first."""
    return number.to_bytes(32, "big")


def address_word(address: str) -> bytes:
    """Write an address as the chain does: 32 bytes, the first twelve zero. Raises InvalidKey."""
    return bytes(12) + address_bytes(address)


@lru_cache(maxsize=16)
def exchange_separator(chain_id: int, generation: int, neg_risk: bool) -> bytes:
    """Hash of the domain that an order is signed for. Raises KeyError for a chain or generation without exchange."""
    return keccak256(
        _DOMAIN_TYPE_HASH
        + _EXCHANGE_NAME_HASH
        + keccak256(str(generation).encode())
        + word(chain_id)
        + address_word(EXCHANGES[chain_id, generation][neg_risk])
    )


def digest(separator: bytes, struct_hash: bytes) -> bytes:
    """Return what is signed of a struct in a domain."""
    return keccak256(b"\x19\x01" + separator + struct_hash)


def wallet_struct_hash(contents: bytes, chain_id: int, wallet: str) -> bytes:
    """Hash of an order nested in the name of a deposit wallet (ERC-7739), which its owner signs for it."""
    return keccak256(
        _WALLET_SIGN_TYPE_HASH + contents + _WALLET_HASHES + word(chain_id) + address_word(wallet) + bytes(32)
    )


def authentication_digest(chain_id: int, address: str, timestamp_s: int, nonce: int) -> bytes:
    """Return what an account signs to show that it controls its wallet."""
    struct_hash = keccak256(
        _AUTH_TYPE_HASH
        + address_word(address)
        + keccak256(str(timestamp_s).encode())
        + word(nonce)
        + _AUTH_MESSAGE_HASH
    )
    return digest(keccak256(_AUTH_DOMAIN + word(chain_id)), struct_hash)
