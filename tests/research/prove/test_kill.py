"""The proof of kills, at its smallest: the keys of a real terminal stop a real engine, and the report says so."""

from pathlib import Path

import pytest

from research.prove.kill import RAISERS, Asked, KillReport, Try, prove_kill
from research.prove.table import kill_document, kill_lines


@pytest.mark.timeout(240)
def test_k_twice_in_a_terminal_kills_for_good_until_a_person_clears_it(tmp_path: Path) -> None:
    told: list[float] = []
    report = prove_kill(Asked(1, ("monitor",), orders_per_s=2, markets=4, seed=3), told.append, tmp_path)
    assert report.findings.cases == []
    assert report.holds
    assert report.findings.checked["no order after the kill"] == 1
    assert told == [0.0]
    assert (tmp_path / "0-monitor" / "arb.db").exists()


def test_a_report_says_the_same_to_people_and_to_scripts() -> None:
    report = KillReport(Asked(), Path("kept"), [Try("signal", 240, 221, 3, 12.4, 0.31)])
    report.findings.hold("no order after the kill", False, lambda: "0-signal: 3, the last after 12 ms")
    document, lines = kill_document(report), list(kill_lines(report))
    assert not document["holds"]
    assert document["raisers"] == RAISERS
    assert document["kills"] == [
        {"raiser": "signal", "most_per_s": 240, "last_per_s": 221, "after": 3, "last_ms": 12.4, "empty_s": 0.31}
    ]
    assert lines[1].split() == ["signal", "240", "221", "3", "12", "ms", "0.31", "s"]
    assert lines[-1] == "1 kills: not everything holds"
