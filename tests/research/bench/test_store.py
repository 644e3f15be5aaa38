from pathlib import Path

from research.bench.store import commit, tape


def test_the_tape_is_measured_on_recorded_frames_where_there_are_any(tmp_path: Path) -> None:
    recording = tmp_path / "frames.jsonl"
    recording.write_bytes(b'{"event_type":"book"}\n' * 1_000)
    measured = tape([recording], rounds=1)
    assert (measured["frames"], measured["frame_bytes"]) == (1_000, 21)
    assert 0 < measured["bytes_per_frame"] < 21


def test_made_up_frames_keep_the_target() -> None:
    measured = tape(rounds=1)
    assert 400 < measured["frame_bytes"] < 1_000
    assert measured["bytes_per_frame"] <= 80


def test_a_durable_commit_is_held_against_a_bare_sync() -> None:
    assert commit(100)["times_sync"] > 0
