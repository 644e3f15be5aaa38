"""Frames of the user channel as tests write them, and an account that signed some orders."""

import json
from typing import Any

from actors.venues.polymarket.codec import MalformedFrame
from actors.venues.polymarket.user_codec import UserCodec, UserDecoded
from models.markets import Fees, Market
from models.messages.orders import TradeReported

NOW_NS = 1_790_000_000_123_456_789
AT_NS = 1_782_753_357_257_000_000
FEES = Fees(40_000, 1, 250_000)
M = Market("m", "rain", ("11", "22"), condition_id="0xabc", fees=FEES)
KEY, WALLET = "0000-key", "0xWaLLet"
OTHERS = {"owner": "other-key", "maker_address": "0xother"}


class Ours:
    """An account that signed some orders."""

    api_key = KEY
    wallet = WALLET

    def __init__(self, *order_ids: str) -> None:
        self.order_ids = set(order_ids)

    def owns(self, order_id: str) -> bool:
        return order_id in self.order_ids


def decode(frame: Any, *own: str, markets: tuple[Market, ...] = (M,)) -> tuple[UserDecoded, ...]:
    return UserCodec(markets, Ours(*own)).decode(json.dumps(frame).encode(), NOW_NS)


def order(**changed: Any) -> dict[str, Any]:
    return {
        "event_type": "order", "id": "o1", "owner": KEY, "market": "0xabc", "asset_id": "11", "side": "BUY",
        "order_owner": KEY, "original_size": "10", "size_matched": "0", "price": "0.52", "associate_trades": None,
        "outcome": "Yes", "type": "PLACEMENT", "created_at": "1782753357", "expiration": "0", "order_type": "GTC",
        "status": "LIVE", "maker_address": WALLET, "timestamp": "1782753357257",
    } | changed  # fmt: skip


def part(order_id: str, amount: str, price: str, token: str = "11", side: str | None = "SELL", **more: Any) -> Any:
    made = {
        "order_id": order_id, "matched_amount": amount, "price": price, "asset_id": token, "fee_rate_bps": "0",
        "outcome": "Yes", "outcome_index": 0, **OTHERS,
    }  # fmt: skip
    return made | ({} if side is None else {"side": side}) | more


def trade(*parts: Any, **changed: Any) -> dict[str, Any]:
    return {
        "event_type": "trade", "type": "TRADE", "id": "t1", "taker_order_id": "o1", "market": "0xabc",
        "asset_id": "11", "side": "BUY", "size": "10", "fee_rate_bps": "0", "price": "0.52", "status": "MATCHED",
        "match_time": "1782753357", "last_update": "1782753357", "outcome": "Yes", "trade_owner": KEY,
        "transaction_hash": None, "bucket_index": 0, "trader_side": "TAKER", "timestamp": "1782753357257",
        "maker_orders": list(parts), **OTHERS,
    } | changed  # fmt: skip


def reported(frame: Any, *own: str) -> list[TradeReported]:
    """The fills that a frame tells; it tells nothing else."""
    told = decode(frame, *own)
    fills = [one for one in told if isinstance(one, TradeReported)]
    assert len(fills) == len(told), told
    return fills


def malformed(frame: Any, *own: str) -> MalformedFrame:
    """What a frame that cannot be understood becomes."""
    (told,) = decode(frame, *own)
    assert isinstance(told, MalformedFrame)
    return told
