"""Every test that asks for a `world` runs under each dispatcher."""

from collections.abc import Iterator

import pytest
from loguru import logger

from tests.actors.runtime.worlds import SimWorld, World, world_of


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger.disable("actors.runtime")
    yield
    logger.enable("actors.runtime")


@pytest.fixture(params=["pool", "threads", "sim"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with world_of(request.param) as it:
        yield it


@pytest.fixture
def sim() -> SimWorld:
    return SimWorld()
