"""A blocking call that is waited for only so long.

Why a thread for one call: looking up a host name has no timeout and can take half a minute, and a handler that blocks
for ten seconds ends the process. What is given up goes on alone, and its result is discarded when it comes.
"""

from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

Result = TypeVar("Result")


class BackgroundCall(Generic[Result]):
    """Runs `call` in a thread of its own from now on. `discard` is given a result that nobody waits for any more."""

    def __init__(self, name: str, call: Callable[[], Result], discard: Callable[[Result], object]) -> None:
        self._call = call
        self._discard = discard
        self._done = Event()
        self._lock = Lock()
        self._abandoned = False
        self._result: Result | None = None
        self._error: Exception | None = None
        Thread(target=self._run, name=name, daemon=True).start()

    def wait(self, timeout_s: float) -> Result | None:
        """Return the result, None while there is none. Raises what the call raised."""
        if not self._done.wait(timeout_s):
            return None
        if self._error is not None:
            raise self._error
        return self._result

    def abandon(self) -> None:
        """Wait no more; a result that is there or still comes is discarded."""
        with self._lock:
            self._abandoned = True
            result, self._result = self._result, None
        if result is not None:
            self._discard(result)

    def _run(self) -> None:
        try:
            result = self._call()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where it is waited for
            self._error = error
        else:
            with self._lock:
                wanted = not self._abandoned
                self._result = result if wanted else None
            if not wanted:
                self._discard(result)
        self._done.set()
