"""Under which seed each bug is known to be caught, and by which invariant: found once by `bin/prove zoo`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Known(NamedTuple):
    """A seed that catches a bug, and the invariant that it breaks there."""

    seed: int
    invariant: str


KNOWN: Final[Mapping[str, Known]] = MappingProxyType({})

IN_CI: Final[tuple[str, ...]] = ()
"""Bugs that every run of the checks plants, under their known seed: one of each family, and those that cost most."""
