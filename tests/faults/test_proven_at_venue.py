"""A kill is done when the venue itself says that nothing rests there, and not before."""

from pathlib import Path

import pytest

from tests.bin.processes import sandbox
from tests.faults.live_engine import clear, live, log


@pytest.mark.proves("I9")
@pytest.mark.fault("F22")
@pytest.mark.fault("F23")
def test_what_the_venue_still_lists_is_named_and_what_it_does_not_say_is_doubted(tmp_path: Path) -> None:
    with (
        sandbox("--port", 0, "--profile", "demo", "--markets-count", 2, "--seed", 7) as venue,
        live(venue, 0, tmp_path, executor__reconcile_every_ms="700") as running,
    ):
        control = running.engine.control
        # Said in the moment of the start, whose pause must not come behind it.
        assert control.set_state("resume", (), "test", 30, confirmed=True).changed
        running.quotes()
        venue.fault("stale_reads", lag=120, path="/data/orders")
        began = log(venue)[-1]["n"]
        running.until(
            lambda: [line for line in log(venue, "request", began) if line["path"] == "/data/orders"], "it is listed"
        )
        old = control.kill("drill", "test", 5)
        assert not old.proven
        assert old.rests, old.lines
        assert old.lines[-1].startswith("the venue still lists "), old.lines
        clear(venue)

        venue.fault("pages", how="endless", path="/data/orders")
        doubted = control.kill("drill", "test", 3)
        assert (doubted.proven, doubted.rests, bool(doubted.doubt)) == (False, (), True), doubted.lines
        clear(venue)
        assert control.kill("drill", "test", 20).proven
        assert running.account()["open_orders"] == []
