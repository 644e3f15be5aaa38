"""What the CLOB answers about an account and its markets: as it stands on the wire, and as typed integers.

Keys that are not used are stepped over; a key that is used and missing, or a number that cannot be read exactly, is an
error and never a default. Shapes: the venue's pages and `polymarket-client` 0.14.0, read 2026-11-21.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Generic, TypeVar

import msgspec

from actors.venues.polymarket.wire import Timestamp
from models.markets import Side
from models.text import clean
from models.units import Money, Price, Size, parse_price, parse_size, parse_tick

Item = TypeVar("Item")

END: Final = "LTE="
"""The cursor after the last page: -1 in base64."""

_PREFIXES: Final = ("ORDER_STATUS_", "TRADE_STATUS_")
_DECIMAL_DIGITS: Final = 20
_AMOUNT_DIGITS: Final = 18
_WORD_DIGITS: Final = 78
"""Of the largest number of 256 bits, which an allowance often is."""


class Page(msgspec.Struct, Generic[Item]):
    """One page of a list."""

    data: list[Item]
    next_cursor: str


class OpenOrder(msgspec.Struct, frozen=True, gc=False):
    """One of our orders as the venue knows it. `status` is bare: LIVE, MATCHED, CANCELED, ...; anything may come.

    `filled` is the venue's count: it may stay below the trades by dust. Whether it is over is said by `status` alone.
    """

    order_id: str
    status: str
    market: str
    token_id: str
    side: Side
    price: Price
    size: Size
    filled: Size
    order_type: str
    maker: str
    created_s: int
    trade_ids: tuple[str, ...]


class MakerPart(msgspec.Struct, frozen=True, gc=False):
    """A resting order's share in a trade. `side` is None where the venue does not say it (before June 2025)."""

    order_id: str
    maker: str
    token_id: str
    side: Side | None
    price: Price
    size: Size


class OwnTrade(msgspec.Struct, frozen=True, gc=False):
    """A trade that we had part in, as taker or as a maker. `status` is bare: MATCHED, MINED, CONFIRMED, ..."""

    trade_id: str
    taker_order_id: str
    market: str
    token_id: str
    side: Side
    price: Price
    size: Size
    status: str
    trader_side: str
    maker: str
    matched_s: int
    transaction_hash: str
    parts: tuple[MakerPart, ...]


class Balance(msgspec.Struct, frozen=True):
    """What a wallet holds of one asset, in millionths, and what each contract may take of it."""

    amount: Money | Size
    allowances: Mapping[str, int]


class MarketTerms(msgspec.Struct, frozen=True):
    """What decides how an order of a market must look. Rates in millionths."""

    condition_id: str
    token_ids: tuple[str, ...]
    outcomes: tuple[str, ...]
    tick: Price
    min_size: Size
    neg_risk: bool
    version: str
    accepting_orders: bool
    delays_takers: bool
    fee_rate_e6: int
    fee_exponent: int


class Beat(msgspec.Struct, frozen=True):
    """The answer to a heartbeat. Where it was not accepted `heartbeat_id` is the one that the venue expects."""

    accepted: bool
    heartbeat_id: str


class WireOrder(msgspec.Struct, gc=False):
    """An item of `/data/orders`, or the answer to `/data/order/{id}`."""

    id: str
    status: str
    market: str
    asset_id: str
    side: Side
    original_size: str
    size_matched: str
    price: str
    order_type: str
    maker_address: str
    created_at: Timestamp
    associate_trades: list[str] | None = None

    def typed(self) -> OpenOrder:
        """Return it with integers. Raises ValueError for a number that cannot be read exactly."""
        return OpenOrder(
            self.id, _bare(self.status), self.market, self.asset_id, self.side, parse_price(self.price),
            parse_size(self.original_size), parse_size(self.size_matched), self.order_type, self.maker_address,
            self.created_at, tuple(self.associate_trades or ()),
        )  # fmt: skip


class WirePart(msgspec.Struct, gc=False):
    """An item of the `maker_orders` of a trade."""

    order_id: str
    maker_address: str
    matched_amount: str
    price: str
    asset_id: str
    side: Side | None = None

    def typed(self) -> MakerPart:
        """Return it with integers. Raises ValueError."""
        return MakerPart(
            self.order_id, self.maker_address, self.asset_id, self.side, parse_price(self.price),
            parse_size(self.matched_amount),
        )  # fmt: skip


class WireTrade(msgspec.Struct, gc=False):
    """An item of `/data/trades`."""

    id: str
    taker_order_id: str
    market: str
    asset_id: str
    side: Side
    size: str
    price: str
    status: str
    match_time: Timestamp
    trader_side: str
    maker_address: str
    maker_orders: list[WirePart]
    transaction_hash: str | None = None

    def typed(self) -> OwnTrade:
        """Return it with integers. Raises ValueError."""
        return OwnTrade(
            self.id, self.taker_order_id, self.market, self.asset_id, self.side, parse_price(self.price),
            parse_size(self.size), _bare(self.status), self.trader_side, self.maker_address, self.match_time,
            self.transaction_hash or "", tuple(part.typed() for part in self.maker_orders),
        )  # fmt: skip


class WireBalance(msgspec.Struct):
    """The answer to `/balance-allowance`."""

    balance: str
    allowances: dict[str, str]

    def typed(self) -> Balance:
        """Return it with integers. Raises ValueError."""
        return Balance(
            _whole(self.balance, _AMOUNT_DIGITS), {spender: _whole(text) for spender, text in self.allowances.items()}
        )


class _Token(msgspec.Struct):
    token_id: str = msgspec.field(name="t")
    outcome: str = msgspec.field(name="o")


class _Fees(msgspec.Struct):
    rate: Decimal = msgspec.field(name="r")
    exponent: int = msgspec.field(name="e", default=1)


class WireTerms(msgspec.Struct):
    """The answer to `/clob-markets/{id}`, whose keys are short; absent switches are off."""

    condition_id: str = msgspec.field(name="c")
    tokens: list[_Token] = msgspec.field(name="t")
    tick: Decimal = msgspec.field(name="mts")
    min_size: Decimal = msgspec.field(name="mos")
    accepting_orders: bool = msgspec.field(name="ao", default=False)
    neg_risk: bool = msgspec.field(name="nr", default=False)
    version: str = msgspec.field(name="v", default="v1")
    delays_takers: bool = msgspec.field(name="itode", default=False)
    fees: _Fees | None = msgspec.field(name="fd", default=None)

    def typed(self) -> MarketTerms:
        """Return it with integers. Raises ValueError."""
        return MarketTerms(
            self.condition_id,
            tuple(token.token_id for token in self.tokens),
            tuple(clean(token.outcome, 40) for token in self.tokens),
            parse_tick(plain(self.tick)),
            parse_size(plain(self.min_size)),
            self.neg_risk,
            self.version,
            self.accepting_orders,
            self.delays_takers,
            0 if self.fees is None else parse_size(plain(self.fees.rate)),
            1 if self.fees is None else self.fees.exponent,
        )


class WireTick(msgspec.Struct):
    """The answer to `/tick-size`."""

    minimum_tick_size: Decimal


class WireNegRisk(msgspec.Struct):
    """The answer to `/neg-risk`."""

    neg_risk: bool


class WireVersion(msgspec.Struct):
    """The answer to `/version`."""

    version: int


class WireClosedOnly(msgspec.Struct):
    """The answer to `/auth/ban-status/closed-only`."""

    closed_only: bool


class WireKeys(msgspec.Struct, rename="camel"):
    """The answer to `/auth/api-keys`."""

    api_keys: list[str]


class WireBeat(msgspec.Struct):
    """The answer to `/v1/heartbeats`, of success and of a stale id alike."""

    heartbeat_id: str


def plain(number: Decimal) -> str:
    """Write a number of the venue without exponent. Raises ValueError for one that no venue means."""
    if not number.is_finite() or abs(number.adjusted()) > _DECIMAL_DIGITS or len(number.as_tuple().digits) > 40:
        raise ValueError("a number is out of all proportion")
    return f"{number:f}"


def _bare(status: str) -> str:
    for prefix in _PREFIXES:
        status = status.removeprefix(prefix)
    return status


def _whole(text: str, digits: int = _WORD_DIGITS) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > digits:
        raise ValueError(f"{clean(text, 40)!r} is not a whole number of at most {digits} digits")
    return int(text)
