"""All families of risk controls, and the table of what they control."""

from collections.abc import Mapping
from typing import Final

from models.controls.canary import Canary
from models.controls.cash import Cash
from models.controls.cash_drift import CashDrift
from models.controls.control import Control, Guard
from models.controls.failures import FailedTrades
from models.controls.losses import Losses
from models.controls.market_guard import MarketGuard
from models.controls.markouts import MarkoutControls
from models.controls.order_size import OrderSize
from models.controls.pace import Pace
from models.controls.price_guard import PriceGuard
from models.controls.rejects import Rejects
from models.controls.repetition import Repetition
from models.controls.settlement import Settlement
from models.controls.token_drift import TokenDrift
from models.controls.unknowns import Unknowns
from models.controls.watched import Watched
from models.controls.worst_cases import WorstCases
from models.engine import EngineParameters
from models.exposure import Exposures
from models.limits import Limits, most_open_orders
from models.markets import Group
from models.units import Money

FAMILIES: Final[tuple[type[Guard], ...]] = (
    Pace,
    OrderSize,
    MarketGuard,
    PriceGuard,
    Limits,
    Canary,
    Cash,
    WorstCases,
    Losses,
    Rejects,
    Unknowns,
    Settlement,
    FailedTrades,
    CashDrift,
    TokenDrift,
    Watched,
    Repetition,
    MarkoutControls,
)
"""In the order in which intents are held against them, and in which people are shown them: the cheapest first."""

CONTROLS: Final[dict[str, Control]] = {control.name: control for family in FAMILIES for control in family.controls}
"""Every control by its name."""


_OTHERS: Final = frozenset({"book", "executor", "flatten", "marks", "paper"})
"""Sections that machines without a part in this go by as well."""


def guards(
    parameters: EngineParameters,
    groups: Mapping[str, Group],
    cash: Money | None,
    exposures: Exposures,
    *,
    canary_ns: int = 0,
) -> tuple[Guard, ...]:
    """Build every family. The supervisor keeps `exposures` up to date.

    `cash` is that of a paper account, else None; `canary_ns` what is left of the first hour live.
    """
    risk, markets, tier = parameters.risk, exposures.markets, parameters.executor.rate_tier
    return (
        Pace(parameters.pace, len(markets), tier),
        OrderSize(risk, markets),
        MarketGuard(parameters.market, parameters.book, markets),
        PriceGuard(parameters.price, markets, parameters.flatten.collar),
        Limits(risk, exposures, parameters.inventory.max_net_diff, tier),
        Canary(canary_ns, exposures),
        Cash(risk, exposures, cash),
        WorstCases(risk, exposures, groups),
        Losses(parameters.losses, parameters.marks, risk.wallet_usd, exposures),
        Rejects(parameters.rejects, markets),
        Unknowns(parameters.unknowns, most_open_orders(risk, max(1, len(markets)), tier)),
        Settlement(parameters.settlement, markets),
        FailedTrades(parameters.failures, markets),
        CashDrift(parameters.cash_drift, exposures),
        TokenDrift(parameters.executor, markets),
        Watched(parameters.executor, parameters.feed, markets),
        Repetition(parameters.repetition, markets),
        MarkoutControls(parameters.markouts, markets),
    )


def changeable() -> frozenset[str]:
    """Return the configuration paths that every family that goes by them can change while it runs."""
    by_family = {family: {path for control in family.controls for path in control.parameters} for family in FAMILIES}
    able = {path for family, paths in by_family.items() if family.changed is not Guard.changed for path in paths}
    fixed = {path for family, paths in by_family.items() if family.changed is Guard.changed for path in paths}
    # How many orders of unknown fate kill follows from how many may be open when it starts; when the end of a market is
    # near, from when it was first seen. What was refused before a window was widened is not known any more.
    left = able - fixed - {
        "risk.open_orders_total", "market.end_guard_ms", "market.end_guard_share", "rejects.ratio_window_s",
    }  # fmt: skip
    return frozenset(path for path in left if path.partition(".")[0] not in _OTHERS)


def how_computed(name: str) -> str:
    """Return how the number of a control comes about, empty for a word that names none."""
    control = CONTROLS.get(name)
    return "" if control is None else control.computed
