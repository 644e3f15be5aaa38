"""The risk supervisor's machine: the only place that turns an intent into an `OrderApproved`.

Why it counts for itself: a coordinator that misbehaves must not be able to raise |net|. So it keeps each market's net,
worst case and fuse from the same fills and flow that the coordinators see, holds the cells, and refuses whatever
contradicts them. A refusal is a value with the control that refused and its numbers, never an exception.

Why the checks and the reservation are one step: between a check and a later reservation another intent could pass.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from models.cells import Cell, TradingState, stop_word
from models.exposure import Exposures, MarketExposure
from models.inventory import InventoryParameters
from models.limits import Limits, Refusal, RiskParameters, lowers_net
from models.markets import Market, Outcome, Side, complement
from models.messages.base import MarketId, Message
from models.messages.control import (
    ClearKill,
    CommandApplied,
    ExposureUpdated,
    Kill,
    MarketParked,
    RaiseCell,
    SetOperatorState,
)
from models.messages.market import FlowUpdated, MarketResolved
from models.messages.orders import (
    INTENT_TIME_TO_LIVE_NS,
    CancelMarket,
    FillCounted,
    FillSettled,
    FillVoided,
    IntentDenied,
    MergeChanged,
    OrderApproved,
    OrderChanged,
    PlaceBundle,
    PlaceOrder,
    PositionsRedeemed,
)
from models.messages.runtime import ActorFailed, ActorQuarantined, ActorRestarted, HandlerRecovered, HandlerSlow
from models.outages import Outages
from models.phase import PhaseParameters, hedge_outcome, kept_by_fuse, phase_of
from models.trading_states import TradingStates
from models.units import ONE, cash_of_rounded_up

OPERATOR: Final = "operator"
SWITCH: Final = "switch"
"""Sources of an operator's cells. `off` has its own, so that `resume` does not switch a market on and `on` does not
lift a pause.
"""

VERBS: Final = {
    "pause": (OPERATOR, TradingState.CANCEL_ONLY, "paused"),
    "reduce": (OPERATOR, TradingState.REDUCING, "reduce"),
    "resume": (OPERATOR, TradingState.ACTIVE, ""),
    "off": (SWITCH, TradingState.HALTED, "off"),
    "on": (SWITCH, TradingState.ACTIVE, ""),
}
"""What an operator's word means: source, state and reason of the cell that it sets."""

_Messages = tuple[Message, ...]


class RiskMachine:
    """Cells, exposures and approvals of all markets. `groups` names the markets that are decided on together."""

    def __init__(
        self,
        markets: Mapping[MarketId, Market],
        parameters: RiskParameters,
        phase: PhaseParameters,
        inventory: InventoryParameters = InventoryParameters(),
        groups: Mapping[str, tuple[MarketId, ...]] | None = None,
    ) -> None:
        self._markets = markets
        self._phase = phase
        self._states = TradingStates(markets)
        self._outages = Outages(markets, groups or {})
        self._exposures = Exposures(markets)
        self._limits = Limits(parameters, self._exposures, len(markets), inventory.max_net_diff)
        self._flows: dict[MarketId, FlowUpdated] = {}
        self._naked: dict[MarketId, Outcome] = {}
        self._kept: dict[MarketId, Outcome] = {}
        self._parked: set[MarketId] = set()
        self._unsaid = parameters.start_paused
        if parameters.start_paused:
            self._states.put(None, OPERATOR, TradingState.CANCEL_ONLY, "start_paused", 0)
        self._handlers: dict[type[Message], Callable[[Any, int], _Messages]] = {
            PlaceOrder: self._place,
            PlaceBundle: self._place_bundle,
            OrderChanged: self._order_changed,
            FillCounted: self._moved,
            MergeChanged: self._moved,
            PositionsRedeemed: self._moved,
            FillSettled: self._fill_moved,
            FillVoided: self._fill_moved,
            FlowUpdated: self._flow,
            RaiseCell: self._raise,
            SetOperatorState: self._operator,
            Kill: self._kill,
            ClearKill: self._clear_kill,
            MarketResolved: self._resolved,
            ActorFailed: lambda failed, now_ns: self._raise_all(self._outages.failed(failed), now_ns),
            ActorRestarted: self._actor_restarted,
            ActorQuarantined: lambda gone, now_ns: self._raise_all(self._outages.quarantined(gone), now_ns),
            HandlerSlow: lambda slow, now_ns: self._raise_all(self._outages.slow(slow), now_ns),
            HandlerRecovered: lambda slow, now_ns: self._raise_all(self._outages.recovered(slow), now_ns),
        }

    def step(self, message: Message, now_ns: int) -> _Messages:
        """Take in one message; approve, deny, raise and clear. The first one of all makes it say how it came up."""
        handler = self._handlers.get(type(message))
        if handler is None:
            return ()
        if self._unsaid:
            self._unsaid = False
            return (*handler(message, now_ns), *self._states.changed(self._markets, now_ns))
        return handler(message, now_ns)

    # Intents

    def _place(self, order: PlaceOrder, now_ns: int) -> _Messages:
        refusal = self._refusal(order, (), now_ns)
        if refusal is not None:
            return (denied(order, refusal, now_ns),)
        return (self._approve(order), *self._exposure_updated(order.market, now_ns))

    def _place_bundle(self, bundle: PlaceBundle, now_ns: int) -> _Messages:
        """Approve all legs or none: each is checked with those before it already counted."""
        for position, leg in enumerate(bundle.legs):
            refusal = self._refusal(leg, bundle.legs[:position], now_ns)
            if refusal is not None:
                return tuple(denied(each, refusal, now_ns) for each in bundle.legs)
        approved = tuple(self._approve(leg) for leg in bundle.legs)
        touched = dict.fromkeys(leg.market for leg in bundle.legs)
        return (*approved, *(event for market in touched for event in self._exposure_updated(market, now_ns)))

    def _approve(self, order: PlaceOrder) -> OrderApproved:
        self._exposures.change(order.market, lambda exposure: exposure.approved(order))
        price = order.price if order.side is Side.BUY else ONE - order.price
        return OrderApproved(order, cash_of_rounded_up(price, order.size))

    def _refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], now_ns: int) -> Refusal | None:
        """Return the first control that refuses and its numbers, None when all pass."""
        market = self._markets.get(order.market)
        if market is None:
            return Refusal("unknown_market", order.market)
        age_ns = now_ns - order.created_ns
        if age_ns > INTENT_TIME_TO_LIVE_NS:
            return Refusal("expired", f"intent is {age_ns // 1_000_000} ms old, it lives 500 ms")
        return self._state_refusal(order, market, before) or self._limits.refusal(order, before)

    def _state_refusal(self, order: PlaceOrder, market: Market, before: tuple[PlaceOrder, ...]) -> Refusal | None:
        cells = self._states.covering(order.market, order.tag)
        if not cells:
            return None
        exposure = self._exposures.of(order.market)
        same = tuple(leg for leg in before if leg.market == order.market)
        only_fused = all(cell.state < TradingState.CANCEL_ONLY or cell.source == "flow" for cell in cells)
        if cells[0].state is TradingState.REDUCING or (only_fused and self._is_kept_hedge(order, market, exposure)):
            return None if lowers_net(order, exposure, same) else _cell_refusal(cells[0])
        return _cell_refusal(cells[0])

    def _is_kept_hedge(self, order: PlaceOrder, market: Market, exposure: MarketExposure) -> bool:
        return order.side is Side.BUY and self._hedge_kept(market, exposure) == order.outcome

    # What is held

    def _order_changed(self, event: OrderChanged, now_ns: int) -> _Messages:
        if self._exposures.of(event.market).is_known(event):
            return ()
        return self._counted(event.market, lambda exposure: exposure.order_changed(event), now_ns)

    def _moved(self, event: FillCounted | MergeChanged | PositionsRedeemed, now_ns: int) -> _Messages:
        return self._counted(event.market, lambda exposure: exposure.moved(event.tag, event), now_ns)

    def _fill_moved(self, event: FillSettled | FillVoided, now_ns: int) -> _Messages:
        return self._counted(event.fill.market, lambda exposure: exposure.moved(event.fill.tag, event), now_ns)

    def _counted(self, market: MarketId, change: Callable[[MarketExposure], None], now_ns: int) -> _Messages:
        exposure = self._exposures.change(market, change)
        return (
            *self._inventory_cell(market, exposure, now_ns),
            *self._exposure_updated(market, now_ns),
            *self._park(market),
        )

    def _inventory_cell(self, market: MarketId, exposure: MarketExposure, now_ns: int) -> _Messages:
        """Hold (market, inventory) = REDUCING while a leg is naked, and cancel what would make it more so."""
        known = self._markets.get(market)
        if known is None:
            return ()
        net = exposure.net
        hedging = phase_of(net, False, self._phase.band(known)) == "Hedge"
        naked = complement(hedge_outcome(net)) if hedging else None
        if naked == self._naked.get(market):
            return ()
        if naked is None:
            del self._naked[market]
            self._states.put(market, "inventory", TradingState.ACTIVE, "", now_ns)
            return self._states.changed((market,), now_ns)
        self._naked[market] = naked
        self._states.put(market, "inventory", TradingState.REDUCING, "hedge_only", now_ns)
        return (*self._states.changed((market,), now_ns), *self._cancel_side(market, naked, "inventory_limit"))

    # The fuse

    def _flow(self, flow: FlowUpdated, now_ns: int) -> _Messages:
        """Cancel at once on toxic flow, without the coordinator; all but the hedge that the flow runs towards."""
        market = flow.market
        self._flows[market] = flow
        state = TradingState.CANCEL_ONLY if flow.toxic else TradingState.ACTIVE
        changed = self._states.put(market, "flow", state, "fused", now_ns)
        known = self._markets.get(market)
        kept = None if known is None or not flow.toxic else self._hedge_kept(known, self._exposures.of(market))
        was = self._kept.pop(market, None)
        if kept is not None:
            self._kept[market] = kept
        if not flow.toxic or (not changed and kept == was):
            return self._states.changed((market,), now_ns) if changed else ()
        # Of the token that is kept only its bid stands: it is the hedge.
        cancels = (CancelMarket(market, "toxic_flow", None if kept is None else complement(kept)),)
        if kept is not None and self._exposures.of(market).has_order(kept, Side.SELL):
            cancels = (*cancels, CancelMarket(market, "toxic_flow", kept, Side.SELL))
        return (*cancels, *self._states.changed((market,), now_ns))

    def _hedge_kept(self, market: Market, exposure: MarketExposure) -> Outcome | None:
        flow = self._flows.get(market.id)
        return None if flow is None else kept_by_fuse(exposure.net, self._phase.band(market), flow, self._phase)

    # Operators and other raisers

    def _resolved(self, resolved: MarketResolved, now_ns: int) -> _Messages:
        return self._raise(RaiseCell(resolved.market, "venue", TradingState.HALTED, "market_resolved"), now_ns)

    def _raise(self, cell: RaiseCell, now_ns: int) -> _Messages:
        market = cell.market
        if not self._states.put(market, cell.source, cell.state, cell.reason, now_ns):
            return ()
        touched = tuple(self._markets) if market is None else (market,)
        changed = self._states.changed(touched, now_ns)
        word = stop_word(cell.state, cell.source, cell.reason)
        if cell.state >= TradingState.CANCEL_ONLY:
            return (CancelMarket(market, word), *changed)
        if cell.state is TradingState.REDUCING:
            return (*(cancel for one in touched for cancel in self._cancel_risky(one, word)), *changed)
        return changed

    def _raise_all(self, cells: Iterable[RaiseCell], now_ns: int) -> _Messages:
        return tuple(said for cell in cells for said in self._raise(cell, now_ns))

    def _cancel_risky(self, market: MarketId, reason: str) -> _Messages:
        """Cancel what could raise |net|; a flat market's orders all could, and so could a hedge that passes zero."""
        nets = self._exposures.of(market).nets()
        if nets.now == 0 or nets.down < 0 < nets.now or nets.now < 0 < nets.up:
            return (CancelMarket(market, reason),)
        return self._cancel_side(market, complement(hedge_outcome(nets.now)), reason)

    def _cancel_side(self, market: MarketId, naked: Outcome, reason: str) -> _Messages:
        """Cancel what would raise the naked leg: bids for its token, and offers of the missing one."""
        bids, missing = CancelMarket(market, reason, naked, Side.BUY), complement(naked)
        if self._exposures.of(market).has_order(missing, Side.SELL):
            return (bids, CancelMarket(market, reason, missing, Side.SELL))
        return (bids,)

    def _operator(self, command: SetOperatorState, now_ns: int) -> _Messages:
        market, meaning = command.market, VERBS.get(command.verb)
        if meaning is None:
            return (_applied(command, command.verb, market, False, f"unknown verb {command.verb}", now_ns),)
        if market is not None and market not in self._markets:
            return (_applied(command, command.verb, market, False, "unknown market", now_ns),)
        if market is None and command.verb in ("off", "on"):
            return (_applied(command, command.verb, None, False, "name the market", now_ns),)
        out = self._raise(RaiseCell(market, *meaning), now_ns)
        refusal = None
        if command.verb in ("resume", "on") and self._states.killed:
            refusal = "killed: a person clears it with `keel kill --clear`"
        parked = () if market is None else (*self._unpark(market, command.verb), *self._park(market))
        return (*out, *parked, _applied(command, command.verb, market, bool(out), refusal, now_ns))

    def _kill(self, command: Kill, now_ns: int) -> _Messages:
        changed = self._states.put(None, "kill", TradingState.KILLED, command.reason, now_ns)
        states = self._states.changed(self._markets, now_ns)
        return (CancelMarket(None, "kill"), *states, _applied(command, "kill", None, changed, None, now_ns))

    def _clear_kill(self, command: ClearKill, now_ns: int) -> _Messages:
        changed = self._states.clear_kill()
        states = self._states.changed(self._markets, now_ns)
        return (*states, _applied(command, "clear_kill", None, changed, None, now_ns))

    def _actor_restarted(self, restarted: ActorRestarted, now_ns: int) -> _Messages:
        """Let its markets go on, and say their states again: a new coordinator knows none."""
        lifted = self._raise_all(self._outages.restarted(restarted), now_ns)
        served = self._outages.served(restarted.scope)
        self._states.forget(served)
        return (*lifted, *self._states.changed(served, now_ns))

    # Parking

    def _unpark(self, market: MarketId, verb: str) -> _Messages:
        if verb != "on" or market not in self._parked:
            return ()
        self._parked.discard(market)
        return (MarketParked(market, False),)

    def _park(self, market: MarketId) -> _Messages:
        """A market that is off, flat, and has nothing open, unknown or unsettled needs no actors any more.

        A late fill brings them back: what is held must be marked, settled and counted.
        """
        flat = self._exposures.of(market).is_flat
        if market in self._parked and not flat:
            self._parked.discard(market)
            return (MarketParked(market, False),)
        off = any(cell.source == SWITCH for cell in self._states.covering(market))
        if not off or market in self._parked or not flat:
            return ()
        self._parked.add(market)
        return (MarketParked(market, True),)

    # What is said

    def _exposure_updated(self, market: MarketId, now_ns: int) -> _Messages:
        exposure = self._exposures.of(market)
        worst_case = self._exposures.worst_case_of(market)
        return (ExposureUpdated(market, exposure.net, worst_case, len(exposure.orders), now_ns),)


def _cell_refusal(cell: Cell) -> Refusal:
    word = cell.reason if cell.source in ("inventory", "flow") else cell.state.name.lower()
    return Refusal(word, f"{cell.state.name} by {cell.source} on {cell.scope}: {cell.reason}")


def denied(order: PlaceOrder, refusal: Refusal, now_ns: int) -> IntentDenied:
    """Return the answer to an intent that a control refuses."""
    return IntentDenied(
        order.intent, order.tag, order.market, order.outcome, order.side, refusal.reason, refusal.detail, now_ns
    )


def _applied(
    command: SetOperatorState | Kill | ClearKill,
    verb: str,
    market: MarketId | None,
    changed: bool,
    refusal: str | None,
    now_ns: int,
) -> CommandApplied:
    return CommandApplied(command.request, verb, market, changed, refusal, now_ns)
