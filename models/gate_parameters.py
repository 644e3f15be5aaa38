"""What the gate is told: what is about to leave, how fast orders may, and how long the venue may not hear of us.

Why these bounds stand beside the account's tier and the pace of risk: they are the last ones. Whatever goes wrong
before them, no more than this leaves.
"""

from typing import Annotated, NamedTuple

import msgspec

from models.messages.orders import PlaceOrder
from models.parameters import parameter


class Leaving(NamedTuple):
    """An order that is about to leave, and the bytes that it leaves as; a paper venue takes it as it is."""

    order_id: str
    order: PlaceOrder
    body: bytes = b""


class GateParameters(msgspec.Struct, frozen=True):
    """Live: what no order gets past, whatever goes wrong before it. What would be too much is never sent."""

    second_max: Annotated[int, parameter("So many orders leave within any second.", "count", gt=0, le=1_500)] = 100
    ten_seconds_max: Annotated[
        int, parameter("So many orders leave within any ten seconds.", "count", gt=0, le=6_900)
    ] = 500
    heartbeat_max_ms: Annotated[
        int,
        parameter("Orders leave while the venue has accepted a heartbeat within this: two intervals.", "ms", gt=0,
                  le=10_000),
    ] = 10_000  # fmt: skip
