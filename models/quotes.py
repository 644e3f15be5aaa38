"""From targets to orders: what to place, what to cancel, and what to leave alone.

Why here and not in strategies: thresholds, debounce, order life, in-flight rules and churn are the same for every
strategy, and each one written twice is one that is wrong once.

The rules, in the order in which they are asked of a slot (market, token, side):

1. An order that is placing, cancelling or unknown is waited for; a replacement is made only from the newest target and
   only when the old order is terminal, so replace is cancel, evidence, place and never two live orders.
2. A working order whose target vanished is cancelled with the reason that the strategy gave.
3. At the right price the order keeps its queue: a missing size is added as a second order when it makes a minimum, an
   excess is cut only where it is a risk (a hedge beyond what is naked).
4. A price is wrong when it is off by the threshold, max(configured, one tick), and the net mid has left the half tick
   around where the order was made.
5. Reprices wait for the minimum life and the churn cap; cancels that risk asks for never do.
"""

from collections import deque
from typing import Annotated

import msgspec

from models.markets import Market, Outcome, Side
from models.messages.base import MarketId, Message, Tag
from models.messages.orders import CancelOrder, IntentDenied, OrderChanged, PlaceOrder
from models.orders import TERMINAL, OrderState, TimeInForce
from models.parameters import parameter
from models.sizes import placeable
from models.strategy import Quote, Targets, WorkingOrder
from models.units import Price, Size

_MS = 1_000_000
_ANSWER_MAX_MS = 1_000


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


class _Order:
    """One own order of a slot. `size` is what was asked for, `remaining` what may still fill."""

    __slots__ = ("anchor", "answered", "cancel_asked", "intent", "placed_ns", "price", "remaining", "state")

    def __init__(self, intent: str, price: Price, size: Size, anchor: Price | None, placed_ns: int) -> None:
        self.intent = intent
        self.price = price
        self.remaining = size
        self.anchor = anchor
        self.placed_ns = placed_ns
        self.state = OrderState.PLACING
        self.answered = False
        self.cancel_asked = False


class _Slot:
    """Everything known of one (market, token, side)."""

    __slots__ = ("last_placed_ns", "orders", "refused_until_ns")

    def __init__(self) -> None:
        self.orders: list[_Order] = []
        self.last_placed_ns: int | None = None
        self.refused_until_ns = 0


_SlotKey = tuple[MarketId, Outcome, Side]


class Quotes:
    """The working orders of one desk on one group, and the diff that moves them towards targets."""

    def __init__(self, tag: Tag, markets: dict[MarketId, Market], parameters: QuoteParameters) -> None:
        self._tag = tag
        self._markets = markets
        self._parameters = parameters
        self._slots: dict[_SlotKey, _Slot] = {}
        self._by_intent: dict[str, tuple[_SlotKey, _Order]] = {}
        self._reprices: dict[MarketId, deque[int]] = {}
        self._sequence = 0
        self.wake_ns: int | None = None

    def working(self, market: MarketId) -> tuple[WorkingOrder, ...]:
        """Return the desk's orders in a market that are not terminal."""
        return tuple(
            WorkingOrder(order.intent, at[1], at[2], order.price, order.remaining, order.state)
            for at, slot in self._slots.items()
            if at[0] == market
            for order in slot.orders
        )

    def order_changed(self, event: OrderChanged, now_ns: int) -> None:
        """Take the executor's word on an order; orders of an earlier life of this desk are adopted."""
        at: _SlotKey = (event.market, event.outcome, event.side)
        slot = self._slot(at)
        known = self._by_intent.get(event.intent)
        if known is None:
            if event.state in TERMINAL:
                return
            order = _Order(event.intent, event.price, event.size, None, event.at_ns)
            slot.orders.append(order)
            self._by_intent[event.intent] = (at, order)
        else:
            order = known[1]
        if order.state is OrderState.CANCELLING and event.state is OrderState.WORKING:
            order.cancel_asked = False
        order.answered = True
        order.state = event.state
        order.remaining = event.size - event.filled
        if event.state in TERMINAL:
            self._forget(at, order)
            if event.state is OrderState.REJECTED:
                slot.refused_until_ns = now_ns + self._parameters.refused_cooldown_ms * _MS

    def intent_denied(self, event: IntentDenied, now_ns: int) -> None:
        """Free the slot of an intent that a limit refused, and leave it alone for a while."""
        known = self._by_intent.get(event.intent)
        if known is None:
            return
        at, order = known
        self._forget(at, order)
        self._slots[at].refused_until_ns = now_ns + self._parameters.refused_cooldown_ms * _MS

    def diff(
        self, targets: Targets, epochs: dict[MarketId, int], ticks: dict[MarketId, Price], now_ns: int
    ) -> list[Message]:
        """Return the cancels and placements that move the working orders towards the targets.

        `wake_ns` is afterwards the earliest time at which calling again could do more, None for never.
        """
        self.wake_ns = None
        out: list[Message] = []
        wanted: dict[_SlotKey, Quote] = {(quote.market, quote.outcome, quote.side): quote for quote in targets.quotes}
        withheld: dict[_SlotKey, str] = {
            (skip.market, skip.outcome, skip.side): skip.reason for skip in targets.withheld
        }
        for at in [at for at, slot in self._slots.items() if slot.orders and at not in wanted]:
            reason = withheld.get(at, targets.reason or "not_wanted")
            for order in self._slots[at].orders:
                self._cancel(at[0], order, reason, out)
        for at, quote in wanted.items():
            self._move(at, quote, epochs.get(at[0], 0), ticks.get(at[0], self._markets[at[0]].tick), now_ns, out)
        return out

    def _move(self, at: _SlotKey, quote: Quote, epoch: int, tick: Price, now_ns: int, out: list[Message]) -> None:
        slot = self._slot(at)
        self._drop_unanswered(at, slot, now_ns)
        if not slot.orders:
            self._place(at, slot, quote, quote.price, quote.size, epoch, now_ns, out)
            return
        if any(order.state is not OrderState.WORKING or order.cancel_asked for order in slot.orders):
            return
        misplaced = [order for order in slot.orders if self._is_misplaced(order, quote, tick)]
        standing = sum(order.remaining for order in slot.orders)
        if misplaced:
            if self._may_reprice(at[0], misplaced, now_ns):
                for order in misplaced:
                    self._cancel(at[0], order, "reprice", out)
        elif standing > quote.size and quote.urgent:
            for order in slot.orders:
                self._cancel(at[0], order, "size", out)
        elif placeable(quote.size - standing) >= self._markets[at[0]].min_order_size:
            self._place(at, slot, quote, slot.orders[0].price, quote.size - standing, epoch, now_ns, out)

    def _is_misplaced(self, order: _Order, quote: Quote, tick: Price) -> bool:
        distance = abs(order.price - quote.price)
        threshold = max(self._parameters.reprice_threshold, tick)
        if distance < threshold or (distance == threshold and threshold != tick):
            return False
        if quote.anchor is None or order.anchor is None:
            return True
        return abs(quote.anchor - order.anchor) > tick

    def _may_reprice(self, market: MarketId, orders: list[_Order], now_ns: int) -> bool:
        oldest_allowed = now_ns - self._parameters.minimum_life_ms * _MS
        youngest = max(order.placed_ns for order in orders)
        if youngest > oldest_allowed:
            self._wake_at(youngest + self._parameters.minimum_life_ms * _MS)
            return False
        recent = self._reprices.setdefault(market, deque())
        while recent and recent[0] <= now_ns - 1_000 * _MS:
            recent.popleft()
        if len(recent) >= self._parameters.cancels_per_s:
            self._wake_at(recent[0] + 1_000 * _MS)
            return False
        recent.append(now_ns)
        return True

    def _place(
        self,
        at: _SlotKey,
        slot: _Slot,
        quote: Quote,
        price: Price,
        size: Size,
        epoch: int,
        now_ns: int,
        out: list[Message],
    ) -> None:
        ready_ns = slot.refused_until_ns
        if slot.last_placed_ns is not None and not quote.urgent:
            ready_ns = max(ready_ns, slot.last_placed_ns + self._parameters.debounce_ms * _MS)
        if now_ns < ready_ns:
            self._wake_at(ready_ns)
            return
        market, outcome, side = at
        # Milliseconds keep the sequence rising over a restart of this actor, so that no intent id is used twice.
        self._sequence = max(self._sequence + 1, now_ns // _MS)
        intent = f"{self._tag}/{market}/{outcome}/{side}/{self._sequence}"
        order = _Order(intent, price, placeable(size), quote.anchor, now_ns)
        slot.orders.append(order)
        slot.last_placed_ns = now_ns
        self._by_intent[intent] = (at, order)
        self._wake_at(now_ns + _ANSWER_MAX_MS * _MS)
        out.append(
            PlaceOrder(
                intent, self._tag, market, outcome, side, price, order.remaining, True, TimeInForce.GTC,
                quote.reason, epoch, now_ns,
            )
        )  # fmt: skip

    def _cancel(self, market: MarketId, order: _Order, reason: str, out: list[Message]) -> None:
        if order.cancel_asked or order.state in (OrderState.CANCELLING, OrderState.UNKNOWN):
            return
        order.cancel_asked = True
        out.append(CancelOrder(order.intent, market, reason))

    def _drop_unanswered(self, at: _SlotKey, slot: _Slot, now_ns: int) -> None:
        """Forget intents that died on the way: after a second an intent cannot be approved any more (it lives 500 ms).

        Should the executor know the order after all, its next word adopts it again.
        """
        for order in list(slot.orders):
            if not order.answered and now_ns - order.placed_ns >= _ANSWER_MAX_MS * _MS:
                self._forget(at, order)

    def _slot(self, at: _SlotKey) -> _Slot:
        slot = self._slots.get(at)
        if slot is None:
            slot = self._slots[at] = _Slot()
        return slot

    def _forget(self, at: _SlotKey, order: _Order) -> None:
        orders = self._slots[at].orders
        if order in orders:
            orders.remove(order)
        self._by_intent.pop(order.intent, None)

    def _wake_at(self, at_ns: int) -> None:
        self.wake_ns = at_ns if self.wake_ns is None else min(self.wake_ns, at_ns)
