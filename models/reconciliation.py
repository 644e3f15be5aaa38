"""What we have to read from the venue before we may go on, and how its word on our holdings compares with ours.

Why a drift needs two reads: a read takes seconds, and fills go on meanwhile. What two reads in a row say alike is so.
Why nothing is corrected: our ledger counts what was traded. Where the wallet holds other shares, something happened
that we do not know of, and a person has to say what. One thing is known: fees that were taken in shares
(`models/fees_in_shares.py`).
Why holdings are read of some markets at a time: of each token the venue has to be asked by itself, and it answers 200
such questions in ten seconds. Every market is looked at once before the first order goes out there, which takes 257
markets half a minute; the first ones need not wait for the last. Later those come first in which something happened.
Why shares of a market in which we never traded are no drift: they were bought elsewhere, before us. They are remembered
when a market is looked at for the first time, and nothing else is ever taken for such shares.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from models.accounts import Bounds, Holdings
from models.cells import TradingState
from models.executor_parameters import ExecutorParameters
from models.markets import NO, YES, Outcome
from models.messages.base import MarketId, Message
from models.messages.control import RaiseCell
from models.messages.lanes import AccountRead, DriftFound, HoldingsFound, HoldingsRead
from models.units import Size, format_size

DRIFT: Final = "drift"
"""The source of the cell of a market in which the wallet holds too much or too little."""

HOLDINGS: Final = "holdings"
"""The source of the cell of a market of which nobody has looked yet what the wallet holds."""

_UNREAD: Final[Size] = 1 << 62
"""Stands for a drift of unknown size: more than any threshold, and like no read."""

_NOTHING: Final = Holdings(Bounds(0, 0), Bounds(0, 0))


class _Seen(NamedTuple):
    """A token's difference as the last read had it, and as it was last reported."""

    last: Size = 0
    said: Size = 0


class Reconciliation:
    """Reads that are still needed, by market (None: of the whole account), and drifts that were seen."""

    def __init__(self, parameters: ExecutorParameters) -> None:
        self._reported, self._halts = parameters.drift_reported, parameters.drift_halts
        self._needed_ns: dict[MarketId | None, int] = {None: 0}
        self._began_ns: int | None = None
        self._known_ns: int | None = None
        self._read_ns: int | None = None
        self._seen: dict[tuple[MarketId, Outcome], _Seen] = {}
        self._halted: set[MarketId] = set()
        self._found: dict[MarketId, tuple[Size, Size]] = {}
        """What the wallet held of a market before us, for every market that was read."""
        self._unlooked: dict[MarketId, None] = {}
        self._looked: dict[MarketId, Holdings | None] = {}
        """What we held of a market when it was looked at, in the order in which it is its turn again."""
        self._looked_ns: int | None = None

    # What has to be read

    def lived(self, at_ns: int) -> None:
        """Note that we were there at that time, and heard what was said until then."""
        self._began_ns = at_ns if self._began_ns is None else self._began_ns
        self._known_ns = max(at_ns, self._known_ns or 0)

    @property
    def has_lived(self) -> bool:
        """Whether anything is known of an earlier time."""
        return self._began_ns is not None

    def need(self, market: MarketId | None, since_ns: int) -> None:
        """Ask for a read that begins no earlier than that."""
        self._needed_ns[market] = max(since_ns, self._needed_ns.get(market, 0))

    def lacks(self, market: MarketId | None) -> bool:
        """Whether a market has still to be read before orders may go out there."""
        return None in self._needed_ns or market in self._needed_ns

    @property
    def is_needed(self) -> bool:
        """Whether anything has still to be read."""
        return bool(self._needed_ns)

    def take(self, read: AccountRead) -> bool:
        """Note what a read was asked late enough for; False for one that is no newer than the last."""
        if self._read_ns is not None and read.asked_ns <= self._read_ns:
            return False
        self._read_ns = read.asked_ns
        self._known_ns = max(read.asked_ns, self._known_ns or 0)
        self._needed_ns = {market: since for market, since in self._needed_ns.items() if since > read.asked_ns}
        return True

    def since_ns(self, oldest_open_ns: int | None, now_ns: int) -> int:
        """Return from when on trades have to be read: since the last read, and since anything under way began."""
        known_ns = now_ns if self._known_ns is None else self._known_ns
        return known_ns if oldest_open_ns is None else min(known_ns, oldest_open_ns)

    def is_before_us(self, at_ns: int) -> bool:
        """Whether that was before this run began."""
        return self._began_ns is not None and at_ns < self._began_ns

    # What holdings are looked at

    def begin(self, markets: Iterable[MarketId], ours: Collection[MarketId]) -> list[Message]:
        """Learn where we trade; return the cells of those markets that have to be looked at before.

        The others are let go once more: what was found may be on the disk, and that it let the market go not.
        """
        for market in markets:
            if market in ours or market in self._found:
                self._looked[market] = None
            else:
                self._unlooked[market] = None
        reason = "what the wallet holds of it has still to be read"
        held = (RaiseCell(market, HOLDINGS, TradingState.CANCEL_ONLY, reason) for market in self._unlooked)
        return [*held, *(RaiseCell(market, HOLDINGS, TradingState.ACTIVE, "") for market in self._looked)]

    @property
    def unlooked(self) -> Collection[MarketId]:
        """Markets that nobody has looked at yet: there no order may go out."""
        return self._unlooked.keys()

    def to_look_at(
        self, ours: Mapping[MarketId, Holdings], ordered: Collection[MarketId], most: int
    ) -> tuple[MarketId, ...]:
        """Choose so many markets; those that matter most take three quarters of the places, the others the rest.

        `ordered`: markets with open orders.
        """
        moved = [market for market in self._looked if self._has_moved(market, ours)]
        in_use = [market for market in self._looked if market in ours or market in ordered]
        first = tuple(dict.fromkeys((*moved, *in_use)))[: most - most // 4]
        chosen = tuple(dict.fromkeys((*self._unlooked, *first, *self._looked)))[:most]
        for market in chosen:  # it goes behind the others, even if the venue should say nothing of it
            if market in self._unlooked:
                self._unlooked[market] = self._unlooked.pop(market)
            else:
                self._looked[market] = self._looked.pop(market)
        return chosen

    def _has_moved(self, market: MarketId, ours: Mapping[MarketId, Holdings]) -> bool:
        """Whether what we hold is not what it was at the last look, or that look has still to be borne out."""
        doubts = any((seen := self._seen.get((market, outcome), _Seen())).last != seen.said for outcome in (YES, NO))
        return doubts or market in self._halted or ours.get(market) != self._looked[market]

    # What was read of holdings

    def recall_found(self, found: HoldingsFound) -> None:
        """Learn what the wallet held of a market before us."""
        self._found[found.market] = (found.yes, found.no)

    def recall(self, cell: RaiseCell) -> None:
        """Learn that a market was halted for a drift, or let go; until it was read twice nothing is known of it."""
        if cell.market is None or cell.source != DRIFT:
            return
        halted = cell.state is not TradingState.ACTIVE
        (self._halted.add if halted else self._halted.discard)(cell.market)
        for outcome in (YES, NO):
            self._seen[cell.market, outcome] = _Seen(_UNREAD, _UNREAD) if halted else _Seen()

    def compare(
        self, read: HoldingsRead, ours: Mapping[MarketId, Holdings], skipped: frozenset[MarketId]
    ) -> list[Message]:
        """Return what drifted, what stopped drifting, and the cells for it. `skipped`: markets that have paid out.

        A market that the read does not name was not read. A read that is no newer than the last says nothing.
        """
        if self._looked_ns is not None and read.asked_ns <= self._looked_ns:
            return []
        self._looked_ns = read.asked_ns
        out: list[Message] = []
        for market, held in read.tokens.items():
            if market in self._unlooked:
                del self._unlooked[market]
                out.append(RaiseCell(market, HOLDINGS, TradingState.ACTIVE, ""))
            self._looked.pop(market, None)
            if market in skipped:
                continue
            if market not in self._found:
                out += self._first_look(market, held, read.at_ns, touched=market in ours)
            self._looked[market] = ours.get(market)
            found, may_hold = self._found[market], ours.get(market, _NOTHING)
            for outcome in (YES, NO):
                out += self._compare(read, market, outcome, held[outcome] - found[outcome], may_hold[outcome])
            out += self._cell(market)
        return out

    def _first_look(
        self, market: MarketId, held: tuple[Size, Size], at_ns: int, *, touched: bool
    ) -> list[HoldingsFound]:
        """Remember what was there before us; where we ever traded, or a drift was found, that is nothing."""
        before_us = (0, 0) if touched or market in self._halted else held
        self._found[market] = before_us
        return [HoldingsFound(market, *before_us, at_ns)] if any(before_us) else []

    def _compare(
        self, read: HoldingsRead, market: MarketId, outcome: Outcome, held: Size, bounds: Bounds
    ) -> list[Message]:
        miss = bounds.miss(held)
        drift = miss if abs(miss) > self._reported else 0
        seen = self._seen.get((market, outcome), _Seen())
        agreed = drift == seen.last and drift != seen.said
        self._seen[market, outcome] = _Seen(drift, drift if agreed else seen.said)
        return [DriftFound(market, outcome, held, bounds.least, bounds.most, read.at_ns)] if agreed else []

    def _cell(self, market: MarketId) -> list[Message]:
        """Halt a market beyond the threshold, and let it go once two reads agree that all is well again."""
        said = {outcome: self._seen.get((market, outcome), _Seen()).said for outcome in (YES, NO)}
        halts = any(abs(drift) > self._halts for drift in said.values())
        if halts == (market in self._halted):
            return []
        if not halts:
            self._halted.discard(market)
            return [RaiseCell(market, DRIFT, TradingState.ACTIVE, "")]
        self._halted.add(market)
        what = f"the wallet differs by {format_size(said[YES])} YES and {format_size(said[NO])} NO"
        return [RaiseCell(market, DRIFT, TradingState.HALTED, what)]
