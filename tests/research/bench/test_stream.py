from pathlib import Path

import msgspec

from actors.venues.polymarket.codec import Codec, MalformedFrame
from models.book import BookMachine
from models.book_parameters import BookParameters
from models.messages.market import BookUpdated
from research.bench.stream import LEVELS, START_NS, frames, markets, tokens, write_recording


def test_the_same_seed_says_the_same_and_another_says_something_else() -> None:
    first = list(frames(markets(2), 5, seed=1))
    assert first == list(frames(markets(2), 5, seed=1))
    assert first != list(frames(markets(2), 5, seed=2))


def test_frames_come_in_order_of_time_within_the_time_asked_for() -> None:
    times = [at_ns for at_ns, _ in frames(markets(3), 5)]
    assert times == sorted(times)
    assert times[0] >= START_NS
    assert times[-1] < START_NS + 5_000_000_000


def test_a_book_of_the_stream_stays_whole_mirrored_and_uncrossed() -> None:
    (market,) = markets(1)
    codec = Codec(tokens((market,)))
    book = BookMachine(market, BookParameters())
    updates: list[BookUpdated] = []
    for at_ns, frame in frames((market,), 20):
        for message in codec.decode(frame, at_ns):
            assert not isinstance(message, MalformedFrame)
            updates += [out for out in book.step(message, at_ns) if isinstance(out, BookUpdated)]
    assert len(updates) > 100
    assert {update.unusable for update in updates[1:]} == {None}
    assert all(len(update.bids) == len(update.asks) == LEVELS for update in updates)


def test_a_recording_is_one_frame_a_line(tmp_path: Path) -> None:
    path = tmp_path / "stream.jsonl"
    count = write_recording(path, 2, 3)
    kinds = {msgspec.json.decode(line)["event_type"] for line in path.read_bytes().splitlines()}
    assert len(path.read_bytes().splitlines()) == count
    assert kinds == {"book", "price_change", "last_trade_price"}
