"""A live engine in virtual time: the same every time, true to what is planted, and shown again by its command."""

import json
import os
import re
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from research.prove.__main__ import main
from research.prove.sim.dues import Due
from research.prove.sim.plan import BEGIN_NS, Plan, draw
from research.prove.sim.run import run_seed
from research.prove.sim.turns import S
from research.prove.zoo.bugs import BUGS

ROOT = Path(__file__).parents[3]
SEED = 23
"""Of a short world with a crash in it."""
STEPS = 3_000

DIGEST = f"""
from research.prove.sim.run import run_seed
print(run_seed({SEED}, until={STEPS}, digests=True).digest)
"""


def test_a_seed_gives_the_same_events_in_every_process() -> None:
    here = run_seed(SEED, until=STEPS, digests=True)
    environment = {**os.environ, "PYTHONHASHSEED": "99"}
    there = subprocess.run(
        [sys.executable, "-P", "-c", DIGEST], capture_output=True, text=True, env=environment, cwd=ROOT, check=True
    )
    assert here.steps == STEPS
    assert there.stdout.strip() == here.digest


def test_what_two_seeds_do_differs() -> None:
    digests = {run_seed(seed, until=500, digests=True).digest for seed in (1, 2, 3)}
    assert len(digests) == 3


@pytest.mark.proves("I31", kind="simulation")
def test_a_seed_breaks_no_invariant(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["sim", "--seed", str(SEED), "--seeds", "1", "--json"]) == 0
    said = json.loads(capsysbinary.readouterr().out)
    assert (said["schema"], said["holds"], said["seeds"], said["found"]) == ("keel.sim/1", True, 1, [])
    assert said["virtual_hours"] > 0.05
    assert said["crashes"] >= 1
    assert said["requests"] > 100
    assert len(said["checks"]) > 15


def test_an_engine_that_has_lost_its_database_sends_nothing_and_is_started_anew() -> None:
    lost = Due(BEGIN_NS + 4 * S, "lease", {"told": False, "for_ns": S})
    plan = replace(draw(259), dues=(lost,), heal_ns=BEGIN_NS + 20 * S)
    with patch("research.prove.sim.run.draw", lambda _: plan):
        outcome = run_seed(259, until=STEPS)
    assert outcome.found is None
    assert (outcome.faults["(lease)"], outcome.crashes) == (1, 1)
    assert outcome.checks["I24"] > 0


def test_troubles_that_last_come_beside_those_that_a_seed_had_without_them() -> None:
    with patch("research.prove.sim.plan.episodes", lambda *_, **__: []):
        before = [draw(seed) for seed in range(1, 40)]
    after = [draw(seed) for seed in range(1, 40)]
    for new, old in zip(after, before, strict=True):
        assert [due for due in new.dues if due in old.dues] == list(old.dues)
        assert replace(new, dues=()) == replace(old, dues=())
    assert any(len(new.dues) > len(old.dues) for new, old in zip(after, before, strict=True))


def test_a_step_beyond_the_last_says_how_many_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with patch("research.prove.sim.run.draw", _quiet):
        assert main(["sim", "--seed", "1", "--until", "99999999"]) == 0
    assert re.match(r"seed 1 has [1-9]\d{3,} steps; nothing is broken in any\n", capsys.readouterr().out)


def test_a_step_within_shows_what_happened_up_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--seed", str(SEED), "--until", "600"]) == 0
    said = capsys.readouterr().out
    assert "nothing is broken up to step 600" in said
    assert "    600 " in said


def test_many_seeds_end_at_no_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--seeds", "2", "--until", "5"]) == 2
    assert "--until" in capsys.readouterr().err


def test_a_run_that_is_interrupted_shows_what_it_has_and_does_not_hold(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with patch("research.prove.commands.sim.bar", return_value=nullcontext(interrupted)):
        assert main(["sim", "--seed", str(SEED), "--seeds", "400", "--jobs", "2", "--json"]) == 130
    said = json.loads(capsysbinary.readouterr().out)
    assert (said["holds"], said["interrupted"], said["seeds"], said["found"]) == (False, True, 1, [])
    assert said["requests"] > 100


def test_what_is_broken_is_shown_with_the_command_that_shows_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    bug = BUGS["journal_after_send"]
    found = run_seed(SEED, planted=bug.planted).found
    assert found is not None
    with bug.planted():
        assert main(["sim", "--seed", str(SEED), "--until", str(found.step)]) == 1
        said = capsys.readouterr().out
        assert f"seed {SEED} breaks {found.invariant} at step {found.step}" in said
        assert f"bin/prove sim --seed {SEED} --until {found.step}" in said
        assert f"{found.step:>7} " in said
        assert main(["sim", "--seed", str(SEED), "--until", str(found.step - 1)]) == 0


def _quiet(seed: int) -> Plan:
    """A world in which little happens, and not for long."""
    return replace(draw(seed), profile="adverse", markets=1, dues=(), heal_ns=BEGIN_NS + 10 * S)
