"""The live proof, at its smallest: a real engine on a real sandbox, killed, ended early, and both books compared.

The account is one whose pairs nothing merges: its flatten has nothing on chain to wait for.
"""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from research.prove.live import Asked, LiveReport, prove_live
from research.prove.live_venue import Fault
from research.prove.table import live_document, live_lines


@pytest.mark.timeout(300)
def test_a_small_run_that_is_killed_once_and_interrupted_holds(tmp_path: Path) -> None:
    told: list[float] = []

    def tell(share: float) -> None:
        told.append(share)
        if share > 0.92:
            raise KeyboardInterrupt

    report = prove_live(Asked(0.25, "none", seed=3, markets_count=3, kills=1, account=0), tell, tmp_path)
    assert report.findings.cases == []
    assert report.holds
    assert (report.killed, report.starts) == (1, 2)
    assert told == sorted(told)
    assert report.fills > 0
    document, lines = live_document(report), list(live_lines(report))
    assert document["holds"]
    assert document["fills"] == report.fills
    assert lines[-1] == "none: everything holds"


def test_a_report_says_the_same_to_people_and_to_scripts() -> None:
    report = LiveReport(Asked(2, "mixed", seed=7), Path("kept"), minutes=1.5, fills=3)
    report.states, report.faults = Counter(HEDGE=4), {"race": Fault(2, 5)}
    report.findings.hold("positions to the micro-share", False, lambda: "market: 1, by the wallet 2")
    document, lines = msgspec.json.decode(msgspec.json.encode(live_document(report))), list(live_lines(report))
    assert (document["holds"], document["minutes"], document["faults"], document["fills"]) == (False, 1.5, "mixed", 3)
    assert (document["states"], document["switches"]) == ({"HEDGE": 4}, {"race": {"thrown": 2, "effects": 5}})
    assert document["claims"] == [{"claim": "positions to the micro-share", "checked": 1, "wrong": 1}]
    assert lines[0] == "demo, 1.5 sandbox minutes, faults mixed, seed 7"
    assert "  positions to the micro-share: market: 1, by the wallet 2" in lines
    assert lines[-1] == "mixed: not everything holds"
