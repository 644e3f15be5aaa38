"""`bin/prove zoo`."""

import argparse
import os
import sys
from typing import Final

from research.prove.commands.arguments import count, show, show_report
from research.prove.progress import bar
from research.prove.zoo.bugs import BUGS
from research.prove.zoo.hunt import Hunted, hunt_all
from research.prove.zoo.known import IN_CI

NAME: Final = "zoo"
HELP: Final = "bugs that are planted one by one, and the seed of `sim` that catches each"
SCHEMA: Final = "keel.prove.zoo/1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be asked."""
    parser.add_argument("--bugs", nargs="+", metavar="NAME", help="only these (default all; --list names them)")
    parser.add_argument("--list", action="store_true", help="name all bugs and say what each does")
    parser.add_argument("--seeds", type=count, default=500, metavar="N", help="most seeds for each bug (default 500)")
    parser.add_argument("--known", action="store_true", help="under their known seed alone; without --bugs those of CI")
    parser.add_argument("--jobs", type=count, metavar="N", help="processes (default: one for each core)")
    parser.add_argument("--json", action="store_true", help="one document instead of the table")


def run(asked: argparse.Namespace) -> int:
    """Hunt them and print what came of it; 1 when a bug escapes, 2 for a name that is none."""
    if asked.list:
        show(f"{bug.name:<24} {bug.says}" for bug in BUGS.values())
        return 0
    names = tuple(asked.bugs or (IN_CI if asked.known else BUGS))
    unknown = [name for name in names if name not in BUGS]
    if unknown:
        sys.stderr.write(f"prove: no bug {', '.join(unknown)}; there are {', '.join(BUGS)}\n")
        return 2
    jobs = min(asked.jobs or os.cpu_count() or 1, len(names))
    with bar(f"zoo, {len(names)} bugs", shown=not asked.json) as told:
        hunted = list(hunt_all(names, asked.seeds, known=asked.known, jobs=jobs, told=told))
    return show_report(asked, all(one.found is not None for one in hunted), document(hunted), lines(hunted))


def lines(hunted: list[Hunted]) -> list[str]:
    """Write what came of each bug, and how many were caught."""
    out = [f"{'bug':<24} {'seed':>5} {'tried':>5} {'step':>7} {'breaks':<6} {'s':>7}"]
    for one in hunted:
        seed, step, breaks = ("-", "-", "-") if one.found is None else (one.seed, one.found.step, one.found.invariant)
        out.append(f"{one.name:<24} {seed!s:>5} {one.tried:>5} {step!s:>7} {breaks:<6} {one.seconds:>7.1f}")
    caught = sum(one.found is not None for one in hunted)
    out.append(f"{caught} of {len(hunted)} caught")
    out += [f"  escaped: {one.name}, {one.says}" for one in hunted if one.found is None]
    return out


def document(hunted: list[Hunted]) -> dict[str, object]:
    """Return the same for programs."""
    return {
        "schema": SCHEMA,
        "holds": all(one.found is not None for one in hunted),
        "bugs": [
            {
                "name": one.name,
                "says": one.says,
                "tried": one.tried,
                "seed": one.seed,
                "step": None if one.found is None else one.found.step,
                "invariant": None if one.found is None else one.found.invariant,
                "found": None if one.found is None else one.found.text,
                "seconds": round(one.seconds, 3),
            }
            for one in hunted
        ],
    }
