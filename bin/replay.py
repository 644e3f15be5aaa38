"""`keel replay`: recorded market data through the same actors that trade."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from surfaces.cli.errors import CommandError, Exit
from surfaces.cli.options import DEFAULTS, Options
from surfaces.cli.output import Output, Text


def command(
    *files: Path,
    markets: Path | None = None,
    profile: str = "small_250",
    strategy: str = "maker",
    seed: int = 1,
    speed: float | None = None,
    trace: Path | None = None,
    why: str | None = None,
    options: Options = DEFAULTS,
) -> int:
    """Play recorded frames through the actor system and report what it did; the same input gives the same trace.

    keel replay game.jsonl.gz --markets markets.json --json

    Parameters
    ----------
    files
        Recordings: frames one per line (.jsonl, .gz, .zst), envelopes, or segments of our own tape; merged by time.
    markets
        What the recording does not say: slugs, condition ids, token ids, tick sizes, minimum sizes, winners.
    profile
        Configuration profile to play with.
    strategy
        What decides: maker, lead_lag, complete_set or two_sided.
    seed
        Decides every simulated chance of the paper venue.
    speed
        Factor of the recording's own pace; without it, as fast as possible.
    trace
        File for the trace: one line per step of every actor.
    why
        Market whose state at the end is explained.
    """
    from bin.pacing import Pacer, progress_of
    from config.problems import ConfigurationError
    from config.settings import load
    from models.controls.families import how_computed
    from models.words import explanation_text
    from research.replay import Replay
    from research.tape import TapeError

    if not files:
        raise CommandError("usage", "no recording was named", "keel replay FILE...")
    if speed is not None and not speed > 0:
        raise CommandError("usage", f"--speed {speed}: expected a number above 0")
    try:
        settings = load({"strategy": strategy}, profile=profile)
    except ConfigurationError as error:
        raise CommandError("configuration", str(error)) from error
    try:
        with _whole_file(trace) as file:
            replay = Replay(files, {strategy: strategy}, settings.engine, markets_file=markets, seed=seed, trace=file)
            with progress_of("replaying", "frames", options) as progress:
                report = replay.run(progress, None if speed is None else Pacer(speed))
    except (TapeError, OSError) as error:
        raise CommandError("failure", str(error)) from error
    lines = _lines(report)
    if why is not None:
        market = next((one for one in replay.markets if why in (one.id, one.slug)), None)
        if market is None:
            slugs = ", ".join(one.slug for one in replay.markets)
            raise CommandError("not_found", f"no market {why!r} in the recording", f"it holds {slugs}")
        explained = [explanation_text(one, how_computed) for one in replay.explain(market.id)]
        report["why"] = explained
        lines += explained
    Output(options).show(report, Text(lines))
    return Exit.OK


@contextmanager
def _whole_file(path: Path | None) -> Generator[BinaryIO | None]:
    """Open a file that gets its name when all of it is written, and leaves nothing behind when that fails."""
    if path is None:
        yield None
        return
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _lines(report: dict[str, Any]) -> list[str]:
    held = f"{report['book_hash_ok']}/{report['book_hash_checked']} hashes hold"
    cancels = ", ".join(f"{reason} {count}" for reason, count in report["cancels_by_reason"].items()) or "none"
    done = ", ".join(f"{report[name]} {name}" for name in ("resyncs", "decisions", "orders", "fills"))
    pnl = "   ".join(f"{part} {amount}" for part, amount in report["pnl"].items())
    return [
        f"{report['frames']} frames of {report['markets']} market(s): {report['books']} books, {held}",
        f"{done}; cancels: {cancels}",
        pnl,
        *_killed(report["killed"]),
        f"trace {report['trace_sha256']}",
        *(f"warning: {warning}" for warning in report["warnings"]),
    ]


def _killed(killed: dict[str, Any] | None) -> list[str]:
    if killed is None:
        return []
    missed = f"{killed['frames_missed']} frames and {killed['seconds_missed']} s were played without it"
    return [f"KILLED at {killed['at']}: {killed['reason']}; {missed}"]
