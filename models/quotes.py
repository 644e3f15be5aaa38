"""From wanted quotes to orders: what to place, what to cancel, and what to leave alone.

Why here and not in strategies: thresholds, debounce, order life, in-flight rules and churn are the same for every
strategy, and each one written twice is one that is wrong once.

The rules, in the order in which they are asked of a slot (market, token, side):

1. An order whose target vanished is cancelled at once, whatever its age, with the reason that the strategy gave.
2. An order that is placing, cancelling or unknown is waited for; a replacement is made only from the newest target and
   only when the old order is terminal, so replace is cancel, evidence, place and never two live orders.
3. A price is wrong when it is off by the threshold, max(configured, one tick), unless it is off by a tick only and the
   net mid is still within half a tick of where the order was made. A reprice waits for the minimum life and the churn
   cap.
4. At the right price the order keeps its queue: a missing size is added as a second order when it makes a minimum; an
   excess is cut, the youngest order first, where a whole order is too many, or where it is a risk (a hedge beyond what
   is naked).
5. Nothing is placed that would trade with an own order: it waits until that one is gone.
"""

from collections import deque
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from models.messages.base import MarketId, Message
from models.messages.orders import CancelOrder
from models.orders import OrderState
from models.own_orders import OwnOrder, OwnOrders, Slot, SlotKey
from models.parameters import parameter
from models.sizes import placeable
from models.strategy import MarketView, Quote, Targets
from models.units import Price, Size

_MS: Final = 1_000_000
_SECOND_NS: Final = 1_000 * _MS


class QuoteParameters(msgspec.Struct, frozen=True):
    """When a standing order is replaced, and how often."""

    reprice_threshold: Annotated[
        Price,
        parameter(
            "A quote is re-priced when its target is further away than this, and than one tick.",
            "price",
            env=["PM_REPRICE_THRESHOLD"],
            ge=0,
        ),
    ] = 50
    debounce_ms: Annotated[
        int,
        parameter(
            "Least time between two placements on one side; hedges do not wait.", "ms", env=["PM_DEBOUNCE_MS"], ge=0
        ),
    ] = 200
    minimum_life_ms: Annotated[
        int, parameter("A working order is not re-priced before this age; risk cancels it at any age.", "ms", ge=0)
    ] = 0
    cancels_per_s: Annotated[
        int, parameter("Most re-price cancels per second in a market; cancels for risk are not counted.", "count", ge=1)
    ] = 5
    refused_cooldown_ms: Annotated[
        int, parameter("Wait after the venue or a limit refused a quote on this side.", "ms", ge=0)
    ] = 1_000


class Quotes:
    """Moves the resting orders of one desk towards its targets.

    `wake_ns` is when looking again could do more although nothing was heard, None for never.
    """

    def __init__(self, own: OwnOrders, parameters: QuoteParameters) -> None:
        self.wake_ns: int | None = None
        self._own = own
        self._parameters = parameters
        self._reprices: dict[MarketId, deque[int]] = {}
        self._moved_to: Targets | None = None
        self._seen_changes = -1

    def change(self, parameters: QuoteParameters) -> None:
        """Go by other parameters from now on."""
        self._parameters = parameters
        self._own.change(parameters.refused_cooldown_ms)
        self._moved_to = None

    def move(self, targets: Targets, views: Mapping[MarketId, MarketView], now_ns: int) -> list[Message]:
        """Return the cancels and placements that bring the orders nearer to the targets."""
        due = self.wake_ns is not None and now_ns >= self.wake_ns
        if targets is self._moved_to and self._own.changes == self._seen_changes and not due:
            return []
        self.wake_ns = None
        out: list[Message] = []
        wanted: dict[SlotKey, Quote] = {(quote.market, quote.outcome, quote.side): quote for quote in targets.quotes}
        self._cancel_unwanted(targets, wanted, out)
        for at, quote in wanted.items():
            self._move(at, quote, views[at[0]], now_ns, out)
        self._moved_to, self._seen_changes = targets, self._own.changes
        return out

    def _cancel_unwanted(self, targets: Targets, wanted: Mapping[SlotKey, Quote], out: list[Message]) -> None:
        withheld = {(skip.market, skip.outcome, skip.side): skip.reason for skip in targets.withheld}
        otherwise = "not_wanted" if targets.quotes or not targets.reason else targets.reason
        for at, slot in self._own.slots.items():
            if slot.orders and at not in wanted:
                for order in slot.orders:
                    _cancel(at, order, withheld.get(at, otherwise), out)

    def _move(self, at: SlotKey, quote: Quote, view: MarketView, now_ns: int, out: list[Message]) -> None:
        slot = self._own.slot(at)
        if not slot.orders:
            self._place(at, slot, quote, quote.price, quote.size, view, now_ns, out)
            return
        if not all(order.stands for order in slot.orders):
            return
        misplaced = [order for order in slot.orders if self._is_misplaced(order, quote, view.tick)]
        standing = sum(order.remaining for order in slot.orders)
        if misplaced:
            if self._may_reprice(at[0], misplaced, now_ns):
                for order in misplaced:
                    _cancel(at, order, "reprice", out)
        elif standing > quote.size:
            _cut(at, slot, standing, quote, out)
        elif placeable(quote.size - standing) >= view.market.min_order_size:
            self._place(at, slot, quote, slot.orders[0].price, quote.size - standing, view, now_ns, out)

    def _is_misplaced(self, order: OwnOrder, quote: Quote, tick: Price) -> bool:
        distance = abs(order.price - quote.price)
        threshold = max(self._parameters.reprice_threshold, tick)
        if distance < threshold or (distance == threshold and threshold != tick):
            return False
        if quote.anchor is None or order.anchor is None or distance > tick:
            return True
        return abs(quote.anchor - order.anchor) > tick

    def _may_reprice(self, market: MarketId, orders: list[OwnOrder], now_ns: int) -> bool:
        old_enough_ns = max(order.placed_ns for order in orders) + self._parameters.minimum_life_ms * _MS
        recent = self._reprices.setdefault(market, deque())
        while recent and recent[0] <= now_ns - _SECOND_NS:
            recent.popleft()
        if len(recent) >= self._parameters.cancels_per_s:
            old_enough_ns = max(old_enough_ns, recent[0] + _SECOND_NS)
        if now_ns < old_enough_ns:
            self._wake_at(old_enough_ns)
            return False
        recent.extend([now_ns] * len(orders))
        return True

    def _place(
        self,
        at: SlotKey,
        slot: Slot,
        quote: Quote,
        price: Price,
        size: Size,
        view: MarketView,
        now_ns: int,
        out: list[Message],
    ) -> None:
        ready_ns = slot.refused_until_ns
        if slot.last_asked_ns is not None and not quote.urgent:
            ready_ns = max(ready_ns, slot.last_asked_ns + self._parameters.debounce_ms * _MS)
        if now_ns < ready_ns:
            self._wake_at(ready_ns)
            return
        if self._own.would_cross(at, price):
            return
        epoch = 0 if view.book is None else view.book.epoch
        out.append(self._own.ask(at, price, placeable(size), quote.reason, epoch, now_ns, anchor=quote.anchor))

    def _wake_at(self, at_ns: int) -> None:
        self.wake_ns = at_ns if self.wake_ns is None else min(self.wake_ns, at_ns)


def _cut(at: SlotKey, slot: Slot, standing: Size, quote: Quote, out: list[Message]) -> None:
    """Cancel what is too much, the youngest first: it has waited least."""
    for order in reversed(slot.orders):
        excess = standing - quote.size
        if excess >= order.remaining or (quote.urgent and excess > 0):
            _cancel(at, order, "size", out)
            standing -= order.remaining


def _cancel(at: SlotKey, order: OwnOrder, reason: str, out: list[Message]) -> None:
    # A take cannot be called back, and an order of unknown fate or under a cancel is waited for.
    if order.rests and not order.cancel_asked and order.state in (OrderState.PLACING, OrderState.WORKING):
        order.cancel_asked = True
        out.append(CancelOrder(order.intent, at[0], reason))
