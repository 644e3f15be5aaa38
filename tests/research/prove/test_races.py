"""The races at their smallest, and gates that would lose them."""

import time
from pathlib import Path
from threading import Timer

import msgspec
import pytest

from actors.gate import Gate, Kills
from actors.runtime.clock import SystemClock
from models.messages.control import TradingStateChanged
from research.prove.commands import races as command
from research.prove.races import RACES, Asked, RaceReport, production, prove_races
from research.prove.races_orders import Made
from research.prove.races_table import race_document, race_lines


class LateGate(Gate):
    """Kills as a message does: when somebody comes to it."""

    def kill(self, reason: str, who: str = "") -> None:
        Timer(0.002, super().kill, (reason, who)).start()


class DeafGate(Gate):
    """Hears of a state after it was said."""

    def _hear_state(self, changed: TradingStateChanged) -> None:
        Timer(0.002, super()._hear_state, (changed,)).start()


class LenientGate(Gate):
    """Lifts whatever stands when it comes to it, which it does once more has been said than its caller knows of."""

    def clear(self, known: Kills | None = None) -> bool:
        begun_s = time.monotonic()
        while self.kills() == known and time.monotonic() < begun_s + 0.02:
            time.sleep(0.001)
        return super().clear()


def of(kind: type[Gate]) -> Made:
    return lambda latch: kind(latch, SystemClock())


@pytest.mark.proves("I9", "I24", "I32", "I33", kind="race")
def test_every_race_is_won_a_few_times() -> None:
    told: list[float] = []
    report = prove_races(Asked(tries=80), told.append)
    assert report.findings.cases == []
    assert report.holds
    assert set(report.tries) == set(RACES)
    assert sum(report.tries.values()) >= 76
    assert report.figures["in the midst of orders"] > 10
    assert report.figures["restarts"] > 0
    assert told[-1] < 1.0


@pytest.mark.parametrize(
    ("kind", "race", "tries", "claim"),
    [
        (LateGate, "kill", 40, "no order left when the gate was closed to it"),
        (DeafGate, "change", 40, "no order left when the gate was closed to it"),
        (LenientGate, "clear", 40, "a kill that was said during a lift stands"),
    ],
)
def test_a_gate_that_is_late_or_deaf_or_lenient_is_found(kind: type[Gate], race: str, tries: int, claim: str) -> None:
    report = prove_races(Asked(tries, only=race), lambda _: None, of(kind))
    assert report.findings.wrong[claim] > 0
    assert f"bin/prove races --only {race} --seed" in report.findings.cases[0]


def test_a_seed_decides_what_is_raced_and_the_command_of_a_lost_race_runs_that_seed_again(tmp_path: Path) -> None:
    report = prove_races(Asked(tries=1, seed=7, only="stop", again=5), lambda _: None)
    assert report.tries == {"stop": 5}
    assert production(tmp_path / "KILL").killed is None


def test_a_report_says_the_same_to_people_and_to_scripts() -> None:
    report = RaceReport(Asked(2))
    report.tries["kill"], report.took_s["kill"] = 2, 0.5
    report.figures["orders"] = 12
    report.findings.hold("no lane hangs", False, lambda: "kill, seed 3")
    document, lines = msgspec.json.decode(msgspec.json.encode(race_document(report))), list(race_lines(report))
    assert (document["holds"], document["races"]["kill"]["tries"]) == (False, 2)
    assert lines[1].split() == ["kill", "2", "250.0"]
    assert "  kill, seed 3" in [line.replace("no lane hangs: ", "") for line in lines]
    assert lines[-1] == "not everything holds"


def test_the_command_knows_its_races_and_refuses_others(capsys: pytest.CaptureFixture[str]) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args(["--tries", "2", "--only", "overflow"])) == 0
    assert "everything holds" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        parser.parse_args(["--only", "horses"])
    assert "give-up" in capsys.readouterr().err
