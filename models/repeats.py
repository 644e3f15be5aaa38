"""Entries that stand twice in a chain, because a commit that seemed to have failed had not, and was made again.

Only what adds up is looked at: a fill, a merge or a payout that is learned twice is money that nobody has. The last
word on an order is the last word however often it is said.

Why the count of a fill that was voided is learned with its settlement only: such a fill comes back when it is disputed,
and then both are said in one breath. A count alone is a repeat, or the breath was cut short; the venue says it again.

Why no payout is learned while a fill waits for its last word: none is made then. One that stands twice with nothing in
between pays for nothing.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from models.messages.base import MarketId, Message, Tag
from models.messages.operations import Batch, RedemptionChanged
from models.messages.orders import FillCounted, FillSettled, FillVoided, MergeChanged, PositionsRedeemed
from models.messages.recall import Checkpointed
from models.units import Size

_COUNTED: Final = 1
_VOIDED: Final = 2
_SETTLED: Final = 3


class Repeats:
    """Is shown every entry of a chain in its order."""

    def __init__(self) -> None:
        self._fills: dict[tuple[str, str], int] = {}
        self._provisional: Counter[tuple[Tag, MarketId]] = Counter()
        self._operations: dict[str, set[tuple[str, Size, Batch | None]]] = {}

    def news(self, entry: Message) -> tuple[Message, ...]:
        """Return what an entry says that those before it have not said yet."""
        match entry:
            case FillCounted():
                return self._counted(entry)
            case FillSettled():
                return self._settled(entry)
            case FillVoided():
                return self._voided(entry)
            case MergeChanged():
                return self._changed(entry, entry.size)
            case RedemptionChanged():
                return self._changed(entry, 0)
            case PositionsRedeemed() if self._provisional[entry.tag, entry.market]:
                return ()
            case Checkpointed():
                self._begin(entry)
                return (entry,)
            case _:
                return (entry,)

    def forget(self, fills: Iterable[tuple[str, str]]) -> None:
        """Drop fills, by trade and order, of which nothing is written again."""
        for at in fills:
            self._fills.pop(at, None)

    def forget_operation(self, operation: str) -> None:
        """Drop a merge or redemption of which nothing is written again."""
        self._operations.pop(operation, None)

    def _begin(self, checkpoint: Checkpointed) -> None:
        """Know what a checkpoint says: nothing that was before it is written again but what it names."""
        for fill in checkpoint.fills:
            if isinstance(fill, FillCounted):
                self._counted(fill)
            else:
                self._fills[_at(fill.fill)] = _SETTLED if isinstance(fill, FillSettled) else _VOIDED
        for _, entry in checkpoint.entries:
            if isinstance(entry, MergeChanged | RedemptionChanged):
                self._changed(entry, entry.size if isinstance(entry, MergeChanged) else 0)

    def _changed(self, changed: MergeChanged | RedemptionChanged, size: Size) -> tuple[Message, ...]:
        step, known = (changed.state, size, changed.batch), self._operations.setdefault(changed.operation, set())
        if step in known:
            return ()
        known.add(step)
        return (changed,)

    def _counted(self, fill: FillCounted) -> tuple[Message, ...]:
        if _at(fill) in self._fills:
            return ()
        self._fills[_at(fill)] = _COUNTED
        self._provisional[fill.tag, fill.market] += 1
        return (fill,)

    def _settled(self, settled: FillSettled) -> tuple[Message, ...]:
        before = self._fills.get(_at(settled.fill))
        if before not in (_COUNTED, _VOIDED):
            return ()
        self._fills[_at(settled.fill)] = _SETTLED
        if before == _VOIDED:
            return (settled.fill, settled)
        self._provisional[settled.fill.tag, settled.fill.market] -= 1
        return (settled,)

    def _voided(self, voided: FillVoided) -> tuple[Message, ...]:
        if self._fills.get(_at(voided.fill)) != _COUNTED:
            return ()
        self._fills[_at(voided.fill)] = _VOIDED
        self._provisional[voided.fill.tag, voided.fill.market] -= 1
        return (voided,)


def _at(fill: FillCounted) -> tuple[str, str]:
    return fill.trade_id, fill.order_id
