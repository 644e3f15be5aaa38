"""`bin/prove canary`."""

import argparse
from typing import Final

from research.prove.canary import SCHEMA, Report, prove_canary
from research.prove.commands.arguments import folder, show_report
from research.prove.progress import bar

NAME: Final = "canary"
PROVES: Final = ("I39",)
HELP: Final = "an engine in trouble with secrets that are known, which are then searched in all that came of it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what it can be asked."""
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the sandbox and its accounts (default 1)")
    parser.add_argument(
        "--folder", type=folder, metavar="DIR", help="leave all that is searched there, not in a temporary folder"
    )
    parser.add_argument("--json", action="store_true", help="one document instead of the lines")


def run(asked: argparse.Namespace) -> int:
    """Run it and print what came of it; 1 when a secret was found."""
    with bar("canary") as told:
        report = prove_canary(asked.seed, told, asked.folder)
    return show_report(asked, report.holds, _document(report), _lines(report))


def _document(report: Report) -> dict[str, object]:
    return {
        "schema": SCHEMA, "holds": report.holds, "folder": str(report.folder), "scenes": report.scenes,
        "shapes": report.shapes, "files": report.scan.files, "bytes": report.scan.bytes,
        "hits": [{"file": hit.file, "offset": hit.offset, "secret": hit.secret} for hit in report.scan.hits],
        "memory_bytes": report.memory, "memory_hits": report.memory_hits, "wrong": report.wrong,
    }  # fmt: skip


def _lines(report: Report) -> list[str]:
    scan = report.scan
    memory = (
        "could not be read here" if report.memory is None else f"{report.memory:,} bytes, {report.memory_hits} hits"
    )
    return [
        *(f"  {scene}" for scene in report.scenes),
        f"searched: {scan.bytes:,} bytes in {scan.files:,} files for {report.shapes} shapes: {len(scan.hits)} hits",
        f"memory of an engine whose key is at its signer: {memory}",
        *(f"FOUND {hit}" for hit in scan.hits),
        *(f"WRONG {wrong}" for wrong in report.wrong),
        f"all of it: {report.folder}",
    ]
