"""What is held and what it cost, counted once more: our own arithmetic, of which production knows nothing.

Whatever is told twice counts once, by what it is about: a fill by trade and order, a merge by its name, a payout by
market and time where nothing came between. So the same word may come again after a restart and changes nothing.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from models.markets import NO, YES, Outcome, Side
from models.messages.base import MarketId, Message
from models.messages.orders import FillCounted, FillSettled, FillVoided, MergeChanged, PositionsRedeemed

ONE: Final = 10_000
"""What a pair pays, in the units of a price."""

COUNTED: Final = "counted"
SETTLED: Final = "settled"
VOIDED: Final = "voided"

Key = tuple[str, str]
"""A trade and one of our orders in it."""

LEDGER: Final = (FillCounted, FillSettled, FillVoided, MergeChanged, PositionsRedeemed)
"""What moves a position."""


class Held(NamedTuple):
    """What is held of a market, and the dollars that it has brought in so far."""

    yes: int = 0
    no: int = 0
    settled_yes: int = 0
    settled_no: int = 0
    merging: int = 0
    cash: int = 0

    @property
    def net(self) -> int:
        """YES less NO."""
        return self.yes - self.no


class Holdings:
    """All fills, merges and payouts that were said, folded on demand."""

    def __init__(self) -> None:
        self.fills: dict[Key, tuple[FillCounted, str]] = {}
        self._merges: dict[str, MergeChanged] = {}
        self._paid: dict[tuple[MarketId, int], PositionsRedeemed] = {}
        self._events: dict[MarketId, list[tuple[str, Any]]] = {}
        self._held: dict[MarketId, Held] = {}
        self._costs: dict[MarketId, tuple[int, int]] = {}

    def copy(self) -> "Holdings":
        """Return what is known now, to go on from alone."""
        other = Holdings()
        other.fills, other._merges = dict(self.fills), dict(self._merges)
        other._paid, other._costs = dict(self._paid), dict(self._costs)
        other._events = {market: list(events) for market, events in self._events.items()}
        return other

    def take_all(self, messages: Iterable[Message]) -> None:
        """Take those that move a position."""
        for message in messages:
            self.take(message)

    def take(self, message: Message) -> bool:
        """Take one; False for one that says nothing new, or nothing of positions."""
        match message:
            case FillCounted():
                return self._fill(message, COUNTED)
            case FillSettled():
                return self._fill(message.fill, SETTLED)
            case FillVoided():
                return self._fill(message.fill, VOIDED)
            case MergeChanged():
                return self._merge(message)
            case PositionsRedeemed():
                at = (message.market, message.at_ns)
                if at in self._paid and self._events[message.market][-1][0] == "paid":
                    return False
                self._paid[at] = message
                self._costs.pop(message.market, None)
                self._happened(message.market, "paid", message.payout_yes)
                return True
            case _:
                return False

    def standing(self, key: Key) -> str | None:
        """Return how far a fill has come."""
        known = self.fills.get(key)
        return None if known is None else known[1]

    def of(self, market: MarketId) -> Held:
        """Return what is held of a market."""
        held = self._held.get(market)
        if held is None:
            held = self._held[market] = self._folded(market)
        return held

    def cost(self, market: MarketId) -> int:
        """Return what was paid for what is held of a market, by the averages that leave with sales and merges."""
        return sum(self._costs.get(market, (0, 0)))

    def cost_of(self, market: MarketId, outcome: Outcome) -> int:
        """Return what was paid for what is held of a token."""
        return self._costs.get(market, (0, 0))[outcome]

    def markets(self) -> Iterable[MarketId]:
        """Return the markets in which anything ever happened."""
        return tuple(self._events)

    def _fill(self, fill: FillCounted, standing: str) -> bool:
        key = (fill.trade_id, fill.order_id)
        before = self.fills.get(key)
        if before is not None and (before[1] == standing or (before[1] == SETTLED and standing == COUNTED)):
            return False
        self.fills[key] = (fill, standing)
        if before is None:
            self._happened(fill.market, "fill", key)
        self._held.pop(fill.market, None)
        stood = before is not None and before[1] != VOIDED
        if stood != (standing != VOIDED):
            change = fill.cash if fill.side is Side.BUY else -fill.cost_out
            self._pay(fill.market, fill.outcome, -change if stood else change)
        return True

    def _merge(self, merge: MergeChanged) -> bool:
        before = self._merges.get(merge.operation)
        if not merge.size or (before is not None and before.state in (merge.state, "confirmed", "failed")):
            return False
        confirmed = merge.state == "confirmed"
        leaves = [self._average(merge.market, outcome, merge.size) if confirmed else 0 for outcome in (YES, NO)]
        self._merges[merge.operation] = merge
        if before is None:
            self._happened(merge.market, "merge", merge.operation)
        self._held.pop(merge.market, None)
        for outcome in (YES, NO):
            self._pay(merge.market, outcome, -leaves[outcome])
        return True

    def _average(self, market: MarketId, outcome: int, size: int) -> int:
        """Return what so many of the settled shares have cost on average; all of it for all of them."""
        held = self.of(market)
        settled = (held.settled_yes, held.settled_no)[outcome]
        waits = sum(
            fill.cash
            for fill, standing in self.fills.values()
            if standing == COUNTED and (fill.market, fill.outcome, fill.side) == (market, outcome, Side.BUY)
        )
        cost = self._costs.get(market, (0, 0))[outcome] - waits
        return cost if size >= settled else cost * size // settled

    def _pay(self, market: MarketId, outcome: int, cost: int) -> None:
        """Change what the shares of a token have cost; what is not held has cost nothing."""
        costs = list(self._costs.get(market, (0, 0)))
        costs[outcome] += cost
        held = self.of(market)
        self._costs[market] = (costs[0] if held.yes else 0, costs[1] if held.no else 0)

    def _happened(self, market: MarketId, kind: str, what: Any) -> None:
        self._events.setdefault(market, []).append((kind, what))
        self._held.pop(market, None)

    def _folded(self, market: MarketId) -> Held:
        shares: Counter[int] = Counter()
        settled: Counter[int] = Counter()
        merging = cash = 0
        for kind, what in self._events.get(market, ()):
            if kind == "fill":
                fill, standing = self.fills[what]
                if standing == VOIDED:
                    continue
                if fill.side is Side.BUY:
                    shares[fill.outcome] += fill.size
                    settled[fill.outcome] += fill.size if standing == SETTLED else 0
                    cash -= fill.cash + fill.fee
                else:
                    shares[fill.outcome] -= fill.size
                    settled[fill.outcome] -= fill.size
                    cash += fill.cash - fill.fee
            elif kind == "merge":
                merge = self._merges[what]
                if merge.state == "confirmed":
                    for outcome in (YES, NO):
                        shares[outcome] -= merge.size
                        settled[outcome] -= merge.size
                    cash += merge.size - merge.cost
                elif merge.state == "failed":
                    cash -= merge.cost
                else:
                    merging += merge.size
            else:
                payout = int(what)
                cash += payout * shares[YES] // ONE + (ONE - payout) * shares[NO] // ONE
                shares.clear()
                settled.clear()
        return Held(shares[YES], shares[NO], settled[YES], settled[NO], merging, cash)
