"""What a trader is shown of its orders and trades, over REST and on the user stream.

Why others have names, too: the venue shows the API key and wallet of everybody in a trade. Whoever is no account gets
a key and an address that follow from its order's id.

The two surfaces differ in small ways that clients trip over: REST statuses of trades have a prefix and arrays are never
null; the stream writes milliseconds as `timestamp` and seconds elsewhere, all of them as text.
"""

import hashlib
import uuid
from typing import Any, Final, Literal

from sandbox.signing.keys import checksum_address
from sandbox.trading.engine import OrderEvent
from sandbox.trading.records import Account, MakerFill, Order, Trade
from sandbox.units import PRICE_TEXT, SECOND, decimal_text, ms_text, size_text

TraderSide = Literal["TAKER", "MAKER"]

_STATUS_PREFIX: Final = "TRADE_STATUS_"
_KILLED: Final = "CANCELED_"
_NO_FEE: Final = "0"


def open_order(order: Order) -> dict[str, Any]:
    """An order as REST shows it."""
    return {
        "id": order.id,
        "status": order.status,
        "owner": order.api_key,
        "maker_address": order.wallet.address,
        "market": order.market.condition_id,
        "asset_id": order.token_id,
        "side": order.side,
        "original_size": original_size_text(order),
        "size_matched": size_text(order.matched),
        "price": PRICE_TEXT[order.price],
        "outcome": order.market.outcomes[order.token],
        "expiration": str(order.expires_s),
        "order_type": order.time_in_force,
        "associate_trades": order.trades,
        "created_at": order.created_ns // SECOND,
    }


def order_event(order: Order, event: OrderEvent, now_ns: int) -> dict[str, Any]:
    """An order as the user stream shows it; one that was killed was never in the venue's books, and reads so."""
    killed = not order.matched and order.reason.startswith(_KILLED) and order.time_in_force in ("FOK", "FAK")
    return {
        "event_type": "order",
        "id": order.id,
        "owner": order.api_key,
        "market": order.market.condition_id,
        "asset_id": order.token_id,
        "side": order.side,
        "order_owner": order.api_key,
        "original_size": original_size_text(order),
        "size_matched": "" if killed else size_text(order.matched),
        "price": PRICE_TEXT[order.price],
        "associate_trades": order.trades if order.trades or killed else None,
        "outcome": "" if killed else order.market.outcomes[order.token],
        "type": event,
        "created_at": "" if killed else str(order.created_ns // SECOND),
        "expiration": str(order.expires_s),
        "order_type": order.time_in_force,
        "status": order.reason or order.status,
        "maker_address": order.wallet.address,
        "timestamp": ms_text(now_ns),
    }


def trade_event(trade: Trade, viewer: str, side: TraderSide, now_ns: int) -> dict[str, Any]:
    """A trade as the user stream shows it to the owner of the API key `viewer`; the top level is always the taker's."""
    return {
        "event_type": "trade",
        "type": "TRADE",
        **_trade(trade, side),
        "status": trade.status,
        "trade_owner": viewer,
        "transaction_hash": trade.transaction_hash or None,
        "maker_orders": [{**_maker_order(trade, fill), "outcome_index": fill.token} for fill in trade.fills],
        "timestamp": ms_text(now_ns),
    }


def rest_trade(trade: Trade, side: TraderSide) -> dict[str, Any]:
    """A trade as REST shows it."""
    shown = {
        **_trade(trade, side),
        "status": f"{_STATUS_PREFIX}{trade.status}",
        "match_time_nano": str(trade.matched_ns),
        "transaction_hash": trade.transaction_hash,
        "maker_orders": [_maker_order(trade, fill) for fill in trade.fills],
    }
    if trade.status == "FAILED":
        shown["err_msg"] = "the transaction was reverted"
    return shown


def builder_trade(trade: Trade, order: Order) -> dict[str, Any]:
    """A trade as it is shown to the builder who brought its taker."""
    return {
        "id": trade.id,
        "tradeType": "TAKER",
        "takerOrderHash": trade.order_id,
        "builder": order.builder,
        "market": trade.market.condition_id,
        "assetId": trade.market.token_ids[trade.token],
        "side": trade.side,
        "size": size_text(trade.size),
        "sizeUsdc": decimal_text(trade.cash, 6),
        "price": PRICE_TEXT[trade.price],
        "status": f"{_STATUS_PREFIX}{trade.status}",
        "outcome": trade.market.outcomes[trade.token],
        "outcomeIndex": trade.token,
        "owner": order.api_key,
        "maker": order.wallet.address,
        "transactionHash": trade.transaction_hash,
        "matchTime": str(trade.matched_ns // SECOND),
        "bucketIndex": 0,
        "fee": "0",
        "feeUsdc": "0",
        "createdAt": str(trade.matched_ns // SECOND),
        "updatedAt": str(trade.updated_ns // SECOND),
    }


def side_of(trade: Trade, account: Account) -> TraderSide | None:
    """Which side of a trade an account stands on, None when on neither; a taker that met itself is a taker."""
    if trade.order is not None and trade.order.account is account:
        return "TAKER"
    if any(fill.order is not None and fill.order.account is account for fill in trade.fills):
        return "MAKER"
    return None


def original_size_text(order: Order) -> str:
    """What was ordered: shares, but dollars of a FOK or FAK buy, which spends."""
    spends = order.side == "BUY" and order.time_in_force in ("FOK", "FAK")
    return size_text(order.making if spends else order.size)


def maker_addresses(trade: Trade) -> list[str]:
    """The wallets in a trade, the taker's first."""
    return [_address(trade.order, trade.order_id), *(_address(fill.order, fill.order_id) for fill in trade.fills)]


def _trade(trade: Trade, side: TraderSide) -> dict[str, Any]:
    return {
        "id": trade.id,
        "taker_order_id": trade.order_id,
        "market": trade.market.condition_id,
        "asset_id": trade.market.token_ids[trade.token],
        "side": trade.side,
        "size": size_text(trade.size),
        "fee_rate_bps": _NO_FEE,
        "price": PRICE_TEXT[trade.price],
        "match_time": str(trade.matched_ns // SECOND),
        "last_update": str(trade.updated_ns // SECOND),
        "outcome": trade.market.outcomes[trade.token],
        "owner": _owner(trade.order, trade.order_id),
        "maker_address": _address(trade.order, trade.order_id),
        "bucket_index": 0,
        "trader_side": side,
    }


def _maker_order(trade: Trade, fill: MakerFill) -> dict[str, Any]:
    return {
        "order_id": fill.order_id,
        "owner": _owner(fill.order, fill.order_id),
        "maker_address": _address(fill.order, fill.order_id),
        "matched_amount": size_text(fill.size),
        "price": PRICE_TEXT[fill.price],
        "fee_rate_bps": _NO_FEE,
        "asset_id": trade.market.token_ids[fill.token],
        "outcome": trade.market.outcomes[fill.token],
        "side": fill.side,
    }


def _owner(order: Order | None, order_id: str) -> str:
    return order.api_key if order is not None else str(uuid.UUID(bytes=_digest("key", order_id)[:16], version=4))


def _address(order: Order | None, order_id: str) -> str:
    return order.wallet.address if order is not None else checksum_address(_digest("wallet", order_id)[:20])


def _digest(what: str, order_id: str) -> bytes:
    return hashlib.sha256(f"{what} of {order_id}".encode()).digest()
