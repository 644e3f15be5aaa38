"""Waiting for a tape's own pace, and showing how far it has come."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Event

from actors.runtime.clock import monotonic_ns
from surfaces.cli.options import Global
from surfaces.cli.output import is_styled


class Pacer:
    """Holds virtual time back to a multiple of real time."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._first: tuple[int, int] | None = None
        self._never = Event()

    def __call__(self, at_ns: int) -> None:
        """Wait until the real time of a virtual one has come."""
        if self._first is None:
            self._first = (at_ns, monotonic_ns())
            return
        virtual_ns, real_ns = self._first
        due_ns = real_ns + int((at_ns - virtual_ns) / self._speed)
        wait_s = (due_ns - monotonic_ns()) / 1e9
        if wait_s > 0:
            self._never.wait(wait_s)


@contextmanager
def progress_of(what: str, counted: str, options: Global) -> Generator[Callable[[int], object] | None]:
    """Show a count of something on a terminal's stderr; nothing elsewhere."""
    if options.quiet or not is_styled(sys.stderr, options.no_color):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn(f"{{task.completed}} {counted}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done: bar.update(task, completed=done)
