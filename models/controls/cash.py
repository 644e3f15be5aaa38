"""What is left of the cash: the venue's last word, less what fills and open bids have taken since.

Why a part of it is kept for hedges: who has spent all of it on one leg cannot buy the other one. Why a part of the
account where that is smaller than the wallet: of $50 nobody can keep a tenth of $1,000. Why what comes in
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
            "cash, less all open bids and this one, against the share that only hedges may use: of the wallet, or of "
            "cash and what is held at cost where that is less",
            ("risk.wallet_usd", "risk.cash_reserve"),
        ),
        Control("cash", "before", "all", "the buy is refused", "cash, less all open bids and this one", ()),
    )  # fmt: skip
    hears = (CashRead, FillCounted, FillVoided)

    def __init__(self, parameters: RiskParameters, exposures: Exposures, start: Money | None) -> None:
        self._exposures = exposures
        self._start = start
        self._go_by(parameters)
        self._said: Money | None = None
        self._spent: Money = 0
        """What fills have taken that the venue's last word may not have counted."""

    def changed(self, parameters: "EngineParameters") -> None:
        self._go_by(parameters.risk)

    def _go_by(self, parameters: RiskParameters) -> None:
        self._wallet, self._share = parameters.wallet_usd, parameters.cash_reserve

    def refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], opens: bool, now_ns: int) -> Refusal | None:
        if order.side is Side.SELL:
            return None
        cash = self._cash()
        if cash is None:
            return Refusal("cash_reserve", "the venue has not said yet what there is") if opens else None
        left = cash - self._bids
        for leg in (*before, order):
            exposure = self._exposures.of(leg.market)
            left -= exposure.stakes((leg,)).bids - exposure.stakes().bids
        if left < 0:
            return Refusal("cash", f"{format_money(left)} dollars would be left < 0")
        reserve = self._reserve(cash)
        if opens and left < reserve:
            return Refusal("cash_reserve", f"{format_money(left)} would be left < {format_money(reserve)} dollars")
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
        cash = self._cash()
        if cash is None:
            yield Reading("cash_reserve", "all", None, None, "dollars at least", True, "the venue has not said yet")
            return
        free, reserve = cash - self._bids, self._reserve(cash)
        note = f"beside {format_money(self._bids)} in open bids"
        shown = free / DOLLAR
        yield Reading("cash_reserve", "all", shown, reserve / DOLLAR, "dollars at least", free <= reserve, note)
        yield Reading("cash", "all", shown, 0, "dollars at least", free <= 0, note)

    @property
    def _bids(self) -> Money:
        return self._exposures.totals.bids

    def _cash(self) -> Money | None:
        if self._start is not None:
            return self._start + self._exposures.totals.cash_flow
        return None if self._said is None else self._said - self._spent

    def _reserve(self, cash: Money) -> Money:
        return int(min(self._wallet, cash + self._exposures.totals.cost) * self._share)

    def _unsettled(self) -> Money:
        """Return what buys cost that the venue may not have taken from the account yet."""
        return sum(
            fill.cash + fill.fee
            for _, exposure in self._exposures.in_use()
            for _, position in exposure.held()
            for fill in position.provisional
            if fill.side is Side.BUY
        )
