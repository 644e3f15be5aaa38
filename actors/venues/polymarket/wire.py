"""What the Polymarket market channel sends, as typed structs: the venue's own names, its numbers still text.

Only the keys that are used are declared, and `market`, without which a frame is none of the venue's; the decoder steps
over all others. Shapes: market channel pages of the venue's
documentation (read 2026-08-22) and recorded frames of 2024 to 2026.
"""

from typing import Annotated, Final, TypeAlias

import msgspec

from models.markets import Side

Timestamp: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=10**15)]
"""Milliseconds since 1970; the venue writes them as text."""


class WireLevel(msgspec.Struct, gc=False):
    """One level of a full book."""

    price: str
    size: str


class WireChange(msgspec.Struct, gc=False):
    """One entry of a `price_change`; `size` is the level's new total."""

    asset_id: str
    price: str
    size: str
    side: Side
    hash: str = ""


class WireOldChange(msgspec.Struct, gc=False):
    """One entry of the form of 2025, whose token stands at the top of the frame."""

    price: str
    size: str
    side: Side


class WireRestBook(msgspec.Struct, gc=False):
    """The answer to `GET /book`."""

    asset_id: str
    timestamp: Timestamp
    bids: list[WireLevel]
    asks: list[WireLevel]
    hash: str = ""
    tick_size: str | None = None
    min_order_size: str | None = None
    neg_risk: bool | None = None
    last_trade_price: str | None = None
    version: str | None = None


class WireBook(WireRestBook, tag_field="event_type", tag="book", kw_only=True):
    """A full book of one token: on subscribing, and after each trade; then without the keys that did not change."""

    market: str


class WirePriceChange(msgspec.Struct, tag_field="event_type", tag="price_change", gc=False):
    """New totals of levels.

    Three forms: `price_changes` of both tokens (since 2025-09-15), `changes` of the token at the top (2025), and one
    change flat at the top (before).
    """

    market: str
    timestamp: Timestamp
    price_changes: list[WireChange] | None = None
    changes: list[WireOldChange] | None = None
    asset_id: str = ""
    price: str = ""
    size: str = ""
    side: Side | None = None
    hash: str = ""


class WireTrade(msgspec.Struct, tag_field="event_type", tag="last_trade_price", gc=False):
    """A print; `side` is the taker's."""

    market: str
    asset_id: str
    price: str
    size: str
    side: Side
    timestamp: Timestamp
    transaction_hash: str | None = None


class WireTickChange(msgspec.Struct, tag_field="event_type", tag="tick_size_change", gc=False):
    """The venue moved a token's market to another grid."""

    market: str
    asset_id: str
    new_tick_size: str
    timestamp: Timestamp


class WireTouch(msgspec.Struct, tag_field="event_type", tag="best_bid_ask", gc=False):
    """Best bid and ask; counted only (see `codec`)."""


class WireNewMarket(msgspec.Struct, tag_field="event_type", tag="new_market", gc=False):
    """A market was listed; sent for every market of the venue, subscribed or not; counted only."""


class WireResolved(msgspec.Struct, tag_field="event_type", tag="market_resolved", gc=False):
    """A market has a result. A void one names an empty winner, in both fields."""

    winning_asset_id: str
    winning_outcome: str | None = None
    assets_ids: list[str] = []


WireFrame: TypeAlias = (
    WireBook | WirePriceChange | WireTrade | WireTickChange | WireTouch | WireNewMarket | WireResolved
)

KEYS: Final = frozenset(
    {
        "asks", "asset_id", "assets_ids", "best_ask", "best_bid", "bids", "changes", "event_type", "fee_rate_bps",
        "hash", "id", "last_trade_price", "market", "min_order_size", "neg_risk", "new_tick_size", "old_tick_size",
        "price", "price_changes", "side", "size", "spread", "tags", "tick_size", "timestamp", "transaction_hash",
        "version", "winning_asset_id", "winning_outcome",
    }
)  # fmt: skip
"""All that the venue is known to say at the top of a frame, but for `new_market`, which says everything of a market."""
