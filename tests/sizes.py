"""How many histories hypothesis makes up: few in CI, more where `KEEL_EXAMPLES` says how many times as many."""

import os
from typing import Final

from hypothesis import settings

TIMES: Final = int(os.environ.get("KEEL_EXAMPLES") or 1)


def machine(examples: int, steps: int = 30) -> settings:
    """Return the size of a state machine: histories, and rules carried out in each."""
    return settings(max_examples=examples * TIMES, stateful_step_count=steps, deadline=None)
