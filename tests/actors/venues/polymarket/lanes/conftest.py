"""A local venue for each module, and the lanes of an account of it for each test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from tests.actors.venues.polymarket.lanes.lanes_at_work import Lanes
from tests.actors.venues.polymarket.local_venue import clear, sandbox


@pytest.fixture(scope="module")
def venue() -> Iterator[dict[str, Any]]:
    with sandbox() as told:
        yield told


@pytest.fixture
def number() -> int:
    """Which account of the venue trades. The bucket of the third is emptied."""
    return 0


@pytest.fixture
def lanes(venue: dict[str, Any], number: int, tmp_path: Path) -> Iterator[Lanes]:
    logger.disable("actors")
    made = Lanes(venue, venue["accounts"][number], tmp_path)
    yield made
    clear(venue)
    made.close()
    logger.enable("actors")
