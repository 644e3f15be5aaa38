"""`keel signer`: a process that holds the private key alone, and signs what its own limits let pass.

Why a process: what the engine does not have, nobody can get out of it. An engine that was taken over can trade within
these limits, and can move no money.
"""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from bin.live import told_as_commands
from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import DEFAULTS, Options

if TYPE_CHECKING:
    from config.settings import Settings

_FOLDER: Final = "signer"


def command(
    *,
    listen: Annotated[
        Path | None, Parameter(help="Its socket; account.signer, or signer/signer.sock in the data folder without it.")
    ] = None,
    config: Annotated[Path | None, Parameter(help="Configuration file; config.yaml where it is there.")] = None,
    env_file: Annotated[Path | None, Parameter(help="File of environment variables, for settings alone.")] = None,
    options: Options = DEFAULTS,
) -> int:
    """Hold the private key, and sign for an engine whose account.signer names the socket. Ctrl-C ends it.

    Its limits are the section `signer` of the configuration. What it signs and refuses stands in
    signer/signed-DATE.jsonl in the data folder.
    """
    from loguru import logger

    from actors.runtime.clock import SystemClock
    from actors.venues.polymarket.keys import SigningKey
    from bin.admission import account_of
    from bin.hardening import keep_to_itself
    from bin.logs import log_to
    from bin.notify import Notifier
    from bin.secrets import read_secrets
    from bin.signer_log import SignerLog
    from bin.signer_policy import Policy
    from bin.signer_server import SignerServer, listening

    keep_to_itself()
    settings, data_dir = _settings(config, env_file, options.data_dir)
    folder = data_dir / _FOLDER
    path = listen or (Path(settings.account.signer) if settings.account.signer else folder / "signer.sock")
    with told_as_commands():
        secrets = read_secrets(settings, env_file, guarded=True, as_signer=True)
        account = account_of(settings.account, secrets)
    assert isinstance(account.key, SigningKey)  # no other is read here
    clock = SystemClock()
    try:
        log = SignerLog(folder)
        day, spent = log.spent(clock.now_ns())
        listener = listening(path)
    except OSError as error:
        raise CommandError("failure", f"the signer cannot begin: {error}", "see: docs/secrets.md") from None
    log_to(folder / "logs", "ERROR" if options.quiet else settings.run.log_level)
    server = SignerServer(account.key, Policy(account, settings.signer, day=day, spent=spent), log, clock)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    logger.bind(socket=str(path)).info("signing for {}; stop with Ctrl-C", account.maker)
    notifier = Notifier()
    notifier.ready()
    try:
        with listener:
            server.serve(listener)
    finally:
        notifier.stopping()
        path.unlink(missing_ok=True)
        log.close()
    logger.info("no longer signing")
    return Exit.OK


def _settings(config: Path | None, env_file: Path | None, data_dir: Path) -> "tuple[Settings, Path]":
    from config.problems import ConfigurationError
    from config.settings import CONFIG_FILE, load

    try:
        settings = load(config_file=config or CONFIG_FILE, env_file=env_file)
    except ConfigurationError as error:
        raise CommandError("configuration", str(error)) from error
    return settings, data_dir if data_dir != DEFAULTS.data_dir else Path(settings.run.data_dir)
