"""The supervision tree of an engine: what is started, on what it runs, and what its death means.

    root                rest_for_one, 1 death in 10 min, beyond: the gate closes and the process ends (exit 70)
      outside           one_for_one: what the others can do without for a moment
        board           keeps its rows over a restart
        venue           the paper exchange, which outlives its actor; or a live venue's lanes
      core              one_for_all: journal, risk and executor know of the same orders, or all begin again and are
                        recalled what the journal has of this run
      markets           one_for_one, one supervisor a market
        market/M        rest_for_one: book, flow, inventory, coordinator; beyond 3 deaths a minute: quarantine of M
        event/E         one_for_one: the coordinators of a group
      feed              one_for_one: shards, snapshots, references, our own orders and fills, the heartbeat

Why a market's supervisor and not the market's actors says that something died: what has just failed cannot be trusted
to say so. The executor cancels the market on that word; when the new incarnation stands it is given the ledger's truth.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pykka import ActorRef

from actors.assembly import Assembly, Part
from actors.recovery import RecoveringActor
from actors.runtime.actor import BaseActor, Context
from actors.runtime.dispatcher import Dispatcher
from actors.runtime.lanes import ORDINARY, Bounds
from actors.runtime.machine import MachineActor
from actors.runtime.supervision import ChildSpec, Excess, Strategy, Supervision
from actors.runtime.supervisor import StartChild, StopChild, Supervisor
from actors.topology import EXECUTOR, JOURNAL, MARKETS, RISK, VENUE, Topology
from models.messages.base import MarketId
from models.messages.control import MarketParked

ROOT = "root"
OUTSIDE = "outside"
CORE = "core"
FEEDS = "feeds"
_MARKETS_SUPERVISOR = "markets/supervisor"
_SECOND_NS = 1_000_000_000
_JOURNAL_STOPS_NS = 6 * _SECOND_NS
"""Longer than a stuck handler of it may live: two journals must never share the database."""
_LANE_STOPS_NS = 9 * _SECOND_NS
"""Longer than the two requests that a turn of a lane may hold."""
_CORE_STOPS_NS = 10 * _SECOND_NS

ADDED_MAX = 100
"""How many markets may be added while it runs: the mailboxes of those who serve all have room for so many more."""

Start = Callable[[Context], ActorRef[Any]]


@dataclass(frozen=True)
class Runners:
    """What actors run on: everything per market, the control worker, and threads for those that block."""

    markets: Dispatcher
    control: Dispatcher
    threads: Dispatcher


@dataclass(frozen=True)
class Outside:
    """The actors that the composition root brings: name -> how it starts, each on a thread of its own.

    `journal` commits and passes orders on to `venue`, which shares the markets' worker, or to the first of `lanes`.
    `watchers` are told of deaths and restarts besides executor and risk.
    """

    journal: Start
    venue: Start | None = None
    lanes: tuple[tuple[str, Start], ...] = ()
    board: Start | None = None
    feeds: tuple[tuple[str, Start], ...] = ()
    watchers: tuple[str, ...] = ()


class System:
    """Starts and stops the actors of an assembly. `began` is told the name of each global actor that has begun.

    `recalls`: an earlier process may have left something, so all begin as those do that take a dead one's place. The
    core is recalled what was journalled; the actors of markets must be announced to it when they stand.
    """

    def __init__(
        self,
        assembly: Assembly,
        topology: Topology,
        runners: Runners,
        outside: Outside,
        began: Callable[[str], object],
        chance: Callable[[], float] = lambda: 0.5,
        *,
        recalls: bool = False,
    ) -> None:
        self._recalls = recalls
        self._assembly = assembly
        self._topology = topology
        self._runners = runners
        self._outside = outside
        self._began = began
        self._chance = chance
        self._listeners = (EXECUTOR, RISK, *outside.watchers)
        self._wide = _bounds(len(assembly.plan.catalogue.markets) + ADDED_MAX)

    def start(self) -> None:
        """Start the root supervisor, which starts everything in order. Returns before all of it runs."""
        self.start_root(Context(ROOT, self._runners.control))

    def start_root(self, context: Context) -> ActorRef[Supervisor]:
        """Start the tree under a context of the caller's."""
        supervision = Supervision(Strategy.REST_FOR_ONE, 1, 600 * _SECOND_NS, Excess.ESCALATE, self._listeners)
        children = [
            ChildSpec(OUTSIDE, self._surroundings, self._runners.control, stop_timeout_ns=_CORE_STOPS_NS),
            ChildSpec(CORE, self._core, self._runners.control, stop_timeout_ns=_CORE_STOPS_NS),
            self._global(MARKETS, self._keeper, self._runners.markets),
            ChildSpec(_MARKETS_SUPERVISOR, self._markets, self._runners.markets, stop_timeout_ns=10 * _SECOND_NS),
        ]
        if self._outside.feeds:
            children.append(ChildSpec(FEEDS, self._feeds, self._runners.control, stop_timeout_ns=5 * _SECOND_NS))
        return Supervisor.start(context, supervision, children, "", self._chance)

    def _surroundings(self, context: Context) -> ActorRef[Any]:
        supervision = Supervision(Strategy.ONE_FOR_ONE, 3, 60 * _SECOND_NS, Excess.ESCALATE, self._listeners)
        children: list[ChildSpec] = []
        if self._outside.board is not None:
            children.append(ChildSpec("board", self._outside.board, self._runners.threads, self._wide))
        if self._outside.venue is not None:
            children.append(self._global(VENUE, self._outside.venue, self._runners.markets))
        for name, start in self._outside.lanes:
            lane = self._global(name, start, self._runners.threads)
            children.append(replace(lane, stop_timeout_ns=_LANE_STOPS_NS))
        return Supervisor.start(context, supervision, children, "", self._chance)

    def _core(self, context: Context) -> ActorRef[Any]:
        supervision = Supervision(Strategy.ONE_FOR_ALL, 2, 300 * _SECOND_NS, Excess.ESCALATE, self._listeners)
        journal = self._global(JOURNAL, self._outside.journal, self._runners.threads)
        children = [replace(journal, stop_timeout_ns=_JOURNAL_STOPS_NS)]
        for part in self._assembly.core_parts():
            child = self._global(part.name, self._core_starter(part), self._runners.control)
            # Risk judges an intent by its own book, which must not be older than the one that was decided on.
            first = self._wide._replace(market_first=part.name == RISK)
            children.append(replace(child, bounds=first))
        return Supervisor.start(context, supervision, children, "", self._chance)

    def _markets(self, context: Context) -> ActorRef[Any]:
        supervision = Supervision(
            Strategy.ONE_FOR_ONE, 3, 60 * _SECOND_NS, Excess.ESCALATE, self._listeners, stop_together=True
        )
        markets = [self._market(market) for market in self._assembly.plan.catalogue.markets]
        events = [
            ChildSpec(f"event/{part.scope}", self._event(part), self._runners.markets)
            for part in self._assembly.event_parts()
        ]
        return Supervisor.start(context, supervision, [*markets, *events], "", self._chance)

    def _market(self, market: MarketId) -> ChildSpec:
        supervision = Supervision(Strategy.REST_FOR_ONE, 3, 60 * _SECOND_NS, Excess.QUARANTINE, self._listeners)

        def start(context: Context) -> ActorRef[Any]:
            children = [self._child(part, self._runners.markets) for part in self._assembly.market_parts(market)]
            return Supervisor.start(context, supervision, children, market, self._chance)

        return ChildSpec(f"market/{market}", start, self._runners.markets)

    def _event(self, part: Part) -> Start:
        supervision = Supervision(Strategy.ONE_FOR_ONE, 3, 60 * _SECOND_NS, Excess.QUARANTINE, self._listeners)

        def start(context: Context) -> ActorRef[Any]:
            child = self._child(part, self._runners.markets)
            return Supervisor.start(context, supervision, [child], part.scope, self._chance)

        return start

    def _feeds(self, context: Context) -> ActorRef[Any]:
        supervision = Supervision(Strategy.ONE_FOR_ONE, 10, 60 * _SECOND_NS, Excess.ESCALATE, self._listeners)
        children = [self.feed(name, start) for name, start in self._outside.feeds]
        return Supervisor.start(context, supervision, children, "", self._chance)

    def feed(self, name: str, start: Start) -> ChildSpec:
        """Return a child of the feeds' supervisor."""
        # After an outage every market asks for its book at once.
        markets = len(self._assembly.plan.catalogue.markets) + ADDED_MAX
        bounds = ORDINARY._replace(intent=max(ORDINARY.intent, 2 * markets))
        return ChildSpec(name, start, self._runners.threads, bounds)

    def _keeper(self, context: Context) -> ActorRef[Any]:
        return MarketsKeeper.start(context, _MARKETS_SUPERVISOR, self._market)

    def _global(self, name: str, start: Start, dispatcher: Dispatcher) -> ChildSpec:
        def start_and_tell(context: Context) -> ActorRef[Any]:
            ref = start(context)
            self._began(name)
            return ref

        return ChildSpec(name, start_and_tell, dispatcher, self._wide, hears_of_restart=True)

    def _core_starter(self, part: Part) -> Start:
        def start(context: Context) -> ActorRef[Any]:
            route = self._topology.route
            if not self._takes_place(context, part.name):
                return MachineActor.start(context, lambda: part.build(False), route)
            return RecoveringActor.start(context, lambda: part.build(True), route, asks=part.name == EXECUTOR)

        return start

    def _child(self, part: Part, dispatcher: Dispatcher) -> ChildSpec:
        def start(context: Context) -> ActorRef[Any]:
            again = self._takes_place(context, part.name)
            return MachineActor.start(context, lambda: part.build(again), self._topology.route)

        return ChildSpec(part.name, start, dispatcher, hears_of_restart=True)

    def _takes_place(self, context: Context, name: str) -> bool:
        return self._recalls or context.dispatcher.directory.has_run(name)


class MarketsKeeper(BaseActor):
    """Stops the actors of a market that is off and needs them no more, and starts them when it is switched on."""

    def __init__(self, context: Context, supervisor: str, child: Callable[[MarketId], ChildSpec]) -> None:
        super().__init__(context)
        self._supervisor = supervisor
        self._child = child

    def on_receive(self, message: Any) -> None:
        if not isinstance(message, MarketParked):
            return
        child = self._child(message.market)
        self.context.send(self._supervisor, StopChild(child.name) if message.parked else StartChild(child))


def _bounds(markets: int) -> Bounds:
    """Return how much mail an actor that serves all markets may have waiting: so much for each of them.

    CONTROL covers a start after a crash, when every part of every market is said to have been restarted, and every cell
    of the earlier process is lifted, while risk and executor still recall.
    """
    return Bounds(
        control=ORDINARY.control + 32 * markets,
        order=max(ORDINARY.order, 100 * markets),
        intent=max(ORDINARY.intent, 4 * markets),
        market=ORDINARY.market * max(1, markets),
    )
