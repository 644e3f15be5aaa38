"""One engine a module, worked by a steady hand through all of its faults."""

from collections.abc import Iterator

import pytest

from models.markets import Market
from tests.bin.processes import sandbox
from tests.faults.by_hand import QUIET
from tests.faults.journal import agree
from tests.faults.live_engine import clear, live
from tests.faults.steady_hand import SteadyHand

_WORLD = ("--port", 0, "--profile", "demo", "--markets-count", 10, "--seed", 3)
_SHORT = {
    "executor__late_acceptance_ms": "1500",
    "executor__absence_apart_ms": "300",
    "executor__read_lag_ms": "1000",
}
"""The windows of 20 and 30 s, made short; a module's own `SETTINGS` come on top."""


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SteadyHand]:
    settings = {**QUIET, **_SHORT, **getattr(request.module, "SETTINGS", {})}
    with sandbox(*_WORLD) as venue, live(venue, 0, tmp_path_factory.mktemp("rest"), **settings) as engine:
        engine.resume()
        yield SteadyHand(engine)
        agree(engine)


@pytest.fixture
def hand(running: SteadyHand) -> Iterator[SteadyHand]:
    """A hand on an engine that trades; afterwards the venue is as before, and a person has let it go on."""
    running.recovers()
    yield running
    clear(running.venue)
    running.person_resumes()
    running.clear()


@pytest.fixture
def market(hand: SteadyHand) -> Market:
    return hand.calm()
