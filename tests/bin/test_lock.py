"""One engine per data folder, over processes and crashes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bin.lock import only_engine, only_engine_of
from surfaces.cli.errors import CommandError, Exit
from tests.bin.processes import ROOT, until

_HOLD = """
import sys, time
from pathlib import Path
from bin.lock import only_engine
with only_engine(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.proves("I24", kind="unit")
def test_a_second_engine_is_refused_with_the_pid_of_the_first_until_it_has_ended(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLD, tmp_path], cwd=ROOT, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(CommandError, match=f"PID {first.pid} on ") as raised, only_engine(tmp_path):
            pass
        assert raised.value.exit_code == Exit.LOCKED == 73
        assert str(tmp_path) in raised.value.hint
        first.send_signal(signal.SIGKILL)
    with only_engine(tmp_path):
        pid = (tmp_path / "run" / "engine.pid").read_text(encoding="utf-8")
        assert pid.startswith(f"{os.getpid()} on ")
    assert not (tmp_path / "run" / "engine.pid").exists()


@pytest.mark.proves("I24", kind="unit")
def test_a_second_engine_on_a_wallet_is_refused_whatever_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with only_engine_of("0xAB", "https://venue"):
        again = only_engine_of("0xab", "https://venue")
        with pytest.raises(CommandError, match=f"the wallet 0xab: PID {os.getpid()} on ") as raised, again:
            pass
        assert raised.value.exit_code == Exit.LOCKED
        with only_engine_of("0xab", "http://127.0.0.1:1"), only_engine_of("0xcd", "https://venue"):
            pass
    with only_engine_of("0xab", "https://venue"):
        pass


def test_the_folder_is_made_and_its_inside_is_ours_alone(tmp_path: Path) -> None:
    with only_engine(tmp_path / "new" / "data"):
        assert (tmp_path / "new" / "data" / "run").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_a_failure_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    with pytest.raises(CommandError, match="cannot be locked") as raised, only_engine(tmp_path / "data"):
        pass
    assert raised.value.exit_code == Exit.FAILURE


def test_what_goes_wrong_inside_lets_the_folder_go(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), only_engine(tmp_path):
        raise ZeroDivisionError
    until(lambda: not (tmp_path / "run" / "engine.pid").exists(), "the note is gone")
    with only_engine(tmp_path):
        pass
