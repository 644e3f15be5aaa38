"""Seeds, one after the other or in several processes, and what came of them."""

import os
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Final

from actors.venues.secret import known_for_a_while
from research.prove.sim.claims import Claims
from research.prove.sim.contract import Violation
from research.prove.sim.plan import BEGIN_NS, EnoughSteps, draw
from research.prove.sim.slice import lines_of
from research.prove.sim.world import World

Planted = Callable[[], AbstractContextManager[object]]
"""Makes production code wrong for as long as it is entered."""

_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """What did not hold: an invariant, or (`run`) that the run could be carried out at all."""

    invariant: str
    text: str
    step: int
    slice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one seed."""

    seed: int
    kind: str
    steps: int
    virtual_ns: int
    processor_s: float
    faults: Counter[str] = field(default_factory=Counter[str])
    """Effects of the exchange's faults, by switch; and what the plan itself did: crashes, deaths, disk, stalls."""
    crashes: int = 0
    requests: int = 0
    fills: int = 0
    checks: Counter[str] = field(default_factory=Counter[str])
    found: Found | None = None
    digest: str = ""
    newest: tuple[str, ...] = ()
    """The last events, where the run ended at a step that was asked for."""


def run_seed(seed: int, *, planted: Planted | None = None, until: int | None = None, digests: bool = False) -> Outcome:
    """Run one seed. `until`: no further than this step. `digests`: with the SHA-256 of all that happens."""
    plan, claims = draw(seed), Claims()
    began_s = time.process_time()
    found: Found | None = None
    enough = False
    with known_for_a_while(), (planted or nullcontext)():
        world = World(plan, claims, until=until, digests=digests)
        try:
            world.run()
        except EnoughSteps:
            enough = True
        except Violation as violation:
            # Of a planted bug nobody asks how it came about.
            some = claims.slice if planted is None else ()
            found = Found(violation.invariant, violation.text, violation.step, some)
        except Exception:  # noqa: BLE001 - whatever it is, it is this seed's result
            found = Found("run", traceback.format_exc(), world.step)
    return Outcome(
        seed=seed,
        kind=plan.kind,
        steps=min(world.step, until) if enough and until is not None else world.step,
        virtual_ns=world.now_ns - BEGIN_NS,
        processor_s=time.process_time() - began_s,
        faults=world.faults,
        crashes=world.crashes,
        requests=world.requests,
        fills=world.fills,
        checks=Counter(claims.checks),
        found=found,
        digest=world.digest,
        newest=tuple(lines_of(world.newest)) if enough else (),
    )


@dataclass(slots=True)
class Report:
    """What came of many seeds."""

    first: int
    seeds: int = 0
    is_interrupted: bool = False
    """Whether somebody has ended it before it was through."""
    elapsed_s: float = 0.0
    processor_s: float = 0.0
    jobs: int = 1
    steps: int = 0
    virtual_ns: int = 0
    crashes: int = 0
    requests: int = 0
    fills: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    checks: Counter[str] = field(default_factory=Counter[str])
    found: list[tuple[int, Found]] = field(default_factory=list[tuple[int, Found]])

    @property
    def holds(self) -> bool:
        """Whether nothing was found, in all that was asked for."""
        return not self.found and not self.is_interrupted

    @property
    def seeds_per_s(self) -> float:
        """How many seeds a second of the clock, all processes together."""
        return self.seeds / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def virtual_hours(self) -> float:
        """How much time the engines have lived."""
        return self.virtual_ns / 3_600 / _S

    def add(self, outcome: Outcome) -> None:
        """Count a seed in."""
        self.seeds += 1
        self.processor_s += outcome.processor_s
        self.steps += outcome.steps
        self.virtual_ns += outcome.virtual_ns
        self.crashes += outcome.crashes
        self.requests += outcome.requests
        self.fills += outcome.fills
        self.kinds[outcome.kind] += 1
        self.faults += outcome.faults
        self.checks += outcome.checks
        if outcome.found is not None:
            self.found.append((outcome.seed, outcome.found))


def prove_sim(
    first: int,
    seeds: int,
    jobs: int | None = None,
    told: Callable[[float], object] = lambda _: None,
    found: Callable[[int, Found], object] = lambda *_: None,
) -> Report:
    """Run `seeds` seeds from `first` on in `jobs` processes (default: one for each core).

    `told` hears the share that is done, `found` what a seed has broken, at once. Ctrl-C ends it with what there is.
    """
    jobs = min(jobs or os.cpu_count() or 1, seeds)
    report, began_s = Report(first, jobs=jobs), time.monotonic()
    try:
        for outcome in _outcomes(range(first, first + seeds), jobs):
            report.add(outcome)
            if outcome.found is not None:
                found(outcome.seed, outcome.found)
            told(report.seeds / seeds)
    except KeyboardInterrupt:
        report.is_interrupted = True
    report.elapsed_s = time.monotonic() - began_s
    report.found.sort(key=lambda one: one[0])
    return report


def _outcomes(seeds: range, jobs: int) -> Iterable[Outcome]:
    if jobs == 1:
        yield from map(run_seed, seeds)
        return
    # Processes of their own from the start: a fork in the midst of threads may inherit a lock that nobody gives back.
    with ProcessPoolExecutor(jobs, get_context("forkserver"), _leave_interrupts_to_the_parent) as pool:
        asked = [pool.submit(run_seed, seed) for seed in seeds]
        try:
            yield from (ended.result() for ended in as_completed(asked))
        finally:
            for one in asked:
                one.cancel()


def _leave_interrupts_to_the_parent() -> None:
    """Finish the seed: a terminal sends Ctrl-C to all processes, and the parent ends the run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
