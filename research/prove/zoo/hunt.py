"""Hunting: seeds are run with a bug planted until an invariant breaks."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

from research.prove.sim.run import Found, run_seed
from research.prove.zoo.bug import Bug
from research.prove.zoo.bugs import BUGS
from research.prove.zoo.known import KNOWN

RUN: Final = "run"
"""What a run that could not be carried out is said to have broken: a bug may do that too, but no claim has seen it."""


@dataclass(frozen=True, slots=True)
class Hunted:
    """What became of one bug; `found` is None where it escaped. `seconds` are those of the processor."""

    name: str
    says: str
    tried: int
    seed: int | None
    found: Found | None
    seconds: float


def hunt(bug: Bug, seeds: Iterable[int]) -> Hunted:
    """Plant a bug and run seeds until an invariant breaks."""
    tried, seconds = 0, 0.0
    for seed in seeds:
        outcome = run_seed(seed, planted=bug.planted)
        tried, seconds = tried + 1, seconds + outcome.processor_s
        if outcome.found is not None and outcome.found.invariant != RUN:
            return Hunted(bug.name, bug.says, tried, seed, outcome.found, seconds)
    return Hunted(bug.name, bug.says, tried, None, None, seconds)


def hunt_all(
    names: Iterable[str], seeds: int, *, known: bool, jobs: int, told: Callable[[float], object] = lambda _: None
) -> Iterator[Hunted]:
    """Hunt several bugs. `known`: under their known seed alone; else from it on, and all others after that."""
    wanted = [(name, tuple(_seeds(name, seeds, known=known))) for name in names]
    if jobs == 1:
        for number, (name, some) in enumerate(wanted, 1):
            yield hunt(BUGS[name], some)
            told(number / len(wanted))
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("forkserver")) as pool:
        for number, hunted in enumerate(pool.map(_hunt, *zip(*wanted, strict=True)), 1):
            yield hunted
            told(number / len(wanted))


def _hunt(name: str, seeds: tuple[int, ...]) -> Hunted:
    return hunt(BUGS[name], seeds)


def _seeds(name: str, seeds: int, *, known: bool) -> Iterator[int]:
    at = KNOWN.get(name)
    if at is not None:
        yield at.seed
    if not known or at is None:
        yield from (seed for seed in range(1, seeds + 1) if at is None or seed != at.seed)
