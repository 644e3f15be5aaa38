"""The live proof, at its smallest: a real engine on a real sandbox, killed once, and both books compared."""

from pathlib import Path

import pytest

from research.prove.live import Asked, prove_live
from research.prove.table import live_document, live_lines


@pytest.mark.timeout(300)
def test_a_small_run_with_a_kill_holds(tmp_path: Path) -> None:
    told: list[float] = []
    asked = Asked(minutes=0.2, faults="none", seed=3, markets_count=3, kills=1)
    report = prove_live(asked, told.append, tmp_path)
    assert report.findings.cases == []
    assert report.holds
    assert (report.killed, report.starts) == (1, 2)
    assert told == sorted(told)
    assert min(report.findings.checked.values()) > 0
    document, lines = live_document(report), list(live_lines(report))
    assert document["holds"]
    assert document["fills"] == report.fills > 0
    assert lines[-1] == "none: everything holds"
