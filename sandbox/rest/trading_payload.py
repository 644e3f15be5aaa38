"""The body of an order as it stands on the wire, read strictly: what is not shaped so is `Invalid order payload`.

Why the generation is read here: bodies of the first one have fields that the later ones lost, and the venue answers
them before it looks at anything else. Which of the later generations an order was signed for, only its signature says.
"""

import re
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from sandbox import wire
from sandbox.rest.refusals import Refused
from sandbox.signing.typed_data import ZERO_32, ZERO_ADDRESS
from sandbox.signing.typed_data import Order as Signed
from sandbox.trading.records import TimeInForce

ORDERS_MAX: Final = 15
"""Orders in one batch."""
INVALID: Final = "Invalid order payload"
VERSION_MISMATCH: Final = "order_version_mismatch"

_Shape = TypeVar("_Shape")

_ADDRESS: Final = r"^0x[0-9a-fA-F]{40}\Z"
_BYTES_32: Final = r"^0x[0-9a-fA-F]{64}\Z"
_NUMBER: Final = r"^[0-9]{1,78}\Z"
_SALT_MAX: Final = 2**53 - 1
_UINT256: Final = 2**256

_Address = Annotated[str, msgspec.Meta(pattern=_ADDRESS)]
_Bytes32 = Annotated[str, msgspec.Meta(pattern=_BYTES_32)]
_Number = Annotated[str, msgspec.Meta(pattern=_NUMBER)]
_ORDER_ID: Final = re.compile(_BYTES_32)


class OrderFields(msgspec.Struct, frozen=True, rename="camel"):
    """The signed part; `taker`, `nonce` and `fee_rate_bps` are of generation 1, `timestamp` of the later ones."""

    salt: Annotated[int, msgspec.Meta(ge=0, le=_SALT_MAX)]
    maker: _Address
    signer: _Address
    token_id: _Number
    maker_amount: _Number
    taker_amount: _Number
    side: Literal["BUY", "SELL"]
    signature_type: Annotated[int, msgspec.Meta(ge=0, le=3)]
    signature: str
    expiration: _Number = "0"
    timestamp: _Number | None = None
    metadata: _Bytes32 = ZERO_32
    builder: _Bytes32 = ZERO_32
    taker: _Address | None = None
    nonce: _Number | None = None
    fee_rate_bps: _Number | None = None

    @property
    def is_first_generation(self) -> bool:
        """Whether it has a field that only generation 1 had."""
        return self.taker is not None or self.nonce is not None or self.fee_rate_bps is not None

    def signed(self) -> Signed:
        """What the signature covers. Raises Refused for a number beyond 256 bits."""
        numbers = (self.token_id, self.maker_amount, self.taker_amount, self.expiration)
        more = (self.timestamp or "0", self.nonce or "0", self.fee_rate_bps or "0")
        token_id, making, taking, expiration, timestamp_ms, nonce, fee_rate_bps = values = [
            int(text) for text in numbers + more
        ]
        if max(values) >= _UINT256:
            raise Refused(400, INVALID)
        return Signed(
            self.salt,
            self.maker,
            self.signer,
            token_id,
            making,
            taking,
            0 if self.side == "BUY" else 1,
            self.signature_type,
            timestamp_ms,
            self.metadata,
            self.builder,
            self.taker or ZERO_ADDRESS,
            expiration,
            nonce,
            fee_rate_bps,
        )


class OrderBody(msgspec.Struct, frozen=True, rename="camel"):
    """One order with what is said about it; `owner` is an API key."""

    order: OrderFields
    owner: str
    order_type: TimeInForce
    defer_exec: bool = False
    post_only: bool = False


def read_order(body: bytes) -> OrderBody:
    """Read the body of `POST /order`. Raises Refused."""
    return decoded(body, OrderBody)


def read_orders(body: bytes) -> list[OrderBody]:
    """Read the body of `POST /orders`. Raises Refused."""
    raw = decoded(body, list[msgspec.Raw])
    if len(raw) > ORDERS_MAX:
        raise Refused(400, f"Too many orders in payload: {len(raw)}, max allowed: {ORDERS_MAX}")
    if not raw:
        raise Refused(400, INVALID)
    return [decoded(one, OrderBody) for one in raw]


def decoded(body: bytes | msgspec.Raw, shape: type[_Shape], text: str = INVALID) -> _Shape:
    """Read JSON of a shape. Raises Refused with the text."""
    try:
        return wire.decode(body, shape)
    except msgspec.DecodeError:
        raise Refused(400, text) from None


def is_order_id(text: str) -> bool:
    """Whether a text may be the id of an order."""
    return _ORDER_ID.fullmatch(text) is not None
