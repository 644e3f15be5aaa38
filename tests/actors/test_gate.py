"""The latch: closed at once and for ever, opened by a person, and never by a damaged file."""

from pathlib import Path
from threading import Event, Thread

import pytest
from loguru import logger

from actors.gate import Gate
from actors.runtime.clock import SystemClock


def gate_at(latch: Path) -> Gate:
    return Gate(latch, SystemClock())


def is_open(gate: Gate) -> bool:
    with gate.passes() as refusal:
        return refusal is None


def test_an_order_passes_until_it_is_killed(tmp_path: Path) -> None:
    gate = gate_at(tmp_path / "KILL")
    assert is_open(gate)
    assert gate.closed is None
    gate.kill("prices look wrong")
    assert not is_open(gate)
    assert gate.closed == "prices look wrong"


@pytest.mark.proves("I9", "I27")
def test_a_restart_stays_killed_until_a_person_clears_it(tmp_path: Path) -> None:
    latch = tmp_path / "data" / "KILL"
    gate_at(latch).kill("drill")
    again = gate_at(latch)
    assert again.closed == "drill"
    again.clear()
    assert is_open(again)
    assert is_open(gate_at(latch))
    assert list(latch.parent.iterdir()) == []


@pytest.mark.proves("I9")
@pytest.mark.parametrize("written", [b"", b"{", b"\xff\xfe", b"[]", b'{"reason": ""}', b'{"reason": 7}'])
def test_a_latch_that_nobody_can_read_is_closed(tmp_path: Path, written: bytes) -> None:
    latch = tmp_path / "KILL"
    latch.write_bytes(written)
    assert gate_at(latch).closed == "kill"


def test_a_latch_that_is_no_file_is_closed_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "KILL").mkdir()
    assert gate_at(tmp_path / "KILL").closed == "the latch KILL cannot be read: Is a directory"


@pytest.mark.proves("I27")
def test_a_kill_holds_though_the_disk_refuses_to_remember_it(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder", encoding="utf-8")
    lines: list[str] = []
    handler = logger.add(lambda line: lines.append(str(line)), format="{level} {message}")
    gate = gate_at(tmp_path / "data" / "KILL")
    gate.kill("drill")
    logger.remove(handler)
    assert gate.closed is not None
    assert not is_open(gate)
    assert lines[0].startswith("CRITICAL killed, but a restart would not know")


def test_a_fault_is_of_this_process_only_and_outlasts_a_cleared_kill(tmp_path: Path) -> None:
    latch = tmp_path / "KILL"
    gate = gate_at(latch)
    gate.close("journal: disk full")
    gate.close("stopping")
    assert gate.closed == "journal: disk full", "the first fault is the one that counts"
    gate.kill("drill")
    assert gate.closed == "drill"
    gate.clear()
    assert gate.closed == "journal: disk full"
    assert is_open(gate_at(latch))


@pytest.mark.proves("I9")
def test_a_kill_waits_for_the_order_that_is_passing_and_lets_no_other_through(tmp_path: Path) -> None:
    gate, passing, may_end, killed = gate_at(tmp_path / "KILL"), Event(), Event(), Event()

    def pass_one() -> None:
        with gate.passes() as refusal:
            assert refusal is None
            passing.set()
            may_end.wait(10)
            assert not killed.is_set(), "the kill has returned while an order was passing"

    def kill() -> None:
        gate.kill("drill")
        killed.set()

    one = Thread(target=pass_one)
    one.start()
    passing.wait(10)
    other = Thread(target=kill)
    other.start()
    assert not killed.wait(0.05)
    may_end.set()
    assert killed.wait(10)
    one.join()
    other.join()
    assert not is_open(gate)


def test_what_is_held_while_the_core_is_mended_opens_again_by_itself_but_no_kill_does(tmp_path: Path) -> None:
    gate = gate_at(tmp_path / "KILL")
    gate.hold("the journal is down")
    assert (is_open(gate), gate.closed) == (False, "the journal is down")
    gate.release()
    assert (is_open(gate), gate.closed) == (True, None)
    gate.hold("the journal is down")
    gate.kill("drill")
    gate.release()
    assert (is_open(gate), gate.closed) == (False, "drill")
