"""What the venue believes each wallet to hold, and the calls that show and refresh it.

Why a copy: the venue learns of the chain only when it is asked to look again or when a trade of its own settles. After
a deposit, an approval or a split it goes on refusing what the wallet could well pay for until
`/balance-allowance/update` is called.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sandbox.accounts import Accounts
from sandbox.markets import Catalogue, Market
from sandbox.messages import Answer, HttpRequest
from sandbox.rest.auth import Auth
from sandbox.rest.refusals import Refused
from sandbox.rest.routes import Table, json_answer
from sandbox.trading.engine import Engine
from sandbox.trading.records import UNLIMITED, Order, Trade, Wallet
from sandbox.trading.reservations import allowance_text, balance_text

_VERSIONS: Final = {"CONDITIONAL": "v1", "CONDITIONAL-V2": "v2"}
"""Whose markets' tokens an asset type covers."""


@dataclass(slots=True)
class _Known:
    cash: int
    tokens: dict[str, int]
    allowances: Mapping[str, int] = field(default_factory=dict[str, int])
    approvals: frozenset[str] = frozenset()


class Balances:
    """The venue's copy of what wallets hold and of who may move it."""

    def __init__(self, accounts: Accounts, catalogue: Catalogue, engine: Engine, auth: Auth) -> None:
        self._accounts = accounts
        self._catalogue = catalogue
        self._auth = auth
        self._known: dict[str, _Known] = {}
        accounts.on_wallet.append(self._look)
        engine.on_trade.append(self._settled)
        self.routes: Table = {
            ("GET", "/balance-allowance"): self._show,
            ("GET", "/balance-allowance/update"): self._update,
        }

    def refusal(self, order: Order) -> str:
        """Why the venue believes that a wallet cannot pay for an order, empty when it believes that it can."""
        known, wallet, need = self._of(order.wallet), order.wallet, order.making
        spender = self._accounts.spender(order.market)
        if order.side == "BUY":
            free = known.cash - wallet.reserved_cash - wallet.owed_cash
            allowance = known.allowances.get(spender, 0)
        else:
            token_id = order.token_id
            taken = wallet.reserved_tokens.get(token_id, 0) + wallet.owed_tokens.get(token_id, 0)
            free = known.tokens.get(token_id, 0) - taken
            allowance = need if spender in known.approvals else 0
        if free < need:
            return balance_text(max(free, 0), need)
        return allowance_text(spender, allowance, need) if allowance < need else ""

    def _of(self, wallet: Wallet) -> _Known:
        if wallet.address not in self._known:
            self._look(wallet)
        return self._known[wallet.address]

    def _look(self, wallet: Wallet) -> None:
        allowances, approvals = dict(wallet.allowances), frozenset(wallet.approvals)
        self._known[wallet.address] = _Known(wallet.cash, dict(wallet.tokens), allowances, approvals)

    def _look_at_cash(self, wallet: Wallet) -> None:
        known = self._of(wallet)
        known.cash, known.allowances = wallet.cash, dict(wallet.allowances)

    def _look_at_token(self, wallet: Wallet, token_id: str) -> None:
        known = self._of(wallet)
        known.tokens[token_id] = wallet.tokens.get(token_id, 0)
        known.approvals = frozenset(wallet.approvals)

    def _settled(self, trade: Trade, now_ns: int) -> None:
        if trade.status not in ("MINED", "CONFIRMED"):
            return
        for order in (trade.order, *(fill.order for fill in trade.fills)):
            if order is not None:
                self._look_at_cash(order.wallet)
                for token_id in trade.market.token_ids:
                    self._look_at_token(order.wallet, token_id)

    def _show(self, request: HttpRequest, now_ns: int) -> Answer:
        wallet, market, token_id = self._asked(request, now_ns)
        known = self._of(wallet) if wallet else _Known(0, {})
        if not token_id:
            balance = known.cash
            allowances = {spender: str(known.allowances.get(spender, 0)) for spender in self._accounts.spenders}
        else:
            balance = known.tokens.get(token_id, 0) if market else 0
            granted = known.approvals
            allowances = {one: str(UNLIMITED if one in granted else 0) for one in self._accounts.spenders}
        return json_answer({"balance": str(balance), "allowances": allowances})

    def _update(self, request: HttpRequest, now_ns: int) -> Answer:
        wallet, _, token_id = self._asked(request, now_ns)
        if wallet is not None and token_id:
            self._look_at_token(wallet, token_id)
        elif wallet is not None:
            self._look_at_cash(wallet)
        return Answer(200, '""')

    def _asked(self, request: HttpRequest, now_ns: int) -> tuple[Wallet | None, Market | None, str]:
        """The caller's wallet of the asked signature type, and the token if one is asked for. Raises Refused."""
        account = self._auth.caller(request, now_ns).account
        signature_type = request.asked("signature_type", "0")
        wallet = account.wallets.get(int(signature_type)) if signature_type in ("0", "1", "2", "3") else None
        asset_type, token_id = request.asked("asset_type"), request.asked("token_id")
        if asset_type == "COLLATERAL":
            return wallet, None, ""
        if asset_type not in _VERSIONS:
            raise Refused(400, "Invalid asset type")
        if not token_id.isdecimal():
            raise Refused(400, "Invalid token id")
        market = self._catalogue.find(token_id)
        if market is not None and market.version != _VERSIONS[asset_type]:
            market = None
        return wallet, market, token_id
