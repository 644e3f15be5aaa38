"""A risk supervisor with names for what one says to it."""

from collections.abc import Callable

from models.cells import TradingState
from models.controls.control import Guard
from models.exposure import Exposures
from models.inventory import InventoryParameters
from models.limits import RiskParameters
from models.markets import Market, Outcome, Side
from models.messages.base import Message
from models.messages.control import (
    SetOperatorState,
    TradingStateChanged,
)
from models.messages.market import FlowUpdated
from models.messages.orders import (
    FillCounted,
    IntentDenied,
    OrderApproved,
    OrderChanged,
    PlaceOrder,
)
from models.orders import OrderState, TimeInForce
from models.phase import PhaseParameters
from models.risk import RiskMachine
from models.units import SHARE

M, N = "m", "n"
GROUP = "event"
MARKETS = {name: Market(name, f"slug-{name}", (f"{name}1", f"{name}2")) for name in (M, N)}
MS = 1_000_000


class Supervisor:
    """A risk machine with names for what one says to it."""

    def __init__(
        self,
        phase: PhaseParameters = PhaseParameters(),
        *,
        max_net: int = 1_000,
        markets: dict[str, Market] = MARKETS,
        guards: Callable[[Exposures], tuple[Guard, ...]] | None = None,
        **parameters: object,
    ) -> None:
        inventory = InventoryParameters(max_net_diff=max_net * SHARE)
        limits = RiskParameters(**parameters)  # pyright: ignore[reportArgumentType]
        self.machine = RiskMachine(markets, limits, phase, inventory, {GROUP: (M, N)}, guards)
        self.now_ns = 1_000 * MS
        self.sequence = 0
        self.trades = 0

    def tell(self, message: Message) -> tuple[Message, ...]:
        return self.machine.step(message, self.now_ns)

    def order(
        self,
        outcome: Outcome,
        price: int,
        shares: int = 5,
        *,
        market: str = M,
        side: Side = Side.BUY,
        tag: str = "tag",
        takes: bool = False,
    ) -> PlaceOrder:
        self.sequence += 1
        time_in_force = TimeInForce.FAK if takes else TimeInForce.GTC
        return PlaceOrder(
            f"i{self.sequence}", tag, market, outcome, side, price, shares * SHARE, not takes, time_in_force, "", 1,
            self.now_ns,
        )  # fmt: skip

    def place(
        self,
        outcome: Outcome,
        price: int,
        shares: int = 5,
        *,
        market: str = M,
        side: Side = Side.BUY,
        tag: str = "tag",
        takes: bool = False,
    ) -> str | PlaceOrder:
        """Return the approved order, or the reason of the denial."""
        order = self.order(outcome, price, shares, market=market, side=side, tag=tag, takes=takes)
        answer = self.tell(order)[0]
        if isinstance(answer, IntentDenied):
            return answer.reason
        assert isinstance(answer, OrderApproved)
        return order

    def fill(self, order: PlaceOrder | str, shares: int | None = None) -> tuple[tuple[Message, ...], FillCounted]:
        assert isinstance(order, PlaceOrder)
        size = order.size if shares is None else shares * SHARE
        state = OrderState.FILLED if size == order.size else OrderState.WORKING
        self.trades += 1
        fill = FillCounted(
            f"t{self.trades}", f"o{order.intent}", order.intent, order.tag, order.market, order.outcome, order.side,
            order.price, size, order.price * size // 10_000, 0, 0, True, self.now_ns,
        )  # fmt: skip
        return (*self.tell(fill), *self.tell(self.changed(order, state, size))), fill

    def changed(self, order: PlaceOrder, state: OrderState, filled: int = 0) -> OrderChanged:
        return OrderChanged(
            f"o{order.intent}", order.intent, order.tag, order.market, order.outcome, order.side, order.price,
            order.size, filled, state, "", self.now_ns, order.post_only,
        )  # fmt: skip

    def say(self, verb: str, market: str | None) -> tuple[Message, ...]:
        self.sequence += 1
        return self.tell(SetOperatorState(verb, market, f"r{self.sequence}", "test"))

    def flow(self, *, toxic: bool, direction: int = 1, market: str = M) -> tuple[Message, ...]:
        score = 60 * SHARE * direction
        return self.tell(
            FlowUpdated(market, score, 0, score, 50 * SHARE, toxic, direction if toxic else 0, self.now_ns)
        )


def states(out: tuple[Message, ...]) -> dict[str, TradingState]:
    return {message.market: message.state for message in out if isinstance(message, TradingStateChanged)}
