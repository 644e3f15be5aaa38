"""What is left of the cash: the venue's last word, less what fills and open bids have taken since.

Why a part of it is kept for hedges: who has spent all of it on one leg cannot buy the other one. Why what comes in
counts at once on paper and not in live: there the venue says it anew with every read of the account, and a sale that it
counted before we were told would count twice. Why an order waits for the first word: unknown is not the same as enough.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from models.controls.control import Control, Guard, Refusal
from models.exposure import Exposures
from models.limits import RiskParameters
from models.markets import Side
from models.messages.base import Message
from models.messages.control import Reading
from models.messages.lanes import CashRead
from models.messages.orders import FillCounted, FillVoided, PlaceOrder
from models.units import DOLLAR, Money, format_money

if TYPE_CHECKING:
    from models.engine import EngineParameters


class Cash(Guard):
    """Follows the cash. `start` is what a paper account begins with; None: the venue will say what there is."""

    controls = (
        Control(
            "cash_reserve", "before", "open", "the order is refused",
            "cash, less all open bids and this one, against the part of the wallet that only hedges may use",
            ("risk.wallet_usd", "risk.cash_reserve"),
        ),
        Control("cash", "before", "all", "the buy is refused", "cash, less all open bids and this one", ()),
    )  # fmt: skip
    hears = (CashRead, FillCounted, FillVoided)

    def __init__(self, parameters: RiskParameters, exposures: Exposures, start: Money | None) -> None:
        self._exposures = exposures
        self._start = start
        self._reserve = _reserve(parameters)
        self._said: Money | None = None
        self._spent: Money = 0
        """What fills have taken that the venue's last word may not have counted."""

    def changed(self, parameters: "EngineParameters") -> None:
        self._reserve = _reserve(parameters.risk)

    def refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], opens: bool, now_ns: int) -> Refusal | None:
        if order.side is Side.SELL:
            return None
        free = self._free()
        if free is None:
            return Refusal("cash_reserve", "the venue has not said yet what there is") if opens else None
        left = free
        for leg in (*before, order):
            exposure = self._exposures.of(leg.market)
            left -= exposure.stakes((leg,)).bids - exposure.stakes().bids
        if left < 0:
            return Refusal("cash", f"{format_money(left)} dollars would be left < 0")
        if opens and left < self._reserve:
            return Refusal(
                "cash_reserve", f"{format_money(left)} would be left < {format_money(self._reserve)} dollars"
            )
        return None

    def heard(self, message: Any, now_ns: int) -> tuple[Message, ...]:
        match message:
            case CashRead():
                self._said, self._spent = message.cash, self._unsettled()
            case FillCounted(side=Side.BUY):
                self._spent += message.cash + message.fee
            case FillVoided() if message.fill.side is Side.BUY:
                self._spent -= message.fill.cash + message.fill.fee
            case _:
                pass
        return ()

    def readings(self, now_ns: int) -> Iterable[Reading]:
        free = self._free()
        shown = None if free is None else free / DOLLAR
        note = "the venue has not said yet" if free is None else f"beside {format_money(self._bids)} in open bids"
        reserve = self._reserve / DOLLAR
        yield Reading(
            "cash_reserve", "all", shown, reserve, "dollars at least", free is None or free <= self._reserve, note
        )
        yield Reading("cash", "all", shown, 0, "dollars at least", free is not None and free <= 0, note)

    @property
    def _bids(self) -> Money:
        return self._exposures.totals.bids

    def _free(self) -> Money | None:
        if self._start is not None:
            return self._start + self._exposures.totals.cash_flow - self._bids
        return None if self._said is None else self._said - self._spent - self._bids

    def _unsettled(self) -> Money:
        """Return what buys cost that the venue may not have taken from the account yet."""
        return sum(
            fill.cash + fill.fee
            for _, exposure in self._exposures.in_use()
            for _, position in exposure.held()
            for fill in position.provisional
            if fill.side is Side.BUY
        )


def _reserve(parameters: RiskParameters) -> Money:
    return int(parameters.wallet_usd * parameters.cash_reserve)
