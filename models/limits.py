"""What risk holds every intent against besides the trading state: counts, own orders, shares, net and the worst case.

Why beside the positions also what rests, is on its way or of unknown fate: each of these may fill before anybody can do
something about it. Why an order that raises |net| may stand alone below the limit, and beside others only within it: a
desk may always open when its inventory allows it to (`can_open`), but two orders at once could fill at once.
"""

from typing import Annotated

import msgspec

from models.controls.control import Control, Guard, Refusal
from models.exposure import Exposures, MarketExposure
from models.markets import YES, Side
from models.messages.orders import PlaceOrder
from models.parameters import parameter
from models.phase import reduces, signed_size
from models.units import DOLLAR, Money, Size, format_money, format_price, format_size


class RiskParameters(msgspec.Struct, frozen=True):
    """Limits on the worst case and on the number of orders. Money limits scale with the wallet."""

    wallet_usd: Annotated[
        Money, parameter("Capital that the money limits scale with.", "dollars", env=["WALLET_USD"], gt=0)
    ] = 1_000 * DOLLAR
    market_worst_case: Annotated[
        float, parameter("Most that one market may lose, as a share of the wallet.", "ratio", gt=0, le=1)
    ] = 0.15
    total_worst_case: Annotated[
        float, parameter("Most that all markets together may lose, as a share of the wallet.", "ratio", gt=0, le=1)
    ] = 0.60
    open_orders_per_market: Annotated[int, parameter("Most open orders in one market.", "count", ge=1)] = 4
    open_orders_total: Annotated[
        int, parameter("Most open orders in all; 0 allows two for each enabled market.", "count", ge=0)
    ] = 0
    start_paused: Annotated[
        bool, parameter("Come up paused and wait for `resume`.", "switch", env=["START_PAUSED"])
    ] = False


class Limits(Guard):
    """Holds intents against `exposures`. `max_net_diff` bounds each desk's |net| in a market."""

    controls = (
        Control(
            "open_orders_market", "before", "all", "the order is refused",
            "orders of the market that may still fill", ("risk.open_orders_per_market",),
        ),
        Control(
            "open_orders_total", "before", "all", "the order is refused",
            "orders of all markets that may still fill", ("risk.open_orders_total",),
        ),
        Control(
            "unknown_order", "before", "open", "the order is refused",
            "orders of unknown fate in the market and in the others of its neg-risk event", (),
        ),
        Control("self_cross", "before", "all", "the order is refused", "own orders that it would trade with", ()),
        Control(
            "not_settled", "before", "all", "the order is refused",
            "shares sold, against those settled, not being merged and not offered yet", (),
        ),
        Control(
            "net_limit", "before", "open", "the order is refused",
            "|YES - NO| of the desk in the market with every order of this side filled", ("inventory.max_net_diff",),
        ),
        Control(
            "market_worst_case", "before", "open", "the order is refused",
            "loss in the worst outcome of the market, with every order filled that makes it worse",
            ("risk.wallet_usd", "risk.market_worst_case"),
        ),
        Control(
            "total_worst_case", "before", "open", "the order is refused",
            "the worst cases of all markets together", ("risk.wallet_usd", "risk.total_worst_case"),
        ),
    )  # fmt: skip

    def __init__(self, parameters: RiskParameters, exposures: Exposures, markets: int, max_net_diff: Size) -> None:
        self._exposures = exposures
        self._max_net_diff = max_net_diff
        self._per_market = parameters.open_orders_per_market
        self._in_all = parameters.open_orders_total or 2 * markets
        self._market_worst_case = int(parameters.wallet_usd * parameters.market_worst_case)
        self._total_worst_case = int(parameters.wallet_usd * parameters.total_worst_case)

    def refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], opens: bool, now_ns: int) -> Refusal | None:
        exposure = self._exposures.of(order.market)
        same = tuple(leg for leg in before if leg.market == order.market)
        return (
            self._count_refusal(exposure, len(same), len(before))
            or self._unknown_refusal(order, exposure, same)
            or _own_refusal(order, exposure, same)
            or _shares_refusal(order, exposure, same)
            or self._net_refusal(order, exposure, same)
            or self._worst_case_refusal(order, exposure, same, before)
        )

    def _count_refusal(self, exposure: MarketExposure, same: int, before: int) -> Refusal | None:
        here = len(exposure.orders) + same
        if here >= self._per_market:
            return Refusal("open_orders_market", f"{here} open orders >= {self._per_market}")
        total = self._exposures.open_orders + before
        if total >= self._in_all:
            return Refusal("open_orders_total", f"no room: {total} open orders >= {self._in_all}")
        return None

    def _unknown_refusal(
        self, order: PlaceOrder, exposure: MarketExposure, same: tuple[PlaceOrder, ...]
    ) -> Refusal | None:
        unknown = self._exposures.unknown_around(order.market)
        if not unknown or lowers_net(order, exposure, same):
            return None
        return Refusal("unknown_order", f"{unknown} order of unknown fate in this market or its neg-risk event")

    def _net_refusal(self, order: PlaceOrder, exposure: MarketExposure, same: tuple[PlaceOrder, ...]) -> Refusal | None:
        nets = exposure.nets(same, order.tag)
        raises = signed_size(order.outcome, order.side, 1)
        held, filled = raises * nets.now, raises * (nets.up if raises > 0 else nets.down)
        after = filled + order.size
        alone = filled == held
        if after <= self._max_net_diff or (alone and held < self._max_net_diff):
            return None
        limit = f"{format_size(self._max_net_diff)} (PM_MAX_NET_DIFF)"
        return Refusal("net_limit", f"|net| {format_size(after)} with every order of this side filled > {limit}")

    def _worst_case_refusal(
        self, order: PlaceOrder, exposure: MarketExposure, same: tuple[PlaceOrder, ...], before: tuple[PlaceOrder, ...]
    ) -> Refusal | None:
        then = exposure.worst_case((*same, order))
        if then <= exposure.worst_case(same):
            return None
        if then > self._market_worst_case:
            return _money_refusal("market_worst_case", then, self._market_worst_case)
        elsewhere = {leg.market for leg in before} - {order.market}
        total = self._exposures.worst_case + then - self._exposures.worst_case_of(order.market)
        for market in elsewhere:
            legs = tuple(leg for leg in before if leg.market == market)
            total += self._exposures.of(market).worst_case(legs) - self._exposures.worst_case_of(market)
        if total > self._total_worst_case:
            return _money_refusal("total_worst_case", total, self._total_worst_case)
        return None


def lowers_net(order: PlaceOrder, exposure: MarketExposure, before: tuple[PlaceOrder, ...] = ()) -> bool:
    """Whether an order lowers the market's |net| without passing zero, counting what already rests on that side."""
    nets = exposure.nets(before)
    return reduces(nets.up, nets.down, nets.now, signed_size(order.outcome, order.side, order.size))


def _own_refusal(order: PlaceOrder, exposure: MarketExposure, same: tuple[PlaceOrder, ...]) -> Refusal | None:
    own = exposure.crossing(order, same)
    if own is None:
        return None
    token = "YES" if own.outcome == YES else "NO"
    return Refusal("self_cross", f"crosses own {own.side.value} {token} at {format_price(own.price)}")


def _shares_refusal(order: PlaceOrder, exposure: MarketExposure, same: tuple[PlaceOrder, ...]) -> Refusal | None:
    if order.side is Side.BUY:
        return None
    free = exposure.sellable(order.tag, order.outcome, same)
    if order.size <= free:
        return None
    return Refusal("not_settled", f"sell {format_size(order.size)} > {format_size(free)} settled and not offered")


def _money_refusal(reason: str, worst_case: Money, limit: Money) -> Refusal:
    return Refusal(reason, f"{format_money(worst_case)} > {format_money(limit)}")
