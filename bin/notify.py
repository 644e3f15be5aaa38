"""What the service manager is told: that we are ready, alive, reloading or stopping, and how we stand.

Why by hand: the protocol is one datagram of `NAME=value` lines to a socket that the environment names. The kept library
for it (cysystemd) is an extension in C for Linux alone, and the small one (sdnotify) has not been released since 2017.

Why it never fails: an engine that could not say that it is alive is still alive; the manager then ends it, and only it
may decide that. Where nobody listens, which is everywhere but under systemd, nothing is said.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from models.text import clean

_STATUS_MAX = 200


class Notifier:
    """Speaks to whom `NOTIFY_SOCKET` names. May be used from any thread."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        named = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{named[1:]}" if named.startswith("@") else named
        """A name that begins with @ is abstract: no file, but a name in the kernel."""
        self._status = ""

    def ready(self) -> None:
        """Say that we trade, or are ready to; after a reload that it is over."""
        self._say("READY=1")

    def reloading(self) -> None:
        """Say that the configuration is read anew; `ready` ends it."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000}")

    def stopping(self) -> None:
        """Say that we end, whoever asked for it."""
        self._say("STOPPING=1")

    def alive(self) -> None:
        """Say that nothing is stuck; not said for `WatchdogSec`, we are ended."""
        self._say("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say in a line how we stand, where that has changed."""
        if text != self._status:
            self._status = text
            self._say(f"STATUS={clean(text, _STATUS_MAX)}")

    def _say(self, *lines: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.setblocking(False)
            line.sendto("\n".join(lines).encode(), self._address)
