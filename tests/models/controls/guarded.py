"""A risk supervisor with one family of controls, whose timers come as time passes."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, get_args

from models.cells import TradingState
from models.controls.control import Guard
from models.exposure import Exposures
from models.flow import FlowParameters
from models.inventory import InventoryParameters
from models.limits import RiskParameters
from models.markets import YES, Outcome, Side
from models.messages.base import Message
from models.messages.control import Reading, ReadRisk, RiskRead, TradingStateChanged
from models.messages.orders import FillCounted, IntentDenied
from models.messages.recall import Chained
from models.messages.runtime import WakeAt, Woke
from models.orders import OrderState
from models.phase import PhaseParameters
from models.risk import RiskMachine
from models.risk_recall import RecalledRisk
from models.units import DOLLAR, SHARE
from tests.models.coordination import book
from tests.models.supervisor import GROUP, MARKETS, M, N, Supervisor

SECOND = 1_000_000_000
Family = Callable[[Exposures], tuple[Guard, ...]]
Kind = TypeVar("Kind", bound=Message)
_LIMITS = RiskParameters(wallet_usd=1_000_000 * DOLLAR, open_orders_per_market=1_000, open_orders_total=1_000)
_NEVER_NAKED = PhaseParameters(flat_band=1_000_000 * SHARE)
_CHAINED = get_args(Chained)
_NETS = InventoryParameters(max_net_diff=1_000_000 * SHARE)


class Guarded(Supervisor):
    """What is said to it and by it is kept as a chain, from which `recalled` builds another one."""

    def __init__(self, family: Family) -> None:
        super().__init__()
        self.family = family
        self.machine = RiskMachine(MARKETS, _LIMITS, _NEVER_NAKED, _NETS, {GROUP: (M, N)}, family)
        self.due: dict[str, int] = {}
        self.said: list[Message] = []
        self.chain: list[tuple[int, Message]] = []
        self.states: dict[str, TradingStateChanged] = {}

    def tell(self, message: Message) -> tuple[Message, ...]:
        self.chain.append((self.now_ns, message))
        return self.take(self.machine.step(message, self.now_ns))

    def take(self, out: tuple[Message, ...]) -> tuple[Message, ...]:
        for said in out:
            if isinstance(said, WakeAt):
                self.due.pop(said.timer, None)
                if said.at_ns is not None:
                    self.due[said.timer] = said.at_ns
            if isinstance(said, TradingStateChanged):
                self.states[said.market] = said
        self.said += out
        self.chain += ((self.now_ns, said) for said in out)
        return out

    def later(self, seconds: float) -> tuple[Message, ...]:
        """Let time pass; every deadline comes in its time."""
        until_ns = self.now_ns + int(seconds * SECOND)
        out: list[Message] = []
        while due := [(at_ns, timer) for timer, at_ns in self.due.items() if at_ns <= until_ns]:
            at_ns, timer = min(due)
            del self.due[timer]
            self.now_ns = max(self.now_ns, at_ns)
            out += self.tell(Woke(timer))
        self.now_ns = until_ns
        return tuple(out)

    def recalled(self) -> "Guarded":
        """Return a supervisor that was built anew from what this one was told and said."""
        again = Guarded(self.family)
        again.now_ns, again.sequence, again.trades = self.now_ns, self.sequence, self.trades
        machine = RecalledRisk(MARKETS, _LIMITS, _NEVER_NAKED, _NETS, {GROUP: (M, N)}, FlowParameters(), self.family)
        again.machine = machine
        for at_ns, entry in self.chain:
            if isinstance(entry, _CHAINED):
                machine.recall(entry, at_ns)
        again.take(machine.recalled(again.now_ns))
        for market in (M, N):
            again.flow(toxic=False, market=market)
        return again

    def book(self, bid: int, ask: int, market: str = M, **given: Any) -> tuple[Message, ...]:
        return self.tell(book(bid, ask, name=market, at_ns=self.now_ns, **given))

    def trade(
        self, price: int = 4_900, shares: int = 5, outcome: Outcome = YES, side: Side = Side.BUY, market: str = M
    ) -> tuple[tuple[Message, ...], FillCounted]:
        """Have an order approved, sent and filled at once."""
        order = self.place(outcome, price, shares, market=market, side=side)
        assert not isinstance(order, str), order
        self.tell(self.changed(order, OrderState.PLACING))
        return self.fill(order)

    def refused(self, outcome: Outcome = YES, price: int = 4_000, market: str = M) -> str | None:
        """Return why a new order would be refused, in words."""
        answer = self.machine.step(self.order(outcome, price, market=market), self.now_ns)[0]
        return f"{answer.reason}: {answer.detail}" if isinstance(answer, IntentDenied) else None

    def state(self, market: str = M) -> TradingState:
        said = self.states.get(market)
        return TradingState.ACTIVE if said is None else said.state

    def ticks_back(self, market: str = M) -> int:
        said = self.states.get(market)
        return 0 if said is None else said.ticks_back

    def readings(self, control: str) -> list[Reading]:
        (answer,) = self.machine.step(ReadRisk("r"), self.now_ns)
        assert isinstance(answer, RiskRead)
        return [reading for reading in answer.readings if reading.control == control]


def of_kind(out: Iterable[Message], kind: type[Kind]) -> list[Kind]:
    return [message for message in out if isinstance(message, kind)]
