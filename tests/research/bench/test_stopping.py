"""What is measured of stopping: the large print, the cancel that follows, and which orders count."""

import json
from types import SimpleNamespace
from typing import Any, cast

from research.bench.stopping import _delays_ms, _Watch

_MS = 1_000_000


def watch(*markets: str) -> _Watch:
    said = {"markets": [{"condition_id": name} for name in markets]}
    return _Watch(cast("Any", SimpleNamespace(said=said)))


def printed(market: str, size: str) -> bytes:
    return json.dumps({"event_type": "last_trade_price", "market": market, "price": "0.5", "size": size}).encode()


def test_one_print_of_each_armed_market_is_made_large() -> None:
    seen = watch("a", "b")
    assert json.loads(seen.frame(printed("a", "7")))["size"] == "7", "nothing is armed"
    seen._armed = {"a"}
    changed = json.loads(seen.frame(printed("a", "7")))
    assert (changed["size"], changed["price"]) == ("1000000", "0.5")
    assert json.loads(seen.frame(printed("a", "7")))["size"] == "7", "once"
    assert json.loads(seen.frame(printed("b", "7")))["size"] == "7"
    assert [market for market, _ in seen.toxic] == ["a"]


def test_a_cancel_counts_when_it_is_first_on_the_wire() -> None:
    seen, first, second = watch("a"), "0x" + "1" * 64, "0x" + "2" * 64
    body = json.dumps([first, second]).encode()
    seen.request(b"POST /orders HTTP/1.1\r\n\r\n" + body, 1)
    seen.request(b"DELETE /orders HTTP/1.1\r\nPOLY_ADDRESS: 0x" + b"3" * 64 + b"\r\n\r\n" + body, 2)
    seen.request(b"DELETE /orders HTTP/1.1\r\n\r\n" + body, 3)
    assert seen.cancelled_ns == {first: 2, second: 2}


def test_what_rested_is_measured_and_what_had_not_arrived_is_not() -> None:
    seen = watch("a")
    seen.cancelled_ns = {"rested": 7 * _MS, "on its way": 9 * _MS, "another": 8 * _MS}
    stopped = {"rested": "a", "on its way": "a", "forgotten": "a", "another": "b"}
    rests_ns = {"rested": 1 * _MS, "on its way": 6 * _MS, "forgotten": 2 * _MS, "another": 1 * _MS}
    assert _delays_ms(seen, stopped, rests_ns, [("a", 5 * _MS)]) == ([2.0], 1)
