"""What actors an engine is made of, and how each one's machine is built. One place, whatever they run on.

Why apart from `actors/system.py`: a replay, a benchmark and a live process build the same machines from the same plan;
only who starts and restarts them differs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import Literal, TypeVar

import msgspec

from actors.runtime.machine import Machine
from actors.topology import (
    EXECUTOR,
    RISK,
    VENUE,
    Topology,
    book_name,
    coordinator_name,
    flow_name,
    inventory_name,
)
from models.book import BookMachine
from models.controls.families import guards
from models.coordinator import CoordinatorMachine
from models.engine import EngineParameters
from models.executor import ExecutorMachine
from models.executor_recall import RecalledExecutor
from models.flow import FlowMachine
from models.inventory import InventoryMachine
from models.markets import Catalogue, Market, neg_risk_siblings
from models.messages.base import MarketId, Tag
from models.messages.orders import PlaceOrder
from models.paper.exchange import PaperMachine
from models.risk import RiskMachine
from models.risk_recall import RecalledRisk
from models.strategies.catalogue import STRATEGIES

Mode = Literal["observe", "paper", "live"]
MachineT = TypeVar("MachineT", bound=Machine)
Build = Callable[[bool], Machine]
"""Builds a new machine; told whether it takes the place of one that died."""


@dataclass(frozen=True)
class Part:
    """One actor: its name, how its machine is built, and the market or group it belongs to (empty: global)."""

    name: str
    build: Build
    scope: str = ""


@dataclass(frozen=True)
class Plan:
    """What an engine trades and how. `desks` maps a tag to the name of its strategy; `seed` decides all paper draws.

    `identify` names the orders of a live engine, whose books also show them; `merge_unavailable` says why it cannot
    merge pairs; `canary_ns` is what is left of the first hour live.
    """

    catalogue: Catalogue
    desks: dict[Tag, str]
    parameters: EngineParameters
    mode: Mode
    run_id: str
    seed: int = 0
    identify: Callable[[PlaceOrder], str] | None = None
    merge_unavailable: str = ""
    canary_ns: int = 0

    def __post_init__(self) -> None:
        if self.mode == "live":
            book = msgspec.structs.replace(self.parameters.book, own_orders_in_feed=True)
            object.__setattr__(self, "parameters", msgspec.structs.replace(self.parameters, book=book))
        if self.merge_unavailable:
            inventory = msgspec.structs.replace(self.parameters.inventory, auto_merge="off")
            object.__setattr__(self, "parameters", msgspec.structs.replace(self.parameters, inventory=inventory))


class Assembly:
    """The parts of a plan. `built` is told of every machine that is made, for reports that read its counts."""

    def __init__(self, plan: Plan, built: Callable[[str, Machine], object] | None = None) -> None:
        self.plan = plan
        self._built = built
        self._changing = Lock()
        self.groups: dict[Tag, dict[str, tuple[MarketId, ...]]] = {
            tag: _groups(plan, strategy) for tag, strategy in plan.desks.items()
        }

    def topology(self, present: frozenset[str], *, recording: bool) -> Topology:
        """Return the arrows between the parts, given which global actors this process has."""
        references = {
            market.id: market.reference
            for market in self.plan.catalogue.markets.values()
            if market.reference is not None
        }
        own_orders = self.plan.parameters.book.own_orders_in_feed
        return Topology(self.groups, references, present, recording=recording, own_orders_in_feed=own_orders)

    def core_parts(self) -> tuple[Part, ...]:
        """Return risk and executor; the journal that stands before them comes from outside."""
        return self._part(RISK, self._risk), self._part(EXECUTOR, self._executor)

    def _executor(self, again: bool) -> Machine:
        """Build it by the markets of now: one may have been added since the last one was built."""
        plan = self.plan
        siblings = neg_risk_siblings(plan.catalogue.markets)
        executor = (plan.run_id, plan.mode, plan.parameters.executor, self.groups, plan.identify, siblings)
        return (RecalledExecutor if again else ExecutorMachine)(*executor)

    def _risk(self, again: bool) -> Machine:
        plan, parameters = self.plan, self.plan.parameters
        groups = {name: members for desk in self.groups.values() for name, members in desk.items()}
        risk = (plan.catalogue.markets, parameters.risk, parameters.phase, parameters.inventory, groups)
        cash = None if plan.mode == "live" else parameters.paper.cash
        families = partial(guards, parameters, plan.catalogue.groups, cash, canary_ns=plan.canary_ns)
        return RecalledRisk(*risk, parameters.flow, families) if again else RiskMachine(*risk, families)

    def change(self, parameters: EngineParameters) -> EngineParameters:
        """Build by other parameters from now on; return them as they hold for this plan."""
        with self._changing:
            self.plan = replace(self.plan, parameters=parameters)
            return self.plan.parameters

    def why_not_alone(self, catalogue: Catalogue, market: Market) -> str:
        """Return why a desk would not decide on a market by itself, were this the catalogue; empty where all would."""
        for tag, strategy in self.plan.desks.items():
            groups = _groups(replace(self.plan, catalogue=catalogue), strategy).values()
            members = next((members for members in groups if market.id in members), ())
            if not members:
                return f"the strategy {strategy} does not decide on it"
            if len(members) > 1:
                return f"the strategy {strategy} of {tag} decides on it together with {len(members) - 1} more"
        return ""

    def take_in(self, market: Market) -> None:
        """Build this market too from now on; every desk decides on it alone."""
        with self._changing:
            known = self.plan.catalogue
            self.plan = replace(self.plan, catalogue=Catalogue({**known.markets, market.id: market}, known.groups))
            self.groups = {tag: {**groups, market.id: (market.id,)} for tag, groups in self.groups.items()}

    def venue(self) -> PaperMachine:
        """Return a paper exchange with the account of this plan."""
        return self.made(VENUE, PaperMachine(self.plan.catalogue.markets, self.plan.parameters.paper, self.plan.seed))

    def market_parts(self, market_id: MarketId) -> tuple[Part, ...]:
        """Return the actors of one market in the order in which they start: book, flow, inventories, coordinators."""
        parameters = self.plan.parameters
        market = self.plan.catalogue.markets[market_id]
        parts = [
            self._part(
                book_name(market_id), lambda again: BookMachine(market, parameters.book, restarted=again), market_id
            ),
            self._part(
                flow_name(market_id), lambda again: FlowMachine(market_id, parameters.flow, restarted=again), market_id
            ),
        ]
        for tag, groups in self.groups.items():
            if any(market_id in members for members in groups.values()):
                parts.append(self._inventory(tag, market_id))
            if groups.get(market_id) == (market_id,):
                parts.append(self._coordinator(tag, market_id, (market,)))
        return tuple(parts)

    def event_parts(self) -> tuple[Part, ...]:
        """Return the coordinators that serve more than one market."""
        markets = self.plan.catalogue.markets
        return tuple(
            self._coordinator(tag, group, tuple(markets[member] for member in members))
            for tag, groups in self.groups.items()
            for group, members in groups.items()
            if len(members) > 1
        )

    def _inventory(self, tag: Tag, market_id: MarketId) -> Part:
        return self._part(
            inventory_name(tag, market_id),
            lambda again: InventoryMachine(tag, market_id, self.plan.parameters.inventory, restarted=again),
            market_id,
        )

    def _coordinator(self, tag: Tag, group: str, markets: tuple[Market, ...]) -> Part:
        build_strategy = STRATEGIES[self.plan.desks[tag]]
        event = self.plan.catalogue.groups.get(group)
        exhaustive = event is not None and event.exhaustive

        def build(again: bool) -> Machine:
            parameters = self.plan.parameters
            return CoordinatorMachine(
                tag, group, markets, build_strategy(parameters), parameters.quotes, parameters.phase,
                parameters.coordinator, parameters.leg, parameters.flatten, exhaustive=exhaustive, restarted=again,
                merges=not self.plan.merge_unavailable,
                rebuild=lambda changed: build_strategy(EngineParameters(*changed.sections)),
            )  # fmt: skip

        return self._part(coordinator_name(tag, group), build, group)

    def _part(self, name: str, build: Build, scope: str = "") -> Part:
        return Part(name, lambda again: self.made(name, build(again)), scope)

    def made(self, name: str, machine: MachineT) -> MachineT:
        """Tell whoever listens of a machine that is made, and return it."""
        if self._built is not None:
            self._built(name, machine)
        return machine


def _groups(plan: Plan, strategy: str) -> dict[str, tuple[MarketId, ...]]:
    """Name the groups of a strategy: a market alone by its id, a larger group by its event."""
    named: dict[str, tuple[MarketId, ...]] = {}
    by_members = {group.markets: group.id for group in plan.catalogue.groups.values()}
    for members in STRATEGIES[strategy](plan.parameters).groups(plan.catalogue):
        name = members[0] if len(members) == 1 else by_members.get(members, "+".join(members))
        named[name] = members
    return named
