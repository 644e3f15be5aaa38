"""The venue's relayer, for one lane: it sends what the owner of a wallet has signed to the chain, and pays for it.

Why a transaction is also looked for in the list: the answer to a submission may be lost, and with it the id. Nonce and
metadata, which are ours, find it again.

Paths: polymarket-client 0.14.0 for nonce and submission, the venue's pages on the relayer for the two that show
transactions, read 2026-11-21.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import msgspec

from actors.runtime.clock import Clock
from actors.venues.gated_transport import AnswerLost, NotSent
from actors.venues.http_client import HttpClient
from actors.venues.polymarket.clob_session import ReadFailed, decoded, malformed, succeeded
from actors.venues.polymarket.contract_calls import CHAIN_ID
from actors.venues.polymarket.credentials import Credentials, builder_headers
from actors.venues.polymarket.orders import Account, SignatureType
from actors.venues.polymarket.outcomes import Heard, request_verdict
from actors.venues.polymarket.verdicts import Fate, Verdict
from actors.venues.polymarket.wallet_batches import KINDS
from actors.venues.secret import Secret

_NONCE: Final = "/v1/account/transactions/params"
_S: Final = 1_000_000_000

_STALE: Final = re.compile(r"nonce\s+(\d+)\s+does not match on-chain nonce\s+(\d+)", re.IGNORECASE)
_BUSY: Final = re.compile(r"wallet busy|in-flight action", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A relayer API key, which belongs to an address and is sent as it is."""

    key: Secret
    address: str


RelayerKey: TypeAlias = OwnKey | Credentials
"""A relayer API key, or the key, secret and passphrase of a builder, which sign."""


class Submitted(msgspec.Struct, frozen=True, gc=False):
    """What came of a submission. `on_chain` is the wallet's nonce where it was refused for another one."""

    verdict: Verdict
    transaction_id: str = ""
    busy: bool = False
    on_chain: int | None = None


class Transaction(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A transaction as the relayer shows it; `state` is its own word."""

    transaction_id: Annotated[str, msgspec.Meta(min_length=1)] = msgspec.field(name="transactionID")
    state: str
    nonce: str = ""
    metadata: str = ""
    proxy_address: str = ""
    error_msg: str | None = None


class _Nonce(msgspec.Struct):
    nonce: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,30}\Z")]


class _Taken(msgspec.Struct):
    transaction_id: Annotated[str, msgspec.Meta(min_length=1)] = msgspec.field(name="transactionID")


def merge_unavailable(account: Account, key: RelayerKey | None) -> str:
    """Say why pairs cannot be merged from here, nothing where they can."""
    if account.signature_type not in KINDS:
        own = account.signature_type is SignatureType.ACCOUNT
        return f"the relayer path does not serve {'an account of its own (type 0)' if own else 'proxies (type 1)'}"
    if account.chain_id != CHAIN_ID:
        return f"no contracts are known on chain {account.chain_id}"
    return "" if key is not None else "no key of the relayer is given (POLYMARKET_RELAYER_API_KEY)"


class RelayerClient:
    """The relayer as one account sees it. `within_s` is the whole time of each call."""

    def __init__(
        self, http: HttpClient, account: Account, key: RelayerKey, clock: Clock, *, within_s: float = 4.0
    ) -> None:
        self.within_s = within_s
        self.clock_offset_s = 0
        self._http = http
        self._account = account
        self._key = key
        self._clock = clock

    def now_s(self) -> int:
        """Seconds UTC by the venue's clock, as far as it is known."""
        return self._clock.now_ns() // _S + self.clock_offset_s

    def nonce(self) -> int:
        """Read how many transactions of the wallet the chain has taken: the next one's nonce. Raises ReadFailed."""
        query = {"address": self._account.key.address, "type": KINDS[self._account.signature_type]}
        return int(decoded("nonce", succeeded("nonce", self._hear("GET", _NONCE, query=query)), _Nonce).nonce)

    def submit(self, body: bytes) -> Submitted:
        """Hand a signed transaction over, once."""
        heard = self._hear("POST", "/submit", body=body)
        verdict = request_verdict(heard)
        if verdict.fate is Fate.DONE:
            try:
                return Submitted(verdict, decoded("submission", succeeded("submission", heard), _Taken).transaction_id)
            except ReadFailed as failed:
                return Submitted(failed.verdict)
        stale = _STALE.search(verdict.text)
        return Submitted(
            verdict, busy=_BUSY.search(verdict.text) is not None, on_chain=int(stale[2]) if stale else None
        )

    def transaction(self, transaction_id: str) -> Transaction:
        """Read one transaction. Raises ReadFailed, also where it is not known."""
        heard = self._hear("GET", "/transaction", query={"id": transaction_id})
        found = decoded("transaction", succeeded("transaction", heard), list[Transaction])
        if not found:
            raise malformed("transaction", f"{transaction_id} is not known")
        return found[0]

    def transactions(self) -> list[Transaction]:
        """Read the latest transactions of whom the key belongs to, newest first. Raises ReadFailed."""
        return decoded("transactions", succeeded("transactions", self._hear("GET", "/transactions")), list[Transaction])

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _hear(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Heard:
        headers = self._headers(method, path, body or b"")
        try:
            return self._http.exchange(method, path, within_s=self.within_s, query=query, headers=headers, body=body)
        except (NotSent, AnswerLost) as failure:
            return failure

    def _headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        if isinstance(self._key, OwnKey):
            return {"RELAYER_API_KEY": self._key.key.reveal(), "RELAYER_API_KEY_ADDRESS": self._key.address}
        return builder_headers(self._key, self.now_s(), method, path, body)
