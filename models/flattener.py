"""A coordinator's part in a flatten: it takes what the next step is (`models/unwind.py`), and says how far it has come.

What is remembered of a market is how often its pairs were asked to be merged, and what was said of it last; both are
forgotten with the flatten. A coordinator that takes a dead one's place asks once more, and no harm is done.
"""

from typing import Final

from models.flattening import FLATTENING, is_flattened
from models.messages.base import MarketId, Message, Tag
from models.messages.control import FlattenChanged
from models.messages.decisions import Gate
from models.messages.market import RequestSnapshot
from models.messages.orders import MergePairs
from models.strategy import MarketView, Targets, View
from models.units import Size
from models.unwind import FlattenParameters, Merging, Unwind, next_unwind

_MS: Final = 1_000_000
_SNAPSHOT_EVERY_NS: Final = 1_000 * _MS
_UNREAD: Final = frozenset({"stale", "gap", "no_book"})
"""States of a book that a look at the venue's own can end."""


class _Flattened:
    """What was done in a market, and said of it."""

    __slots__ = ("merge_asked_ns", "merge_tries", "pairs", "said", "snapshot_asked_ns")

    def __init__(self) -> None:
        self.merge_asked_ns: int | None = None
        self.merge_tries = 0
        self.pairs: Size = 0
        self.snapshot_asked_ns: int | None = None
        self.said: tuple[object, ...] | None = None


class Flattener:
    """Flattens the markets of desk `tag`. `wake_ns` is when looking again could do more, None for never.

    `merges`: pairs can be merged here.
    """

    def __init__(self, tag: Tag, parameters: FlattenParameters, *, merges: bool = True) -> None:
        self.wake_ns: int | None = None
        self._merges = merges
        self._tag = tag
        self._parameters = parameters
        self._markets: dict[MarketId, _Flattened] = {}

    def targets(self, view: View) -> Targets | None:
        """Return what is taken now and why no more; None where nothing is to be flattened."""
        unwinds = [(seen, self._next(seen, view.now_ns)) for seen in view.markets.values() if is_flattened(seen.cells)]
        if not unwinds:
            return None
        takes = tuple(unwind.take for _, unwind in unwinds if unwind.take is not None)
        alone = len(view.markets) == 1
        gates = tuple(
            Gate("flatten", False, note=unwind.detail if alone else f"{seen.market.slug}: {unwind.detail}")
            for seen, unwind in unwinds
        )
        return Targets(takes=takes, gates=gates, reason=FLATTENING)

    def move(self, view: View) -> list[Message]:
        """Ask for merges and books, and say how far each market has come."""
        self.wake_ns = None
        out: list[Message] = []
        now_ns = view.now_ns
        for market, seen in view.markets.items():
            if is_flattened(seen.cells):
                of = self._markets.setdefault(market, _Flattened())
                if _pairs(seen) < of.pairs:
                    of.merge_asked_ns, of.merge_tries, of.pairs = None, 0, 0
                unwind = self._next(seen, now_ns)
                out += self._merge(seen, unwind, of, now_ns)
                out += self._snapshot(seen, unwind, of, now_ns)
                out += self._report(seen, unwind, of, now_ns)
            elif market in self._markets:
                del self._markets[market]
        return out

    def say_again(self, market: MarketId) -> None:
        """Have the next report said though nothing has changed: who listens may be new."""
        of = self._markets.get(market)
        if of is not None:
            of.said = None

    def _next(self, seen: MarketView, now_ns: int) -> Unwind:
        return next_unwind(seen, self._merging(seen, now_ns), self._parameters, now_ns)

    def _merging(self, seen: MarketView, now_ns: int) -> Merging:
        """Say whether pairs may be asked for; what was merged since the last time has not failed."""
        of = self._markets.get(seen.market.id)
        if not self._merges:
            return "given_up"
        if of is None or of.merge_asked_ns is None or _pairs(seen) < of.pairs:
            return "possible"
        if now_ns < of.merge_asked_ns + self._parameters.merge_retry_ms * _MS:
            return "asked"
        return "given_up" if of.merge_tries >= self._parameters.merge_tries else "possible"

    def _merge(self, seen: MarketView, unwind: Unwind, of: _Flattened, now_ns: int) -> list[Message]:
        asked: list[Message] = []
        if unwind.merge:
            of.merge_tries += 1
            of.merge_asked_ns, of.pairs = now_ns, _pairs(seen)
            asked.append(MergePairs(self._tag, seen.market.id, unwind.merge, FLATTENING, now_ns))
        if of.merge_asked_ns is not None and unwind.step == "merging":
            self._wake_at(of.merge_asked_ns + self._parameters.merge_retry_ms * _MS, now_ns)
        return asked

    def _snapshot(self, seen: MarketView, unwind: Unwind, of: _Flattened, now_ns: int) -> list[Message]:
        """Have the venue's book read while ours cannot be used, once a second."""
        if unwind.step not in ("waiting", "unwinding") or seen.unusable not in _UNREAD:
            return []
        due_ns = 0 if of.snapshot_asked_ns is None else of.snapshot_asked_ns + _SNAPSHOT_EVERY_NS
        if now_ns < due_ns:
            self._wake_at(due_ns, now_ns)
            return []
        of.snapshot_asked_ns = now_ns
        self._wake_at(now_ns + _SNAPSHOT_EVERY_NS, now_ns)
        return [RequestSnapshot(seen.market.id, FLATTENING)]

    def _report(self, seen: MarketView, unwind: Unwind, of: _Flattened, now_ns: int) -> list[Message]:
        yes, no = seen.position.yes.shares, seen.position.no.shares
        said = (unwind.step, unwind.detail, yes, no)
        if said == of.said:
            return []
        of.said = said
        return [FlattenChanged(self._tag, seen.market.id, unwind.step, unwind.detail, yes, no, now_ns)]

    def _wake_at(self, at_ns: int, now_ns: int) -> None:
        if at_ns > now_ns:
            self.wake_ns = at_ns if self.wake_ns is None else min(self.wake_ns, at_ns)


def _pairs(seen: MarketView) -> Size:
    return min(seen.position.yes.shares, seen.position.no.shares)
