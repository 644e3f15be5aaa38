"""Fills counted by our ledger from what the codec says, and what they change in a wallet."""

from collections.abc import Iterable, Mapping
from typing import Any

from models.ledger import Ledger
from models.markets import Outcome, Side
from models.messages.orders import FillCounted, FillVoided, PlaceOrder, TradeReported
from models.units import Money, Size


class FillBook:
    """The fills that count of one account, whose orders are `placed`."""

    def __init__(self, placed: Mapping[str, PlaceOrder]) -> None:
        self.fills: dict[tuple[str, str], FillCounted] = {}
        self._placed = placed
        self._ledger = Ledger()

    def book(self, told: Iterable[Any]) -> None:
        """Take reports of fills, whatever their order and however often they come."""
        for report in told:
            assert isinstance(report, TradeReported), report
            assert report.cash is not None, "the venue's makers add up"
            for event in self._ledger.book(report, self._placed[report.order_id]).events:
                if isinstance(event, FillCounted):
                    self.fills[event.trade_id, event.order_id] = event
                elif isinstance(event, FillVoided):
                    del self.fills[event.fill.trade_id, event.fill.order_id]

    @property
    def dollars(self) -> Money:
        """What they bring, fees taken off."""
        gains = (-fill.cash if fill.side is Side.BUY else fill.cash for fill in self.fills.values())
        return sum(gains) - sum(fill.fee for fill in self.fills.values())

    def shares(self, outcome: Outcome) -> Size:
        """What they bring of one token."""
        of_it = (fill for fill in self.fills.values() if fill.outcome == outcome)
        return sum(fill.size if fill.side is Side.BUY else -fill.size for fill in of_it)
