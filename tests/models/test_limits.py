"""Every limit refuses with its own word and its figures, and what rests or is of unknown fate counts as filled."""

from typing import Any

import pytest

from models.exposure import Exposures
from models.limits import Limits, RiskParameters
from models.markets import NO, YES, Fees, Market, Outcome, Side
from models.messages.control import ExposureUpdated, Reading, ReadRisk, RiskRead
from models.messages.orders import (
    FillSettled,
    IntentDenied,
    MergeChanged,
    OrderApproved,
    PlaceBundle,
    PlaceOrder,
)
from models.orders import OrderState
from models.phase import PhaseParameters
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


@pytest.mark.control("open_orders_market", "trips")
@pytest.mark.control("open_orders_market", "nearly")
def test_open_orders_are_capped_per_market() -> None:
    risk = Supervisor(open_orders_per_market=2)
    assert isinstance(risk.place(YES, 4_000), PlaceOrder)
    assert isinstance(risk.place(NO, 4_000), PlaceOrder)
    assert risk.place(YES, 3_900) == "open_orders_market"
    assert isinstance(risk.place(YES, 3_900, market=N), PlaceOrder), "another market has a count of its own"


@pytest.mark.control("open_orders_market", "blocks")
@pytest.mark.control("open_orders_total", "blocks")
def test_a_hedge_needs_room_among_the_open_orders_as_well() -> None:
    for cap, room in (("open_orders_per_market", "open_orders_market"), ("open_orders_total", "open_orders_total")):
        limits: dict[str, Any] = {cap: 1}
        risk = Supervisor(**limits)
        risk.fill(risk.place(YES, 4_900, 10))
        hedge = risk.place(NO, 4_000)
        assert isinstance(hedge, PlaceOrder)
        assert risk.place(NO, 3_900) == room
        risk.tell(risk.changed(hedge, OrderState.CANCELLED))
        assert isinstance(risk.place(NO, 3_900), PlaceOrder)


@pytest.mark.control("open_orders_total", "trips")
@pytest.mark.control("open_orders_total", "nearly")
def test_open_orders_are_capped_in_all() -> None:
    risk = Supervisor(open_orders_total=3)
    assert isinstance(risk.place(YES, 4_000), PlaceOrder)
    assert isinstance(risk.place(NO, 4_000), PlaceOrder)
    assert isinstance(risk.place(YES, 4_000, market=N), PlaceOrder)
    assert risk.place(NO, 4_000, market=N) == "open_orders_total"


@pytest.mark.parametrize(
    ("wanted", "markets", "tier", "most"),
    [(0, 2, "Standard", 8), (0, 10, "Standard", 40), (0, 100, "Standard", 60), (0, 100, "Copper", 90),
     (30, 100, "Standard", 30), (1_000, 2, "Elite", 900)],
)  # fmt: skip
def test_open_orders_grow_with_the_markets_up_to_half_of_the_cancels_that_may_be_sent_at_once(
    wanted: int, markets: int, tier: str, most: int
) -> None:
    exposures = Exposures({f"m{n}": Market(f"m{n}", f"m{n}", ("1", "2")) for n in range(markets)})
    limits = Limits(RiskParameters(open_orders_total=wanted), exposures, SHARE, tier)
    reading = next(reading for reading in limits.readings(0) if reading.control == "open_orders_total")
    assert reading == Reading("open_orders_total", "all", 0, most, "count")


@pytest.mark.control("open_positions", "trips")
@pytest.mark.control("open_positions", "nearly")
def test_no_more_markets_are_opened_than_positions_are_allowed() -> None:
    risk = Supervisor(open_positions=1)
    order = risk.place(YES, 4_900)
    assert risk.place(YES, 4_900, market=N) == "open_positions", "what rests may become a position"
    assert isinstance(order, PlaceOrder)
    risk.tell(risk.changed(order, OrderState.CANCELLED))
    assert isinstance(risk.place(YES, 4_900, market=N), PlaceOrder)


@pytest.mark.control("open_positions", "blocks")
def test_a_market_that_is_open_already_may_be_added_to_and_hedged() -> None:
    risk = Supervisor(open_positions=1)
    risk.fill(risk.place(YES, 4_900, 3))
    assert isinstance(risk.place(YES, 4_800), PlaceOrder)
    assert isinstance(risk.place(NO, 4_000, 3), PlaceOrder)


def test_the_legs_of_a_bundle_open_one_position_each() -> None:
    def denials(positions: int) -> list[str]:
        risk = Supervisor(open_positions=positions)
        legs = (risk.order(YES, 3_000), risk.order(NO, 3_000), risk.order(YES, 3_000, market=N))
        out = risk.tell(PlaceBundle("b", "tag", "g", legs, 10_000, risk.now_ns))
        return [message.reason for message in out if isinstance(message, IntentDenied)]

    assert denials(2) == []
    assert denials(1) == ["open_positions"] * 3


@pytest.mark.proves("I6")
@pytest.mark.control("unknown_order", "trips")
@pytest.mark.control("unknown_order", "nearly")
def test_an_order_of_unknown_fate_blocks_new_risk_in_its_market() -> None:
    risk = Supervisor()
    order = risk.place(YES, 4_900)
    assert isinstance(order, PlaceOrder)
    risk.tell(risk.changed(order, OrderState.WORKING))
    hedge = risk.place(NO, 4_900)
    assert isinstance(hedge, PlaceOrder)
    risk.tell(risk.changed(hedge, OrderState.CANCELLED))
    risk.tell(risk.changed(order, OrderState.UNKNOWN))
    assert risk.place(NO, 4_900) == "unknown_order"
    risk.tell(risk.changed(order, OrderState.CANCELLED))
    assert isinstance(risk.place(NO, 4_900), PlaceOrder)


@pytest.mark.control("unknown_order", "blocks")
def test_an_order_of_unknown_fate_leaves_what_lowers_the_risk_however_it_ends() -> None:
    risk = Supervisor()
    risk.fill(risk.place(YES, 4_900, 4))
    more = risk.place(YES, 4_800, 4)
    assert isinstance(more, PlaceOrder)
    risk.tell(risk.changed(more, OrderState.UNKNOWN))
    assert risk.place(YES, 4_700, 4) == "unknown_order"
    assert isinstance(risk.place(NO, 4_000, 4), PlaceOrder)


@pytest.mark.proves("I6")
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


CROSSING = [(NO, Side.BUY, 5_100), (YES, Side.SELL, 4_900)]


@pytest.mark.proves("I16")
@pytest.mark.control("self_cross", "trips")
@pytest.mark.control("self_cross", "nearly")
@pytest.mark.parametrize(("outcome", "side", "price"), CROSSING)
def test_an_order_that_would_trade_with_our_own_is_refused(outcome: Outcome, side: Side, price: int) -> None:
    risk = Supervisor()
    _, fill = risk.fill(risk.place(YES, 4_800, 10))
    risk.tell(FillSettled(fill, risk.now_ns))
    risk.fill(risk.place(NO, 4_800, 10))
    assert isinstance(risk.place(YES, 4_900), PlaceOrder)
    assert risk.place(outcome, price, side=side) == "self_cross"
    beside = price - 100 if side is Side.BUY else price + 100
    assert isinstance(risk.place(outcome, beside, side=side), PlaceOrder)


@pytest.mark.proves("I16")
@pytest.mark.control("self_cross", "blocks")
def test_an_order_against_our_own_is_refused_to_a_hedge_and_to_another_desk() -> None:
    risk = Supervisor()
    assert isinstance(risk.place(YES, 4_900, 4), PlaceOrder)
    risk.fill(risk.place(YES, 4_800, 4))
    assert risk.place(NO, 5_200, 4) == "self_cross"
    assert risk.place(NO, 5_200, 4, tag="other") == "self_cross"


@pytest.mark.proves("I14")
@pytest.mark.control("not_settled", "trips")
@pytest.mark.control("not_settled", "nearly")
def test_sells_are_sized_from_settled_shares_not_yet_offered() -> None:
    risk = Supervisor()
    _, fill = risk.fill(risk.place(YES, 4_900))
    assert risk.place(YES, 5_500, side=Side.SELL) == "not_settled"
    risk.tell(FillSettled(fill, risk.now_ns))
    assert isinstance(risk.place(YES, 5_500, 3, side=Side.SELL), PlaceOrder)
    assert risk.place(YES, 5_600, 3, side=Side.SELL) in ("hedge_only", "not_settled")


@pytest.mark.proves("I13")
def test_a_bundle_is_approved_whole_or_not_at_all() -> None:
    risk = Supervisor()
    legs = (risk.order(YES, 3_000), risk.order(YES, 3_000, market=N))
    out = risk.tell(PlaceBundle("b", "tag", "g", legs, 10_000, risk.now_ns))
    assert sum(isinstance(message, OrderApproved) for message in out) == 2
    risk.say("off", N)
    legs = (risk.order(NO, 3_000), risk.order(NO, 3_000, market=N))
    out = risk.tell(PlaceBundle("c", "tag", "g", legs, 10_000, risk.now_ns))
    assert [type(message) for message in out] == [IntentDenied, IntentDenied]


@pytest.mark.control("net_limit", "trips")
@pytest.mark.control("net_limit", "nearly")
def test_an_order_may_stand_alone_below_the_limit_and_beside_others_only_within_it() -> None:
    risk = Supervisor(max_net=10)
    assert isinstance(risk.place(YES, 4_900, 5), PlaceOrder)
    assert risk.place(YES, 4_800, 6) == "net_limit", "both could fill at once"
    assert isinstance(risk.place(YES, 4_800, 5), PlaceOrder)
    assert isinstance(risk.place(NO, 4_000, 5), PlaceOrder), "the other side has a net of its own"
    alone = Supervisor(max_net=5)
    assert isinstance(alone.place(YES, 4_900, 20), PlaceOrder), "alone, as the desk's own inventory rule has it"
    assert alone.place(YES, 4_800, 5) == "net_limit"


@pytest.mark.control("net_limit", "blocks")
def test_the_net_limit_stops_what_raises_the_net_and_no_hedge() -> None:
    risk = Supervisor(PhaseParameters(flat_band=100 * SHARE), max_net=5)
    risk.fill(risk.place(YES, 4_900, 8))
    assert risk.place(YES, 4_800) == "net_limit"
    assert isinstance(risk.place(NO, 4_000, 8), PlaceOrder)


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


@pytest.mark.control("not_settled", "blocks")
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


def test_it_says_where_each_count_stands() -> None:
    risk = Supervisor(max_net=10)
    order = risk.place(YES, 4_900)
    assert isinstance(order, PlaceOrder)
    assert "unknown_order" not in {reading.control for reading in readings(risk) if reading.scope == "slug-m"}
    risk.tell(risk.changed(order, OrderState.UNKNOWN))
    said = {(reading.control, reading.scope): reading for reading in readings(risk)}
    assert said["open_orders_total", "all"] == Reading("open_orders_total", "all", 1, 8, "count")
    assert said["open_orders_market", "slug-m"] == Reading("open_orders_market", "slug-m", 1, 4, "count")
    assert said["open_positions", "all"] == Reading("open_positions", "all", 1, 2, "count")
    assert said["unknown_order", "slug-m"].holds
    assert said["net_limit", "slug-m tag"] == Reading("net_limit", "slug-m tag", 5.0, 10.0, "shares")
    assert ("open_orders_market", "slug-n") not in said


def readings(risk: Supervisor) -> tuple[Reading, ...]:
    (answer,) = risk.tell(ReadRisk("r"))
    assert isinstance(answer, RiskRead)
    return answer.readings
