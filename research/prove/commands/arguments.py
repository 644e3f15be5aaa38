"""The kinds of number that proofs are asked for, and how what came of one is shown."""

import argparse
import math
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec


def positive(text: str) -> float:
    """Read an amount that is more than 0."""
    number = amount(text)
    if number <= 0:
        raise argparse.ArgumentTypeError("more than 0")
    return number


def amount(text: str) -> float:
    """Read an amount that is not less than 0."""
    number = float(text)
    if not math.isfinite(number) or number < 0:
        raise argparse.ArgumentTypeError("an amount of at least 0")
    return number


def count(text: str) -> int:
    """Read a number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def natural(text: str) -> int:
    """Read a number of at least 0."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("at least 0")
    return number


def folder(text: str) -> Path:
    """Return an empty folder, which is made where it is not there: an engine would go on from what is in it."""
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise argparse.ArgumentTypeError(f"{text} is not empty")
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error.strerror}") from None
    return path


def show(lines: Iterable[str]) -> None:
    """Print a table."""
    print("\n".join(lines))


def show_report(asked: argparse.Namespace, holds: bool, document: object, lines: Iterable[str]) -> int:
    """Print what came of a proof, as a document or as a table; return its exit code."""
    if asked.json:
        show_document(document)
    else:
        show(lines)
    return 0 if holds else 1


def show_document(document: object) -> None:
    """Print one JSON document on a line."""
    sys.stdout.buffer.write(msgspec.json.encode(document) + b"\n")
