"""What Polymarket says of one account's orders and trades, as typed structs: its own names, its numbers still text.

The user channel and REST say the same of an order or a trade, but for a prefix before the status and the field that
tells the time. Keys that we know and do not use are listed beside each shape, so that a new one is noticed.

Shapes: the venue's pages on order updates (read 2026-08-22) and recorded frames of 2024 to 2026.
"""

from typing import Final, Literal, TypeAlias

import msgspec

Moment: TypeAlias = str | int
"""Seconds or milliseconds since 1970, which only its magnitude tells; empty where the venue does not say it."""


class WireOrder(msgspec.Struct, gc=False):
    """An order as `/data/orders` and `/data/order/{id}` show it. `size_matched` may be empty."""

    id: str
    market: str
    asset_id: str
    status: str
    size_matched: str
    order_type: str


class WireOrderEvent(WireOrder, tag_field="event_type", tag="order"):
    """An order that was placed, matched or cancelled: `type` is PLACEMENT, UPDATE or CANCELLATION."""

    type: str
    timestamp: Moment


class WirePart(msgspec.Struct, gc=False):
    """A resting order's share in a trade. `side` is missing in frames from before 2025-06-03."""

    order_id: str
    owner: str
    maker_address: str
    asset_id: str
    matched_amount: str
    price: str
    side: str = ""


class WireTrade(msgspec.Struct, gc=False):
    """A trade as `/data/trades` shows it: everything but `maker_orders` is the taker's, whoever is told."""

    id: str
    taker_order_id: str
    market: str
    asset_id: str
    side: str
    size: str
    price: str
    status: str
    trader_side: Literal["TAKER", "MAKER"]
    maker_orders: list[WirePart]
    last_update: Moment = ""


class WireTradeEvent(WireTrade, tag_field="event_type", tag="trade", kw_only=True):
    """A status of a trade; each one tells the whole trade again."""

    timestamp: Moment


WireEvent: TypeAlias = WireOrderEvent | WireTradeEvent

_ORDER_UNUSED: Final = frozenset(
    {
        "associate_trades", "created_at", "event_type", "expiration", "maker_address", "order_owner", "original_size",
        "outcome", "owner", "price", "side",
    }
)  # fmt: skip
_TRADE_UNUSED: Final = frozenset(
    {
        "bucket_index", "err_msg", "event_type", "fee_rate_bps", "maker_address", "match_time", "match_time_nano",
        "outcome", "owner", "trade_owner", "transaction_hash", "type",
    }
)  # fmt: skip


def unknown_keys(wire: WireOrder | WireTrade, keys: frozenset[str]) -> frozenset[str]:
    """Return those keys of a frame that we never heard of."""
    unused = _ORDER_UNUSED if isinstance(wire, WireOrder) else _TRADE_UNUSED
    return keys - unused - frozenset(type(wire).__struct_fields__)
