"""What the exchange knows of its traders: wallets and what they hold, accounts, orders, and trades.

Why an order keeps two descriptions of itself: its trader says "buy NO at 0.40", the one book of the market says "sell
YES at 0.60". Whatever a trader is told is in the first, whatever the book does is in the second.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from sandbox.books import OPPOSITE, Side
from sandbox.books import Order as Resting
from sandbox.markets import Market
from sandbox.signing.headers import Credentials
from sandbox.units import ONE

TimeInForce = Literal["GTC", "GTD", "FOK", "FAK"]
OrderStatus = Literal["LIVE", "MATCHED", "CANCELED", "CANCELED_MARKET_RESOLVED", "INVALID", "DELAYED", "UNMATCHED"]
TradeStatus = Literal["MATCHED", "MINED", "CONFIRMED", "RETRYING", "FAILED"]

UNLIMITED: Final = 2**256 - 1
"""The allowance that the official clients give to an exchange contract; it never shrinks."""

OUTSIDE: Final = "outside"
"""The owner of all that the population does: one wallet for everybody who is not an account."""


@dataclass(slots=True, eq=False)
class Wallet:
    """What an address holds on chain, and how much of it is spoken for.

    `cash` is pUSD in micro-dollars, `tokens` micro-shares by token id; both change only when a trade is mined or by an
    operation on chain. `reserved_*` belongs to resting orders, `owed_*` to matched trades that are not mined yet.
    `allowances` is what each spender (a contract) may move, in micro-dollars; `approvals` the spenders that may move
    tokens.
    """

    address: str
    cash: int = 0
    tokens: dict[str, int] = field(default_factory=dict[str, int])
    reserved_cash: int = 0
    reserved_tokens: dict[str, int] = field(default_factory=dict[str, int])
    owed_cash: int = 0
    owed_tokens: dict[str, int] = field(default_factory=dict[str, int])
    allowances: dict[str, int] = field(default_factory=dict[str, int])
    approvals: set[str] = field(default_factory=set[str])
    deployed: bool = True

    @property
    def free_cash(self) -> int:
        """What a new order may spend."""
        return self.cash - self.reserved_cash - self.owed_cash

    def permits(self, spender: str, side: Side, amount: int) -> bool:
        """Whether a contract may take that many micro-dollars (for a BUY), or its tokens (for a SELL)."""
        return self.allowances.get(spender, 0) >= amount if side == "BUY" else spender in self.approvals

    def use_allowance(self, spender: str, amount: int) -> None:
        """Let an allowance shrink by what a contract took."""
        allowance = self.allowances.get(spender, 0)
        if allowance != UNLIMITED:
            self.allowances[spender] = allowance - amount

    def free_tokens(self, token_id: str) -> int:
        """What a new order may sell."""
        held = self.tokens.get(token_id, 0)
        return held - self.reserved_tokens.get(token_id, 0) - self.owed_tokens.get(token_id, 0)


@dataclass(slots=True, eq=False)
class Account:
    """A trader: the EOA that signs, its API keys by nonce, and the wallet that each signature type trades from.

    `relayer_key` and `builder_key` are what the relayer knows it by; who was not funded has none.
    """

    address: str
    wallets: dict[int, Wallet]
    keys: dict[int, Credentials] = field(default_factory=dict[int, Credentials])
    readonly_keys: list[str] = field(default_factory=list[str])
    relayer_key: str | None = None
    builder_key: Credentials | None = None
    closed_only: bool = False
    banned: bool = False


@dataclass(slots=True, eq=False)
class Order:
    """An order that the venue accepted; sizes in micro-shares, amounts in micro-units, prices in 1/10,000 dollar.

    `token` is the outcome's index, `side` the trader's, `price` that of the token. `making` and `taking` are the
    order's own signed amounts. `size` is what was ordered in shares; for a FOK or FAK buy, which spends `making`, it is
    what that buys at `price`. `matched` counts shares, `paid` the micro-dollars they cost or brought.
    `builder` is the code of who brought it, empty for nobody. `resting` is its place in the book while it has one,
    `reserved` what it still holds back of its wallet. `reason` is what the user stream shows instead of the status of
    an order that the venue ended.
    """

    id: str
    account: Account
    wallet: Wallet
    api_key: str
    market: Market
    token: int
    side: Side
    price: int
    size: int
    making: int
    taking: int
    time_in_force: TimeInForce
    post_only: bool
    expires_s: int
    created_ns: int
    signature_type: int = 0
    builder: str = ""
    status: OrderStatus = "LIVE"
    reason: str = ""
    matched: int = 0
    paid: int = 0
    reserved: int = 0
    trades: list[str] = field(default_factory=list[str])
    resting: Resting | None = None

    @property
    def token_id(self) -> str:
        """The id of the token that it trades."""
        return self.market.token_ids[self.token]

    @property
    def book_side(self) -> Side:
        """Its side in terms of the first outcome."""
        return self.side if self.token == 0 else OPPOSITE[self.side]

    @property
    def book_price(self) -> int:
        """Its price in terms of the first outcome."""
        return self.price if self.token == 0 else ONE - self.price

    @property
    def open(self) -> bool:
        """Whether it can still trade."""
        return self.status in ("LIVE", "DELAYED", "UNMATCHED")


@dataclass(frozen=True, slots=True)
class MakerFill:
    """One maker's part of a trade, in the maker's own terms: `cash` is what it pays (BUY) or gets (SELL).

    `order` is None for an outside maker, which then has only `order_id`.
    """

    order: Order | None
    order_id: str
    token: int
    side: Side
    price: int
    size: int
    cash: int


@dataclass(slots=True, eq=False)
class Trade:
    """One taker against one or several makers; side, price (the worst that it took) and size are the taker's.

    `cash` is what the taker pays or gets before its `fee`. `order` is None when the taker was an outside one, which
    then has only `order_id`.
    """

    id: str
    market: Market
    order: Order | None
    order_id: str
    token: int
    side: Side
    price: int
    size: int
    cash: int
    fee: int
    fills: tuple[MakerFill, ...]
    matched_ns: int
    updated_ns: int
    status: TradeStatus = "MATCHED"
    transaction_hash: str = ""
    number: int = 0

    @property
    def orders(self) -> list[Order]:
        """The accounts' orders in it: its taker's, then its makers'."""
        orders = [self.order, *(fill.order for fill in self.fills)]
        return [order for order in orders if order is not None]
