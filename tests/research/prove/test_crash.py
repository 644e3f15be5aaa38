"""The crash proof, at its smallest: an engine killed at a few of its points; and what the proof would notice."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from research.prove.crash import CrashReport, prove_crash
from research.prove.crash_claims import check_losses, check_shown
from research.prove.crash_lives import RANDOM, Asked, Came, plan
from research.prove.crash_points import POINTS, arm
from research.prove.crash_table import crash_document, crash_lines
from research.prove.live_journal import Journal
from research.prove.live_venue import VenueAccount
from research.prove.witness import Findings


@pytest.mark.proves("I25", "I26", kind="crash")
@pytest.mark.timeout(400)
def test_an_engine_that_is_killed_a_few_times_knows_all_that_its_venue_knows(tmp_path: Path) -> None:
    report = prove_crash(Asked(kills=2, seed=5, markets_count=3), lambda _: None, tmp_path)
    assert report.findings.cases == []
    assert report.holds
    assert report.kills("survived").total() == 2
    assert report.findings.checked["every fill was counted"] > 0
    assert crash_document(report)["holds"]
    assert list(crash_lines(report))[-1] == "everything holds"


def test_every_point_is_armed_in_turn_and_a_third_as_often_it_is_any_moment() -> None:
    turns = plan(Asked(seed=3))
    first = [next(turns) for _ in range(len(POINTS) + len(POINTS) // 3)]
    assert set(first) == {*POINTS, RANDOM}
    assert first.count(RANDOM) == len(POINTS) // 3
    assert next(plan(Asked(seed=4))) in {*POINTS, RANDOM}


@pytest.mark.parametrize("name", sorted(POINTS))
def test_every_point_is_a_function_of_the_engine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    point = POINTS[name]
    owner: Any = importlib.import_module(point.module)
    *path, attribute = point.function.split(".")
    for part in path:
        owner = getattr(owner, part)
    before = getattr(owner, attribute)
    monkeypatch.setattr(owner, attribute, before)  # puts it back in the end
    arm(name, 1_000)
    assert getattr(owner, attribute) is not before


def shown(**changes: object) -> dict[str, Any]:
    """What an engine that holds nothing shows."""
    market = {"condition_id": "m", "yes_shares": "0", "no_shares": "0"}
    return {"orders_open": 0, "orders_unknown": 0, "killed": None, "markets": [market], **changes}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (shown(), set[str]()),
        (shown(orders_open=1), {"no order stands"}),
        (shown(orders_unknown=1), {"no fate is unknown"}),
        (shown(killed={"reason": "x"}), {"the kill latch is as it was"}),
        (
            shown(markets=[{"condition_id": "m", "yes_shares": "5", "no_shares": "0"}]),
            {"it knows what it holds, to the micro-share"},
        ),
    ],
)
def test_what_an_engine_shows_is_held_against_its_venue(said: dict[str, Any], wrong: set[str]) -> None:
    findings = Findings()
    check_shown(VenueAccount(), said, {}, findings, killed=False)
    assert {claim for claim, times in findings.wrong.items() if times} == wrong


def test_tokens_that_pay_nothing_stay_in_the_wallet_and_are_no_position() -> None:
    venue, findings = VenueAccount(), Findings()
    venue.wallet.tokens["m", 1] = 5
    check_shown(venue, shown(), {"m": 10_000}, findings, killed=False)
    assert not sum(findings.wrong.values())
    check_shown(venue, shown(), {"m": 5_000}, findings, killed=False)
    assert findings.wrong["it knows what it holds, to the micro-share"] == 1


@pytest.mark.parametrize(
    ("note", "holds"), [("-1.25 since 00:00 UTC (realised -1.25, marked 0.00)", True), ("", False)]
)
def test_a_loss_of_the_day_that_was_forgotten_is_noticed(note: str, holds: bool) -> None:
    journal = Journal(positions=[{"realized": -1_250_000, "fees": 0, "rebates": 0}])
    findings = Findings()
    check_losses({"readings": [{"control": "day_loss", "note": note}]}, journal, findings)
    assert bool(sum(findings.wrong.values())) is not holds


def test_a_report_says_the_same_to_people_and_to_scripts() -> None:
    runs = [Came(Path(f"kept/{number}")) for number in range(2)]
    report = CrashReport(Asked(kills=2, at_once=2), Path("kept"), runs, took_s=8.0)
    for number, run in enumerate(runs):
        run.survived["a random moment"] = 1
        run.ready_s.append(1.0 + 2 * number)
        run.findings.hold("no order stands", bool(number), lambda: "1 open")
    document, lines = msgspec.json.decode(msgspec.json.encode(crash_document(report))), list(crash_lines(report))
    assert (document["holds"], document["survived"], document["ready_p95_s"]) == (False, {"a random moment": 2}, 3.0)
    assert "  no order stands: 1 open" in lines
    assert lines[0].endswith("2 kills, 4.0 s each, 2 at once")
    assert lines[-1] == "not everything holds"
