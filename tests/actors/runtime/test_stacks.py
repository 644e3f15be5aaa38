"""The stacks of a process that is ended go to a file that is its user's alone."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actors.runtime.stacks import keep_stacks
from tests.bin.processes import ROOT

_BEGIN = "from pathlib import Path; from actors.runtime.stacks import keep_stacks; keep_stacks(Path({path!r}))\n"
_SIGNAL = "import os, signal; os.kill(os.getpid(), signal.SIGABRT)"
_ABORT = "from actors.runtime.abort import Abort; Abort(lambda reason: None)('journal corrupt')"


@pytest.mark.parametrize(("end", "code", "on_stderr"), [(_SIGNAL, -signal.SIGABRT, False), (_ABORT, 70, True)])
def test_they_are_kept_in_a_file_of_ones_own(tmp_path: Path, end: str, code: int, on_stderr: bool) -> None:
    file = tmp_path / "logs" / "stacks.log"
    file.parent.mkdir()
    file.write_text("of an earlier life\n", encoding="utf-8")
    file.chmod(0o644)
    script = _BEGIN.format(path=str(file)) + end
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    assert 'File "<string>", line 2 in <module>' in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o600
    assert ("line 2 in <module>" in done.stderr) is on_stderr


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.touch()
    (tmp_path / "stacks.log").symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        keep_stacks(tmp_path / "stacks.log")
