"""Where the runtime reads time; every machine gets it as an argument.

Why wall time is counted from a monotonic clock: a step of the wall clock (NTP, an operator, a leap smear) must not stop
or replay deadlines and flow windows. The offset to UTC is taken once, at start; the kernel disciplines the rate of the
monotonic clock too, so the two do not drift apart. Where the system has it the clock that also counts suspended time is
used, so that a resumed laptop is not minutes behind. `skew_ns` says how far the wall clock has been stepped since.
"""

import time
from typing import Protocol

monotonic_ns = time.monotonic_ns
"""For durations: nanoseconds from an arbitrary origin, never decreasing."""

_SUSPENDED_TIME_COUNTS: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """What gives a dispatcher its time."""

    def now_ns(self) -> int:
        """Return nanoseconds UTC; never less than before."""
        ...


class SystemClock:
    """UTC of the running system, immune to steps of the wall clock."""

    __slots__ = ("_offset_ns",)

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.clock_gettime_ns(_SUSPENDED_TIME_COUNTS)

    def now_ns(self) -> int:
        return self._offset_ns + time.clock_gettime_ns(_SUSPENDED_TIME_COUNTS)

    def skew_ns(self) -> int:
        """Return how far the wall clock is ahead of this one (positive) or behind it (negative)."""
        return time.time_ns() - self.now_ns()
