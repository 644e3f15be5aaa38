"""How connections to outside feeds are kept; the feeds themselves are in `actors/venues`."""

from typing import Annotated

import msgspec

from models.parameters import parameter


class FeedParameters(msgspec.Struct, frozen=True):
    """How a connection is kept and distrusted."""

    ping_ms: Annotated[int, parameter("Time between PINGs; the venue wants one every 10 s.", "ms", ge=100)] = 10_000
    silent_ms: Annotated[
        int, parameter("A connection without a frame or PONG for this long is replaced.", "ms", ge=1_000)
    ] = 15_000
    probe_ms: Annotated[
        int, parameter("A token without an event for this long is asked for by REST.", "ms", ge=500)
    ] = 4_000
    connect_timeout_ms: Annotated[int, parameter("Longest time for a connection to stand.", "ms", ge=100)] = 10_000
    backoff_ms: Annotated[int, parameter("First wait before a reconnect; doubles up to the cap.", "ms", ge=1)] = 250
    backoff_cap_ms: Annotated[int, parameter("Longest wait before a reconnect.", "ms", ge=1)] = 10_000
