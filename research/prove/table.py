"""How a proof is written down: a table for people, a document for scripts."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from research.prove import kill, live
from research.prove.kill import KillReport
from research.prove.live import LiveReport
from research.prove.venue import SCHEMA, Report
from research.prove.witness import Findings


def lines(report: Report) -> Iterator[str]:
    """The table."""
    yield f"{report.profile}, {report.hours:g} virtual hours, seed {report.seed}: {report.frames:,} frames"
    refused = sum(report.refused.values())
    yield f"{report.orders:,} orders of accounts were taken, {refused:,} were refused"
    yield from claims(report.findings)
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
        **claims_document(report.findings),
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


def live_lines(report: LiveReport) -> Iterator[str]:
    """The table of a live run."""
    asked = report.asked
    yield f"{asked.profile}, {report.minutes:.1f} sandbox minutes, faults {asked.faults}, seed {asked.seed}"
    yield (
        f"{report.orders:,} orders, {report.refused:,} refused, {report.fills:,} fills, {report.voided:,} voided, "
        f"{report.merges:,} merges; {report.starts} starts, {report.killed} kills; "
        f"at most {report.longest_pause_s:.0f} s without an order; {'flat' if report.flat else 'not flat'} at the end"
    )
    if report.faults:
        yield f"{'fault':<58} {'thrown':>12} {'effects':>8}"
        for name, fault in sorted(report.faults.items()):
            yield f"{name:<58} {fault.thrown:>12,} {fault.effects:>8,}"
    yield from claims(report.findings)
    yield f"{report.folder}: the sandbox's log, the engine's log and data"
    yield f"{asked.faults}: {'everything holds' if report.holds else 'not everything holds'}"


def live_document(report: LiveReport) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "schema": live.SCHEMA,
        "holds": report.holds,
        **asdict(report.asked),
        "minutes": report.minutes,
        "starts": report.starts,
        "killed": report.killed,
        "orders": report.orders,
        "refused": report.refused,
        "fills": report.fills,
        "voided": report.voided,
        "merges": report.merges,
        "flat": report.flat,
        "longest_pause_s": report.longest_pause_s,
        "states": dict(report.states),
        "switches": {name: asdict(fault) for name, fault in report.faults.items()},
        "folder": str(report.folder),
        **claims_document(report.findings),
    }


def kill_lines(report: KillReport) -> Iterator[str]:
    """The tries, one a line, and every claim."""
    yield f"{'raised by':<12} {'orders/s':>9} {'at the end':>11} {'after it':>9} {'last after':>12} {'empty after':>12}"
    for tried in report.tries:
        yield (
            f"{tried.raiser:<12} {tried.most_per_s:>9} {tried.last_per_s:>11} {tried.after:>9} "
            f"{tried.last_ms:>9.0f} ms {tried.empty_s:>10.2f} s"
        )
    yield from claims(report.findings)
    yield f"{report.folder}: the engines' logs and data"
    yield f"{len(report.tries)} kills: {'everything holds' if report.holds else 'not everything holds'}"


def kill_document(report: KillReport) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "schema": kill.SCHEMA,
        "holds": report.holds,
        **asdict(report.asked),
        "kills": [asdict(tried) for tried in report.tries],
        "folder": str(report.folder),
        **claims_document(report.findings),
    }


def claims(findings: Findings) -> Iterator[str]:
    """Every claim, how often it was checked and did not hold, and the cases."""
    yield f"{'claim':<58} {'checked':>12} {'wrong':>8}"
    for claim, checked in sorted(findings.checked.items()):
        yield f"{claim:<58} {checked:>12,} {findings.wrong[claim]:>8,}"
    for case in findings.cases:
        yield f"  {case[:400]}"


def claims_document(findings: Findings) -> dict[str, Any]:
    """The same for scripts."""
    checked = [
        {"claim": claim, "checked": times, "wrong": findings.wrong[claim]}
        for claim, times in sorted(findings.checked.items())
    ]
    return {"claims": checked, "cases": findings.cases}


def _said(holds: bool) -> str:
    return "ok" if holds else "miss"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
