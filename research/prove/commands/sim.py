"""`bin/prove sim`."""

import argparse
import sys
from typing import TYPE_CHECKING, Final

from research.prove.commands.arguments import count, show, show_report
from research.prove.progress import bar

if TYPE_CHECKING:
    from research.prove.sim.run import Found

NAME: Final = "sim"
HELP: Final = "a live engine in virtual time, with faults, crashes and operators by seed: no invariant is broken"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be asked."""
    parser.add_argument("--seeds", type=count, metavar="N", help="how many (default 100, or 1 with --until)")
    parser.add_argument("--seed", type=count, default=1, metavar="S", help="the first of them (default 1)")
    parser.add_argument("--until", type=count, metavar="STEP", help="run this one seed no further, and show its end")
    parser.add_argument("--jobs", type=count, metavar="N", help="processes (default: one for each core)")
    parser.add_argument("--json", action="store_true", help="one document instead of the table")


def run(asked: argparse.Namespace) -> int:
    """Run it and print what came of it; 1 when something does not hold."""
    try:
        from research.prove.sim.run import Report, prove_sim, run_seed
        from research.prove.sim.table import document, lines, outcome_lines
    except ModuleNotFoundError as missing:
        sys.stderr.write(f"prove: {missing.name} is not installed; bin/setup research brings it\n")
        return 1
    if asked.until is not None and asked.seeds is not None:
        sys.stderr.write("prove: --until is about one seed; leave --seeds out\n")
        return 2
    if asked.until is not None:
        outcome = run_seed(asked.seed, until=asked.until)
        if not asked.json:
            show(outcome_lines(outcome, asked.until))
            return 0 if outcome.found is None else 1
        report = Report(asked.seed)
        report.add(outcome)
    else:
        seeds = asked.seeds or 100
        with bar(f"sim, {seeds} seeds", shown=not asked.json) as told:
            report = prove_sim(asked.seed, seeds, asked.jobs, told, _say)
    code = show_report(asked, report.holds, document(report), lines(report))
    return 130 if report.is_interrupted else code


def _say(seed: int, found: "Found") -> None:
    """Say at once what a seed has broken: the others may take long."""
    from research.prove.sim.table import found_lines

    sys.stderr.write("\n".join(found_lines(seed, found, whole=False)) + "\n")
