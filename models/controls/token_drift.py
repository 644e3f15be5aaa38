"""A wallet that holds a little other than it should: not enough to halt a market, enough to open nothing in it.

Why nothing is held over a start: whoever takes the executor's place compares anew, and says so again if it is so.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from models.accounts import Bounds
from models.cells import TradingState
from models.controls.control import Control
from models.controls.timed import Held, TimedControls
from models.executor_parameters import ExecutorParameters
from models.markets import Market, Outcome
from models.messages.base import MarketId, Message
from models.messages.control import Reading, SetOperatorState
from models.messages.lanes import DriftFound
from models.units import SHARE, Size, format_size
from models.words import outcome_text

NAME: Final = "token_drift"


class TokenDrift(TimedControls):
    """Follows what the executor finds when it holds the wallet against the ledger, which takes two reads."""

    controls = (
        Control(
            NAME, "after", "open", "only what lowers the risk goes on in the market",
            "shares of a token that the wallet holds, beyond what fills and merges can have left, twice in a row",
            ("executor.drift_reported",),
        ),
    )  # fmt: skip
    counts = (DriftFound,)
    hears = (*counts, SetOperatorState)
    timer = NAME

    def __init__(self, parameters: ExecutorParameters, markets: Mapping[MarketId, Market]) -> None:
        super().__init__(markets, {NAME: TradingState.REDUCING})
        self._limit = parameters.drift_reported
        self._drifts: dict[MarketId, dict[Outcome, Size]] = {}

    def counted(self, message: Any, now_ns: int) -> Held:
        found: DriftFound = message
        drift = Bounds(found.least, found.most).miss(found.held)
        drifts = self._drifts.setdefault(found.market, {})
        drifts.pop(found.outcome, None)
        if drift:
            drifts[found.outcome] = drift
            token = outcome_text(found.outcome)
            reason = f"the wallet differs by {format_size(drift)} {token}, more than {format_size(self._limit)}"
            return self.cells[NAME].hold(found.market, reason, None, now_ns)
        return () if drifts else self.cells[NAME].let_go(found.market, "the wallet is right again", now_ns)

    def recalled(self, now_ns: int) -> tuple[Message, ...]:
        return self.cells[NAME].let_go_all("the wallet is looked at anew", now_ns)

    def readings(self, now_ns: int) -> Iterator[Reading]:
        for market, drifts in self._drifts.items():
            held = self.cells[NAME].reason(market)
            largest = max(map(abs, drifts.values()), default=0) / SHARE
            yield Reading(
                NAME, self.slug(market), largest, self._limit / SHARE, "shares apart", held is not None, held or ""
            )  # fmt: skip
