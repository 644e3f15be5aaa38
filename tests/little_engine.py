"""The smallest engine that surfaces can be tried on: the real board, command bus and risk, and an executor that obeys.

Market data, decisions and fills are fed by hand. `stuck` names orders that no cancel ends; `deaf` keeps risk silent;
one that is not `recalled` is still starting.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from actors.board import SharedBoard
from actors.control.bus import Control
from models.board import BoardMachine
from models.controls.control import Guard
from models.depth import Depth
from models.markets import NO, YES, Catalogue, Market, Outcome, Side
from models.marks import MarkParameters
from models.messages.audit import CommandAnswered, Fence
from models.messages.base import Message
from models.messages.control import ClearKill, Explain, FlattenChanged, Kill, Reading, ReadRisk, SetOperatorState
from models.messages.decisions import DecisionMade, Explained, Explanation, Gate
from models.messages.market import BookUpdated, FlowUpdated
from models.messages.orders import CancelMarket, CancelOrder, FillCounted, OrderChanged, PlaceOrder
from models.messages.position import InventoryUpdated, Position
from models.orders import OrderState, TimeInForce
from models.phase import PhaseParameters
from models.positions import advance
from models.risk import RiskMachine, RiskParameters
from models.snapshot import Engine
from models.units import DOLLAR, SHARE

TAG = "maker"
START_NS = 1_763_733_802_120_000_000  # 2025-11-21T14:03:22.120Z


def market(number: int) -> Market:
    return Market(
        id=f"0x{number:064x}",
        slug=f"market-{number}",
        token_ids=(f"{number}1", f"{number}2"),
        condition_id=f"0x{number:064x}",
        question=f"Will number {number} win?",
    )


class StillClock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.at_ns = START_NS

    def now_ns(self) -> int:
        return self.at_ns


class ReadOut(Guard):
    """A family of controls that stand where a test says, and come before the real ones."""

    def __init__(self, readings: list[Reading]) -> None:
        self._readings = readings

    def readings(self, now_ns: int) -> Iterable[Reading]:
        return self._readings


class LittleEngine:
    def __init__(self, markets: int = 3, mode: str = "paper", *, recalled: bool = True, wallet: str = "") -> None:
        self.clock = StillClock()
        self.catalogue = Catalogue({found.id: found for found in map(market, range(1, markets + 1))})
        self.engine = Engine(mode, (TAG,), "run-1", 4121, "0.1.0", START_NS, wallet=wallet)
        self.board = SharedBoard(BoardMachine(self.engine, self.catalogue, MarkParameters()), self.clock)
        limits = RiskParameters(wallet_usd=100_000 * DOLLAR, open_orders_per_market=100, open_orders_total=10_000)
        self.readings: list[Reading] = []
        self.risk = RiskMachine(
            self.catalogue.markets, limits, PhaseParameters(), guards=lambda _: (ReadOut(self.readings),)
        )
        self.control = Control(self.board, self.tell, self, self.end, self.clock)
        self.positions: dict[str, Position] = {}
        self.orders: dict[str, OrderChanged] = {}
        self.stuck: set[str] = set()
        self.deaf = False
        self.mute = False
        self.gate: list[str] = []
        self.killed_by: str | None = None
        self.ended = False
        self.noted: list[CommandAnswered] = []
        self._numbers: Iterator[int] = iter(range(1, 1_000_000))
        self.sequence = 0
        if recalled:
            self.tell(ReadRisk("start-up"))

    # What the engine's parts are given

    def tell(self, message: Message) -> None:
        match message:
            case SetOperatorState() | Kill() | ClearKill() | ReadRisk():
                if not self.deaf:
                    self.to_risk(message)
            case Fence():
                self.show(message)
            case CommandAnswered():
                self.noted.append(message)
            case CancelOrder():
                self.cancel_order(message.intent, message.reason)
            case CancelMarket():
                self.cancel(message)
            case Explain():
                if not self.mute:
                    said = self.board.look().desks[(message.tag, message.market)].explanation
                    if said is not None:
                        self.show(Explained(message.request, replace(said, at_ns=self.clock.now_ns())))
            case _:
                raise AssertionError(message)

    @property
    def audited(self) -> list[CommandAnswered]:
        """The rows of the audit: of what was begun the newest word."""
        return list({row.request: row for row in self.noted}.values())

    def kill(self, reason: str, who: str) -> None:
        self.gate.append(f"closed: {reason}")
        self.killed_by = who

    def kills(self) -> int:
        return len(self.gate)

    def clear(self, known: int) -> bool:
        if known != len(self.gate):
            return False
        self.gate.append("opened")
        self.killed_by = None
        return True

    def end(self) -> None:
        self.ended = True

    def engine_pid(self, pid: int) -> None:
        """Have it say that it is another process."""
        self.engine = replace(self.engine, pid=pid)
        self.board = SharedBoard(BoardMachine(self.engine, self.catalogue, MarkParameters()), self.clock)
        self.control._board = self.board

    # What happens to it

    def id(self, number: int) -> str:
        return market(number).id

    def show(self, *messages: Message) -> None:
        for message in messages:
            self.board.step(message, self.clock.now_ns())

    def to_risk(self, message: Message) -> None:
        """Step risk; the executor obeys its cancels, the board sees the rest, derived mail last as from a mailbox."""
        said = self.risk.step(message, self.clock.now_ns())
        self.show(*sorted((one for one in said if not isinstance(one, CancelMarket)), key=lambda one: one.lane))
        for one in said:
            if isinstance(one, CancelMarket):
                self.cancel(one)

    def place(self, number: int, outcome: Outcome = YES, price: int = 4_800, shares: int = 5) -> str:
        """Have an order stand in the market."""
        intent = f"intent-{next(self._numbers)}"
        order = PlaceOrder(
            intent, TAG, self.id(number), outcome, Side.BUY, price, shares * SHARE, True, TimeInForce.GTC, "provide",
            1, self.clock.now_ns(),
        )  # fmt: skip
        self.to_risk(order)
        placing = OrderChanged(
            f"order-{intent}", intent, TAG, order.market, outcome, Side.BUY, price, order.size, 0, OrderState.PLACING,
            "approved", self.clock.now_ns(),
        )  # fmt: skip
        self.change(placing)
        self.change(replace(placing, state=OrderState.WORKING, reason="accepted"))
        return intent

    def change(self, order: OrderChanged) -> None:
        self.orders[order.intent] = order
        self.show(order)
        self.to_risk(order)

    def cancel(self, said: CancelMarket) -> None:
        for order in list(self.orders.values()):
            meant = said.market in (None, order.market) and said.outcome in (None, order.outcome)
            if meant:
                self.cancel_order(order.intent, said.reason)

    def cancel_order(self, intent: str, reason: str) -> None:
        order = self.orders[intent]
        if order.state is OrderState.WORKING and intent not in self.stuck:
            self.change(replace(order, state=OrderState.CANCELLED, reason=reason))

    def fill(self, number: int, outcome: Outcome = YES, price: int = 4_800, shares: int = 5) -> FillCounted:
        """Have a bid filled; the position follows."""
        trade = f"trade-{next(self._numbers)}"
        cash = price * shares * SHARE // 10_000
        fill = FillCounted(
            trade, f"order-{trade}", f"intent-{trade}", TAG, self.id(number), outcome, Side.BUY, price, shares * SHARE,
            cash, 0, 0, True, self.clock.now_ns(),
        )  # fmt: skip
        position = advance(self.positions.get(fill.market, Position()), fill)
        assert position is not None
        self.positions[fill.market] = position
        self.show(fill, InventoryUpdated(TAG, fill.market, position, self.clock.now_ns()))
        self.to_risk(fill)
        return fill

    def flatten_changed(self, number: int, step: str, detail: str, yes: int = 0, no: int = 0) -> None:
        """Have the coordinator say how far it has come with flattening."""
        said = FlattenChanged(TAG, self.id(number), step, detail, yes * SHARE, no * SHARE, self.clock.now_ns())
        self.to_risk(said)
        self.show(said)

    def flattens(self, number: int) -> bool:
        """Whether a market is to be flattened, and is not yet."""
        return self.board.look().word(self.board.look().desks[(TAG, self.id(number))]) == "FLATTENING"

    def book(self, number: int, bid: int = 4_800, ask: int = 5_200, size: int = 100) -> BookUpdated:
        """Publish a book with one level on each side."""
        self.sequence += 1
        update = BookUpdated(
            self.id(number), self.sequence, 1, 100, Depth({bid: size * SHARE}), Depth({ask: size * SHARE}),
            bid, ask, bid, ask, None, self.clock.now_ns(), self.clock.now_ns(),
        )  # fmt: skip
        self.show(update)
        return update

    def flow(self, number: int, yes: int = 12, no: int = -3) -> None:
        toxic = max(abs(yes), abs(no)) > 50
        update = FlowUpdated(
            self.id(number), yes * SHARE, no * SHARE, (yes - no) * SHARE, 50 * SHARE, toxic, 1 if toxic else 0,
            self.clock.now_ns(),
        )  # fmt: skip
        self.show(update)
        self.to_risk(update)

    def decide(self, number: int, phase: str = "Balanced", gates: tuple[Gate, ...] = (), **more: Any) -> Explanation:
        """Have the coordinator decide."""
        self.sequence += 1
        line = self.board.look().markets[self.id(number)]
        said = Explanation(
            TAG, self.id(number), line.market.slug, self.clock.now_ns(), phase, line.state,
            more.pop("reason", "providing"), gates, more.pop("quotes", ()), more.pop("naked", None), line.cells,
            refusals=more.pop("refusals", ()),
        )  # fmt: skip
        self.show(DecisionMade(TAG, self.id(number), self.sequence, False, said))
        return said


__all__ = ["NO", "START_NS", "TAG", "YES", "LittleEngine", "StillClock", "market"]
