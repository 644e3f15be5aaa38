"""What differs between two configurations, which of it a running engine can go by, and which of it adds risk.

Why what is not known to lower the risk counts as adding it: a key that nobody thought of must ask, not slip through.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from config.registry import KEYS, OUTSIDE, ROOT, Key
from config.settings import Settings
from models.controls.families import changeable
from models.text import concealed

_LIVE: Final = frozenset({"maker", "lead_lag", "complete_set", "two_sided", "quotes", "inventory"})
"""Sections that desks go by, all keys of which can change while they run. Of risk's the families know themselves."""

_HARMLESS: Final = frozenset({"quotes"})
"""Sections that move orders and limit nothing."""

_SAFER_ABOVE: Final = frozenset(
    {
        "risk.cash_reserve", "two_sided.min_edge", "complete_set.min_edge", "complete_set.failure_buffer",
        "lead_lag.edge_min_pct", "lead_lag.spot_move_min_pct", "losses.clean_s", "losses.market_halt_s",
        "risk.reduce_exit_ms",
    }
)  # fmt: skip
_SAFER_BELOW: Final = frozenset(
    {
        "maker.bid_size", "maker.pair_target", "two_sided.max_order", "two_sided.max_outcome_inventory",
        "lead_lag.order_size", "inventory.max_net_diff", "inventory.max_position_value",
        "inventory.max_portfolio_cost", "losses.hour_loss", "losses.day_loss", "losses.day_loss_kill",
        "losses.drawdown", "losses.market_loss", "risk.wallet_usd", "risk.order_usd", "risk.order_shares",
        "risk.token_tied_up", "risk.market_worst_case", "risk.event_worst_case", "risk.total_worst_case",
        "risk.total_net", "risk.reduce_exit", "risk.open_orders_per_market", "risk.open_positions",
    }
)  # fmt: skip
_ELSEWHERE: Final = frozenset({ROOT, *OUTSIDE, "journal", "tape"})
"""Sections that say where things are, or are kept."""

_AT_MOST: Final = 100
"""Whoever raises a limit so many times in a running engine has more likely slipped than meant it."""

_ZERO_IS_NO_LIMIT: Final = frozenset({"risk.open_positions"})


@dataclass(frozen=True, slots=True)
class Change:
    """A key that differs. `live`: a running engine can go by it. `adds_risk`: a person has to want it.

    `hundredfold`: a limit is so much higher, or no limit any more.
    """

    path: str
    old: str
    new: str
    unit: str
    live: bool
    adds_risk: bool
    hundredfold: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.old} -> {self.new} {self.unit}"


def changes(before: Settings, after: Settings) -> tuple[Change, ...]:
    """Return all keys that differ, in the order in which they are declared."""
    return tuple(_changes(before, after))


def conditions(settings: Settings) -> dict[str, str]:
    """Return all values that a desk is run by, as people write them: what its figures depend on."""
    return {
        one.path: one.value
        for one in settings.shown()
        if one.path in ("mode", "strategy") or KEYS[one.path].section not in _ELSEWHERE
    }


def is_live(key: Key) -> bool:
    """Whether a running engine can go by another value."""
    return key.path in changeable() or key.section in _LIVE


def _changes(before: Settings, after: Settings) -> Iterator[Change]:
    if before.tag != after.tag and before.run.tag == after.run.tag:
        yield Change("tag", before.tag, after.tag, "text", live=False, adds_risk=False)
    for old, new in zip(before.shown(), after.shown(), strict=True):
        if old.value != new.value:
            key = KEYS[old.path]
            live = is_live(key)
            adds_risk = not _is_safer(key, _value(before, key), _value(after, key))
            hundredfold = _is_hundredfold(key, _value(before, key), _value(after, key))
            yield Change(old.path, concealed(old.value), concealed(new.value), old.unit, live, adds_risk, hundredfold)


def _is_safer(key: Key, old: Any, new: Any) -> bool:
    if key.path in _ZERO_IS_NO_LIMIT and 0 in (old, new):
        return old == 0
    if key.path in _SAFER_BELOW:
        return new < old
    return new > old if key.path in _SAFER_ABOVE else key.section in _HARMLESS


def _is_hundredfold(key: Key, old: Any, new: Any) -> bool:
    if key.path not in _SAFER_BELOW or _is_safer(key, old, new):
        return False
    return new >= _AT_MOST * old > 0 or (key.path in _ZERO_IS_NO_LIMIT and new == 0 and old > 0)


def _value(settings: Settings, key: Key) -> Any:
    if key.section == ROOT:
        section: Any = settings.run
    else:
        section = getattr(settings if key.section in OUTSIDE else settings.engine, key.section)
    return getattr(section, key.name)
