"""`keel demo`: the whole system at work, with nothing but this program: a sandbox, a paper engine, a monitor."""

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from bin.lock import only_engine
from bin.run import built, interruptible
from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import DEFAULTS, Global, Options
from surfaces.cli.output import Output, Text

if TYPE_CHECKING:
    from bin.engine import Engine

_FIRST_LINE_S: Final = 20.0
_END_S: Final = 10.0
_DOLLARS_PER_MARKET: Final = 25


def command(
    *,
    headless: Annotated[bool, Parameter(negative="")] = False,
    duration: Annotated[float, Parameter(validator=Number(gt=0, lte=86_400))] = 30.0,
    markets: Annotated[int, Parameter(validator=Number(gte=1, lte=500))] = 10,
    seed: int = 1,
    options: Options = DEFAULTS,
) -> int:
    """Show the whole system at work: a sandbox in its own process, a paper engine, and the monitor.

    keel demo --headless --duration 30 --json

    Parameters
    ----------
    headless
        Without the monitor, for `duration` seconds.
    duration
        Seconds that a headless demo trades.
    markets
        Markets that the sandbox generates.
    seed
        The same seed gives the same markets.
    """
    if not headless and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CommandError("usage", "the demo's monitor needs a terminal", "add --headless")
    from bin.catalogue import Endpoints
    from bin.engine import EndedEarly
    from bin.logs import log_to
    from bin.serving import ended_by_signals
    from config.settings import load

    # The profile's $250 are for ten markets; with less a market the venue would refuse what it cannot cover.
    dollars = _DOLLARS_PER_MARKET * max(markets, 10)
    settings = load(
        {"strategy": "maker", "tag": "demo", "risk.wallet_usd": dollars, "paper.cash": dollars},
        profile="small_250",
        config_file=None,
        env_file=None,
        environment={},
    )
    with interruptible(), _folder(options) as data_dir, only_engine(data_dir), _sandbox(markets, seed) as venue:
        said = venue.said
        endpoints = Endpoints(
            said["clob_url"],
            said["market_ws_url"],
            said["gamma_url"],
            said["reference_ws_url"],
            f"{said['control_url']}/status",
        )
        # The monitor owns the terminal; what is worse than an error ends the demo and is said then.
        log_to(data_dir / "logs", "WARNING" if headless else "CRITICAL")
        engine = built(settings, "paper", endpoints, data_dir, recording=True, seed=seed, leave=venue.leave)
        with ended_by_signals(engine):
            try:
                engine.start()
                if headless:
                    _trade(engine, duration, options)
                else:
                    _watch(engine, data_dir)
                document = _document(engine, seed, duration)
            except EndedEarly:
                return Exit.OK
            finally:
                engine.stop()
    Output(options).show(document, Text(_lines(document)))
    return Exit.OK


def _trade(engine: "Engine", duration_s: float, options: Global) -> None:
    """Let the engine trade; show on a terminal how long and what came of it."""
    from bin.pacing import progress_of

    with progress_of(f"trading for {duration_s:g} s", "fills", options) as progress:
        steps = max(1, int(duration_s))
        for _ in range(steps):
            if engine.wait(duration_s / steps):
                return
            if progress is not None:
                progress(engine.board.look().counts.fills)


def _watch(engine: "Engine", data_dir: Path) -> None:
    """Run the monitor in this terminal until it is left, or until the engine is asked to end."""
    monitor = subprocess.Popen([sys.executable, "-m", "bin.main", "monitor", "--data-dir", str(data_dir)])
    try:
        while monitor.poll() is None and not engine.wait(0.1):
            pass
    finally:
        _end(monitor)


def _document(engine: "Engine", seed: int, duration_s: float) -> dict[str, Any]:
    from surfaces.documents import demo

    return demo(engine.board.look(), seed, duration_s)


def _lines(document: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{document[name]} {name}" for name in ("decisions", "orders", "fills", "restarts"))
    cancels = ", ".join(f"{reason} {count}" for reason, count in document["cancels_by_reason"].items())
    pnl = "   ".join(f"{part} {amount}" for part, amount in document["pnl"].items())
    return [f"{len(document['markets'])} markets, {counts}", f"cancels: {cancels or 'none'}", pnl]


class _Sandbox:
    """A sandbox in a process of its own. `said` is what it says of itself."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self.said: dict[str, Any] = json.loads(_first_line(process.stdout))
        self._process = process

    def leave(self, code: int) -> None:
        """End this process at once, as a failure inside demands, and the sandbox with it."""
        self._process.kill()
        os._exit(code)


@contextmanager
def _sandbox(markets: int, seed: int) -> Generator[_Sandbox]:
    """Run a sandbox, and end it.

    In a session of its own: Ctrl-C is for the engine, which wants its venue until it has stopped.
    """
    world = ["--profile", "demo", "--markets-count", str(markets), "--seed", str(seed)]
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--json", *world],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield _Sandbox(process)
        finally:
            _end(process)


def _first_line(stream: IO[bytes]) -> bytes:
    if not select.select([stream], [], [], _FIRST_LINE_S)[0]:
        raise CommandError("failure", f"the sandbox said nothing for {_FIRST_LINE_S:g} s")
    line = stream.readline()
    if not line:
        raise CommandError("failure", "the sandbox ended at once")
    return line


def _end(process: subprocess.Popen[bytes]) -> None:
    """Have a process end, the hard way where it does not by itself."""
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _folder(options: Global) -> Generator[Path]:
    """Yield the folder that was named, else one that goes away with the demo."""
    if options.data_dir != DEFAULTS.data_dir:
        yield options.data_dir
        return
    with tempfile.TemporaryDirectory(prefix="keel-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(os.fspath(folder))
