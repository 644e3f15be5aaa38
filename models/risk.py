"""The risk supervisor's machine: the only place that turns an intent into an `OrderApproved`.

Why it counts for itself: a coordinator that misbehaves must not be able to raise |net|. So it keeps each market's net,
worst case and fuse from the same fills and flow that the coordinators see, holds the cells, and refuses whatever
contradicts them. A refusal is a value with the control that refused and its numbers, never an exception.

Why the checks and the reservation are one step: between a check and a later reservation another intent could pass.
"""

from collections.abc import Callable
from typing import Annotated

import msgspec

from models.cells import ALL, Cell, Cells, Scope, TradingState
from models.exposure import MarketExposure
from models.markets import YES, Market, Outcome, Side, complement
from models.messages.base import MarketId, Message
from models.messages.control import (
    CellNote,
    ClearKill,
    CommandApplied,
    ExposureUpdated,
    Kill,
    MarketParked,
    RaiseCell,
    SetOperatorState,
    TradingStateChanged,
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
from models.messages.runtime import ActorQuarantined, ActorRestarted, HandlerRecovered, HandlerSlow
from models.parameters import parameter
from models.phase import PhaseParameters, hedge_outcome, kept_by_fuse, phase_of, signed_size
from models.units import DOLLAR, ONE, Money, cash_of_rounded_up, format_money, format_size

OPERATOR = "operator"
SWITCH = "switch"
"""Sources of an operator's cells. `off` has its own, so that `resume` does not switch a market on and `on` does not
lift a pause.
"""

_VERBS = {
    "pause": (OPERATOR, TradingState.CANCEL_ONLY, "paused"),
    "reduce": (OPERATOR, TradingState.REDUCING, "reduce"),
    "resume": (OPERATOR, TradingState.ACTIVE, ""),
    "off": (SWITCH, TradingState.HALTED, "off"),
    "on": (SWITCH, TradingState.ACTIVE, ""),
}


class RiskParameters(msgspec.Struct, frozen=True):
    """Limits on the worst case and on the number of orders. Money limits scale with the wallet."""

    wallet_usd: Annotated[
        Money, parameter("Capital that the money limits scale with.", "dollars", env=["WALLET_USD"], gt=0)
    ] = 1_000 * DOLLAR
    market_worst_case: Annotated[
        float, parameter("Most that one market may lose, as a share of the wallet.", "ratio", gt=0, le=1)
    ] = 0.15
    total_worst_case: Annotated[
        float, parameter("Most that all markets together may lose, as a share of the wallet.", "ratio", gt=0, le=1)
    ] = 0.60
    open_orders_per_market: Annotated[int, parameter("Most open orders in one market.", "count", ge=1)] = 4
    open_orders_total: Annotated[
        int, parameter("Most open orders in all; 0 allows two for each enabled market.", "count", ge=0)
    ] = 0
    start_paused: Annotated[
        bool, parameter("Come up paused and wait for `resume`.", "switch", env=["START_PAUSED"])
    ] = False


class RiskMachine:
    """Cells, exposures and approvals of all markets."""

    def __init__(self, markets: dict[MarketId, Market], parameters: RiskParameters, phase: PhaseParameters) -> None:
        self._markets = markets
        self._parameters = parameters
        self._phase = phase
        self._cells = Cells()
        self._exposures: dict[MarketId, MarketExposure] = {}
        self._flows: dict[MarketId, FlowUpdated] = {}
        self._states: dict[MarketId, TradingStateChanged] = {}
        self._parked: set[MarketId] = set()
        self._open_total = 0
        self._worst_cases: dict[MarketId, Money] = {}
        self._worst_total: Money = 0
        if parameters.start_paused:
            self._cells.put(ALL, OPERATOR, TradingState.CANCEL_ONLY, "start_paused", 0)

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:  # noqa: C901 - one line a kind
        """Take in one message; approve, deny, raise and clear."""
        match message:
            case PlaceOrder():
                return self._place(message, now_ns)
            case PlaceBundle():
                return self._place_bundle(message, now_ns)
            case OrderChanged():
                return self._counted(message.market, lambda exposure: exposure.order_changed(message), now_ns)
            case FillCounted() | MergeChanged() | PositionsRedeemed():
                tag = message.tag
                return self._counted(message.market, lambda exposure: exposure.moved(tag, message), now_ns)
            case FillSettled() | FillVoided():
                tag = message.fill.tag
                return self._counted(message.fill.market, lambda exposure: exposure.moved(tag, message), now_ns)
            case FlowUpdated():
                return self._flow(message, now_ns)
            case RaiseCell():
                return self._raise(message.market, message.source, message.state, message.reason, now_ns)
            case SetOperatorState():
                return self._operator(message, now_ns)
            case Kill():
                return self._kill(message, now_ns)
            case ClearKill():
                return self._clear_kill(message, now_ns)
            case MarketResolved():
                return self._raise(message.market, "venue", TradingState.HALTED, "resolved", now_ns)
            case ActorRestarted():
                # A new coordinator knows no state; the old one's is said again.
                self._states.pop(message.scope, None)
                return self._states_changed((message.scope,), now_ns) if message.scope in self._markets else ()
            case ActorQuarantined():
                return self._raise(message.scope or None, "runtime", TradingState.HALTED, message.reason, now_ns)
            case HandlerSlow():
                return self._slow(message.name, TradingState.CANCEL_ONLY, now_ns)
            case HandlerRecovered():
                return self._slow(message.name, TradingState.ACTIVE, now_ns)
            case _:
                return ()

    def cells(self) -> tuple[Cell, ...]:
        """Return every raised cell."""
        return self._cells.all()

    # Intents

    def _place(self, order: PlaceOrder, now_ns: int) -> tuple[Message, ...]:
        refusal = self._refusal(order, (), now_ns)
        if refusal is not None:
            return (_denied(order, *refusal, now_ns),)
        return (self._approve(order), *self._exposure_events(order.market, now_ns))

    def _place_bundle(self, bundle: PlaceBundle, now_ns: int) -> tuple[Message, ...]:
        """Approve all legs or none: each is checked with those before it already counted."""
        for position, leg in enumerate(bundle.legs):
            refusal = self._refusal(leg, bundle.legs[:position], now_ns)
            if refusal is not None:
                reason, detail = refusal
                return tuple(_denied(each, reason, detail, now_ns) for each in bundle.legs)
        approved = tuple(self._approve(leg) for leg in bundle.legs)
        touched = dict.fromkeys(leg.market for leg in bundle.legs)
        return (*approved, *(event for market in touched for event in self._exposure_events(market, now_ns)))

    def _approve(self, order: PlaceOrder) -> OrderApproved:
        exposure = self._exposure(order.market)
        self._recount(order.market, exposure, lambda: exposure.approved(order))
        price = order.price if order.side is Side.BUY else ONE - order.price
        return OrderApproved(order, cash_of_rounded_up(price, order.size))

    def _refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], now_ns: int) -> tuple[str, str] | None:
        """Return the first control that refuses and its numbers, None when all pass."""
        market = self._markets.get(order.market)
        if market is None:
            return "unknown_market", order.market
        age_ns = now_ns - order.created_ns
        if age_ns > INTENT_TIME_TO_LIVE_NS:
            return "expired", f"intent is {age_ns // 1_000_000} ms old, it lives 500 ms"
        return (
            self._state_refusal(order, market)
            or self._order_refusal(order, before)
            or self._worst_case_refusal(order, before)
        )

    def _state_refusal(self, order: PlaceOrder, market: Market) -> tuple[str, str] | None:
        cells = self._cells.covering(*self._scopes(order.market, market, order.tag))
        if not cells:
            return None
        exposure = self._exposure(order.market)
        strictest = cells[0]
        if strictest.state is TradingState.REDUCING:
            return None if self._reduces(order, exposure) else (_cell_word(strictest), _cell_detail(strictest))
        if strictest.state is TradingState.CANCEL_ONLY and self._kept_hedge(order, market, exposure, cells):
            return None
        return _cell_word(strictest), _cell_detail(strictest)

    def _kept_hedge(self, order: PlaceOrder, market: Market, exposure: MarketExposure, cells: tuple[Cell, ...]) -> bool:
        """Whether only the fuse stands against an order that it is configured to leave alone."""
        if any(cell.state >= TradingState.CANCEL_ONLY and cell.source != "flow" for cell in cells):
            return False
        flow = self._flows.get(order.market)
        if flow is None or order.side is not Side.BUY:
            return False
        kept = kept_by_fuse(exposure.net, self._phase.band(market), flow, self._phase)
        return kept == order.outcome and self._reduces(order, exposure)

    @staticmethod
    def _reduces(order: PlaceOrder, exposure: MarketExposure) -> bool:
        """Whether an order lowers |net| without exceeding it, counting what already rests on that side."""
        move = signed_size(order.outcome, order.side, order.size)
        up, down = exposure.worst_net()
        if exposure.net > 0:
            return move < 0 and down + move >= 0
        if exposure.net < 0:
            return move > 0 and up + move <= 0
        return False

    def _order_refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...]) -> tuple[str, str] | None:
        exposure = self._exposure(order.market)
        in_market = len(exposure.orders) + sum(1 for leg in before if leg.market == order.market)
        limit = self._parameters.open_orders_per_market
        if in_market >= limit:
            return "open_orders_market", f"{in_market} open orders >= {limit}"
        total = self._open_total + len(before)
        cap = self._parameters.open_orders_total or 2 * len(self._markets)
        if total >= cap:
            return "open_orders_total", f"no room: {total} open orders >= {cap}"
        if exposure.unknown and not self._reduces(order, exposure):
            return "unknown_order", f"{len(exposure.unknown)} order of unknown fate in this market"
        crossing = _self_cross(order, exposure)
        if crossing is not None:
            return "self_cross", crossing
        if order.side is Side.SELL:
            offered = sum(
                resting.remaining
                for resting in exposure.orders.values()
                if resting.outcome == order.outcome and resting.side is Side.SELL
            )
            free = exposure.settled(order.outcome) - offered
            if order.size > free:
                return "not_settled", f"sell {format_size(order.size)} > {format_size(free)} settled and not offered"
        return None

    def _worst_case_refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...]) -> tuple[str, str] | None:
        exposure = self._exposure(order.market)
        same = tuple(leg for leg in before if leg.market == order.market)
        standing = exposure.worst_case(same)
        then = exposure.worst_case((*same, order))
        if then <= standing:
            return None
        market_limit = int(self._parameters.wallet_usd * self._parameters.market_worst_case)
        if then > market_limit:
            return "market_worst_case", f"{format_money(then)} > {format_money(market_limit)}"
        total = self._worst_total - exposure.worst_case() + then
        total += sum(_cost(leg) for leg in before if leg.market != order.market)
        total_limit = int(self._parameters.wallet_usd * self._parameters.total_worst_case)
        if total > total_limit:
            return "total_worst_case", f"{format_money(total)} > {format_money(total_limit)}"
        return None

    # What is held and what flows

    def _counted(self, market: MarketId, change: Callable[[MarketExposure], None], now_ns: int) -> tuple[Message, ...]:
        exposure = self._exposure(market)
        self._recount(market, exposure, lambda: change(exposure))
        return (
            *self._inventory_cell(market, exposure, now_ns),
            *self._exposure_events(market, now_ns),
            *self._park(market),
        )

    def _inventory_cell(self, market: MarketId, exposure: MarketExposure, now_ns: int) -> tuple[Message, ...]:
        known = self._markets.get(market)
        if known is None:
            return ()
        hedging = phase_of(exposure.net, False, self._phase.band(known)) == "Hedge"
        state = TradingState.REDUCING if hedging else TradingState.ACTIVE
        if not self._cells.put(Scope("market", market), "inventory", state, "hedge_only", now_ns):
            return ()
        out: list[Message] = list(self._states_changed((market,), now_ns))
        if hedging:
            out.append(CancelMarket(market, "inventory_limit", complement(hedge_outcome(exposure.net)), Side.BUY))
        return tuple(out)

    def _flow(self, flow: FlowUpdated, now_ns: int) -> tuple[Message, ...]:
        self._flows[flow.market] = flow
        state = TradingState.CANCEL_ONLY if flow.toxic else TradingState.ACTIVE
        if not self._cells.put(Scope("market", flow.market), "flow", state, "fused", now_ns):
            return ()
        changed = self._states_changed((flow.market,), now_ns)
        if not flow.toxic:
            return changed
        known = self._markets.get(flow.market)
        kept: Outcome | None = None
        if known is not None:
            kept = kept_by_fuse(self._exposure(flow.market).net, self._phase.band(known), flow, self._phase)
        if kept is None:
            return (CancelMarket(flow.market, "toxic_flow"), *changed)
        return (CancelMarket(flow.market, "toxic_flow", complement(kept)), *changed)

    # Operators and other raisers

    def _raise(
        self, market: MarketId | None, source: str, state: TradingState, reason: str, now_ns: int
    ) -> tuple[Message, ...]:
        scope = ALL if market is None else Scope("market", market)
        if not self._cells.put(scope, source, state, reason, now_ns):
            return ()
        touched = tuple(self._markets) if market is None else (market,)
        changed = self._states_changed(touched, now_ns)
        if state >= TradingState.CANCEL_ONLY:
            return (CancelMarket(market, reason), *changed)
        if state is TradingState.REDUCING:
            return (*self._cancel_risky(touched, reason), *changed)
        return changed

    def _cancel_risky(self, markets: tuple[MarketId, ...], reason: str) -> tuple[Message, ...]:
        """Cancel what could raise |net|; a flat market's orders all could."""
        out: list[Message] = []
        for market in markets:
            net = self._exposure(market).net
            if net == 0:
                out.append(CancelMarket(market, reason))
            else:
                out.append(CancelMarket(market, reason, complement(hedge_outcome(net)), Side.BUY))
        return tuple(out)

    def _operator(self, command: SetOperatorState, now_ns: int) -> tuple[Message, ...]:
        source, state, reason = _VERBS[command.verb]
        if command.market is not None and command.market not in self._markets:
            return (_answer(command.request, command.verb, command.market, False, "unknown market", now_ns),)
        if command.market is None and command.verb in ("off", "on"):
            return (_answer(command.request, command.verb, None, False, "name the market", now_ns),)
        out = self._raise(command.market, source, state, reason, now_ns)
        refusal = None
        if command.verb in ("resume", "on") and self._cells.state_of(ALL) is TradingState.KILLED:
            refusal = "killed: a person clears it with `keel kill --clear`"
        answer = _answer(command.request, command.verb, command.market, bool(out), refusal, now_ns)
        unpark: tuple[Message, ...] = ()
        if command.verb == "on" and command.market in self._parked:
            self._parked.discard(command.market)
            unpark = (MarketParked(command.market, False),)
        park = self._park(command.market) if command.market is not None else ()
        return (*out, *unpark, *park, answer)

    def _kill(self, command: Kill, now_ns: int) -> tuple[Message, ...]:
        changed = self._cells.put(ALL, "kill", TradingState.KILLED, command.reason, now_ns)
        states = self._states_changed(tuple(self._markets), now_ns)
        answer = _answer(command.request, "kill", None, changed, None, now_ns)
        return (CancelMarket(None, "kill"), *states, answer)

    def _clear_kill(self, command: ClearKill, now_ns: int) -> tuple[Message, ...]:
        changed = self._cells.clear_kill()
        states = self._states_changed(tuple(self._markets), now_ns)
        return (*states, _answer(command.request, "clear_kill", None, changed, None, now_ns))

    def _slow(self, actor: str, state: TradingState, now_ns: int) -> tuple[Message, ...]:
        market = next((part for part in actor.split("/")[1:] if part in self._markets), None)
        return () if market is None else self._raise(market, "runtime", state, "slow_handler", now_ns)

    def _park(self, market: MarketId) -> tuple[Message, ...]:
        """A market that is off, flat, and has nothing open, unknown or unsettled needs no actors any more.

        A late fill brings them back: what is held must be marked, settled and counted.
        """
        flat = self._exposure(market).is_flat
        if market in self._parked and not flat:
            self._parked.discard(market)
            return (MarketParked(market, False),)
        off = any(cell.source == SWITCH for cell in self._cells.covering(Scope("market", market)))
        if not off or market in self._parked or not flat:
            return ()
        self._parked.add(market)
        return (MarketParked(market, True),)

    # Bookkeeping

    def _exposure(self, market: MarketId) -> MarketExposure:
        exposure = self._exposures.get(market)
        if exposure is None:
            exposure = self._exposures[market] = MarketExposure()
        return exposure

    def _recount(self, market: MarketId, exposure: MarketExposure, change: Callable[[], None]) -> None:
        """Apply a change to one market and keep the totals: they are asked for by every intent."""
        open_before = len(exposure.orders)
        change()
        self._open_total += len(exposure.orders) - open_before
        worst = exposure.worst_case()
        self._worst_total += worst - self._worst_cases.get(market, 0)
        self._worst_cases[market] = worst

    def _exposure_events(self, market: MarketId, now_ns: int) -> tuple[Message, ...]:
        exposure = self._exposures[market]
        return (ExposureUpdated(market, exposure.net, self._worst_cases.get(market, 0), len(exposure.orders), now_ns),)

    def _states_changed(self, markets: tuple[MarketId, ...], now_ns: int) -> tuple[Message, ...]:
        out: list[Message] = []
        for market in markets:
            known = self._markets.get(market)
            if known is None:
                continue
            cells = tuple(
                CellNote(str(cell.scope), cell.source, cell.state, cell.reason, cell.since_ns)
                for cell in self._cells.covering(*self._scopes(market, known, None))
            )
            state = cells[0].state if cells else TradingState.ACTIVE
            standing = self._states.get(market)
            if standing is None or (standing.state, standing.cells) != (state, cells):
                self._states[market] = TradingStateChanged(market, state, cells, now_ns)
                out.append(self._states[market])
        return tuple(out)

    @staticmethod
    def _scopes(market: MarketId, known: Market, tag: str | None) -> tuple[Scope, ...]:
        scopes = [Scope("market", market)]
        if known.group is not None:
            scopes.append(Scope("event", known.group))
        if tag is not None:
            scopes.append(Scope("strategy", tag))
        return tuple(scopes)


def _self_cross(order: PlaceOrder, exposure: MarketExposure) -> str | None:
    """Say which own resting order would trade with this one: the other side of its token, or the complement's same
    side.
    """
    for resting in exposure.orders.values():
        if resting.outcome == order.outcome and resting.side is not order.side:
            crosses = order.price >= resting.price if order.side is Side.BUY else order.price <= resting.price
        elif resting.outcome != order.outcome and resting.side is order.side:
            both = order.price + resting.price
            crosses = both >= ONE if order.side is Side.BUY else both <= ONE
        else:
            continue
        if crosses:
            token = "YES" if resting.outcome == YES else "NO"
            return f"crosses own {resting.side.value} {token} at {resting.price / ONE:.4f}"
    return None


def _cost(order: PlaceOrder) -> Money:
    return cash_of_rounded_up(order.price if order.side is Side.BUY else ONE - order.price, order.size)


def _cell_word(cell: Cell) -> str:
    if cell.source in ("inventory", "flow"):
        return cell.reason
    return cell.state.name.lower()


def _cell_detail(cell: Cell) -> str:
    return f"{cell.state.name} by {cell.source} on {cell.scope}: {cell.reason}"


def _denied(order: PlaceOrder, reason: str, detail: str, now_ns: int) -> IntentDenied:
    return IntentDenied(order.intent, order.tag, order.market, order.outcome, order.side, reason, detail, now_ns)


def _answer(
    request: str, verb: str, market: MarketId | None, changed: bool, refusal: str | None, now_ns: int
) -> CommandApplied:
    return CommandApplied(request, verb, market, changed, refusal, now_ns)
