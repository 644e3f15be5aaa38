"""`bin/prove`: check what is claimed of the system, from outside. Exit code 1 when something does not hold.

Each proof is a module with `NAME`, `HELP`, `add_arguments(parser)` and `run(asked) -> int`.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Final, Protocol

from research.prove.commands import beside, canary, crash, kill, live, load, races, sim, venue
from research.prove.zoo import command as zoo


class Proof(Protocol):
    """A module that proves something."""

    @property
    def NAME(self) -> str: ...  # noqa: N802

    @property
    def HELP(self) -> str: ...  # noqa: N802

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Say what it can be asked."""
        ...

    def run(self, asked: argparse.Namespace, /) -> int:
        """Run it and print what came of it."""
        ...


PROOFS: Final[tuple[Proof, ...]] = (venue, load, beside, kill, live, crash, sim, zoo, races, canary)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove what the arguments choose; who asks for an unknown proof is told which there are (exit 2).

    A proof that cannot be carried out ends with why, and 1; Ctrl-C with 130.
    """
    parser = argparse.ArgumentParser(prog="bin/prove", description="Check what is claimed of the system, from outside.")
    proofs = parser.add_subparsers(dest="proof", required=True, metavar="PROOF")
    for proof in PROOFS:
        proof.add_arguments(proofs.add_parser(proof.NAME, help=proof.HELP))
    asked = parser.parse_args(arguments)
    try:
        return next(proof for proof in PROOFS if asked.proof == proof.NAME).run(asked)
    except KeyboardInterrupt:
        return 130
    except (RuntimeError, TimeoutError) as error:
        sys.stderr.write(f"prove: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
