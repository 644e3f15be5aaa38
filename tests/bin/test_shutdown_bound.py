"""An end that takes too long ends the process from outside, with the code that says so."""

from pathlib import Path

import pytest

import bin.shutdown
from bin.catalogue import sandbox_endpoints
from bin.run import built
from config.settings import load
from tests.bin.processes import Sandbox, until


@pytest.mark.proves("I38", kind="unit")
def test_what_hangs_in_the_end_does_not_keep_it_alive(
    venue: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []
    settings = load({"tag": "desk", "maker.bid_size": "5"}, config_file=None, env_file=None, environment={})
    endpoints = sandbox_endpoints(venue.url)
    engine = built(settings, "paper", endpoints, tmp_path, recording=False, leave=codes.append)
    engine.start()
    until(lambda: engine.is_ready, "it is ready")
    assert codes == []
    monkeypatch.setattr(bin.shutdown, "WHOLE_S", 0.001)
    first = engine.stop()
    assert codes == [70]
    assert engine.stop() is first, "ended once, asked as often as one likes"
    assert first.recorded
    assert first.left == ()
