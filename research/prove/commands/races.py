"""`bin/prove races`."""

import argparse
from typing import Final

from research.prove.commands.arguments import count, show_report
from research.prove.progress import bar
from research.prove.races import RACES, Asked, prove_races
from research.prove.races_table import race_document, race_lines

NAME: Final = "races"
PROVES: Final = ("I9", "I11", "I24", "I27", "I32", "I34")
HELP: Final = "kills, stops, restarts and mail against each other, on threads that are switched all the time"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be asked."""
    parser.add_argument("--tries", type=count, default=2_000, metavar="N", help="of all races together (default 2000)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the first of them (default 1)")
    parser.add_argument("--only", choices=tuple(RACES), help="only this race")
    parser.add_argument("--again", type=count, default=1, metavar="N", help="each try so often (default 1)")
    parser.add_argument("--json", action="store_true", help="one document instead of the table")


def run(asked: argparse.Namespace) -> int:
    """Run it and print what came of it; 1 when something does not hold."""
    with bar("races") as told:
        report = prove_races(Asked(asked.tries, asked.seed, asked.only, asked.again), told)
    return show_report(asked, report.holds, race_document(report), race_lines(report))
