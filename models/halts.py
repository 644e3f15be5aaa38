"""What holds markets back: what operators said, what fails, what has resolved; and the cancels that follow from it.

Each cause raises a cell of its own and lifts it again itself; what that means for orders is done in the same step.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from models.cells import TradingState, stop_word
from models.exposure import Exposures
from models.flattening import FLATTENED, FLATTENING, OPERATOR, REMOVED, SWITCH, Flattening, left_alone, refusal_of
from models.markets import Market, Outcome, Side, complement
from models.messages.base import MarketId, Message
from models.messages.catalogue import MarketListed
from models.messages.control import (
    ClearKill,
    CommandApplied,
    FlattenChanged,
    Kill,
    MarketParked,
    RaiseCell,
    SetOperatorState,
)
from models.messages.market import MarketResolved
from models.messages.orders import CancelMarket
from models.messages.runtime import ActorFailed, ActorQuarantined, ActorRestarted, HandlerRecovered, HandlerSlow
from models.outages import Outages
from models.phase import hedge_outcome
from models.trading_states import TradingStates

VERBS: Final = {
    "pause": (OPERATOR, TradingState.CANCEL_ONLY, "paused"),
    "reduce": (OPERATOR, TradingState.REDUCING, "reduce"),
    "flatten": (OPERATOR, TradingState.REDUCING, FLATTENING),
    "resume": (OPERATOR, TradingState.ACTIVE, ""),
    "off": (SWITCH, TradingState.HALTED, "off"),
    "on": (SWITCH, TradingState.ACTIVE, ""),
}
"""What an operator's word means: source, state and reason of the cell that it sets."""

Messages = tuple[Message, ...]


class Halts:
    """The cells of all markets, and who is told to cancel what because of them."""

    def __init__(self, markets: Mapping[MarketId, Market], groups: Mapping[str, tuple[MarketId, ...]]) -> None:
        # One table for all that is asked here and by the guards: a market that is added is known to all at once.
        self._markets = dict(markets)
        self._exposures = Exposures(self._markets)
        self._states = TradingStates(self._markets)
        self._outages = Outages(self._markets, groups)
        self._flattening = Flattening()
        self._parked: set[MarketId] = set()
        self._handlers: dict[type[Message], Callable[[Any, int], Messages]] = {
            RaiseCell: self._raise,
            SetOperatorState: self._operator,
            FlattenChanged: self._flatten_changed,
            Kill: self._kill,
            ClearKill: self._clear_kill,
            MarketResolved: self._resolved,
            MarketListed: self._listed,
            ActorFailed: lambda failed, now_ns: self._raise_all(self._outages.failed(failed), now_ns),
            ActorRestarted: self._actor_restarted,
            ActorQuarantined: lambda gone, now_ns: self._raise_all(self._outages.quarantined(gone), now_ns),
            HandlerSlow: lambda slow, now_ns: self._raise_all(self._outages.slow(slow), now_ns),
            HandlerRecovered: lambda slow, now_ns: self._raise_all(self._outages.recovered(slow), now_ns),
        }

    # Raisers

    def _resolved(self, resolved: MarketResolved, now_ns: int) -> Messages:
        return self._raise(RaiseCell(resolved.market, "venue", TradingState.HALTED, "market_resolved"), now_ns)

    def _raise(self, cell: RaiseCell, now_ns: int) -> Messages:
        market = cell.market
        since_ns = now_ns if cell.since_ns is None else cell.since_ns
        if not self._states.put(market, cell.source, cell.state, cell.reason, since_ns):
            return ()
        touched = tuple(self._markets) if market is None else (market,)
        changed = self._states.changed(touched, now_ns)
        word = stop_word(cell.state, cell.source, cell.reason)
        if cell.state >= TradingState.CANCEL_ONLY:
            return (CancelMarket(market, word), *changed)
        if cell.state is TradingState.REDUCING:
            return (*(cancel for one in touched for cancel in self._cancel_risky(one, word)), *changed)
        return changed

    def _raise_all(self, cells: Iterable[RaiseCell], now_ns: int) -> Messages:
        return tuple(said for cell in cells for said in self._raise(cell, now_ns))

    def _cancel_risky(self, market: MarketId, reason: str) -> Messages:
        """Cancel what could raise |net|; a flat market's orders all could, and so could a hedge that passes zero."""
        nets = self._exposures.of(market).nets()
        if nets.now == 0 or nets.down < 0 < nets.now or nets.now < 0 < nets.up:
            return (CancelMarket(market, reason),)
        return self._cancel_side(market, complement(hedge_outcome(nets.now)), reason)

    def _cancel_side(self, market: MarketId, naked: Outcome, reason: str) -> Messages:
        """Cancel what would raise the naked leg: bids for its token, and offers of the missing one."""
        bids, missing = CancelMarket(market, reason, naked, Side.BUY), complement(naked)
        if self._exposures.of(market).has_order(missing, Side.SELL):
            return (bids, CancelMarket(market, reason, missing, Side.SELL))
        return (bids,)

    def _operator(self, command: SetOperatorState, now_ns: int) -> Messages:
        market, meaning = command.market, VERBS.get(command.verb)
        if meaning is None:
            return (_applied(command, command.verb, market, False, f"unknown verb {command.verb}", now_ns),)
        if market is not None and market not in self._markets:
            return (_applied(command, command.verb, market, False, "unknown market", now_ns),)
        if command.verb in ("off", "on") and (market is None or self._is_removed(market)):
            refusal = "name the market" if market is None else "it was removed: keel markets add"
            return (_applied(command, command.verb, market, False, refusal, now_ns),)
        if self._is_barred(command):
            refusal = "killed: a person clears it with `keel kill --clear`"
            return (_applied(command, command.verb, market, False, refusal, now_ns),)
        if command.verb == "flatten":
            return self._begin_flatten(command, now_ns)
        self._flattening.commanded(command.verb, market)
        out = self._raise(RaiseCell(market, *meaning), now_ns)
        parked = () if market is None else (*self._unpark(market, command.verb), *self._park(market))
        applied = _applied(command, command.verb, market, bool(out), None, now_ns)
        return (*out, *parked, applied, *self._flatten(now_ns))

    def _is_barred(self, command: SetOperatorState) -> bool:
        """Whether a kill bars it: what was let go meanwhile would trade as soon as the kill is cleared."""
        return command.verb in ("resume", "on") and self._states.killed

    def _kill(self, command: Kill, now_ns: int) -> Messages:
        changed = self._states.put(None, "kill", TradingState.KILLED, command.reason, now_ns)
        states = self._states.changed(self._markets, now_ns)
        return (CancelMarket(None, "kill"), *states, _applied(command, "kill", None, changed, None, now_ns))

    def _clear_kill(self, command: ClearKill, now_ns: int) -> Messages:
        changed = self._states.clear_kill()
        states = self._states.changed(self._markets, now_ns)
        return (*states, _applied(command, "clear_kill", None, changed, None, now_ns))

    # Flattening

    def _begin_flatten(self, command: SetOperatorState, now_ns: int) -> Messages:
        """Cancel everything first, also what lowers |net|: pairs are merged and the rest unwound by one hand alone."""
        market = command.market
        cells = () if market is None else self._states.covering(market)
        refusal = refusal_of(market, cells, killed=self._states.killed)
        begins = refusal is None and market not in self._flattening.scopes
        if not begins:
            return (_applied(command, command.verb, market, False, refusal, now_ns),)
        self._flattening.commanded(command.verb, market)
        raised = self._raise(RaiseCell(market, *VERBS[command.verb]), now_ns)
        applied = _applied(command, command.verb, market, True, None, now_ns)
        return (CancelMarket(market, FLATTENING), *raised, applied, *self._flatten(now_ns))

    def _flatten_changed(self, report: FlattenChanged, now_ns: int) -> Messages:
        self._flattening.reported(report)
        return self._flatten(now_ns)

    def _flatten(self, now_ns: int) -> Messages:
        """Halt what is over, and let go on what is not, or not any more."""
        out: Messages = ()
        for scope in self._flattening.scopes:
            over = all(self._is_over(market, scope) for market in (self._markets if scope is None else (scope,)))
            state, reason = (TradingState.HALTED, FLATTENED) if over else (TradingState.REDUCING, FLATTENING)
            out += self._raise(RaiseCell(scope, OPERATOR, state, reason), now_ns)
        return out

    def _is_over(self, market: MarketId, scope: MarketId | None) -> bool:
        over = self._flattening.is_over_in(market, self._exposures.of(market))
        return over or (scope is None and left_alone(self._states.covering(market)))

    def _actor_restarted(self, restarted: ActorRestarted, now_ns: int) -> Messages:
        """Let its markets go on, and say their states again: a new coordinator knows none."""
        lifted = self._raise_all(self._outages.restarted(restarted), now_ns)
        served = self._outages.served(restarted.scope)
        self._states.forget(served)
        return (*lifted, *self._states.changed(served, now_ns))

    # The catalogue

    def _listed(self, said: MarketListed, now_ns: int) -> Messages:
        """Have those started who serve a market; one that was removed is on again.

        How it stands is said when they are announced: before, there is nobody to hear it.
        """
        market = said.listed.id
        if not said.traded:
            return self._remove(market, now_ns)
        self._markets[market] = said.listed
        self._exposures.listed(said.listed)
        self._parked.discard(market)
        self._states.put(market, SWITCH, TradingState.ACTIVE, "", now_ns)
        self._states.forget((market,))
        return (MarketParked(market, False),)

    def _remove(self, market: MarketId, now_ns: int) -> Messages:
        """Keep a market off; what it won and lost stays part of the figures of this run."""
        if not self._exposures.of(market).is_flat:
            return ()  # what came late has to be marked and settled: it stays as it is
        self._states.put(market, SWITCH, TradingState.HALTED, REMOVED, now_ns)
        return (*self._states.changed((market,), now_ns), *self._park(market))

    def _is_removed(self, market: MarketId) -> bool:
        return any(cell.source == SWITCH and cell.reason == REMOVED for cell in self._states.covering(market))

    # Parking

    def _unpark(self, market: MarketId, verb: str) -> Messages:
        if verb != "on" or market not in self._parked:
            return ()
        self._parked.discard(market)
        return (MarketParked(market, False),)

    def _park(self, market: MarketId) -> Messages:
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


def _applied(
    command: SetOperatorState | Kill | ClearKill,
    verb: str,
    market: MarketId | None,
    changed: bool,
    refusal: str | None,
    now_ns: int,
) -> CommandApplied:
    reason = command.reason if isinstance(command, Kill) else ""
    return CommandApplied(command.request, verb, market, changed, refusal, now_ns, reason)
