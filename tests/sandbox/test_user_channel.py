import json

import pytest

from sandbox.trading.settlement import RETRIED
from sandbox.units import MILLISECOND, SECOND, SHARE
from tests.sandbox.house import House

FOK_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."


def quoted(**facts):
    house = House()
    market = house.market(**facts)
    house.quote(market, "BUY", 5_000, 100)
    house.quote(market, "SELL", 5_300, 100)
    return house, market, house.trader()


def test_an_order_is_shown_as_it_is_placed_matched_and_cancelled():
    house, market, trader = quoted()
    connection = trader.listen()
    order_id = trader.place(market, 0, "BUY", "0.51", "10")[1]["orderID"]
    house.advance(1)
    house.venue.trade(market, 0, "SELL", 4 * SHARE, 0, house.now_ns)
    house.advance(1)
    trader.call("DELETE", "/order", {"orderID": order_id})
    house.advance(1)
    placed, matched, cancelled = house.events(connection, "order")
    (trade_id,) = house.engine.orders[order_id].trades
    assert placed == {
        "event_type": "order",
        "id": order_id,
        "owner": trader.credentials.api_key,
        "market": market.condition_id,
        "asset_id": market.token_ids[0],
        "side": "BUY",
        "order_owner": trader.credentials.api_key,
        "original_size": "10",
        "size_matched": "0",
        "price": "0.51",
        "associate_trades": None,
        "outcome": "Yes",
        "type": "PLACEMENT",
        "created_at": "1790000100",
        "expiration": "0",
        "order_type": "GTC",
        "status": "LIVE",
        "maker_address": trader.wallet.address,
        "timestamp": "1790000100000",
    }
    changed = {"type": "UPDATE", "size_matched": "4", "associate_trades": [trade_id]}
    assert matched == placed | changed | {"timestamp": "1790000101000"}
    changed |= {"type": "CANCELLATION", "status": "CANCELED"}
    assert cancelled == placed | changed | {"timestamp": "1790000102000"}


def test_a_trade_is_shown_once_for_each_status_to_both_sides():
    house, market, taker = quoted()
    maker = house.trader("maker", 3)
    resting = maker.place(market, 1, "BUY", "0.48", "10")[1]["orderID"]
    for_taker, for_maker = taker.listen(), maker.listen()
    taking = taker.place(market, 0, "BUY", "0.53", "25")[1]["orderID"]
    house.advance(120)
    taken, made = house.events(for_taker, "trade"), house.events(for_maker, "trade")
    for events, side in ((taken, "TAKER"), (made, "MAKER")):
        assert [event["status"] for event in events] == ["MATCHED", "MINED", "CONFIRMED"]
        assert {event["trader_side"] for event in events} == {side}
        assert {event["id"] for event in events} == {taken[0]["id"]}
        assert [bool(event["transaction_hash"]) for event in events] == [False, True, True]
    first = made[0]
    assert (first["type"], first["taker_order_id"], first["size"], first["price"]) == ("TRADE", taking, "25", "0.53")
    assert (first["match_time"], first["last_update"]) == ("1790000100", "1790000100")
    assert first["timestamp"] == "1790000100000"
    assert (first["owner"], first["trade_owner"]) == (taker.credentials.api_key, maker.credentials.api_key)
    own, outside = first["maker_orders"]
    assert (own["order_id"], own["owner"], own["outcome_index"]) == (resting, maker.credentials.api_key, 1)
    assert (own["matched_amount"], own["price"], own["side"]) == ("10", "0.48", "BUY")
    assert outside["matched_amount"] == "15"


def test_matched_amounts_of_all_makers_sum_to_the_size():
    house, market, trader = quoted()
    house.quote(market, "SELL", 5_200, 3)
    other = house.trader("other", 3)
    other.place(market, 1, "BUY", "0.46", "7")
    connection = trader.listen()
    trader.place(market, 0, "BUY", "0.55", "20")
    house.advance(1)
    (event,) = [one for one in house.events(connection, "trade") if one["status"] == "MATCHED"]
    amounts = [float(one["matched_amount"]) for one in event["maker_orders"]]
    assert sum(amounts) == float(event["size"]) == 20


def test_an_account_that_is_on_both_sides_is_told_of_both():
    house, market, trader = quoted()
    other = house.trader("0", 3)
    assert other.account is trader.account
    connection = trader.listen()
    trader.place(market, 0, "BUY", "0.52", "10")
    other.place(market, 1, "BUY", "0.48", "10")
    house.advance(1)
    sides = [event["trader_side"] for event in house.events(connection, "trade") if event["status"] == "MATCHED"]
    assert sides == ["TAKER", "MAKER"]


def test_a_killed_order_reads_as_the_venue_writes_it():
    house, market, trader = quoted()
    connection = trader.listen()
    trader.place(market, 0, "BUY", "0.52", "12", kind="FOK")
    house.advance(1)
    (event,) = house.events(connection, "order")
    assert (event["type"], event["order_type"], event["status"]) == ("CANCELLATION", "FOK", f"CANCELED_{FOK_KILLED}")
    assert (event["size_matched"], event["created_at"], event["outcome"]) == ("", "", "")
    assert (event["original_size"], event["price"], event["associate_trades"]) == ("12", "0.52", [])


def test_the_end_of_a_market_is_told_for_every_open_order():
    house, market, trader = quoted()
    connection = trader.listen()
    trader.place(market, 0, "BUY", "0.51", "10")
    house.venue.resolve(market, (0, 10_000), house.now_ns)
    house.advance(1)
    last = house.events(connection, "order")[-1]
    assert last["type"] == "CANCELLATION"
    assert last["status"].startswith("CANCELED_MARKET_RESOLVED")


def test_a_trade_that_is_retried_is_told_so():
    house, market, trader = quoted()
    connection = trader.listen()
    house.engine.settlement.next_fates.append(RETRIED)
    trader.place(market, 0, "BUY", "0.53", "10")
    house.advance(120)
    statuses = [event["status"] for event in house.events(connection, "trade")]
    assert statuses == ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]


def test_markets_are_chosen_added_and_left_and_no_choice_is_all():
    house, rain, trader = quoted()
    sun = house.market("sun")
    connection = trader.listen(rain.condition_id)

    def heard() -> set[str]:
        before = len(house.events(connection))
        for market in (rain, sun):
            trader.place(market, 0, "BUY", "0.4", "5")
        house.advance(1)
        return {event["market"] for event in house.events(connection)[before:]}

    both = {rain.condition_id, sun.condition_id}
    assert heard() == {rain.condition_id}
    house.say(connection, {"operation": "subscribe", "markets": [sun.condition_id]})
    assert heard() == both
    house.say(connection, {"operation": "unsubscribe", "markets": [rain.condition_id]})
    assert heard() == {sun.condition_id}
    house.say(connection, {"operation": "unsubscribe", "markets": [sun.condition_id]})
    assert heard() == both


@pytest.mark.parametrize(
    "change", [{"apiKey": "x"}, {"secret": "x"}, {"passphrase": ""}, {"apiKey": None}, {"apiKey": ["x"]}]
)
def test_wrong_credentials_hear_nothing_but_pong(change):
    house, market, trader = quoted()
    known = trader.credentials
    auth = {"apiKey": known.api_key, "secret": known.secret, "passphrase": known.passphrase} | change
    connection = house.connect()
    house.say(connection, {"type": "user", "auth": auth})
    trader.place(market, 0, "BUY", "0.53", "10")
    house.say(connection, "PING")
    house.advance(60)
    assert house.events(connection) == ["PONG"]


def test_nobody_hears_of_another_account():
    house, market, trader = quoted()
    other = house.trader("other").listen()
    trader.place(market, 0, "BUY", "0.53", "10")
    house.advance(60)
    assert house.events(other) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"type":"user"}', '{"type":"user","auth":[]}', "[" * 100_000])
def test_a_malformed_text_changes_nothing(text):
    house, market, trader = quoted()
    connection = house.connect()
    house.say(connection, text)
    trader.place(market, 0, "BUY", "0.53", "10")
    house.advance(1)
    assert house.events(connection) == []


def test_a_closed_socket_hears_nothing_more_even_of_what_is_on_its_way():
    house, market, trader = quoted()
    connection = trader.listen()
    for _ in range(20):
        trader.place(market, 0, "BUY", "0.51", "5")
    heard = len(house.events(connection))
    assert heard < 20
    house.users.closed(connection)
    house.advance(1)
    assert len(house.events(connection)) == heard


def test_events_come_before_the_answer_and_after_it_but_never_out_of_order():
    house, market, trader = quoted()
    connection = trader.listen()
    early = late = 0
    for _ in range(40):
        before = len(house.events(connection, "order"))
        order_id = trader.place(market, 0, "BUY", "0.51", "5")[1]["orderID"]
        if len(house.events(connection, "order")) > before:
            early += 1
        else:
            late += 1
        house.advance(0.1)
        trader.call("DELETE", "/order", {"orderID": order_id})
        house.advance(0.1)
    assert early > 5
    assert late > 5
    kinds = [event["type"] for event in house.events(connection, "order")]
    assert kinds == ["PLACEMENT", "CANCELLATION"] * 40
    delays = [
        at_ns - int(event["timestamp"]) * MILLISECOND
        for _, at_ns, event in house.heard
        if event != "PONG" and event["event_type"] == "order"
    ]
    assert 0 == min(delays) < max(delays) <= SECOND


def test_any_text_can_be_sent_to_those_who_listen_to_an_account():
    house, _, trader = quoted()
    connection = trader.listen()
    house.trader("other").listen()
    assert house.users.send_raw(trader.account, json.dumps({"event_type": "strange"})) == 1
    house.advance(0)
    house.say(connection, "PING")
    assert house.events(connection)[0] == {"event_type": "strange"}
    assert house.users.close_all(1012) == 2
