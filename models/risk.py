"""The risk supervisor's machine: the only place that turns an intent into an `OrderApproved`.

Why it counts for itself: a coordinator that misbehaves must not be able to raise |net|. So it keeps each market's net,
worst case and fuse from the same fills and flow that the coordinators see, holds the cells, and refuses whatever
contradicts them. A refusal is a value with the control that refused and its numbers, never an exception.

Why the checks and the reservation are one step: between a check and a later reservation another intent could pass.
"""

from collections.abc import Callable, Iterable, Mapping

from models.cells import Cell, TradingState
from models.controls.control import Guard, Refusal
from models.controls.worst_cases import WorstCases
from models.engine import EngineParameters
from models.exposure import Exposures, MarketExposure
from models.flattening import OPERATOR
from models.halts import Halts, Messages
from models.inventory import InventoryParameters
from models.limits import Limits, RiskParameters, lowers_net
from models.markets import Market, Outcome, Side, complement
from models.messages.base import MarketId, Message
from models.messages.control import (
    ExposureUpdated,
    Kill,
    KillLatched,
    MarketHeld,
    RaiseCell,
    ReadRisk,
    RiskRead,
    SetOperatorState,
)
from models.messages.market import FlowUpdated
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
from models.messages.reload import ParametersChanged
from models.messages.runtime import Woke
from models.phase import PhaseParameters, hedge_outcome, kept_by_fuse, phase_of
from models.units import ONE, cash_of_rounded_up


class RiskMachine(Halts):
    """Cells, exposures and approvals of all markets. `groups` names the markets that are decided on together.

    `guards` builds the families of controls; without it there are the limits on what is held and open alone.
    """

    def __init__(
        self,
        markets: Mapping[MarketId, Market],
        parameters: RiskParameters,
        phase: PhaseParameters,
        inventory: InventoryParameters = InventoryParameters(),
        groups: Mapping[str, tuple[MarketId, ...]] | None = None,
        guards: Callable[[Exposures], tuple[Guard, ...]] | None = None,
    ) -> None:
        super().__init__(markets, groups or {})
        held = self._exposures
        self._guards: tuple[Guard, ...] = (
            (Limits(parameters, held, inventory.max_net_diff), WorstCases(parameters, held))
            if guards is None
            else guards(held)
        )
        self._hearing: dict[type[Message], list[Guard]] = {}
        for guard in self._guards:
            for kind in guard.hears:
                self._hearing.setdefault(kind, []).append(guard)
        self._phase = phase
        self._flows: dict[MarketId, FlowUpdated] = {}
        self._naked: dict[MarketId, Outcome] = {}
        self._kept: dict[MarketId, Outcome] = {}
        self._unsaid = parameters.start_paused
        if parameters.start_paused:
            self._states.put(None, OPERATOR, TradingState.CANCEL_ONLY, "start_paused", 0)
        self._handlers |= {
            PlaceOrder: self._place,
            PlaceBundle: self._place_bundle,
            OrderChanged: self._order_changed,
            FillCounted: self._moved,
            MergeChanged: self._moved,
            PositionsRedeemed: self._moved,
            FillSettled: self._fill_moved,
            FillVoided: self._fill_moved,
            FlowUpdated: self._flow,
            ReadRisk: self._read,
            ParametersChanged: self._parameters_changed,
            Woke: self._woke,
        }

    def step(self, message: Message, now_ns: int) -> Messages:
        """Take in one message; approve, deny, raise and clear. The first one of all makes it say how it came up."""
        handler = self._handlers.get(type(message))
        out = () if handler is None else handler(message, now_ns)
        barred = isinstance(message, SetOperatorState) and self._is_barred(message)
        for guard in () if barred else self._hearing.get(type(message), ()):
            out += self._followed(guard.heard(message, now_ns), now_ns)
        if self._unsaid:
            self._unsaid = False
            return (*out, *self._states.changed(self._markets, now_ns))
        return out

    # Intents

    def _place(self, order: PlaceOrder, now_ns: int) -> Messages:
        refusal = self._refusal(order, (), now_ns)
        if refusal is not None:
            return self._deny((order,), refusal, now_ns)
        return (self._approve(order, now_ns), *self._exposure_updated(order.market, now_ns))

    def _place_bundle(self, bundle: PlaceBundle, now_ns: int) -> Messages:
        """Approve all legs or none: each is checked with those before it already counted."""
        for position, leg in enumerate(bundle.legs):
            refusal = self._refusal(leg, bundle.legs[:position], now_ns)
            if refusal is not None:
                return self._deny(bundle.legs, refusal, now_ns)
        approved = tuple(self._approve(leg, now_ns) for leg in bundle.legs)
        touched = dict.fromkeys(leg.market for leg in bundle.legs)
        return (*approved, *(event for market in touched for event in self._exposure_updated(market, now_ns)))

    def _deny(self, orders: Iterable[PlaceOrder], refusal: Refusal, now_ns: int) -> Messages:
        denials = tuple(denied(order, refusal, now_ns) for order in orders)
        out: list[Message] = [*denials]
        for guard in self._hearing.get(IntentDenied, ()):
            for each in denials:
                out += self._followed(guard.heard(each, now_ns), now_ns)
        return tuple(out)

    def _approve(self, order: PlaceOrder, now_ns: int) -> OrderApproved:
        for guard in self._guards:
            guard.approved(order, now_ns)
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
        return self._state_refusal(order, market, before) or self._guard_refusal(order, before, now_ns)

    def _guard_refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], now_ns: int) -> Refusal | None:
        same = tuple(leg for leg in before if leg.market == order.market)
        opens = not lowers_net(order, self._exposures.of(order.market), same)
        for guard in self._guards:
            refusal = guard.refusal(order, before, opens, now_ns)
            if refusal is not None:
                return refusal
        return None

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

    def _order_changed(self, event: OrderChanged, now_ns: int) -> Messages:
        if self._exposures.of(event.market).is_known(event):
            return ()
        return self._counted(event.market, lambda exposure: exposure.order_changed(event), now_ns)

    def _moved(self, event: FillCounted | MergeChanged | PositionsRedeemed, now_ns: int) -> Messages:
        return self._counted(event.market, lambda exposure: exposure.moved(event.tag, event), now_ns)

    def _fill_moved(self, event: FillSettled | FillVoided, now_ns: int) -> Messages:
        return self._counted(event.fill.market, lambda exposure: exposure.moved(event.fill.tag, event), now_ns)

    def _counted(self, market: MarketId, change: Callable[[MarketExposure], None], now_ns: int) -> Messages:
        exposure = self._exposures.change(market, change)
        return (
            *self._inventory_cell(market, exposure, now_ns),
            *self._exposure_updated(market, now_ns),
            *self._park(market),
            *self._flatten(now_ns),
        )

    def _inventory_cell(self, market: MarketId, exposure: MarketExposure, now_ns: int) -> Messages:
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

    def _flow(self, flow: FlowUpdated, now_ns: int) -> Messages:
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

    # The families of controls

    def _followed(self, said: Messages, now_ns: int) -> Messages:
        """Hold the cells that a control raises, latch what it kills, and pass on the rest."""
        out: list[Message] = []
        for message in said:
            match message:
                case RaiseCell():
                    out += self._raise(message, now_ns)
                case MarketHeld():
                    out += self._hold(message, now_ns)
                case Kill() if not self._states.killed:
                    out += (KillLatched(message.reason, now_ns), *self._kill(message, now_ns))
                case Kill():
                    pass
                case _:
                    out.append(message)
        return tuple(out)

    def _hold(self, held: MarketHeld, now_ns: int) -> Messages:
        cell = RaiseCell(held.market, held.control, held.state, held.reason)
        if held.market is None:
            return (held, *self._raise(cell, now_ns))
        self._states.stand_back(held.market, held.control, held.ticks_back, held.reason)
        return (held, *self._raise(cell, now_ns), *self._states.changed((held.market,), now_ns))

    def _woke(self, woke: Woke, now_ns: int) -> Messages:
        return tuple(
            said
            for guard in self._guards
            if guard.timer == woke.timer
            for said in self._followed(guard.woke(now_ns), now_ns)
        )

    def _parameters_changed(self, message: ParametersChanged, now_ns: int) -> Messages:
        """Hold every intent from now on against other limits; what rests is not touched."""
        parameters = EngineParameters(*message.sections)
        for guard in self._guards:
            guard.changed(parameters)
        return ()

    # What is said

    def _read(self, asked: ReadRisk, now_ns: int) -> Messages:
        readings = tuple(reading for guard in self._guards for reading in guard.readings(now_ns))
        return (RiskRead(asked.request, readings, now_ns),)

    def _exposure_updated(self, market: MarketId, now_ns: int) -> Messages:
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
