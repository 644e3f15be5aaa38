"""`pause`, `resume`, `reduce`, `flatten`, `kill`, `stop`: what an operator says to a running engine."""

import time
from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter

from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import DEFAULTS, Global, Options
from surfaces.cli.output import Output, Text
from surfaces.cli.session import Document, carry_out, confirm, connect, names
from surfaces.client import EngineClient
from surfaces.final import kept, left_text

DryRun = Annotated[bool, Parameter(name="--dry-run", negative="", help="Show what would happen; do nothing.")]
Markets = Annotated[str, Parameter(help="Markets by slug or condition id; none: all.", show_default=False)]


def pause(*markets: Markets, dry_run: DryRun = False, options: Options = DEFAULTS) -> int:
    """Cancel all orders and place no new ones; positions stay. Never asks."""
    return set_state("pause", markets, dry_run, options)


def resume(*markets: Markets, dry_run: DryRun = False, options: Options = DEFAULTS) -> int:
    """Lift a pause, a reduce or a flatten of the same markets. In live it asks.

    Without a market it lifts what was said of everything, never a market's own.
    """
    return set_state("resume", markets, dry_run, options)


def reduce(*markets: Markets, dry_run: DryRun = False, options: Options = DEFAULTS) -> int:
    """Only lower what can be lost: cancel the orders that could raise it, place none that would."""
    return set_state("reduce", markets, dry_run, options)


def flatten(*markets: Markets, dry_run: DryRun = False, options: Options = DEFAULTS) -> int:
    """Get rid of what is held: cancel all orders, merge complete pairs, unwind what is left; then halt until `resume`.

    What is too small to trade stays and is named. Asks, with the steps and their amounts. Where it takes longer than
    --timeout the engine goes on with it.
    """
    return set_state("flatten", markets, dry_run, options)


def kill(
    *,
    reason: Annotated[str, Parameter(help="Kept, and shown until a person lifts the kill.")] = "",
    clear: Annotated[bool, Parameter(negative="", help="Lift the kill; asks.")] = False,
    force: Annotated[
        bool, Parameter(negative="", help="With --clear: though orders are left. Is written down.")
    ] = False,
    status: Annotated[bool, Parameter(negative="", help="Say whether it is killed, and why.")] = False,
    dry_run: DryRun = False,
    options: Options = DEFAULTS,
) -> int:
    """Let no order out any more, cancel everything, and stay so over restarts. Never asks."""
    if clear and status:
        raise CommandError("usage", "--clear and --status are two things")
    if force and not clear:
        raise CommandError("usage", "--force goes with --clear")
    if status or (clear and dry_run):
        return _kill_status(options)
    if clear:
        return _clear(options, force=force)
    return carry_out(options, lambda client, _: client.post("/v1/kill", reason=reason, dry_run=dry_run), "")


def reload(*, dry_run: DryRun = False, options: Options = DEFAULTS) -> int:
    """Read the configuration anew and go by it: all of it, or nothing where something needs a restart.

    Asks where it may add risk. Every change opens a new segment of the tag.
    """

    def send(client: EngineClient, confirmed: bool) -> Document:
        return client.post("/v1/reload", confirmed=confirmed, dry_run=dry_run)

    return carry_out(options, send, "Go by it?")


def stop(
    *,
    flatten: Annotated[
        bool, Parameter(negative="", help="First get rid of what is held, for at most --timeout; asks.")
    ] = False,
    force: Annotated[
        bool, Parameter(negative="", help="At once: all is cancelled, nothing else is waited for. As a second SIGTERM.")
    ] = False,
    dry_run: DryRun = False,
    options: Options = DEFAULTS,
) -> int:
    """Stop the engine in good order: no new quotes, orders cancelled, everything written. Returns when it has ended.

    With --force it ends at once, also where an end is under way already. What is left, orders that may still fill or
    shares that could not be unwound in time, is named, and exits with 8.
    """
    if flatten and force:
        raise CommandError("usage", "--flatten takes its time, --force takes none")
    if flatten:
        return _flatten_and_stop(dry_run, options)
    with connect(options) as client:
        if dry_run:
            document = client.get("/v1/status")
            said = (
                f"would stop pid {document['pid']} and cancel its orders, of which {document['orders_open']} are open"
            )
            Output(options).show(document, Text([said]))
            return Exit.OK
        pid = client.post("/v1/stop", force=force)["pid"]
    deadline = time.monotonic() + options.timeout
    while not _has_ended(pid):
        if time.monotonic() > deadline:
            message = f"the engine (pid {pid}) is still stopping after {options.timeout:g} s"
            raise CommandError(
                "timeout", message, "wait longer with --timeout, or at once: keel stop --force", retryable=True
            )
        time.sleep(0.05)
    return _ended(pid, options)


def set_state(verb: str, markets: tuple[str, ...], dry_run: bool, options: Options) -> int:
    """Say a verb about markets, or about everything, and return the exit code."""
    wanted = names(markets)

    def send(client: EngineClient, confirmed: bool) -> Document:
        return client.post(f"/v1/commands/{verb}", markets=wanted, confirmed=confirmed, dry_run=dry_run)

    if verb == "flatten":
        return carry_out(options, send, "Go on?", watched=True)
    return carry_out(options, send, "Trade?")


def _ended(pid: int, options: Global) -> int:
    """Say what the engine has left, as it says so itself."""
    final = kept(options.data_dir, pid)
    left, unknown = ([], True) if final is None else (final["left"], False)
    lines = [f"stopped (pid {pid})", *(f"  may still fill: {left_text(order)}" for order in left)]
    if unknown:
        lines.append(f"  nobody knows what it left: {options.data_dir} has no final statistics of it; see its log")
    document = {"schema": "keel.stop/1", "stopped": True, "pid": pid, "left": left, "final": final}
    Output(options).show(document, Text(lines))
    return Exit.PARTIAL if left or unknown else Exit.OK


def _flatten_and_stop(dry_run: bool, options: Global) -> int:
    """Unwind first, for as long as there is time, then stop whatever came of it."""
    # A script reads one document: that of the end, which says what is held.
    shown = options if options.format == "table" or dry_run else replace(options, quiet=True)
    unwound = set_state("flatten", (), dry_run, shown)
    if dry_run:
        return unwound
    stopped = stop(options=options)
    return stopped or unwound


def _kill_status(options: Options) -> int:
    with connect(options) as client:
        document = client.get("/v1/kill")
    Output(options).show(document, Text([_killed(document) if document["killed"] else "not killed"]))
    return Exit.OK


def _killed(document: Document) -> str:
    if document["reason"] is None:
        return f"killed by {document['by']}; risk has not heard of it yet"
    by = f" by {document['by']}" if document["by"] is not None else ""
    return f"killed since {document['since']}{by}: {document['reason']}"


def _clear(options: Options, *, force: bool) -> int:
    """Show what was killed before a person lifts it. The gate may be closed though risk knows nothing of it."""
    with connect(options) as client:
        document = client.get("/v1/kill")
    why = _killed(document) if document["killed"] else "risk knows of no kill"
    word = document["confirm"]
    whose = "" if word == "CLEAR" else " The word is the end of the wallet's address."
    confirm(options, f"{why}. After this orders can go out again.{whose}", word)
    return carry_out(options, lambda client, _: client.post("/v1/kill/clear", word=word, force=force), "")


def _has_ended(pid: int) -> bool:
    """Whether a process is gone, or only waits for its parent to notice."""
    import psutil

    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
