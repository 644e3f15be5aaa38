"""`bin/test` runs what failed among many once more, alone: what a throw-away folder of tests shows of it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

STEADY = "def test_steady(): pass\n"
UNSTEADY = """
from pathlib import Path

def test_unsteady():
    marker = Path(__file__).with_name("was here")
    was_here = marker.exists()
    marker.touch()
    assert was_here
"""
WRONG = "def test_wrong(): assert not 'right'\n"


def outcome_of(folder: Path, *tests: str) -> tuple[int, list[str]]:
    """Write tests, run them as bin/test does, and return the exit code and the lines that were printed."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_these.py").write_text("".join(tests))
    done = subprocess.run(
        [sys.executable, "-m", "tests.twice"], cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines()


def test_what_fails_and_passes_alone_is_named_and_fails_nothing(tmp_path: Path) -> None:
    status, lines = outcome_of(tmp_path, STEADY, UNSTEADY)
    assert status == 0
    assert lines[-2] == "UNSTEADY test_these.py::test_unsteady: passed alone"
    assert lines[-1].startswith("2 passed in ")
    assert lines[-1].endswith("(1 unsteady)")


def test_what_fails_twice_fails_and_the_sum_of_all_closes_the_output(tmp_path: Path) -> None:
    status, lines = outcome_of(tmp_path, STEADY, UNSTEADY, WRONG)
    assert status == 1
    assert lines[-2] == "FAILED test_these.py::test_wrong: failed alone as well"
    assert lines[-1].startswith("1 failed, 2 passed in ")


def test_many_failures_are_no_accident_and_are_not_run_again(tmp_path: Path) -> None:
    many = [WRONG.replace("wrong", f"wrong_{number}") for number in range(9)]
    status, lines = outcome_of(tmp_path, STEADY, *many)
    assert status == 1
    assert not any("once more" in line for line in lines)
    assert lines[-1].startswith("9 failed, 1 passed in ")


def test_what_cannot_be_asked_is_pytests_to_answer(tmp_path: Path) -> None:
    status, lines = outcome_of(tmp_path)
    assert status == 5
    assert lines[-1].startswith("no tests ran in ")
