"""The live proof, at its smallest: a real engine on a real sandbox, killed, ended early, and both books compared.

The account is one whose pairs nothing merges: its flatten has nothing on chain to wait for.
"""

from pathlib import Path

import pytest

from research.prove.live import Asked, prove_live
from research.prove.table import live_document, live_lines


@pytest.mark.timeout(300)
def test_a_small_run_that_is_killed_once_and_interrupted_holds(tmp_path: Path) -> None:
    told: list[float] = []

    def tell(share: float) -> None:
        told.append(share)
        if share > 0.92:
            raise KeyboardInterrupt

    report = prove_live(Asked(0.25, "none", seed=3, markets_count=4, kills=1, account=0), tell, tmp_path)
    assert report.findings.cases == []
    assert report.holds
    assert (report.killed, report.starts) == (1, 2)
    assert told == sorted(told)
    assert report.fills > 0
    document, lines = live_document(report), list(live_lines(report))
    assert document["holds"]
    assert document["fills"] == report.fills
    assert lines[-1] == "none: everything holds"
