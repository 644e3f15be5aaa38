"""A journal as a long live run leaves it: written fast, for a start that has to read it.

What it holds is what an engine that quotes on many markets journals: most orders are cancelled without a fill, some
fill in one or two parts which settle later, a few of which fail; pairs are merged, cells rise and fall, somebody pauses
and resumes. The last orders are still open and the last fills not settled, as kill -9 leaves them.
"""

import os
import random
import signal
import sys
from collections import deque
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from actors.runtime.clock import SystemClock
from actors.store.rows import CHAINED, Row, rows_of
from actors.store.writer import Writer
from models.cells import TradingState
from models.compaction import Compaction
from models.ledger import cash_of_fill
from models.markets import NO, YES, Outcome, Side
from models.messages.base import Message
from models.messages.control import CommandApplied, RaiseCell
from models.messages.orders import (
    FillCounted,
    FillSettled,
    FillVoided,
    MergeChanged,
    OrderChanged,
    PlaceOrder,
    SubmitCancel,
    SubmitOrder,
)
from models.messages.position import Position
from models.orders import OrderState, TimeInForce
from models.positions import advance, mergeable
from models.storage import JournalParameters
from models.units import SHARE

_TAG: Final = "maker"
_MARKETS: Final = 50
_STEP_NS: Final = 20_000_000
_OPEN: Final = 60
"""Orders that are on the book at a time."""
_SETTLING: Final = 20
"""Fills that wait for their settlement at a time."""
_BATCH: Final = 5_000


class Journalist:
    """Tells what was journalled from a time on, entry by entry; the same for the same seed."""

    def __init__(self, seed: int = 1, began_ns: int = 0) -> None:
        self.now_ns = began_ns
        self._chance = random.Random(seed)
        self._markets = [f"0x{self._chance.getrandbits(256):064x}" for _ in range(_MARKETS)]
        self._open: deque[OrderChanged] = deque()
        self._settling: deque[FillCounted] = deque()
        self._positions: dict[str, Position] = {}
        self._number = 0

    def entries(self) -> Iterator[Message]:
        """Tell without an end."""
        while True:
            self.now_ns += _STEP_NS
            self._number += 1
            for message in self._next():
                self._follow(message)
                yield message

    def _next(self) -> Iterator[Message]:
        chance = self._chance
        if self._number % 5_000 == 0:
            verb = "pause" if self._number % 10_000 else "resume"
            yield CommandApplied(f"r{self._number}", verb, None, True, None, self.now_ns)
        if self._number % 200 == 0:
            state = TradingState.HALTED if self._number % 400 else TradingState.ACTIVE
            yield RaiseCell(chance.choice(self._markets[:5]), "marks", state, "no_mark" if state else "")
        if len(self._open) >= _OPEN:
            yield from self._end(self._open.popleft())
        if len(self._settling) >= _SETTLING:
            fill = self._settling.popleft()
            yield FillSettled(fill, self.now_ns) if chance.random() > 0.01 else FillVoided(fill, self.now_ns)
        yield from self._begin()

    def _begin(self) -> Iterator[Message]:
        market = self._chance.choice(self._markets)
        outcome: Outcome = YES if self._chance.random() < 0.5 else NO
        price = self._chance.randrange(30, 70) * 100
        placed = PlaceOrder(
            f"{_TAG}/{market}/{outcome}/BUY/{self._number}", _TAG, market, outcome, Side.BUY, price, 5 * SHARE, True,
            TimeInForce.GTC, "provide", 1, self.now_ns,
        )  # fmt: skip
        order_id = f"0x{self._chance.getrandbits(256):064x}"
        yield SubmitOrder(order_id, placed, self.now_ns)
        changed = OrderChanged(
            order_id, placed.intent, _TAG, market, outcome, Side.BUY, price, placed.size, 0, OrderState.PLACING,
            "provide", self.now_ns,
        )  # fmt: skip
        yield changed
        working = replace(changed, state=OrderState.WORKING, reason="accepted")
        yield working
        self._open.append(working)

    def _end(self, order: OrderChanged) -> Iterator[Message]:
        order = replace(order, at_ns=self.now_ns)
        if self._chance.random() < 0.15:
            parts = (order.size,) if self._chance.random() < 0.7 else (2 * SHARE, order.size - 2 * SHARE)
            filled = 0
            for part, size in enumerate(parts):
                filled += size
                yield self._fill(order, part, size)
                state = OrderState.FILLED if filled == order.size else OrderState.WORKING
                yield replace(order, filled=filled, state=state, reason="filled")
            return
        yield SubmitCancel(order.order_id, order.market, "reprice")
        yield replace(order, state=OrderState.CANCELLING, reason="reprice")
        yield replace(order, state=OrderState.CANCELLED, reason="reprice")

    def _fill(self, order: OrderChanged, part: int, size: int) -> FillCounted:
        placed = PlaceOrder(
            order.intent, order.tag, order.market, order.outcome, order.side, order.price, order.size, True,
            TimeInForce.GTC, "", 1, 0,
        )  # fmt: skip
        fill = FillCounted(
            f"{order.order_id[2:34]}-{part}", order.order_id, order.intent, order.tag, order.market, order.outcome,
            order.side, order.price, size, cash_of_fill(placed, order.price, size), 0, 0, True, self.now_ns,
        )  # fmt: skip
        self._settling.append(fill)
        return fill

    def _follow(self, message: Message) -> None:
        """Know what is held, so that pairs are merged which are there."""
        market = (
            message.fill.market if isinstance(message, FillSettled | FillVoided) else getattr(message, "market", None)
        )
        if market is None:
            return
        position = advance(self._positions.get(market, Position()), message)
        if position is not None:
            self._positions[market] = position

    def merges(self) -> Iterator[Message]:
        """Tell of the merge of all pairs of one market, if there are enough."""
        market = self._chance.choice(self._markets)
        size = mergeable(self._positions.get(market, Position()))
        if size >= 20 * SHARE:
            requested = MergeChanged(
                f"merge/{_TAG}/{market}/{self.now_ns}", _TAG, market, size, "requested", 0, self.now_ns
            )
            for state in ("requested", "submitted", "confirmed"):
                changed = replace(requested, state=state)
                self._follow(changed)
                yield changed


def write(url: str, entries: int, account: str = "", checkpoint_every: int | None = None) -> Writer:
    """Journal so many entries with all rows that they make; return the writer, still open.

    Checkpoints come among them as in a run, with `checkpoint_every` 0 none.
    """
    if checkpoint_every is None:
        checkpoint_every = JournalParameters().checkpoint_every
    # It has just ended: what is older than a month would be pruned, and hours and days counted off.
    began_ns = SystemClock().now_ns() - entries * _STEP_NS // 4
    writer, journalist, compaction = Writer(url, began_ns, account), Journalist(began_ns=began_ns), Compaction()
    rows: list[Row] = []
    chained: list[tuple[int, Message]] = []
    written = 0
    for message in journalist.entries():
        assert type(message) in CHAINED
        rows += rows_of(message, writer.run, journalist.now_ns)
        chained.append((journalist.now_ns, message))
        if len(chained) >= _BATCH or written + len(chained) >= entries:
            for merge in journalist.merges():
                rows += rows_of(merge, writer.run, journalist.now_ns)
                chained.append((journalist.now_ns, merge))
            writer.write(rows, chained)
            for at_ns, entry in chained if checkpoint_every else ():
                compaction.take(entry, at_ns)
            if checkpoint_every and compaction.taken >= checkpoint_every:
                writer.write((), [(journalist.now_ns, compaction.checkpoint())])
            written += len(chained)
            rows, chained = [], []
            if written >= entries:
                return writer
    raise AssertionError("a journalist never ends")


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), "".join(sys.argv[3:4]))
    os.kill(os.getpid(), signal.SIGKILL)
