"""What was filled and what it cost: every word of the ledger held against the exchange's own log, to the micro-unit."""

from typing import Any, Final

from models.markets import Side
from models.messages.base import MarketId
from models.messages.control import RaiseCell
from models.messages.orders import FillCounted, FillSettled, FillVoided, MergeChanged, PositionsRedeemed, TradeReported
from models.messages.position import InventoryUpdated, LedgerSnapshot, Position
from models.messages.recall import RecallEnded
from research.prove.live_venue import VenueFill
from research.prove.sim.claims_base import Claim, Hears, said, stepped
from research.prove.sim.claims_holdings import COUNTED, LEDGER, ONE, VOIDED, Holdings, Key
from research.prove.sim.contract import Committed, Crashed, Died

_FEE_OF: Final = "fee of "
_COMPARED: Final = ("market", "outcome", "side", "price", "size", "cash", "fee", "maker")


class _Desk:
    """What an inventory was told since its ledger was said to it."""

    __slots__ = ("cash", "merging", "settled", "shares")

    def __init__(self, position: Position) -> None:
        self.shares = [position.yes.shares, position.no.shares]
        self.settled = [position.yes.settled, position.no.settled]
        self.merging = position.merging
        self.cash = position.realized - position.fees - position.yes.cost - position.no.cost

    def filled(self, fill: FillCounted, sign: int) -> None:
        """Count a fill, or take it back."""
        buys = fill.side is Side.BUY
        self.shares[fill.outcome] += sign * (fill.size if buys else -fill.size)
        if not buys:
            self.settled[fill.outcome] -= sign * fill.size
        self.cash += sign * ((-fill.cash if buys else fill.cash) - fill.fee)

    def take(self, message: Any) -> None:
        """Take what moves a position."""
        match message:
            case FillCounted():
                self.filled(message, 1)
            case FillVoided():
                self.filled(message.fill, -1)
            case FillSettled(fill=fill) if fill.side is Side.BUY:
                self.settled[fill.outcome] += fill.size
            case MergeChanged(state="requested"):
                self.merging += message.size
            case MergeChanged(state="failed"):
                self.merging -= message.size
                self.cash -= message.cost
            case MergeChanged(state="confirmed"):
                self.merging -= message.size
                self.shares = [size - message.size for size in self.shares]
                self.settled = [size - message.size for size in self.settled]
                self.cash += message.size - message.cost
            case PositionsRedeemed(payout_yes=payout):
                self.cash += payout * self.shares[0] // ONE + (ONE - payout) * self.shares[1] // ONE
                self.shares, self.settled = [0, 0], [0, 0]
            case _:
                pass


class Ledger(Claim):
    """Fills, positions and cash."""

    invariants = ("I1", "I2", "I3", "I25")

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._committed = Holdings()
        self._statuses: dict[Key, set[str]] = {}
        """What the executor was told of each fill."""
        self._contradicted: dict[MarketId, int] = {}
        """Markets with a fill that was confirmed and failed, and the step at which the second word came."""
        self._ever: dict[Key, set[str]] = {}
        """The statuses that the exchange ever gave a trade, by our fill."""
        self._desks: dict[str, _Desk | None] = {}

    def hears(self) -> Hears:
        return {
            **super().hears(),
            Committed: self._committed_all,
            Crashed: lambda _: self._desks.clear(),
            Died: lambda _: self._desks.clear(),
            "trade": self._trade,
            said(FillCounted): self._counted,
            said(FillSettled): self._settled_fill,
            said(FillVoided): self._voided,
            said(MergeChanged): self._moved,
            said(PositionsRedeemed): self._moved,
            said(RaiseCell): self._raised,
            said(LedgerSnapshot): self._snapshot,
            said(InventoryUpdated): self._inventory,
            stepped(TradeReported): self._reported,
            stepped(RecallEnded): self._recalled,
            stepped(LedgerSnapshot): self._told_all,
            **{stepped(kind): self._told for kind in LEDGER},
        }

    def _trade(self, event: Any) -> None:
        line = event.line
        for key in [key for key in self.history.venue.fills if key[0] == line["id"]]:
            self._ever.setdefault(key, set()).add(line["status"])

    def _committed_all(self, event: Committed) -> None:
        self._committed.take_all(event.messages)

    def _recalled(self, event: Any) -> None:
        if event.actor == "executor":
            self.history.counted = self._committed.copy()

    # Fills

    def _counted(self, event: Any) -> None:
        fill: FillCounted = event.message
        if event.to != "risk" or fill.trade_id.startswith(_FEE_OF):
            self._moved(event)
            return
        key = (fill.trade_id, fill.order_id)
        venue = self.history.venue.fills.get(key)
        name = f"fill {fill.trade_id[:8]} of {fill.order_id[:12]}"
        self.hold("I1", venue is not None, lambda: f"{name} is not in the exchange's log")
        differs = [] if venue is None else _differences(fill, venue)
        self.hold("I1", not differs, lambda: f"{name}: {', '.join(differs)}")
        standing = self._said.standing(key)
        self.hold("I1", standing in (None, VOIDED), lambda: f"{name} is counted again, it is {standing}")
        self._said.take(fill)

    def _settled_fill(self, event: Any) -> None:
        settled: FillSettled = event.message
        fill = settled.fill
        if event.to != "risk" or fill.trade_id.startswith(_FEE_OF):
            self._moved(event)
            return
        key = (fill.trade_id, fill.order_id)
        name = f"fill {fill.trade_id[:8]} of {fill.order_id[:12]}"
        standing = self._said.standing(key)
        self.hold("I2", standing == COUNTED, lambda: f"{name} settles, it is {standing}")
        confirmed = "CONFIRMED" in self._ever.get(key, ())
        self.hold("I1", confirmed, lambda: f"{name} settles; the exchange says {self._ever.get(key)}")
        self._said.take(settled)

    def _voided(self, event: Any) -> None:
        voided: FillVoided = event.message
        if event.to != "risk":
            return
        key = (voided.fill.trade_id, voided.fill.order_id)
        name = f"fill {key[0][:8]} of {key[1][:12]}"
        standing = self._said.standing(key)
        self.hold("I2", standing == COUNTED, lambda: f"{name} is voided, it is {standing}")
        failed = "FAILED" in self._ever.get(key, ())
        self.hold("I1", failed, lambda: f"{name} is voided; the exchange says {self._ever.get(key)}")
        self._said.take(voided)

    def _moved(self, event: Any) -> None:
        if event.to == "risk":
            self._said.take(event.message)

    def _reported(self, event: Any) -> None:
        """Two words that contradict each other halt the market, in the same turn."""
        self._halted()
        report: TradeReported = event.message
        if event.actor != "executor":
            return
        told = self._statuses.setdefault((report.trade_id, report.order_id), set())
        both = {"CONFIRMED", "FAILED"}
        if not both <= told and both <= told | {report.status} and report.order_id in self.history.committed:
            self._contradicted[report.market] = event.step
        told.add(report.status)

    def _raised(self, event: Any) -> None:
        cell: RaiseCell = event.message
        if event.to == "risk" and cell.source == "executor" and cell.market in self._contradicted:
            del self._contradicted[cell.market]

    def _halted(self) -> None:
        for market, step in self._contradicted.items():
            self.hold("I2", False, lambda market=market, step=step: f"{market[:10]} goes on after step {step}")
        self._checks["I2"] += 1

    # Positions

    def _snapshot(self, event: Any) -> None:
        """What the ledger tells an inventory is what the fills come to."""
        snapshot: LedgerSnapshot = event.message
        position, held = snapshot.position, self._said.of(snapshot.market)
        found = (position.yes.shares, position.no.shares, position.yes.settled, position.no.settled)
        wanted = (held.yes, held.no, held.settled_yes, held.settled_no)
        self.hold("I25", found == wanted, lambda: f"{snapshot.market[:10]}: {found} is told, the fills make {wanted}")

    def _told_all(self, event: Any) -> None:
        self._desks[event.actor] = _Desk(event.message.position)

    def _told(self, event: Any) -> None:
        desk = self._desks.get(event.actor)
        if desk is not None:
            desk.take(event.message)

    def _inventory(self, event: Any) -> None:
        """What an inventory says is what it was told, and not a micro-dollar was made or lost."""
        update: InventoryUpdated = event.message
        desk = self._desks.get(f"inventory/{update.tag}/{update.market}")
        if desk is None:
            return
        position, name = update.position, update.market[:10]
        found = (position.yes.shares, position.no.shares, position.yes.settled, position.no.settled, position.merging)
        wanted = (*desk.shares, *desk.settled, desk.merging)
        self.hold("I1", found == wanted, lambda: f"{name}: {found} is held, it was told {wanted}")
        cash = position.realized - position.fees - position.yes.cost - position.no.cost
        self.hold("I3", cash == desk.cash, lambda: f"{name}: it says that {cash} came in, {desk.cash} did")

    @property
    def _said(self) -> Holdings:
        """What the executor has said."""
        return self.history.counted


def _differences(fill: FillCounted, venue: VenueFill) -> list[str]:
    pairs = ((name, getattr(fill, name), getattr(venue, "token" if name == "outcome" else name)) for name in _COMPARED)
    return [f"{name} {ours} not {theirs}" for name, ours, theirs in pairs if ours != theirs]
