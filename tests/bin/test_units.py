"""The units for systemd are what its own tools find right and tight, and agree with what the program does."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bin.shutdown import WHOLE_S
from surfaces.cli.errors import Exit
from tests.bin.processes import ROOT

UNITS = ROOT / "deploy" / "systemd"
_ANALYZE = shutil.which("systemd-analyze")
_needs_systemd = pytest.mark.skipif(
    _ANALYZE is None, reason="the units are judged by `systemd-analyze` (Debian: systemd), which is not installed"
)
EXPOSURE_MAX = 1.5


def settings(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (UNITS / unit).read_text(encoding="utf-8").splitlines():
        name, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def analyzed(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert _ANALYZE is not None
    return subprocess.run([_ANALYZE, *arguments], capture_output=True, text=True, timeout=60, check=False)


@_needs_systemd
def test_the_units_are_verified(tmp_path: Path) -> None:
    for unit in UNITS.iterdir():
        text = unit.read_text(encoding="utf-8").replace("/opt/keel/.venv/bin/keel", sys.executable)
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    found = analyzed("verify", str(tmp_path / "keel.service"))
    assert (found.returncode, found.stderr) == (0, "")


@_needs_systemd
@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.iterdir()))
def test_hardly_anything_is_exposed(unit: str) -> None:
    found = analyzed("security", "--offline=yes", str(UNITS / unit))
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", found.stdout)
    assert exposure is not None, found.stderr
    assert float(exposure[1]) <= EXPOSURE_MAX


def test_what_starting_again_would_not_mend_is_not_started_again() -> None:
    codes = {int(code) for code in settings("keel.service")["RestartPreventExitStatus"][0].split()}
    assert codes == {Exit.USAGE, Exit.CONFIGURATION, Exit.REFUSED, Exit.LOCKED}


def test_it_has_more_time_to_end_than_it_takes_and_is_asked_before_it_is_killed() -> None:
    unit = settings("keel.service")
    assert int(unit["TimeoutStopSec"][0]) > WHOLE_S
    assert (unit["Type"], unit["KillSignal"], unit["KillMode"]) == (["notify"], ["SIGTERM"], ["mixed"])
    assert int(unit["WatchdogSec"][0]) == 15
    assert "kill -HUP" in unit["ExecReload"][0]


def test_the_command_is_one_that_there_is() -> None:
    flags = re.findall(r" (--[a-z-]+)", settings("keel.service")["ExecStart"][0])
    shown = subprocess.run(
        [sys.executable, "-m", "bin.main", "run", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert flags
    assert [flag for flag in flags if flag not in shown] == []
