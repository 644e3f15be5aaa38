"""`keel run` and `keel demo`: an engine in the foreground, until it is asked to end."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from bin.lock import only_engine
from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import DEFAULTS, Global, Options
from surfaces.cli.output import Output, Text

_FIRST_LINE_S = 20.0


def command(
    *,
    mode: Literal["observe", "paper", "live"] | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    sandbox: str | None = None,
    strategy: str | None = None,
    tag: str | None = None,
    markets: Annotated[str | None, Parameter()] = None,
    profile: str | None = None,
    config: Path | None = None,
    env_file: Path | None = None,
    db: str | None = None,
    wallet: str | None = None,
    paused: bool | None = None,
    tape: bool = True,
    options: Options = DEFAULTS,
) -> int:
    """Run the engine until Ctrl-C, SIGTERM or `keel stop`.

    keel run --mode paper --sandbox http://127.0.0.1:8642 --profile small_250

    Parameters
    ----------
    mode
        observe records what it would do, paper trades against a simulated venue. The strictest switch present decides.
    dry_run
        The same as --mode observe.
    sandbox
        URL of a running `keel sandbox`: all endpoints and all its markets.
    strategy
        What decides: maker, lead_lag, complete_set or two_sided.
    tag
        Name of this desk: its inventory, orders and profit are kept apart under it.
    markets
        Slugs or condition ids, comma separated; without it, all that the venue lists.
    profile
        Named set of values under the configuration file's.
    config
        Configuration file; config.yaml where it is there.
    env_file
        File of environment variables; .env where it is there.
    db
        Database URL; SQLite in the data folder without it.
    wallet
        Dollars that the money limits scale with.
    paused
        Come up paused and wait for `keel resume`.
    tape
        Keep every raw frame.
    """
    from bin.engine import Endpoints
    from config.problems import ConfigurationError
    from config.settings import CONFIG_FILE, ENV_FILE, load

    typed = {
        "mode": mode,
        "strategy": strategy,
        "tag": tag,
        "markets": markets,
        "db": db,
        "risk.wallet_usd": wallet,
        "risk.start_paused": paused,
    }
    try:
        settings = load(
            {key: value for key, value in typed.items() if value is not None},
            profile=profile,
            dry_run=dry_run,
            config_file=config or CONFIG_FILE,
            env_file=env_file or ENV_FILE,
        )
    except ConfigurationError as error:
        raise CommandError("configuration", str(error)) from error
    if settings.mode == "live":
        raise CommandError("refused", "live trading is not part of this version", "run with --mode paper")
    endpoints = (
        _sandbox_endpoints(sandbox)
        if sandbox is not None
        else Endpoints(
            settings.endpoints.clob_url,
            settings.endpoints.market_ws_url,
            settings.endpoints.gamma_url,
            settings.endpoints.reference_ws_url,
        )
    )
    data_dir = options.data_dir if options.data_dir != DEFAULTS.data_dir else Path(settings.run.data_dir)
    with only_engine(data_dir):
        _serve(settings, endpoints, data_dir, options, recording=tape)
    return Exit.OK


def demo(
    *,
    headless: Annotated[bool, Parameter(negative="")] = False,
    duration: Annotated[float, Parameter(validator=Number(gt=0))] = 30.0,
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
    from bin.engine import Endpoints
    from config.settings import load

    settings = load({"strategy": "maker", "tag": "demo"}, profile="small_250", config_file=None, env_file=None, environment={})
    with _folder(options) as data_dir, only_engine(data_dir), _sandbox(markets, seed) as said:
        endpoints = Endpoints(
            said["clob_url"],
            said["market_ws_url"],
            said["gamma_url"],
            said["reference_ws_url"],
            said["control_url"] + "/status",
        )
        _demonstrate(settings, endpoints, data_dir, options, headless=headless, duration_s=duration, seed=seed)
    return Exit.OK


def _demonstrate(settings, endpoints, data_dir: Path, options: Global, *, headless: bool, duration_s: float, seed: int) -> None:
    from bin.logs import log_to
    from surfaces.documents import demo as demo_document

    log_to(data_dir / "logs", "WARNING" if headless else "CRITICAL")
    engine = _built(settings, endpoints, data_dir, recording=True)
    engine.start()
    try:
        if headless:
            _wait_showing(engine, duration_s, options)
        else:
            subprocess.run([sys.executable, "-m", "bin.main", "monitor", "--data-dir", str(data_dir)], check=False)  # noqa: S603
        board = engine.board.look()
    finally:
        engine.stop()
    document = demo_document(board, seed, duration_s)
    pnl = document["pnl"]
    lines = [
        f"{len(document['markets'])} markets, {document['decisions']} decisions, {document['orders']} orders, "
        f"{document['fills']} fills, {document['restarts']} restarts",
        f"cancels: {', '.join(f'{reason} {count}' for reason, count in document['cancels_by_reason'].items()) or 'none'}",
        f"total {pnl['total']}   realized {pnl['realized']}   unrealized {pnl['unrealized']}   fees {pnl['fees']}",
    ]
    Output(options).show(document, Text(lines))


def _wait_showing(engine, duration_s: float, options: Global) -> None:
    """Let the engine trade; on a terminal show for how long."""
    from bin.pacing import progress_of

    with progress_of(f"trading for {duration_s:g} s", options) as progress:
        steps = max(1, int(duration_s * 4))
        for step in range(steps):
            if engine.wait(duration_s / steps):
                return
            if progress is not None:
                progress(engine.board.look().counts.fills if step % 4 == 0 else 0)


def _serve(settings, endpoints, data_dir: Path, options: Global, *, recording: bool) -> None:
    from loguru import logger

    from bin.logs import log_to

    log_to(data_dir / "logs", "ERROR" if options.quiet else settings.run.log_level)
    engine = _built(settings, endpoints, data_dir, recording=recording)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: engine.end())
    socket = engine.start()
    logger.bind(mode=settings.mode, tag=settings.tag, markets=len(engine.catalogue.markets), socket=str(socket)).info(
        "running; stop with Ctrl-C or: keel stop"
    )
    for warning in engine.warnings():
        logger.warning(warning)
    engine.wait()
    left = engine.stop()
    logger.bind(open_orders=left).info("stopped")


def _built(settings, endpoints, data_dir: Path, *, recording: bool):
    """Build the engine. Raises CommandError for whatever keeps it from starting."""
    import httpx

    from actors.store.database import StoreBusy, StoreError, resolve_url
    from actors.venues.polymarket.gamma import GammaError
    from bin.engine import Engine, UnknownMarket
    from bin.engine import Options as EngineOptions

    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        database = resolve_url(settings.run.db, data_dir)
        return Engine(
            EngineOptions(
                settings.mode,
                {settings.tag: settings.run.strategy},
                settings.engine,
                endpoints,
                data_dir,
                database,
                settings.run.markets,
                recording,
            )
        )
    except StoreBusy as error:
        raise CommandError("locked", str(error)) from error
    except StoreError as error:
        raise CommandError("configuration", str(error)) from error
    except UnknownMarket as error:
        raise CommandError("not_found", str(error)) from error
    except (GammaError, httpx.HTTPError) as error:
        raise CommandError("failure", f"the catalogue cannot be read: {error}", retryable=True) from error


def _sandbox_endpoints(url: str):
    import httpx

    from bin.engine import Endpoints

    status_url = url.rstrip("/") + "/sandbox/status"
    try:
        with httpx.Client(timeout=5.0, trust_env=False) as client:
            where = client.get(status_url).raise_for_status().json()["endpoints"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise CommandError("failure", f"no sandbox answers at {url}: {error}", "start one: keel sandbox --port 8642") from error
    return Endpoints(
        where["clob_url"], where["market_ws_url"], where["gamma_url"], where["reference_ws_url"], status_url
    )


@contextmanager
def _sandbox(markets: int, seed: int) -> Generator[dict[str, str]]:
    """Run a sandbox in a process of its own; yield what it says of itself; end it."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "sandbox", "--json", "--profile", "demo", "--markets-count", str(markets), "--seed", str(seed)],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        yield json.loads(_first_line(process.stdout))
    finally:
        process.terminate()
        try:
            process.wait(10.0)
        except subprocess.TimeoutExpired:
            process.kill()


def _first_line(stream: IO[bytes]) -> bytes:
    import select

    if not select.select([stream], [], [], _FIRST_LINE_S)[0]:
        raise CommandError("failure", f"the sandbox said nothing for {_FIRST_LINE_S:g} s")
    line = stream.readline()
    if not line:
        raise CommandError("failure", "the sandbox ended at once")
    return line


@contextmanager
def _folder(options: Global) -> Generator[Path]:
    """Yield the folder that was named, else one that goes away with the demo."""
    if options.data_dir != DEFAULTS.data_dir:
        yield options.data_dir
        return
    with tempfile.TemporaryDirectory(prefix="keel-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(os.fspath(folder))
