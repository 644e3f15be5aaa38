"""What has to be so at the end of a run, minutes after it was healed: exchange and engine say the same of all of it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from models.cells import TradingState
from models.messages.base import MarketId
from models.messages.control import CellNote, TradingStateChanged
from models.messages.decisions import DecisionMade
from models.messages.orders import IntentDenied
from models.messages.position import InventoryUpdated, LedgerSnapshot, Position
from models.orders import TERMINAL, OrderState
from research.prove.live_venue import unmoved
from research.prove.sim.claims_base import Claim, Hears, S, said
from research.prove.sim.claims_history import Settled
from research.prove.sim.contract import Crashed, Healed, Operated, Written

_LAST_WORD: Final = ("CONFIRMED", "FAILED")
_LATE_NS: Final = 45 * S
"""A trade that was matched so long ago, and has had its last word, is known with it; a merge is over, either way."""
_UNDER_WAY_NS: Final = 15 * S
_HANGING: Final = frozenset({"recovery", "holdings", "supervisor"})
"""Sources of cells that have no business standing minutes after all was healed."""


class Ending(Claim):
    """The truth of the exchange, and a desk that quotes or says why not."""

    invariants = ("I1", "I3", "I7", "I13", "I25", "I26")

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._positions: dict[MarketId, Position] = {}
        self._merging_ns: dict[MarketId, int] = {}
        """Since when as much is being merged as now."""
        self._states: dict[MarketId, TradingStateChanged] = {}
        self._reasons: dict[MarketId, str] = {}
        self._healed_ns: int | None = None
        self._desks: set[MarketId] = set()
        """Markets that a strategy decides on."""
        self._quoted: dict[MarketId, int] = {}

    def hears(self) -> Hears:
        return {
            **super().hears(),
            said(InventoryUpdated): self._inventory,
            said(LedgerSnapshot): lambda event: self._desks.add(event.message.market),
            said(TradingStateChanged): self._state,
            said(DecisionMade): self._decision,
            said(IntentDenied): self._denied,
            Healed: self._healed,
            Operated: self._operated,
            Crashed: lambda _: self._states.clear(),
            Written: self._written,
        }

    def _inventory(self, event: Any) -> None:
        update: InventoryUpdated = event.message
        before = self._positions.get(update.market)
        if before is None or before.merging != update.position.merging:
            self._merging_ns[update.market] = event.at_ns
        self._positions[update.market] = update.position

    def _state(self, event: Any) -> None:
        changed: TradingStateChanged = event.message
        self._states[changed.market] = changed

    def _decision(self, event: Any) -> None:
        made: DecisionMade = event.message
        self._reasons[made.market] = made.explanation.reason

    def _denied(self, event: Any) -> None:
        denied: IntentDenied = event.message
        self._reasons[denied.market] = denied.reason

    def _healed(self, event: Healed) -> None:
        self._healed_ns = event.at_ns

    def _written(self, event: Written) -> None:
        for terms, _ in self.history.terms_of(event.method, event.path, event.body):
            self._quoted[terms.market] = event.at_ns

    # The end

    def _operated(self, event: Operated) -> None:
        """Minutes after all was healed it is paused: by then it has to quote."""
        if self._healed_ns is not None and event.act == "pause" and event.at_ns > self._healed_ns + 60 * S:
            self._all_markets(event.at_ns)

    def settled(self, event: Settled) -> None:
        self._all_orders(event.at_ns)
        self._all_fills(event.at_ns)
        self._all_holdings(event.at_ns)

    def _all_orders(self, now_ns: int) -> None:
        """What the engine takes for open is open, and the other way round."""
        for order in self.history.orders.values():
            if order.order_id not in self.history.committed or order.written_ns is None:
                continue
            if now_ns - max(order.written_ns, order.cancel_ns or 0) < _UNDER_WAY_NS:
                continue
            over, name = order.told in TERMINAL, f"{order.order_id[:12]} is {order.told}"
            self.hold("I7", order.told is not OrderState.UNKNOWN, lambda name=name: name)
            there = "it stands" if order.stands else "it is over"
            self.hold(
                "I13", over is not order.stands, lambda name=name, there=there: f"{name}; at the exchange {there}"
            )

    def _all_fills(self, now_ns: int) -> None:
        known = self.history.counted
        for key, fill in self.history.venue.fills.items():
            if now_ns - fill.matched_ns < _LATE_NS or key[1] not in self.history.committed:
                continue
            standing, name = known.standing(key), f"fill {key[0][:8]} of {key[1][:12]}"
            if fill.status == "FAILED":
                fits = standing in (None, "voided")
            elif fill.status == "CONFIRMED":
                fits = standing == "settled"
            else:
                fits = standing is not None
            self.hold("I1", fits, lambda name=name, it=standing, its=fill.status: f"{name} is {it}, {its} there")

    def _all_holdings(self, now_ns: int) -> None:
        """What we say that we hold is what the wallet has, with what is still to be moved, to the last unit.

        What somebody else has traded in our name is not in our books: it has halted us.
        """
        venue = self.history.venue
        if any(order_id not in self.history.committed for _, order_id in venue.fills):
            return
        waiting = unmoved(venue)
        ours: Counter[tuple[MarketId, int]] = Counter()
        spent = 0
        for market, position in self._positions.items():
            merged = self._merged_untold(market, position, waiting.tokens[market, 0], now_ns)
            ours[market, 0] += position.yes.shares - merged
            ours[market, 1] += position.no.shares - merged
            spent += position.realized - position.fees - position.yes.cost - position.no.cost + merged
        theirs = venue.wallet.cash - venue.others.cash + waiting.cash
        if not self.history.resolved:
            self.hold("I3", spent == theirs, lambda: f"by our books {spent} came in, by the wallet {theirs}")
        for token in sorted(set(ours) | set(venue.wallet.tokens) | set(waiting.tokens)):
            if token[0] in self.history.resolved:
                continue  # what pays nothing is never redeemed, and what pays waits for the chain
            held = venue.wallet.tokens[token] - venue.others.tokens[token] + waiting.tokens[token]
            self.hold("I25", ours[token] == held, lambda token=token, held=held: f"{token}: {ours[token]}, not {held}")

    def _merged_untold(self, market: MarketId, position: Position, waiting: int, now_ns: int) -> int:
        """Return the pairs of a merge that the chain has carried out so lately that we need not have heard of it."""
        venue, token = self.history.venue, (market, 0)
        held = venue.wallet.tokens[token] - venue.others.tokens[token] + waiting
        is_through = held == position.yes.shares - position.merging
        return position.merging if is_through and now_ns - self._merging_ns.get(market, 0) < _LATE_NS else 0

    def _all_markets(self, now_ns: int) -> None:
        """Every market is quoted, or something says why not that has a reason to stand."""
        for market in sorted(self._desks):
            state, reason = self._states.get(market), self._reasons.get(market, "")
            cells = () if state is None else state.cells
            hanging = [cell.source for cell in cells if cell.source in _HANGING - _left_alone(cells)]
            self.hold("I26", not hanging, lambda market=market, it=hanging: f"{market[:10]} is still held by {it}")
            quoted = (
                any(order.terms is not None and order.terms.market == market for order in self.history.standing())
                or now_ns - self._quoted.get(market, 0) < 60 * S
            )
            held = state is not None and state.state is not TradingState.ACTIVE
            says = bool(reason) and reason != "recovering"
            gone = market in self.history.resolved
            self.hold(
                "I25",
                quoted or held or says or gone,
                lambda market=market, reason=reason: f"{market[:10]} is not quoted, and nothing says why ({reason!r})",
            )


def _left_alone(cells: Iterable[CellNote]) -> frozenset[str]:
    """Return what stands for good where an actor died too often: nobody restarts it but the next process."""
    return frozenset({"supervisor"} if any(cell.source == "runtime" for cell in cells) else ())
