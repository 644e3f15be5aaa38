"""What a run of kills came to, for people and for scripts."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from research.prove.crash import SCHEMA, CrashReport
from research.prove.table import claims, claims_document


def crash_lines(report: CrashReport) -> Iterator[str]:
    """The kills by where they fell, the starts, and every claim."""
    asked = report.asked
    kept = "SQLite" if asked.db is None else "PostgreSQL"
    yield f"{asked.profile}, seed {asked.seed}, faults {asked.faults}, {kept}: {asked.kills} kills"
    yield f"{'killed':<58} {'survived':>12} {'missed':>8}"
    for where in sorted(set(report.survived) | set(report.missed)):
        yield f"{where:<58} {report.survived[where]:>12} {report.missed[where]:>8}"
    yield f"{'in all':<58} {sum(report.survived.values()):>12} {sum(report.missed.values()):>8}"
    yield f"{report.orders:,} orders, {report.fills:,} fills, {report.merges:,} markets merged"
    for what, seconds in (("ready after", report.ready_s), ("equal to the venue after", report.equal_s)):
        yield f"{what} p50 {quantile(seconds, 0.5):.1f} s, p95 {quantile(seconds, 0.95):.1f} s"
    yield from claims(report.findings)
    yield f"{report.folder}: the sandbox's log, the engines' log and data"
    yield "everything holds" if report.holds else "not everything holds"


def crash_document(report: CrashReport) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "schema": SCHEMA,
        "holds": report.holds,
        **asdict(report.asked),
        "survived": dict(report.survived),
        "missed": dict(report.missed),
        "orders": report.orders,
        "fills": report.fills,
        "merged_markets": report.merges,
        "ready_p50_s": quantile(report.ready_s, 0.5),
        "ready_p95_s": quantile(report.ready_s, 0.95),
        "equal_p50_s": quantile(report.equal_s, 0.5),
        "equal_p95_s": quantile(report.equal_s, 0.95),
        "folder": str(report.folder),
        **claims_document(report.findings),
    }


def quantile(seconds: Sequence[float], share: float) -> float:
    """Return the value below which a share of all lies; 0 where there is none."""
    ordered = sorted(seconds)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
