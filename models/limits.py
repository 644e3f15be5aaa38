"""How much may be open at once: counts of orders and positions, own orders, settled shares, and each desk's net.

Why beside the positions also what rests, is on its way or of unknown fate: each of these may fill before anybody can do
something about it. Why an order that raises |net| may stand alone below the limit, and beside others only within it: a
desk may always open when its inventory allows it to (`can_open`), but two orders at once could fill at once.

Why counts grow with the markets that are traded, and end at half of the cancels that the signer may send at once: forty
orders are many for ten markets and few for a hundred, and what rests must be taken off in one breath with as much left.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import msgspec

from models.controls.control import Control, Guard, Refusal
from models.exposure import Exposures, MarketExposure
from models.limiter import TIERS
from models.markets import YES, Side
from models.messages.base import Message
from models.messages.catalogue import MarketListed
from models.messages.control import Reading
from models.messages.orders import PlaceOrder
from models.parameters import parameter
from models.phase import reduces, signed_size
from models.units import DOLLAR, SHARE, Money, Size, format_price, format_size

if TYPE_CHECKING:
    from models.engine import EngineParameters

_ORDERS_PER_MARKET = 4
"""Two on each side of a market, for YES and for NO."""


class RiskParameters(msgspec.Struct, frozen=True):
    """Limits on what can be lost and on what is open. Money limits are shares of the wallet, and grow with it."""

    wallet_usd: Annotated[
        Money,
        parameter(
            "Capital that the money limits scale with.", "dollars", env=["WALLET_USD"], gt=0, le=1_000_000 * DOLLAR
        ),
    ] = 1_000 * DOLLAR
    order_usd: Annotated[
        float, parameter("Most that one order may be worth, as a share of the wallet.", "ratio", gt=0, le=1)
    ] = 0.025
    order_shares: Annotated[
        float, parameter("Most shares of one order for each dollar of the wallet.", "ratio", gt=0, le=10)
    ] = 0.2
    token_tied_up: Annotated[
        float,
        parameter("Most that one token may tie up, pairs included, as a share of the wallet.", "ratio", gt=0, le=1),
    ] = 0.10
    market_worst_case: Annotated[
        float, parameter("Most that one market may lose, as a share of the wallet.", "ratio", gt=0, le=1)
    ] = 0.15
    event_worst_case: Annotated[
        float, parameter("Most that the markets of one event may lose, as a share of the wallet.", "ratio", gt=0, le=1)
    ] = 0.25
    total_worst_case: Annotated[
        float, parameter("Most that all markets together may lose, as a share of the wallet.", "ratio", gt=0, le=1)
    ] = 0.60
    total_net: Annotated[
        float,
        parameter("Most by which YES may outweigh NO over all markets, or NO YES, as a share of the wallet.", "ratio",
                  gt=0, le=1),
    ] = 0.40  # fmt: skip
    cash_reserve: Annotated[
        float, parameter("Cash that only hedges may use, as a share of the wallet.", "ratio", ge=0, le=1)
    ] = 0.10
    reduce_exit: Annotated[
        float,
        parameter("What was reduced for a total beyond its limit may open again below this share of it.", "ratio",
                  gt=0, le=1),
    ] = 0.9  # fmt: skip
    reduce_exit_ms: Annotated[
        int, parameter("And only after the total was below it for so long.", "ms", ge=0, le=3_600_000)
    ] = 300_000
    open_orders_per_market: Annotated[int, parameter("Most open orders in one market.", "count", ge=1, le=100)] = 4
    open_orders_total: Annotated[
        int,
        parameter("Most open orders in all; 0: four for each enabled market. Never more than half of the cancels that "
                  "the signer's tier may send at once.", "count", ge=0, le=1_000),
    ] = 0  # fmt: skip
    open_positions: Annotated[
        int,
        parameter("Most markets with anything held or open in them; 0: all enabled markets.", "count", ge=0, le=10_000),
    ] = 0
    start_paused: Annotated[
        bool, parameter("Come up paused and wait for `resume`.", "switch", env=["START_PAUSED"])
    ] = False


def most_open_orders(parameters: RiskParameters, enabled: int, tier: str) -> int:
    """Return how many orders may be open in all: by the limit or the markets, and so many that all can be cancelled."""
    wanted = parameters.open_orders_total or _ORDERS_PER_MARKET * enabled
    return min(wanted, TIERS[tier.lower()].cancels_burst // 2)


class Limits(Guard):
    """Holds intents against `exposures`. `max_net_diff` bounds each desk's |net| in a market."""

    controls = (
        Control(
            "open_orders_market", "before", "all", "the order is refused",
            "orders of the market that may still fill", ("risk.open_orders_per_market",),
        ),
        Control(
            "open_orders_total", "before", "all", "the order is refused",
            "orders of all markets that may still fill", ("risk.open_orders_total", "executor.rate_tier"),
        ),
        Control(
            "open_positions", "before", "open", "the order is refused",
            "markets with anything held or open in them, this one included", ("risk.open_positions",),
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
    )  # fmt: skip
    hears = (MarketListed,)

    def __init__(
        self, parameters: RiskParameters, exposures: Exposures, max_net_diff: Size, tier: str = "Standard"
    ) -> None:
        self._exposures = exposures
        self._tier = tier
        self._go_by(parameters, max_net_diff)

    def changed(self, parameters: "EngineParameters") -> None:
        self._go_by(parameters.risk, parameters.inventory.max_net_diff)

    def heard(self, message: MarketListed, now_ns: int) -> tuple[Message, ...]:
        """Count anew what goes by how many markets there are."""
        self._go_by(self._parameters, self._max_net_diff)
        return ()

    def _go_by(self, parameters: RiskParameters, max_net_diff: Size) -> None:
        self._parameters = parameters
        enabled = max(1, len(self._exposures.markets))
        self._max_net_diff = max_net_diff
        self._per_market = parameters.open_orders_per_market
        self._in_all = most_open_orders(parameters, enabled, self._tier)
        self._positions = parameters.open_positions or enabled

    def refusal(self, order: PlaceOrder, before: tuple[PlaceOrder, ...], opens: bool, now_ns: int) -> Refusal | None:
        exposure = self._exposures.of(order.market)
        same = tuple(leg for leg in before if leg.market == order.market)
        return (
            self._count_refusal(exposure, len(same), len(before))
            or (self._positions_refusal(order, exposure, before) if opens else None)
            or (self._unknown_refusal(order) if opens else None)
            or _own_refusal(order, exposure, same)
            or _shares_refusal(order, exposure, same)
            or self._net_refusal(order, exposure, same)
        )

    def readings(self, now_ns: int) -> Iterable[Reading]:
        totals = self._exposures.totals
        yield Reading(
            "open_orders_total", "all", totals.open_orders, self._in_all, "count", totals.open_orders >= self._in_all
        )
        yield Reading("open_positions", "all", totals.in_use, self._positions, "count")
        yield Reading("unknown_order", "all", totals.unknown, None, "count")
        yield Reading("self_cross", "all", None, None, "count")
        yield Reading("not_settled", "all", None, None, "shares")
        limit = self._max_net_diff / SHARE
        for market, exposure in self._exposures.in_use():
            count = len(exposure.orders)
            yield Reading(
                "open_orders_market", market.slug, count, self._per_market, "count", count >= self._per_market
            )
            unknown = self._exposures.unknown_around(market.id)
            if unknown:
                yield Reading("unknown_order", market.slug, unknown, 0, "orders", holds=True)
            for tag, nets in exposure.nets_of_desks():
                net = max(nets.up, -nets.down)
                holds = net >= self._max_net_diff
                yield Reading("net_limit", f"{market.slug} {tag}", net / SHARE, limit, "shares", holds)

    def _count_refusal(self, exposure: MarketExposure, same: int, before: int) -> Refusal | None:
        here = len(exposure.orders) + same
        if here >= self._per_market:
            return Refusal("open_orders_market", f"{here} open orders >= {self._per_market}")
        total = self._exposures.totals.open_orders + before
        if total >= self._in_all:
            return Refusal("open_orders_total", f"no room: {total} open orders >= {self._in_all}")
        return None

    def _positions_refusal(
        self, order: PlaceOrder, exposure: MarketExposure, before: tuple[PlaceOrder, ...]
    ) -> Refusal | None:
        if not exposure.is_flat or order.market in {leg.market for leg in before}:
            return None
        opened = {leg.market for leg in before if self._exposures.of(leg.market).is_flat}
        there = self._exposures.totals.in_use + len(opened)
        if there < self._positions:
            return None
        return Refusal("open_positions", f"{there} markets with anything held or open >= {self._positions}")

    def _unknown_refusal(self, order: PlaceOrder) -> Refusal | None:
        unknown = self._exposures.unknown_around(order.market)
        if not unknown:
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
