"""The machine that runs one strategy on one group of markets: it proposes the phase, asks the strategy, and diffs.

What it decides is a proposal: the risk supervisor keeps its own count of net, flow and cells and refuses what
contradicts them. The order in which it asks is fixed, so that the first gate that fails is the reason that people see:
market open, trading state, book, flow, then the strategy's own gates.
"""

from typing import Annotated

import msgspec

from models.cells import TradingState
from models.explain import Explainer
from models.leg_risk import LegParameters, leg_exit
from models.markets import NO, YES, Market, Outcome, Side
from models.messages.base import MarketId, Message, Tag
from models.messages.control import CellNote, Explain, TradingStateChanged
from models.messages.decisions import DecisionMade, Explained, Explanation, Gate
from models.messages.market import BookEpochChanged, BookUpdated, FlowUpdated, MarketResolved, ReferenceUpdated
from models.messages.orders import IntentDenied, OrderChanged, PlaceBundle, PlaceOrder
from models.messages.position import InventoryUpdated, OrdersSnapshot, Position
from models.messages.runtime import WakeAt, Woke
from models.parameters import parameter
from models.phase import Phase, PhaseParameters, hedge_outcome, kept_by_fuse, phase_of
from models.quotes import QuoteParameters, Quotes
from models.strategy import Bundle, MarketView, Strategy, Take, Targets, View, Withheld

_QUOTES_TIMER = "quotes"
_MS = 1_000_000
_SYNTHETIC_AFTER_NS = 5_000 * _MS


class CoordinatorParameters(msgspec.Struct, frozen=True):
    """How a group is decided on."""

    group_skew_ms: Annotated[
        int, parameter("Books of a group's members must have been proven within this time of each other.", "ms", ge=0)
    ] = 2_000
    take_cooldown_ms: Annotated[
        int, parameter("Wait before the same take (market, token, side) is asked for again.", "ms", ge=0)
    ] = 1_000


class _Member:
    """What the coordinator last heard of one market."""

    __slots__ = ("book", "cells", "flow", "position", "resolved", "state", "synchronised")

    def __init__(self, synchronised: bool) -> None:
        self.book: BookUpdated | None = None
        self.flow: FlowUpdated | None = None
        self.position = Position()
        self.state = TradingState.ACTIVE
        self.cells: tuple[CellNote, ...] = ()
        self.resolved = False
        self.synchronised = synchronised


class CoordinatorMachine:
    """Coordinator of `markets` for desk `tag`. `restarted`: it decides nothing until its open orders were replayed to
    it.
    """

    def __init__(
        self,
        tag: Tag,
        group: str,
        markets: tuple[Market, ...],
        strategy: Strategy,
        quotes: QuoteParameters,
        phase: PhaseParameters,
        coordinator: CoordinatorParameters,
        leg: LegParameters,
        *,
        restarted: bool = False,
    ) -> None:
        self.evaluations = 0
        self.decisions = 0
        self.decisions_on_synthetic_proof = 0
        self._tag = tag
        self._group = group
        self._markets = {market.id: market for market in markets}
        self._strategy = strategy
        self._phase = phase
        self._parameters = coordinator
        self._leg = leg
        self._explainer = Explainer(tag, leg)
        self._members = {market.id: _Member(not restarted) for market in markets}
        self._references: dict[str, ReferenceUpdated] = {}
        self._quotes = Quotes(tag, self._markets, quotes)
        self._taken_ns: dict[tuple[MarketId, Outcome, Side], int] = {}
        self._sequence = 0
        self._decided: object = None
        self._wake_ns: int | None = None

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """Take in one message and return what to send; every change of what is known is decided on at once."""
        if isinstance(message, Explain):
            view = self._view(now_ns)
            targets, gates = self._targets(view)
            return (Explained(message.request, self._explain(message.market, view, targets, gates)),)
        if not self._learn(message, now_ns):
            return ()
        return self._decide(now_ns)

    def _learn(self, message: Message, now_ns: int) -> bool:  # noqa: C901 - one line a kind of message
        """Store what a message says; return whether it calls for a decision."""
        if isinstance(message, ReferenceUpdated):
            self._references[message.name] = message
            return True
        if isinstance(message, Woke):
            self._wake_ns = None
            return True
        member = self._members.get(getattr(message, "market", ""))
        if member is None:
            return False
        match message:
            case BookUpdated():
                member.book = message
            case FlowUpdated():
                member.flow = message
            case InventoryUpdated(tag=self._tag):
                member.position = message.position
            case OrderChanged(tag=self._tag):
                self._quotes.order_changed(message, now_ns)
            case IntentDenied(tag=self._tag):
                self._quotes.intent_denied(message, now_ns)
            case TradingStateChanged():
                member.state, member.cells = message.state, message.cells
            case OrdersSnapshot(tag=self._tag):
                member.synchronised = True
            case MarketResolved():
                member.resolved = True
            case BookEpochChanged():
                # The book that belongs to the new epoch follows; quotes of the old grid or of before a gap must go.
                if member.book is not None:
                    member.book = msgspec.structs.replace(
                        member.book, epoch=message.epoch, tick=message.tick, unusable=message.reason
                    )
            case _:
                return False
        return True

    def _decide(self, now_ns: int) -> tuple[Message, ...]:
        self.evaluations += 1
        view = self._view(now_ns)
        targets, gates = self._targets(view)
        epochs = {market: member.book.epoch for market, member in self._members.items() if member.book is not None}
        ticks = {market: seen.tick for market, seen in view.markets.items()}
        out = self._quotes.diff(targets, epochs, ticks, now_ns)
        out += self._takes(targets, epochs, now_ns)
        out += self._changed_decisions(view, targets, gates)
        if self._quotes.wake_ns != self._wake_ns:
            self._wake_ns = self._quotes.wake_ns
            out.append(WakeAt(self._wake_ns, _QUOTES_TIMER))
        return tuple(out)

    def _view(self, now_ns: int) -> View:
        markets = {
            market: MarketView(
                self._markets[market],
                self._phase_of(market, member),
                member.state,
                member.cells,
                member.book,
                member.flow,
                member.position,
                self._quotes.working(market),
                _unusable(member),
            )
            for market, member in self._members.items()
        }
        return View(self._tag, now_ns, markets, self._references)

    def _phase_of(self, market: MarketId, member: _Member) -> Phase:
        net = member.position.yes.shares - member.position.no.shares
        toxic = member.flow is not None and member.flow.toxic
        return phase_of(net, toxic, self._phase.band(self._markets[market]))

    def _targets(self, view: View) -> tuple[Targets, tuple[Gate, ...]]:
        """Ask the common gates, then the strategy. Any member that fails one stops the whole group: legs go together."""
        gates: list[Gate] = []
        stopped: str | None = None
        for market in view.markets.values():
            reason = self._common_gates(market, view.now_ns, gates)
            stopped = stopped or reason
        skew = self._skew_gate(view)
        if skew is not None:
            gates.append(skew)
            stopped = stopped or (None if skew.passed else "group_skew")
        if stopped is None:
            return self._with_leg_exits(self._strategy.targets(view), view), tuple(gates)
        if stopped == "toxic_flow":
            return self._under_fuse(view), tuple(gates)
        return _nothing(view, stopped), tuple(gates)

    def _with_leg_exits(self, targets: Targets, view: View) -> Targets:
        """Add what the leg policy would take now: a naked leg has an owner, whatever strategy left it."""
        exits = [
            leg_exit(market.position, (market.touch(YES), market.touch(NO)), market.market, self._leg, view.now_ns)
            for market in view.markets.values()
        ]
        due = tuple(take for take in exits if take is not None)
        return msgspec.structs.replace(targets, takes=targets.takes + due) if due else targets

    def _common_gates(self, market: MarketView, now_ns: int, gates: list[Gate]) -> str | None:
        """Append the gates of one market and return the first reason that stops it."""
        member = self._members[market.market.id]
        reason: str | None = None
        end_ns = market.market.end_ns
        ended = member.resolved or (end_ns is not None and now_ns >= end_ns) or not market.market.accepting_orders
        if ended or end_ns is not None:
            left_ms = None if end_ns is None else (end_ns - now_ns) // _MS
            gates.append(Gate("market_open", not ended, left_ms, 0, "ms"))
            reason = "market_expired" if ended else None
        state = market.state
        blocked = state >= TradingState.CANCEL_ONLY
        gates.append(Gate("trading_state", not blocked, note=state.name, blocks="all"))
        if blocked and reason is None:
            reason = _cell_reason(market)
        book = market.book
        age_ms = None if book is None else max(0, now_ns - book.proven_ns) // _MS
        gates.append(Gate("book", market.unusable is None, age_ms, None, "ms", note=market.unusable or ""))
        if reason is None:
            reason = market.unusable
        flow = market.flow
        if flow is not None:
            score = max(flow.yes_score, flow.no_score, key=abs)
            gates.append(Gate("flow", not flow.toxic, score, flow.threshold, "size", note=_flow_note(flow)))
            if flow.toxic and reason in (None, "flow"):
                reason = "toxic_flow"
        return reason

    def _skew_gate(self, view: View) -> Gate | None:
        if len(view.markets) < 2:
            return None
        proven = [market.book.proven_ns for market in view.markets.values() if market.book is not None]
        if len(proven) < len(view.markets):
            return None
        skew_ms = (max(proven) - min(proven)) // _MS
        limit = self._parameters.group_skew_ms
        return Gate("group_skew", skew_ms <= limit, skew_ms, limit, "ms")

    def _under_fuse(self, view: View) -> Targets:
        """Under the fuse nothing is quoted, but for a hedge that the flow runs towards, where that is configured."""
        if len(view.markets) > 1:
            return _nothing(view, "toxic_flow")
        ((_, market),) = view.markets.items()
        net = market.position.yes.shares - market.position.no.shares
        if market.flow is None or market.unusable is not None:
            return _nothing(view, "toxic_flow")
        kept = kept_by_fuse(net, self._phase.band(market.market), market.flow, self._phase)
        if kept is None:
            return _nothing(view, "toxic_flow")
        hedging = msgspec.structs.replace(market, phase="Hedge", state=TradingState.REDUCING)
        targets = self._strategy.targets(View(view.tag, view.now_ns, {market.market.id: hedging}, view.references))
        quotes = tuple(quote for quote in targets.quotes if quote.outcome == hedge_outcome(net))
        return msgspec.structs.replace(targets, quotes=quotes, takes=(), bundles=())

    def _takes(self, targets: Targets, epochs: dict[MarketId, int], now_ns: int) -> list[Message]:
        out: list[Message] = []
        for take in targets.takes:
            if self._may_take(take, now_ns):
                out.append(self._place(take, epochs, now_ns, None))
        for bundle in targets.bundles:
            if all(self._may_take(leg, now_ns) for leg in bundle.legs):
                out.append(self._bundle(bundle, epochs, now_ns))
        return out

    def _may_take(self, take: Take, now_ns: int) -> bool:
        at = (take.market, take.outcome, take.side)
        busy = any(
            order.outcome == take.outcome and order.side is take.side for order in self._quotes.working(take.market)
        )
        last_ns = self._taken_ns.get(at)
        return not busy and (last_ns is None or now_ns - last_ns >= self._parameters.take_cooldown_ms * _MS)

    def _bundle(self, bundle: Bundle, epochs: dict[MarketId, int], now_ns: int) -> PlaceBundle:
        self._sequence = max(self._sequence + 1, now_ns // _MS)
        name = f"{self._tag}/{self._group}/{self._sequence}"
        legs = tuple(self._place(leg, epochs, now_ns, name) for leg in bundle.legs)
        return PlaceBundle(name, self._tag, self._group, legs, bundle.payout, now_ns)

    def _place(self, take: Take, epochs: dict[MarketId, int], now_ns: int, bundle: str | None) -> PlaceOrder:
        self._taken_ns[(take.market, take.outcome, take.side)] = now_ns
        self._sequence = max(self._sequence + 1, now_ns // _MS)
        intent = f"{self._tag}/{take.market}/{take.outcome}/{take.side}/{self._sequence}"
        return PlaceOrder(
            intent, self._tag, take.market, take.outcome, take.side, take.limit, take.size, False,
            take.time_in_force, take.reason, epochs.get(take.market, 0), now_ns, bundle,
        )  # fmt: skip

    def _changed_decisions(self, view: View, targets: Targets, gates: tuple[Gate, ...]) -> list[Message]:
        decided = (
            targets.reason,
            tuple((quote.market, quote.outcome, quote.side, quote.price, quote.size) for quote in targets.quotes),
            tuple((take.market, take.outcome, take.side, take.limit, take.size) for take in targets.takes),
            tuple(bundle.reason for bundle in targets.bundles),
            tuple((market.phase, market.state) for market in view.markets.values()),
        )
        if decided == self._decided:
            return []
        self._decided = decided
        self.decisions += 1
        self.decisions_on_synthetic_proof += any(
            _rests_on_silence(member, view.now_ns) for member in self._members.values()
        )
        return [
            DecisionMade(
                self._tag,
                market,
                self.decisions,
                _rests_on_silence(member, view.now_ns),
                self._explain(market, view, targets, gates),
            )
            for market, member in self._members.items()
        ]

    def _explain(self, market: MarketId, view: View, targets: Targets, gates: tuple[Gate, ...]) -> Explanation:
        return self._explainer.explanation(view.markets[market], targets, gates, view.now_ns)


def _rests_on_silence(member: _Member, now_ns: int) -> bool:
    """Whether a book is held to be true although the venue has said nothing about it for a while."""
    return member.book is not None and now_ns - member.book.event_ns > _SYNTHETIC_AFTER_NS


def _unusable(member: _Member) -> str | None:
    if not member.synchronised:
        return "recovering"
    return "no_book" if member.book is None else member.book.unusable


def _cell_reason(market: MarketView) -> str:
    if not market.cells:
        return market.state.name.lower()
    cell = market.cells[0]
    return "toxic_flow" if cell.source == "flow" else cell.reason


def _flow_note(flow: FlowUpdated) -> str:
    return f"yes {flow.yes_score // 1_000_000:+d} no {flow.no_score // 1_000_000:+d}"


def _nothing(view: View, reason: str) -> Targets:
    withheld = tuple(
        Withheld(market, outcome, side, reason)
        for market in view.markets
        for outcome in (0, 1)
        for side in (Side.BUY, Side.SELL)
    )
    return Targets(withheld=withheld, reason=reason)
