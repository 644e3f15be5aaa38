"""What came of a proof by simulation, for people and for programs."""

from collections.abc import Iterator
from typing import Any, Final

from research.prove.sim.run import Found, Outcome, Report

SCHEMA: Final = "keel.sim/1"
_FIRST_LINES: Final = 5
"""Seeds that are shown whole; of the others one line."""


def command_of(seed: int, step: int) -> str:
    """Return the command that shows a violation again."""
    return f"bin/prove sim --seed {seed} --until {step}"


def lines(report: Report) -> Iterator[str]:
    """Write a report."""
    yield f"seeds           {report.seeds} from {report.first} ({', '.join(_counted(report.kinds))})"
    each_s = report.processor_s / max(report.seeds, 1)
    yield f"seeds a second  {report.seeds_per_s:.2f} in {report.jobs} processes; {each_s:.2f} s of processor each"
    yield f"virtual hours   {report.virtual_hours:.2f}"
    yield f"steps           {report.steps}"
    yield f"requests        {report.requests}"
    yield f"fills           {report.fills}"
    yield f"crashes         {report.crashes} survived" if not report.found else f"crashes         {report.crashes}"
    yield f"faults          {sum(report.faults.values())}: {', '.join(_counted(report.faults))}"
    yield f"checks          {sum(report.checks.values())}"
    for name, count in sorted(report.checks.items(), key=lambda one: (len(one[0]), one[0])):
        yield f"  {name:<12}  {count}"
    for number, (seed, found) in enumerate(report.found):
        yield ""
        yield from found_lines(seed, found, whole=number < _FIRST_LINES)
    if report.found:
        yield f"{len(report.found)} of {report.seeds} seeds found something"
    if report.is_interrupted:
        yield f"interrupted after {report.seeds} seeds: these are not all that were asked for"


def found_lines(seed: int, found: Found, *, whole: bool = True) -> Iterator[str]:
    """Write what was found at a seed: what, how to see it again, and the smallest slice of events that shows it."""
    yield f"seed {seed} breaks {found.invariant} at step {found.step}: {found.text}"
    yield f"  again: {command_of(seed, found.step)}"
    if whole:
        yield from (f"  {line}" for line in found.slice)


def outcome_lines(outcome: Outcome, until: int | None) -> Iterator[str]:
    """Write what came of one seed."""
    if outcome.found is not None:
        yield from found_lines(outcome.seed, outcome.found)
        return
    if until is not None and outcome.newest:
        yield from outcome.newest
        yield f"seed {outcome.seed}: nothing is broken up to step {outcome.steps}"
        return
    if until is not None:
        yield f"seed {outcome.seed} has {outcome.steps} steps; nothing is broken in any"
    yield f"seed {outcome.seed} ({outcome.kind}): {outcome.steps} steps, {outcome.virtual_ns / 1e9:.0f} virtual s"


def document(report: Report) -> dict[str, Any]:
    """Return a report as a program reads it."""
    return {
        "schema": SCHEMA,
        "holds": report.holds,
        "interrupted": report.is_interrupted,
        "first": report.first,
        "seeds": report.seeds,
        "kinds": dict(report.kinds),
        "jobs": report.jobs,
        "elapsed_s": round(report.elapsed_s, 3),
        "processor_s": round(report.processor_s, 3),
        "seeds_per_s": round(report.seeds_per_s, 3),
        "virtual_hours": round(report.virtual_hours, 4),
        "steps": report.steps,
        "requests": report.requests,
        "fills": report.fills,
        "crashes": report.crashes,
        "faults": dict(sorted(report.faults.items())),
        "checks": dict(sorted(report.checks.items())),
        "found": [
            {
                "seed": seed,
                "invariant": found.invariant,
                "text": found.text,
                "step": found.step,
                "command": command_of(seed, found.step),
                "slice": found.slice,
            }
            for seed, found in report.found
        ],
    }


def _counted(counts: dict[str, int]) -> Iterator[str]:
    return (f"{name} {count}" for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])))
