"""`bin/prove live`."""

import argparse
from typing import Final

from research.prove.commands.arguments import count, folder, natural, positive, show_report
from research.prove.live import Asked, prove_live
from research.prove.progress import bar
from research.prove.table import live_document, live_lines
from sandbox.faults.plan import PLANS
from sandbox.world.profiles import PROFILES

NAME: Final = "live"
PROVES: Final = ("I1", "I3", "I4", "I5", "I8", "I17")
HELP: Final = "an engine that trades live on a sandbox: what each says of it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be asked."""
    parser.add_argument("--minutes", type=positive, default=30.0, metavar="M", help="sandbox minutes (default 30)")
    parser.add_argument("--faults", choices=tuple(PLANS), default="mixed", help="what goes wrong (default mixed)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default 1")
    parser.add_argument("--profile", choices=tuple(PROFILES), default="demo", help="which world (default demo)")
    parser.add_argument("--kills", type=natural, default=0, metavar="N", help="kill -9 the engine N times (default 0)")
    parser.add_argument(
        "--clock-speed",
        type=positive,
        default=1.0,
        metavar="N",
        help="of the sandbox (default 1); the engine has its own",
    )
    parser.add_argument(
        "--account", type=natural, default=1, metavar="N", help="0: its own wallet; 1 (default): a deposit wallet"
    )
    parser.add_argument("--markets-count", type=count, metavar="N", help="markets (coins in crypto_5m)")
    parser.add_argument(
        "--folder", type=folder, metavar="DIR", help="keep logs and data there, not in a temporary folder"
    )
    parser.add_argument("--json", action="store_true", help="one document instead of the table")


def run(asked: argparse.Namespace) -> int:
    """Run it and print what came of it; 1 when something does not hold."""
    wanted = Asked(
        asked.minutes, asked.faults, asked.seed, asked.profile, asked.clock_speed, asked.kills, asked.account,
        asked.markets_count,
    )  # fmt: skip
    with bar(f"live, {asked.faults}") as told:
        report = prove_live(wanted, told, asked.folder)
    return show_report(asked, report.holds, live_document(report), live_lines(report))
