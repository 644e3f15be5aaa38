"""`bin/prove beside`."""

import argparse
from typing import Final

from research.prove.beside import compare
from research.prove.beside_table import document, lines
from research.prove.commands.arguments import count, folder, positive, show_report
from research.prove.progress import bar
from research.prove.ranges import RANGES

NAME: Final = "beside"
HELP: Final = "paper beside a market against live in it, seed by seed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be asked."""
    parser.add_argument("--profile", choices=tuple(RANGES), default="demo", help="which world (default demo)")
    parser.add_argument("--seeds", type=count, default=5, metavar="N", help="how many (default 5)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the first of them (default 1)")
    parser.add_argument("--minutes", type=positive, default=5.0, metavar="M", help="of each seed (default 5)")
    parser.add_argument("--markets-count", type=count, metavar="N", help="markets (coins in crypto_5m)")
    parser.add_argument(
        "--latency-ms", type=count, metavar="N", help="what paper assumes of orders and cancels (default: its own)"
    )
    parser.add_argument(
        "--at-once", type=count, default=1, metavar="N", help="seeds that run together, of four processes each"
    )
    parser.add_argument("--keep", type=folder, metavar="DIR", help="keep databases, tapes and logs there")
    parser.add_argument("--json", action="store_true", help="one document instead of the table")


def run(asked: argparse.Namespace) -> int:
    """Run it and print what came of it; 1 when something does not hold."""
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
    return show_report(asked, report.holds, document(report), lines(report))
