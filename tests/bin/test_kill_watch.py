"""Every kill stands in the audit once: with who or what it was, why and when; whichever way it came."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.control.bus import Control
from actors.gate import Gate
from actors.latch import kill_from_outside
from actors.runtime.clock import SystemClock
from bin.kill_watch import KillWatch
from models.messages.audit import CommandAnswered
from models.messages.control import Kill
from tests.bin.processes import until
from tests.little_engine import LittleEngine

_LOSS = "day_loss_kill: -5.10 since 00:00 UTC (realised -5.10, marked +0.00) <= -5.00"


class Watched:
    """A gate, who looks at it, and the audit."""

    def __init__(self, folder: Path) -> None:
        self.latch = folder / "KILL"
        self.engine = LittleEngine(1)
        self.clock = SystemClock()
        self.gate = Gate(self.latch, self.clock)
        self.control = Control(self.engine.board, self.engine.tell, self.gate, self.engine.end, self.clock)
        self.watch = KillWatch(self.gate, self.control, self.engine.board, self.clock, None)

    def kills(self) -> list[CommandAnswered]:
        return [row for row in self.engine.audited if row.verb == "kill" and row.outcome != "begun"]

    def only(self) -> CommandAnswered:
        """The one row of a kill that there is, when the next kill has one too."""
        (row,) = until(self.kills, "it is in the audit")
        assert row.outcome == "done"
        self.control.clear_kill("test", 5, word="CLEAR")
        until(lambda: self.gate.look() is None and self.engine.board.look().killed is None, "it is lifted")
        return row

    def risk_kills(self, reason: str) -> None:
        """What is heard when a limit of risk kills: the gate first, then all others."""
        self.gate.kill(reason, "risk")
        self.engine.tell(Kill(reason, "loss-1", "risk"))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.watch.stop()


def test_a_file_that_somebody_leaves_is_written_down(watched: Watched) -> None:
    watched.watch.start()
    watched.latch.touch()
    row = watched.only()
    assert (row.who, row.arguments["reason"]) == ("file", "kill")


def test_a_signal_is_written_down(watched: Watched) -> None:
    watched.watch.start()
    watched.gate.trip("SIGUSR2")
    row = watched.only()
    assert (row.who, row.arguments["reason"]) == ("signal", "SIGUSR2")


def test_a_kill_past_the_engine_is_written_down_with_its_user(watched: Watched) -> None:
    watched.watch.start()
    assert kill_from_outside(watched.latch, "drill", "offline uid 7", watched.clock.now_ns(), 2)
    row = watched.only()
    assert (row.who, row.arguments["reason"]) == ("offline uid 7", "drill")


def test_a_limit_of_risk_is_written_down_with_its_name_and_figures(watched: Watched) -> None:
    watched.watch.start()
    before_ns = watched.clock.now_ns()
    watched.risk_kills(_LOSS)
    row = watched.only()
    assert (row.who, row.arguments["reason"], row.result) == ("risk", _LOSS, "killed by a limit of risk")
    assert before_ns - 50_000_000 <= row.asked_ns <= watched.clock.now_ns()


def test_a_command_is_one_row_and_not_another(watched: Watched) -> None:
    watched.watch.start()
    watched.control.kill("enough", "me", 5)
    assert watched.only().who == "me"
    watched.latch.touch()
    until(lambda: len(watched.kills()) == 2, "the next kill is seen, so this one was")
    assert [row.who for row in watched.kills()] == ["me", "file"]


@pytest.mark.parametrize(("audited", "rows"), [(False, ["offline uid 7"]), (True, [])])
def test_what_stood_at_the_start_is_written_down_unless_it_was_already(
    watched: Watched, audited: bool, rows: list[str]
) -> None:
    assert kill_from_outside(watched.latch, "drill", "offline uid 7", watched.clock.now_ns(), 2)
    said_ns = watched.latch.stat().st_mtime_ns
    assert watched.gate.look() == "drill"
    watched.engine.tell(Kill("drill", "latch", "start-up"))
    watched.watch.start(audited)
    if not audited:
        until(watched.kills, "it is in the audit")
        assert watched.kills()[0].asked_ns == said_ns
    until(lambda: watched.watch._known, "it was looked at")
    watched.control.clear_kill("test", 5, word="CLEAR")
    watched.latch.touch()
    until(lambda: watched.kills()[-1:] and watched.kills()[-1].who == "file", "the next one is of this run")
    assert [row.who for row in watched.kills()] == [*rows, "file"]
