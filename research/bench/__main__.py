"""`bin/bench`: measure and print the table. A table is no verdict: a missed target is said, and the exit is 0."""

import argparse
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import msgspec

from research.bench.market_data import PeerMissing, peers
from research.bench.measurements import MEASUREMENTS
from research.bench.table import SCHEMA, Measurement, Row, title

_QUIET_S = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the arguments choose and print it."""
    asked = _parser().parse_args(arguments)
    wanted = [one for one in MEASUREMENTS if not asked.only or one.id.lower() in asked.only]
    rounds = asked.rounds or (2 if asked.quick else 5)
    rows: list[Row] = []
    if asked.peers:
        with _told("making the environment of the peers"):
            peers()
    if not asked.json:
        print(title())
    for row in measure(wanted, rounds, quick=asked.quick):
        rows.append(row)
        if not asked.json:
            print("\n".join(row.lines()), flush=True)
    if asked.json:
        sys.stdout.buffer.write(msgspec.json.encode(document(rows, rounds, quick=asked.quick)) + b"\n")
    return 0


def measure(wanted: Iterable[Measurement], rounds: int, *, quick: bool) -> Iterator[Row]:
    """Take all rounds of one measurement after the other; what is missing or fails is a row that says so."""
    for measurement in wanted:
        count = min(rounds, measurement.rounds_max)
        taken: list[Any] = []
        try:
            for number in range(count):
                with _told(f"{measurement.id}: {measurement.what}, round {number + 1} of {count}"):
                    taken.append(measurement.take(quick))
        except PeerMissing as error:
            yield Row(measurement, skipped=str(error))
        except Exception as error:  # noqa: BLE001 - what breaks one row must not lose the others
            first, _, _ = str(error).partition("\n")
            yield Row(measurement, failed=f"{type(error).__name__}: {first}")
        else:
            yield Row(measurement, taken)


def document(rows: Sequence[Row], rounds: int, *, quick: bool) -> dict[str, Any]:
    """Return the table for scripts."""
    return {
        "schema": SCHEMA,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "rounds": rounds,
        "quick": quick,
        "rows": [row.document() for row in rows],
    }


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Say on stderr what is going on, if it goes on for longer than one waits without wondering."""
    over = Event()

    def tell() -> None:
        if not over.wait(_QUIET_S):
            sys.stderr.write(f"bench: {what}\n")

    teller = Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bin/bench", description="Measure speed and memory against the targets, and print the table."
    )
    parser.add_argument("--json", action="store_true", help=f"one {SCHEMA} document instead of the table")
    parser.add_argument("--only", type=_names, metavar="ID,ID", help=f"of {', '.join(one.id for one in MEASUREMENTS)}")
    parser.add_argument("--rounds", type=_count, metavar="N", help="rounds of each measurement (default 5, quick 2)")
    parser.add_argument("--quick", action="store_true", help="small sizes: the table's shape in half a minute")
    parser.add_argument("--peers", action="store_true", help="make what the comparisons with other libraries need")
    return parser


def _names(text: str) -> frozenset[str]:
    names = frozenset(name.strip().lower() for name in text.split(","))
    unknown = names - {one.id.lower() for one in MEASUREMENTS}
    if unknown:
        raise argparse.ArgumentTypeError(f"no measurement {', '.join(sorted(unknown))}")
    return names


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count


if __name__ == "__main__":
    sys.exit(main())
