"""How far a run has come, shown on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(what: str, *, shown: bool = True) -> Iterator[Callable[[float], object]]:
    """Show a share of 0 to 1, once a run takes longer than one waits without wondering; nothing where nobody looks."""
    if not shown or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=1.0, visible=False)

        def told(share: float) -> None:
            waited = progress.tasks[0].elapsed or 0.0
            progress.update(task, completed=share, visible=waited > 2.0)

        yield told
