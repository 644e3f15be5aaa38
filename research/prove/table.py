"""How a proof is written down: a table for people, a document for scripts."""

from collections.abc import Iterator
from typing import Any

from research.prove.venue import SCHEMA, Report


def lines(report: Report) -> Iterator[str]:
    """The table."""
    yield f"{report.profile}, {report.hours:g} virtual hours, seed {report.seed}: {report.frames:,} frames"
    refused = sum(report.refused.values())
    yield f"{report.orders:,} orders of accounts were taken, {refused:,} were refused"
    yield f"{'claim':<58} {'checked':>12} {'wrong':>8}"
    for claim, checked in sorted(report.findings.checked.items()):
        yield f"{claim:<58} {checked:>12,} {report.findings.wrong[claim]:>8,}"
    for case in report.findings.cases:
        yield f"  {case[:400]}"
    if report.verdicts:
        yield f"{'measure':<44} {'recorded':>12} {'here':>12}   {'range':<24}"
    for one in report.verdicts:
        wanted = f"{_number(one.low)} .. {_number(one.high)}"
        yield f"{one.measure:<44} {one.measured:>12} {_number(one.value):>12}   {wanted:<24} {_said(one.holds)}"
    yield f"{report.profile}: {'everything holds' if report.holds else 'not everything holds'}"


def document(report: Report) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "schema": SCHEMA,
        "profile": report.profile,
        "seed": report.seed,
        "hours": report.hours,
        "frames": report.frames,
        "orders": report.orders,
        "refused": report.refused,
        "holds": report.holds,
        "claims": [
            {"claim": claim, "checked": checked, "wrong": report.findings.wrong[claim]}
            for claim, checked in sorted(report.findings.checked.items())
        ],
        "cases": report.findings.cases,
        "measures": [
            {
                "measure": v.measure,
                "recorded": v.measured,
                "value": v.value,
                "low": v.low,
                "high": v.high,
                "ok": v.holds,
            }
            for v in report.verdicts
        ],
    }


def _said(holds: bool) -> str:
    return "ok" if holds else "miss"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
