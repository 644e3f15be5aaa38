"""`python -m research.invariants` writes `docs/invariants.md` anew; exit code 1 where an invariant has no proof."""

import sys

from research.invariants.marks import proofs
from research.invariants.page import PAGE, render, unknown, unproven


def main() -> int:
    """Write the page and say what is missing."""
    found = proofs()
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
    for name in unproven(found):
        sys.stderr.write(f"{name} is proven by nothing\n")
    for mark in unknown(found):
        sys.stderr.write(f"{mark}: there is no such invariant\n")
    return 1 if unproven(found) or unknown(found) else 0


if __name__ == "__main__":
    sys.exit(main())
