import pytest

from sandbox.units import SECOND
from tests.sandbox.house import House

UNKNOWN = "0x" + "ab" * 32


def resting(count: int = 1):
    """A house, its market, a trader, and the ids of its resting orders."""
    house = House()
    market = house.market()
    house.quote(market, "SELL", 6_000, 100)
    trader = house.trader()
    ids = [trader.place(market, 0, "BUY", "0.5", "10")[1]["orderID"] for _ in range(count)]
    return house, market, trader, ids


def test_one_order_is_cancelled_and_leaves_the_book():
    house, market, trader, (order_id,) = resting()
    assert trader.call("DELETE", "/order", {"orderID": order_id}) == (200, {"canceled": [order_id], "not_canceled": {}})
    assert house.engine.orders[order_id].status == "CANCELED"
    assert market.book.touch(0) == (None, 6_000)
    assert trader.wallet.free_cash == trader.wallet.cash


def test_what_cannot_be_cancelled_is_named_with_its_reason():
    house, market, trader, (cancelled, matched) = resting(2)
    trader.call("DELETE", "/order", {"orderID": cancelled})
    house.venue.trade(market, 0, "SELL", 10_000_000, 0, house.now_ns)
    stranger = house.trader("stranger").place(market, 0, "BUY", "0.4", "5")[1]["orderID"]
    ids = [cancelled, matched, stranger, UNKNOWN, UNKNOWN]
    status, answer = trader.call("DELETE", "/orders", ids)
    assert (status, answer["canceled"]) == (200, [])
    assert answer["not_canceled"] == {
        cancelled: "Order already canceled",
        matched: "Order already matched",
        stranger: "Order not found",
        UNKNOWN: "Order not found",
    }
    assert house.engine.orders[stranger].status == "LIVE"


def test_an_order_inside_a_taker_delay_cannot_be_cancelled():
    house = House()
    game = house.market("game", seconds_delay=3)
    house.quote(game, "SELL", 5_300, 100)
    trader = house.trader()
    order_id = trader.place(game, 0, "BUY", "0.53", "10")[1]["orderID"]
    _, answer = trader.call("DELETE", "/order", {"orderID": order_id})
    assert answer["not_canceled"] == {order_id: "order can't be found - already canceled or matched"}
    house.advance(3)
    assert house.engine.orders[order_id].status == "MATCHED"


def test_all_orders_of_the_account_are_cancelled_and_no_others():
    house, market, trader, ids = resting(3)
    other = house.trader("other")
    stays = other.place(market, 0, "BUY", "0.4", "5")[1]["orderID"]
    assert trader.call("DELETE", "/cancel-all") == (200, {"canceled": ids, "not_canceled": {}})
    assert list(house.engine.open) == [stays]
    assert trader.call("DELETE", "/cancel-all") == (200, {"canceled": [], "not_canceled": {}})


def test_orders_of_a_market_or_of_a_token_are_cancelled():
    house, market, trader, (yes,) = resting()
    sun = house.market("sun")
    no = trader.place(market, 1, "BUY", "0.3", "10")[1]["orderID"]
    elsewhere = trader.place(sun, 0, "BUY", "0.3", "10")[1]["orderID"]
    by_token = {"asset_id": market.token_ids[1]}
    assert trader.call("DELETE", "/cancel-market-orders", by_token)[1]["canceled"] == [no]
    by_market = {"market": market.condition_id, "asset_id": ""}
    assert trader.call("DELETE", "/cancel-market-orders", by_market)[1]["canceled"] == [yes]
    assert list(house.engine.open) == [elsewhere]
    assert trader.call("DELETE", "/cancel-market-orders", {"market": "", "asset_id": ""})[0] == 400
    assert list(house.engine.open) == [elsewhere]


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/order", {"orderID": "0x12"}, "Invalid orderID"),
        ("/order", {"id": UNKNOWN}, "Invalid orderID"),
        ("/order", {"orderID": None}, "Invalid orderID"),
        ("/order", [UNKNOWN], "Invalid order payload"),
        ("/orders", {"orderID": UNKNOWN}, "Invalid order payload"),
        ("/orders", [], "Invalid order payload"),
        ("/orders", [UNKNOWN, "?"], "Invalid orderID"),
        ("/orders", [f"0x{number:064x}" for number in range(1_001)], "Too many orders in payload, max allowed: 1000"),
        ("/cancel-market-orders", {"market": 1}, "Invalid order payload"),
    ],
)
def test_a_malformed_call_is_refused(path, body, text):
    _, _, trader, _ = resting(0)
    assert trader.call("DELETE", path, body) == (400, {"error": text})


def test_a_thousand_ids_and_the_same_twice_are_no_malformed_call():
    house, _, trader, _ = resting(0)
    house.buckets.enforced = False
    ids = [f"0x{number:064x}" for number in range(1_000)]
    status, answer = trader.call("DELETE", "/orders", ids + ids)
    assert (status, len(answer["not_canceled"])) == (200, 1_000)


def test_cancels_cost_one_each_and_cancelling_all_costs_what_it_cancelled_afterwards():
    house, _, trader, ids = resting(10)
    one = trader.ask("DELETE", "/order", {"orderID": ids[0]})
    assert one.headers["Poly-RateLimit-Remaining"] == "119"
    several = trader.ask("DELETE", "/orders", ids[1:4])
    assert several.headers["Poly-RateLimit-Remaining"] == "116"
    everything = trader.ask("DELETE", "/cancel-all")
    assert everything.headers["Poly-RateLimit-Remaining"] == str(116 - 1 - 6)
    unpaid = trader.ask("DELETE", "/orders", [f"0x{number:064x}" for number in range(110)])
    assert (unpaid.status, unpaid.headers["Retry-After"]) == (429, "1")
    house.advance(2)
    assert trader.call("DELETE", "/cancel-all")[0] == 200


def test_a_bucket_may_go_into_debt_by_cancelling_everything():
    house, market, trader, _ = resting(0)
    house.buckets.enforced = False
    for _ in range(130):
        trader.place(market, 0, "BUY", "0.01", "5")
    house.buckets.enforced = True
    assert trader.ask("DELETE", "/cancel-all").headers["Poly-RateLimit-Remaining"] == "-11"
    assert trader.call("DELETE", "/order", {"orderID": UNKNOWN})[0] == 429


def test_cancels_are_taken_in_every_mode_but_disabled_and_while_restarting():
    house, _, trader, ids = resting(3)
    house.modes.cancel_only(house.now_ns)
    assert trader.call("DELETE", "/order", {"orderID": ids[0]})[1]["canceled"] == [ids[0]]
    house.modes.post_only(house.now_ns)
    assert trader.call("DELETE", "/order", {"orderID": ids[1]})[1]["canceled"] == [ids[1]]
    house.modes.disabled(house.now_ns)
    assert trader.call("DELETE", "/order", {"orderID": ids[2]})[0] == 503
    house.modes.restart(house.now_ns, 5)
    assert trader.call("DELETE", "/cancel-all")[0] == 425
    assert house.engine.orders[ids[2]].status == "LIVE"


def test_an_order_that_expired_is_already_cancelled():
    house, market, trader, _ = resting(0)
    expires = house.now_ns // SECOND + 200
    order_id = trader.place(market, 0, "BUY", "0.5", "10", kind="GTD", expiration=expires)[1]["orderID"]
    house.advance(139)
    assert house.engine.orders[order_id].open
    house.advance(2)
    _, answer = trader.call("DELETE", "/order", {"orderID": order_id})
    assert answer["not_canceled"] == {order_id: "Order already canceled"}
