"""`bin/prove crash`."""

import argparse
from typing import Final

from research.prove.commands.arguments import count, folder, natural, positive, show_report
from research.prove.crash import prove_crash
from research.prove.crash_lives import Asked
from research.prove.crash_table import crash_document, crash_lines
from research.prove.progress import bar
from sandbox.faults.plan import PLANS
from sandbox.world.profiles import PROFILES

NAME: Final = "crash"
PROVES: Final = ("I1", "I4", "I5", "I17", "I25", "I26", "I27")
HELP: Final = "an engine that is killed again and again: what it knows afterwards"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be asked."""
    parser.add_argument("--kills", type=count, default=127, metavar="N", help="default 127")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default 1")
    parser.add_argument(
        "--db", metavar="URL", help="an empty database, or postgresql: a server of its own, cut off now and then"
    )
    parser.add_argument("--faults", choices=tuple(PLANS), default="none", help="what goes wrong besides (default none)")
    parser.add_argument("--profile", choices=tuple(PROFILES), default="demo", help="which world (default demo)")
    parser.add_argument(
        "--clock-speed",
        type=positive,
        default=1.5,
        metavar="N",
        help="of the sandbox (default 1.5); engines keep time",
    )
    parser.add_argument(
        "--account", type=natural, default=1, metavar="N", help="0: its own wallet; 1 (default): a deposit wallet"
    )
    parser.add_argument("--markets-count", type=count, default=6, metavar="N", help="markets (default 6)")
    parser.add_argument(
        "--ends-every", type=natural, default=0, metavar="N", help="one life of N sees a market end (default 0: none)"
    )
    parser.add_argument("--at-once", type=count, default=1, metavar="N", help="engines, each with its own sandbox")
    parser.add_argument(
        "--folder", type=folder, metavar="DIR", help="keep logs and data there, not in a temporary folder"
    )
    parser.add_argument("--json", action="store_true", help="one document instead of the table")


def run(asked: argparse.Namespace) -> int:
    """Run it and print what came of it; 1 when something does not hold."""
    wanted = Asked(
        asked.kills, asked.seed, asked.db, asked.faults, asked.profile, asked.clock_speed, asked.account,
        asked.markets_count, asked.ends_every, asked.at_once,
    )  # fmt: skip
    with bar("crash") as told:
        report = prove_crash(wanted, told, asked.folder)
    return show_report(asked, report.holds, crash_document(report), crash_lines(report))
