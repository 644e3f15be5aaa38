"""Orders of unknown fate over all markets: few of them stop their own markets, several stop all that opens.

Why so many kill only when the venue speaks and they stay unknown: a line that breaks makes one of every order that is
just on its way, in twenty markets twenty at once, and nothing is wrong with us. An unknown order has to be resolved
within half a minute of the venue being there again. If as many as that are not, we do not know what stands in our name.
So the limit of a kill grows with the orders that may be open, and time counts from the venue's first word on any order
since there were so many. Until then all that opens is stopped, and every unknown order is cancelled blindly.

After a death of risk the time to a kill begins anew.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec

from models.cells import TradingState
from models.controls.control import Control
from models.controls.timed import TimedControls
from models.messages.base import Message
from models.messages.control import Kill, Reading, SetOperatorState
from models.messages.orders import OrderChanged
from models.orders import UNCERTAIN, OrderState
from models.parameters import parameter

UNKNOWN: Final = "unknown_orders"
KILL: Final = "unknown_orders_kill"

_SPOKEN: Final = frozenset(
    {
        OrderState.WORKING, OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED,
        OrderState.NEVER_ACCEPTED,
    }
)  # fmt: skip
"""States that only a venue that answers can put an order into."""

_SECOND_NS: Final = 1_000_000_000


class UnknownParameters(msgspec.Struct, frozen=True):
    """How many orders may be of unknown fate at once."""

    reduce: Annotated[
        int, parameter("So many orders of unknown fate leave only what reduces.", "count", ge=1, le=100)
    ] = 3
    clean_s: Annotated[
        int, parameter("Opening goes on once there were fewer for so long.", "seconds", ge=1, le=86_400)
    ] = 300
    kill: Annotated[
        int,
        parameter("So many kill, but never fewer than half of the orders that may be open.", "count", ge=2, le=1_000),
    ] = 5
    kill_after_s: Annotated[
        int, parameter("When each of them has been unknown for so long, and the venue has spoken as long ago.",
                       "seconds", ge=5, le=600)
    ] = 30  # fmt: skip


class Unknowns(TimedControls):
    """Counts orders of unknown fate. `most_open` orders may be open in all."""

    controls = (
        Control(
            UNKNOWN, "meanwhile", "open", "only what lowers the risk goes on",
            "orders of all markets of which nobody can say whether they stand",
            ("unknowns.reduce", "unknowns.clean_s"),
        ),
        Control(
            KILL, "meanwhile", "all", "everything is killed",
            "orders that are still of unknown fate when the venue has been answering for a while",
            ("unknowns.kill", "unknowns.kill_after_s", "risk.open_orders_total"),
        ),
    )  # fmt: skip
    counts = (OrderChanged,)
    hears = (*counts, SetOperatorState)
    timer = "unknowns"

    def __init__(self, parameters: UnknownParameters, most_open: int) -> None:
        super().__init__({}, {UNKNOWN: TradingState.REDUCING})
        self._parameters = parameters
        self._kills = max(parameters.kill, -(-most_open // 2))
        self._since_ns: dict[str, int] = {}
        self._spoken_ns: int | None = None
        """When the venue first said something after there were enough to kill."""

    def due(self, key: str, now_ns: int) -> tuple[Message, ...]:
        return self._judge(now_ns) if key == KILL else super().due(key, now_ns)

    def recalled(self, now_ns: int) -> tuple[Message, ...]:
        self._spoken_ns = None
        self.deadlines.drop(KILL)
        return super().recalled(now_ns)

    def counted(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        order: OrderChanged = message
        before = len(self._since_ns)
        if order.state in UNCERTAIN:
            self._since_ns.setdefault(order.intent, now_ns)
        else:
            self._since_ns.pop(order.intent, None)
        count = len(self._since_ns)
        if count < self._kills:
            self._spoken_ns = None
            self.deadlines.drop(KILL)
        elif self._spoken_ns is None and order.state in _SPOKEN:
            self._spoken_ns = now_ns
            self.deadlines.put(KILL, now_ns + self._wait_ns)
        if count >= self._parameters.reduce:
            reason = f"{count} orders of unknown fate >= {self._parameters.reduce}"
            return self.cells[UNKNOWN].hold(None, reason, None, now_ns)
        if before >= self._parameters.reduce and (reason := self.cells[UNKNOWN].reason(None)) is not None:
            until_ns = now_ns + self._parameters.clean_s * _SECOND_NS
            return self.cells[UNKNOWN].hold(None, reason, until_ns, now_ns)
        return ()

    def _judge(self, now_ns: int) -> tuple[Message, ...]:
        """Kill if enough of them are old enough; look again when they are, else."""
        oldest = sorted(self._since_ns.values())
        enough_ns = oldest[self._kills - 1] + self._wait_ns
        if enough_ns > now_ns:
            self.deadlines.put(KILL, enough_ns)
            return ()
        seconds = self._parameters.kill_after_s
        reason = f"{KILL}: {len(oldest)} orders >= {self._kills} of unknown fate, {seconds} s after the venue answered"
        return (Kill(reason, f"unknown-{now_ns}", "risk"),)

    @property
    def _wait_ns(self) -> int:
        return self._parameters.kill_after_s * _SECOND_NS

    def readings(self, now_ns: int) -> Iterator[Reading]:
        count, held = len(self._since_ns), self.cells[UNKNOWN].reason(None)
        yield Reading(UNKNOWN, "all", count, self._parameters.reduce, "orders", held is not None, held or "")
        note = (
            ""
            if self._spoken_ns is None
            else f"the venue has answered for {(now_ns - self._spoken_ns) // _SECOND_NS} s"
        )
        yield Reading(KILL, "all", count, self._kills, "orders", note=note)
