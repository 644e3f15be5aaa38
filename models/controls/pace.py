"""How fast orders may follow each other.

Why the same order twice within a moment is refused whoever wants it: two parts that want it at once are one mistake
made twice, and the second order would double what the first was meant to be.

Why the rate counts every order and stops those alone that open: a strategy gone wild is known by what it sends, and
what it must not be kept from is getting out. Why it grows with the markets and ends at the signer's tier: each market
wants its own quotes moved, and what the venue would refuse need not be signed.
"""

from collections import deque
from collections.abc import Iterable
from typing import Annotated

import msgspec

from models.controls.control import Control, Guard, Refusal
from models.limiter import TIERS, Bucket
from models.markets import Outcome, Side
from models.messages.base import MarketId
from models.messages.control import Reading
from models.messages.orders import PlaceOrder
from models.parameters import parameter
from models.units import Price, Size

_MS = 1_000_000

_Order = tuple[MarketId, Outcome, Side, Price, Size]


class PaceParameters(msgspec.Struct, frozen=True):
    """How fast orders may follow each other."""

    duplicate_window_ms: Annotated[
        int, parameter("An order like another is refused for so long after it; 0 for never.", "ms", ge=0, le=10_000)
    ] = 250
    orders_per_s: Annotated[
        int,
        parameter("Most orders a second for each enabled market; what lowers the risk is not held up. Never more than "
                  "the signer's tier takes.", "count", ge=1, le=200),
    ] = 3  # fmt: skip
    orders_at_once: Annotated[
        int,
        parameter("Most orders at once for each enabled market, after a pause. Never more than the signer's tier "
                  "takes.", "count", ge=1, le=500),
    ] = 10  # fmt: skip


class Pace(Guard):
    """Counts the orders that were approved, by when. `markets` are enabled, `tier` is the signer's."""

    controls = (
        Control(
            "duplicate",
            "before",
            "all",
            "the order is refused",
            "time since an order of the same token, side, price and size was approved",
            ("pace.duplicate_window_ms",),
        ),
        Control(
            "order_rate",
            "before",
            "open",
            "the order is refused",
            "orders approved of late: each takes one of what may be sent at once, and they come back at the rate",
            ("pace.orders_per_s", "pace.orders_at_once", "executor.rate_tier"),
        ),
    )

    def __init__(self, parameters: PaceParameters, markets: int = 1, tier: str = "Standard") -> None:
        most = TIERS[tier.lower()]
        enabled = max(1, markets)
        self._window_ns = parameters.duplicate_window_ms * _MS
        self._approved: deque[tuple[int, _Order]] = deque()
        self._latest_ns: dict[_Order, int] = {}
        self._rate = min(parameters.orders_per_s * enabled, most.orders_rate)
        self._bucket = Bucket(self._rate, min(parameters.orders_at_once * enabled, most.orders_burst))

    def refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], opens: bool, now_ns: int) -> Refusal | None:
        return self._duplicate_refusal(order, before, now_ns) or (self._rate_refusal(before, now_ns) if opens else None)

    def approved(self, order: PlaceOrder, now_ns: int) -> None:
        same = _same(order)
        self._approved.append((now_ns, same))
        self._latest_ns[same] = now_ns
        if self._bucket.tokens(now_ns) > -self._bucket.burst:
            self._bucket.take()

    def readings(self, now_ns: int) -> Iterable[Reading]:
        yield Reading("duplicate", "all", None, self._window_ns / _MS, "ms")
        used = self._bucket.burst - self._bucket.tokens(now_ns)
        note = f"{self._rate} come back a second"
        yield Reading("order_rate", "all", used, self._bucket.burst, "count", used >= self._bucket.burst, note)

    def _duplicate_refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], now_ns: int) -> Refusal | None:
        self._forget(now_ns)
        same = _same(order)
        if any(_same(leg) == same for leg in before):
            return Refusal("duplicate", "twice in one bundle")
        at_ns = self._latest_ns.get(same)
        if at_ns is None:
            return None
        return Refusal("duplicate", f"the same order {(now_ns - at_ns) // _MS} ms ago < {self._window_ns // _MS} ms")

    def _rate_refusal(self, before: tuple[PlaceOrder, ...], now_ns: int) -> Refusal | None:
        wait_ns = self._bucket.wait_ns(len(before), now_ns)
        if not wait_ns:
            return None
        most = f"{self._bucket.burst} at once and {self._rate} a second"
        return Refusal("order_rate", f"{most} have been sent; the next in {-(-wait_ns // _MS)} ms")

    def _forget(self, now_ns: int) -> None:
        while self._approved and now_ns - self._approved[0][0] >= self._window_ns:
            _, same = self._approved.popleft()
            self._latest_ns.pop(same, None)


def _same(order: PlaceOrder) -> _Order:
    return (order.market, order.outcome, order.side, order.price, order.size)
