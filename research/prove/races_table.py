"""What a run of races came to, for people and for scripts."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from research.prove.races import SCHEMA, RaceReport
from research.prove.table import claims, claims_document


def race_lines(report: RaceReport) -> Iterator[str]:
    """The races, what they counted, and every claim."""
    yield f"{'race':<58} {'tries':>12} {'ms each':>8}"
    for name, tries in report.tries.items():
        yield f"{name:<58} {tries:>12,} {1_000 * report.took_s.get(name, 0.0) / tries:>8.1f}"
    yield f"{'in all':<58} {report.tries.total():>12,} {sum(report.took_s.values()):>6.1f} s"
    for figure, times in sorted(report.figures.items()):
        yield f"{figure:<58} {times:>12,}"
    yield from claims(report.findings)
    yield "everything holds" if report.holds else "not everything holds"


def race_document(report: RaceReport) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "schema": SCHEMA,
        "holds": report.holds,
        **asdict(report.asked),
        "races": {
            name: {"tries": tries, "took_s": report.took_s.get(name, 0.0)} for name, tries in report.tries.items()
        },
        "figures": dict(report.figures),
        **claims_document(report.findings),
    }
