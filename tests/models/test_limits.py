"""Every limit refuses with its own word and its figures, and what rests or is of unknown fate counts as filled."""

import pytest

from models.markets import NO, YES, Fees, Market, Outcome, Side
from models.messages.control import (
    ExposureUpdated,
)
from models.messages.orders import (
    FillSettled,
    IntentDenied,
    MergeChanged,
    OrderApproved,
    PlaceBundle,
    PlaceOrder,
)
from models.orders import OrderState
from models.units import DOLLAR, SHARE
from tests.models.supervisor import MS, M, N, Supervisor


def test_a_hedge_may_not_exceed_what_is_naked_nor_be_placed_twice() -> None:
    risk = Supervisor()
    risk.fill(risk.place(YES, 4_900))
    assert risk.place(NO, 4_900, 6) == "hedge_only"
    assert isinstance(risk.place(NO, 4_900, 5), PlaceOrder)
    assert risk.place(NO, 4_800, 5) == "hedge_only"


def test_a_stale_intent_is_not_approved() -> None:
    risk = Supervisor()
    order = risk.order(YES, 4_900)
    risk.now_ns += 501 * MS
    answer = risk.tell(order)[0]
    assert isinstance(answer, IntentDenied)
    assert answer.reason == "expired"


def test_open_orders_are_capped_per_market_and_in_all() -> None:
    risk = Supervisor(open_orders_per_market=2, open_orders_total=3)
    assert isinstance(risk.place(YES, 4_000), PlaceOrder)
    assert isinstance(risk.place(NO, 4_000), PlaceOrder)
    assert risk.place(YES, 3_900) == "open_orders_market"
    assert isinstance(risk.place(YES, 4_000, market=N), PlaceOrder)
    assert risk.place(NO, 4_000, market=N) == "open_orders_total"


def test_the_worst_case_of_a_market_is_limited_by_its_share_of_the_wallet() -> None:
    risk = Supervisor(wallet_usd=100 * DOLLAR, token_tied_up=1, market_worst_case=0.1, total_worst_case=0.15)
    assert isinstance(risk.place(YES, 5_000, 20), PlaceOrder)
    assert risk.place(YES, 4_900, 5) == "market_worst_case"
    assert risk.place(YES, 5_000, 20, market=N) == "total_worst_case"
    assert isinstance(risk.place(NO, 4_900, 20), PlaceOrder), "the other leg loses only where the first one wins"


def test_an_order_of_unknown_fate_blocks_new_risk_in_its_market() -> None:
    risk = Supervisor()
    order = risk.place(YES, 4_900)
    assert isinstance(order, PlaceOrder)
    risk.tell(risk.changed(order, OrderState.UNKNOWN))
    assert risk.place(NO, 4_900) == "unknown_order"
    risk.tell(risk.changed(order, OrderState.CANCELLED))
    assert isinstance(risk.place(NO, 4_900), PlaceOrder)


def test_an_order_of_unknown_fate_blocks_new_risk_in_the_whole_neg_risk_event_and_nowhere_else() -> None:
    markets = {
        name: Market(name, name, ("1", "2"), neg_risk=group != "", group=group or None)
        for name, group in ((M, "event"), (N, "event"), ("other", "another"), ("alone", ""))
    }
    risk = Supervisor(markets=markets)
    order = risk.place(YES, 4_900)
    assert isinstance(order, PlaceOrder)
    risk.tell(risk.changed(order, OrderState.UNKNOWN))
    assert risk.place(YES, 4_900, market=N) == "unknown_order"
    for elsewhere in ("other", "alone"):
        assert isinstance(risk.place(YES, 4_900, market=elsewhere), PlaceOrder)
    risk.tell(risk.changed(order, OrderState.CANCELLED))
    assert isinstance(risk.place(YES, 4_900, market=N), PlaceOrder)


@pytest.mark.parametrize(("outcome", "side", "price"), [(NO, Side.BUY, 5_100), (YES, Side.SELL, 4_900)])
def test_an_order_that_would_trade_with_our_own_is_refused(outcome: Outcome, side: Side, price: int) -> None:
    risk = Supervisor()
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)
    assert risk.place(outcome, price, side=side) == "self_cross"


def test_sells_are_sized_from_settled_shares_not_yet_offered() -> None:
    risk = Supervisor()
    _, fill = risk.fill(risk.place(YES, 4_900))
    assert risk.place(YES, 5_500, side=Side.SELL) == "not_settled"
    risk.tell(FillSettled(fill, risk.now_ns))
    assert isinstance(risk.place(YES, 5_500, 3, side=Side.SELL), PlaceOrder)
    assert risk.place(YES, 5_600, 3, side=Side.SELL) in ("hedge_only", "not_settled")


def test_a_bundle_is_approved_whole_or_not_at_all() -> None:
    risk = Supervisor()
    legs = (risk.order(YES, 3_000), risk.order(YES, 3_000, market=N))
    out = risk.tell(PlaceBundle("b", "tag", "g", legs, 10_000, risk.now_ns))
    assert sum(isinstance(message, OrderApproved) for message in out) == 2
    risk.say("off", N)
    legs = (risk.order(NO, 3_000), risk.order(NO, 3_000, market=N))
    out = risk.tell(PlaceBundle("c", "tag", "g", legs, 10_000, risk.now_ns))
    assert [type(message) for message in out] == [IntentDenied, IntentDenied]


def test_an_order_may_stand_alone_below_the_limit_and_beside_others_only_within_it() -> None:
    risk = Supervisor(max_net=10)
    assert isinstance(risk.place(YES, 4_900, 5), PlaceOrder)
    assert risk.place(YES, 4_800, 6) == "net_limit", "both could fill at once"
    assert isinstance(risk.place(YES, 4_800, 5), PlaceOrder)
    assert isinstance(risk.place(NO, 4_000, 5), PlaceOrder), "the other side has a net of its own"
    alone = Supervisor(max_net=5)
    assert isinstance(alone.place(YES, 4_900, 20), PlaceOrder), "alone, as the desk's own inventory rule has it"
    assert alone.place(YES, 4_800, 5) == "net_limit"


def test_the_net_limit_is_each_desks_own() -> None:
    risk = Supervisor(max_net=5)
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)
    assert isinstance(risk.place(YES, 4_900, tag="other"), PlaceOrder)


def test_legs_of_a_bundle_do_not_reduce_the_same_position_twice() -> None:
    risk = Supervisor()
    _, fill = risk.fill(risk.place(YES, 4_900))
    risk.tell(FillSettled(fill, risk.now_ns))
    legs = (risk.order(NO, 4_900, takes=True), risk.order(YES, 5_000, side=Side.SELL, takes=True))
    out = risk.tell(PlaceBundle("b", "tag", "g", legs, 10_000, risk.now_ns))
    assert [message.reason for message in out if isinstance(message, IntentDenied)] == ["hedge_only", "hedge_only"]


def test_a_desk_sells_its_own_shares_only_and_none_that_are_being_merged() -> None:
    risk = Supervisor()
    _, yes = risk.fill(risk.place(YES, 4_900, 8))
    risk.tell(FillSettled(yes, risk.now_ns))
    assert risk.place(YES, 5_500, 5, side=Side.SELL, tag="other") == "not_settled"
    _, no = risk.fill(risk.place(NO, 4_900, 6))
    risk.tell(FillSettled(no, risk.now_ns))
    assert isinstance(risk.place(YES, 5_500, 2, side=Side.SELL), PlaceOrder)
    risk.tell(MergeChanged("merge", "tag", M, 6 * SHARE, "requested", 0, risk.now_ns))
    assert risk.place(NO, 5_500, 1, side=Side.SELL) == "not_settled"


def test_the_fee_of_a_taker_is_part_of_the_worst_case() -> None:
    charged = {M: Market(M, "slug", ("1", "2"), fees=Fees(rate_e6=250_000))}
    exact = {"wallet_usd": 100 * DOLLAR, "token_tied_up": 1, "market_worst_case": 0.1}
    assert isinstance(Supervisor(markets=charged, **exact).place(YES, 5_000, 20), PlaceOrder)
    assert Supervisor(markets=charged, **exact).place(YES, 5_000, 20, takes=True) == "market_worst_case"


def test_the_worst_case_that_is_told_follows_every_approval_and_fill() -> None:
    risk = Supervisor()
    order = risk.order(YES, 5_000, 10)
    said = next(message for message in risk.tell(order) if isinstance(message, ExposureUpdated))
    assert (said.net_shares, said.worst_case, said.open_orders) == (0, 5 * DOLLAR, 1)
    out, _ = risk.fill(order)
    said = [message for message in out if isinstance(message, ExposureUpdated)][-1]
    assert (said.net_shares, said.worst_case, said.open_orders) == (10 * SHARE, 5 * DOLLAR, 0)
