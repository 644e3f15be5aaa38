"""What a run of kills came to, for people and for scripts."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from research.prove.crash import SCHEMA, CrashReport
from research.prove.table import claims, claims_document


def crash_lines(report: CrashReport) -> Iterator[str]:
    """The kills by where they fell, the starts, and every claim."""
    asked, survived, missed = report.asked, report.kills("survived"), report.kills("missed")
    kept = "SQLite" if asked.db is None else "PostgreSQL"
    yield f"{asked.profile}, seed {asked.seed}, faults {asked.faults}, {kept}: {asked.kills} kills, {_rate(report)}"
    yield f"{'killed':<58} {'survived':>12} {'missed':>8}"
    for where in sorted(set(survived) | set(missed)):
        yield f"{where:<58} {survived[where]:>12} {missed[where]:>8}"
    yield f"{'in all':<58} {sum(survived.values()):>12} {sum(missed.values()):>8}"
    orders, fills, merges, redeemed = (report.sum(figure) for figure in ("orders", "fills", "merges", "redeemed"))
    yield f"{orders:,} orders, {fills:,} fills, {merges:,} markets merged, {redeemed:,} redeemed"
    if refused := report.sum("refused"):
        yield f"{refused:,} starts that a fault kept from coming up"
    for what, figure in (("ready after", "ready_s"), ("equal to the venue after", "equal_s")):
        seconds = report.seconds(figure)
        yield f"{what} p50 {quantile(seconds, 0.5):.1f} s, p95 {quantile(seconds, 0.95):.1f} s"
    yield from claims(report.findings)
    yield f"{report.folder}: the sandboxes' logs, the engines' logs and data"
    yield "everything holds" if report.holds else "not everything holds"


def crash_document(report: CrashReport) -> dict[str, Any]:
    """The same for scripts."""
    ready_s, equal_s = report.seconds("ready_s"), report.seconds("equal_s")
    return {
        "schema": SCHEMA,
        "holds": report.holds,
        **asdict(report.asked),
        "took_s": report.took_s,
        "survived": dict(report.kills("survived")),
        "missed": dict(report.kills("missed")),
        "refused_starts": report.sum("refused"),
        "orders": report.sum("orders"),
        "fills": report.sum("fills"),
        "merged_markets": report.sum("merges"),
        "redeemed_markets": report.sum("redeemed"),
        "ready_p50_s": quantile(ready_s, 0.5),
        "ready_p95_s": quantile(ready_s, 0.95),
        "equal_p50_s": quantile(equal_s, 0.5),
        "equal_p95_s": quantile(equal_s, 0.95),
        "folder": str(report.folder),
        **claims_document(report.findings),
    }


def quantile(seconds: Sequence[float], share: float) -> float:
    """Return the value below which a share of all lies; 0 where there is none."""
    ordered = sorted(seconds)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def _rate(report: CrashReport) -> str:
    return f"{report.took_s / report.asked.kills:.1f} s each, {report.asked.at_once} at once"
