"""`bin/prove load`."""

import argparse
from dataclasses import asdict
from typing import Final

from research.prove.commands.arguments import count, positive, show_report
from research.prove.load import SCHEMA, measure

NAME: Final = "load"
HELP: Final = "what a sandbox takes of a core while it sends and is sent to"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be asked."""
    parser.add_argument("--seconds", type=positive, default=20.0, metavar="S", help="default 20")
    parser.add_argument("--messages", type=count, default=4_000, metavar="N", help="messages per second (default 4000)")
    parser.add_argument("--orders", type=count, default=200, metavar="N", help="orders per second (default 200)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default 1")
    parser.add_argument("--json", action="store_true", help="one document instead of the lines")


def run(asked: argparse.Namespace) -> int:
    """Run it and print what came of it; 1 when something does not hold."""
    load = measure(asked.seconds, asked.messages, asked.orders, asked.seed)
    return show_report(
        asked,
        load.holds,
        {"schema": SCHEMA, "holds": load.holds, **asdict(load)},
        (f"{name:<16} {value}" for name, value in asdict(load).items()),
    )
