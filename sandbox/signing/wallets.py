"""Where the wallets of an account stand: addresses that its factory contracts give (CREATE2), deployed or not.

Why two deposit wallets: the factory made proxies of one fixed implementation, and makes proxies of a beacon (which says
what all of them run) where it has one. The official clients take either for the wallet of its owner.
Constants: polymarket-client 0.14.0, read 2026-11-21. The addresses are the same on every chain.
"""

from functools import lru_cache
from typing import Final

from sandbox.signing.keys import bytes_of, checksum_address, keccak256

_PROXY_FACTORY: Final = bytes.fromhex("aB45c5A4B0c941a2F231C04C3f49182e1A254052")
_PROXY_CODE_HASH: Final = bytes.fromhex("d21df8dc65880a8606f09fe0ce3df9b8869287ab0b058be05aa9e8af6330a00b")
_SAFE_FACTORY: Final = bytes.fromhex("aacFeEa03eb1561C4e67d661e40682Bd20E3541b")
_SAFE_CODE_HASH: Final = bytes.fromhex("2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf")

_DEPOSIT_FACTORY: Final = bytes.fromhex("00000000000Fb5C9ADea0298D729A0CB3823Cc07")
# Creation code of the proxies for 64 bytes of arguments, which are appended: the factory and the owner.
_BEACON_PROXY: Final = bytes.fromhex(
    "6100923d8160233d3973"
    "7A18EDfe055488A3128f01F563e5B479D92ffc3a"  # the beacon
    "60195155f3363d3d373d3d363d602036600436635c60da"
    "1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
    "b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
)
_FIXED_PROXY: Final = bytes.fromhex(
    "61007d3d8160233d3973"
    "58CA52ebe0DadfdF531Cde7062e76746de4Db1eB"  # the implementation
    "60095155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076"
    "cc3735a920a3ca505d382bbc545af43d6000803e6038573d6000fd5b3d6000f3"
)


def proxy_wallet(owner: str) -> str:
    """Address of the proxy (signature type 1) of an account."""
    return _created(_PROXY_FACTORY, keccak256(bytes_of(owner, 20)), _PROXY_CODE_HASH)


def safe_wallet(owner: str) -> str:
    """Address of the safe (signature type 2) of an account."""
    return _created(_SAFE_FACTORY, keccak256(bytes(12) + bytes_of(owner, 20)), _SAFE_CODE_HASH)


def deposit_wallet(owner: str) -> str:
    """Address of the deposit wallet (signature type 3) that an account gets from a factory with a beacon."""
    return _deposit_wallet(owner, _BEACON_PROXY)


def first_deposit_wallet(owner: str) -> str:
    """Address of the deposit wallet that an account gets from a factory without a beacon."""
    return _deposit_wallet(owner, _FIXED_PROXY)


@lru_cache(maxsize=4_096)
def wallets_of(owner: str, signature_type: int) -> tuple[str, ...]:
    """Every address from which an account may trade with a signature type; empty for an unknown type."""
    match signature_type:
        case 0:
            return (checksum_address(bytes_of(owner, 20)),)
        case 1:
            return (proxy_wallet(owner),)
        case 2:
            return (safe_wallet(owner),)
        case 3:
            return (deposit_wallet(owner), first_deposit_wallet(owner))
        case _:
            return ()


def _deposit_wallet(owner: str, creation_code: bytes) -> str:
    arguments = bytes(12) + _DEPOSIT_FACTORY + bytes(12) + bytes_of(owner, 20)
    return _created(_DEPOSIT_FACTORY, keccak256(arguments), keccak256(creation_code + arguments))


def _created(factory: bytes, salt: bytes, code_hash: bytes) -> str:
    return checksum_address(keccak256(b"\xff" + factory + salt + code_hash)[12:])
