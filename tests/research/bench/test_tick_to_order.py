"""The recording that calls for orders, and the loop that makes them."""

import json
from pathlib import Path
from typing import Any, cast

from actors.runtime.clock import monotonic_ns
from models.markets import Market, Side
from models.messages.orders import PlaceOrder
from models.orders import TimeInForce
from models.units import SHARE
from research.bench.signing import order_writer
from research.bench.tick_to_order import _Watch, _write_recording
from research.prove.processes import Sandbox
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


def test_only_an_order_that_a_return_called_for_is_counted() -> None:
    market = {"condition_id": "m", "token_ids": ["111", "222"]}
    watch = _Watch(Sandbox({"markets": [market]}, cast(Any, None)))
    order = b'POST /order HTTP/1.1\r\n\r\n{"tokenId": "111"}'
    changes = [{"asset_id": "111", "price": "0.52", "size": "100"}]
    tick = json.dumps({"event_type": "price_change", "market": "m", "price_changes": changes}).encode()
    for _ in range(2):
        assert watch.frame(tick) == tick
        watch.request(order, monotonic_ns())
    assert len(watch.taken_us) == 1, "the first order of all comes of the start"
    watch.request(order, monotonic_ns())
    watch.frame(tick)
    watch.request(b"DELETE /orders", monotonic_ns())
    watch.request(order, monotonic_ns() + 300_000_000)
    assert len(watch.taken_us) == 1, "no tick before it, another request, and one that comes far too late"
