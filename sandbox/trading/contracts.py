"""What the calls of a transaction do: split, merge, redeem and approve, or revert as a whole.

Why a rehearsal: a transaction happens as a whole or not at all, but the ledger writes each movement down for good. So
all calls are first done to a copy of the wallet, whose ledger nobody reads; only when they all went through there are
they done. What no contract here knows reverts, as the chain would do with it.

A contract moves what a wallet lets it: collateral up to its allowance, tokens if it is an approved operator. Unlike at
the chain an operator is approved for the tokens of both protocols: none but the auto-redeemer deals with both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sandbox.log import Log
from sandbox.markets import Catalogue, Market
from sandbox.signing.abi import decode, kinds_of, selector
from sandbox.signing.contracts import (
    COLLATERAL,
    COLLATERAL_ADAPTER,
    CONDITIONAL_TOKENS,
    NEG_RISK_COLLATERAL_ADAPTER,
    POSITION_MANAGER,
    ROUTER,
)
from sandbox.signing.relayed import Call
from sandbox.trading.ledger import Ledger, LedgerError
from sandbox.trading.records import Wallet

_ADAPTERS: Final = (COLLATERAL_ADAPTER, NEG_RISK_COLLATERAL_ADAPTER)
_TOKENS: Final = (CONDITIONAL_TOKENS, POSITION_MANAGER)
_PAIR: Final = (1, 2)
"""The index sets of the two outcomes."""


class Reverted(Exception):
    """A transaction that the chain refused, and so did nothing; says why."""


@dataclass(frozen=True, slots=True)
class _Message:
    """Who calls what, when, and on which ledger."""

    ledger: Ledger
    wallet: Wallet
    contract: str
    now_ns: int


class Contracts:
    """The contracts of a chain, as far as wallets need them."""

    def __init__(self, ledger: Ledger, catalogue: Catalogue) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        functions: tuple[tuple[tuple[str, ...], str, Callable[..., None]], ...] = (
            ((COLLATERAL,), "approve(address,uint256)", self._approve),
            (_TOKENS, "setApprovalForAll(address,bool)", self._set_approval),
            (_ADAPTERS, "splitPosition(address,bytes32,bytes32,uint256[],uint256)", self._adapter_split),
            (_ADAPTERS, "mergePositions(address,bytes32,bytes32,uint256[],uint256)", self._adapter_merge),
            (_ADAPTERS, "redeemPositions(address,bytes32,bytes32,uint256[])", self._adapter_redeem),
            ((ROUTER,), "split(bytes31,uint256)", self._router_split),
            ((ROUTER,), "merge(bytes31,uint256)", self._router_merge),
            ((ROUTER,), "redeem(bytes31,uint256,uint256)", self._router_redeem),
        )
        self._functions = {
            (contract, selector(signature)): (kinds_of(signature), function)
            for contracts, signature, function in functions
            for contract in contracts
        }

    def execute(self, wallet: Wallet, calls: Sequence[Call], now_ns: int) -> None:
        """Do all calls of a wallet's transaction. Raises Reverted, and then nothing has happened."""
        self.rehearse(wallet, calls)
        for call in calls:
            self._call(self._ledger, wallet, call, now_ns)

    def rehearse(self, wallet: Wallet, calls: Sequence[Call]) -> None:
        """Find out whether a wallet's transaction would go through now. Raises Reverted."""
        double = replace(
            wallet,
            tokens=dict(wallet.tokens),
            allowances=dict(wallet.allowances),
            approvals=set(wallet.approvals),
        )
        ledger = Ledger(Log())
        for call in calls:
            self._call(ledger, double, call, 0)

    def _call(self, ledger: Ledger, wallet: Wallet, call: Call, now_ns: int) -> None:
        if call.value:
            raise Reverted("the wallet holds no POL to send along")
        known = self._functions.get((call.target, call.data[:4]))
        if known is None:
            raise Reverted(f"{call.target} has no function 0x{call.data[:4].hex()}")
        kinds, function = known
        try:
            function(_Message(ledger, wallet, call.target, now_ns), *decode(kinds, call.data[4:]))
        except (LedgerError, ValueError) as error:
            raise Reverted(str(error)) from None

    def _approve(self, message: _Message, spender: str, amount: int) -> None:
        message.ledger.allow(message.wallet, spender, amount, message.now_ns)

    def _set_approval(self, message: _Message, operator: str, approved: bool) -> None:
        message.ledger.permit(message.wallet, operator, approved, message.now_ns)

    def _adapter_split(
        self, message: _Message, collateral: str, parent: bytes, condition: bytes, sets: tuple[int, ...], amount: int
    ) -> None:
        self._split(message, self._adapted(message, collateral, parent, condition, sets), amount)

    def _adapter_merge(
        self, message: _Message, collateral: str, parent: bytes, condition: bytes, sets: tuple[int, ...], amount: int
    ) -> None:
        self._merge(message, self._adapted(message, collateral, parent, condition, sets), amount)

    def _adapter_redeem(
        self, message: _Message, collateral: str, parent: bytes, condition: bytes, sets: tuple[int, ...]
    ) -> None:
        self._redeem(message, self._adapted(message, collateral, parent, condition, sets), None)

    def _router_split(self, message: _Message, condition: bytes, amount: int) -> None:
        self._split(message, self._routed(condition), amount)

    def _router_merge(self, message: _Message, condition: bytes, amount: int) -> None:
        self._merge(message, self._routed(condition), amount)

    def _router_redeem(self, message: _Message, condition: bytes, outcome: int, amount: int) -> None:
        if outcome not in (0, 1):
            raise Reverted("the outcome is neither 0 nor 1")
        self._redeem(message, self._routed(condition), (amount, 0) if outcome == 0 else (0, amount))

    def _adapted(
        self, message: _Message, collateral: str, parent: bytes, condition: bytes, sets: tuple[int, ...]
    ) -> Market:
        if collateral != COLLATERAL or any(parent) or sets != _PAIR:
            raise Reverted("no pair of outcomes directly under the collateral")
        market = self._catalogue.by_condition.get("0x" + condition.hex())
        neg_risk = message.contract == NEG_RISK_COLLATERAL_ADAPTER
        if market is None or market.version != "v1" or market.event.neg_risk != neg_risk:
            raise Reverted(f"condition 0x{condition.hex()} is none of {message.contract}")
        return market

    def _routed(self, condition: bytes) -> Market:
        market = self._catalogue.by_condition.get(f"0x{condition.hex()}00")
        if market is None or market.version != "v2":
            raise Reverted(f"condition 0x{condition.hex()} is none of the router")
        return market

    def _split(self, message: _Message, market: Market, amount: int) -> None:
        if not message.wallet.permits(message.contract, "BUY", amount):
            raise Reverted("ERC20: insufficient allowance")
        message.ledger.split(message.wallet, market, amount, message.now_ns)
        message.wallet.use_allowance(message.contract, amount)

    def _merge(self, message: _Message, market: Market, amount: int) -> None:
        self._operates(message)
        message.ledger.merge(message.wallet, market, amount, message.now_ns)

    def _redeem(self, message: _Message, market: Market, sizes: tuple[int, int] | None) -> None:
        self._operates(message)
        if market.payouts is None:
            raise Reverted("the condition is not resolved")
        message.ledger.redeem(message.wallet, market, market.payouts, message.now_ns, sizes)

    def _operates(self, message: _Message) -> None:
        if not message.wallet.permits(message.contract, "SELL", 0):
            raise Reverted("ERC1155: need operator approval for all")
