"""What has to be true before an engine may trade money: each cause on its own, with what to do about it.

Nothing here places or cancels an order. The library comes first, for without it there is no live mode at all; then what
is true without the venue; then what it says of itself, of us, and of our wallet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec

from actors.live import LiveVenue
from actors.runtime.clock import Clock
from actors.venues.gated_transport import AnswerLost, NotSent
from actors.venues.http_client import HttpClient
from actors.venues.polymarket.clob_answers import Balance
from actors.venues.polymarket.clob_client import ClobClient
from actors.venues.polymarket.clob_session import ClobSession, ReadFailed
from actors.venues.polymarket.credentials import Credentials
from actors.venues.polymarket.keys import InvalidKey
from actors.venues.polymarket.orders import Account, SignatureType, SigningRefused
from actors.venues.polymarket.relayer import OwnKey, RelayerClient, merge_unavailable
from actors.venues.polymarket.signing import generation_of, prove_against_library
from actors.venues.polymarket.typed_data import EXCHANGES
from actors.venues.polymarket.verdicts import ADVICE, Cause, Fate
from bin.catalogue import Endpoints
from bin.secrets import Secrets
from config.run import AccountParameters
from models.units import format_money

Value = TypeVar("Value")

_WITHIN_S: Final = 5.0
_NOT_BELIEVED_S: Final = (0.2, 0.8)
"""Who is not believed asks again after this, and then after this; the third answer counts."""
_OK: Final = 200
_WALLETS: Final[Mapping[SignatureType, tuple[str, str]]] = MappingProxyType(
    {
        SignatureType.PROXY: ("PROXY", "a proxy wallet"),
        SignatureType.SAFE: ("SAFE", "a safe"),
        SignatureType.DEPOSIT_WALLET: ("WALLET", "a deposit wallet"),
    }
)
"""How the relayer calls the wallets of each signature type, and how people do."""


class NotAdmitted(Exception):
    """Live may not start. `code` is the command line's, `fix` what a person does."""

    def __init__(self, cause: str, fix: str, *, code: str = "configuration", retryable: bool = False) -> None:
        super().__init__(cause)
        self.fix = fix
        self.code = code
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class Region:
    """Where the venue sees us."""

    blocked: bool
    country: str
    region: str


class _Geoblock(msgspec.Struct):
    blocked: bool
    country: str = "?"
    region: str = ""


class _Tier(msgspec.Struct):
    tier: str


class _Deployed(msgspec.Struct):
    deployed: bool


def account_of(parameters: AccountParameters, secrets: Secrets) -> Account:
    """Return the account that the configuration names. Raises NotAdmitted."""
    try:
        kind, key = SignatureType(parameters.signature_type), secrets.key
        return Account(key, parameters.chain_id, kind, parameters.funder or key.address)
    except (SigningRefused, InvalidKey) as error:
        cause, _, fix = str(error).partition(": ")
        raise NotAdmitted(cause, fix or "correct the section `account` of the configuration") from None


class Admission:
    """Asks a venue whether an account may trade there; every check raises NotAdmitted."""

    def __init__(
        self, endpoints: Endpoints, account: Account, secrets: Secrets | None, clock: Clock, skew_max_ms: int
    ) -> None:
        credentials = None if secrets is None else secrets.credentials
        self._endpoints = endpoints
        self._account = account
        self._given = credentials is not None
        self._relayer_key = None if secrets is None else secrets.relayer
        self._clock = clock
        self._skew_max_ms = skew_max_ms
        session = ClobSession(HttpClient(endpoints.clob_url), account, clock, credentials, within_s=_WITHIN_S)
        self.client = ClobClient(session)

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def admit(self) -> LiveVenue:
        """Check everything, make or derive the API key where none was given, and return the venue."""
        self.library()
        self.region()
        version = self.version()
        self.skew_s()
        credentials = self.credentials()
        self.wallet()
        self.standing()
        self.collateral(version)
        offset_s = self.client.session.clock_offset_s
        endpoints = self._endpoints
        return LiveVenue(
            endpoints.clob_url, endpoints.user_ws_url, self._account, credentials, version, offset_s,
            endpoints.relayer_url, self._relayer_key,
        )  # fmt: skip

    def library(self) -> None:
        """Hold our signatures against the official library's. Raises LibraryMissing where it is not installed."""
        try:
            prove_against_library(self._account)
        except SigningRefused as error:
            raise NotAdmitted(
                str(error), "install the version of the official library that this one was built with"
            ) from None

    def region(self) -> Region:
        """Ask whether one may trade from here."""
        found = _read(self._endpoints.site_url, "/api/geoblock", {}, _Geoblock)
        if found.blocked:
            raise NotAdmitted(
                f"the venue does not take orders from here (country {found.country}, region {found.region or '-'})",
                "run where the venue may be traded on; getting around the block is not supported",
                code="refused",
            )
        return Region(found.blocked, found.country, found.region)

    def version(self) -> int:
        """Ask which generation of orders the venue takes."""
        version = self._said("the protocol's generation", self.client.version)
        try:
            generation_of("v1", version)
        except SigningRefused as error:
            raise NotAdmitted(str(error), "use a version of this program that knows it") from None
        return version

    def skew_s(self) -> int:
        """Compare the clocks, and sign by the venue's; returns by how many seconds it is ahead."""
        ahead_s = self._said("the venue's clock", self.client.learn_time)
        if self._skew_max_ms and abs(ahead_s) * 1_000 > self._skew_max_ms:
            raise NotAdmitted(
                f"our clock is {abs(ahead_s)} s {'behind' if ahead_s > 0 else 'ahead of'} the venue's",
                "set it by NTP (timedatectl set-ntp true); account.clock_skew_max_ms is what is allowed",
            )
        return ahead_s

    def credentials(self) -> Credentials:
        """Prove the API key that was given, or make one, or derive it."""
        session = self.client.session
        if session.credentials is None:
            self._said("the API key", self.client.create_or_derive_key)
        assert session.credentials is not None
        if session.credentials.api_key not in self._said("the API keys", self.client.api_keys):
            raise NotAdmitted(
                f"the API key does not belong to the account {self._account.key.address}",
                "give the private key that made it, or leave the API key out to have it made",
            )
        return session.credentials

    def existing_credentials(self) -> Credentials:
        """Prove the API key that was given, or derive the one that there is; none is made."""
        if self.client.session.credentials is None:
            self._said("the API key", self.client.derive_key)
        return self.credentials()

    def rate_tier(self) -> str:
        """Ask for the tier of the account's rate limits."""
        return self._said("the rate tier", lambda: self.client.session.read("/v1/user/rate-limit-tier", _Tier)).tier

    def wallet(self) -> None:
        """Ask whether the wallet that holds the money stands on chain, and is what the signature type says."""
        kind, maker = self._account.signature_type, self._account.maker
        if kind is SignatureType.ACCOUNT or self._deployed(kind):
            return
        for other in _WALLETS:
            if other is not kind and self._deployed(other):
                raise NotAdmitted(
                    f"signature type {kind:d} is {_WALLETS[kind][1]}, but {maker} is {_WALLETS[other][1]}",
                    f"set account.signature_type (SIGNATURE_TYPE) to {other:d}",
                )
        raise NotAdmitted(
            f"the wallet {maker} does not stand on chain as {_WALLETS[kind][1]}: it is not deployed, or not the wallet",
            "make one small trade on the venue's site to deploy it, or correct account.funder",
        )

    def standing(self) -> None:
        """Ask whether the account may open positions."""
        if self._said("the account's standing", self.client.closed_only):
            raise NotAdmitted("the account may only close positions", ADVICE[Cause.CLOSED_ONLY], code="refused")

    def collateral(self, version: int) -> Balance:
        """Read the dollars of the wallet and what the exchanges may take of them."""

        def read() -> Balance:
            self.client.refresh_balance()
            return self.client.balance()

        found = self._said("the balance", read)
        missing = self.missing_allowances(found, version)
        if missing:
            raise NotAdmitted(
                f"the wallet {self._account.maker} allows the exchange {missing[0]} to take nothing "
                f"(it holds ${format_money(found.amount)})",
                "approve the exchange on the venue's site, and check the signature type and the funder",
            )
        return found

    def merge_path(self) -> str:
        """Ask the relayer for the nonce of the wallet, and say in words how pairs are merged."""
        key, account = self._relayer_key, self._account
        unavailable = merge_unavailable(account, key)
        if unavailable or key is None:
            raise NotAdmitted(f"merge unavailable: {unavailable}", "full markets stay so until they resolve")
        relayer = RelayerClient(HttpClient(self._endpoints.relayer_url), account, key, self._clock)
        relayer.clock_offset_s = self.client.session.clock_offset_s
        try:
            nonce = relayer.nonce()
        except ReadFailed as failed:
            raise NotAdmitted(f"the relayer: {failed}", "give a key that it knows, of this account") from None
        finally:
            relayer.close()
        return f"relayer, by {'an own' if isinstance(key, OwnKey) else 'a builder'} key, next nonce {nonce}"

    def missing_allowances(self, found: Balance, version: int) -> tuple[str, ...]:
        """Return the exchanges of a generation that may take no dollars."""
        allowed = {spender.lower() for spender, most in found.allowances.items() if most > 0}
        return tuple(one for one in EXCHANGES[self._account.chain_id, version] if one.lower() not in allowed)

    def _deployed(self, kind: SignatureType) -> bool:
        query = {"address": self._account.maker, "type": _WALLETS[kind][0]}
        return _read(self._endpoints.relayer_url, "/deployed", query, _Deployed).deployed

    def _said(self, what: str, read: Callable[[], Value]) -> Value:
        try:
            return read_again(read)
        except ReadFailed as failed:
            raise self._why(what, failed) from None
        except SigningRefused as error:
            raise NotAdmitted(f"{what}: {error}", "see `keel doctor` and the log of the signer") from None

    def _why(self, what: str, failed: ReadFailed) -> NotAdmitted:
        verdict = failed.verdict
        text = verdict.text or verdict.cause.value
        if verdict.cause is Cause.UNAUTHORISED:
            return NotAdmitted(
                f"the venue does not take our word for the account {self._account.key.address}: {text}",
                "the API key, secret or passphrase is not this account's: leave all three out to have them made"
                if self._given
                else f"the account signs for chain {self._account.chain_id}: correct account.chain_id (CHAIN_ID)",
            )
        if verdict.cause in ADVICE:
            blocked = verdict.cause in (Cause.BLOCKED, Cause.BANNED, Cause.CLOSED_ONLY)
            return NotAdmitted(f"{what}: {text}", ADVICE[verdict.cause], code="refused" if blocked else "configuration")
        down = verdict.fate is not Fate.REFUSED
        return NotAdmitted(
            f"{what} cannot be read: {text}", "try again, or see `keel doctor`", code="failure", retryable=down
        )


def read_again(read: Callable[[], Value]) -> Value:
    """Read; who is not believed asks again. A venue says so now and then of whom it knows, and takes the next call.

    Raises what `read` raised last.
    """
    for wait_s in _NOT_BELIEVED_S:
        try:
            return read()
        except ReadFailed as failed:
            if failed.verdict.cause is not Cause.UNAUTHORISED:
                raise
        Event().wait(wait_s)
    return read()


def _read(url: str, path: str, query: Mapping[str, str], kind: type[Value]) -> Value:
    """Read what anybody may from a service beside the CLOB. Raises NotAdmitted where it does not say it."""
    client = HttpClient(url)
    try:
        answer = client.exchange("GET", path, within_s=_WITHIN_S, query=query)
        if answer.status != _OK:
            raise NotAdmitted(
                f"{url}{path} answered {answer.status}", "try again later", code="failure", retryable=True
            )
        return msgspec.json.decode(answer.body, type=kind)
    except (NotSent, AnswerLost, msgspec.DecodeError, RecursionError) as error:
        raise NotAdmitted(
            f"{url}{path} cannot be read: {error}", "see `keel doctor`", code="failure", retryable=True
        ) from None
    finally:
        client.close()
