"""The body of `POST /submit`, read strictly: which wallet is to do what, and whose signature is on it.

Why the calls are taken apart here: a batch of a deposit wallet lists them, a proxy's are the arguments of its factory,
and a safe does one itself or lets its multisend contract do several. From here on they are all the same.
"""

from typing import Annotated, Any, Final, TypeAlias

import msgspec

from sandbox.rest.refusals import Refused
from sandbox.rest.trading_payload import decoded
from sandbox.signing.abi import decode, kinds_of, selector
from sandbox.signing.contracts import DEPOSIT_WALLET_FACTORY, PROXY_FACTORY, RELAY_HUB, SAFE_MULTISEND
from sandbox.signing.keys import bytes_of, checksum_address
from sandbox.signing.relayed import (
    Call,
    ProxyTerms,
    SafeGas,
    batch_digest,
    personal,
    proxy_digest,
    safe_digest,
    safe_signer_of,
    signer_of,
)

INVALID: Final = "invalid transaction request"
_UINT256: Final = 1 << 256
_PROXY_CALLS: Final = "proxy((uint8,address,uint256,bytes)[])"
_MULTISEND: Final = "multiSend(bytes)"
_CALL: Final = 1
"""How a proxy's factory numbers a plain call; a safe numbers it 0, and the other kind 1."""
_HEAD_BYTES: Final = 1 + 20 + 32 + 32

_Address = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-fA-F]{40}\Z")]
_Number = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,78}\Z")]
_Data = Annotated[str, msgspec.Meta(pattern=r"^0x([0-9a-fA-F]{2})*\Z")]


class _Submission(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", rename={"owner": "from"}):
    owner: _Address
    to: _Address
    metadata: Annotated[str, msgspec.Meta(max_length=500)] = ""


class _WalletCall(msgspec.Struct, frozen=True):
    target: _Address
    value: _Number
    data: _Data


class _Batch(msgspec.Struct, frozen=True, rename="camel"):
    deposit_wallet: _Address
    deadline: _Number
    calls: Annotated[list[_WalletCall], msgspec.Meta(min_length=1)]


class WalletSubmission(
    _Submission,
    frozen=True,
    kw_only=True,
    tag="WALLET",
    rename={"owner": "from", "batch": "depositWalletParams"},
):
    """A batch of a deposit wallet, until a deadline in seconds."""

    nonce: _Number
    signature: str
    batch: _Batch
    data: str = ""

    @property
    def wallet(self) -> str:
        """The wallet's address."""
        return self.batch.deposit_wallet

    @property
    def deadline_s(self) -> int | None:
        """When it is too late."""
        return _number(self.batch.deadline)

    def calls(self) -> tuple[Call, ...]:
        """What it does."""
        if self.to.lower() != DEPOSIT_WALLET_FACTORY.lower():
            raise ValueError("a batch goes through the wallets' factory")
        return tuple(_call(call.target, _number(call.value), call.data) for call in self.batch.calls)

    def signer(self, chain_id: int) -> str | None:
        """Who signed it."""
        digest = batch_digest(chain_id, self.wallet, _number(self.nonce), self.deadline_s or 0, self.calls())
        return signer_of(digest, self.signature)


class _SafeParams(msgspec.Struct, frozen=True, rename="camel"):
    operation: _Number
    safe_txn_gas: _Number
    base_gas: _Number
    gas_price: _Number
    gas_token: _Address
    refund_receiver: _Address


class SafeSubmission(
    _Submission,
    frozen=True,
    kw_only=True,
    tag="SAFE",
    rename={"owner": "from", "wallet": "proxyWallet", "params": "signatureParams"},
):
    """A transaction of a safe."""

    nonce: _Number
    signature: str
    wallet: _Address
    data: _Data
    params: _SafeParams
    value: _Number = "0"

    @property
    def deadline_s(self) -> int | None:
        """A safe's signature holds for ever."""
        return None

    def calls(self) -> tuple[Call, ...]:
        """What it does: its one call, or those that its multisend contract is given."""
        call, operation = _call(self.to, _number(self.value), self.data), _number(self.params.operation)
        if operation == 0:
            return (call,)
        if operation != 1 or call.target != SAFE_MULTISEND or call.data[:4] != selector(_MULTISEND):
            raise ValueError("a safe lends itself to its multisend contract only")
        return _unpacked(decode(kinds_of(_MULTISEND), call.data[4:])[0])

    def signer(self, chain_id: int) -> str | None:
        """Who signed it."""
        said = self.params
        gas = SafeGas(
            _number(said.safe_txn_gas),
            _number(said.base_gas),
            _number(said.gas_price),
            said.gas_token,
            said.refund_receiver,
        )
        call = _call(self.to, _number(self.value), self.data)
        digest = safe_digest(chain_id, self.wallet, call, _number(said.operation), gas, _number(self.nonce))
        return safe_signer_of(digest, self.signature)


class _ProxyParams(msgspec.Struct, frozen=True, rename="camel"):
    gas_limit: _Number
    gas_price: _Number
    relay: _Address
    relay_hub: _Address
    relayer_fee: _Number


class ProxySubmission(
    _Submission,
    frozen=True,
    kw_only=True,
    tag="PROXY",
    rename={"owner": "from", "wallet": "proxyWallet", "params": "signatureParams"},
):
    """Calls of a proxy, by the relay hub."""

    nonce: _Number
    signature: str
    wallet: _Address
    data: _Data
    params: _ProxyParams

    @property
    def deadline_s(self) -> int | None:
        """A proxy's signature holds for ever."""
        return None

    def calls(self) -> tuple[Call, ...]:
        """What it does."""
        data = bytes.fromhex(self.data[2:])
        if self.to.lower() != PROXY_FACTORY.lower() or data[:4] != selector(_PROXY_CALLS):
            raise ValueError("the calls of a proxy go through its factory")
        (listed,) = decode(kinds_of(_PROXY_CALLS), data[4:])
        if any(kind != _CALL for kind, *_ in listed):
            raise ValueError("a proxy makes plain calls only")
        return tuple(Call(target, value, inner) for _, target, value, inner in listed)

    def signer(self, chain_id: int) -> str | None:
        """Who signed it; the chain is not signed for, but its hub."""
        said = self.params
        if said.relay_hub.lower() != RELAY_HUB.lower():
            return None
        terms = ProxyTerms(
            _number(said.relayer_fee), _number(said.gas_price), _number(said.gas_limit), said.relay_hub, said.relay
        )
        digest = proxy_digest(self.owner, self.to, bytes.fromhex(self.data[2:]), terms, _number(self.nonce))
        return signer_of(personal(digest), self.signature)


Signed: TypeAlias = WalletSubmission | SafeSubmission | ProxySubmission


def read_submission(body: bytes) -> Signed:
    """Read a body. Raises Refused."""
    shape: Any = Signed
    return decoded(body, shape, INVALID)


def calls_of(signed: Signed) -> tuple[Call, ...]:
    """What a wallet is to do. Raises Refused for what no wallet can."""
    try:
        return signed.calls()
    except ValueError as error:
        raise Refused(400, f"{INVALID}: {error}") from None


def _unpacked(packed: bytes) -> tuple[Call, ...]:
    """Calls as a multisend contract takes them: operation, target, value, length and data, without padding."""
    calls: list[Call] = []
    while packed:
        size = int.from_bytes(packed[_HEAD_BYTES - 32 : _HEAD_BYTES])
        end = _HEAD_BYTES + size
        if len(packed) < end or packed[0] != 0:
            raise ValueError("calls are cut short, or are no plain calls")
        calls.append(Call(checksum_address(packed[1:21]), int.from_bytes(packed[21:53]), packed[_HEAD_BYTES:end]))
        packed = packed[end:]
    return tuple(calls)


def _call(target: str, value: int, data: str) -> Call:
    return Call(checksum_address(bytes_of(target, 20)), value, bytes.fromhex(data[2:]))


def _number(text: str) -> int:
    value = int(text)
    if value >= _UINT256:
        raise ValueError("a number has more than 256 bits")
    return value
