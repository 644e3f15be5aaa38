"""A risk supervisor that has the loss limits alone, with its timers, and a journal of what it would keep."""

from collections.abc import Iterable

from models.cells import Cell, TradingState
from models.controls.loss_rules import LossParameters
from models.controls.losses import Losses
from models.depth import Depth
from models.exposure import Exposures
from models.flow import FlowParameters
from models.inventory import InventoryParameters
from models.limits import RiskParameters
from models.markets import NO, YES, Market, Outcome, Side
from models.marks import MarkParameters
from models.messages.base import Message
from models.messages.control import ClearKill, Reading, ReadRisk, RiskRead
from models.messages.market import BookUpdated
from models.messages.orders import FillCounted
from models.messages.recall import Chained
from models.messages.runtime import WakeAt, Woke
from models.phase import PhaseParameters
from models.positions import cost_leaving
from models.repeats import Repeats
from models.risk import RiskMachine
from models.risk_recall import RecalledRisk
from models.units import DOLLAR, ONE, SHARE, Money

S = 1_000_000_000
MINUTE = 60 * S
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOON = 1_795_262_400 * S
"""2026-11-21T12:00:00Z."""
M, N = "m", "n"
TAG = "tag"
MARKETS = {name: Market(name, f"slug-{name}", (f"{name}1", f"{name}2")) for name in (M, N)}
LIMITS = RiskParameters(wallet_usd=1_000 * DOLLAR)
"""Of that an hour may lose 25, a day 30 and 50, the peak 80 and a market 15 dollars."""
ROOMY = LossParameters(market_loss=0.25)
"""No market is halted before the others are in doubt."""


class Losing:
    """Tells the supervisor what happens, and plays its timers. Prices in cents, sizes in shares."""

    def __init__(self, parameters: LossParameters = ROOMY, at_ns: int = NOON) -> None:
        self.parameters = parameters
        self.now_ns = at_ns
        self.machine = RiskMachine(MARKETS, LIMITS, PhaseParameters(), guards=self.guards)
        self.chain: list[tuple[int, Message]] = []
        self.said: list[Message] = []
        """Everything, since it was last emptied."""
        self.timers: dict[str, int] = {}
        self.trades = 0

    def guards(self, exposures: Exposures) -> tuple[Losses, ...]:
        self.losses = Losses(self.parameters, MarkParameters(), LIMITS.wallet_usd, exposures)
        return (self.losses,)

    # What happens

    def tell(self, message: Message) -> tuple[Message, ...]:
        return self.take((message, *self.machine.step(message, self.now_ns)))[1:]

    def take(self, said: Iterable[Message]) -> tuple[Message, ...]:
        """Keep what the journal would, and what a shell would do."""
        said = tuple(said)
        for each in said:
            if isinstance(each, WakeAt):
                self.timers.pop(each.timer, None)
                if each.at_ns is not None:
                    self.timers[each.timer] = each.at_ns
            elif isinstance(each, Chained):
                self.chain.append((self.now_ns, each))
        self.said += said
        return said

    def later(self, seconds: float) -> None:
        """Let time pass, and what is due."""
        until_ns = self.now_ns + int(seconds * S)
        while self.timers and min(self.timers.values()) <= until_ns:
            timer = min(self.timers, key=lambda name: self.timers[name])
            self.now_ns = max(self.now_ns, self.timers.pop(timer))
            self.tell(Woke(timer))
        self.now_ns = until_ns

    def jump(self, seconds: float) -> None:
        """Let time pass in which nobody is at work; what was due meanwhile is so at its end."""
        self.now_ns += int(seconds * S)
        self.later(0)

    def book(self, bid: int, ask: int, market: str = M, *, size: int = 1_000) -> BookUpdated:
        """A book of one level each side."""
        prices = bid * 100, ask * 100
        bids, asks = (Depth({price: size * SHARE} if 0 < price < ONE else {}) for price in prices)
        low, high = max(0, prices[0]), min(prices[1], ONE)
        book = BookUpdated(market, 1, 1, 100, bids, asks, low, high, low, high, None, self.now_ns, self.now_ns)
        self.tell(book)
        return book

    def trade(
        self,
        side: Side,
        shares: int,
        cents: int,
        *,
        outcome: Outcome = YES,
        market: str = M,
        fee: Money = 0,
        rebate: Money = 0,
        own_ns: int | None = None,
        tag: str = TAG,
    ) -> FillCounted:
        self.trades += 1
        position = self.machine._exposures.of(market).position(tag)
        size = shares * SHARE
        cost_out = cost_leaving(position, outcome, size) if side is Side.SELL else 0
        fill = FillCounted(
            f"t{self.trades}", f"o{self.trades}", f"i{self.trades}", tag, market, outcome, side, cents * 100, size,
            cents * 100 * size // ONE, fee, rebate, True, self.now_ns if own_ns is None else own_ns, cost_out,
        )  # fmt: skip
        self.tell(fill)
        return fill

    def buy(self, shares: int, cents: int, **more: object) -> FillCounted:
        return self.trade(Side.BUY, shares, cents, **more)  # pyright: ignore[reportArgumentType]

    def sell(self, shares: int, cents: int, **more: object) -> FillCounted:
        return self.trade(Side.SELL, shares, cents, **more)  # pyright: ignore[reportArgumentType]

    def pairs(self, shares: int, cents: int) -> None:
        """Buy both tokens, for so much together."""
        self.buy(shares, cents // 2)
        self.buy(shares, cents - cents // 2, outcome=NO)

    def lose(self, dollars: int, market: str = M) -> None:
        """Realise a loss, and hold nothing."""
        self.buy(2 * dollars, 60, market=market)
        self.sell(2 * dollars, 10, market=market)

    def clear(self) -> None:
        self.tell(ClearKill(f"c{self.now_ns}", "cli"))

    # What it came to

    def recall(self, *meanwhile: Message) -> RecalledRisk:
        """Let one that was told all take the place of this one; it was given some mail before it knew it all."""
        machine = RecalledRisk(
            MARKETS, LIMITS, PhaseParameters(), InventoryParameters(), {}, FlowParameters(), self.guards
        )
        repeats = Repeats()
        for at_ns, entry in tuple(self.chain):
            for news in repeats.news(entry):
                machine.recall(news, at_ns)
        for each in meanwhile:
            assert machine.meanwhile(each, self.now_ns) is not None, "it does not wait"
        self.machine, self.timers = machine, {}
        self.take(machine.recalled(self.now_ns))
        return machine

    def cells(self, market: str = M) -> dict[str, Cell]:
        """What losses hold of a market, by source; the fuse and the naked leg are others' business."""
        covering = self.machine._states.covering(market)
        return {cell.source: cell for cell in covering if cell.source not in ("flow", "inventory")}

    def holds(self, market: str = M) -> dict[str, TradingState]:
        return {source: cell.state for source, cell in self.cells(market).items()}

    def reason(self, source: str, market: str = M) -> str:
        return self.cells(market)[source].reason

    def readings(self) -> dict[tuple[str, str], Reading]:
        (read,) = self.tell(ReadRisk("r"))
        assert isinstance(read, RiskRead)
        return {(reading.control, reading.scope): reading for reading in read.readings}
