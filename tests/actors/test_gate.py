"""The latch: closed at once and for ever, opened by a person, and never by a damaged file."""

import fcntl
import os
from pathlib import Path
from threading import Event, Thread

import pytest
from loguru import logger

from actors.gate import Gate
from actors.latch import kill_from_outside, lift_latch, read_latch, which
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


def test_it_says_who_or_what_has_killed(tmp_path: Path) -> None:
    latch = tmp_path / "KILL"
    gate = gate_at(latch)
    assert gate.killed_by is None
    gate.trip("SIGUSR2")
    assert gate.killed_by == "signal"
    gate.clear()
    latch.touch()
    gate.look()
    assert gate.killed_by == "file"
    gate.clear()
    gate.kill("drill", "cli ana uid 7")
    assert (gate.killed_by, gate_at(latch).killed_by) == ("cli ana uid 7", "cli ana uid 7")


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


def test_what_is_lifted_is_the_kill_that_was_known_and_no_later_one(tmp_path: Path) -> None:
    gate = gate_at(tmp_path / "KILL")
    gate.kill("drill")
    known = gate.kills()
    gate.kill("prices look wrong")
    assert not gate.clear(known), "whoever said it was told that no order leaves"
    assert (is_open(gate), (tmp_path / "KILL").exists()) == (False, True)
    assert gate.clear(gate.kills())
    assert is_open(gate)


def test_a_signal_that_comes_while_a_kill_is_lifted_stands(tmp_path: Path) -> None:
    gate = gate_at(tmp_path / "KILL")
    gate.trip("SIGUSR2")
    known = gate.kills()
    gate.trip("SIGUSR2")
    assert not gate.clear(known)
    assert not is_open(gate)
    assert gate.clear()
    assert is_open(gate)


def test_a_signal_in_the_very_moment_of_the_opening_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = gate_at(tmp_path / "KILL")
    gate.kill("drill")

    def lifted(latch: Path, known: tuple[int, int] | None) -> bool:
        gate.trip("SIGUSR2")
        return lift_latch(latch, known)

    monkeypatch.setattr("actors.gate.lift_latch", lifted)
    assert not gate.clear()
    assert gate.killed == "SIGUSR2"


def test_a_file_that_is_touched_or_left_while_it_is_lifted_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latch = tmp_path / "KILL"
    assert lift_latch(latch, None)
    assert not lift_latch(latch, (0, 0)), "what was known has been lifted by another"
    latch.touch()
    assert not lift_latch(latch, (0, 0))
    assert [one.name for one in tmp_path.iterdir()] == ["KILL"]

    def left_meanwhile(aside: Path) -> tuple[int, int] | None:
        latch.touch()
        return which(aside)

    known = which(latch)
    monkeypatch.setattr("actors.latch.which", left_meanwhile)
    assert lift_latch(latch, known), "the file that was known is gone"
    assert [one.name for one in tmp_path.iterdir()] == ["KILL"], "and the new one stands"
    assert gate_at(latch).killed == "kill"


def test_a_kill_that_was_being_lifted_when_the_process_ended_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latch = tmp_path / "KILL"
    gate_at(latch).kill("drill")
    with monkeypatch.context() as patch:
        patch.setattr("actors.latch.which", _interrupted)
        patch.setattr("actors.latch.os.path.lexists", lambda _: False)  # what is done in the end is not done either
        with pytest.raises(KeyboardInterrupt):
            lift_latch(latch, None)
    again = gate_at(latch)
    assert again.killed == "drill"
    assert again.clear()
    assert gate_at(latch).killed is None
    assert list(tmp_path.iterdir()) == []


def _interrupted(_: Path) -> None:
    raise KeyboardInterrupt


def test_a_kill_from_outside_during_a_lift_stands_whoever_is_first(tmp_path: Path) -> None:
    latch = tmp_path / "KILL"
    gate = gate_at(latch)
    gate.kill("drill")
    known = gate.kills()
    assert kill_from_outside(latch, "from outside", "test", 0, 1)
    assert not gate.clear(known)
    assert read_latch(latch) == "drill", "the first reason is the one that counts"
    assert gate.clear()
    assert kill_from_outside(latch, "from outside", "test", 0, 1)
    assert (is_open(gate), gate.killed) == (False, "from outside")


def test_a_kill_from_outside_is_left_again_where_its_file_was_lifted_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latch, looks = tmp_path / "KILL", list[str]()

    def lifted_once(latch: Path, within_s: float) -> bool:
        looks.append(read_latch(latch) or "")
        if len(looks) == 1:
            latch.unlink()
        return True

    monkeypatch.setattr("actors.latch.nobody_passes", lifted_once)
    assert kill_from_outside(latch, "from outside", "test", 0, 1)
    assert looks == ["from outside"] * 2
    assert read_latch(latch) == "from outside"


def test_a_kill_from_outside_says_where_an_order_hangs_in_the_gate(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    assert not kill_from_outside(tmp_path / "KILL", "from outside", "test", 0, 0.02)
    os.close(folder)
    assert read_latch(tmp_path / "KILL") == "from outside", "and no other order passes"


def test_nobody_lifts_a_kill_while_the_folder_is_held_from_outside(tmp_path: Path) -> None:
    gate = gate_at(tmp_path / "KILL")
    gate.kill("drill")
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    assert not gate.clear()
    os.close(folder)
    assert gate.clear()


def test_a_kill_whose_file_is_taken_away_while_it_is_written_holds_where_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = gate_at(tmp_path / "KILL")

    def full(*_: object) -> None:
        assert gate.clear(), "somebody lifts it at once"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("actors.gate.write_latch", full)
    gate.kill("drill")
    assert not is_open(gate)


def test_many_who_kill_at_once_all_find_it_written(tmp_path: Path) -> None:
    lines: list[str] = []
    handler = logger.add(lambda line: lines.append(str(line)), level="CRITICAL", format="{message}")
    for number in range(20):
        gate = gate_at(tmp_path / str(number) / "KILL")
        threads = [Thread(target=gate.kill, args=(f"reason {one}",)) for one in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (read_latch(tmp_path / str(number) / "KILL") or "").startswith("reason ")
        assert [one.name for one in (tmp_path / str(number)).iterdir()] == ["KILL"]
    logger.remove(handler)
    assert lines == []
