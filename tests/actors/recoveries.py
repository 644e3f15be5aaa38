"""An engine on a made-up market in which any actor can be made to die, and what must hold afterwards."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from operator import itemgetter
from random import Random
from typing import Any, NamedTuple

from msgspec.structs import replace

from actors.assembly import Plan
from actors.runtime.machine import Machine
from actors.topology import EXECUTOR, RISK, VENUE, coordinator_name, inventory_name
from models.book_parameters import BookParameters
from models.controls.failures import FailureParameters
from models.controls.markouts import MarkoutParameters
from models.coordinator import CoordinatorMachine
from models.engine import EngineParameters
from models.executor import ExecutorMachine
from models.inventory import InventoryMachine, InventoryParameters
from models.markets import NO, YES, Catalogue, Market, Side
from models.messages.base import Message
from models.messages.control import SetOperatorState
from models.messages.market import BookFrame, FlowUpdated, TradePrinted
from models.messages.orders import SubmitCancel, SubmitOrder
from models.messages.recall import RecallAsked
from models.orders import OrderState
from models.paper.exchange import PaperMachine
from models.paper.parameters import PaperParameters
from models.positions import cash_flow
from models.risk import RiskMachine
from models.units import DOLLAR, ONE, SHARE
from research.simulation import Simulation

TAG = "maker"
MARKETS = ("m0", "m1", "m2")
MS = 1_000_000
SECOND = 1_000 * MS
START = 1_790_000_000 * SECOND
LENGTH = 40 * SECOND
CASH = 1_000 * DOLLAR
QUIET = 90 * SECOND
"""By then every trade has settled and every merge has ended."""

PARAMETERS = EngineParameters()
PARAMETERS = replace(
    PARAMETERS,
    maker=replace(PARAMETERS.maker, bid_size=5 * SHARE),
    # Room enough that no market stands in another one's way.
    risk=replace(PARAMETERS.risk, open_orders_total=12),
    inventory=InventoryParameters(
        max_net_diff=40 * SHARE, max_position_value=400 * DOLLAR, auto_merge="at_least", merge_pairs=10 * SHARE
    ),
    book=BookParameters(tape_is_proof=True),
    # A tenth of the trades fails: that alone must not pause a market here.
    failures=FailureParameters(market=100, total=1_000),
    # Nor must a mid that moves a cent a second, by the plan too: quotes picked off pause their market for five minutes,
    # longer than a run, and a flatten waits for the end of a pause.
    markouts=MarkoutParameters(picked_off_fills=100),
    # No answer of the venue falls on the instant of a frame, where who is first would be up to the order of turns.
    paper=PaperParameters(
        cash=CASH, accept_ms=53, cancel_ms=41, settlement_median_ms=2_017, settlement_p95_ms=2_017, failed_share=0.1
    ),
)


class Injected(Exception):
    """The death that a test has ordered."""


class Death(NamedTuple):
    """An actor dies at the first message that it is given `at_ns` after the start or later, or after `spared` more.

    `done`: it has taken the message in, but nobody hears what followed from it.
    """

    actor: str
    at_ns: int = 0
    spared: int = 0
    done: bool = False


def plan(seed: int = 1) -> Plan:
    """Three markets and one desk that makes them."""
    markets = {name: Market(name, f"slug-{name}", (f"{name}-yes", f"{name}-no")) for name in MARKETS}
    return Plan(Catalogue(markets), {TAG: "maker"}, PARAMETERS, "paper", f"run-{seed}", seed)


def stream(seed: int) -> Iterator[tuple[int, list[Message]]]:
    """Full books of both tokens every tenth of a second, of one market after the other, and now and then a trade."""
    chance = Random(seed)
    mids = dict.fromkeys(MARKETS, 50)
    for turn in range(LENGTH // (100 * MS)):
        at_ns = START + (turn + 1) * 100 * MS
        market = MARKETS[turn % len(MARKETS)]
        mids[market] = max(20, min(80, mids[market] + chance.choice((-1, 0, 0, 0, 1))))
        yield at_ns, frames(market, mids[market], at_ns)
        if chance.random() < 0.4:
            at_ns += 29 * MS
            yield at_ns, [trade(market, mids[market], at_ns, chance)]


def frames(market: str, mid: int, at_ns: int) -> list[Message]:
    """Full books of both tokens, a cent to either side of the middle."""
    bids = tuple(((mid - 1 - level) * 100, (8 + level) * SHARE) for level in range(5))
    asks = tuple(((mid + 1 + level) * 100, (8 + level) * SHARE) for level in range(5))
    no_bids = tuple((ONE - price, size) for price, size in asks)
    no_asks = tuple((ONE - price, size) for price, size in bids)
    return [
        BookFrame(market, YES, bids, asks, at_ns // MS, at_ns),
        BookFrame(market, NO, no_bids, no_asks, at_ns // MS, at_ns),
    ]


def trade(market: str, mid: int, at_ns: int, chance: Random) -> TradePrinted:
    """A taker who goes through the touch, by way of either token."""
    side = chance.choice((Side.BUY, Side.SELL))
    price = (mid + 1 if side is Side.BUY else mid - 1) * 100
    size = chance.randint(5, 20) * SHARE
    if chance.random() < 0.5:
        return TradePrinted(market, YES, side, price, size, at_ns // MS, at_ns, f"{market}-{at_ns}")
    side = Side.SELL if side is Side.BUY else Side.BUY
    return TradePrinted(market, NO, side, ONE - price, size, at_ns // MS, at_ns, f"{market}-{at_ns}")


class Run:
    """One run of the stream, with the deaths that were ordered."""

    def __init__(
        self,
        seed: int = 1,
        deaths: tuple[Death, ...] = (),
        *,
        fatal: Callable[[str, Message], bool] = lambda _name, _message: False,
        said: Iterable[tuple[int, Message]] = (),
        keeps: bool = True,
    ) -> None:
        """Let who handles a `fatal` message die, and the world say other things too, each so long after the start."""
        self.seed = seed
        self.sent: list[tuple[int, Message]] = []
        """Orders and cancels as they reached the venue."""
        self.flows: list[tuple[int, FlowUpdated]] = []
        """What risk heard of the flow."""
        self.died: list[str] = []
        self._waiting = {death: death.spared for death in deaths}
        """Deaths to come, and how many messages each will still spare."""
        self._fatal = fatal
        self._said = [(START + after_ns, [message]) for after_ns, message in said]
        self.simulation = Simulation(plan(seed), START, self._observe, keeps=keeps, built=self._arm)

    def play(self) -> "Run":
        """Let the market speak, pause everything, and wait until nothing is under way."""
        for at_ns, said in merge(stream(self.seed), self._said, key=itemgetter(0)):
            self._kill_journal(at_ns)
            self.simulation.tell(at_ns, said)
        end_ns = START + LENGTH
        self.simulation.tell(end_ns + SECOND, [SetOperatorState("pause", None, "the end", "test")])
        self.simulation.run_until(end_ns + QUIET)
        return self

    def sent_of(self, market: str) -> list[tuple[int, Message]]:
        """What was sent to the venue about one market, with its time."""
        return [(at_ns, message) for at_ns, message in self.sent if market == _market(message)]

    def _observe(self, now_ns: int, actor: str, message: Message) -> None:
        if actor == VENUE and isinstance(message, SubmitOrder | SubmitCancel):
            self.sent.append((now_ns, message))
        elif actor == RISK and isinstance(message, FlowUpdated):
            self.flows.append((now_ns, message))

    def _arm(self, name: str, machine: Machine) -> None:
        deaths = [death for death in self._waiting if death.actor == name]
        step = machine.step

        def mortal(message: Any, now_ns: int) -> tuple[Message, ...]:
            due = next((death for death in deaths if self._is_due(death, now_ns)), None)
            if due is None and not self._fatal(name, message):
                return step(message, now_ns)
            self.died.append(name)
            if due is not None and due.done:
                step(message, now_ns)
            raise Injected(f"{type(message).__name__} at {now_ns - START}")

        machine.step = mortal  # pyright: ignore[reportAttributeAccessIssue]

    def _is_due(self, death: Death, now_ns: int) -> bool:
        if death not in self._waiting or now_ns < START + death.at_ns:
            return False
        if self._waiting[death]:
            self._waiting[death] -= 1
            return False
        del self._waiting[death]
        return True

    def _kill_journal(self, at_ns: int) -> None:
        """The journal is no machine; a question that makes no sense kills it."""
        for death in [death for death in self._waiting if death.actor == "journal" and at_ns >= START + death.at_ns]:
            del self._waiting[death]
            self.died.append("journal")
            self.simulation.tell(START + death.at_ns, [RecallAsked("nonsense")])  # pyright: ignore[reportArgumentType]


def _market(message: Message) -> str:
    return message.order.market if isinstance(message, SubmitOrder) else getattr(message, "market", "")


def assert_all_agree(run: Run) -> None:
    """Check that inventories, risk, executor and the venue's account hold the same, to the micro-share and -dollar."""
    simulation = run.simulation
    executor, risk = simulation.machine(EXECUTOR, ExecutorMachine), simulation.machine(RISK, RiskMachine)
    venue = simulation.machine(VENUE, PaperMachine)
    account = {(held.market, held.outcome): held for held in venue.summary().holdings}
    spent = 0
    for market in MARKETS:
        truth = executor._accounts.position(TAG, market)
        inventory = simulation.machine(inventory_name(TAG, market), InventoryMachine)
        counted = risk._exposures.of(market)
        assert inventory.position == truth, market
        assert counted._positions.get(TAG, type(truth)()) == truth, market
        for outcome, leg in ((YES, truth.yes), (NO, truth.no)):
            held = account.get((market, outcome))
            assert leg.shares == (0 if held is None else held.settled + held.coming), (market, outcome)
            assert leg.settled == (0 if held is None else held.settled), (market, outcome)
        assert not truth.merging
        spent += cash_flow(truth)
        coordinator = simulation.machine(coordinator_name(TAG, market), CoordinatorMachine)
        assert coordinator._own.working(market) == (), market
        assert (dict(counted.orders), counted.unknown) == ({}, set()), market
    assert venue.cash == CASH + spent
    assert venue.reserved == 0
    assert executor._orders.open_in(None) == ()


def assert_one_order_for_each_intent(run: Run) -> None:
    """Check that no intent ever had two orders, and no order two intents."""
    orders: dict[str, set[str]] = defaultdict(set)
    intents: dict[str, set[str]] = defaultdict(set)
    for _, message in run.sent:
        if isinstance(message, SubmitOrder):
            orders[message.order.intent].add(message.order_id)
            intents[message.order_id].add(message.order.intent)
    assert all(len(ids) == 1 for ids in orders.values())
    assert all(len(names) == 1 for names in intents.values())


def assert_nothing_was_unknown(run: Run) -> None:
    """Check that no order was ever left without a word of the venue."""
    assert run.simulation.chain is not None
    states = {getattr(entry, "state", None) for _, entry in run.simulation.chain}
    assert OrderState.UNKNOWN not in states


def poisoned(run: Run) -> set[str]:
    """Actors that were twice killed by the same message, which nobody then took in."""
    return {actor for actor, _, reason in run.simulation.dead_letters.counts if reason == "poison"}


def orders_after(run: Run, market: str, after_ns: int) -> list[int]:
    """Return when a market was quoted again after a time, counted from that time."""
    begin_ns = START + after_ns
    sent = run.sent_of(market)
    return [at_ns - begin_ns for at_ns, message in sent if isinstance(message, SubmitOrder) and at_ns > begin_ns]
