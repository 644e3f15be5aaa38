"""What the log says of orders and trades: ids, addresses, and integers in micro-units and 1/10,000 dollar."""

from typing import Any

from sandbox.trading.records import OUTSIDE, MakerFill, Order, Trade


def order_facts(order: Order) -> dict[str, Any]:
    """An order as it was accepted."""
    return {
        "id": order.id,
        "account": order.account.address,
        "wallet": order.wallet.address,
        "market": order.market.condition_id,
        "token": order.token,
        "side": order.side,
        "price": order.price,
        "size": order.size,
        "making": order.making,
        "taking": order.taking,
        "time_in_force": order.time_in_force,
        "post_only": order.post_only,
        "expires_s": order.expires_s,
        "status": order.status,
    }


def trade_facts(trade: Trade) -> dict[str, Any]:
    """A trade as it was matched."""
    return {
        "id": trade.id,
        "status": trade.status,
        "market": trade.market.condition_id,
        "taker": trade.order_id,
        "account": trade.order.account.address if trade.order else OUTSIDE,
        "token": trade.token,
        "side": trade.side,
        "price": trade.price,
        "size": trade.size,
        "cash": trade.cash,
        "fee": trade.fee,
        "makers": [_maker_facts(fill) for fill in trade.fills],
    }


def _maker_facts(fill: MakerFill) -> dict[str, Any]:
    return {
        "order": fill.order_id,
        "account": fill.order.account.address if fill.order else OUTSIDE,
        "token": fill.token,
        "side": fill.side,
        "price": fill.price,
        "size": fill.size,
        "cash": fill.cash,
    }
