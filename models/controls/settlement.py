"""Fills that the chain does not settle: until then they may fail, and what they bought cannot be sold or merged."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from models.cells import TradingState
from models.controls.control import Control
from models.controls.timed import Held, TimedControls
from models.markets import Market
from models.messages.base import MarketId, Message
from models.messages.control import Reading
from models.messages.orders import FillCounted, FillSettled, FillVoided
from models.messages.position import LedgerSnapshot
from models.parameters import parameter

SETTLEMENT: Final = "settlement_age"
_OLD: Final = "old "
"""Before a market: the deadline at which its oldest fill is too old."""

_SECOND_NS: Final = 1_000_000_000


class SettlementParameters(msgspec.Struct, frozen=True):
    """How long a fill may wait for the chain."""

    warn_s: Annotated[
        int, parameter("A fill that has not settled for so long is warned of.", "seconds", ge=1, le=3_600)
    ] = 60
    reduce_s: Annotated[
        int, parameter("One that has not settled for so long leaves only what reduces in its market.", "seconds", ge=10,
                       le=86_400)
    ] = 300  # fmt: skip


class Settlement(TimedControls):
    """Follows the fills of every market to their settlement."""

    controls = (
        Control(
            SETTLEMENT, "after", "open", "only what lowers the risk goes on in the market",
            "age of the oldest fill of the market that is neither settled nor failed",
            ("settlement.warn_s", "settlement.reduce_s"),
        ),
    )  # fmt: skip
    counts = (FillCounted, FillSettled, FillVoided)
    hears = counts
    timer = "settlement"

    def __init__(self, parameters: SettlementParameters, markets: Mapping[MarketId, Market]) -> None:
        super().__init__(markets, {SETTLEMENT: TradingState.REDUCING})
        self._parameters = parameters
        self._reduce_ns = parameters.reduce_s * _SECOND_NS
        self._pending: dict[MarketId, dict[tuple[str, str], int]] = {}

    def counted(self, message: Any, now_ns: int) -> Held:
        fill: FillCounted = message if isinstance(message, FillCounted) else message.fill
        pending = self._pending.setdefault(fill.market, {})
        if fill is message:
            pending.setdefault((fill.trade_id, fill.order_id), now_ns)
        else:
            pending.pop((fill.trade_id, fill.order_id), None)
        return self._judged(fill.market, now_ns)

    def due(self, key: str, now_ns: int) -> Held:
        return self._judged(key.removeprefix(_OLD), now_ns)

    def recall(self, entry: Any, at_ns: int) -> tuple[Message, ...]:
        """Learn from a checkpoint what waited then."""
        if not isinstance(entry, LedgerSnapshot):
            return super().recall(entry, at_ns)
        for fill in entry.position.provisional:
            self.counted(fill, fill.at_ns)
        return ()

    def _judged(self, market: MarketId, now_ns: int) -> Held:
        """Hold a market by its oldest fill, and look again when that is too old."""
        pending = self._pending[market]
        if not pending:
            del self._pending[market]
            self.deadlines.drop(_OLD + market)
            return self.cells[SETTLEMENT].let_go(market, "all is settled", now_ns)
        old_ns = min(pending.values()) + self._reduce_ns
        if now_ns < old_ns:
            self.deadlines.put(_OLD + market, old_ns)
            return self.cells[SETTLEMENT].let_go(market, "what waits is younger", now_ns)
        reason = f"a fill is not settled after {self._parameters.reduce_s} s"
        return self.cells[SETTLEMENT].hold(market, reason, None, now_ns)

    def readings(self, now_ns: int) -> Iterator[Reading]:
        limits = self._parameters
        for market, pending in self._pending.items():
            held = self.cells[SETTLEMENT].reason(market)
            age_s = (now_ns - min(pending.values())) / _SECOND_NS
            late = f"more than {limits.warn_s} s" if age_s > limits.warn_s else ""
            yield Reading(
                SETTLEMENT, self.slug(market), round(age_s, 3), limits.reduce_s, "seconds", held is not None,
                held or late,
            )  # fmt: skip
