"""An engine at work in this process, from its start to its last word: signals, service manager, the last figures."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from loguru import logger

from actors.control.bus import Control
from actors.control.ports import Refused
from actors.runtime.stacks import keep_stacks
from actors.venues.redaction import redacted
from bin.cautions import orphaned
from bin.engine import EndedEarly, Engine
from bin.kill_watch import killed_by_signal
from bin.logs import log_to
from bin.notify import Notifier
from bin.reload import Reloader
from bin.shutdown import Ending
from models.snapshot import Board
from models.statistics import closing
from surfaces.cli.errors import Exit
from surfaces.cli.options import Global
from surfaces.cli.output import Output, Text
from surfaces.final import final, final_lines, keep

if TYPE_CHECKING:
    from bin.arming import Stint

_LOOK_S: Final = 0.5


@contextmanager
def ended_by_signals(engine: Engine) -> Generator[None]:
    """Let Ctrl-C and SIGTERM ask the engine to end in good order, until it has; a second one, to do so at once."""
    numbers, asks = (signal.SIGINT, signal.SIGTERM), chain((engine.end,), repeat(engine.hurry))
    before = [signal.signal(number, lambda *_: next(asks)()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def serve(
    engine: Engine,
    reloader: Reloader,
    stint: "Stint | None",
    data_dir: Path,
    notifier: Notifier,
    options: Global,
) -> int:
    """Run an engine until it is asked to end; say what it came to, and return the exit code."""
    settings = reloader.settings
    log_to(data_dir / "logs", "ERROR" if options.quiet else settings.run.log_level)
    keep_stacks(data_dir / "logs" / "stacks.log")
    engine.control.reloads = engine.control.settings = reloader
    engine.control.audit.hide = redacted
    writer = engine.options.writer if engine.options.mode == "live" else None
    orphans = () if writer is None else tuple(orphaned(writer.held(), engine.options.desks, engine.catalogue))
    note = partial(stint.note, engine.tell, lambda: reloader.settings) if stint is not None else _note_nothing
    with ended_by_signals(engine), killed_by_signal(engine.gate.trip), _hung_up() as hung_up:
        began = False
        try:
            socket = engine.start()
            began = True
            reloader.begin()
            logger.bind(
                mode=engine.mode_shown,
                tag=settings.tag,
                markets=len(engine.catalogue.markets),
                socket=str(socket),
            ).info("running; stop with Ctrl-C or: keel stop")
            if engine.options.mode == "live":
                logger.warning("LIVE: orders move real money. It is paused; let it trade with: keel resume")
            for warning in (*engine.warnings(), *orphans):
                logger.warning(warning)
            _attend(engine, notifier, hung_up, note)
            note(last=True)
        except EndedEarly:
            logger.info("asked to end before it had begun")
        finally:
            notifier.stopping()
            ending = engine.stop()
    return _told(ending, data_dir, options, began=began)


@contextmanager
def _hung_up() -> Generator[Callable[[], bool]]:
    """Give whether SIGHUP has come since it was asked for the last time."""
    if not hasattr(signal, "SIGHUP"):
        yield lambda: False
        return
    came = SimpleQueue[None]()
    before = signal.signal(signal.SIGHUP, lambda *_: came.put(None))
    try:
        yield lambda: not came.empty() and came.get() is None
    finally:
        signal.signal(signal.SIGHUP, before)


def _attend(engine: Engine, notifier: Notifier, hung_up: Callable[[], bool], note: Callable[[], object]) -> None:
    """Wait for the end; reload when a signal says so, keep the service manager informed, and note the time it ran."""
    ready = False
    # A signal that the system gave to another thread is acted on when this one wakes.
    while not engine.wait(_LOOK_S):
        if not ready and engine.is_ready:
            ready = True
            notifier.ready()
        notifier.status(_standing(engine.board.look()) if ready else "recovering")
        if hung_up():
            _reload(engine.control)
        note()


def _note_nothing(*, last: bool = False) -> None:
    """Time at a venue of this machine's own counts for nothing."""


def _reload(control: Control) -> None:
    """Reload because a signal said so: it can ask nobody, so what adds risk is refused, with the way to have it."""
    try:
        done = control.reload("signal")
    except Refused as refused:
        hint = "to have it: keel reload --yes" if refused.code == "confirmation_required" else refused.hint
        logger.bind(code=refused.code).error("reload refused: {}; {}", " | ".join(str(refused).splitlines()), hint)
        return
    except Exception as error:  # noqa: BLE001 - what asked was a signal: whatever is wrong, the engine goes on as it is
        logger.opt(exception=error).error("reload failed: {}", type(error).__name__)
        return
    for line in done.lines:
        logger.warning("reload: {}", line)


def _standing(board: Board) -> str:
    """Return how it stands, in a line that changes when that does."""
    words = sorted({board.word(desk) for desk in board.desks.values()})
    return f"{board.engine.mode}: {'/'.join(words)}, {len(board.markets)} markets, {len(board.orders)} open orders"


def _told(ending: Ending, data_dir: Path, options: Global, *, began: bool) -> int:
    """Say what the run came to and what is left of it; return the exit code."""
    for order in ending.left:
        logger.bind(market=order.market, order=order.order_id).error("may still fill: not cancelled in time")
    code = Exit.PARTIAL if ending.left else Exit.OK
    if code is Exit.OK and began and not (ending.recorded or ending.hurried):
        logger.error("the journal has no record of this end: the next start finds out what is so")
        code = Exit.FAILURE
    named = {line.market.id: line.market.slug for line in ending.after.markets.values()}
    left = [{"order_id": order.order_id, "slug": named.get(order.market, order.market)} for order in ending.left]
    document = final(closing(ending.before, ending.after), ending.after.engine.pid, left, code)
    try:
        keep(data_dir, document)
    except OSError as error:
        logger.warning("the final statistics could not be kept: {}", error)
    if began:
        Output(options).show(document, Text(final_lines(document)))
    if code is Exit.OK:
        logger.bind(open_orders=0, took_s=round(ending.took_s, 1)).success("✓ Shutdown complete")
    return code
