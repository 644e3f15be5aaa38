"""`bin/prove venue`."""

import argparse
from typing import Final

from research.prove.commands.arguments import amount, count, positive, show_report
from research.prove.progress import bar
from research.prove.ranges import RANGES
from research.prove.table import document, lines
from research.prove.venue import prove

NAME: Final = "venue"
HELP: Final = "the sandbox's books, hashes, trades, sums and statistics"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be asked."""
    parser.add_argument("--profile", choices=tuple(RANGES), default="sports_inplay", help="which world")
    parser.add_argument("--hours", type=positive, default=1.0, metavar="H", help="virtual hours (default 1)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default 1")
    parser.add_argument("--markets-count", type=count, metavar="N", help="markets (coins in crypto_5m)")
    parser.add_argument(
        "--orders",
        type=amount,
        default=1.0,
        metavar="N",
        help="orders and cancels of scripted accounts in a minute (default 1; many of them show in the statistics)",
    )
    parser.add_argument("--json", action="store_true", help="one document instead of the table")


def run(asked: argparse.Namespace) -> int:
    """Run it and print what came of it; 1 when something does not hold."""
    with bar(asked.profile) as told:
        report = prove(asked.profile, asked.hours, asked.seed, told, count=asked.markets_count, orders=asked.orders)
    return show_report(asked, report.holds, document(report), lines(report))
