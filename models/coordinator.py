"""The machine that runs one strategy on one group of markets: it proposes the phase, asks the strategy, and diffs.

What it decides is a proposal: the risk supervisor keeps its own count of net, flow and cells and refuses what
contradicts them. The order in which it asks is fixed, so that the first gate that fails is the reason that people see:
market open, trading state, book, flow (`models/gates.py`), then the strategy's own gates. While a market of the group
is flattened nobody asks the strategy: what is wanted is to get rid of what is held (`models/flattener.py`).

Why a new coordinator of an old desk waits for the trading state and not for the flow: a quiet market's flow says
nothing for hours, while risk says again at once what holds, the fuse among it.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from msgspec.structs import replace

from models.cells import TradingState
from models.explain import Explainer
from models.flattener import Flattener
from models.flattening import FLATTENING
from models.gates import FUSE, common_gates, permitted, risk_is_ahead, skew_gate, standing_only, stopped_by
from models.leg_risk import LegParameters, leg_due_ns, leg_exit
from models.markets import NO, YES, Market, Side, complement
from models.messages.base import MarketId, Message, Tag
from models.messages.control import CellNote, Explain, TradingStateChanged
from models.messages.decisions import DecisionMade, Explained, Explanation, Gate
from models.messages.market import BookEpochChanged, BookUpdated, FlowUpdated, MarketResolved, ReferenceUpdated
from models.messages.orders import IntentDenied, OrderChanged
from models.messages.position import InventoryUpdated, OrdersSnapshot, Position
from models.messages.reload import ParametersChanged
from models.messages.runtime import WakeAt, Woke
from models.own_orders import OwnOrders
from models.parameters import parameter
from models.phase import PhaseParameters, kept_by_fuse, phase_of
from models.positions import net_diff
from models.quotes import QuoteParameters, Quotes
from models.standing_back import StandingBack
from models.strategy import MarketView, Strategy, Targets, View, Withheld
from models.takes import Takes, alone
from models.unwind import FlattenParameters

_TIMER: Final = "decide"


class CoordinatorParameters(msgspec.Struct, frozen=True):
    """How a group is decided on."""

    group_skew_ms: Annotated[
        int, parameter("Books of a group's members must have been proven within this time of each other.", "ms", ge=0)
    ] = 2_000
    take_cooldown_ms: Annotated[
        int, parameter("Wait before the same take (market, token, side) is asked for again.", "ms", ge=0)
    ] = 1_000


class _Member:
    """What the coordinator last heard of one market. `awaited` is what it has still to hear before it may decide."""

    __slots__ = (
        "awaited", "because", "book", "cells", "epoch", "flow", "market", "position", "resolved", "state", "ticks_back",
        "view", "voided",
    )  # fmt: skip

    def __init__(self, market: Market, awaited: set[type[Message]]) -> None:
        self.market = market
        self.awaited = awaited
        self.book: BookUpdated | None = None
        self.epoch = 0
        self.voided: str | None = None
        self.flow: FlowUpdated | None = None
        self.position = Position()
        self.state = TradingState.ACTIVE
        self.cells: tuple[CellNote, ...] = ()
        self.ticks_back = 0
        self.because = ""
        self.resolved = False
        self.view: MarketView | None = None
        """Made of the above when it is asked for; None after a change."""

    @property
    def unusable(self) -> str | None:
        if self.awaited:
            return "recovering"
        if self.book is None:
            return "no_book"
        return self.voided or self.book.unusable


class CoordinatorMachine:
    """Coordinator of `markets` for desk `tag`. `exhaustive`: exactly one of them resolves YES, as is proven.

    `restarted`: it takes the place of a dead one and decides nothing until orders, inventory, trading state and book
    were said to it again. `merges`: pairs can be merged here. `rebuild` makes its strategy anew from other parameters.
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
        flatten: FlattenParameters,
        *,
        exhaustive: bool = False,
        restarted: bool = False,
        merges: bool = True,
        rebuild: Callable[[ParametersChanged], Strategy] | None = None,
    ) -> None:
        self.evaluations = 0
        self.decisions = 0
        self.decisions_on_synthetic_proof = 0
        self._tag = tag
        self._strategy = strategy
        self._rebuild = rebuild
        self._phase = phase
        self._parameters = coordinator
        self._leg = leg
        # The markets of a group hedge each other, so no leg of theirs is naked by itself.
        self._leg_exits = strategy.scope == "market" and (leg.takes or leg.sells)
        self._leg_is_timed = leg.is_timed
        self._exhaustive = exhaustive
        self._explainer = Explainer(tag, leg, merges=merges)
        awaited: set[type[Message]] = {OrdersSnapshot, InventoryUpdated, TradingStateChanged} if restarted else set()
        self._members = {market.id: _Member(market, set(awaited)) for market in markets}
        self._ends_ns = sorted(market.end_ns for market in markets if market.end_ns is not None)
        self._references: dict[str, ReferenceUpdated] = {}
        self._own = OwnOrders(tag, quotes.refused_cooldown_ms)
        self._quotes = Quotes(self._own, quotes)
        self._takes = Takes(tag, group, self._own, coordinator.take_cooldown_ms)
        self._back = StandingBack()
        self._flattener = Flattener(tag, flatten, merges=merges)
        self._decided: Targets | None = None
        self._wake_ns: int | None = None
        self._learners: dict[type[Message], Callable[[_Member, Any, int], bool]] = {
            BookUpdated: self._book,
            FlowUpdated: self._flow,
            InventoryUpdated: self._inventory,
            OrderChanged: self._order,
            IntentDenied: self._denied,
            TradingStateChanged: self._state,
            OrdersSnapshot: self._snapshot,
            MarketResolved: self._resolved,
            BookEpochChanged: self._epoch,
        }

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """Take in one message and return what to send; every change of what is known is decided on at once."""
        learner = self._learners.get(type(message))
        if learner is None:
            return self._other(message, now_ns)
        member = self._members.get(getattr(message, "market", ""))
        if member is None or not learner(member, message, now_ns):
            return ()
        if member.awaited:
            member.awaited.discard(type(message))
        member.view = None
        return self._decide(now_ns)

    def _other(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """Take in what is not said of one market."""
        match message:
            case ReferenceUpdated():
                self._references[message.name] = message
            case Woke():
                self._wake_ns = None
            case ParametersChanged() if self._rebuild is not None:
                strategy = self._rebuild(message)
                strategy.restore(self._strategy.snapshot())
                self._strategy = strategy
                self._quotes.change(message.of(QuoteParameters))
            case Explain(tag=self._tag) if message.market in self._members:
                view = self._view(now_ns)
                return (Explained(message.request, self._explain(message.market, view, self._targets(view))),)
            case _:
                return ()
        return self._decide(now_ns)

    # What is said of one market: each stores it and returns whether that calls for a decision

    def _book(self, member: _Member, message: BookUpdated, now_ns: int) -> bool:
        if message.epoch < member.epoch:
            return False
        member.book, member.epoch, member.voided = message, message.epoch, None
        return True

    def _epoch(self, member: _Member, message: BookEpochChanged, now_ns: int) -> bool:
        """Prices of before are void: quotes go, and what is waiting in the mailbox of the old epoch is not believed."""
        member.epoch = message.epoch
        member.voided = message.reason
        return True

    def _flow(self, member: _Member, message: FlowUpdated, now_ns: int) -> bool:
        member.flow = message
        return True

    def _inventory(self, member: _Member, message: InventoryUpdated, now_ns: int) -> bool:
        if message.tag != self._tag:
            return False
        member.position = message.position
        return True

    def _state(self, member: _Member, message: TradingStateChanged, now_ns: int) -> bool:
        member.state, member.cells = message.state, message.cells
        member.ticks_back, member.because = message.ticks_back, message.because
        self._flattener.say_again(message.market)
        return True

    def _order(self, member: _Member, message: OrderChanged, now_ns: int) -> bool:
        if message.tag != self._tag:
            return False
        self._own.order_changed(message, now_ns)
        return True

    def _denied(self, member: _Member, message: IntentDenied, now_ns: int) -> bool:
        self._own.intent_denied(message, now_ns)
        return True

    def _snapshot(self, member: _Member, message: OrdersSnapshot, now_ns: int) -> bool:
        return message.tag == self._tag

    def _resolved(self, member: _Member, message: MarketResolved, now_ns: int) -> bool:
        member.resolved = True
        return True

    # Deciding

    def _decide(self, now_ns: int) -> tuple[Message, ...]:
        self.evaluations += 1
        self._own.forget_unanswered(now_ns)
        view = self._view(now_ns)
        targets = self._targets(view)
        out = self._quotes.move(targets, view.markets, now_ns)
        out += self._takes.send(targets, view.markets, now_ns)
        out += self._flattener.move(view)
        if targets is not self._decided:
            if self._decided is None or _wanted(targets) != _wanted(self._decided):
                out += self._decision(view, targets)
            self._decided = targets
        wake_ns = self._next_wake_ns(view)
        if wake_ns != self._wake_ns:
            self._wake_ns = wake_ns
            out.append(WakeAt(wake_ns, _TIMER))
        return tuple(out)

    def _view(self, now_ns: int) -> View:
        markets = {market: member.view or self._look(member) for market, member in self._members.items()}
        return View(self._tag, now_ns, markets, self._references, self._exhaustive)

    def _look(self, member: _Member) -> MarketView:
        toxic = member.flow is not None and member.flow.toxic
        member.view = MarketView(
            member.market,
            phase_of(net_diff(member.position), toxic, self._phase.band(member.market)),
            member.state,
            member.cells,
            member.book,
            member.flow,
            member.position,
            self._own.working(member.market.id),
            member.unusable,
            member.resolved,
            member.ticks_back,
            member.because,
        )
        return member.view

    def _targets(self, view: View) -> Targets:
        """Ask the common gates, then the strategy. A member that fails one stops the whole group: legs go together."""
        flattening = self._flattener.targets(view)
        if flattening is not None:
            return flattening
        stopped: str | None = None
        reducing = False
        for market in view.markets.values():
            stopped = stopped or stopped_by(market, view.now_ns)
            reducing = reducing or market.state is TradingState.REDUCING
        if stopped is None and len(view.markets) > 1 and not self._skew(view).passed:
            stopped = "group_skew"
        if stopped is not None:
            kept = self._kept_hedge(view) if stopped == FUSE and len(view.markets) == 1 else None
            return kept or self._nothing(stopped)
        ahead = [market for market in view.markets.values() if risk_is_ahead(market)] if reducing else []
        if ahead:
            return self._unchanged(view, ahead)
        targets = self._back.targets(self._strategy.targets(view), view)
        if self._leg_exits:
            targets = self._with_leg_exit(targets, view)
        return alone(permitted(targets, view) if reducing else targets)

    def _nothing(self, reason: str) -> Targets:
        nothing = Targets(reason=reason)
        return self._decided if self._decided is not None and self._decided == nothing else nothing

    def _unchanged(self, view: View, ahead: list[MarketView]) -> Targets:
        """Return what would be wanted without the fill that the inventory has still to tell of, as far as it stands."""
        active = {market.market.id: replace(market, state=TradingState.ACTIVE) for market in ahead}
        targets = self._back.targets(self._strategy.targets(replace(view, markets={**view.markets, **active})), view)
        return standing_only(targets, view)

    def _with_leg_exit(self, targets: Targets, view: View) -> Targets:
        """Add what the leg policy would take now: a naked leg has an owner, whatever strategy left it."""
        market = view.alone()
        if market.net == 0:
            return targets
        touches = (market.touch(YES), market.touch(NO))
        due = leg_exit(market.position, touches, market.market, self._leg, view.now_ns)
        return targets if due is None else replace(targets, takes=(*targets.takes, due))

    def _kept_hedge(self, view: View) -> Targets | None:
        """Return the hedge that the fuse leaves standing: one that the flow runs towards, where that is configured."""
        market = view.alone()
        if market.flow is None or market.unusable is not None:
            return None
        kept = kept_by_fuse(market.net, self._phase.band(market.market), market.flow, self._phase)
        if kept is None:
            return None
        hedging = replace(market, phase="Hedge", state=TradingState.REDUCING)
        targets = self._strategy.targets(replace(view, markets={market.market.id: hedging}))
        quotes = tuple(quote for quote in targets.quotes if quote.outcome == kept and quote.side is Side.BUY)
        fused = Withheld(market.market.id, complement(kept), Side.BUY, FUSE)
        return Targets(quotes, withheld=(fused,), gates=targets.gates, reason="fuse_keeps_hedge") if quotes else None

    def _skew(self, view: View) -> Gate:
        return skew_gate(view, self._parameters.group_skew_ms)

    def _next_wake_ns(self, view: View) -> int | None:
        """Return when time alone changes something: a wait is over, a market ends, a step of the leg policy is due."""
        due = [self._quotes.wake_ns, self._takes.wake_ns, self._flattener.wake_ns, self._own.unanswered_until_ns]
        if self._ends_ns:
            due += [end_ns for end_ns in self._ends_ns if end_ns > view.now_ns][:1]
        if self._leg_is_timed:
            for market in view.markets.values():
                if market.net:
                    due.append(leg_due_ns(market.position, market.market, self._leg, view.now_ns))
        return min(filter(None, due), default=None)

    # Saying why

    def _decision(self, view: View, targets: Targets) -> list[Message]:
        self.decisions += 1
        self.decisions_on_synthetic_proof += any(_rests_on_proof(seen) for seen in view.markets.values())
        return [
            DecisionMade(self._tag, market, self.decisions, _rests_on_proof(seen), self._explain(market, view, targets))
            for market, seen in view.markets.items()
        ]

    def _explain(self, market: MarketId, view: View, targets: Targets) -> Explanation:
        """Give a market's own gates, those of other members that fail, and the strategy's."""
        gates = common_gates(view.markets[market], view.now_ns)
        for other, seen in view.markets.items():
            if other != market:
                failing = (gate for gate in common_gates(seen, view.now_ns) if not gate.passed)
                gates += tuple(replace(gate, note=f"{seen.market.slug}: {gate.note}") for gate in failing)
        if len(view.markets) > 1:
            gates += (self._skew(view),)
        refusals = self._own.refusals(market)
        return self._explainer.explanation(view.markets[market], targets, gates, refusals, view.now_ns)


def _wanted(targets: Targets) -> tuple[Any, ...]:
    """Return what makes a decision: the targets and the reasons for them, not how a price came about.

    Of a flatten also what it waits for: that is all there is to say of it.
    """
    quotes = tuple(
        (quote.market, quote.outcome, quote.side, quote.price, quote.size, quote.reason) for quote in targets.quotes
    )
    steps = tuple(gate.note for gate in targets.gates) if targets.reason == FLATTENING else ()
    return quotes, targets.takes, targets.bundles, targets.withheld, targets.reason, steps


def _rests_on_proof(market: MarketView) -> bool:
    """Whether the book was last known to be true by a proof of life and not by what the venue said of it."""
    return market.book is not None and market.book.proven_ns > market.book.event_ns
