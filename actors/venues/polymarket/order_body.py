"""The exact bytes of the requests that place and cancel: what is journalled, signed by the headers, and sent.

Why bytes and not objects: the headers sign every byte, and an order of unknown fate may be sent again only as it was.
Key order and compactness are those of `polymarket-client` 0.14.0; a batch is its orders' bodies, joined.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from actors.venues.polymarket.orders import SignedOrder
from models.orders import TimeInForce

ORDERS_MAX: Final = 15
"""Most orders that one `POST /orders` may place."""

CANCELS_MAX: Final = 1_000
"""Most ids that one `DELETE /orders` may name (since 2026-06-15)."""

_RESTS: Final = frozenset({TimeInForce.GTC, TimeInForce.GTD})
_ANYBODY: Final = "0x" + "00" * 20


class _Order(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """An order of generation 2 or 3."""

    builder: str
    expiration: str
    maker: str
    maker_amount: str
    metadata: str
    salt: int
    side: str
    signature: str
    signature_type: int
    signer: str
    taker_amount: str
    timestamp: str
    token_id: str


class _FirstOrder(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """An order of generation 1."""

    salt: int
    maker: str
    signer: str
    taker: str
    token_id: str
    maker_amount: str
    taker_amount: str
    side: str
    expiration: str
    nonce: str
    fee_rate_bps: str
    signature_type: int
    signature: str


class _Placement(msgspec.Struct, frozen=True, rename="camel", gc=False):
    defer_exec: bool
    order: _Order | _FirstOrder
    order_type: str
    owner: str
    post_only: bool | msgspec.UnsetType


def order_body(signed: SignedOrder, time_in_force: TimeInForce, post_only: bool, api_key: str) -> bytes:
    """Return the body of `POST /order`. Raises ValueError for terms that contradict each other.

    `api_key` is that of the credentials whose headers sign the request: the venue calls it the owner.
    """
    if post_only and time_in_force not in _RESTS:
        raise ValueError(f"an order that is {time_in_force} cannot be post-only: it never rests")
    if (signed.order.expiration_s > 0) != (time_in_force is TimeInForce.GTD):
        raise ValueError(f"{time_in_force} with expiration {signed.order.expiration_s}: GTD alone has one")
    order = _first_order(signed) if signed.generation == 1 else _order(signed)
    return msgspec.json.encode(
        _Placement(False, order, time_in_force.value, api_key, True if post_only else msgspec.UNSET)
    )


def batch_body(bodies: Iterable[bytes]) -> bytes:
    """Return the body of `POST /orders` from the bodies of its orders, which stay byte for byte what they are."""
    listed = list(bodies)
    if not 1 <= len(listed) <= ORDERS_MAX:
        raise ValueError(f"a batch has 1 to {ORDERS_MAX} orders, not {len(listed)}")
    return b"[" + b",".join(listed) + b"]"


def cancel_body(order_id: str) -> bytes:
    """Return the body of `DELETE /order`."""
    return msgspec.json.encode({"orderID": order_id})


def cancels_body(order_ids: Iterable[str]) -> bytes:
    """Return the body of `DELETE /orders`."""
    listed = list(order_ids)
    if not 1 <= len(listed) <= CANCELS_MAX:
        raise ValueError(f"a request cancels 1 to {CANCELS_MAX} orders, not {len(listed)}")
    return msgspec.json.encode(listed)


def cancel_market_body(condition_id: str, token_id: str | None = None) -> bytes:
    """Return the body of `DELETE /cancel-market-orders`: of a market, or of one of its tokens."""
    named = {"market": condition_id}
    return msgspec.json.encode(named if token_id is None else {**named, "asset_id": token_id})


def heartbeat_body(last: str) -> bytes:
    """Return the body of `POST /v1/heartbeats`: the id of the last answer, empty for the first beat."""
    return msgspec.json.encode({"heartbeat_id": last})


def _order(signed: SignedOrder) -> _Order:
    order = signed.order
    return _Order(
        builder=order.builder,
        expiration=str(order.expiration_s),
        maker=signed.maker,
        maker_amount=str(order.making),
        metadata=order.metadata,
        salt=order.salt,
        side=order.side.value,
        signature=signed.signature,
        signature_type=int(signed.signature_type),
        signer=signed.signer,
        taker_amount=str(order.taking),
        timestamp=str(order.timestamp_ms),
        token_id=order.token_id,
    )


def _first_order(signed: SignedOrder) -> _FirstOrder:
    order = signed.order
    return _FirstOrder(
        salt=order.salt,
        maker=signed.maker,
        signer=signed.signer,
        taker=_ANYBODY,
        token_id=order.token_id,
        maker_amount=str(order.making),
        taker_amount=str(order.taking),
        side=order.side.value,
        expiration=str(order.expiration_s),
        nonce="0",
        fee_rate_bps=str(order.fee_rate_bps),
        signature_type=int(signed.signature_type),
        signature=signed.signature,
    )
