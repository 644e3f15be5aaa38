"""Where the stacks of all threads go when a process is ended that can say nothing itself any more.

Why a file of the data folder, its user's alone, and not stderr: the interpreter writes them past the log and its
redaction, and who runs the engine under a service manager gives stderr to a journal that others read. A stack names
code and no values; that it stays so is not for the interpreter's next version to decide. Only an abort of our own goes
to stderr as well, where whoever looks for its reason finds it.
"""

import faulthandler
import os
import sys
from pathlib import Path
from typing import Final, TextIO

_kept: Final[list[TextIO]] = []
"""The file of this process, where it keeps one. It stays open: it is written to when nothing can be opened any more."""


def keep_stacks(path: Path) -> None:
    """Write all stacks there from now on, also those of a fatal signal such as systemd's SIGABRT.

    Raises OSError, also for a link. A file that is there already becomes its user's alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.fchmod(opened, 0o600)
    file = os.fdopen(opened, "w", encoding="utf-8")
    faulthandler.enable(file=file, all_threads=True)
    _kept[:] = [file]


def stacks() -> TextIO:
    """Return the file that is kept, stderr where none is."""
    return _kept[0] if _kept else sys.__stderr__ or sys.stderr
