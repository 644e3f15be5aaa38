"""A node of the chain, as far as the official client asks one: JSON-RPC, alone and in batches.

It shows what wallets hold and allow, and takes what accounts sign and send themselves. Its newest block is as old as
the exchange's second. The texts of its errors are those of the nodes of the chain, as far as they are known.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from sandbox import wire
from sandbox.accounts import Accounts
from sandbox.messages import Answer, HttpRequest
from sandbox.rest.routes import Table
from sandbox.signing.abi import decode, encode, kinds_of, selector
from sandbox.signing.contracts import (
    COLLATERAL,
    CONDITIONAL_TOKENS,
    NEG_RISK_ADAPTER,
    POSITION_MANAGER,
)
from sandbox.signing.keys import bytes_of, checksum_address
from sandbox.signing.raw import read_raw
from sandbox.signing.relayed import Call
from sandbox.trading.contracts import Contracts, Reverted
from sandbox.trading.mempool import GAS, GAS_PRICE, Mempool, NotTaken
from sandbox.trading.records import Wallet
from sandbox.units import SECOND

_TOKENS: Final = (CONDITIONAL_TOKENS, NEG_RISK_ADAPTER, POSITION_MANAGER)
_BLOCK_S: Final = 2


class _RpcError(Exception):
    """An error as JSON-RPC numbers them."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Rpc:
    """Answers `POST` of one request or of several."""

    def __init__(self, accounts: Accounts, contracts: Contracts, mempool: Mempool) -> None:
        self._accounts = accounts
        self._contracts = contracts
        self._mempool = mempool
        self._views = _views(self)
        self._methods: dict[str, Callable[[list[Any], int], Any]] = {
            "eth_chainId": lambda params, now_ns: hex(accounts.chain_id),
            "eth_blockNumber": lambda params, now_ns: hex(_block(now_ns)),
            "eth_getBlockByNumber": lambda params, now_ns: {
                "number": hex(_block(now_ns)),
                "timestamp": hex(now_ns // SECOND),
            },
            "eth_call": self._call,
            "eth_gasPrice": lambda params, now_ns: hex(GAS_PRICE),
            "eth_getTransactionCount": self._count,
            "eth_estimateGas": self._estimate,
            "eth_sendRawTransaction": self._send,
            "eth_getTransactionReceipt": self._receipt,
        }
        self.routes: Table = {("POST", "/"): self._answer}

    def allowance(self, owner: str, spender: str) -> int:
        """How many micro-dollars a contract may move."""
        return self._wallet(owner).allowances.get(spender, 0)

    def cash(self, owner: str) -> int:
        """How many micro-dollars a wallet holds."""
        return self._wallet(owner).cash

    def tokens(self, owner: str, token_id: int) -> int:
        """How many micro-shares of a token a wallet holds."""
        return self._wallet(owner).tokens.get(str(token_id), 0)

    def tokens_of_several(self, owners: tuple[str, ...], token_ids: tuple[int, ...]) -> tuple[int, ...]:
        """The same, pair by pair. Raises ValueError where those are not as many."""
        return tuple(self.tokens(owner, token_id) for owner, token_id in zip(owners, token_ids, strict=True))

    def is_approved(self, owner: str, operator: str) -> bool:
        """Whether a contract may move a wallet's tokens."""
        return operator in self._wallet(owner).approvals

    def _wallet(self, address: str) -> Wallet:
        return self._accounts.ledger.wallets.get(address.lower()) or Wallet(address)

    def _answer(self, request: HttpRequest, now_ns: int) -> Answer:
        try:
            shape: Any = dict[str, Any] | list[dict[str, Any]]
            said = wire.decode(request.body, shape)
        except msgspec.DecodeError:
            return Answer(200, wire.encode(_failed(None, -32_700, "parse error")))
        if isinstance(said, list):
            return Answer(200, wire.encode([self._one(one, now_ns) for one in said]))
        return Answer(200, wire.encode(self._one(said, now_ns)))

    def _one(self, said: dict[str, Any], now_ns: int) -> dict[str, Any]:
        method, params = self._methods.get(str(said.get("method"))), said.get("params", [])
        if method is None or not isinstance(params, list):
            return _failed(said.get("id"), -32_601, f"the method {said.get('method')} does not exist")
        try:
            return {"jsonrpc": "2.0", "id": said.get("id"), "result": method(params, now_ns)}
        except _RpcError as error:
            return _failed(said.get("id"), error.code, str(error))

    def _call(self, params: list[Any], now_ns: int) -> str:
        target, data = _called(params)
        shown = self._views.get((target, data[:4]))
        if shown is None:
            raise _RpcError(3, "execution reverted")
        kinds, gives, view = shown
        try:
            return "0x" + encode((gives,), (view(*decode(kinds, data[4:])),)).hex()
        except ValueError as error:
            raise _RpcError(3, f"execution reverted: {error}") from None

    def _count(self, params: list[Any], now_ns: int) -> str:
        return hex(self._mempool.nonce(_text(params, 0), pending=_text(params, 1) == "pending"))

    def _estimate(self, params: list[Any], now_ns: int) -> str:
        target, data = _called(params)
        try:
            self._contracts.rehearse(self._own(str(params[0].get("from"))), (Call(target, 0, data),))
        except Reverted as reverted:
            raise _RpcError(3, f"execution reverted: {reverted}") from None
        return hex(GAS)

    def _send(self, params: list[Any], now_ns: int) -> str:
        text = _text(params, 0)
        try:
            transaction = read_raw(bytes_of(text, len(text) // 2 - 1), self._accounts.chain_id)
            self._mempool.take(transaction, self._own(transaction.sender), now_ns)
        except (ValueError, NotTaken) as error:
            raise _RpcError(-32_000, str(error)) from None
        return transaction.hash

    def _receipt(self, params: list[Any], now_ns: int) -> dict[str, Any] | None:
        sent = self._mempool.sent.get(_text(params, 0))
        if sent is None or sent.state == "pending":
            return None
        return {
            "transactionHash": sent.transaction.hash,
            "status": hex(sent.state == "mined"),
            "from": sent.transaction.sender,
            "to": sent.transaction.call.target,
            "blockNumber": hex(_block(sent.mined_ns)),
            "gasUsed": hex(GAS),
            "effectiveGasPrice": hex(sent.transaction.gas_price),
            "logs": [],
        }

    def _own(self, address: str) -> Wallet:
        """The wallet of an account that trades from its own address. Raises _RpcError."""
        account = self._accounts.by_address(address)
        wallet = account.wallets.get(0) if account else None
        if wallet is None:
            raise _RpcError(-32_000, "insufficient funds for gas * price + value")
        return wallet


def _called(params: list[Any]) -> tuple[str, bytes]:
    """Target and data of a call that is described. Raises _RpcError."""
    said: Any = params[0] if params and isinstance(params[0], Mapping) else {}
    try:
        data = str(said.get("data", "0x"))
        return checksum_address(bytes_of(str(said.get("to", "")), 20)), bytes_of(data, len(data) // 2 - 1)
    except ValueError as error:
        raise _RpcError(-32_602, f"invalid argument 0: {error}") from None


def _views(rpc: Rpc) -> dict[tuple[str, bytes], tuple[tuple[str, ...], str, Callable[..., Any]]]:
    """Which contract shows what: arguments, result, and how it is found out."""
    rows: tuple[tuple[tuple[str, ...], str, str, Callable[..., Any]], ...] = (
        ((COLLATERAL,), "allowance(address,address)", "uint256", rpc.allowance),
        ((COLLATERAL,), "balanceOf(address)", "uint256", rpc.cash),
        (_TOKENS, "balanceOf(address,uint256)", "uint256", rpc.tokens),
        (_TOKENS, "balanceOfBatch(address[],uint256[])", "uint256[]", rpc.tokens_of_several),
        (_TOKENS, "isApprovedForAll(address,address)", "bool", rpc.is_approved),
    )
    return {
        (contract, selector(signature)): (kinds_of(signature), gives, view)
        for contracts, signature, gives, view in rows
        for contract in contracts
    }


def _text(params: list[Any], index: int) -> str:
    return str(params[index]) if index < len(params) else ""


def _block(now_ns: int) -> int:
    return now_ns // SECOND // _BLOCK_S


def _failed(number: Any, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}
