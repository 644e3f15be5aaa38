"""A wallet that lacks a few shares: not so many that the executor halts the market, enough to open nothing in it.

Why shares that are too many hold nothing back: somebody sent them, and the executor has it recorded. Why nothing is
held over a start: whoever takes the executor's place compares anew, and says so again if it is so.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

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
            "shares of a token that the wallet lacks of the least that fills and merges can have left, twice in a row; "
            "beyond `drift_halts` the market is halted instead",
            ("executor.drift_reported", "executor.drift_halts"),
        ),
    )  # fmt: skip
    counts = (DriftFound,)
    hears = (*counts, SetOperatorState)
    timer = NAME

    def __init__(self, parameters: ExecutorParameters, markets: Mapping[MarketId, Market]) -> None:
        super().__init__(markets, {NAME: TradingState.REDUCING})
        self._reported, self._halts = parameters.drift_reported, parameters.drift_halts
        self._missing: dict[MarketId, dict[Outcome, Size]] = {}

    def counted(self, message: Any, now_ns: int) -> Held:
        found: DriftFound = message
        missing = max(0, found.least - found.held)
        lacking = self._missing.setdefault(found.market, {})
        lacking.pop(found.outcome, None)
        if missing:
            lacking[found.outcome] = missing
        if any(self._reported < missing <= self._halts for missing in lacking.values()):
            what = " and ".join(f"{format_size(size)} {outcome_text(outcome)}" for outcome, size in lacking.items())
            reason = f"the wallet lacks {what}, more than {format_size(self._reported)}"
            return self.cells[NAME].hold(found.market, reason, None, now_ns)
        return self.cells[NAME].let_go(found.market, "the wallet lacks none, or so much that it is halted", now_ns)

    def recalled(self, now_ns: int) -> tuple[Message, ...]:
        return self.cells[NAME].let_go_all("the wallet is looked at anew", now_ns)

    def readings(self, now_ns: int) -> Iterator[Reading]:
        for market, lacking in self._missing.items():
            held = self.cells[NAME].reason(market)
            largest = max(lacking.values(), default=0) / SHARE
            yield Reading(
                NAME, self.slug(market), largest, self._reported / SHARE, "shares missing", held is not None, held or ""
            )  # fmt: skip
