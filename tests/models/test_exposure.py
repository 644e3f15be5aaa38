"""The worst case against a naive enumeration: every outcome, every subset of orders filled, in exact fractions."""

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.exposure import Exposures, MarketExposure, Nets, Totals
from models.fees import taker_fee
from models.markets import NO, YES, Fees, Market, Outcome, Side
from models.messages.orders import FillCounted, FillSettled, FillVoided, MergeChanged, OrderChanged, PlaceOrder
from models.messages.position import Position
from models.orders import OrderState, TimeInForce
from models.units import DOLLAR, ONE, SHARE

M, TAG = "m", "tag"
FEES = Fees(rate_e6=70_000)

outcomes: st.SearchStrategy[Outcome] = st.sampled_from([YES, NO])
sides = st.sampled_from([Side.BUY, Side.SELL])
prices = st.integers(1, ONE - 1)
sizes = st.integers(1, 30 * SHARE)
tags = st.sampled_from([TAG, "other"])


@st.composite
def orders(draw: st.DrawFn) -> PlaceOrder:
    intent = f"i{draw(st.uuids())}"
    rests = draw(st.booleans())
    return PlaceOrder(
        intent, draw(tags), M, draw(outcomes), draw(sides), draw(prices), draw(sizes), rests,
        TimeInForce.GTC if rests else TimeInForce.FAK, "", 1, 0,
    )  # fmt: skip


@st.composite
def fills(draw: st.DrawFn) -> FillCounted:
    outcome, price, size = draw(outcomes), draw(prices), draw(sizes)
    trade = f"t{draw(st.uuids())}"
    return FillCounted(
        trade, f"o{trade}", trade, draw(tags), M, outcome, Side.BUY, price, size, price * size // ONE, 0, 0, True, 0
    )


def changed(order: PlaceOrder, state: OrderState, filled: int = 0) -> OrderChanged:
    return OrderChanged(
        "id", order.intent, order.tag, M, order.outcome, order.side, order.price, order.size, filled, state, "", 0,
        order.post_only,
    )  # fmt: skip


def naive_worst_case(held: list[FillCounted], open_orders: list[PlaceOrder]) -> Fraction:
    """The most that can be lost: over YES, NO and VOID, over every subset of orders that may fill."""
    worst = Fraction(0)
    for payout_yes in (Fraction(1), Fraction(0), Fraction(1, 2)):
        payout: dict[Outcome, Fraction] = {YES: payout_yes, NO: 1 - payout_yes}
        value = sum((payout[fill.outcome] * fill.size - fill.cash for fill in held), Fraction(0))
        for count in range(len(open_orders) + 1):
            for filled in combinations(open_orders, count):
                worst = max(worst, -(value + sum((gain(order, payout) for order in filled), Fraction(0))))
    return worst


def gain(order: PlaceOrder, payout: dict[Outcome, Fraction]) -> Fraction:
    edge = payout[order.outcome] - Fraction(order.price, ONE)
    fee = 0 if order.post_only else taker_fee(FEES, order.price, order.size)
    return (edge if order.side is Side.BUY else -edge) * order.size - fee


def exposed(held: list[FillCounted], open_orders: list[PlaceOrder]) -> MarketExposure:
    exposure = MarketExposure(FEES)
    for fill in held:
        exposure.moved(fill.tag, fill)
    for order in open_orders:
        exposure.approved(order)
    return exposure


@pytest.mark.proves("I12")
@given(st.lists(fills(), max_size=4), st.lists(orders(), max_size=6))
def test_the_worst_case_is_the_worst_of_all_outcomes_and_fills(
    held: list[FillCounted], open_orders: list[PlaceOrder]
) -> None:
    naive = naive_worst_case(held, open_orders)
    found = exposed(held, open_orders).worst_case()
    # Every rounding is against us, and by less than a micro-dollar for each thing that is rounded.
    assert naive <= found < naive + len(open_orders) + 3


@pytest.mark.proves("I12")
@given(st.lists(fills(), max_size=3), st.lists(orders(), min_size=1, max_size=5))
def test_an_order_asked_about_counts_like_one_that_is_approved(
    held: list[FillCounted], open_orders: list[PlaceOrder]
) -> None:
    *approved, last = open_orders
    before, after = exposed(held, approved), exposed(held, open_orders)
    assert before.worst_case((last,)) == after.worst_case()
    assert before.nets((last,)) == after.nets()
    assert before.nets((last,), TAG) == after.nets((), TAG)


@given(st.lists(fills(), max_size=3), st.lists(orders(), max_size=5))
def test_net_is_told_with_all_that_raise_it_and_all_that_lower_it(
    held: list[FillCounted], open_orders: list[PlaceOrder]
) -> None:
    def signed(outcome: Outcome, side: Side, size: int) -> int:
        return size if (outcome == YES) == (side is Side.BUY) else -size

    def nets(tag: str | None) -> Nets:
        now = sum(signed(fill.outcome, fill.side, fill.size) for fill in held if tag in (None, fill.tag))
        moves = [signed(one.outcome, one.side, one.size) for one in open_orders if tag in (None, one.tag)]
        return Nets(now, now + sum(move for move in moves if move > 0), now + sum(move for move in moves if move < 0))

    exposure = exposed(held, open_orders)
    assert exposure.net == nets(None).now
    for tag in (None, TAG, "other"):
        assert exposure.nets((), tag) == nets(tag)


@given(st.lists(st.tuples(st.sampled_from(["m", "n"]), orders()), max_size=8))
def test_the_totals_are_the_sums_of_the_markets(approvals: list[tuple[str, PlaceOrder]]) -> None:
    exposures = Exposures({name: Market(name, name, ("1", "2"), fees=FEES) for name in ("m", "n")})
    for name, order in approvals:
        exposures.change(name, lambda exposure, order=order: exposure.approved(order))
    assert exposures.totals.open_orders == sum(len(exposures.of(name).orders) for name in ("m", "n"))
    assert exposures.totals.worst_case == sum(exposures.of(name).worst_case() for name in ("m", "n"))
    for name, order in approvals:
        over = changed(order, OrderState.CANCELLED)
        exposures.change(name, lambda exposure, over=over: exposure.order_changed(over))
    assert exposures.totals == Totals()


def order(outcome: Outcome = YES, side: Side = Side.BUY, price: int = 5_000, shares: int = 10) -> PlaceOrder:
    return PlaceOrder(
        f"{outcome}{side}{price}", TAG, M, outcome, side, price, shares * SHARE, True, TimeInForce.GTC, "", 1, 0
    )


def bought(outcome: Outcome, cents: int, shares: int) -> FillCounted:
    return FillCounted(
        f"t{outcome}{cents}", "o", "i", TAG, M, outcome, Side.BUY, cents * 100, shares * SHARE,
        cents * shares * DOLLAR // 100, 0, 0, True, 0,
    )  # fmt: skip


def test_pairs_are_riskless_below_a_dollar_but_for_what_they_cost_above() -> None:
    assert exposed([bought(YES, 48, 100), bought(NO, 51, 100)], []).worst_case() == 0
    assert exposed([bought(YES, 53, 100), bought(NO, 49, 100)], []).worst_case() == 2 * DOLLAR


def test_the_missing_leg_of_a_pair_lowers_the_worst_case() -> None:
    naked = exposed([bought(YES, 48, 5)], [])
    assert naked.worst_case() == 2_400_000
    assert naked.worst_case((order(NO, price=5_100, shares=5),)) == 2_400_000, "it need not fill"
    assert exposed([bought(YES, 48, 5), bought(NO, 51, 5)], []).worst_case() == 0


@pytest.mark.proves("I13")
def test_an_order_keeps_its_exposure_until_the_venue_has_spoken() -> None:
    exposure, placed = MarketExposure(), order()
    exposure.approved(placed)
    for state in (OrderState.PLACING, OrderState.UNKNOWN, OrderState.WORKING, OrderState.CANCELLING):
        exposure.order_changed(changed(placed, state))
        assert exposure.worst_case() == 5 * DOLLAR
        assert bool(exposure.unknown) == (state is OrderState.UNKNOWN)
    exposure.order_changed(changed(placed, OrderState.WORKING, 4 * SHARE))
    assert exposure.worst_case() == 3 * DOLLAR
    exposure.order_changed(changed(placed, OrderState.CANCELLED, 4 * SHARE))
    assert exposure.worst_case() == 0


def test_a_market_is_flat_only_with_nothing_held_open_unsettled_or_being_merged() -> None:
    exposure = MarketExposure()
    assert exposure.is_flat
    exposure.approved(order())
    assert not exposure.is_flat
    exposure.order_changed(changed(order(), OrderState.CANCELLED))
    yes, no = bought(YES, 48, 5), bought(NO, 51, 5)
    for fill in (yes, no):
        exposure.moved(TAG, fill)
        exposure.moved(TAG, FillSettled(fill, 0))
    assert not exposure.is_flat
    for state in ("requested", "confirmed"):
        assert not exposure.is_flat
        exposure.moved(TAG, MergeChanged("merge", TAG, M, 5 * SHARE, state, 0, 0))
    assert exposure.is_flat


@pytest.mark.proves("I14")
def test_only_settled_shares_that_are_not_offered_or_being_merged_may_be_sold() -> None:
    exposure, fill = MarketExposure(), bought(YES, 48, 10)
    exposure.moved(TAG, fill)
    assert exposure.sellable(TAG, YES) == 0
    exposure.moved(TAG, FillSettled(fill, 0))
    assert exposure.sellable(TAG, YES) == 10 * SHARE
    assert exposure.sellable("other", YES) == 0
    exposure.approved(order(YES, Side.SELL, 6_000, 4))
    assert exposure.sellable(TAG, YES) == 6 * SHARE
    assert exposure.sellable(TAG, YES, (order(YES, Side.SELL, 6_100, 6),)) == 0
    assert exposure.has_order(YES, Side.SELL)
    assert not exposure.has_order(YES, Side.BUY)


@pytest.mark.proves("I16")
@given(orders(), orders())
def test_two_orders_cross_exactly_where_they_would_trade_with_each_other(mine: PlaceOrder, new: PlaceOrder) -> None:
    def yes_terms(one: PlaceOrder) -> tuple[bool, int]:
        buys = (one.side is Side.BUY) == (one.outcome == YES)
        return buys, one.price if one.outcome == YES else ONE - one.price

    (i_buy, my_price), (buys, price) = yes_terms(mine), yes_terms(new)
    trades = buys != i_buy and (price >= my_price if buys else price <= my_price)
    assert (exposed([], [mine]).crossing(new) is not None) == trades
    assert (exposed([], []).crossing(new, (mine,)) is not None) == trades


def test_an_event_that_leaves_what_may_fill_as_it_was_is_known() -> None:
    exposure, placed = MarketExposure(FEES), order()
    exposure.approved(placed)
    for state in (OrderState.PLACING, OrderState.WORKING, OrderState.CANCELLING):
        assert exposure.is_known(changed(placed, state))
        exposure.order_changed(changed(placed, state))
    assert not exposure.is_known(changed(placed, OrderState.CANCELLING, 3 * SHARE))
    assert not exposure.is_known(changed(placed, OrderState.UNKNOWN))
    exposure.order_changed(changed(placed, OrderState.UNKNOWN))
    assert exposure.is_known(changed(placed, OrderState.UNKNOWN))
    assert not exposure.is_known(changed(placed, OrderState.WORKING))
    assert not exposure.is_known(changed(placed, OrderState.CANCELLED))
    exposure.order_changed(changed(placed, OrderState.CANCELLED))
    assert exposure.is_known(changed(placed, OrderState.CANCELLED))


def test_what_says_nothing_of_a_position_moves_none() -> None:
    exposure = MarketExposure()
    exposure.moved(TAG, order())
    assert (exposure.is_flat, exposure.position(TAG)) == (True, Position())


def test_only_desks_with_something_in_a_market_have_a_net_there() -> None:
    exposure = exposed([bought(YES, 48, 5)], [])
    exposure.moved("other", bought(YES, 48, 5))
    exposure.moved("other", FillVoided(bought(YES, 48, 5), 0))
    assert dict(exposure.nets_of_desks()) == {TAG: Nets(5 * SHARE, 5 * SHARE, 5 * SHARE)}


def test_a_market_that_is_not_traded_any_more_counts_in_the_totals_alone() -> None:
    exposures = Exposures({})
    exposures.change("gone", lambda exposure: exposure.approved(order()))
    assert exposures.totals == Totals(1, 1, 0, 5 * DOLLAR, 5 * DOLLAR, 5 * DOLLAR, 0)
    assert list(exposures.in_use()) == []


def test_an_order_that_is_approved_again_counts_once() -> None:
    exposure = exposed([], [order(), order()])
    assert exposure.worst_case() == 5 * DOLLAR
