"""Trades that failed on chain after the venue had matched them: shares and cash that we counted on and do not have."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from models.cells import TradingState
from models.controls.control import Control
from models.controls.timed import Held, Recent, TimedControls
from models.markets import Market
from models.messages.base import MarketId
from models.messages.control import Reading, SetOperatorState
from models.messages.orders import FillVoided
from models.parameters import parameter

if TYPE_CHECKING:
    from models.engine import EngineParameters

IN_MARKET: Final = "failed_trades_market"
IN_ALL: Final = "failed_trades_total"
_SECOND_NS: Final = 1_000_000_000
_HOUR_NS: Final = 3_600 * _SECOND_NS


class FailureParameters(msgspec.Struct, frozen=True):
    """How many trades may fail on chain."""

    market: Annotated[
        int, parameter("So many trades of a market that failed within an hour pause it until there are fewer.", "count",
                       ge=1, le=100)
    ] = 2  # fmt: skip
    total: Annotated[
        int, parameter("So many in all leave only what reduces until there are fewer.", "count", ge=1, le=1_000)
    ] = 5
    clean_s: Annotated[int, parameter("And for at least so long after the last one.", "seconds", ge=1, le=86_400)] = 300


class FailedTrades(TimedControls):
    """Counts trades that failed on chain."""

    controls = (
        Control(
            IN_MARKET, "after", "all", "the market is paused",
            "trades of the market that failed on chain within an hour", ("failures.market", "failures.clean_s"),
        ),
        Control(
            IN_ALL, "after", "open", "only what lowers the risk goes on",
            "trades of all markets that failed on chain within an hour", ("failures.total", "failures.clean_s"),
        ),
    )  # fmt: skip
    counts = (FillVoided,)
    hears = (*counts, SetOperatorState)
    timer = "failures"

    def __init__(self, parameters: FailureParameters, markets: Mapping[MarketId, Market]) -> None:
        super().__init__(markets, {IN_MARKET: TradingState.CANCEL_ONLY, IN_ALL: TradingState.REDUCING})
        self._parameters = parameters
        self._in_market: dict[MarketId, Recent] = {}
        self._in_all = Recent(_HOUR_NS)

    def changed(self, parameters: "EngineParameters") -> None:
        self._parameters = parameters.failures

    def counted(self, message: Any, now_ns: int) -> Held:
        failed: FillVoided = message
        market = failed.fill.market
        here = self._in_market.setdefault(market, Recent(_HOUR_NS))
        return (
            *self._held(IN_MARKET, market, here, self._parameters.market, now_ns),
            *self._held(IN_ALL, None, self._in_all, self._parameters.total, now_ns),
        )

    def _held(self, control: str, market: MarketId | None, counted: Recent, limit: int, now_ns: int) -> Held:
        count = counted.add(now_ns)
        if count < limit:
            return ()
        until_ns = max(counted.fewer_ns(limit), now_ns + self._parameters.clean_s * _SECOND_NS)
        reason = f"{count} trades failed on chain within an hour >= {limit}"
        return self.cells[control].hold(market, reason, until_ns, now_ns)

    def readings(self, now_ns: int) -> Iterator[Reading]:
        for market, counted in self._in_market.items():
            yield self._reading(IN_MARKET, market, counted, self._parameters.market, now_ns)
        yield self._reading(IN_ALL, None, self._in_all, self._parameters.total, now_ns)

    def _reading(self, control: str, market: MarketId | None, counted: Recent, limit: int, now_ns: int) -> Reading:
        held, scope = self.cells[control].reason(market), "all" if market is None else self.slug(market)
        return Reading(control, scope, counted.count(now_ns), limit, "trades", held is not None, held or "")
