"""Which markets are without one of their actors, and what the trading state makes of it.

Why a dead actor stops its markets for everybody: a coordinator of a whole event would else go on by the last word of a
member's dead book. Why a supervisor that gave up is a cell of its own: it is lifted only when a person has it started
again.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec

from models.cells import TradingState
from models.markets import Market
from models.messages.base import MarketId
from models.messages.control import RaiseCell
from models.messages.runtime import ActorFailed, ActorQuarantined, ActorRestarted, HandlerRecovered, HandlerSlow
from models.parameters import parameter


class RuntimeParameters(msgspec.Struct, frozen=True):
    """What is expected of the machine that all this runs on."""

    slow_turn_ms: Annotated[
        int,
        parameter("A market whose turn takes longer may do nothing but cancel for a minute.", "ms", ge=10, le=60_000),
    ] = 50


_SUPERVISOR, _RUNTIME = "supervisor", "runtime"


class Outages:
    """What the supervisors and the watchdog say, as cells to set. `groups` names the markets of each group."""

    def __init__(self, markets: Mapping[MarketId, Market], groups: Mapping[str, tuple[MarketId, ...]]) -> None:
        self._markets = markets
        self._groups = groups
        self._failed: dict[str, tuple[MarketId, ...]] = {}
        self._quarantined: dict[str, tuple[MarketId, ...]] = {}

    def served(self, scope: str) -> tuple[MarketId, ...]:
        """Return the markets of a scope: a market itself, or those of a group; none for what is global."""
        return (scope,) if scope in self._markets else self._groups.get(scope, ())

    def failed(self, failed: ActorFailed) -> Iterator[RaiseCell]:
        """An actor died: its markets stop."""
        markets = self.served(failed.scope)
        self._failed[failed.name] = markets
        for market in markets:
            yield RaiseCell(market, _SUPERVISOR, TradingState.CANCEL_ONLY, "actor_failed")

    def restarted(self, restarted: ActorRestarted) -> Iterator[RaiseCell]:
        """It stands again: its markets go on, but for those that still miss another one."""
        markets = self._failed.pop(restarted.name, ())
        for market in markets:
            if not any(market in served for served in self._failed.values()):
                yield RaiseCell(market, _SUPERVISOR, TradingState.ACTIVE, "")
        for market in self._quarantined.pop(restarted.name, ()):
            yield RaiseCell(market, _RUNTIME, TradingState.ACTIVE, "")

    def quarantined(self, quarantined: ActorQuarantined) -> Iterator[RaiseCell]:
        """A supervisor gave up: its markets are halted, or everything where it served no market."""
        markets = self._quarantined[quarantined.name] = self.served(quarantined.scope)
        for market in markets or ((None,) if not quarantined.scope else ()):
            yield RaiseCell(market, _RUNTIME, TradingState.HALTED, "quarantined")

    def slow(self, slow: HandlerSlow) -> Iterator[RaiseCell]:
        """A market's handler holds up the others: it may do nothing but cancel."""
        return self._pace(slow.name, TradingState.CANCEL_ONLY, "slow_handler")

    def recovered(self, recovered: HandlerRecovered) -> Iterator[RaiseCell]:
        """It has kept its time for a while."""
        return self._pace(recovered.name, TradingState.ACTIVE, "")

    def _pace(self, actor: str, state: TradingState, reason: str) -> Iterator[RaiseCell]:
        for market in self.served(actor.rpartition("/")[2]):
            if not any(market in served for served in self._quarantined.values()):
                yield RaiseCell(market, _RUNTIME, state, reason)
