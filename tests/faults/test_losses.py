"""A loss kills a live engine; it stays so over a start, until a person lifts it, and then does not kill again."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.cells import TradingState
from models.markets import YES
from models.messages.losses import Baseline, LossesNoted
from models.orders import TimeInForce
from models.units import SHARE
from tests.bin.processes import Sandbox, sandbox
from tests.faults.by_hand import QUIET, by_hand
from tests.faults.journal import journalled
from tests.faults.live_engine import LiveEngine, live

_WORLD = ("--port", 0, "--profile", "demo", "--markets-count", 4, "--seed", 7, "--accounts", 1)
_NEAR = {"losses__hour_loss": "0.25", "losses__day_loss": "0.000004", "losses__day_loss_kill": "0.000004"}
"""Two cents of the wallet: five shares lose as much by being bought where a tick lies between bid and ask."""


@pytest.fixture
def venue() -> Iterator[Sandbox]:
    with sandbox(*_WORLD) as venue:
        yield venue


@pytest.mark.proves("I27")
def test_a_loss_kills_over_a_start_and_a_person_who_lifts_it_takes_it(venue: Sandbox, tmp_path: Path) -> None:
    with by_hand(venue, 0, tmp_path, **_NEAR) as hand:
        market = hand.market()
        hand.ask(market, hand.touch(market), 5 * SHARE, time_in_force=TimeInForce.FAK)
        hand.until(lambda: hand.running.engine.gate.closed, "the gate closes")
        reason = str(hand.running.engine.gate.closed)
        assert reason.startswith("day_loss_kill: -0.")
        hand.until(lambda: hand.running.board.killed, "it is shown")
        hand.until(lambda: _noted(hand.running).killed == reason, "it is written down")
        assert hand.shares(market)[YES] > 0
        hand.until(lambda: _audited(tmp_path), "it is in the audit")
    with live(venue, 0, tmp_path, **QUIET) as running:
        running.until(lambda: running.states() == {TradingState.KILLED}, "it is still killed")
        assert "since 00:00 UTC" in _day(running), "the day began before this start"
        running.engine.control.clear_kill("test", 10, word=running.engine.control.kill_word)
        running.until(lambda: running.board.killed is None, "a person has lifted it")
        running.until(lambda: not _noted(running).killed, "that is written down")
        assert _audited(tmp_path) == [("risk", "done", "killed by a limit of risk", reason)], "once, over two starts"
        noted = _noted(running)
        assert noted.day.since_ns > journalled(running, LossesNoted)[0].day.since_ns, "losses are counted from then on"
        assert noted.day == noted.hour == noted.peak


def _noted(running: LiveEngine) -> LossesNoted:
    """The newest record, an empty one where there is none yet."""
    nothing = Baseline(0)
    return (journalled(running, LossesNoted) or [LossesNoted(nothing, nothing, nothing, (), (), "", (), 0)])[-1]


def _audited(folder: Path) -> list[tuple[str, str, str, str]]:
    """Who killed, and why, as the audit has it."""
    with sqlite3.connect(f"file:{folder}/arb.db?mode=ro", uri=True) as database:
        rows = database.execute("SELECT who, outcome, result, arguments FROM audit WHERE verb = 'kill'").fetchall()
    return [(who, outcome, result, json.loads(arguments)["reason"]) for who, outcome, result, arguments in rows]


def _day(running: LiveEngine) -> str:
    _, read = running.engine.control.risk()
    return next(one.note for one in read.readings if one.control == "day_loss_kill")
