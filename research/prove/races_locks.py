"""Processes that want to write the same database at once: one has it, and the others know.

A lock that its process has died with is free, whatever that process was doing.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Final

from research.prove.races_orders import Attempt, Made
from research.prove.races_outside import Outside
from research.prove.witness import Findings

_PROCESSES: Final = 3
_DIES_EVERY: Final = 40
"""One holder of so many is killed with the lock in its hands."""


class LockRace:
    """Processes and a database."""

    def __init__(self, database: Path, processes: list[Outside]) -> None:
        self._database = database
        self._processes = processes

    def attempt(self, random: Random, findings: Findings, figures: Counter[str]) -> None:
        """Race once."""
        racers = random.sample(self._processes, random.randint(2, _PROCESSES))
        for racer in racers:
            racer.tell(f"take {self._database}")
        said = [racer.heard() for racer in racers]
        holders = [racer for racer, heard in zip(racers, said, strict=True) if heard == "taken"]
        findings.hold("one at most has the lock", len(holders) <= 1, lambda: str(said))
        findings.hold("and one has it", len(holders) == 1, lambda: str(said))
        if holders and random.randrange(_DIES_EVERY) == 0:
            figures["holders killed"] += 1
            holders[0].die()
            said = [racer.ask(f"take {self._database}") for racer in racers]
            findings.hold("a lock is free when its holder has died", said.count("taken") == 1, lambda: str(said))
        for racer in racers:
            racer.ask("let go")
        figures["locks wanted"] += len(racers)


@contextmanager
def locks(folder: Path, _: Made) -> Iterator[Attempt]:
    """Have processes ready."""
    with ExitStack() as stack:
        processes = [stack.enter_context(Outside()) for _ in range(_PROCESSES)]
        yield LockRace(folder / "arb.db", processes).attempt
