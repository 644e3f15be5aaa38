"""Who calls: proofs by signature (L1) and by API secret (L2), and the API keys that the one gives for the other.

Unverified: how far the venue lets a caller's clock run ahead or behind is not documented; half a minute is taken.
Unverified, too, is what the venue does with read-only keys beyond listing them.
"""

from typing import Any, Final

from sandbox.accounts import Accounts
from sandbox.log import Log
from sandbox.messages import Answer, HttpRequest
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import Table, json_answer
from sandbox.rest.trading_payload import decoded
from sandbox.signing.headers import Credentials, Proof, check_l1, check_l2
from sandbox.signing.keys import Refusal
from sandbox.trading.records import Account
from sandbox.units import SECOND

_NO_PROOF: Final = "Invalid L1 Request headers"
_NO_KEY: Final = "Unauthorized/Invalid api key"
_NOT_DROPPED: Final = "Could not delete api key"
_OK: Final = '"OK"'


class Caller:
    """An account that called, and the API key that it used."""

    __slots__ = ("account", "api_key")

    def __init__(self, account: Account, api_key: str) -> None:
        self.account = account
        self.api_key = api_key


class Auth:
    """Knows callers by their headers, and answers the calls about API keys.

    `tolerance_s` is how far a caller's timestamp may be from the exchange's clock; None takes any, as it must be where
    that clock does not run with everybody else's.
    """

    def __init__(self, accounts: Accounts, record: Log, *, tolerance_s: int | None = 30) -> None:
        self.tolerance_s = tolerance_s
        self._accounts = accounts
        self._log = record
        self._chain_id = accounts.chain_id
        self.routes: Table = {
            ("POST", "/auth/api-key"): self._create,
            ("GET", "/auth/derive-api-key"): self._derive,
            ("GET", "/auth/api-keys"): self._list,
            ("DELETE", "/auth/api-key"): self._drop,
            ("POST", "/auth/readonly-api-key"): self._create_readonly,
            ("GET", "/auth/readonly-api-keys"): self._list_readonly,
            ("DELETE", "/auth/readonly-api-key"): self._drop_readonly,
            ("GET", "/auth/ban-status/closed-only"): self._closed_only,
        }

    def proof(self, request: HttpRequest, now_ns: int) -> Proof:
        """The account that signed a request (L1). Raises Refused."""
        proof = check_l1(request.headers, self._chain_id)
        if isinstance(proof, Proof) and not self._timely(proof.timestamp_s, now_ns):
            proof = Refusal("the timestamp is too far off")
        if isinstance(proof, Refusal):
            raise self._refused(request, _NO_PROOF, proof, now_ns)
        return proof

    def caller(self, request: HttpRequest, now_ns: int) -> Caller:
        """The account whose API key signed a request (L2). Raises Refused."""
        headers = request.headers
        known = check_l2(headers, request.method, request.path, request.body, self._accounts.credentials)
        if isinstance(known, Credentials) and not self._timely(int(headers["poly_timestamp"]), now_ns):
            known = Refusal("the timestamp is too far off")
        if isinstance(known, Refusal):
            raise self._refused(request, _NO_KEY, known, now_ns)
        return Caller(self._accounts.known(known.address), known.api_key)

    def _timely(self, timestamp_s: int, now_ns: int) -> bool:
        return self.tolerance_s is None or abs(timestamp_s - now_ns // SECOND) <= self.tolerance_s

    def _refused(self, request: HttpRequest, message: str, why: Refusal, now_ns: int) -> Refused:
        address = request.headers.get("poly_address", "")
        self._log.write(now_ns, "unauthorized", path=request.path, address=address, reason=why.reason)
        return Refused(401, message)

    def _create(self, request: HttpRequest, now_ns: int) -> Answer:
        proof = self.proof(request, now_ns)
        made = self._accounts.make_key(self._accounts.known(proof.address), proof.nonce)
        if made is None:
            raise Refused(400, "Could not create api key")
        return _credentials(made)

    def _derive(self, request: HttpRequest, now_ns: int) -> Answer:
        proof = self.proof(request, now_ns)
        account = self._accounts.by_address(proof.address)
        known = account.keys.get(proof.nonce) if account else None
        if known is None:
            raise Refused(400, "Could not derive api key!")
        return _credentials(known)

    def _list(self, request: HttpRequest, now_ns: int) -> Answer:
        account = self.caller(request, now_ns).account
        return json_answer({"apiKeys": [one.api_key for one in account.keys.values()]})

    def _drop(self, request: HttpRequest, now_ns: int) -> Answer:
        caller = self.caller(request, now_ns)
        self._accounts.drop_key(caller.account, caller.api_key)
        return Answer(200, _OK)

    def _create_readonly(self, request: HttpRequest, now_ns: int) -> Answer:
        return json_answer({"apiKey": self._accounts.make_readonly_key(self.caller(request, now_ns).account)})

    def _list_readonly(self, request: HttpRequest, now_ns: int) -> Answer:
        return json_answer(self.caller(request, now_ns).account.readonly_keys)

    def _drop_readonly(self, request: HttpRequest, now_ns: int) -> Answer:
        account = self.caller(request, now_ns).account
        key = decoded(request.body, dict[str, Any], _NOT_DROPPED).get("key")
        if key not in account.readonly_keys:
            raise Refused(400, _NOT_DROPPED)
        account.readonly_keys.remove(key)
        return Answer(200, _OK)

    def _closed_only(self, request: HttpRequest, now_ns: int) -> Answer:
        return json_answer({"closed_only": self.caller(request, now_ns).account.closed_only})


def _credentials(known: Credentials) -> Answer:
    return json_answer({"apiKey": known.api_key, "secret": known.secret, "passphrase": known.passphrase})
