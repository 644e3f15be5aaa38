"""Transactions of a wallet as its owner signs them for the relayer, which sends them and pays for them.

A deposit wallet takes a typed batch of calls with a nonce and a deadline. A safe takes one typed transaction with a
nonce, signed as a personal message; several calls go through its multisend contract. Both take a nonce once.

Structs and constants: polymarket-client 0.14.0, read 2026-11-21.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec

from actors.venues.polymarket.contract_calls import Call
from actors.venues.polymarket.keys import address_bytes, keccak256
from actors.venues.polymarket.orders import Account, SignatureType
from actors.venues.polymarket.signables import SignBatch, SignSafeCalls
from actors.venues.polymarket.typed_data import address_word, digest, word
from models.messages.operations import Batch

KINDS: Final[Mapping[SignatureType, str]] = MappingProxyType(
    {SignatureType.SAFE: "SAFE", SignatureType.DEPOSIT_WALLET: "WALLET"}
)
"""How the relayer calls the wallets whose transactions can be signed here."""

_FACTORY: Final = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
_MULTISEND: Final = "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"
_NOBODY: Final = "0x" + "00" * 20

_CALL_TYPE: Final = b"Call(address target,uint256 value,bytes data)"
_CALL_TYPE_HASH: Final = keccak256(_CALL_TYPE)
_BATCH_TYPE_HASH: Final = keccak256(b"Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)" + _CALL_TYPE)
_WALLET_DOMAIN: Final = (
    keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    + keccak256(b"DepositWallet")
    + keccak256(b"1")
)
_SAFE_DOMAIN: Final = keccak256(b"EIP712Domain(uint256 chainId,address verifyingContract)")
_SAFE_TYPE_HASH: Final = keccak256(
    b"SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,"
    b"address gasToken,address refundReceiver,uint256 nonce)"
)
_PERSONAL: Final = b"\x19Ethereum Signed Message:\n32"
_MULTISEND_CALL: Final = keccak256(b"multiSend(bytes)")[:4]
_OF_A_MESSAGE: Final = 4
"""What a safe wants added to the last byte of a signature that was made of a personal message."""


@dataclass(frozen=True, slots=True)
class _SafeCall:
    """The one call of a safe; `delegated`: it lends itself to its multisend contract."""

    target: str
    data: bytes
    delegated: int


def has_deadline(account: Account) -> bool:
    """Whether what the account signs is good until a deadline; a safe's signature holds for ever."""
    return account.signature_type is SignatureType.DEPOSIT_WALLET


def submission(account: Account, batch: Batch, calls: Sequence[Call], metadata: str) -> bytes:
    """Return the body that has the relayer do `calls`; the same in gives the same bytes.

    Raises KeyError (kind), SigningRefused.
    """
    common: dict[str, Any] = {
        "type": KINDS[account.signature_type], "from": account.key.address, "nonce": str(batch.nonce),
        "metadata": metadata,
    }  # fmt: skip
    if account.signature_type is SignatureType.SAFE:
        return msgspec.json.encode(common | _of_safe(account, batch, calls))
    return msgspec.json.encode(common | _of_deposit_wallet(account, batch, calls))


def batch_digest(chain_id: int, wallet: str, batch: Batch, calls: Sequence[Call]) -> bytes:
    """Return what the owner of a deposit wallet signs. Raises ValueError for a batch without a deadline."""
    if batch.deadline_s is None:
        raise ValueError("a deposit wallet takes no batch without a deadline")
    hashes = b"".join(
        keccak256(_CALL_TYPE_HASH + address_word(call.target) + word(0) + keccak256(call.data)) for call in calls
    )
    struct = _BATCH_TYPE_HASH + address_word(wallet) + word(batch.nonce) + word(batch.deadline_s) + keccak256(hashes)
    return digest(keccak256(_WALLET_DOMAIN + word(chain_id) + address_word(wallet)), keccak256(struct))


def safe_digest(chain_id: int, wallet: str, nonce: int, calls: Sequence[Call]) -> bytes:
    """Return what the owner of a safe signs, as a personal message."""
    call = _safe_call(calls)
    struct = _SAFE_TYPE_HASH + address_word(call.target) + word(0) + keccak256(call.data) + word(call.delegated)
    struct += word(0) * 5 + word(nonce)
    return digest(keccak256(_SAFE_DOMAIN + word(chain_id) + address_word(wallet)), keccak256(struct))


def personal(message: bytes) -> bytes:
    """Return what is signed of 32 bytes as a personal message."""
    return keccak256(_PERSONAL + message)


def _of_deposit_wallet(account: Account, batch: Batch, calls: Sequence[Call]) -> dict[str, Any]:
    what = SignBatch(account.chain_id, account.maker, batch, tuple(calls))
    signature = account.key.sign(batch_digest(account.chain_id, account.maker, batch, calls), what)
    listed = [{"target": call.target, "value": "0", "data": f"0x{call.data.hex()}"} for call in calls]
    return {
        "to": _FACTORY,
        "signature": f"0x{signature.hex()}",
        "depositWalletParams": {
            "depositWallet": account.maker, "deadline": str(batch.deadline_s), "calls": listed,
        },
    }  # fmt: skip


def _of_safe(account: Account, batch: Batch, calls: Sequence[Call]) -> dict[str, Any]:
    what = SignSafeCalls(account.chain_id, account.maker, batch.nonce, tuple(calls))
    signature = account.key.sign(personal(safe_digest(account.chain_id, account.maker, batch.nonce, calls)), what)
    call = _safe_call(calls)
    return {
        "to": call.target,
        "proxyWallet": account.maker,
        "data": f"0x{call.data.hex()}",
        "signature": f"0x{signature[:64].hex()}{signature[64] + _OF_A_MESSAGE:02x}",
        "signatureParams": {
            "baseGas": "0", "gasPrice": "0", "gasToken": _NOBODY, "operation": str(call.delegated),
            "refundReceiver": _NOBODY, "safeTxnGas": "0",
        },
    }  # fmt: skip


def _safe_call(calls: Sequence[Call]) -> _SafeCall:
    if len(calls) == 1:
        return _SafeCall(calls[0].target, calls[0].data, 0)
    packed = b"".join(
        bytes(1) + address_bytes(call.target) + word(0) + word(len(call.data)) + call.data for call in calls
    )
    padded = packed + bytes(-len(packed) % 32)
    return _SafeCall(_MULTISEND, _MULTISEND_CALL + word(32) + word(len(packed)) + padded, 1)
