"""What an engine does to the process that it runs in."""

import gc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors.gate import Gate
from actors.runtime.clock import SystemClock
from bin.engine import Engine, _keep_for_good
from models.cells import TradingState
from models.messages.base import Message
from models.messages.control import RaiseCell


def test_the_collector_does_not_go_through_what_the_start_has_made() -> None:
    before = gc.get_freeze_count()
    made = [[number] for number in range(1_000)]
    try:
        _keep_for_good()
        assert gc.get_freeze_count() >= before + len(made)
        assert not any(found is made[0] for found in gc.get_objects())
    finally:
        gc.unfreeze()


def test_a_start_works_without_the_collector_and_an_engine_that_is_up_with_it() -> None:
    gc.disable()
    try:
        _keep_for_good()
        assert gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


@pytest.mark.parametrize("trouble", ["", "kill", "fault", "lease", "fault and kill"])
def test_a_database_that_heals_lifts_its_cell_though_a_kill_stands_but_not_what_lasts(
    tmp_path: Path, trouble: str
) -> None:
    told: list[Message] = []
    gate = Gate(tmp_path / "KILL", SystemClock())
    engine: Any = SimpleNamespace(gate=gate, tell=told.append, _journal_waits=False)
    Engine._journal_refused(engine, "the disk is full")
    if "kill" in trouble:
        gate.kill("drill")
    if "fault" in trouble:
        gate.close("the journal is garbled")
    if trouble == "lease":
        gate.lease = lambda: "another engine writes"
    Engine._journal_took(engine)
    Engine._journal_took(engine)
    cells = [cell.state for cell in told if isinstance(cell, RaiseCell)]
    lifted = [TradingState.ACTIVE] if trouble in ("", "kill") else []
    assert cells == [TradingState.CANCEL_ONLY, *lifted]
    assert (gate.closed is None) == (not trouble)
