import pytest

from research.bench import machines
from research.bench.machines import DifferentWork, MachinesAlone, actors_over_machines, replay


def test_actors_and_machines_alone_do_the_same_work() -> None:
    measured = actors_over_machines(seconds=4, number=3)
    assert measured["orders"] > 0
    assert measured["ratio"] == pytest.approx(measured["actors_events_per_s"] / measured["machines_events_per_s"])


def test_a_side_that_does_less_is_no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    class Idle(MachinesAlone):
        def _run(self) -> None:
            self._ready.clear()
            self._mail.clear()

    monkeypatch.setattr(machines, "MachinesAlone", Idle)
    with pytest.raises(DifferentWork, match="machines alone: 0 orders"):
        actors_over_machines(seconds=2, number=1)


def test_a_made_up_recording_is_replayed_with_orders_and_fills() -> None:
    measured = replay(seconds=20, number=3)
    assert measured["events_per_s"] > 0
    assert measured["orders"] > 0
    assert measured["fills"] > 0
