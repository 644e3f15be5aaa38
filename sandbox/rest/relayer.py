"""The relayer: takes what the owner of a wallet has signed, brings it to the chain and says what became of it.

Whoever only asks needs no key, except for what the newer paths under `/v1/account` show. Unverified: that those need
one; the texts of refusals, but for two that the official client looks for: a nonce that is not the chain's, and a
wallet that is busy.
"""

import re
from typing import Any, Final

from sandbox.accounts import Accounts
from sandbox.messages import Answer, HttpRequest
from sandbox.rest.refusals import Refused
from sandbox.rest.relayer_keys import RelayerKeys
from sandbox.rest.relayer_payload import INVALID, Signed, calls_of, read_submission
from sandbox.rest.routes import Table, json_answer, last_part
from sandbox.signing.keys import checksum_address, keccak256
from sandbox.trading.records import Wallet
from sandbox.trading.relaying import Relayed, Relaying, WalletKind
from sandbox.units import SECOND, iso_text

_KINDS: Final[dict[str, int]] = {"PROXY": 1, "SAFE": 2, "WALLET": 3}
"""What a wallet is called here, and the signature type of the orders that it makes."""
_ADDRESS: Final = re.compile("0x[0-9a-fA-F]{40}")
_RELAY: Final = checksum_address(keccak256(b"the relayer of the sandbox")[12:])
"""Who sends the transactions."""
_SHOWN: Final = 100
"""Transactions in a listing."""


class Relayer:
    """Answers all calls of the relayer."""

    def __init__(self, accounts: Accounts, relaying: Relaying, keys: RelayerKeys) -> None:
        self._accounts = accounts
        self._relaying = relaying
        self._keys = keys
        self.routes: Table = {
            ("GET", "/deployed"): self._deployed,
            ("GET", "/nonce"): lambda request, now_ns: json_answer({"nonce": self._nonce(request)}),
            ("GET", "/relay-payload"): self._params,
            ("POST", "/submit"): self._submit,
            ("GET", "/transaction"): self._transaction,
            ("GET", "/transactions"): self._list,
            ("GET", "/v1/account/transactions/params"): self._own_params,
            ("GET", "/v1/account/transactions/*"): self._own_transaction,
        }

    def _deployed(self, request: HttpRequest, now_ns: int) -> Answer:
        address, kind = _address(request), _kind(request)
        account = self._accounts.by_wallet(address)
        wallet = account.wallets.get(kind) if account else None
        return json_answer(
            {"deployed": wallet is not None and wallet.deployed and wallet.address.lower() == address.lower()}
        )

    def _nonce(self, request: HttpRequest) -> str:
        """The nonce of the next transaction of the wallet that an address owns, 0 for one that owns none."""
        address, kind = _address(request), _kind(request)
        account = self._accounts.by_address(address)
        wallet = account.wallets.get(kind) if account else None
        return str(self._relaying.nonce(wallet.address) if wallet else 0)

    def _params(self, request: HttpRequest, now_ns: int) -> Answer:
        return json_answer({"address": _RELAY, "nonce": self._nonce(request)})

    def _own_params(self, request: HttpRequest, now_ns: int) -> Answer:
        self._keys.caller(request, now_ns)
        return self._params(request, now_ns)

    def _transaction(self, request: HttpRequest, now_ns: int) -> Answer:
        relayed = self._relaying.transactions.get(request.asked("id"))
        return json_answer([] if relayed is None else [_shown(relayed)])

    def _list(self, request: HttpRequest, now_ns: int) -> Answer:
        caller = self._keys.caller(request, now_ns)
        newest = reversed(self._relaying.transactions.values())
        own = (relayed for relayed in newest if relayed.owner.lower() == caller.address.lower())
        return json_answer([_shown(relayed) for relayed, _ in zip(own, range(_SHOWN), strict=False)])

    def _own_transaction(self, request: HttpRequest, now_ns: int) -> Answer:
        caller = self._keys.caller(request, now_ns)
        relayed = self._relaying.transactions.get(last_part(request))
        if relayed is None or not caller.may_speak_for(relayed.owner):
            raise Refused(404, "transaction not found")
        return json_answer(
            {
                "transaction_id": relayed.id,
                "transaction_hash": relayed.transaction_hash,
                "state": relayed.state,
                "type": relayed.kind,
                "error_msg": relayed.error or None,
                "created_at": iso_text(relayed.created_ns),
                "updated_at": iso_text(relayed.updated_ns),
            }
        )

    def _submit(self, request: HttpRequest, now_ns: int) -> Answer:
        caller = self._keys.caller(request, now_ns)
        said = read_submission(request.body)
        if not caller.may_speak_for(said.owner):
            raise Refused(401, "invalid authorization")
        relayed = self._checked(said, now_ns)
        self._relaying.take(relayed, now_ns)
        return json_answer({"transactionID": relayed.id, "state": relayed.state})

    def _checked(self, said: Signed, now_ns: int) -> Relayed:
        """A transaction that the chain would take as things are. Raises Refused."""
        kind: WalletKind = said.__struct_config__.tag  # type: ignore[assignment]
        wallet = self._wallet(said, _KINDS[kind])
        calls = calls_of(said)
        try:
            signer, nonce, deadline_s = said.signer(self._accounts.chain_id), int(said.nonce), said.deadline_s
        except ValueError:
            raise Refused(400, INVALID) from None
        if signer is None or signer.lower() != said.owner.lower():
            raise Refused(400, "invalid signature")
        if deadline_s is not None and deadline_s < now_ns // SECOND:
            raise Refused(400, "deadline expired")
        if self._relaying.under_way(wallet.address) is not None:
            raise Refused(400, "wallet busy: it has an active action")
        on_chain = self._relaying.nonce(wallet.address)
        if nonce != on_chain:
            raise Refused(400, f"batch nonce {nonce} does not match on-chain nonce {on_chain}")
        return Relayed(
            self._relaying.new_id(), kind, signer, wallet, said.to, said.data, calls, nonce, deadline_s,
            said.signature, said.metadata, now_ns, now_ns,
        )  # fmt: skip

    def _wallet(self, said: Signed, signature_type: int) -> Wallet:
        account = self._accounts.by_address(said.owner)
        wallet = account.wallets.get(signature_type) if account else None
        if wallet is None or wallet.address.lower() != said.wallet.lower():
            raise Refused(400, "the wallet is not the signer's")
        if not wallet.deployed:
            raise Refused(400, "wallet not deployed")
        return wallet


def _address(request: HttpRequest) -> str:
    address = request.asked("address")
    if not _ADDRESS.fullmatch(address):
        raise Refused(400, "invalid address")
    return address


def _kind(request: HttpRequest) -> int:
    kind = request.asked("type", "WALLET")
    if kind not in _KINDS:
        raise Refused(400, "invalid type")
    return _KINDS[kind]


def _shown(relayed: Relayed) -> dict[str, Any]:
    return {
        "transactionID": relayed.id,
        "transactionHash": relayed.transaction_hash,
        "from": relayed.owner,
        "to": relayed.to,
        "proxyAddress": relayed.wallet.address,
        "data": relayed.data,
        "nonce": str(relayed.nonce),
        "value": "",
        "signature": relayed.signature,
        "state": relayed.state,
        "type": relayed.kind,
        "owner": relayed.owner,
        "metadata": relayed.metadata,
        "errorMsg": relayed.error,
        "createdAt": iso_text(relayed.created_ns),
        "updatedAt": iso_text(relayed.updated_ns),
    }
