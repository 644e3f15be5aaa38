"""`keel run`: an engine in the foreground, until it is asked to end."""

import gc
import os
import signal
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter

from bin.live import admitted, refuse_unasked
from bin.lock import only_engine, only_engine_of, only_writer, told_of_storage
from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import DEFAULTS, Options

if TYPE_CHECKING:
    from actors.assembly import Mode
    from actors.live import LiveVenue
    from actors.store.writer import Writer
    from bin.catalogue import Endpoints
    from bin.engine import Engine
    from config.settings import Settings

_LOOK_S: Final = 0.5


def command(
    *,
    mode: Literal["observe", "paper", "live"] | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    sandbox: str | None = None,
    strategy: str | None = None,
    tag: str | None = None,
    markets: str | None = None,
    profile: str | None = None,
    config: Path | None = None,
    env_file: Path | None = None,
    db: str | None = None,
    wallet: str | None = None,
    paused: bool | None = None,
    tape: bool = True,
    i_understand_live: Annotated[bool, Parameter(negative="")] = False,
    options: Options = DEFAULTS,
) -> int:
    """Run the engine until Ctrl-C, SIGTERM or `keel stop`.

    keel run --mode paper --sandbox http://127.0.0.1:8642 --profile small_250

    Parameters
    ----------
    mode
        observe records what it would do, paper trades against a simulated venue, live trades money. The strictest
        switch present decides.
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
    i_understand_live
        With --yes: start live without asking for the end of the wallet's address.
    """
    gc.disable()  # until the engine is up: what a start imports and builds is there to stay
    from actors.runtime.clock import SystemClock
    from actors.store.database import resolve_url
    from bin.arming import Stint, is_on_this_machine
    from bin.catalogue import VenueUnreachable, sandbox_endpoints
    from bin.hardening import keep_to_itself
    from config.problems import ConfigurationError
    from config.settings import CONFIG_FILE, ENV_FILE, load

    keep_to_itself()
    typed = {
        "mode": mode, "strategy": strategy, "tag": tag, "markets": markets, "db": db,
        "risk.wallet_usd": wallet, "risk.start_paused": paused,
    }  # fmt: skip
    read = partial(
        load,
        {key: value for key, value in typed.items() if value is not None},
        profile=profile,
        dry_run=dry_run,
        config_file=config or CONFIG_FILE,
        env_file=env_file or ENV_FILE,
    )
    try:
        settings = read()
    except ConfigurationError as error:
        raise CommandError("configuration", str(error)) from error
    if settings.mode == "live":
        refuse_unasked(settings)
    data_dir = options.data_dir if options.data_dir != DEFAULTS.data_dir else Path(settings.run.data_dir)
    with ExitStack() as held:
        held.enter_context(interruptible())
        held.enter_context(only_engine(data_dir))
        try:
            endpoints = sandbox_endpoints(sandbox) if sandbox is not None else configured_endpoints(settings)
        except VenueUnreachable as error:
            hint = "start one: keel sandbox --port 8642"
            raise CommandError("failure", str(error), hint, retryable=True) from error
        live, chosen, writers = None, settings.mode, list["Writer"]()

        def alone(wallet: str) -> None:
            if wallet:
                held.enter_context(only_engine_of(wallet, endpoints.clob_url))
            writers.append(held.enter_context(only_writer(resolve_url(settings.run.db, data_dir), data_dir, wallet)))
            if wallet and not is_on_this_machine(endpoints.clob_url):
                Stint("live", settings, writers[0], SystemClock()).require_paper()

        if chosen == "live":
            live = admitted(settings, endpoints, env_file or ENV_FILE, options, alone, understood=i_understand_live)
            chosen = "paper" if live is None else chosen
        if live is None:
            alone("")
        from bin.notify import Notifier
        from bin.reload import Reloader
        from bin.serving import serve

        stint = None if is_on_this_machine(endpoints.clob_url) else Stint(chosen, settings, writers[0], SystemClock())
        notifier = Notifier()
        engine = built(
            settings, chosen, endpoints, data_dir, recording=tape, live=live, writer=writers[0], alive=notifier.alive,
            canary_ns=0 if stint is None else stint.canary_ns,
        )  # fmt: skip
        reloader = Reloader(engine, settings, read, notifier, config or CONFIG_FILE)
        return serve(engine, reloader, stint, data_dir, notifier, options)


def configured_endpoints(settings: "Settings") -> "Endpoints":
    """Return where the configuration says that the venue is."""
    from bin.catalogue import Endpoints

    where = settings.endpoints
    return Endpoints(
        where.clob_url, where.market_ws_url, where.gamma_url, where.reference_ws_url,
        user_ws_url=where.user_ws_url, relayer_url=where.relayer_url, site_url=where.site_url,
    )  # fmt: skip


def built(
    settings: "Settings",
    mode: "Mode",
    endpoints: "Endpoints",
    data_dir: Path,
    *,
    recording: bool,
    seed: int = 0,
    live: "LiveVenue | None" = None,
    writer: "Writer | None" = None,
    leave: Callable[[int], object] = os._exit,
    alive: Callable[[], object] = lambda: None,
    canary_ns: int = 0,
) -> "Engine":
    """Build an engine. `writer`: its database, if open. `canary_ns`: what is left of its first hour live.

    It calls `leave` when going on would be worse than ending, and `alive` while nothing in it is stuck. Raises
    CommandError for whatever keeps it from starting.
    """
    from actors.store.database import resolve_url
    from bin.catalogue import NothingToTrade, UnknownMarket, VenueUnreachable
    from bin.engine import Engine
    from bin.engine_options import Options as EngineOptions

    try:
        with told_of_storage():
            return Engine(
                EngineOptions(
                    mode,
                    {settings.tag: settings.run.strategy},
                    settings.engine,
                    endpoints,
                    data_dir,
                    resolve_url(settings.run.db, data_dir),
                    settings.run.markets,
                    recording,
                    seed,
                    live,
                    forced=mode != settings.mode,
                    writer=writer,
                    canary_ns=canary_ns,
                ),
                leave,
                alive,
            )
    except UnknownMarket as error:
        raise CommandError("not_found", str(error), error.hint) from error
    except NothingToTrade as error:
        hint = "name others in `markets` of the configuration"
        raise CommandError("configuration", str(error), hint) from error
    except VenueUnreachable as error:
        raise CommandError("failure", str(error), retryable=True) from error
    except OSError as error:
        raise CommandError("failure", f"the data folder {data_dir} cannot be used: {error}") from error


@contextmanager
def interruptible() -> Generator[None]:
    """Let SIGTERM unwind the process as Ctrl-C does, so that nothing stays behind that it has begun: a clean end."""

    def leave(*_: object) -> None:
        raise SystemExit(Exit.OK)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
