"""One engine a module that quotes while its market channel fails."""

from collections.abc import Iterator

import pytest

from models.markets import Market
from tests.faults.live_engine import LiveEngine, clear
from tests.faults.streams_at_work import is_well, quoted, streaming


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveEngine]:
    with streaming(tmp_path_factory.mktemp("streams")) as running:
        yield running


@pytest.fixture
def running(engine: LiveEngine) -> Iterator[LiveEngine]:
    """An engine that quotes and of whose books none is in doubt; afterwards the venue is as before."""
    engine.until(lambda: is_well(engine), "all is well before")
    yield engine
    clear(engine.venue)


@pytest.fixture
def market(running: LiveEngine) -> Market:
    """A market in which an order of ours rests."""
    running.until(lambda: quoted(running), "a market is quoted")
    return running.engine.catalogue.markets[quoted(running)[0]]
