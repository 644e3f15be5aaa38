"""What a plan is made of: something that is done at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from research.prove.sim.turns import S

BEGIN_NS: Final = 1_790_000_100 * S


@dataclass(frozen=True)
class Due:
    """Something that the plan does at a time."""

    at_ns: int
    kind: str
    """`taker`, `act`, `fault`, `crash`, `death`, `disk`, `stall` or `lease`."""
    said: Mapping[str, Any]
