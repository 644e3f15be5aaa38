"""The recording that calls for orders, and the loop that makes them."""

import json
from pathlib import Path

from models.markets import Market, Side
from models.messages.orders import PlaceOrder
from models.orders import TimeInForce
from models.units import SHARE
from research.bench.signing import order_writer
from research.bench.tick_to_order import _write_recording
from sandbox.world.recording import RecordedBook, RecordedChanges, load


def test_one_side_of_each_book_goes_and_comes_again(tmp_path: Path) -> None:
    path = tmp_path / "ticks.jsonl"
    _write_recording(path, 3.0)
    frames = load(path).frames
    books = [frame for frame in frames if isinstance(frame, RecordedBook)]
    assert len(books) == 8, "both tokens of four markets"
    assert all(book.bids and book.asks for book in books)
    changes = [frame for frame in frames if isinstance(frame, RecordedChanges) and frame.market == "tick-0"]
    sizes = [{size for _, _, _, size in frame.changes} for frame in changes]
    assert sizes[:4] == [{0}, {100 * SHARE}] * 2
    assert {frame.at_ms for frame in changes} == set(range(changes[0].at_ms, changes[-1].at_ms + 1, 250))


def test_the_loop_signs_what_the_venue_would_be_sent() -> None:
    market = Market("m", "m", ("1", "2"))
    order = PlaceOrder(
        "i", "bench", "m", 1, Side.BUY, 4_900, 5 * SHARE, True, TimeInForce.GTC, "", 1, 1_760_000_000_000_000_000
    )
    body, headers = order_writer({"m": market})([order, order])
    first, second = json.loads(body)
    assert first == second
    assert (first["order"]["token_id"], first["order"]["making"], first["order"]["taking"]) == (
        "2",
        2_450_000,
        5 * SHARE,
    )
    assert len(first["order"]["signature"]) == 2 + 130
    assert len(headers["POLY_SIGNATURE"]) == 64
