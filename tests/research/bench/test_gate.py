"""The cost of the gate is measured on orders that pass it."""

import pytest

from research.bench import gate as measured
from research.bench.gate import gate


def test_every_order_passes_and_each_cost_is_per_order() -> None:
    found = gate(1)
    assert found["ratio"] == pytest.approx(found["gate_us"] / found["bare_us"])
    assert found["told_us"] > 0


def test_an_order_that_does_not_pass_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "_ROUNDS", 1_501)
    with pytest.raises(RuntimeError, match="more than 1500 orders within 1 s"):
        gate(1)
