"""Who asks the relayer: the headers of a relayer key, or those that a builder key signs.

A relayer key is its account's own and is sent as it is; a builder key signs method, path and body as the CLOB's keys
do, and may bring transactions of anybody. Unverified: that the transactions of others are not shown or taken with a
relayer key.
"""

from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from sandbox.accounts import Accounts
from sandbox.log import Log
from sandbox.messages import HttpRequest
from sandbox.rest.refusals import Refused
from sandbox.signing.headers import l2_signature
from sandbox.units import SECOND

_REFUSED: Final = "invalid authorization"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a key belongs to; `own` is the only account that it may speak for, empty for a builder's."""

    address: str
    own: str

    def may_speak_for(self, owner: str) -> bool:
        """Whether it may bring, and see, an owner's transactions."""
        return not self.own or self.own.lower() == owner.lower()


class RelayerKeys:
    """Knows callers by their headers; `tolerance_s` is as with the CLOB's keys."""

    def __init__(self, accounts: Accounts, record: Log, *, tolerance_s: int | None = 30) -> None:
        self.tolerance_s = tolerance_s
        self._accounts = accounts
        self._log = record

    def caller(self, request: HttpRequest, now_ns: int) -> Caller:
        """The caller. Raises Refused."""
        headers = request.headers
        found = self._by_key(request) if "relayer_api_key" in headers else self._by_signature(request, now_ns)
        if isinstance(found, Caller):
            return found
        self._log.write(now_ns, "unauthorized", path=request.path, address=named(request), reason=found)
        raise Refused(401, _REFUSED)

    def _by_key(self, request: HttpRequest) -> Caller | str:
        account = self._accounts.by_relayer_key(request.headers["relayer_api_key"])
        if account is None:
            return "the relayer key is unknown"
        if named(request).lower() != account.address.lower():
            return "the relayer key is another account's"
        return Caller(account.address, account.address)

    def _by_signature(self, request: HttpRequest, now_ns: int) -> Caller | str:
        headers = request.headers
        known = self._accounts.builder_key(headers.get("poly_builder_api_key", ""))
        if known is None:
            return "the builder key is unknown"
        if not _same(headers.get("poly_builder_passphrase", ""), known.passphrase):
            return "the passphrase is wrong"
        timestamp = headers.get("poly_builder_timestamp", "")
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
            return "malformed: timestamp"
        signature = l2_signature(known.secret, timestamp, request.method, request.path, request.body)
        if not _same(headers.get("poly_builder_signature", ""), signature):
            return "signed with another secret, or another method, path, time or body"
        if self.tolerance_s is not None and abs(int(timestamp) - now_ns // SECOND) > self.tolerance_s:
            return "the timestamp is too far off"
        return Caller(known.address, "")


def named(request: HttpRequest) -> str:
    """The account that a caller says to be, for the log too."""
    return request.headers.get("relayer_api_key_address", "")


def _same(given: str, expected: str) -> bool:
    return compare_digest(given.encode(errors="replace"), expected.encode())
