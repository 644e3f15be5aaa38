"""The strategies by name, and how each is built from the engine's parameters.

To add one: write its file beside this one, declare its parameters on a frozen struct there, and name it here. The
shared contract test finds it by itself.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from models.engine import EngineParameters
from models.strategies.complete_set import CompleteSet
from models.strategies.lead_lag import LeadLag
from models.strategies.maker import Maker
from models.strategies.two_sided import TwoSided
from models.strategy import Strategy

STRATEGIES: Final[Mapping[str, Callable[[EngineParameters], Strategy]]] = MappingProxyType(
    {
        "maker": lambda engine: Maker(engine.maker, engine.inventory, engine.leg),
        "lead_lag": lambda engine: LeadLag(engine.lead_lag),
        "complete_set": lambda engine: CompleteSet(engine.complete_set),
        "two_sided": lambda engine: TwoSided(engine.two_sided),
    }
)
