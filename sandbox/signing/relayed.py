"""What the owner of a wallet signs so that somebody else may send the wallet's transaction, and who signed it.

Each kind of wallet has its own: a deposit wallet a typed batch of calls with a nonce and a deadline, a safe its typed
transaction signed as a personal message (its recovery byte then counts 4 more), a proxy the hash of what the relay hub
will be given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sandbox.signing.keys import bytes_of, keccak256, recover

_CALL_TYPE: Final = b"Call(address target,uint256 value,bytes data)"
_CALL_TYPE_HASH: Final = keccak256(_CALL_TYPE)
_BATCH_TYPE_HASH: Final = keccak256(b"Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)" + _CALL_TYPE)
_WALLET_DOMAIN_HASH: Final = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_WALLET_NAME_HASH: Final = keccak256(b"DepositWallet")
_WALLET_VERSION_HASH: Final = keccak256(b"1")
_SAFE_TYPE_HASH: Final = keccak256(
    b"SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,"
    b"address gasToken,address refundReceiver,uint256 nonce)"
)
_SAFE_DOMAIN_HASH: Final = keccak256(b"EIP712Domain(uint256 chainId,address verifyingContract)")
_PROXY_PREFIX: Final = b"rlx:"
_PERSONAL_PREFIX: Final = b"\x19Ethereum Signed Message:\n32"
_SIGNATURE_BYTES: Final = 65
_SAFE_PERSONAL: Final = 4
"""What a safe's signature adds to its recovery byte to say that it is of a personal message."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a contract that a wallet makes; `target` is a checksummed address, `value` counts wei."""

    target: str
    value: int
    data: bytes


def batch_digest(chain_id: int, wallet: str, nonce: int, deadline_s: int, calls: Sequence[Call]) -> bytes:
    """What the owner of a deposit wallet signs. Raises ValueError."""
    hashes = b"".join(
        keccak256(_CALL_TYPE_HASH + _address(call.target) + _number(call.value) + keccak256(call.data))
        for call in calls
    )
    domain = keccak256(
        _WALLET_DOMAIN_HASH + _WALLET_NAME_HASH + _WALLET_VERSION_HASH + _number(chain_id) + _address(wallet)
    )
    batch = keccak256(_BATCH_TYPE_HASH + _address(wallet) + _number(nonce) + _number(deadline_s) + keccak256(hashes))
    return keccak256(b"\x19\x01" + domain + batch)


@dataclass(frozen=True, slots=True)
class SafeGas:
    """What a safe's transaction says of gas and of who pays for it; all of it is nothing when a relayer does."""

    safe_gas: int
    base_gas: int
    gas_price: int
    gas_token: str
    refund_receiver: str


def safe_digest(chain_id: int, safe: str, call: Call, operation: int, gas: SafeGas, nonce: int) -> bytes:
    """The hash of a safe's transaction; operation 1 lets the target's code run as the safe. Raises ValueError."""
    domain = keccak256(_SAFE_DOMAIN_HASH + _number(chain_id) + _address(safe))
    what = _address(call.target) + _number(call.value) + keccak256(call.data) + _number(operation)
    terms = _number(gas.safe_gas) + _number(gas.base_gas) + _number(gas.gas_price)
    paid = _address(gas.gas_token) + _address(gas.refund_receiver)
    return keccak256(b"\x19\x01" + domain + keccak256(_SAFE_TYPE_HASH + what + terms + paid + _number(nonce)))


@dataclass(frozen=True, slots=True)
class ProxyTerms:
    """What the relay hub is told besides the calls: fee and gas, which relayer, and which hub."""

    relayer_fee: int
    gas_price: int
    gas_limit: int
    relay_hub: str
    relay: str


def proxy_digest(owner: str, to: str, data: bytes, terms: ProxyTerms, nonce: int) -> bytes:
    """The hash of what a relay hub is given for a proxy, packed without padding. Raises ValueError."""
    return keccak256(
        _PROXY_PREFIX
        + bytes_of(owner, 20)
        + bytes_of(to, 20)
        + data
        + _number(terms.relayer_fee)
        + _number(terms.gas_price)
        + _number(terms.gas_limit)
        + _number(nonce)
        + bytes_of(terms.relay_hub, 20)
        + bytes_of(terms.relay, 20)
    )


def personal(digest: bytes) -> bytes:
    """What is signed of a digest that is signed as a personal message."""
    return keccak256(_PERSONAL_PREFIX + digest)


def signer_of(digest: bytes, signature: str) -> str | None:
    """Address of the account that signed a digest, None for what is no signature."""
    try:
        return recover(digest, bytes_of(signature, _SIGNATURE_BYTES))
    except ValueError:
        return None


def safe_signer_of(digest: bytes, signature: str) -> str | None:
    """The same as a safe finds it out, which takes personal messages as well."""
    try:
        raw = bytes_of(signature, _SIGNATURE_BYTES)
    except ValueError:
        return None
    if raw[-1] in (27 + _SAFE_PERSONAL, 28 + _SAFE_PERSONAL):
        return recover(personal(digest), raw[:-1] + bytes((raw[-1] - _SAFE_PERSONAL,)))
    return recover(digest, raw)


def _address(text: str) -> bytes:
    return bytes(12) + bytes_of(text, 20)


def _number(value: int) -> bytes:
    try:
        return value.to_bytes(32)
    except OverflowError:
        raise ValueError("a number is negative or has more than 256 bits") from None
