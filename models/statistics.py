"""What a run came to: its figures at the end, and what kept it from trading, how often and for how long.

Why a trade is a fill: an order of ours that rests and is cancelled is neither won nor lost. What was filled can only
still fail on chain, so that is what a success is measured by.

Why opportunities are orders and refusals: whatever a desk wants becomes the one or the other, so the three figures
agree to the last one.
"""

from collections import Counter

import msgspec

from models.cells import TradingState
from models.messages.base import MarketId, Tag
from models.messages.control import TradingStateChanged
from models.messages.decisions import Explanation
from models.snapshot import Board, Profit, Spell
from models.units import Size


class Tally:
    """Counts the spells without a quote by their reason, and the cells that let nothing be placed by their source."""

    def __init__(self) -> None:
        self._idle = _Spells()
        self._holds = _Spells()
        self._held_by: dict[MarketId, frozenset[str]] = {}
        self._holding = Counter[str]()
        """In how many markets a hold is in force: one of all markets is one hold."""

    def decided(self, said: Explanation) -> None:
        """A desk has changed what it wants, or why."""
        self._idle.change((said.tag, said.market), None if said.quotes else said.reason or "no_reason", said.at_ns)

    def state_changed(self, changed: TradingStateChanged) -> None:
        """The cells that cover a market have changed."""
        before = self._held_by.get(changed.market, frozenset())
        after = frozenset(
            f"{cell.state.name} by {cell.source} on {cell.scope}"
            for cell in changed.cells
            if cell.state >= TradingState.CANCEL_ONLY
        )
        self._held_by[changed.market] = after
        self._holding.update(after - before)
        self._holding.subtract(before - after)
        for hold in before ^ after:
            self._holds.change(hold, _without_scope(hold) if self._holding[hold] else None, changed.at_ns)

    def idle(self, now_ns: int) -> tuple[Spell, ...]:
        """Return the spells without a quote up to now, the longest reason first."""
        return self._idle.until(now_ns)

    def holds(self, now_ns: int) -> tuple[Spell, ...]:
        """Return the spells in which nothing could be placed up to now, the longest first."""
        return self._holds.until(now_ns)


class _Spells:
    """Spells by name, several of which may be under way under one name."""

    def __init__(self) -> None:
        self._open: dict[object, tuple[str, int]] = {}
        self._times = Counter[str]()
        self._ns = Counter[str]()

    def change(self, who: object, name: str | None, at_ns: int) -> None:
        """Somebody is in another spell from now on, or in none."""
        standing = self._open.get(who)
        if standing is not None:
            if standing[0] == name:
                return
            self._ns[standing[0]] += max(0, at_ns - standing[1])
            del self._open[who]
        if name is not None:
            self._open[who] = (name, at_ns)
            self._times[name] += 1

    def until(self, now_ns: int) -> tuple[Spell, ...]:
        """Return the total of each name; what is under way counts as far as it has gone."""
        total = self._ns.copy()
        for name, since_ns in self._open.values():
            total[name] += max(0, now_ns - since_ns)
        spells = (Spell(name, times, total[name]) for name, times in self._times.items())
        return tuple(sorted(spells, key=lambda spell: (-spell.ns, spell.what)))


class Held(msgspec.Struct, frozen=True):
    """What a desk is left with in a market."""

    tag: Tag
    slug: str
    yes: Size
    no: Size


class Statistics(msgspec.Struct, frozen=True):
    """The closing figures. `profit` is of all that the ledger knows: in live that includes earlier runs of the account.

    `successful` and `failed` are trades: `failed` those that were taken back because they failed on chain.
    """

    mode: str
    tags: tuple[Tag, ...]
    run: str
    markets: int
    ran_ns: int
    cycles: int
    opportunities: int
    refused: dict[str, int]
    orders: int
    cancelled: int
    rejected: int
    trades: int
    failed: int
    profit: Profit
    held: tuple[Held, ...]
    idle: tuple[Spell, ...]
    holds: tuple[Spell, ...]

    @property
    def successful(self) -> int:
        return self.trades - self.failed

    @property
    def success_rate(self) -> float | None:
        """Share of the trades that stand, None where there was none."""
        return self.successful / self.trades if self.trades else None


def closing(before: Board, after: Board) -> Statistics:
    """Return the figures of a run that was asked to end at `before` and had ended at `after`."""
    counts = after.counts
    refused = dict(sorted(counts.denials_by_reason.items(), key=lambda one: (-one[1], one[0])))
    held = tuple(
        Held(desk.tag, after.markets[desk.market].market.slug, desk.position.yes.shares, desk.position.no.shares)
        for desk in after.desks.values()
        if desk.position.yes.shares or desk.position.no.shares
    )
    return Statistics(
        after.engine.mode, after.engine.tags, after.engine.run, len(after.markets),
        max(0, before.at_ns - after.engine.started_ns), after.decisions, counts.orders + sum(refused.values()), refused,
        counts.orders, counts.cancels, counts.rejects, counts.fills, counts.voids, after.profit, held, before.idle,
        before.holds,
    )  # fmt: skip


def _without_scope(hold: str) -> str:
    return hold.partition(" on ")[0]
