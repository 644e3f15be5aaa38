"""How large one order may be, and how small.

Why an upper bound never falls below two of the venue's minimum orders: a quote that also clears what a partial fill has
left is nearly that large, and an account whose limit forbids it could only watch. Why it holds for what opens alone: an
exit is as large as what is held, and cutting it up would only keep the risk for longer.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from models.controls.control import Control, Guard, Refusal
from models.limits import RiskParameters
from models.markets import Market, Side
from models.messages.base import MarketId
from models.messages.control import Reading
from models.messages.orders import PlaceOrder
from models.orders import TimeInForce
from models.units import DOLLAR, SHARE, Money, Size, cash_of, format_money, format_size

if TYPE_CHECKING:
    from models.engine import EngineParameters

_IMMEDIATE = (TimeInForce.FAK, TimeInForce.FOK)


class OrderSize(Guard):
    """Holds the size and the worth of an order against the wallet and the venue's least ones."""

    controls = (
        Control(
            "order_usd", "before", "open", "the order is refused", "price x size",
            ("risk.wallet_usd", "risk.order_usd"),
        ),
        Control(
            "order_shares", "before", "open", "the order is refused", "shares of the order",
            ("risk.wallet_usd", "risk.order_shares"),
        ),
        Control(
            "order_minimum", "before", "all", "the order is refused",
            "shares of the order against the market's minimum; of a buy that takes also price x size against $1", (),
        ),
    )  # fmt: skip

    def __init__(self, parameters: RiskParameters, markets: Mapping[MarketId, Market]) -> None:
        self._markets = markets
        self._go_by(parameters)

    def changed(self, parameters: "EngineParameters") -> None:
        self._go_by(parameters.risk)

    def refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], opens: bool, now_ns: int) -> Refusal | None:
        least = self._markets[order.market].min_order_size
        worth = cash_of(order.price, order.size)
        if order.size < least:
            return Refusal("order_minimum", f"{format_size(order.size)} < {format_size(least)} shares")
        if order.side is Side.BUY and order.time_in_force in _IMMEDIATE and worth < DOLLAR:
            return Refusal("order_minimum", f"a buy that takes is worth {format_money(worth)} < 1 dollar")
        if not opens:
            return None
        dollars, shares = self._limits(least)
        if worth > dollars:
            return Refusal("order_usd", f"{format_money(worth)} > {format_money(dollars)} dollars")
        if order.size > shares:
            return Refusal("order_shares", f"{format_size(order.size)} > {format_size(shares)} shares")
        return None

    def readings(self, now_ns: int) -> Iterable[Reading]:
        yield Reading("order_usd", "all", None, self._usd / DOLLAR, "dollars")
        yield Reading("order_shares", "all", None, self._shares / SHARE, "shares")
        for market in self._markets.values():
            least = market.min_order_size
            dollars, shares = self._limits(least)
            floor = "two of the venue's minimum orders"
            if dollars > self._usd:
                yield Reading("order_usd", market.slug, None, dollars / DOLLAR, "dollars", note=floor)
            if shares > self._shares:
                yield Reading("order_shares", market.slug, None, shares / SHARE, "shares", note=floor)
            yield Reading("order_minimum", market.slug, None, least / SHARE, "shares at least")

    def _go_by(self, parameters: RiskParameters) -> None:
        self._usd = int(parameters.wallet_usd * parameters.order_usd)
        self._shares = int(parameters.wallet_usd * parameters.order_shares)

    def _limits(self, least: Size) -> tuple[Money, Size]:
        """Return the most dollars and shares of an order; a share never costs more than a dollar."""
        return max(self._usd, 2 * least), max(self._shares, 2 * least)
