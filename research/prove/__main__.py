"""`bin/prove`: check what is claimed of the system, from outside. Exit code 1 when something does not hold."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec

from research.prove import beside_table
from research.prove.beside import compare
from research.prove.crash import Asked as AskedCrashes
from research.prove.crash import prove_crash
from research.prove.crash_table import crash_document, crash_lines
from research.prove.kill import RAISERS, prove_kill
from research.prove.kill import Asked as AskedKills
from research.prove.live import Asked, prove_live
from research.prove.load import SCHEMA, measure
from research.prove.postgres import OWN
from research.prove.progress import bar
from research.prove.ranges import RANGES
from research.prove.table import document, kill_document, kill_lines, lines, live_document, live_lines
from research.prove.venue import prove
from sandbox.faults.plan import PLANS
from sandbox.world.profiles import PROFILES


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove what the arguments choose and print what came of it."""
    asked = _parser().parse_args(arguments)
    if asked.proof == "load":
        return _load(asked)
    if asked.proof == "live":
        return _live(asked)
    if asked.proof == "kill":
        return _kill(asked)
    if asked.proof == "crash":
        return _crash(asked)
    if asked.proof == "beside":
        return _beside(asked)
    with bar(asked.profile) as told:
        report = prove(asked.profile, asked.hours, asked.seed, told, count=asked.markets_count, orders=asked.orders)
    if asked.json:
        sys.stdout.buffer.write(msgspec.json.encode(document(report)) + b"\n")
    else:
        print("\n".join(lines(report)))
    return 0 if report.holds else 1


def _load(asked: argparse.Namespace) -> int:
    load = measure(asked.seconds, asked.messages, asked.orders, asked.seed)
    if asked.json:
        sys.stdout.buffer.write(msgspec.json.encode({"schema": SCHEMA, "holds": load.holds, **asdict(load)}) + b"\n")
    else:
        print("\n".join(f"{name:<16} {value}" for name, value in asdict(load).items()))
    return 0 if load.holds else 1


def _beside(asked: argparse.Namespace) -> int:
    seeds = range(asked.seed, asked.seed + asked.seeds)
    with bar(f"{asked.profile}, {asked.seeds} seeds") as told:
        report = compare(
            asked.profile,
            seeds,
            asked.minutes,
            told,
            markets=asked.markets_count,
            latency_ms=asked.latency_ms,
            at_once=asked.at_once,
            keep=asked.keep,
        )
    if asked.json:
        sys.stdout.buffer.write(msgspec.json.encode(beside_table.document(report)) + b"\n")
    else:
        print("\n".join(beside_table.lines(report)))
    return 0 if report.holds else 1


def _live(asked: argparse.Namespace) -> int:
    wanted = Asked(
        asked.minutes, asked.faults, asked.seed, asked.profile, asked.clock_speed, asked.kills, asked.account,
        asked.markets_count,
    )  # fmt: skip
    try:
        with bar(f"live, {asked.faults}") as told:
            report = prove_live(wanted, told, asked.folder)
    except KeyboardInterrupt:
        return 130
    except RuntimeError as error:
        sys.stderr.write(f"prove: {error}\n")
        return 1
    if asked.json:
        sys.stdout.buffer.write(msgspec.json.encode(live_document(report)) + b"\n")
    else:
        print("\n".join(live_lines(report)))
    return 0 if report.holds else 1


def _kill(asked: argparse.Namespace) -> int:
    raisers = tuple(asked.by) if asked.by else RAISERS
    wanted = AskedKills(asked.tries, raisers, asked.orders, asked.markets_count, asked.seed, asked.db)
    try:
        with bar("kill") as told:
            report = prove_kill(wanted, told, asked.folder)
    except KeyboardInterrupt:
        return 130
    except (RuntimeError, TimeoutError) as error:
        sys.stderr.write(f"prove: {error}\n")
        return 1
    if asked.json:
        sys.stdout.buffer.write(msgspec.json.encode(kill_document(report)) + b"\n")
    else:
        print("\n".join(kill_lines(report)))
    return 0 if report.holds else 1


def _crash(asked: argparse.Namespace) -> int:
    wanted = AskedCrashes(
        asked.kills, asked.seed, asked.db, asked.faults, asked.profile, asked.clock_speed, asked.account,
        asked.markets_count,
    )  # fmt: skip
    try:
        with bar("crash") as told:
            report = prove_crash(wanted, told, asked.folder)
    except RuntimeError as error:
        sys.stderr.write(f"prove: {error}\n")
        return 1
    if asked.json:
        sys.stdout.buffer.write(msgspec.json.encode(crash_document(report)) + b"\n")
    else:
        print("\n".join(crash_lines(report)))
    return 0 if report.holds else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bin/prove", description="Check what is claimed of the system, from outside.")
    proofs = parser.add_subparsers(dest="proof", required=True, metavar="PROOF")
    venue = proofs.add_parser("venue", help="the sandbox's books, hashes, trades, sums and statistics")
    venue.add_argument("--profile", choices=tuple(RANGES), default="sports_inplay", help="which world")
    venue.add_argument("--hours", type=_positive, default=1.0, metavar="H", help="virtual hours (default 1)")
    venue.add_argument("--seed", type=int, default=1, metavar="S", help="default 1")
    venue.add_argument("--markets-count", type=_count, metavar="N", help="markets (coins in crypto_5m)")
    venue.add_argument(
        "--orders",
        type=float,
        default=1.0,
        metavar="N",
        help="orders and cancels of scripted accounts in a minute (default 1; many of them show in the statistics)",
    )
    venue.add_argument("--json", action="store_true", help="one document instead of the table")
    load = proofs.add_parser("load", help="what a sandbox takes of a core while it sends and is sent to")
    load.add_argument("--seconds", type=_positive, default=20.0, metavar="S", help="default 20")
    load.add_argument("--messages", type=_count, default=4_000, metavar="N", help="messages per second (default 4000)")
    load.add_argument("--orders", type=_count, default=200, metavar="N", help="orders per second (default 200)")
    load.add_argument("--seed", type=int, default=1, metavar="S", help="default 1")
    load.add_argument("--json", action="store_true", help="one document instead of the lines")
    beside = proofs.add_parser("beside", help="paper beside a market against live in it, seed by seed")
    beside.add_argument("--profile", choices=tuple(RANGES), default="demo", help="which world (default demo)")
    beside.add_argument("--seeds", type=_count, default=5, metavar="N", help="how many (default 5)")
    beside.add_argument("--seed", type=int, default=1, metavar="S", help="the first of them (default 1)")
    beside.add_argument("--minutes", type=_positive, default=5.0, metavar="M", help="of each seed (default 5)")
    beside.add_argument("--markets-count", type=_count, metavar="N", help="markets (coins in crypto_5m)")
    beside.add_argument(
        "--latency-ms", type=_count, metavar="N", help="what paper assumes of orders and cancels (default: its own)"
    )
    beside.add_argument(
        "--at-once", type=_count, default=1, metavar="N", help="seeds that run together, of four processes each"
    )
    beside.add_argument("--keep", type=Path, metavar="DIR", help="keep databases, tapes and logs there")
    beside.add_argument("--json", action="store_true", help="one document instead of the table")
    killed = proofs.add_parser("kill", help="kills in the midst of many orders a second, and what left after them")
    killed.add_argument("--tries", type=_count, default=1, metavar="N", help="of each way to kill (default 1)")
    killed.add_argument("--by", choices=RAISERS, action="append", help="only this way; may be given again")
    killed.add_argument("--orders", type=_count, default=200, metavar="N", help="in a second (default 200)")
    killed.add_argument("--markets-count", type=_count, default=100, metavar="N", help="markets (default 100)")
    killed.add_argument("--seed", type=int, default=1, metavar="S", help="default 1")
    killed.add_argument("--db", choices=(OWN,), help="a PostgreSQL server of its own, cut off after each kill")
    killed.add_argument(
        "--folder", type=Path, metavar="DIR", help="keep logs and data there, not in a temporary folder"
    )
    killed.add_argument("--json", action="store_true", help="one document instead of the table")
    _add_live(proofs.add_parser("live", help="an engine that trades live on a sandbox: what each says of it"))
    _add_crash(proofs.add_parser("crash", help="an engine that is killed again and again: what it knows afterwards"))
    return parser


def _add_crash(crash: argparse.ArgumentParser) -> None:
    crash.add_argument("--kills", type=_count, default=127, metavar="N", help="default 127")
    crash.add_argument("--seed", type=int, default=1, metavar="S", help="default 1")
    crash.add_argument(
        "--db", metavar="URL", help="an empty database, or postgresql: a server of its own, cut off now and then"
    )
    crash.add_argument("--faults", choices=tuple(PLANS), default="none", help="what goes wrong besides (default none)")
    crash.add_argument("--profile", choices=tuple(PROFILES), default="demo", help="which world (default demo)")
    crash.add_argument(
        "--clock-speed",
        type=_positive,
        default=1.5,
        metavar="N",
        help="of the sandbox (default 1.5); engines keep time",
    )
    crash.add_argument(
        "--account", type=_natural, default=1, metavar="N", help="0: its own wallet; 1 (default): a deposit wallet"
    )
    crash.add_argument("--markets-count", type=_count, default=6, metavar="N", help="markets (default 6)")
    crash.add_argument("--folder", type=Path, metavar="DIR", help="keep logs and data there, not in a temporary folder")
    crash.add_argument("--json", action="store_true", help="one document instead of the table")


def _add_live(live: argparse.ArgumentParser) -> None:
    live.add_argument("--minutes", type=_positive, default=30.0, metavar="M", help="sandbox minutes (default 30)")
    live.add_argument("--faults", choices=tuple(PLANS), default="mixed", help="what goes wrong (default mixed)")
    live.add_argument("--seed", type=int, default=1, metavar="S", help="default 1")
    live.add_argument("--profile", choices=tuple(PROFILES), default="demo", help="which world (default demo)")
    live.add_argument("--kills", type=_natural, default=0, metavar="N", help="kill -9 the engine N times (default 0)")
    live.add_argument(
        "--clock-speed",
        type=_positive,
        default=1.0,
        metavar="N",
        help="of the sandbox (default 1); the engine has its own",
    )
    live.add_argument(
        "--account", type=_natural, default=1, metavar="N", help="0: its own wallet; 1 (default): a deposit wallet"
    )
    live.add_argument("--markets-count", type=_count, metavar="N", help="markets (coins in crypto_5m)")
    live.add_argument("--folder", type=Path, metavar="DIR", help="keep logs and data there, not in a temporary folder")
    live.add_argument("--json", action="store_true", help="one document instead of the table")


def _positive(text: str) -> float:
    hours = float(text)
    if hours <= 0:
        raise argparse.ArgumentTypeError("more than 0")
    return hours


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count


def _natural(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError("at least 0")
    return count


if __name__ == "__main__":
    sys.exit(main())
