"""Why a command failed, for people and for scripts: a stable code, a hint, and the exit code that goes with it."""

from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """What `keel` exits with."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_RUNNING = 3
    CONFIGURATION = 4
    TIMEOUT = 5
    REFUSED = 6
    NOT_FOUND = 7
    PARTIAL = 8
    UNHEALTHY = 9
    INTERNAL = 70
    LOCKED = 73
    INTERRUPTED = 130


MEANINGS: Final = {
    Exit.OK: "done",
    Exit.FAILURE: "failed",
    Exit.USAGE: "the command line is wrong",
    Exit.NOT_RUNNING: "the engine is not running",
    Exit.CONFIGURATION: "configuration or credentials",
    Exit.TIMEOUT: "no answer in time",
    Exit.REFUSED: "refused for safety, or not confirmed",
    Exit.NOT_FOUND: "no such market or thing",
    Exit.PARTIAL: "done in part; what is left is listed",
    Exit.UNHEALTHY: "a check failed",
    Exit.INTERNAL: "internal failure, the gate was closed: restart me",
    Exit.LOCKED: "another engine holds this folder or wallet",
    Exit.INTERRUPTED: "a client command was interrupted",
}

_EXITS: Final = {
    "usage": Exit.USAGE,
    "not_running": Exit.NOT_RUNNING,
    "configuration": Exit.CONFIGURATION,
    "timeout": Exit.TIMEOUT,
    "confirmation_required": Exit.REFUSED,
    "refused": Exit.REFUSED,
    "killed": Exit.REFUSED,
    "not_permitted": Exit.REFUSED,
    "replayed": Exit.REFUSED,
    "oversized": Exit.USAGE,
    "unsupported": Exit.USAGE,
    "starting": Exit.TIMEOUT,
    "not_found": Exit.NOT_FOUND,
    "partial": Exit.PARTIAL,
    "unhealthy": Exit.UNHEALTHY,
    "locked": Exit.LOCKED,
    "interrupted": Exit.INTERRUPTED,
}


class CommandError(Exception):
    """A failure that was foreseen. A code that is not known exits with 1, unless `exit_code` says otherwise."""

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        retryable: bool = False,
        exit_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.retryable = retryable
        self.exit_code = int(_EXITS.get(code, Exit.FAILURE)) if exit_code is None else exit_code

    def envelope(self) -> dict[str, object]:
        """Return what a script reads in place of the command's document."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint, "retryable": self.retryable}}
