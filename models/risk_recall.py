"""The risk supervisor that takes a dead one's place: exposures, cells and outages come from the journal's chain.

What was raised, lifted and counted then is so again, in the same order. What followed from it was said in the earlier
life and is not said twice; in the end all is said once. Totals are made in the end too: a run has many entries.

Why a market whose flow has not been heard of yet is fused: the flow of a toxic market may have spoken while nobody
listened. It speaks again before the window of trades has passed, so whoever has said nothing by then was not toxic.
"""

from collections.abc import Callable, Mapping
from typing import Final

from models.cells import TradingState
from models.controls.control import Guard, Refusal
from models.exposure import Exposures
from models.flattening import SWITCH
from models.flow import FlowParameters
from models.halts import VERBS
from models.inventory import InventoryParameters
from models.limits import RiskParameters
from models.markets import Market
from models.messages.base import MarketId, Message, Tag
from models.messages.catalogue import MarketListed
from models.messages.control import CommandApplied, MarketParked, RaiseCell
from models.messages.market import BookUpdated, FlowUpdated
from models.messages.orders import (
    FillCounted,
    FillSettled,
    FillVoided,
    MergeChanged,
    OrderChanged,
    PlaceBundle,
    PlaceOrder,
    PositionsRedeemed,
    SubmitOrder,
)
from models.messages.position import LedgerSnapshot
from models.messages.recall import Checkpointed
from models.messages.runtime import WakeAt, Woke
from models.phase import PhaseParameters
from models.risk import RiskMachine, denied

_TIMER: Final = "flow"
_RECOVERING: Final = Refusal("recovering", "what is held and open is being read back from the journal")


class RecalledRisk(RiskMachine):
    """Is told every entry of its run by `recall`, then `recalled`; from then on it is a supervisor like any other."""

    def __init__(
        self,
        markets: Mapping[MarketId, Market],
        parameters: RiskParameters,
        phase: PhaseParameters,
        inventory: InventoryParameters,
        groups: Mapping[str, tuple[MarketId, ...]],
        flow: FlowParameters,
        guards: Callable[[Exposures], tuple[Guard, ...]] | None = None,
    ) -> None:
        super().__init__(markets, parameters, phase, inventory, groups, guards)
        self._flow_silence_ns = flow.silence_max_ns
        self._unheard = dict.fromkeys(markets)
        self._has_lived = False

    def recall(self, entry: Message, at_ns: int) -> None:
        """Learn one entry, at its own time; kinds that say nothing of money or cells are passed over."""
        match entry:
            case Checkpointed():
                self._recall_checkpoint(entry)
            case SubmitOrder():
                self._exposures.of(entry.order.market).approved(entry.order)
            case OrderChanged():
                self._exposures.of(entry.market).order_changed(entry)
            case FillCounted() | MergeChanged() | PositionsRedeemed() | LedgerSnapshot():
                self._recall_move(entry.market, entry.tag, entry, at_ns)
            case FillSettled() | FillVoided():
                self._recall_move(entry.fill.market, entry.fill.tag, entry, at_ns)
            case CommandApplied():
                self._recall_command(entry)
            case MarketListed():
                self._recall_listed(entry, at_ns)
            case _:  # to those who decide alone: the guards are told below that it was long ago
                handler = self._handlers.get(type(entry))
                if handler is not None:
                    handler(entry, at_ns)
        self._has_lived = True
        for guard in self._guards:
            self._followed(guard.recall(entry, at_ns), at_ns)

    def meanwhile(self, message: Message, now_ns: int) -> tuple[Message, ...] | None:
        """Deny intents, take in flows and books at once; None for what has to wait until all is recalled."""
        match message:
            case PlaceOrder():
                return (denied(message, _RECOVERING, now_ns),)
            case PlaceBundle():
                return tuple(denied(leg, _RECOVERING, now_ns) for leg in message.legs)
            case FlowUpdated() | BookUpdated():
                said = self.step(message, now_ns)  # what follows from it is said in the end, but for what is to wake it
                return tuple(each for each in said if isinstance(each, WakeAt))
            case _:
                return None

    def recalled(self, now_ns: int) -> tuple[Message, ...]:
        """Say the state and the exposure of every market, and which of those that are off need no actors."""
        self._exposures.recount()
        for market in self._unheard:
            self._states.put(market, "flow", TradingState.CANCEL_ONLY, "flow_unknown", now_ns)
        self._flatten(now_ns)  # what follows is said below, and everything is cancelled anyhow
        said = [message for guard in self._guards for message in self._followed(guard.recalled(now_ns), now_ns)]
        self._states.forget(self._markets)
        out: list[Message] = [*said, *self._states.changed(self._markets, now_ns)]
        for market in self._markets:
            out += self._exposure_updated(market, now_ns)
            if any(cell.source == SWITCH for cell in self._states.covering(market)):
                self._park(market)
                out.append(MarketParked(market, market in self._parked))
        return (*out, WakeAt(now_ns + self._flow_silence_ns, _TIMER))

    def step(self, message: Message, now_ns: int) -> tuple[Message, ...]:
        """As ever, but that a flow that is heard of ends the doubt about it, and so does the time it had."""
        if isinstance(message, FlowUpdated):
            self._unheard.pop(message.market, None)
        elif message == Woke(_TIMER):
            unheard, self._unheard = self._unheard, {}
            return self._raise_all((RaiseCell(market, "flow", TradingState.ACTIVE, "") for market in unheard), now_ns)
        return super().step(message, now_ns)

    def _recall_checkpoint(self, before: Checkpointed) -> None:
        """Learn what stands for all that was before it. It is the first entry, or nothing that is not known."""
        if not self._has_lived:
            for at_ns, entry in before.entries:
                self.recall(entry, at_ns)

    def _recall_move(self, market: MarketId, tag: Tag, entry: Message, at_ns: int) -> None:
        """Move a position, and hold the cell of a naked leg since the time when it became one."""
        exposure = self._exposures.of(market)
        exposure.moved(tag, entry)
        self._inventory_cell(market, exposure, at_ns)

    def _recall_listed(self, said: MarketListed, at_ns: int) -> None:
        """Switch a market on again, or off for good; which there are, and how they are now, is known from elsewhere."""
        if said.traded:
            self._states.put(said.listed.id, SWITCH, TradingState.ACTIVE, "", at_ns)
        else:
            self._remove(said.listed.id, at_ns)

    def _recall_command(self, applied: CommandApplied) -> None:
        if not applied.changed:
            return
        if applied.verb == "kill":
            self._states.put(None, "kill", TradingState.KILLED, applied.reason or "kill", applied.at_ns)
        elif applied.verb == "clear_kill":
            self._states.clear_kill()
        else:
            self._flattening.commanded(applied.verb, applied.market)
            self._states.put(applied.market, *VERBS[applied.verb], applied.at_ns)
