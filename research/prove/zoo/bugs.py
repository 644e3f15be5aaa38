"""The zoo: all planted bugs by name, and the seed under which each is known to be caught."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from research.prove.zoo.books import BOOKS
from research.prove.zoo.bug import Bug
from research.prove.zoo.gates import GATES
from research.prove.zoo.life import LIFE
from research.prove.zoo.limits import LIMITS
from research.prove.zoo.money import MONEY
from research.prove.zoo.restarts import RESTARTS

BUGS: Final[Mapping[str, Bug]] = MappingProxyType(
    {bug.name: bug for family in (MONEY, LIFE, GATES, LIMITS, BOOKS, RESTARTS) for bug in family}
)
