from typing import Any

import pytest

from sandbox.units import SECOND
from tests.sandbox.house import House, Trader

PATH = "/v1/heartbeats"


def beat(trader: Trader, heartbeat_id: str | None = "") -> tuple[int, Any]:
    return trader.call("POST", PATH, {"heartbeat_id": heartbeat_id})


def resting():
    """A house with a trader who has an order open, at a whole five seconds."""
    house = House()
    market, trader = house.market(), house.trader()
    house.advance_to((house.now_ns // (5 * SECOND) + 1) * 5 * SECOND)
    order_id = trader.place(market, 0, "BUY", "0.5", "10")[1]["orderID"]
    return house, market, trader, house.engine.orders[order_id]


def test_each_heartbeat_bears_the_id_of_the_answer_before():
    _, _, trader, _ = resting()
    ids = [""]
    for _ in range(4):
        status, answer = beat(trader, ids[-1])
        assert status == 200
        ids.append(answer["heartbeat_id"])
    assert len(set(ids)) == 5


def test_a_stale_id_is_refused_with_the_one_that_is_expected():
    _, _, trader, _ = resting()
    expected = beat(trader)[1]["heartbeat_id"]
    for stale in ("", "another", None):
        status, answer = beat(trader, stale)
        assert status == 400
        assert answer == {
            "error_msg": "Invalid Heartbeat ID",
            "error": "Invalid Heartbeat ID",
            "heartbeat_id": expected,
        }
    assert beat(trader, expected)[0] == 200


def test_before_the_first_heartbeat_no_id_is_expected_and_nothing_expires():
    house, _, trader, order = resting()
    assert beat(trader, "anything")[1]["heartbeat_id"] == ""
    house.advance(60)
    assert order.open


def test_who_beats_every_five_seconds_keeps_its_orders():
    house, _, trader, order = resting()
    expected = ""
    for _ in range(20):
        expected = beat(trader, expected)[1]["heartbeat_id"]
        house.advance(5)
    assert order.open


@pytest.mark.parametrize("offset_s", range(5))
def test_orders_go_ten_to_fifteen_seconds_after_the_last_heartbeat(offset_s):
    house, _, trader, order = resting()
    house.advance(offset_s)
    beat(trader)
    last_ns = house.now_ns
    while order.open:
        house.advance(0.5)
    assert 10 * SECOND <= house.now_ns - last_ns <= 15 * SECOND
    assert order.status == "CANCELED"
    (expired,) = house.logged("heartbeat_expired")
    assert (expired["account"], expired["cancelled"]) == (trader.key.address, 1)


def test_a_refused_heartbeat_does_not_count():
    house, _, trader, order = resting()
    beat(trader)
    for _ in range(3):
        house.advance(4.9)
        beat(trader, "wrong")
    house.advance(0.5)
    assert not order.open


def test_there_is_no_way_to_disarm_it():
    house, market, trader, _ = resting()
    beat(trader)
    house.advance(60)
    order_id = trader.place(market, 0, "BUY", "0.5", "10")[1]["orderID"]
    house.advance(5)
    assert house.engine.orders[order_id].status == "CANCELED"
    assert beat(trader)[0] == 200
    order_id = trader.place(market, 0, "BUY", "0.5", "10")[1]["orderID"]
    house.advance(5)
    assert house.engine.orders[order_id].open


def test_only_the_orders_of_the_same_api_key_go():
    house, market, trader, order = resting()
    second = house.accounts.make_key(trader.account, 1)
    assert second is not None
    first, trader.credentials = trader.credentials, second
    kept = trader.place(market, 0, "BUY", "0.4", "10")[1]["orderID"]
    trader.credentials = first
    beat(trader)
    house.advance(15)
    assert not order.open
    assert list(house.engine.open) == [kept]


def test_the_older_call_counts_and_begins_the_chain_anew():
    house, _, trader, order = resting()
    expected = beat(trader)[1]["heartbeat_id"]
    for _ in range(4):
        assert trader.call("POST", "/heartbeats") == (200, {"status": "ok"})
        house.advance(5)
    assert order.open
    assert beat(trader, expected)[1]["heartbeat_id"] == ""
    assert beat(trader)[0] == 200


def test_another_writer_breaks_the_chain():
    house, _, trader, _ = resting()
    expected = beat(trader)[1]["heartbeat_id"]
    house.trading.heartbeats.break_chain(trader.credentials.api_key)
    status, answer = beat(trader, expected)
    assert status == 400
    assert beat(trader, answer["heartbeat_id"])[0] == 200


def test_a_malformed_heartbeat_is_refused():
    _, _, trader, _ = resting()
    for body in ({"heartbeat_id": 1}, [""], "?"):
        assert trader.call("POST", PATH, body) == (400, {"error": "Invalid payload"})
    assert trader.call("POST", PATH, {})[0] == 200
