"""The orders of one desk on one group that are not over: what was asked for, and what was said of it since.

Why orders that nobody here asked for are adopted: they are those of an earlier life of this desk, and somebody has to
cancel them. Why an intent without an answer is forgotten: it died on the way. It lives half a second, so after a whole
one it cannot be approved any more; should the executor know it after all, its next word adopts it again.
"""

from collections import deque
from typing import Final

from models.markets import Outcome, Side, would_trade
from models.messages.base import MarketId, Tag
from models.messages.decisions import RefusalNote
from models.messages.orders import IntentDenied, OrderChanged, PlaceOrder
from models.orders import TERMINAL, OrderState, TimeInForce
from models.strategy import WorkingOrder
from models.units import Price, Size

SlotKey = tuple[MarketId, Outcome, Side]
"""Where at most one quote is wanted."""

_REJECTIONS_PER_MINUTE: Final = 3
"""How often in a minute the venue may refuse the wishes of one slot before the next one waits."""

_MS: Final = 1_000_000
_MINUTE_NS: Final = 60_000 * _MS
_ANSWER_MAX_NS: Final = 1_000 * _MS


class OwnOrder:
    """One order. `rests` is false for a take; `anchor` is twice the net mid that its price was made from."""

    __slots__ = ("anchor", "cancel_asked", "intent", "placed_ns", "price", "remaining", "rests", "state")

    def __init__(
        self, intent: str, price: Price, size: Size, placed_ns: int, *, rests: bool, anchor: Price | None = None
    ) -> None:
        self.intent = intent
        self.price = price
        self.remaining = size
        self.placed_ns = placed_ns
        self.rests = rests
        self.anchor = anchor
        self.state = OrderState.PLACING
        self.cancel_asked = False

    @property
    def stands(self) -> bool:
        """Whether it rests at the venue and nothing is under way with it."""
        return self.state is OrderState.WORKING and not self.cancel_asked


class Slot:
    """One side of one token. `refusal` is how the last wish there was refused, until the next one goes out."""

    __slots__ = ("last_asked_ns", "orders", "refusal", "refused_until_ns", "rejected_ns")

    def __init__(self) -> None:
        self.orders: list[OwnOrder] = []
        self.last_asked_ns: int | None = None
        self.refused_until_ns = 0
        self.refusal: RefusalNote | None = None
        self.rejected_ns: deque[int] = deque(maxlen=_REJECTIONS_PER_MINUTE)
        """When the venue refused the latest wishes."""


class OwnOrders:
    """All own orders by slot. `changes` rises with every change, so that a reader sees whether it has to look again."""

    def __init__(self, tag: Tag, refused_cooldown_ms: int) -> None:
        self.changes = 0
        self.slots: dict[SlotKey, Slot] = {}
        self._tag = tag
        self._refused_cooldown_ns = refused_cooldown_ms * _MS
        self._by_intent: dict[str, tuple[SlotKey, OwnOrder]] = {}
        self._unanswered: dict[str, int] = {}
        self._working: dict[MarketId, tuple[WorkingOrder, ...]] = {}
        self._sequence = 0

    def change(self, refused_cooldown_ms: int) -> None:
        """Wait so long from the next refusal on."""
        self._refused_cooldown_ns = refused_cooldown_ms * _MS

    def working(self, market: MarketId) -> tuple[WorkingOrder, ...]:
        """Return the orders of a market that are not over."""
        known = self._working.get(market)
        if known is None:
            known = self._working[market] = tuple(
                WorkingOrder(order.intent, at[1], at[2], order.price, order.remaining, order.state)
                for at, slot in self.slots.items()
                if at[0] == market
                for order in slot.orders
            )
        return known

    def refusals(self, market: MarketId) -> tuple[RefusalNote, ...]:
        """Return what was refused last in a market where nothing has been wished for or stands since."""
        return tuple(
            slot.refusal
            for at, slot in self.slots.items()
            if at[0] == market and slot.refusal is not None and not slot.orders
        )

    def is_clear(self, market: MarketId) -> bool:
        """Whether nothing of the desk stands or is under way in a market."""
        return not self.working(market)

    def would_cross(self, at: SlotKey, price: Price) -> bool:
        """Whether an order there would trade with one of our own."""
        market, outcome, side = at
        return any(
            would_trade(outcome, side, price, order.outcome, order.side, order.price) for order in self.working(market)
        )

    def slot(self, at: SlotKey) -> Slot:
        """Return a slot, a new one where nothing was ever asked for."""
        slot = self.slots.get(at)
        if slot is None:
            slot = self.slots[at] = Slot()
        return slot

    def next_sequence(self, now_ns: int) -> int:
        """Return a number that no intent of this desk has: milliseconds keep it rising over a restart."""
        self._sequence = max(self._sequence + 1, now_ns // _MS)
        return self._sequence

    def ask(
        self,
        at: SlotKey,
        price: Price,
        size: Size,
        reason: str,
        epoch: int,
        now_ns: int,
        *,
        time_in_force: TimeInForce = TimeInForce.GTC,
        anchor: Price | None = None,
        bundle: str | None = None,
    ) -> PlaceOrder:
        """Return the wish for an order, which is counted from now on."""
        market, outcome, side = at
        rests = time_in_force is TimeInForce.GTC
        intent = f"{self._tag}/{market}/{outcome}/{side}/{self.next_sequence(now_ns)}"
        slot = self.slot(at)
        slot.last_asked_ns = now_ns
        slot.refusal = None
        self._add(at, OwnOrder(intent, price, size, now_ns, rests=rests, anchor=anchor))
        self._unanswered[intent] = now_ns
        return PlaceOrder(
            intent, self._tag, market, outcome, side, price, size, rests, time_in_force, reason, epoch, now_ns, bundle
        )

    def order_changed(self, event: OrderChanged, now_ns: int) -> None:
        """Take the executor's word on an order."""
        known = self._by_intent.get(event.intent)
        if known is None and event.state in TERMINAL:
            return
        if known is None:
            at: SlotKey = (event.market, event.outcome, event.side)
            order = OwnOrder(event.intent, event.price, event.size, event.at_ns, rests=event.post_only)
            self._add(at, order)
        else:
            at, order = known
        if order.state is OrderState.CANCELLING and event.state is OrderState.WORKING:
            order.cancel_asked = False
        order.state = event.state
        order.remaining = event.size - event.filled
        self._unanswered.pop(event.intent, None)
        self._changed(at)
        if event.state in TERMINAL:
            self._forget(at, order)
            # An order that its owner called back in time was not refused.
            if event.state is OrderState.REJECTED:
                self._rejected(at, event.reason, now_ns)
            elif event.state is OrderState.NEVER_SENT and not order.cancel_asked:
                self._refused(at, "", event.reason, now_ns)

    def intent_denied(self, event: IntentDenied, now_ns: int) -> None:
        """Free the slot of an intent that a limit refused, and leave it alone for a while."""
        known = self._by_intent.get(event.intent)
        if known is not None:
            self._forget(*known)
            self._refused(known[0], event.reason, event.detail, now_ns)

    @property
    def unanswered_until_ns(self) -> int | None:
        """When the oldest wish without an answer is given up, None where all were answered."""
        return next(iter(self._unanswered.values())) + _ANSWER_MAX_NS if self._unanswered else None

    def forget_unanswered(self, now_ns: int) -> None:
        """Give up wishes that nobody has answered in time."""
        due = [intent for intent, asked_ns in self._unanswered.items() if now_ns - asked_ns >= _ANSWER_MAX_NS]
        for intent in due:
            self._forget(*self._by_intent[intent])

    def _add(self, at: SlotKey, order: OwnOrder) -> None:
        self.slot(at).orders.append(order)
        self._by_intent[order.intent] = (at, order)
        self._changed(at)

    def _forget(self, at: SlotKey, order: OwnOrder) -> None:
        self.slots[at].orders.remove(order)
        del self._by_intent[order.intent]
        self._unanswered.pop(order.intent, None)
        self._changed(at)

    def _changed(self, at: SlotKey) -> None:
        self.changes += 1
        self._working.pop(at[0], None)

    def _rejected(self, at: SlotKey, why: str, now_ns: int) -> None:
        """Leave a slot alone for longer where the venue goes on refusing: what it did not take thrice, it will not."""
        self._refused(at, "", why, now_ns)
        slot = self.slots[at]
        slot.rejected_ns.append(now_ns)
        if len(slot.rejected_ns) == _REJECTIONS_PER_MINUTE:
            slot.refused_until_ns = max(slot.refused_until_ns, slot.rejected_ns[0] + _MINUTE_NS)

    def _refused(self, at: SlotKey, control: str, detail: str, now_ns: int) -> None:
        slot = self.slots[at]
        slot.refusal = RefusalNote(at[1], at[2], control, detail)
        slot.refused_until_ns = now_ns + self._refused_cooldown_ns
