"""A coordinator with a test's hand on everything around it: books, flow, risk, and an executor that answers."""

from collections.abc import Iterable
from typing import ClassVar, Literal, TypeVar

from msgspec.structs import replace

from models.cells import TradingState
from models.coordinator import CoordinatorMachine, CoordinatorParameters
from models.depth import Depth
from models.inventory import InventoryParameters
from models.leg_risk import LegParameters
from models.markets import YES, Catalogue, Market, Outcome, Side
from models.messages.base import Message
from models.messages.control import CellNote, Explain, TradingStateChanged
from models.messages.decisions import DecisionMade, Explained, Explanation
from models.messages.market import BookUpdated, FlowUpdated
from models.messages.orders import CancelOrder, IntentDenied, OrderChanged, PlaceBundle, PlaceOrder
from models.messages.position import InventoryUpdated, Leg, Position
from models.messages.runtime import WakeAt, Woke
from models.orders import OrderState, TimeInForce
from models.phase import PhaseParameters, phase_of
from models.quotes import QuoteParameters
from models.strategies.maker import Maker, MakerParameters
from models.strategy import MarketView, Stateless, Strategy, Take, Targets, View, each_alone
from models.units import DOLLAR, ONE, SHARE
from models.unwind import FlattenParameters

M, N = "m", "n"
TAG = "desk"
MS = 1_000_000
Kind = TypeVar("Kind", bound=Message)
SMALL = InventoryParameters(max_net_diff=10 * SHARE, max_position_value=10 * DOLLAR)


def market(name: str = M, **given: object) -> Market:
    return Market(name, f"slug-{name}", (f"{name}1", f"{name}2"), **given)  # pyright: ignore[reportArgumentType]


def maker(leg: LegParameters = LegParameters(), **given: object) -> Maker:
    return Maker(replace(MakerParameters(bid_size=5 * SHARE), **given), SMALL, leg)


def held(yes: int = 0, no: int = 0, yes_cost: int = 0, no_cost: int = 0, *, since_ns: int = 0) -> Position:
    """A settled position: shares, and what they cost in cents."""
    return Position(
        Leg(yes * SHARE, yes_cost * DOLLAR // 100, yes * SHARE),
        Leg(no * SHARE, no_cost * DOLLAR // 100, no * SHARE),
        unpaired_since_ns=since_ns if yes != no else None,
    )


def book(
    bid: int = 4_800, ask: int = 5_200, *, name: str = M, at_ns: int = 0, shares: int = 50, **given: object
) -> BookUpdated:
    """A net book of one level a side; a bid of 0 or an ask of ONE is a side that is empty."""
    bids, asks = ({price: shares * SHARE} if 0 < price < ONE else {} for price in (bid, ask))
    made = BookUpdated(name, 1, 1, 100, Depth(bids), Depth(asks), bid, ask, bid, ask, None, at_ns, at_ns)
    return replace(made, **given)


def flow(*, toxic: bool, direction: int = 1, name: str = M) -> FlowUpdated:
    score = (60 if toxic else 6) * SHARE * direction
    return FlowUpdated(name, score, 0, score, 50 * SHARE, toxic, direction if toxic else 0, 0)


def cell(state: TradingState, source: str = "operator", reason: str = "paused") -> CellNote:
    return CellNote("market m", source, state, reason, 0)


def view(*markets: MarketView, now_ns: int = 0, exhaustive: bool = False) -> View:
    return View(TAG, now_ns, {one.market.id: one for one in markets}, {}, exhaustive)


def seen(
    updated: BookUpdated,
    position: Position = Position(),
    state: TradingState = TradingState.ACTIVE,
    listed: Market | None = None,
) -> MarketView:
    """What a strategy is shown of one market."""
    of = market(updated.market) if listed is None else listed
    net = position.yes.shares - position.no.shares
    phase = phase_of(net, False, of.min_order_size)
    return MarketView(of, phase, state, (), updated, None, position, (), updated.unusable)


class Room:
    """The machine, its clock, and everything that it has said."""

    def __init__(
        self,
        strategy: Strategy | None = None,
        *markets: Market,
        leg: LegParameters = LegParameters(),
        quotes: QuoteParameters = QuoteParameters(),
        phase: PhaseParameters = PhaseParameters(),
        flatten: FlattenParameters = FlattenParameters(),
        exhaustive: bool = False,
        restarted: bool = False,
        merges: bool = True,
    ) -> None:
        self.machine = CoordinatorMachine(
            TAG, "group", markets or (market(),), strategy or maker(leg), quotes, phase, CoordinatorParameters(), leg,
            flatten, exhaustive=exhaustive, restarted=restarted, merges=merges,
        )  # fmt: skip
        self.now_ns = 1_000_000 * MS
        self.said: list[Message] = []
        self.wake_ns: int | None = None

    def tell(self, *messages: Message) -> tuple[Message, ...]:
        """Tell messages; return what came of all of them."""
        out = tuple(said for message in messages for said in self.machine.step(message, self.now_ns))
        for said in out:
            if isinstance(said, WakeAt):
                self.wake_ns = said.at_ns
        self.said += out
        return out

    def book(
        self, bid: int = 4_800, ask: int = 5_200, name: str = M, shares: int = 50, **given: object
    ) -> tuple[Message, ...]:
        return self.tell(book(bid, ask, name=name, at_ns=self.now_ns, shares=shares, **given))

    def state(self, *cells: CellNote, name: str = M) -> tuple[Message, ...]:
        state = max((one.state for one in cells), default=TradingState.ACTIVE)
        return self.tell(TradingStateChanged(name, state, cells, self.now_ns))

    def hold(self, position: Position, name: str = M) -> tuple[Message, ...]:
        return self.tell(InventoryUpdated(TAG, name, position, self.now_ns))

    def changed(self, order: PlaceOrder, state: OrderState, filled: int = 0, reason: str = "") -> OrderChanged:
        return OrderChanged(
            f"id-{order.intent}", order.intent, TAG, order.market, order.outcome, order.side, order.price, order.size,
            filled * SHARE, state, reason, self.now_ns, order.post_only,
        )  # fmt: skip

    def accept(self, out: Iterable[Message]) -> tuple[Message, ...]:
        """Have the venue take every order that is among messages."""
        return self.tell(*(self.changed(order, OrderState.WORKING) for order in orders(out)))

    def deny(self, order: PlaceOrder, reason: str, detail: str = "") -> tuple[Message, ...]:
        return self.tell(
            IntentDenied(order.intent, TAG, order.market, order.outcome, order.side, reason, detail, self.now_ns)
        )

    def later(self, ms: int) -> tuple[Message, ...]:
        """Let time pass; wake the machine if it asked for that."""
        self.now_ns += ms * MS
        if self.wake_ns is None or self.wake_ns > self.now_ns:
            return ()
        self.wake_ns = None
        return self.tell(Woke("decide"))

    def why(self, name: str = M) -> Explanation:
        (answer,) = self.tell(Explain(TAG, name, "request"))
        assert isinstance(answer, Explained)
        return answer.explanation


def orders(out: Iterable[Message]) -> list[PlaceOrder]:
    """All orders among messages, those in bundles too."""
    found: list[PlaceOrder] = []
    for message in out:
        found += [message] if isinstance(message, PlaceOrder) else []
        found += message.legs if isinstance(message, PlaceBundle) else ()
    return found


def bids(out: Iterable[Message]) -> dict[Outcome, tuple[int, int]]:
    """Price and shares of the bids among messages."""
    return {order.outcome: (order.price, order.size // SHARE) for order in orders(out)}


def cancels(out: Iterable[Message]) -> list[tuple[str, str]]:
    """Which intents are called back, and why."""
    return [(message.intent, message.reason) for message in out if isinstance(message, CancelOrder)]


def of_kind(out: Iterable[Message], kind: type[Kind]) -> list[Kind]:
    return [message for message in out if isinstance(message, kind)]


def decisions(out: Iterable[Message]) -> list[str]:
    """The reasons of the decisions among messages."""
    return [message.explanation.reason for message in of_kind(out, DecisionMade)]


class Wants(Stateless):
    """A strategy that wants what the test says."""

    name: ClassVar[str] = "wants"
    style: ClassVar[Literal["maker", "taker"]] = "taker"
    scope: ClassVar[Literal["market", "group"]] = "market"

    def __init__(self, targets: Targets) -> None:
        self.parameters = PhaseParameters()
        self.wanted = targets
        self.shown: list[View] = []

    def groups(self, catalogue: Catalogue) -> tuple[tuple[str, ...], ...]:
        return each_alone(catalogue)

    def targets(self, view: View) -> Targets:
        self.shown.append(view)
        return self.wanted


class WantsOfGroup(Wants):
    scope: ClassVar[Literal["market", "group"]] = "group"


def quoting(**given: object) -> Room:
    """A maker with both quotes standing at 0.49."""
    room = Room(**given)  # pyright: ignore[reportArgumentType]
    room.accept(room.book())
    return room


def take(outcome: Outcome = YES, side: Side = Side.BUY, shares: int = 10, name: str = M) -> Take:
    """A take that a strategy under test may want."""
    return Take(name, outcome, side, 5_200, shares * SHARE, "cheap", TimeInForce.FOK)
