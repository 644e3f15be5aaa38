"""Somebody who has a wallet and lets the relayer act for it: signs as the official client does."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.markets import Market
from sandbox.messages import HttpRequest
from sandbox.signing.abi import call_data
from sandbox.signing.contracts import (
    COLLATERAL,
    COLLATERAL_ADAPTER,
    DEPOSIT_WALLET_FACTORY,
    NEG_RISK_COLLATERAL_ADAPTER,
    PROXY_FACTORY,
    RELAY_HUB,
    ROUTER,
    SAFE_MULTISEND,
)
from sandbox.signing.headers import l2_signature
from sandbox.signing.relayed import (
    Call,
    ProxyTerms,
    SafeGas,
    batch_digest,
    personal,
    proxy_digest,
    safe_digest,
)
from sandbox.signing.typed_data import ZERO_ADDRESS
from sandbox.units import SECOND
from tests.sandbox.house import House, Trader

Ask = Callable[[str, str, bytes, dict[str, str], dict[str, str]], tuple[int, Any]]
"""Method, path, body, headers and query of a call of the relayer; gives status and decoded answer."""
KINDS = {1: "PROXY", 2: "SAFE", 3: "WALLET"}
POLYGON = 137
_SAFE_GAS = SafeGas(0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS)


class Holder:
    """A trader with what the relayer knows it by; how its calls get there is for `ask` to say."""

    def __init__(self, trader: Trader, ask: Ask) -> None:
        self.trader = trader
        self.kind = KINDS.get(trader.signature_type, "")
        self._ask = ask

    @property
    def wallet(self) -> Any:
        """Its wallet."""
        return self.trader.wallet

    def call(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        """Make a call with its relayer key."""
        return self._ask(method, path, raw_of(body), self.headers(), query)

    def headers(self) -> dict[str, str]:
        """Its relayer key."""
        account = self.trader.account
        assert account.relayer_key is not None
        return {"relayer_api_key": account.relayer_key, "relayer_api_key_address": account.address}

    def builder_headers(self, method: str, path: str, body: Any = None) -> dict[str, str]:
        """A signature of its builder key."""
        key, timestamp = self.trader.account.builder_key, str(self.trader.house.now_ns // SECOND)
        assert key is not None
        return {
            "poly_builder_api_key": key.api_key,
            "poly_builder_passphrase": key.passphrase,
            "poly_builder_timestamp": timestamp,
            "poly_builder_signature": l2_signature(key.secret, timestamp, method, path, raw_of(body)),
        }

    def anonymously(self, path: str, headers: dict[str, str] | None = None, **query: str) -> tuple[int, Any]:
        """Ask without a key, or with other headers."""
        return self._ask("GET", path, b"", headers or {}, query)

    def nonce(self) -> int:
        """The nonce that the relayer says."""
        status, said = self.anonymously("/nonce", address=self.trader.key.address, type=self.kind)
        assert status == 200
        return int(said["nonce"])

    def body(self, *calls: Call, nonce: int | None = None, lasts_s: int = 600, **changed: Any) -> dict[str, Any]:
        """What is submitted for some calls; what is `changed` is so after the signing."""
        nonce = self.nonce() if nonce is None else nonce
        made = {"WALLET": self._batch, "SAFE": self._safe, "PROXY": self._proxy}[self.kind](calls, nonce, lasts_s)
        common = {"type": self.kind, "from": self.trader.key.address, "nonce": str(nonce), "metadata": ""}
        return {**common, **made, **changed}

    def submit(self, *calls: Call, **changed: Any) -> tuple[int, Any]:
        """Submit calls."""
        return self.call("POST", "/submit", self.body(*calls, **changed))

    def taken(self, *calls: Call, **changed: Any) -> str:
        """Submit calls that are taken; says their transaction's id."""
        status, said = self.submit(*calls, **changed)
        assert (status, said["state"]) == (200, "STATE_NEW"), said
        return said["transactionID"]

    def shown(self, transaction: str) -> Any:
        """What the relayer says of a transaction."""
        status, said = self.call("GET", f"/v1/account/transactions/{transaction}")
        assert status == 200, said
        return said

    def _batch(self, calls: Sequence[Call], nonce: int, lasts_s: int) -> dict[str, Any]:
        deadline_s = self.trader.house.now_ns // SECOND + lasts_s
        digest = batch_digest(POLYGON, self.wallet.address, nonce, deadline_s, calls)
        said = [{"target": call.target, "value": str(call.value), "data": _hex(call.data)} for call in calls]
        return {
            "to": DEPOSIT_WALLET_FACTORY,
            "signature": _hex(self.trader.key.sign(digest)),
            "depositWalletParams": {
                "depositWallet": self.wallet.address,
                "deadline": str(deadline_s),
                "calls": said,
            },
        }

    def _safe(self, calls: Sequence[Call], nonce: int, lasts_s: int) -> dict[str, Any]:
        call, operation = calls[0], 0
        if len(calls) > 1:
            packed = b"".join(
                b"\0" + bytes.fromhex(one.target[2:]) + one.value.to_bytes(32) + len(one.data).to_bytes(32) + one.data
                for one in calls
            )
            call, operation = Call(SAFE_MULTISEND, 0, call_data("multiSend(bytes)", packed)), 1
        signed = self.trader.key.sign(
            personal(safe_digest(POLYGON, self.wallet.address, call, operation, _SAFE_GAS, nonce))
        )
        return {
            "to": call.target,
            "proxyWallet": self.wallet.address,
            "data": _hex(call.data),
            "signature": _hex(signed[:-1] + bytes((signed[-1] + 4,))),
            "signatureParams": {
                "operation": str(operation),
                "safeTxnGas": "0",
                "baseGas": "0",
                "gasPrice": "0",
                "gasToken": ZERO_ADDRESS,
                "refundReceiver": ZERO_ADDRESS,
            },
        }

    def _proxy(self, calls: Sequence[Call], nonce: int, lasts_s: int) -> dict[str, Any]:
        listed = tuple((1, call.target, call.value, call.data) for call in calls)
        data = call_data("proxy((uint8,address,uint256,bytes)[])", listed)
        relay = "0x" + "22" * 20
        digest = proxy_digest(
            self.trader.key.address, PROXY_FACTORY, data, ProxyTerms(0, 0, 200_000, RELAY_HUB, relay), nonce
        )
        return {
            "to": PROXY_FACTORY,
            "proxyWallet": self.wallet.address,
            "data": _hex(data),
            "signature": _hex(self.trader.key.sign(personal(digest))),
            "signatureParams": {
                "gasLimit": "200000",
                "gasPrice": "0",
                "relay": relay,
                "relayHub": RELAY_HUB,
                "relayerFee": "0",
            },
        }


def holder_in(house: House, name: str = "holder", signature_type: int = 3, **more: Any) -> Holder:
    """A new holder who calls the relayer of a house."""

    def ask(method: str, path: str, body: bytes, headers: dict[str, str], query: dict[str, str]) -> tuple[int, Any]:
        listed = {key: [value] for key, value in query.items()}
        request = HttpRequest("relayer", method, path, listed, body, headers=headers)
        answer = house.relayer.answer(request, house.now_ns)
        assert answer is not None
        return answer.status, json.loads(answer.body)

    return Holder(house.trader(name, signature_type, **more), ask)


def split(market: Market, amount: int) -> Call:
    """So many micro-dollars become as many of both tokens."""
    return _pair(market, "split", "splitPosition", amount)


def merge(market: Market, amount: int) -> Call:
    """So many of both tokens become as many micro-dollars."""
    return _pair(market, "merge", "mergePositions", amount)


def redeem(market: Market, sizes: tuple[int, int] = (0, 0)) -> tuple[Call, ...]:
    """All tokens of a resolved market become what they pay; of the newer protocol so many of each outcome."""
    condition = bytes.fromhex(market.condition_id[2:])
    if market.version == "v2":
        signature = "redeem(bytes31,uint256,uint256)"
        return tuple(
            Call(ROUTER, 0, call_data(signature, condition[:31], outcome, size)) for outcome, size in enumerate(sizes)
        )
    signature = "redeemPositions(address,bytes32,bytes32,uint256[])"
    return (Call(adapter_of(market), 0, call_data(signature, COLLATERAL, bytes(32), condition, (1, 2))),)


def adapter_of(market: Market) -> str:
    """The contract that turns a market's dollars into tokens and back."""
    if market.version == "v2":
        return ROUTER
    return NEG_RISK_COLLATERAL_ADAPTER if market.event.neg_risk else COLLATERAL_ADAPTER


def _pair(market: Market, newer: str, older: str, amount: int) -> Call:
    condition = bytes.fromhex(market.condition_id[2:])
    if market.version == "v2":
        return Call(ROUTER, 0, call_data(f"{newer}(bytes31,uint256)", condition[:31], amount))
    signature = f"{older}(address,bytes32,bytes32,uint256[],uint256)"
    return Call(adapter_of(market), 0, call_data(signature, COLLATERAL, bytes(32), condition, (1, 2), amount))


def raw_of(body: Any) -> bytes:
    """A body as it is sent."""
    return b"" if body is None else json.dumps(body, separators=(",", ":")).encode()


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
