"""How connections to outside feeds are kept, and when they are not; the feeds themselves are in `actors/venues`."""

from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias

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
    unheard_ms: Annotated[
        int, parameter("A token without its full book for this long is subscribed to again.", "ms", ge=100)
    ] = 3_000
    moved_on_ms: Annotated[
        int,
        parameter("A stream that says nothing this long after REST showed a newer book has stalled.", "ms", ge=50),
    ] = 400
    flaps: Annotated[
        int, parameter("So many connections lost within `flap_window_ms` quarantine their markets.", "count", ge=2)
    ] = 5
    flap_window_ms: Annotated[int, parameter("How long a lost connection counts as a flap.", "ms", ge=1_000)] = 60_000
    steady_ms: Annotated[
        int, parameter("A quarantined market is let go once its stream was whole for this long.", "ms", ge=100)
    ] = 30_000
    refused_ms: Annotated[
        int, parameter("Wait before a reconnect to a venue that closed for a reason of ours.", "ms", ge=100)
    ] = 60_000
    backoff_ms: Annotated[int, parameter("First wait before a reconnect; doubles up to the cap.", "ms", ge=1)] = 250
    backoff_cap_ms: Annotated[int, parameter("Longest wait before a reconnect.", "ms", ge=1)] = 10_000


AfterClose: TypeAlias = Literal["retry", "halt"]

_BY_CODE: Final = MappingProxyType[int, AfterClose](
    {
        401: "halt",  # the handshake was refused: who we are is not accepted
        403: "halt",
        1000: "retry",  # over, going away, no code, broken off
        1001: "retry",
        1005: "retry",
        1006: "retry",
        1002: "halt",  # what we said, or how, is not accepted: the same words find no other ear
        1003: "halt",
        1007: "halt",
        1008: "halt",
        1009: "halt",
        1010: "halt",
        1011: "retry",  # the server's own trouble: error, restart, overload, gateway
        1012: "retry",
        1013: "retry",
        1014: "retry",
        1015: "retry",
    }
)


def after_close(code: int | None) -> AfterClose:
    """Return what a close code, or the status of a refused handshake, calls for.

    Codes from 3000 on are an application's own, and what it says with them is that it wants something else of us, as a
    rule other credentials. What is not known is tried again.
    """
    if code is None:
        return "retry"
    return _BY_CODE.get(code, "halt" if 3_000 <= code < 5_000 else "retry")
