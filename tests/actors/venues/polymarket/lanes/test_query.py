"""What the venue says of an order or of the account is told whole and as it is, or not at all."""

from collections.abc import Callable
from typing import Any

import pytest

from models.markets import NO, YES, Market, Side
from models.messages.lanes import (
    AccountRead,
    HoldingsRead,
    OpenOrderSeen,
    OrderFound,
    OrderNotFound,
    QueryFailed,
    QueryOrder,
    ReadAccount,
    ReadHoldings,
    SubmitUnanswered,
    VenueModeSeen,
)
from models.messages.orders import ForeignOrderSeen, OrderAccepted, OrderCancelled, SubmitOrder, TradeReported
from models.orders import TimeInForce
from models.units import ONE, SHARE, Size, parse_price
from tests.actors.venues.polymarket.lanes.lanes_at_work import QUERY, SUBMIT, Lanes
from tests.actors.venues.polymarket.local_venue import clear, throw

SHORT_S = 0.4


@pytest.fixture(autouse=True)
def started(lanes: Lanes) -> None:
    lanes.start()


def ask(lanes: Lanes, order: SubmitOrder) -> None:
    lanes.send(QUERY, QueryOrder(order.order_id, order.order.market, order.order.created_ns))


def found(lanes: Lanes, order: SubmitOrder) -> OrderFound:
    ask(lanes, order)
    return lanes.answer(order.order_id, OrderFound)


def read(lanes: Lanes, reason: str = "start", since_ns: int = 0) -> AccountRead:
    """Have the account read; again where the venue's limits make a read too slow, as many tests in a row may."""

    def answered() -> bool:
        if lanes.of(QueryFailed):
            lanes.told[:] = [message for message in lanes.told if not isinstance(message, QueryFailed)]
            lanes.send(QUERY, ReadAccount(reason, since_ns))
        return bool(lanes.of(AccountRead))

    lanes.send(QUERY, ReadAccount(reason, since_ns))
    lanes.until(answered)
    message = lanes.heard(AccountRead)
    lanes.told.remove(message)
    return message


def look(lanes: Lanes, *markets: str) -> HoldingsRead:
    lanes.send(QUERY, ReadHoldings(markets or tuple(lanes.markets)))
    return lanes.heard(HoldingsRead)


def take(lanes: Lanes) -> SubmitOrder:
    """Buy something that is on offer, at once."""
    market = taken_in(lanes)
    book = lanes.truth.session.read_public("/book", dict[str, Any], {"token_id": market.token_ids[YES]})
    ask_price = min(parse_price(level["price"]) for level in book["asks"])
    price = min(ask_price + 3 * market.tick, ONE - market.tick)
    order = lanes.order(f"{price / ONE:.4f}", 20 * SHARE, market=market, post_only=False, time_in_force=TimeInForce.FAK)
    lanes.send(SUBMIT, order)
    lanes.answer(order.order_id, OrderAccepted)
    return order


def taken_in(lanes: Lanes) -> Market:
    return next(market for market in lanes.markets.values() if market.slug.startswith("rate-decision"))


def holding(lanes: Lanes) -> Size:
    """What the account holds of the token that is taken; other tests took of it too."""
    return lanes.truth.balance("CONDITIONAL", taken_in(lanes).token_ids[YES]).amount


def test_an_order_is_found_as_it_stands(lanes: Lanes) -> None:
    order = lanes.rests()
    assert found(lanes, order).state == "live"
    lanes.cancel(order)
    lanes.answer(order.order_id, OrderCancelled)
    again = found(lanes, order)
    assert (again.state, again.filled, again.text) == ("cancelled", 0, "CANCELED")
    assert lanes.of(VenueModeSeen) == []


def test_an_order_is_found_with_what_was_matched_and_its_trades_are_told(lanes: Lanes) -> None:
    order = lanes.rests(size=20 * SHARE)
    throw(lanes.venue, "partial_fills", order=order.order_id, parts=1, dust="12")
    lanes.until(lambda: (seen := lanes.truth.order(order.order_id)) is not None and seen.filled)
    live = found(lanes, order)
    assert (live.state, live.filled) == ("live", 8 * SHARE)
    fill = lanes.answer(order.order_id, TradeReported)
    assert (fill.size, fill.price, fill.maker, fill.side) == (8 * SHARE, 100, True, Side.BUY)
    lanes.cancel(order)
    assert lanes.answer(order.order_id, OrderCancelled).filled == 8 * SHARE
    assert found(lanes, order).state == "cancelled"


def test_an_order_that_was_filled_is_matched(lanes: Lanes) -> None:
    order = lanes.rests(size=20 * SHARE)
    throw(lanes.venue, "partial_fills", order=order.order_id, parts=1, dust="0")
    lanes.until(lambda: lanes.resting() == set())
    over = found(lanes, order)
    assert (over.state, over.filled) == ("matched", 20 * SHARE)
    assert lanes.answer(order.order_id, TradeReported).size == 20 * SHARE


def test_what_a_taker_met_is_told_with_its_cash(lanes: Lanes) -> None:
    order = take(lanes)
    assert found(lanes, order).state in {"matched", "cancelled"}
    lanes.until(lambda: lanes.of(TradeReported))
    assert all(not fill.maker and fill.cash for fill in lanes.of(TradeReported))


def test_an_order_is_not_found_only_after_three_answers(lanes: Lanes) -> None:
    order = lanes.order()
    ask(lanes, order)
    lanes.answer(order.order_id, OrderNotFound)
    paths = [f"/data/order/{order.order_id}", "/data/orders", "/data/trades"]
    asked = [line["path"] for line in lanes.log() if line["kind"] == "request" and line["path"] in paths]
    assert asked[-3:] == paths


@pytest.mark.proves("I7")
@pytest.mark.parametrize("path", ["/data/order/", "/data/orders", "/data/trades"])
@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("lose_request", {}),
        ("reset_answer", {}),
        ("cut_answer", {"how": "truncated"}),
        ("too_many", {"how": "html"}),
        ("forbidden", {}),
        ("gzip_bomb", {"mib": 20}),
        ("redirect", {}),
    ],
)
def test_a_question_that_failed_is_not_an_absence(lanes: Lanes, path: str, fault: str, more: dict[str, Any]) -> None:
    order = lanes.order()
    throw(lanes.venue, fault, method="GET", path=path, **more)
    lanes.within(QUERY, SHORT_S)
    ask(lanes, order)
    assert lanes.answer(order.order_id, QueryFailed).text
    ask(lanes, order)
    lanes.answer(order.order_id, OrderNotFound)


@pytest.mark.parametrize("fault", ["lose_answer", "late_answer", "error_though_done", "reset_answer", "cut_answer"])
def test_an_unanswered_order_that_stands_is_found(lanes: Lanes, fault: str) -> None:
    """F02 to F05."""
    lanes.within(SUBMIT, SHORT_S)
    throw(lanes.venue, fault, method="POST", path="/order")
    order = lanes.submit()
    lanes.answer(order.order_id, SubmitUnanswered)
    clear(lanes.venue)
    assert found(lanes, order).state == "live"
    assert lanes.resting() == {order.order_id}


def test_an_unanswered_order_that_was_lost_is_not_found(lanes: Lanes) -> None:
    """F01."""
    throw(lanes.venue, "lose_request", manner="reset")
    order = lanes.submit()
    lanes.answer(order.order_id, SubmitUnanswered)
    ask(lanes, order)
    lanes.answer(order.order_id, OrderNotFound)


def test_an_order_that_only_its_trades_know_is_said_to_be_known_so(lanes: Lanes) -> None:
    lanes.within(SUBMIT, SHORT_S)
    throw(lanes.venue, "zombie", hidden=60, unfilled=True)
    order = lanes.submit(size=20 * SHARE)
    lanes.answer(order.order_id, SubmitUnanswered)
    ask(lanes, order)
    lanes.answer(order.order_id, OrderNotFound)
    throw(lanes.venue, "partial_fills", order=order.order_id, parts=1, dust="12")
    lanes.until(lambda: lanes.truth.trades(after_s=order.submitted_ns // 10**9 - 1))
    ask(lanes, order)
    assert lanes.answer(order.order_id, TradeReported).size == 8 * SHARE
    known = lanes.answer(order.order_id, OrderFound)
    assert (known.state, known.filled) == ("traded", 8 * SHARE)


@pytest.mark.fault("F22")
@pytest.mark.parametrize("how", ["repeat", "endless"])
def test_a_list_that_does_not_end_is_a_failure(lanes: Lanes, how: str) -> None:
    """F22."""
    lanes.rests()
    throw(lanes.venue, "pages", how=how)
    order = lanes.order()
    ask(lanes, order)
    lanes.answer(order.order_id, QueryFailed)
    lanes.send(QUERY, ReadAccount("start", 0))
    lanes.until(lambda: lanes.of(QueryFailed))
    assert lanes.of(QueryFailed)[0].order_id is None
    assert lanes.of(AccountRead) == []


def test_an_absence_of_a_moment_ago_is_told_as_what_it_is(lanes: Lanes) -> None:
    """F23: the venue says what it kept; how old a read may be is the executor's to know."""
    order = lanes.order()
    throw(lanes.venue, "stale_reads", lag=30)
    ask(lanes, order)
    lanes.answer(order.order_id, OrderNotFound)
    lanes.send(SUBMIT, order)
    lanes.answer(order.order_id, OrderAccepted)
    ask(lanes, order)
    lanes.answer(order.order_id, OrderNotFound)
    clear(lanes.venue)
    assert found(lanes, order).state == "live"


def test_the_mode_of_the_venue_is_told_from_reads_too(lanes: Lanes) -> None:
    throw(lanes.venue, "restart", seconds=30)
    order = lanes.order()
    ask(lanes, order)
    lanes.answer(order.order_id, QueryFailed)
    assert lanes.heard(VenueModeSeen).mode == "restarting"


def test_the_account_is_read_whole(lanes: Lanes) -> None:
    began_ns = lanes.world.clock.now_ns()
    before = holding(lanes)
    taken = take(lanes)
    buys = lanes.rests(size=7 * SHARE)
    sells_no = lanes.rests(price="0.02", size=6 * SHARE, outcome=NO)
    lanes.until(lambda: holding(lanes))
    told = read(lanes, "reconnect", began_ns)
    market = lanes.market.id
    assert set(told.open_orders) == {
        OpenOrderSeen(buys.order_id, market, YES, Side.BUY, 100, 7 * SHARE, 0),
        OpenOrderSeen(sells_no.order_id, market, NO, Side.BUY, 200, 6 * SHARE, 0),
    }
    assert told.reason == "reconnect"
    assert began_ns < told.asked_ns < told.at_ns
    assert told.cash == lanes.truth.balance().amount
    looked = look(lanes)
    assert told.at_ns <= looked.asked_ns < looked.at_ns
    assert set(looked.tokens) == set(lanes.markets)
    held, none = looked.tokens[taken.order.market]
    assert (held > 0, none) == (True, 0)
    fills = [fill for fill in lanes.of(TradeReported) if fill.order_id == taken.order_id]
    assert fills
    assert sum(fill.size for fill in fills) >= held - before


def test_orders_that_are_not_ours_are_foreign_and_not_among_ours(lanes: Lanes) -> None:
    """F60, and an order of ours in a market that nobody here knows any more."""
    ours = lanes.rests()
    throw(lanes.venue, "foreign_order", account=lanes.trader.account.key.address, market=lanes.market.id)
    (foreign,) = lanes.resting() - {ours.order_id}
    told = read(lanes, since_ns=lanes.world.clock.now_ns())
    assert [order.order_id for order in told.open_orders] == [ours.order_id]
    assert lanes.answer(foreign, ForeignOrderSeen).market == lanes.market.id
    del lanes.markets[lanes.market.id]
    told = read(lanes, since_ns=lanes.world.clock.now_ns())
    assert told.open_orders == ()
    assert lanes.answer(ours.order_id, ForeignOrderSeen).market == lanes.market.condition_id


@pytest.mark.parametrize("path", ["/data/orders", "/data/trades", "/balance-allowance"])
def test_an_account_that_could_not_be_read_whole_is_not_told(lanes: Lanes, path: str) -> None:
    throw(lanes.venue, "error_though_done", method="GET", path=path)
    lanes.send(QUERY, ReadAccount("start", 0))
    failed = lanes.heard(QueryFailed)
    assert failed.order_id is None
    assert path in failed.text
    assert lanes.of(AccountRead) == []
    lanes.told.clear()
    read(lanes)


def slow_account(lanes: Lanes) -> Callable[[], int]:
    """Have balances be read slowly; return what counts how many were."""
    throw(lanes.venue, "latency", delay=0.02, method="GET", path="/balance-allowance")
    before = len(lanes.log_of("GET", "/balance-allowance"))
    return lambda: len(lanes.log_of("GET", "/balance-allowance")) - before


def test_neither_an_order_nor_the_account_waits_for_holdings(lanes: Lanes) -> None:
    order = lanes.rests()
    balances = slow_account(lanes)
    lanes.send(QUERY, ReadHoldings(tuple(lanes.markets)))
    lanes.until(lambda: balances() > 1)
    assert found(lanes, order).state == "live"
    read(lanes, since_ns=lanes.world.clock.now_ns())
    assert lanes.of(HoldingsRead) == []
    assert set(lanes.heard(HoldingsRead).tokens) == set(lanes.markets)


def test_a_read_under_way_ends_before_the_one_that_was_asked_for_meanwhile(lanes: Lanes) -> None:
    throw(lanes.venue, "latency", delay=0.05, method="GET", path="/data/trades")
    before = len(lanes.log_of("GET", "/data/orders"))
    now_ns = lanes.world.clock.now_ns()
    lanes.send(QUERY, ReadAccount("start", now_ns))
    lanes.until(lambda: len(lanes.log_of("GET", "/data/orders")) > before)
    asked_ns = lanes.world.clock.now_ns()
    for reason in ("cadence", "reconnect"):
        lanes.send(QUERY, ReadAccount(reason, now_ns))
    lanes.until(lambda: len(lanes.of(AccountRead)) == 2)
    first, second = lanes.of(AccountRead)
    assert (first.reason, first.asked_ns < asked_ns) == ("start", True)
    assert (second.reason, second.asked_ns >= max(asked_ns, first.at_ns)) == ("reconnect", True)
    lanes.stop(QUERY)
    assert len(lanes.of(AccountRead)) == 2


def test_holdings_that_could_not_be_read_are_not_named(lanes: Lanes) -> None:
    first, second, *_ = lanes.markets
    throw(lanes.venue, "error_though_done", method="GET", path="/balance-allowance")
    assert look(lanes, first, second).tokens == {}
    lanes.told.clear()
    assert set(look(lanes, first, "nobody knows it", second).tokens) == {first, second}


def test_balances_are_not_asked_for_faster_than_the_venue_answers_them(lanes: Lanes) -> None:
    before = len(lanes.log_of("GET", "/balance-allowance"))
    began_ns = lanes.world.clock.now_ns()
    for _ in range(3):
        look(lanes, *list(lanes.markets)[:6])
        lanes.told.clear()
    asked = len(lanes.log_of("GET", "/balance-allowance")) - before
    seconds = (lanes.world.clock.now_ns() - began_ns) / 1e9
    assert asked == 36
    assert asked <= 20 + 18 * seconds + 1


def test_the_lane_stops_amid_a_question(lanes: Lanes) -> None:
    balances = slow_account(lanes)
    lanes.send(QUERY, ReadHoldings(tuple(lanes.markets)))
    lanes.until(lambda: balances() > 1)
    lanes.stop(QUERY)
    assert lanes.of(HoldingsRead) == []
    assert lanes.world.dead("unread") == []
