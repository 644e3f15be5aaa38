"""What a process that may hold secrets gives away of itself: no core file, no look inside, no file that others read."""

import ctypes
import os
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def keep_to_itself() -> None:
    """Leave no core file, let no other process of the user look into this one, and let nobody else read its files.

    Children inherit the first and the last of it. Where a system has no such call the others still hold.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
