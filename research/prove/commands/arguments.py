"""The kinds of number that proofs are asked for, and how what came of one is shown."""

import argparse
import sys
from collections.abc import Iterable

import msgspec


def positive(text: str) -> float:
    """Read an amount that is more than 0."""
    amount = float(text)
    if amount <= 0:
        raise argparse.ArgumentTypeError("more than 0")
    return amount


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
