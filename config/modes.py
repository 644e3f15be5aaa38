"""Which mode an engine runs in: the strictest of all switches that are set, wherever they are set.

Why not the last word: six switches of five systems can say contradictory things, and the one that was forgotten is the
one that says live. So no switch can loosen what another has said; `DRY_RUN=false` allows live, but asks for nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from config.run import Mode

MODES: Final[tuple[Mode, ...]] = ("observe", "paper", "live")
"""Strictest first."""

DEFAULT: Final[Mode] = "paper"

OBSERVE: Final = "--dry-run"
"""The flag of `run`: observe."""

COMMAND_LINE: Final = "--mode"

FILE: Final = frozenset({"mode", "dry_run"})
"""Switches at the top of a file."""

ENVIRONMENT: Final = frozenset({"BOT_MODE", "TRADING_MODE", "KEEL_MODE", "DRY_RUN", "PM_DRY_RUN"})
"""Switches in the environment."""

SWITCHES: Final = FILE | ENVIRONMENT

_DRY: Final = frozenset({"dry_run", "DRY_RUN", "PM_DRY_RUN"})
"""Switches of which true means paper, and false allows whatever else is said."""

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch as it was set. `allows` is the loosest mode that it lets through; a permission `asks` for none."""

    name: str
    value: str
    place: str
    allows: Mode
    asks: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """The mode, every switch that was set, and the one that decided (None: nobody asked, so the default)."""

    mode: Mode
    switches: tuple[Switch, ...]
    winner: Switch | None


def read_switch(name: str, value: object, place: str) -> Switch:
    """Read one switch.

    Raises:
        ValueError: it says something that no mode is; the error says what would be right.
    """
    text = str(value).strip().lower()
    if name == OBSERVE:
        return Switch(name, text, place, "observe")
    if name in _DRY:
        if text in _TRUE:
            return Switch(name, text, place, "paper")
        if text in _FALSE:
            return Switch(name, text, place, "live", asks=False)
        raise ValueError("expected true (paper) or false")
    for mode in MODES:
        if text == mode:
            return Switch(name, text, place, mode)
    if text == "backtest":
        raise ValueError("expected observe, paper or live; a backtest is a command of its own: keel backtest")
    raise ValueError("expected observe, paper or live")


def decide(switches: Iterable[Switch]) -> Decision:
    """Return the strictest mode that any switch demands."""
    present = tuple(switches)
    asking = [switch for switch in present if switch.asks]
    if not asking:
        return Decision(DEFAULT, present, None)
    winner = min(asking, key=lambda switch: MODES.index(switch.allows))
    return Decision(winner.allows, present, winner)
