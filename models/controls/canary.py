"""The first hour in which money is traded under new conditions: one market, and one least order a side.

Why a time and not a number of orders: what a mistake in code, strategy or limits does shows in fills and their
settlement, and those take time. Why the first market that is traded is the one: any other choice would be a guess at
which one the strategy wants.
"""

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec

from models.controls.control import Control, Guard, Refusal
from models.exposure import Exposures
from models.messages.base import MarketId
from models.messages.control import Reading
from models.messages.orders import PlaceOrder
from models.parameters import parameter
from models.units import format_size

_S: Final = 1_000_000_000


class ArmingParameters(msgspec.Struct, frozen=True):
    """What code, strategy and limits have to go through, when they are new, before they trade as much as they may."""

    paper_s: Annotated[
        int, parameter("Time on paper under the same conditions before live may start.", "seconds", ge=0, le=2_592_000)
    ] = 86_400
    canary_s: Annotated[
        int, parameter("Time live with one market and one least order a side.", "seconds", ge=0, le=86_400)
    ] = 3_600


class Canary(Guard):
    """Lets hardly anything open for what is `left_ns` of the first hour, counted from the first order; 0 for none."""

    controls = (
        Control(
            "canary", "before", "open", "the order is refused",
            "time live under these conditions: until it is over, one market and one least order a side",
            ("arming.canary_s",),
        ),
    )  # fmt: skip

    def __init__(self, left_ns: int, exposures: Exposures) -> None:
        self._left_ns = left_ns
        self._exposures = exposures
        self._market: MarketId | None = None
        self._until_ns: int | None = None

    def refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], opens: bool, now_ns: int) -> Refusal | None:
        if not opens or not self._holds(now_ns):
            return None
        only = self._market if self._market is not None else next((leg.market for leg in before), order.market)
        if order.market != only:
            return self._refused(f"one market alone, {self._exposures.markets[only].slug}", now_ns)
        least = self._exposures.markets[order.market].min_order_size
        if order.size > least:
            return self._refused(f"{format_size(order.size)} > {format_size(least)} shares", now_ns)
        beside = any((leg.outcome, leg.side) == (order.outcome, order.side) for leg in before)
        if beside or self._exposures.of(order.market).has_order(order.outcome, order.side):
            return self._refused("one order a side", now_ns)
        return None

    def approved(self, order: PlaceOrder, now_ns: int) -> None:
        if self._left_ns and self._market is None:
            self._market, self._until_ns = order.market, now_ns + self._left_ns

    def readings(self, now_ns: int) -> Iterable[Reading]:
        if not self._holds(now_ns):
            return
        where = "from the first order on" if self._market is None else self._exposures.markets[self._market].slug
        yield Reading("canary", "all", self._seconds_left(now_ns), 0, "s left", holds=True, note=where)

    def _holds(self, now_ns: int) -> bool:
        return self._left_ns > 0 and (self._until_ns is None or now_ns < self._until_ns)

    def _seconds_left(self, now_ns: int) -> float:
        return (self._left_ns if self._until_ns is None else self._until_ns - now_ns) / _S

    def _refused(self, why: str, now_ns: int) -> Refusal:
        return Refusal("canary", f"{why}, for {self._seconds_left(now_ns) / 60:.0f} min more")
