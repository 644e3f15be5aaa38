"""`bin/prove kill`."""

import argparse
from typing import Final

from research.prove.commands.arguments import count, folder, show_report
from research.prove.kill import RAISERS, Asked, prove_kill
from research.prove.postgres import OWN
from research.prove.progress import bar
from research.prove.table import kill_document, kill_lines

NAME: Final = "kill"
PROVES: Final = ("I9", "I10", "I27", "I45")
HELP: Final = "kills in the midst of many orders a second, and what left after them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be asked."""
    parser.add_argument("--tries", type=count, default=1, metavar="N", help="of each way to kill (default 1)")
    parser.add_argument("--by", choices=RAISERS, action="append", help="only this way; may be given again")
    parser.add_argument("--orders", type=count, default=200, metavar="N", help="in a second (default 200)")
    parser.add_argument("--markets-count", type=count, default=100, metavar="N", help="markets (default 100)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default 1")
    parser.add_argument("--db", choices=(OWN,), help="a PostgreSQL server of its own, cut off after each kill")
    parser.add_argument(
        "--folder", type=folder, metavar="DIR", help="keep logs and data there, not in a temporary folder"
    )
    parser.add_argument("--json", action="store_true", help="one document instead of the table")


def run(asked: argparse.Namespace) -> int:
    """Run it and print what came of it; 1 when something does not hold."""
    raisers = tuple(asked.by) if asked.by else RAISERS
    wanted = Asked(asked.tries, raisers, asked.orders, asked.markets_count, asked.seed, asked.db)
    with bar("kill") as told:
        report = prove_kill(wanted, told, asked.folder)
    return show_report(asked, report.holds, kill_document(report), kill_lines(report))
