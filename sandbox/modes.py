"""What the venue as a whole accepts: everything, nothing while its engine restarts, or a part.

Every restart is followed by two minutes in which only post-only orders and cancels are taken.
"""

from collections.abc import Callable
from typing import Final, Literal

from sandbox.log import Log
from sandbox.rest.refusals import Refused
from sandbox.schedule import Schedule
from sandbox.units import SECOND

Mode = Literal["normal", "restarting", "post_only", "cancel_only", "disabled"]
Kind = Literal["place", "cancel", "read"]
"""Of a call about orders: what it wants."""

_POST_ONLY_S: Final = 120
_POST_ONLY: Final = "post-only mode: only post-only orders and cancels are allowed"
_CANCEL_ONLY: Final = "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."
_DISABLED: Final = "Trading is currently disabled. Check polymarket.com for updates"
_RESTARTING: Final = "the matching engine is restarting"


class Modes:
    """The mode that the venue is in, and the refusals that follow from it."""

    def __init__(self, log: Log, schedule: Schedule) -> None:
        self.mode: Mode = "normal"
        self._log = log
        self._schedule = schedule
        self._until_ns = 0
        """When a mode with an end ends, 0 for one without."""
        self._changes = 0

    def restart(self, now_ns: int, seconds: int = 90) -> None:
        """Take no call about orders for a while, then only post-only orders and cancels, then everything."""
        self._enter("restarting", now_ns, seconds, self.post_only)

    def post_only(self, now_ns: int, seconds: int = _POST_ONLY_S) -> None:
        """Take only post-only orders and cancels for a while, then everything."""
        self._enter("post_only", now_ns, seconds, self.normal)

    def cancel_only(self, now_ns: int) -> None:
        """Take only cancels until further notice."""
        self._enter("cancel_only", now_ns)

    def disabled(self, now_ns: int) -> None:
        """Take neither orders nor cancels until further notice."""
        self._enter("disabled", now_ns)

    def normal(self, now_ns: int) -> None:
        """Take everything."""
        self._enter("normal", now_ns)

    def refusal(self, kind: Kind, post_only: bool, now_ns: int) -> Refused | None:
        """What a call about orders is answered in this mode, None when it may go on."""
        if self.mode == "restarting":
            return Refused(425, _RESTARTING)
        if self.mode == "disabled" and kind != "read":
            return Refused(503, _DISABLED)
        if self.mode == "cancel_only" and kind == "place":
            return Refused(503, _CANCEL_ONLY)
        if self.mode == "post_only" and kind == "place" and not post_only:
            left_s = max(1, -((now_ns - self._until_ns) // SECOND))
            body = {"error": _POST_ONLY, "code": "post_only_mode", "retry_after_seconds": left_s}
            return Refused(503, _POST_ONLY, {"Retry-After": str(left_s)}, body)
        return None

    def _enter(
        self, mode: Mode, now_ns: int, seconds: int | None = None, then: Callable[[int], None] | None = None
    ) -> None:
        self.mode = mode
        self._changes += 1
        self._until_ns = 0 if seconds is None else now_ns + seconds * SECOND
        self._log.write(now_ns, "mode", mode=mode, until_ns=self._until_ns)
        if then is not None:
            change = self._changes

            def due(due_ns: int) -> None:
                # Another mode that was entered meanwhile stays.
                if change == self._changes:
                    then(due_ns)

            self._schedule.at(self._until_ns, due)
