import pytest

from tests.sandbox.faults.live import Live


@pytest.fixture(scope="session")
def running():
    venue = Live()
    yield venue
    venue.stop()


@pytest.fixture
def live(running):
    yield running
    running.leave()
