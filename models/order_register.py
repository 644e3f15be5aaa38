"""The register of our orders: each one's life by the table of `models.orders`, and where to find it.

Why ended orders are remembered: the venue may still report a fill of one, or accept one that it refused. What is
forgotten is the oldest, and only once every fill of it has had its last word; what comes later for it is foreign.
"""

from collections import deque
from collections.abc import Callable, Iterator

from models.markets import Outcome, Side
from models.messages.base import MarketId, Tag
from models.messages.orders import OrderChanged, PlaceOrder
from models.orders import TERMINAL, OrderEvent, OrderState, next_state
from models.units import Size


class OrderRecord:
    """One order. Its state is changed by `happened` alone, its filled size by the ledger's count alone.

    `cancel_reason` is set once somebody wants it gone, whether or not a cancel could be sent yet; it is urgent unless
    only its price is out of date. `taken_off` is what the venue says was matched when it took the order off its book,
    while we still wait for some of these fills. `unlisted` counts the reads in a row that should have listed it and did
    not, `rest_says` is what REST last said of a disputed one: `live` or `gone`. Times are those of our own turns: when
    it was sent, accepted, and ended, and `told_ns`: up to when we know all its fills; 0 where nobody knows.
    """

    __slots__ = (
        "accepted_ns", "cancel_reason", "cancel_urgent", "cancels_sent", "ended_ns", "filled", "order_id", "placed",
        "rest_says", "sent_ns", "state", "taken_off", "told_ns", "unlisted",
    )  # fmt: skip

    def __init__(self, order_id: str, placed: PlaceOrder) -> None:
        self.order_id = order_id
        self.placed = placed
        self.state = OrderState.PLACING
        self.filled: Size = 0
        self.cancel_reason: str | None = None
        self.taken_off: Size | None = None
        self.cancel_urgent = False
        self.cancels_sent = 0
        self.unlisted = 0
        self.rest_says = ""
        self.sent_ns = 0
        self.told_ns = 0
        self.accepted_ns = 0
        self.ended_ns = 0

    @property
    def is_open(self) -> bool:
        """Whether the order may still be, or come to be, on the venue's book."""
        return self.state not in TERMINAL

    @property
    def exposure(self) -> Size:
        """Shares that may still be filled, as far as we know; never negative."""
        return self.placed.size - self.filled if self.is_open else 0

    def happened(self, event: OrderEvent) -> bool:
        """Move along the table; False where the event means nothing in this state, and nothing changed."""
        after = next_state(self.state, event)
        if after is None:
            return False
        self.state = after
        return True

    def matched(self, size: Size) -> None:
        """Take the ledger's count of matched shares; what the venue matched beyond the order's size is no exposure.

        Never fewer than before: a ledger that was recalled does not know of trades that failed before they counted.
        """
        self.filled = max(self.filled, min(size, self.placed.size))

    def changed(self, reason: str, now_ns: int) -> OrderChanged:
        """Say how the order stands."""
        placed = self.placed
        return OrderChanged(
            self.order_id, placed.intent, placed.tag, placed.market, placed.outcome, placed.side, placed.price,
            placed.size, self.filled, self.state, reason, now_ns, placed.post_only, self.taken_off,
        )  # fmt: skip

    def recall(self, event: OrderChanged) -> None:
        """Stand where it was said to stand."""
        self.state, self.filled, self.taken_off = event.state, event.filled, event.taken_off


class OrderRegister:
    """All own orders that are open, and the latest `remembered` that are not."""

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._by_id: dict[str, OrderRecord] = {}
        self._by_intent: dict[str, OrderRecord] = {}
        self._open: dict[MarketId, dict[str, OrderRecord]] = {}
        self._ended: deque[OrderRecord] = deque()

    def add(self, order_id: str, placed: PlaceOrder) -> OrderRecord:
        """Begin the life of an order."""
        record = OrderRecord(order_id, placed)
        self._by_id[order_id] = record
        self._by_intent[placed.intent] = record
        self._open.setdefault(placed.market, {})[order_id] = record
        return record

    def of_id(self, order_id: str) -> OrderRecord | None:
        """Find an order by its id."""
        return self._by_id.get(order_id)

    def of_intent(self, intent: str) -> OrderRecord | None:
        """Find an order by the intent that it came from."""
        return self._by_intent.get(intent)

    def open_in(
        self,
        market: MarketId | None,
        *,
        tag: Tag | None = None,
        outcome: Outcome | None = None,
        side: Side | None = None,
    ) -> tuple[OrderRecord, ...]:
        """Return the open orders of a market (None: of all), oldest first, narrowed to a desk, a token, a side."""
        return tuple(
            record
            for record in self._open_of(market)
            if tag in (None, record.placed.tag)
            and outcome in (None, record.placed.outcome)
            and side in (None, record.placed.side)
        )

    def end(self, record: OrderRecord, may_forget: Callable[[OrderRecord], bool]) -> tuple[str, ...]:
        """Move an open order that has ended to the remembered ones; return the ids of those forgotten for it."""
        in_market = self._open[record.placed.market]
        del in_market[record.order_id]
        if not in_market:
            del self._open[record.placed.market]
        self._ended.append(record)
        forgotten: list[str] = []
        for _ in range(len(self._ended) - self._remembered):
            oldest = self._ended.popleft()
            if may_forget(oldest):
                del self._by_id[oldest.order_id], self._by_intent[oldest.placed.intent]
                forgotten.append(oldest.order_id)
            else:
                self._ended.append(oldest)
        return tuple(forgotten)

    def reopen(self, record: OrderRecord) -> None:
        """Take an ended order among the open ones again: it stands after all."""
        if record in self._ended:
            self._ended.remove(record)
        self._open.setdefault(record.placed.market, {})[record.order_id] = record

    def _open_of(self, market: MarketId | None) -> Iterator[OrderRecord]:
        if market is not None:
            yield from self._open.get(market, {}).values()
            return
        for in_market in self._open.values():
            yield from in_market.values()
