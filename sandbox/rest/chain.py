"""The control service's view of the chain: what wallets hold, and what their owners do there without the venue.

Why it is not told to the venue's copy of the balances: the venue does not hear of the chain either. It looks again when
`/balance-allowance/update` is called, or when a trade settles. Amounts are decimal text of dollars or shares; figures
that are shown count micro-dollars and micro-shares.
"""

from collections.abc import Callable
from typing import Any, Final

from sandbox.accounts import Accounts
from sandbox.limits import SignerBuckets
from sandbox.log import Log
from sandbox.markets import Catalogue, Market
from sandbox.messages import Answer, HttpRequest
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import Table, json_answer
from sandbox.rest.trading_payload import decoded
from sandbox.trading.engine import Engine
from sandbox.trading.ledger import LedgerError
from sandbox.trading.records import UNLIMITED, Account, Wallet
from sandbox.units import parse_decimal

_LINES_MAX: Final = 100_000
"""Lines of the log in one answer."""
_MICRO_DIGITS: Final = 6


class Chain:
    """Answers `POST /chain`, `GET /accounts` and `GET /log` of the control service."""

    def __init__(
        self, accounts: Accounts, catalogue: Catalogue, engine: Engine, buckets: SignerBuckets, record: Log
    ) -> None:
        self._accounts = accounts
        self._buckets = buckets
        self._catalogue = catalogue
        self._engine = engine
        self._ledger = engine.ledger
        self._log = record
        self._actions: dict[str, Callable[[Wallet, dict[str, Any], int], None]] = {
            "deposit": lambda wallet, said, now_ns: self._ledger.deposit(wallet, _amount(said), now_ns),
            "withdraw": lambda wallet, said, now_ns: self._ledger.deposit(wallet, -_amount(said), now_ns),
            "split": lambda wallet, said, now_ns: self._ledger.split(wallet, self._market(said), _amount(said), now_ns),
            "merge": lambda wallet, said, now_ns: self._ledger.merge(wallet, self._market(said), _amount(said), now_ns),
            "redeem": self._redeem,
            "transfer": self._transfer,
            "approve": self._approve,
            "revoke": self._revoke,
        }
        self.routes: Table = {
            ("POST", "/chain"): self._act,
            ("GET", "/accounts"): self._show,
            ("GET", "/log"): self._lines,
        }

    def _act(self, request: HttpRequest, now_ns: int) -> Answer:
        said = decoded(request.body, dict[str, Any], "expected a JSON object")
        action = self._actions.get(str(said.get("action")))
        if action is None:
            raise Refused(400, f"action: expected one of {', '.join(self._actions)}")
        wallet = self._wallet(said, "wallet")
        try:
            action(wallet, said, now_ns)
        except LedgerError as error:
            raise Refused(400, str(error)) from None
        return json_answer(_figures(wallet))

    def _redeem(self, wallet: Wallet, said: dict[str, Any], now_ns: int) -> None:
        market = self._market(said)
        if market.payouts is None:
            raise Refused(400, f"{market.slug} is not resolved")
        self._ledger.redeem(wallet, market, market.payouts, now_ns)

    def _transfer(self, wallet: Wallet, said: dict[str, Any], now_ns: int) -> None:
        token_id = said.get("token_id")
        if token_id not in self._catalogue.by_token:
            raise Refused(400, "token_id: not listed")
        self._ledger.transfer(wallet, self._wallet(said, "to"), token_id, _amount(said), now_ns)

    def _approve(self, wallet: Wallet, said: dict[str, Any], now_ns: int) -> None:
        allowance = _amount(said) if "amount" in said else UNLIMITED
        for spender in self._spenders(said):
            self._ledger.approve(wallet, spender, allowance, now_ns)

    def _revoke(self, wallet: Wallet, said: dict[str, Any], now_ns: int) -> None:
        for spender in self._spenders(said):
            self._ledger.revoke(wallet, spender, now_ns)

    def _show(self, request: HttpRequest, now_ns: int) -> Answer:
        ledger = self._ledger
        shown = {
            "accounts": [self._account(account) for account in self._accounts],
            "outside": _figures(ledger.outside),
            "totals": {"cash": ledger.cash, "brought_in": ledger.brought_in, "fees": ledger.fees},
        }
        return json_answer(shown)

    def _account(self, account: Account) -> dict[str, Any]:
        return {
            "address": account.address,
            "tier": self._buckets.tier(account.address).name,
            "banned": account.banned,
            "closed_only": account.closed_only,
            "wallets": [{"signature_type": kind, **_figures(wallet)} for kind, wallet in account.wallets.items()],
            "open_orders": [order.id for order in self._engine.open.values() if order.account is account],
        }

    def _lines(self, request: HttpRequest, now_ns: int) -> Answer:
        try:
            after, limit = int(request.asked("after", "0")), int(request.asked("limit", "1000"))
        except ValueError:
            raise Refused(400, "after and limit: expected whole numbers") from None
        lines = self._log.after(after, min(max(limit, 0), _LINES_MAX))
        text = f'{{"first":{self._log.first},"last":{self._log.last},"lines":[{",".join(lines)}]}}'
        return Answer(200, text)

    def _wallet(self, said: dict[str, Any], name: str) -> Wallet:
        address = said.get(name)
        wallet = self._ledger.wallets.get(address.lower()) if isinstance(address, str) else None
        if wallet is None:
            raise Refused(400, f"{name}: expected the address of a known wallet, or `outside`")
        return wallet

    def _market(self, said: dict[str, Any]) -> Market:
        market = self._catalogue.find(str(said.get("market")))
        if market is None:
            raise Refused(400, "market: expected a condition id, slug or token id that is listed")
        return market

    def _spenders(self, said: dict[str, Any]) -> tuple[str, ...]:
        asked = said.get("spender")
        if asked is None:
            return self._accounts.spenders
        chosen = tuple(one for one in self._accounts.spenders if one.lower() == str(asked).lower())
        if not chosen:
            raise Refused(400, f"spender: expected one of {', '.join(self._accounts.spenders)}")
        return chosen


def _amount(said: dict[str, Any]) -> int:
    """What a call moves, in micro-units. Raises Refused."""
    try:
        return parse_decimal(str(said.get("amount")), _MICRO_DIGITS)
    except ValueError:
        raise Refused(400, "amount: expected a decimal of at most 6 places") from None


def _figures(wallet: Wallet) -> dict[str, Any]:
    return {
        "address": wallet.address,
        "cash": wallet.cash,
        "tokens": wallet.tokens,
        "reserved_cash": wallet.reserved_cash,
        "reserved_tokens": wallet.reserved_tokens,
        "owed_cash": wallet.owed_cash,
        "owed_tokens": wallet.owed_tokens,
        "allowances": {spender: str(amount) for spender, amount in wallet.allowances.items()},
        "approvals": sorted(wallet.approvals),
        "deployed": wallet.deployed,
    }
