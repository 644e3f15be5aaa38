"""How a parameter is declared: once, on the field of the frozen struct of the machine or strategy that uses it.

    bid_size: Annotated[Size, parameter("Shares per quote.", "shares", env=["PM_BID_SIZE"], ge=1)] = SHARE

The configuration, the commented default file, the environment names and the reference page are all read from these
declarations, so a unit or a meaning cannot be said in two places.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

Unit: TypeAlias = Literal["shares", "dollars", "price", "ms", "seconds", "count", "ratio", "choice", "switch", "text"]
"""What a person writes: `shares`, `dollars` and `price` are decimals that become exact integers (millionths,
millionths, 1/10,000); `ms`, `seconds` and `count` are whole numbers; `ratio` is a plain decimal; `choice` one of the
literals.
"""

UNITS: Final[tuple[Unit, ...]] = (
    "shares",
    "dollars",
    "price",
    "ms",
    "seconds",
    "count",
    "ratio",
    "choice",
    "switch",
    "text",
)


def parameter(
    description: str,
    unit: Unit,
    *,
    env: Sequence[str] = (),
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
) -> msgspec.Meta:
    """Describe a parameter: its meaning in one sentence, what a person writes, and the environment names that set it.

    Bounds are in the field's own integers, inclusive (`ge`, `le`) or exclusive (`gt`, `lt`).
    """
    bounds: dict[str, Any] = {"ge": ge, "gt": gt, "le": le, "lt": lt}
    return msgspec.Meta(description=description, extra={"unit": unit, "env": tuple(env)}, **bounds)
