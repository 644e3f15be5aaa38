"""A venue that says what it is told, and what is logged of it."""

from collections.abc import Iterator

import pytest
from loguru import logger

from tests.actors.venues.wire_server import SocketServer, socket_server


@pytest.fixture
def venue() -> Iterator[SocketServer]:
    with socket_server() as server:
        yield server


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Log lines with what they are bound to."""
    said: list[str] = []
    handler = logger.add(lambda line: said.append(str(line)), format="{level} {extra} {message}")
    yield said
    logger.remove(handler)
