"""`keel kill`: through the engine, or with `--offline` past it, though it hangs.

Why past it: an engine that does not answer may wake up again. What is written here closes its gate before the next
order, whatever its threads are in the midst of; then everything is cancelled at the venue by this process alone, which
has no way to place an order. An engine that hangs in the very write of an order cannot be outwaited: it is ended.
"""

import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from surfaces.cli import control
from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import DEFAULTS, Options
from surfaces.cli.output import Output, Text

if TYPE_CHECKING:
    from actors.venues.polymarket.clob_answers import OpenOrder
    from config.settings import Settings

_PASSES_S: Final = 2.0
_UNANSWERED: Final = ("not_running", "timeout", "cut_off")
_LAPSE: Final = "the venue cancels everything itself about 10 s after the last heartbeat, which only an engine sends"


def command(
    *,
    reason: Annotated[str, Parameter(help="Kept, and shown until a person lifts the kill.")] = "",
    clear: Annotated[bool, Parameter(negative="", help="Lift the kill; asks.")] = False,
    force: Annotated[
        bool, Parameter(negative="", help="With --clear: though orders are left. Is written down.")
    ] = False,
    status: Annotated[bool, Parameter(negative="", help="Say whether it is killed, and why.")] = False,
    offline: Annotated[
        bool, Parameter(negative="", help="Without the engine: close its gate, and cancel all at the venue from here.")
    ] = False,
    sandbox: Annotated[str | None, Parameter(help="With --offline: the venue is a sandbox, at this URL.")] = None,
    config: Annotated[Path | None, Parameter(help="With --offline: the configuration file.")] = None,
    env_file: Annotated[Path | None, Parameter(help="With --offline: the file of environment variables.")] = None,
    dry_run: control.DryRun = False,
    options: Options = DEFAULTS,
) -> int:
    """Let no order out any more, cancel everything, and stay so over restarts. Never asks.

    keel kill --offline works while the engine hangs: when it returns, no order leaves even if the engine goes on. Exit
    code 8: no order leaves, but it is not proven that nothing rests at the venue.
    """
    if not offline:
        if sandbox is not None or config is not None or env_file is not None:
            raise CommandError("usage", "--sandbox, --config and --env-file go with --offline")
        try:
            return control.kill(
                reason=reason, clear=clear, force=force, status=status, dry_run=dry_run, options=options
            )
        except CommandError as error:
            if status and error.code in _UNANSWERED:
                return _latched(options)
            if clear or error.code not in _UNANSWERED:
                raise
            hint = "close its gate, and cancel all at the venue, without it: keel kill --offline"
            raise CommandError(error.code, error.message, hint, retryable=error.retryable) from error
    if clear or status or force:
        raise CommandError("usage", "--offline kills; --clear and --status need the engine")
    return _offline(reason or "kill --offline", sandbox, config, env_file, options, dry_run=dry_run)


def _latched(options: Options) -> int:
    """Say what the file says that the next start of an engine finds."""
    from actors.latch import read_author, read_latch

    latch = options.data_dir / "KILL"
    reason, by = read_latch(latch), read_author(latch) or "file"
    killed = reason is not None
    document = {
        "schema": "keel.kill/1", "killed": killed, "source": by.partition(" ")[0] if killed else None,
        "by": by if killed else None, "reason": reason, "since": None, "confirm": None,
    }  # fmt: skip
    said = f"killed by {by}: {reason}" if killed else "not killed"
    Output(options).show(document, Text([f"{said} (no engine answers; so it stands in {latch})"]))
    return Exit.OK


def _offline(
    reason: str, sandbox: str | None, config: Path | None, env_file: Path | None, options: Options, *, dry_run: bool
) -> int:
    from bin.hardening import keep_to_itself

    keep_to_itself()
    settings, problem = _settings(config, env_file)
    data_dir = options.data_dir
    if data_dir == DEFAULTS.data_dir and settings is not None:
        data_dir = Path(settings.run.data_dir)
    if not data_dir.is_dir():
        raise CommandError("not_found", f"no data folder {data_dir}", "name the engine's with --data-dir")
    lines = [f"no order {'would leave' if dry_run else 'leaves'} past {data_dir / 'KILL'}: {reason}"]
    ended = None
    if not dry_run:
        ended = _latch(data_dir, reason)
        if ended is not None:
            lines.append(f"the engine (pid {ended}) hung in the write of an order and was ended")
    left, text = (None, f"not asked: {problem}")
    if settings is not None and not dry_run:
        left, text = _cancelled(settings, sandbox, env_file, options.timeout)
    lines.append(f"the venue: {text}")
    lines += [f"  left: {order.order_id}" for order in left or ()]
    proven = left is not None and not left
    if not proven:
        lines.append(_LAPSE)
    document: dict[str, Any] = {
        "schema": "keel.kill_offline/1",
        "dry_run": dry_run,
        "latched": not dry_run,
        "reason": reason,
        "data_dir": str(data_dir),
        "engine_ended": ended,
        "venue": text,
        "proven": proven,
        "left": [order.order_id for order in left or ()],
        "lines": lines,
    }
    Output(options).show(document, Text(lines))
    return Exit.OK if proven or dry_run else Exit.PARTIAL


def _settings(config: Path | None, env_file: Path | None) -> "tuple[Settings | None, str]":
    """Read the configuration. One that is wrong is no reason to let orders out."""
    from config.problems import ConfigurationError
    from config.settings import CONFIG_FILE, ENV_FILE, load

    try:
        return load({}, config_file=config or CONFIG_FILE, env_file=env_file or ENV_FILE), "this was a dry run"
    except ConfigurationError as error:
        return None, str(error)


def _latch(data_dir: Path, reason: str) -> int | None:
    """Close the gate of whatever engine has this folder; return the PID of one that had to be ended for it.

    Raises CommandError where it cannot be closed.
    """
    from actors.latch import kill_from_outside, nobody_passes
    from actors.runtime.clock import SystemClock

    latch = data_dir / "KILL"
    try:
        if kill_from_outside(latch, reason, f"offline uid {os.getuid()}", SystemClock().now_ns(), _PASSES_S):
            return None
        pid = _hanging(data_dir)
        os.kill(pid, signal.SIGKILL)
        if not nobody_passes(latch, _PASSES_S):
            raise CommandError("failure", f"an order hangs in the gate, though pid {pid} was killed", "kill -9 it")
    except OSError as error:
        hint = "kill -9 the engine: without it the venue cancels everything in about 10 s"
        raise CommandError("failure", f"the gate cannot be closed in {data_dir}: {error}", hint) from error
    return pid


def _hanging(data_dir: Path) -> int:
    """Return the PID of the engine that has a folder. Raises CommandError where it is not one of this machine."""
    note = data_dir / "run" / "engine.pid"
    pid, _, host = note.read_text(encoding="utf-8").strip().partition(" on ")
    if host != socket.gethostname():
        raise CommandError("failure", f"an order hangs in the gate of PID {pid} on {host}", "kill -9 it there")
    return int(pid)


def _cancelled(
    settings: "Settings", sandbox: str | None, env_file: Path | None, within_s: float
) -> "tuple[tuple[OpenOrder, ...] | None, str]":
    """Cancel everything of the account, and say in words what came of it; None: the venue has not said what rests."""
    from actors.runtime.clock import SystemClock
    from actors.venues.polymarket.sweep import Unproven, sweep
    from bin.admission import Admission, NotAdmitted, account_of
    from bin.catalogue import VenueUnreachable, sandbox_endpoints
    from bin.run import configured_endpoints
    from bin.secret_sources import SecretProblem
    from bin.secrets import has_key, read_secrets
    from config.settings import ENV_FILE

    clock = SystemClock()
    try:
        if not has_key(settings, env_file or ENV_FILE):
            return None, "not asked: no key is configured here"
        secrets = read_secrets(settings, env_file or ENV_FILE)
        account = account_of(settings.account, secrets)
        endpoints = configured_endpoints(settings) if sandbox is None else sandbox_endpoints(sandbox)
        admission = Admission(endpoints, account, secrets, clock, skew_max_ms=0)
        try:
            admission.skew_s()
            admission.existing_credentials()
            left = sweep(admission.client, clock, within_s)
        finally:
            admission.close()
    except (SecretProblem, NotAdmitted, VenueUnreachable, Unproven) as error:
        return None, f"not proven: {error}"
    if left:
        return left, f"{len(left)} orders of {account.maker} are left"
    return left, f"nothing of {account.maker} rests any more"
