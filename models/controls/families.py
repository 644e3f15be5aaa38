"""All families of risk controls, and the table of what they control."""

from typing import Final

from models.controls.control import Control, Guard
from models.controls.pace import Pace
from models.engine import EngineParameters
from models.exposure import Exposures
from models.limits import Limits

FAMILIES: Final[tuple[type[Guard], ...]] = (Pace, Limits)
"""In the order in which intents are held against them, and in which people are shown them: the cheapest first."""

CONTROLS: Final[dict[str, Control]] = {control.name: control for family in FAMILIES for control in family.controls}
"""Every control by its name."""


def guards(parameters: EngineParameters, _exposures: Exposures) -> tuple[Guard, ...]:
    """Build every family but the limits, which a supervisor has of its own. It keeps `exposures` up to date."""
    return (Pace(parameters.pace),)


def how_computed(name: str) -> str:
    """Return how the number of a control comes about, empty for a word that names none."""
    control = CONTROLS.get(name)
    return "" if control is None else control.computed
