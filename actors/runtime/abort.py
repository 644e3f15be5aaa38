"""The end of the process, when going on would be worse: gate closed, all stacks on stderr, exit code 70."""

import faulthandler
import os
import sys
from collections.abc import Callable

from loguru import logger

from actors.runtime.stacks import stacks

EXIT_CODE = 70
"""Internal failure, the gate was closed, restart me."""


class Abort:
    """Call with the reason. Safe from any thread and at any time; does not wait for anything."""

    def __init__(self, close_gate: Callable[[str], object], leave: Callable[[int], object] = os._exit) -> None:
        self._close_gate = close_gate
        self._leave = leave

    def __call__(self, reason: str) -> None:
        try:
            self._close_gate(reason)
            logger.bind(reason=reason).critical("the process aborts: {}", reason)
            for file in {stacks(), sys.__stderr__ or sys.stderr}:
                faulthandler.dump_traceback(file=file, all_threads=True)
        finally:
            self._leave(EXIT_CODE)
