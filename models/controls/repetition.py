"""The same thing done again and again: fills of one side that nothing takes back.

Why orders are counted, and not the trades that fill them: one order that five takers fill was decided on once. Why any
fill of the other side ends the count: whoever buys both sides makes a market, and a hedge is the other side by nature.
Buying NO is selling YES.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from models.cells import TradingState
from models.controls.control import Control
from models.controls.timed import Held, TimedControls
from models.markets import Market
from models.messages.base import MarketId
from models.messages.control import Reading, SetOperatorState
from models.messages.orders import FillCounted
from models.parameters import parameter
from models.phase import signed_size

if TYPE_CHECKING:
    from models.engine import EngineParameters

REPETITION: Final = "repetition"
_SECOND_NS: Final = 1_000_000_000


class RepetitionParameters(msgspec.Struct, frozen=True):
    """How often one side may be filled without the other."""

    fills: Annotated[
        int, parameter("So many filled orders of one side of a market, without any of the other, pause it.", "count",
                       ge=2, le=1_000)
    ] = 6  # fmt: skip
    window_s: Annotated[int, parameter("Within this time.", "seconds", ge=1, le=3_600)] = 60
    pause_s: Annotated[int, parameter("The market is paused for so long.", "seconds", ge=1, le=86_400)] = 300


class _Run:
    """Filled orders of one side, with the time of the first fill of each."""

    __slots__ = ("orders", "side")

    def __init__(self, side: int) -> None:
        self.side = side
        self.orders: dict[str, int] = {}


class Repetition(TimedControls):
    """Counts the fills of every market."""

    controls = (
        Control(
            REPETITION, "after", "all", "the market is paused",
            "filled orders of one side of a market (buying YES, or buying NO) since the last fill of the other side",
            ("repetition.fills", "repetition.window_s", "repetition.pause_s"),
        ),
    )  # fmt: skip
    counts = (FillCounted,)
    hears = (*counts, SetOperatorState)
    timer = REPETITION

    def __init__(self, parameters: RepetitionParameters, markets: Mapping[MarketId, Market]) -> None:
        super().__init__(markets, {REPETITION: TradingState.CANCEL_ONLY})
        self._go_by(parameters)
        self._runs: dict[MarketId, _Run] = {}

    def changed(self, parameters: "EngineParameters") -> None:
        self._go_by(parameters.repetition)

    def _go_by(self, parameters: RepetitionParameters) -> None:
        self._parameters = parameters
        self._window_ns = parameters.window_s * _SECOND_NS

    def counted(self, message: Any, now_ns: int) -> Held:
        fill: FillCounted = message
        side = signed_size(fill.outcome, fill.side, 1)
        run = self._runs.get(fill.market)
        if run is None or run.side != side:
            run = self._runs[fill.market] = _Run(side)
        run.orders.setdefault(fill.order_id, now_ns)
        self._forget(run, now_ns)
        if len(run.orders) < self._parameters.fills:
            return ()
        reason = (
            f"{len(run.orders)} orders that {_verb(side)} were filled within {self._parameters.window_s} s "
            f">= {self._parameters.fills}, and none of the other side"
        )
        run.orders.clear()
        until_ns = now_ns + self._parameters.pause_s * _SECOND_NS
        return self.cells[REPETITION].hold(fill.market, reason, until_ns, now_ns)

    def _forget(self, run: _Run, now_ns: int) -> None:
        for order_id in [order_id for order_id, at_ns in run.orders.items() if now_ns - at_ns > self._window_ns]:
            del run.orders[order_id]

    def readings(self, now_ns: int) -> Iterator[Reading]:
        for market, run in self._runs.items():
            self._forget(run, now_ns)
            held = self.cells[REPETITION].reason(market)
            yield Reading(
                REPETITION, self.slug(market), len(run.orders), self._parameters.fills, "fills", held is not None,
                held or _verb(run.side),
            )  # fmt: skip


def _verb(side: int) -> str:
    return "buy YES" if side > 0 else "buy NO"
