"""A chain made short: what its entries say that still counts, kept up to date entry by entry.

A start has to learn what was journalled, and the journal grows for ever. What it would learn does not: what is held,
what is open or may still be spoken of, who holds what back. So now and then the journal writes all of that down as one
entry (`Checkpointed`), and a start begins there.

Why messages and no state of risk or executor: a checkpoint is learned by the same steps as the entries that it stands
for, so that whatever they come to mean in a later version, it means the same.
Why orders that ended are kept, and those that filled longer: the venue tells of fills again, and one of an order that
nobody remembers would be taken for a stranger's. Those whose fills wait for their last word are kept until it came, and
those that filled for as long as a start would read the trades of their time again: since the oldest that is under way.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec.structs import replace

from models.cells import TradingState
from models.controls.loss_watch import shifted
from models.fees_in_shares import FEE_OF
from models.halts import VERBS
from models.messages.base import MarketId, Message, Tag
from models.messages.catalogue import MarketListed
from models.messages.control import CommandApplied, MarketHeld, RaiseCell
from models.messages.lanes import CashFound, HoldingsFound
from models.messages.losses import LossesNoted
from models.messages.market import MarketResolved
from models.messages.operations import RedemptionChanged
from models.messages.orders import (
    FillCounted,
    FillSettled,
    FillVoided,
    MergeChanged,
    OrderChanged,
    PositionsRedeemed,
    SubmitOrder,
)
from models.messages.position import LedgerSnapshot, Position
from models.messages.recall import Checkpointed, Kept
from models.messages.runtime import ActorFailed, ActorQuarantined, ActorRestarted
from models.orders import TERMINAL, OrderState
from models.positions import advance, profit_realised
from models.repeats import Repeats
from models.units import Money

_FILLED_KEPT: Final = 2_000
_OTHERS_KEPT: Final = 500
"""Orders that ended last and are kept: those that filled, and those that did not."""

_READ_BACK_NS: Final = 900_000_000_000
"""A read of trades goes back ten minutes further than it is asked to; with what the venue's clock may be off."""

_OPERATIONS_KEPT: Final = 1_000
_ENDS: Final = ("confirmed", "failed")

_Fill = FillCounted | FillSettled | FillVoided


class _Order:
    __slots__ = ("changed", "ended", "ended_ns", "fills", "submitted")

    def __init__(self) -> None:
        self.submitted: tuple[int, SubmitOrder] | None = None
        self.changed: tuple[int, OrderChanged] | None = None
        self.fills: dict[tuple[str, str], list[_Fill]] = {}
        """By trade: its newest word, and before it that it had failed, where it was disputed."""
        self.ended = 0
        """The number of the entry with which it ended, 0 while it is open."""
        self.ended_ns = 0

    @property
    def waits(self) -> bool:
        return any(isinstance(words[-1], FillCounted) for words in self.fills.values())


class Compaction:
    """Is shown every entry of a chain in its order, from the beginning or from a checkpoint on."""

    def __init__(self, filled_kept: int = _FILLED_KEPT, others_kept: int = _OTHERS_KEPT) -> None:
        self.taken = 0
        """Entries since the checkpoint."""
        self._most = {True: filled_kept, False: others_kept}
        self._next = dict(self._most)
        """Beyond how many it is seen what may be forgotten: an eighth more each time, since that goes over all."""
        self._number = 0
        self._goes_on = False
        """Whether a checkpoint is being learned: what is open is the last of it, until then nothing is forgotten."""
        self._began_ns: int | None = None
        self._repeats = Repeats()
        self._orders: dict[str, _Order] = {}
        self._ended: dict[bool, deque[str]] = {True: deque(), False: deque()}
        self._positions: dict[tuple[Tag, MarketId], Position] = {}
        self._over: deque[str] = deque()
        """Operations that ended last: their ends may stand twice."""
        self._under_way: dict[str, tuple[int, MergeChanged | RedemptionChanged]] = {}
        self._words: dict[object, tuple[int, Kept]] = {}
        """What is said by the newest entry on a subject, in the order in which it was said."""
        self._takers: dict[type[Message], Callable[[Any, int], object]] = {
            SubmitOrder: self._submitted,
            OrderChanged: self._changed,
            FillCounted: self._filled,
            FillSettled: self._filled,
            FillVoided: self._filled,
            MergeChanged: self._operation,
            RedemptionChanged: self._operation,
            PositionsRedeemed: lambda paid, _: self._moved(paid.tag, paid.market, paid, paid.at_ns),
            LedgerSnapshot: self._snapshot,
            MarketResolved: lambda said, at_ns: self._words.setdefault((MarketResolved, said.market), (at_ns, said)),
            CashFound: lambda said, at_ns: self._say(CashFound, said, at_ns),
            HoldingsFound: lambda said, at_ns: self._say((HoldingsFound, said.market), said, at_ns),
            MarketListed: lambda said, at_ns: self._say((MarketListed, said.listed.id), said, at_ns),
            LossesNoted: self._noted,
            MarketHeld: self._held,
            RaiseCell: self._raised,
            CommandApplied: self._commanded,
            ActorFailed: self._failed,
            ActorQuarantined: self._failed,
            ActorRestarted: self._restarted,
            Checkpointed: self._checkpointed,
        }

    def take(self, entry: Message, at_ns: int) -> None:
        """Take in one entry; what stands twice counts once."""
        self._began_ns = at_ns if self._began_ns is None else self._began_ns
        self.taken += 1
        for news in self._repeats.news(entry):
            self._number += 1
            take = self._takers.get(type(news))
            if take is not None:
                take(news, at_ns)

    def checkpoint(self) -> Checkpointed:
        """Return the short chain; entries count from here again."""
        self.taken = 0
        ended = sorted((order for order in self._orders.values() if order.ended), key=lambda order: order.ended)
        orders = [*ended, *(order for order in self._orders.values() if not order.ended)]
        held = (
            (self._since_ns(position), LedgerSnapshot(*at, position, 0)) for at, position in self._positions.items()
        )
        entries = (
            *(entry for order in orders for entry in _life(order)),
            *self._under_way.values(),
            *self._words.values(),
            *held,
        )
        fills = tuple(word for order in orders for words in order.fills.values() for word in words)
        return Checkpointed(self._began_ns or 0, entries, fills)

    def _since_ns(self, position: Position) -> int:
        return position.unpaired_since_ns or self._began_ns or 0

    def _checkpointed(self, before: Checkpointed, _: int) -> None:
        """Go on from a checkpoint, which stands for all that was before it."""
        self._began_ns = before.began_ns
        self._goes_on = True
        for fill in before.fills:
            self._orders.setdefault(_order_of(fill), _Order())
            self._note_fill(fill)
        for at_ns, entry in before.entries:
            self._number += 1
            self._takers[type(entry)](entry, at_ns)
        self._goes_on = False
        self.taken = 0

    # Orders and their fills

    def _submitted(self, submit: SubmitOrder, at_ns: int) -> None:
        order = self._orders.pop(submit.order_id, None) or _Order()
        order.submitted = (at_ns, submit)
        self._orders[submit.order_id] = order

    def _changed(self, event: OrderChanged, at_ns: int) -> None:
        order = self._orders.get(event.order_id)
        if order is None:
            if event.state in TERMINAL:
                return  # never sent, or long forgotten
            order = self._orders[event.order_id] = _Order()
        order.changed = (at_ns, event)
        if event.state not in TERMINAL:
            order.ended = 0
        elif not order.ended:
            order.ended, order.ended_ns = self._number, at_ns
            self._ended[bool(order.fills)].append(event.order_id)
            if not self._goes_on:
                self._forget(at_ns, filled=bool(order.fills))

    def _forget(self, at_ns: int, *, filled: bool) -> None:
        """Forget the oldest, but no order that is open again, waits for the last word on a fill, or is told again."""
        ended, most = self._ended[filled], self._most[filled]
        if len(ended) <= self._next[filled]:
            return
        told_ns = self._told_again_ns(at_ns) if filled else 0
        for _ in range(len(ended) - most):
            oldest_id = ended.popleft()
            oldest = self._orders.get(oldest_id)
            if oldest is None or not oldest.ended:
                continue
            if oldest.fills and (not filled or oldest.waits or oldest.ended_ns >= told_ns):
                self._ended[True].append(oldest_id)  # also what filled after it had ended
                continue
            del self._orders[oldest_id]
            self._repeats.forget(oldest.fills)
        self._next[filled] = max(len(ended), most) + most // 8

    def _told_again_ns(self, at_ns: int) -> int:
        """Return from when on a start at that time would read trades."""
        under_way = (order for order in self._orders.values() if not order.ended or order.waits)
        begun = (order.submitted or order.changed for order in under_way)
        return min((word[0] for word in begun if word is not None), default=at_ns) - _READ_BACK_NS

    def _filled(self, fill: _Fill, _: int) -> None:
        self._note_fill(fill)
        counted = fill if isinstance(fill, FillCounted) else fill.fill
        self._moved(counted.tag, counted.market, fill, fill.at_ns)

    def _note_fill(self, fill: _Fill) -> None:
        counted = fill if isinstance(fill, FillCounted) else fill.fill
        order = self._orders.get(_order_of(fill))
        if order is None:
            return
        words = order.fills.setdefault((counted.trade_id, counted.order_id), [])
        words[:] = [*(word for word in words if isinstance(word, FillVoided)), fill]

    def _moved(self, tag: Tag, market: MarketId, event: Message, own_ns: int) -> None:
        before = self._positions.get((tag, market), Position())
        after = advance(before, event)
        if after is not None:
            self._positions[tag, market] = after
            self._realised(market, profit_realised(after) - profit_realised(before), own_ns)

    def _snapshot(self, held: LedgerSnapshot, _: int) -> None:
        self._positions[held.tag, held.market] = held.position

    # Losses

    def _noted(self, noted: LossesNoted, at_ns: int) -> None:
        self._say(LossesNoted, noted, at_ns)

    def _realised(self, market: MarketId, realised: Money, own_ns: int) -> None:
        """Have the baselines of losses follow what was realised before their time, as the limits themselves do."""
        at_ns, noted = self._words.get(LossesNoted, (0, None))
        if not isinstance(noted, LossesNoted) or not realised:
            return
        hour, day, peak = (shifted(base, realised, own_ns) for base in (noted.hour, noted.day, noted.peak))
        markets = tuple(
            (name, shifted(base, realised, own_ns) if name == market else base) for name, base in noted.markets
        )
        self._words[LossesNoted] = (at_ns, replace(noted, hour=hour, day=day, peak=peak, markets=markets))

    # Operations

    def _operation(self, changed: MergeChanged | RedemptionChanged, at_ns: int) -> None:
        """Begin or end one; a merge that came to nothing (size 0) never began."""
        if changed.state in _ENDS:
            self._over.append(changed.operation)
            if len(self._over) > _OPERATIONS_KEPT:
                self._repeats.forget_operation(self._over.popleft())
        if isinstance(changed, MergeChanged) and not changed.size:
            return
        if changed.state in _ENDS:
            self._under_way.pop(changed.operation, None)
        else:
            self._under_way[changed.operation] = (at_ns, changed)
        if isinstance(changed, MergeChanged):
            self._moved(changed.tag, changed.market, changed, changed.at_ns)

    # What holds back

    def _say(self, subject: object, word: Kept, at_ns: int) -> None:
        self._words.pop(subject, None)
        self._words[subject] = (at_ns, word)

    def _raised(self, cell: RaiseCell, at_ns: int) -> None:
        """Keep a cell with the time since when it stands so: another reason does not begin it anew."""
        subject = (RaiseCell, cell.market, cell.source)
        before = self._words.get(subject)
        if before is not None and isinstance(before[1], RaiseCell) and before[1].state is cell.state:
            at_ns = before[0]
        self._say(subject, cell, at_ns)

    def _held(self, held: MarketHeld, at_ns: int) -> None:
        subject = (MarketHeld, held.market, held.control)
        if held.state is TradingState.ACTIVE and not held.ticks_back:
            self._words.pop(subject, None)
        else:
            self._say(subject, held, at_ns)

    def _commanded(self, applied: CommandApplied, at_ns: int) -> None:
        if not applied.changed:
            return
        what = VERBS[applied.verb][0] if applied.verb in VERBS else "kill"
        self._say((CommandApplied, applied.market, what), applied, at_ns)

    def _failed(self, said: ActorFailed | ActorQuarantined, at_ns: int) -> None:
        """Keep since when it is so: what failed again while it was down has not failed anew."""
        subject = (type(said), said.name)
        restarted = (ActorRestarted, said.name) in self._words
        before = None if restarted else self._words.get(subject)
        self._words.pop((ActorRestarted, said.name), None)
        self._say(subject, said, at_ns if before is None else before[0])

    def _restarted(self, restarted: ActorRestarted, at_ns: int) -> None:
        """What failed stands again. Of what was given up others may have raised the cell too: both words stay."""
        self._words.pop((ActorFailed, restarted.name), None)
        if (ActorQuarantined, restarted.name) in self._words:
            self._say((ActorRestarted, restarted.name), restarted, at_ns)


def _life(order: _Order) -> Iterator[tuple[int, Kept]]:
    """Return the entries from which an order is learned."""
    if order.submitted is not None:
        yield order.submitted
    elif order.changed is not None and order.ended:
        at_ns, changed = order.changed
        yield at_ns, replace(changed, state=OrderState.PLACING)
    if order.changed is not None:
        yield order.changed


def _order_of(fill: _Fill) -> str:
    """Return the order that a fill belongs to; the fee of a fill belongs to that fill's."""
    counted = fill if isinstance(fill, FillCounted) else fill.fill
    return counted.order_id.removeprefix(FEE_OF)
