"""Recordings of every form give the same frames, and damage is named with its line."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from research.tape import TapeError, TapeFrame, read_tape, read_tapes

START_MS = 1_750_000_000_000
NS_PER_MS = 1_000_000


def frame(at_ms: int, token: str = "1") -> dict[str, object]:
    return {"event_type": "book", "asset_id": token, "timestamp": str(START_MS + at_ms), "bids": [], "asks": []}


FRAMES = [frame(0), frame(5), frame(3)]


def lines(objects: list[object]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


def own(received_ms: int, content: object) -> dict[str, object]:
    return {"t": (START_MS + received_ms) * NS_PER_MS, "c": "feed/0", "f": content}


def stored(folder: Path, content: bytes, name: str = "tape.jsonl") -> Path:
    path = folder / name
    if name.endswith(".gz"):
        content = gzip.compress(content)
    if name.endswith(".zst"):
        content = zstandard.ZstdCompressor().compress(content)
    path.write_bytes(content)
    return path


def decoded(tape: list[TapeFrame]) -> list[object]:
    return [json.loads(one.raw) for one in tape]


@pytest.mark.parametrize("name", ["tape.jsonl", "tape.jsonl.gz", "tape.jsonl.zst"])
def test_frames_are_read_in_their_order_whatever_holds_them(tmp_path: Path, name: str) -> None:
    tape = list(read_tape(stored(tmp_path, lines([*FRAMES]), name)))
    assert decoded(tape) == FRAMES
    assert [one.line for one in tape] == [1, 2, 3]
    assert [one.received_ns // NS_PER_MS - START_MS for one in tape] == [0, 5, 3]
    assert not any(one.rest for one in tape)


def test_envelopes_give_the_venues_payloads_and_tell_answers_from_frames(tmp_path: Path) -> None:
    answer = {key: value for key, value in frame(1).items() if key != "event_type"}
    envelopes: list[object] = [
        {"source": "binance", "payload": "{}", "recv_wall_ts": 1},
        {"source": "polymarket_clob", "payload": json.dumps(answer) + "\n", "recv_wall_ts": 1},
        {"source": "polymarket_clob", "payload": json.dumps([frame(2), frame(7)]), "recv_wall_ts": 1},
    ]
    tape = list(read_tape(stored(tmp_path, lines(envelopes))))
    assert decoded(tape) == [answer, [frame(2), frame(7)]]
    assert [(one.rest, one.line) for one in tape] == [(True, 2), (False, 3)]
    assert tape[1].received_ns == (START_MS + 7) * NS_PER_MS


def test_our_own_tape_keeps_times_of_receipt_and_what_was_no_json(tmp_path: Path) -> None:
    own_lines: list[object] = [
        own(100, frame(0)),
        own(110, "PONG"),
        own(120, '{"event_type":"book", broken'),
        own(130, {"channel": "ticker", "data": [{"symbol": "BTC/USD"}]}),
        own(140, {"event_type": "trade", "id": "a user's trade"}),
        own(150, [frame(5)]),
    ]
    tape = list(read_tape(stored(tmp_path, lines(own_lines), "tape.jsonl.zst")))
    assert [one.line for one in tape] == [1, 2, 3, 6]
    assert [one.received_ns // NS_PER_MS - START_MS for one in tape] == [100, 110, 120, 150]
    assert [one.raw[:20] for one in tape[1:3]] == [b"PONG", b'{"event_type":"book"']


def test_one_array_over_several_lines_is_read_element_by_element(tmp_path: Path) -> None:
    content = json.dumps([[frame(0)], frame(5), frame(3)], indent=1).encode()
    tape = list(read_tape(stored(tmp_path, content, "tape.json")))
    assert decoded(tape) == [[frame(0)], frame(5), frame(3)]
    text = content.decode().splitlines()
    assert [text[one.line - 1].strip() for one in tape] == ["[", "{", "{"]


def test_a_first_line_that_is_an_array_frame_is_a_line(tmp_path: Path) -> None:
    tape = list(read_tape(stored(tmp_path, lines([[frame(0), frame(1)], frame(2)]))))
    assert decoded(tape) == [[frame(0), frame(1)], frame(2)]


def test_blank_lines_are_passed_over_and_counted_as_lines(tmp_path: Path) -> None:
    tape = list(read_tape(stored(tmp_path, lines([frame(0)]) + b"\n" + lines([frame(1)]))))
    assert [one.line for one in tape] == [1, 3]


def broken_line(content: bytes) -> bytes:
    whole = content.splitlines(keepends=True)
    return b"".join([*whole[:2], whole[2][:-9] + b"\n"])


@pytest.mark.parametrize(
    ("content", "line", "expected"),
    [
        (b"", 1, "a frame"),
        (b"\n\n", 1, "a frame"),
        (b"time,price,size\n1,2,3\n", 1, "a frame of the market channel"),
        (lines([*FRAMES])[:-9], 3, "a frame of the market channel"),
        (broken_line(lines([*FRAMES])), 3, "a frame of the market channel"),
        (lines([frame(0), {"hello": 1}]), 2, "a frame of the market channel"),
        (lines([frame(0), {"event_type": "comment"}]), 2, "a frame of the market channel"),
        (lines([{"source": "polymarket_clob", "payload": json.dumps(frame(0))}, {"payload": 1}]), 2, "an envelope"),
        (lines([own(0, frame(0)), {"t": "late"}, own(1, frame(1))]), 2, "a line of our own tape"),
        (json.dumps([frame(0), frame(1)], indent=1).encode()[:-40], 12, "an element of an array"),
    ],
)
def test_damage_and_foreign_files_are_named_with_their_line(
    tmp_path: Path, content: bytes, line: int, expected: str
) -> None:
    path = stored(tmp_path, content)
    with pytest.raises(TapeError) as raised:
        list(read_tape(path))
    assert raised.value.line == line
    assert expected in raised.value.expected
    assert str(path) in str(raised.value)


def cut_gzip(content: bytes) -> bytes:
    return gzip.compress(content)[:-12]


def cut_zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)[:-4]


@pytest.mark.parametrize(("suffix", "cut"), [(".gz", cut_gzip), (".zst", cut_zstd)])
def test_compression_that_ends_early_is_damage(tmp_path: Path, suffix: str, cut: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"tape.jsonl{suffix}"
    path.write_bytes(cut(lines([frame(at_ms) for at_ms in range(50_000)])))
    with pytest.raises(TapeError) as raised:
        list(read_tape(path))
    assert raised.value.line > 10_000


class TestACutTape:
    """A crash may cut the last line of the newest segment of our own tape, and nothing else."""

    whole = lines([own(0, frame(0)), own(1, frame(1)), own(2, frame(2))])

    def test_the_cut_line_is_left_out_and_told(self, tmp_path: Path) -> None:
        told: list[TapeError] = []
        tape = list(read_tape(stored(tmp_path, self.whole[:-9]), told.append))
        assert [one.line for one in tape] == [1, 2]
        assert [error.line for error in told] == [3]

    def test_a_segment_whose_compression_was_never_finished_is_read_to_its_end(self, tmp_path: Path) -> None:
        stream = zstandard.ZstdCompressor().compressobj()
        content = stream.compress(self.whole[:-9]) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        path = tmp_path / "tape.jsonl.zst"
        path.write_bytes(content)
        told: list[TapeError] = []
        assert len(list(read_tape(path, told.append))) == 2
        assert len(told) == 1
        with pytest.raises(TapeError):
            list(read_tape(path))

    def test_a_segment_that_ends_between_two_lines_but_was_never_finished_is_told_too(self, tmp_path: Path) -> None:
        stream = zstandard.ZstdCompressor().compressobj()
        content = stream.compress(self.whole) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        path = tmp_path / "tape.jsonl.zst"
        path.write_bytes(content)
        told: list[TapeError] = []
        assert len(list(read_tape(path, told.append))) == 3
        assert [error.line for error in told] == [4]

    def test_a_last_line_that_only_lacks_its_end_is_whole(self, tmp_path: Path) -> None:
        told: list[TapeError] = []
        assert len(list(read_tape(stored(tmp_path, self.whole[:-1]), told.append))) == 3
        assert not told

    def test_elsewhere_it_is_damage(self, tmp_path: Path) -> None:
        with pytest.raises(TapeError):
            list(read_tape(stored(tmp_path, broken_line(self.whole)), print))

    def test_in_the_tape_of_others_it_is_damage(self, tmp_path: Path) -> None:
        with pytest.raises(TapeError):
            list(read_tape(stored(tmp_path, lines([*FRAMES])[:-9]), print))

    def test_only_the_newest_segment_may_be_cut(self, tmp_path: Path) -> None:
        older = stored(tmp_path, self.whole[:-9], "tape-1.jsonl")
        newest = stored(tmp_path, lines([own(5, frame(5))]), "tape-2.jsonl")
        with pytest.raises(TapeError, match="tape-1"):
            list(read_tapes([older, newest], print))
        told: list[TapeError] = []
        assert len(list(read_tapes([stored(tmp_path, self.whole[:-9], "tape-3.jsonl"), newest], told.append))) == 3
        assert len(told) == 1


def test_several_recordings_are_merged_by_time_and_each_keeps_its_order(tmp_path: Path) -> None:
    first = stored(tmp_path, lines([frame(0, "a"), frame(10, "a"), frame(5, "a"), frame(30, "a")]), "a.jsonl")
    second = stored(tmp_path, lines([frame(7, "b"), frame(20, "b")]), "b.jsonl.gz")
    merged = list(read_tapes([first, second]))
    assert [(one.path.name[0], one.line) for one in merged] == [
        ("a", 1), ("b", 1), ("a", 2), ("a", 3), ("b", 2), ("a", 4),
    ]  # fmt: skip


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read_tape(tmp_path / "nothing.jsonl"))
