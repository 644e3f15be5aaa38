"""How fast orders may follow each other.

Why the same order twice within a moment is refused whoever wants it: two parts that want it at once are one mistake
made twice, and the second order would double what the first was meant to be.
"""

from collections import deque
from typing import Annotated

import msgspec

from models.controls.control import Control, Guard, Refusal
from models.markets import Outcome, Side
from models.messages.base import MarketId
from models.messages.orders import PlaceOrder
from models.parameters import parameter
from models.units import Price, Size

_MS = 1_000_000

_Order = tuple[MarketId, Outcome, Side, Price, Size]


class PaceParameters(msgspec.Struct, frozen=True):
    """How fast orders may follow each other."""

    duplicate_window_ms: Annotated[
        int, parameter("An order like another is refused for so long after it; 0 for never.", "ms", ge=0, le=60_000)
    ] = 250


class Pace(Guard):
    """Counts the orders that were approved, by when."""

    controls = (
        Control(
            "duplicate",
            "before",
            "all",
            "the order is refused",
            "time since an order of the same token, side, price and size was approved",
            ("pace.duplicate_window_ms",),
        ),
    )

    def __init__(self, parameters: PaceParameters) -> None:
        self._window_ns = parameters.duplicate_window_ms * _MS
        self._approved: deque[tuple[int, _Order]] = deque()
        self._latest_ns: dict[_Order, int] = {}

    def refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], opens: bool, now_ns: int) -> Refusal | None:
        self._forget(now_ns)
        same = _same(order)
        if any(_same(leg) == same for leg in before):
            return Refusal("duplicate", "twice in one bundle")
        at_ns = self._latest_ns.get(same)
        if at_ns is None:
            return None
        return Refusal("duplicate", f"the same order {(now_ns - at_ns) // _MS} ms ago < {self._window_ns // _MS} ms")

    def approved(self, order: PlaceOrder, now_ns: int) -> None:
        same = _same(order)
        self._approved.append((now_ns, same))
        self._latest_ns[same] = now_ns

    def _forget(self, now_ns: int) -> None:
        while self._approved and now_ns - self._approved[0][0] >= self._window_ns:
            at_ns, same = self._approved.popleft()
            if self._latest_ns.get(same) == at_ns:
                del self._latest_ns[same]


def _same(order: PlaceOrder) -> _Order:
    return (order.market, order.outcome, order.side, order.price, order.size)
