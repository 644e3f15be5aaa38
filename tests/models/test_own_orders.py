"""A desk's own orders: named once, adopted, forgotten, and never lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.markets import NO, YES, Outcome, Side
from models.messages.decisions import RefusalNote
from models.messages.orders import IntentDenied, OrderChanged, PlaceOrder
from models.orders import OrderState, TimeInForce
from models.own_orders import OwnOrders, SlotKey
from models.units import ONE, SHARE

M = "market"
MS = 1_000_000
YES_BID: SlotKey = (M, YES, Side.BUY)


def ask(own: OwnOrders, at: SlotKey = YES_BID, price: int = 4_900, now_ns: int = 10**15, **given: object) -> PlaceOrder:
    return own.ask(at, price, 5 * SHARE, "provide", 1, now_ns, **given)  # pyright: ignore[reportArgumentType]


def changed(
    order: PlaceOrder, state: OrderState = OrderState.WORKING, filled: int = 0, reason: str = ""
) -> OrderChanged:
    return OrderChanged(
        "id", order.intent, order.tag, order.market, order.outcome, order.side, order.price, order.size,
        filled * SHARE, state, reason, 0, order.post_only,
    )  # fmt: skip


def denied(order: PlaceOrder, detail: str = "") -> IntentDenied:
    return IntentDenied(order.intent, order.tag, M, order.outcome, order.side, "hedge_only", detail, 0)


def test_an_order_is_followed_from_the_wish_to_its_end() -> None:
    own = OwnOrders("tag", 0)
    order = ask(own)
    assert (order.post_only, order.time_in_force) == (True, TimeInForce.GTC)
    assert [known.state for known in own.working(M)] == [OrderState.PLACING]
    own.order_changed(changed(order, filled=2), 0)
    (known,) = own.working(M)
    assert (known.state, known.remaining) == (OrderState.WORKING, 3 * SHARE)
    assert not own.is_clear(M)
    own.order_changed(changed(order, OrderState.FILLED, filled=5), 0)
    assert own.is_clear(M)


def test_no_intent_is_named_twice_not_even_over_a_restart() -> None:
    first, second = OwnOrders("tag", 0), OwnOrders("tag", 0)
    names = [ask(first).intent for _ in range(3)] + [ask(second, now_ns=10**15 + 3 * MS).intent]
    assert len(set(names)) == 4


def test_an_order_of_an_earlier_life_is_adopted_but_not_its_end() -> None:
    own = OwnOrders("tag", 0)
    order = ask(OwnOrders("tag", 0))
    own.order_changed(changed(order, OrderState.CANCELLED), 0)
    assert own.is_clear(M)
    own.order_changed(changed(order), 0)
    assert [known.intent for known in own.working(M)] == [order.intent]


def test_a_late_word_on_a_forgotten_intent_adopts_it_again() -> None:
    own = OwnOrders("tag", 0)
    order = ask(own, now_ns=10**15)
    assert own.unanswered_until_ns == 10**15 + 1_000 * MS
    own.forget_unanswered(10**15 + 999 * MS)
    assert not own.is_clear(M)
    own.forget_unanswered(10**15 + 1_000 * MS)
    assert own.is_clear(M)
    assert own.unanswered_until_ns is None
    own.order_changed(changed(order), 0)
    assert not own.is_clear(M)


def test_an_answered_wish_is_not_forgotten() -> None:
    own = OwnOrders("tag", 0)
    order = ask(own)
    own.order_changed(changed(order, OrderState.PLACING), 0)
    own.forget_unanswered(10**18)
    assert not own.is_clear(M)


def test_a_refusal_frees_the_slot_and_is_remembered_until_the_next_wish() -> None:
    own = OwnOrders("tag", 1_000)
    own.intent_denied(denied(ask(own), "no room: 60 open orders >= 60"), 7)
    assert own.is_clear(M)
    assert own.refusals(M) == (RefusalNote(YES, Side.BUY, "hedge_only", "no room: 60 open orders >= 60"),)
    assert own.slot(YES_BID).refused_until_ns == 7 + 1_000 * MS
    order = ask(own)
    assert own.refusals(M) == ()
    own.order_changed(changed(order, OrderState.REJECTED, reason="crosses"), 9)
    assert own.refusals(M) == (RefusalNote(YES, Side.BUY, "", "crosses"),)


def test_a_denial_that_comes_twice_changes_nothing() -> None:
    own = OwnOrders("tag", 1_000)
    order = ask(own)
    own.intent_denied(denied(order), 0)
    changes = own.changes
    own.intent_denied(denied(order), 0)
    assert own.changes == changes


def test_an_order_that_was_never_sent_waits_unless_its_owner_called_it_back() -> None:
    own = OwnOrders("tag", 1_000)
    order = ask(own)
    own.order_changed(changed(order, OrderState.NEVER_SENT, reason="observe"), 5)
    assert own.slot(YES_BID).refused_until_ns == 5 + 1_000 * MS
    own = OwnOrders("tag", 1_000)
    order = ask(own)
    own.slot(YES_BID).orders[0].cancel_asked = True
    own.order_changed(changed(order, OrderState.NEVER_SENT, reason="reprice"), 5)
    assert own.slot(YES_BID).refused_until_ns == 0


def test_a_take_is_no_resting_order_here_nor_after_a_restart() -> None:
    own = OwnOrders("tag", 0)
    order = ask(own, time_in_force=TimeInForce.FOK)
    assert not order.post_only
    assert not own.slot(YES_BID).orders[0].rests
    later = OwnOrders("tag", 0)
    later.order_changed(changed(order, OrderState.PLACING), 0)
    assert not later.slot(YES_BID).orders[0].rests


def test_own_orders_of_one_market_are_not_those_of_another() -> None:
    own = OwnOrders("tag", 0)
    ask(own)
    assert own.is_clear("other")
    assert own.working("other") == ()
    assert not own.would_cross(("other", NO, Side.BUY), 9_000)


outcomes = st.sampled_from([YES, NO])
sides = st.sampled_from([Side.BUY, Side.SELL])
prices = st.integers(1, 99).map(lambda cents: cents * 100)


def yes_terms(outcome: Outcome, side: Side, price: int) -> tuple[bool, int]:
    """Whether an order buys YES, and at which YES price."""
    return ((side is Side.BUY) == (outcome == YES), price if outcome == YES else ONE - price)


@pytest.mark.proves("I16")
@given(outcomes, sides, prices, outcomes, sides, prices)
def test_an_order_would_cross_exactly_where_the_two_would_trade(
    outcome: Outcome, side: Side, price: int, mine: Outcome, my_side: Side, my_price: int
) -> None:
    own = OwnOrders("tag", 0)
    ask(own, (M, mine, my_side), my_price)
    (buys, at), (i_buy, my_at) = yes_terms(outcome, side, price), yes_terms(mine, my_side, my_price)
    trades = buys != i_buy and (at >= my_at if buys else at <= my_at)
    assert own.would_cross((M, outcome, side), price) == trades


def test_what_the_venue_refused_three_times_within_a_minute_waits_for_the_minute_to_pass() -> None:
    own = OwnOrders("tag", 1_000)
    ends: list[int] = []
    for second in (1, 3, 5, 70):
        order = ask(own, now_ns=second * 1_000 * MS)
        own.order_changed(changed(order, OrderState.REJECTED, reason="crosses"), second * 1_000 * MS)
        ends.append(own.slot(YES_BID).refused_until_ns // (1_000 * MS))
    assert ends == [2, 4, 61, 71]
