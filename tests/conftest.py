"""What every test may ask for."""

import gc
import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.canaries import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown
from tests.sizes import TIMES

__all__ = ("pytest_sessionfinish", "pytest_terminal_summary", "pytest_testnodedown")
"""What looks for secrets that tests left behind, when all of them are over."""

settings.register_profile(
    "keel", deadline=None, max_examples=50 * TIMES, derandomize="CI" in os.environ and TIMES == 1, print_blob=True
)
settings.load_profile("keel")


_DEEPEST = sys.getrecursionlimit()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Import all tests without the collector, and hide them from it: what is collected is there to stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_runtest_setup() -> None:
    """Undo what a package of the official clients does when a test imports them; the engine does so for itself."""
    sys.setrecursionlimit(_DEEPEST)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of recorded market data: `shared` beside the checkout, or wherever RECORDED_DATA points.

    It is no part of the project, so it may be absent; where it is there, whatever a test wants of it has to be.
    """
    folder = Path(os.environ.get("RECORDED_DATA") or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip("recorded market data is no part of the project: in `shared` beside it, or at RECORDED_DATA")
    return folder
