import gzip
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.store.segments import TapeDamaged, index_path, line_of, read_index, read_segment, segments
from actors.store.tape import TapeWriter
from models.storage import TapeParameters

SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND + 123
FRAME = b'{"market":"0xab","bids":[{"price":"0.48","size":"5"}] }'


def frames_of(folder: Path) -> list[bytes]:
    return [frame.raw for path in segments(folder) for frame in read_segment(path)]


def test_frames_are_read_back_byte_for_byte(tmp_path: Path) -> None:
    sent = [FRAME, b"PONG", b"[]", b"", b'{"broken":', b'"text"', b"{\n}", " \u00e9\u2028".encode(), b'{"a":"\\u00e9"}']
    tape = TapeWriter(tmp_path, TapeParameters())
    for number, raw in enumerate(sent):
        tape.append(START + number, "market/0", raw)
    tape.close()
    [path] = segments(tmp_path)
    found = list(read_segment(path))
    assert [frame.raw for frame in found] == sent
    assert [frame.received_ns for frame in found] == [START + number for number in range(len(sent))]
    assert {frame.connection for frame in found} == {"market/0"}


@given(st.text() | st.lists(st.text()).map(json.dumps))
def test_any_text_takes_one_line_and_comes_back(text: str) -> None:
    raw = text.encode(errors="backslashreplace")
    line = line_of(START, 'a "name"', raw)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    found = json.loads(line)
    assert (found["t"], found["c"]) == (START, 'a "name"')
    if isinstance(found["f"], str):
        assert found["f"].encode() == raw
    else:
        assert b'"f":' + raw + b"}\n" in line


def test_a_json_frame_stands_in_its_line_as_it_came() -> None:
    assert line_of(7, "market/0", FRAME) == b'{"t":7,"c":"market/0","f":' + FRAME + b"}\n"


def test_bytes_that_are_no_text_are_kept_in_words(tmp_path: Path) -> None:
    tape = TapeWriter(tmp_path, TapeParameters())
    tape.append(START, "market/0", b'{"a":"\xff"}')
    tape.close()
    assert frames_of(tmp_path) == [b'{"a":"\\xff"}']


def test_a_place_leads_back_to_its_frame(tmp_path: Path) -> None:
    tape = TapeWriter(tmp_path, TapeParameters())
    tape.append(START, "market/0", FRAME)
    place = tape.append(START + 5, "market/0", b"[1]")
    assert place is not None
    assert tape.locate(START + 5) == place
    assert tape.locate(START + 6) is None
    tape.close()
    [path] = segments(tmp_path)
    assert path.name.startswith(place.segment)
    assert next(read_segment(path, place.offset)).raw == b"[1]"


def test_a_segment_is_indexed_when_it_is_finished(tmp_path: Path) -> None:
    tape = TapeWriter(tmp_path, TapeParameters())
    for number in range(3):
        tape.append(START + number * SECOND, "market/0", FRAME)
    [path] = segments(tmp_path)
    assert not index_path(path).exists()
    tape.close()
    index = read_index(path)
    assert (index.frames, index.first_ns, index.last_ns) == (3, START, START + 2 * SECOND)
    assert index.bytes == sum(len(line_of(START, "market/0", FRAME)) for _ in range(3))
    assert index.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not index.repaired


def test_segments_are_rotated_by_size_and_by_age(tmp_path: Path) -> None:
    tape = TapeWriter(tmp_path, TapeParameters(segment_bytes=1_000_000, segment_seconds=60))
    big = b'["' + b"x" * 600_000 + b'"]'
    for at in (0, 1, 2, 3, 70):
        tape.append(START + at * SECOND, "market/0", big)
    tape.close()
    counts = [read_index(path).frames for path in segments(tmp_path)]
    assert counts == [2, 2, 1]
    assert [path.name for path in segments(tmp_path)] == sorted(path.name for path in segments(tmp_path))


def test_the_oldest_segments_go_when_the_tape_is_too_long(tmp_path: Path) -> None:
    parameters = TapeParameters(segment_seconds=60, keep_bytes=100)
    tape = TapeWriter(tmp_path, parameters)
    for minute in range(5):
        tape.append(START + minute * 60 * SECOND, "market/0", f'["frame {minute}"]'.encode())
    tape.close()
    kept = frames_of(tmp_path)
    assert kept[-1] == b'["frame 4"]'
    assert len(kept) < 5
    assert len(list(tmp_path.iterdir())) == 2 * len(segments(tmp_path))


def test_what_was_flushed_can_be_read_while_the_segment_grows(tmp_path: Path) -> None:
    tape = TapeWriter(tmp_path, TapeParameters(flush_ms=1_000))
    tape.append(START, "market/0", b"[0]")
    tape.append(START + SECOND, "market/0", b"[1]")
    tape.append(START + SECOND + 1, "market/0", b"[2]")
    [path] = segments(tmp_path)
    assert [frame.raw for frame in read_segment(path)] == [b"[0]", b"[1]"]
    tape.flush(START + 2 * SECOND)
    assert [frame.raw for frame in read_segment(path)] == [b"[0]", b"[1]", b"[2]"]
    tape.close()


def test_a_torn_segment_yields_its_whole_lines_wherever_it_was_torn(tmp_path: Path) -> None:
    tape = TapeWriter(tmp_path, TapeParameters(flush_ms=0))
    sent = [f'["frame {number}"]'.encode() for number in range(20)]
    for number, raw in enumerate(sent):
        tape.append(START + number, "market/0", raw)
    tape.close()
    [path] = segments(tmp_path)
    whole = path.read_bytes()
    seen = set[int]()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found = [frame.raw for frame in read_segment(path, cut=True)]
        assert found == sent[: len(found)]
        seen.add(len(found))
    assert seen == set(range(21))


def test_a_line_that_ends_in_its_middle_is_damage_where_no_crash_explains_it(tmp_path: Path) -> None:
    import zstandard

    path = tmp_path / "torn.jsonl.zst"
    path.write_bytes(zstandard.compress(line_of(START, "a", FRAME) + b'{"t":1,'))
    assert [frame.raw for frame in read_segment(path, cut=True)] == [FRAME]
    with pytest.raises(TapeDamaged, match=r"torn.jsonl.zst: line 2: expected a whole line"):
        list(read_segment(path))


def test_a_line_that_is_no_frame_is_named(tmp_path: Path) -> None:
    import zstandard

    path = tmp_path / "odd.jsonl.zst"
    path.write_bytes(zstandard.compress(line_of(START, "a", FRAME) + b'{"price":"0.5"}\n'))
    with pytest.raises(TapeDamaged, match=r"line 2: expected a frame of the tape, found '\{\"price\":\"0.5\"\}"):
        list(read_segment(path))


def test_a_file_that_is_not_compressed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plain.jsonl.zst"
    path.write_bytes(line_of(START, "a", FRAME) * 10)
    with pytest.raises(TapeDamaged, match="expected compressed frames"):
        list(read_segment(path))


def test_the_next_start_makes_a_torn_segment_whole(tmp_path: Path) -> None:
    crashed, found = tmp_path / "crashed", tmp_path / "found"
    tape = TapeWriter(crashed, TapeParameters(flush_ms=0))
    for number in range(5):
        tape.append(START + number, "market/0", f"[{number}]".encode())
    [path] = segments(crashed)
    found.mkdir()
    torn = found / path.name
    torn.write_bytes(path.read_bytes()[:-4])
    tape.close()

    assert TapeWriter(found, TapeParameters()).repaired == (torn,)
    assert frames_of(found) == [b"[0]", b"[1]", b"[2]", b"[3]"]
    index = read_index(torn)
    assert index.repaired
    assert (index.segment, index.frames) == (torn.name.removesuffix(".jsonl.zst"), 4)
    assert index.sha256 == hashlib.sha256(torn.read_bytes()).hexdigest()
    assert TapeWriter(found, TapeParameters()).repaired == ()


def test_a_segment_of_which_nothing_can_be_read_is_removed(tmp_path: Path) -> None:
    (tmp_path / "20260101T000000-000000000.jsonl.zst").write_bytes(b"")
    TapeWriter(tmp_path, TapeParameters())
    assert not list(tmp_path.iterdir())


def test_a_disk_that_refuses_loses_frames_but_stops_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "tape"
    tape = TapeWriter(folder, TapeParameters())
    shutil.rmtree(folder)
    assert tape.append(START, "market/0", FRAME) is None
    assert tape.append(START + SECOND, "market/0", FRAME) is None
    assert tape.lost == 2
    assert tape.error is not None
    assert "No such file" in tape.error
    folder.mkdir()
    assert tape.append(START + 5 * SECOND, "market/0", FRAME) is None
    assert tape.append(START + 10 * SECOND, "market/0", FRAME) is not None
    assert tape.error is None
    tape.close()
    assert frames_of(folder) == [FRAME]


def test_kill_9_costs_what_was_not_flushed_and_nothing_else(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from actors.store.tape import TapeWriter
from models.storage import TapeParameters
tape = TapeWriter(Path(sys.argv[1]), TapeParameters(flush_ms=1_000))
for number in range(10_000):
    tape.append(1_790_000_000_000_000_000 + number * 1_000_000, "market/0", b'{"n":%d}' % number)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], check=False, cwd=Path(__file__).parents[3])
    assert done.returncode == -9
    TapeWriter(tmp_path, TapeParameters())
    found = frames_of(tmp_path)
    assert found == [b'{"n":%d}' % number for number in range(len(found))]
    assert len(found) >= 9_000


def test_real_frames_take_at_most_80_bytes(shared: Path, tmp_path: Path) -> None:
    source = sorted((shared / "recordings/signaldrift_mlb/derived_frames").glob("*.jsonl.gz"))[:4]
    tape = TapeWriter(tmp_path, TapeParameters())
    sent = [line for path in source for line in gzip.decompress(path.read_bytes()).splitlines()]
    for number, raw in enumerate(sent):
        tape.append(START + number * 1_000_000, "market/0", raw)
    tape.close()
    assert frames_of(tmp_path) == sent
    assert sum(path.stat().st_size for path in segments(tmp_path)) / len(sent) <= 80
