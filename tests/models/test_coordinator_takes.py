"""What a coordinator takes at once, decides for a whole group, and knows again after a restart."""

from collections.abc import Sequence

import pytest

from models.cells import TradingState
from models.leg_risk import LegParameters
from models.markets import NO, YES, Side
from models.messages.decisions import DecisionMade
from models.messages.market import MarketResolved, ReferenceUpdated
from models.messages.orders import PlaceBundle
from models.messages.position import InventoryUpdated, OrdersSnapshot, Position
from models.orders import OrderState, TimeInForce
from models.strategy import Bundle, Quote, Take, Targets
from models.units import DOLLAR, ONE, SHARE
from tests.models.coordination import (
    MS,
    TAG,
    M,
    N,
    Room,
    Wants,
    WantsOfGroup,
    bids,
    book,
    cancels,
    cell,
    flow,
    held,
    maker,
    market,
    of_kind,
    orders,
    quoting,
    take,
)

S = 1_000 * MS


# Takes


def test_a_take_that_the_executor_has_confirmed_is_not_cancelled_as_unwanted() -> None:
    room = Room(Wants(Targets(takes=(take(),), reason="taking")))
    (sent,) = orders(room.book())
    assert (sent.post_only, sent.time_in_force, sent.price) == (False, TimeInForce.FOK, 5_200)
    assert cancels(room.tell(room.changed(sent, OrderState.PLACING))) == []
    assert cancels(room.state(cell(TradingState.CANCEL_ONLY))) == [], "what takes or dies cannot be called back"
    assert orders(room.state()) == [], "it is still under way"


def test_a_take_is_asked_for_again_only_after_its_cooldown() -> None:
    room = Room(Wants(Targets(takes=(take(),), reason="taking")))
    (sent,) = orders(room.book())
    room.tell(room.changed(sent, OrderState.CANCELLED))
    assert orders(room.book()) == []
    assert room.wake_ns == room.now_ns + 1_000 * MS
    assert len(orders(room.later(1_000))) == 1


def test_the_wishes_of_a_take_and_a_quote_never_bear_the_same_name() -> None:
    quote = Quote(N, YES, Side.BUY, 4_900, 5 * SHARE, "provide")
    wants = WantsOfGroup(Targets((quote,), takes=(take(),), reason="both"))
    room = Room(wants, market(M), market(N))
    out = room.tell(book(name=M, at_ns=room.now_ns), book(name=N, at_ns=room.now_ns))
    intents = [order.intent for order in orders(out)]
    assert len(intents) == len(set(intents)) == 2


def test_a_quote_of_the_same_market_gives_way_to_a_take_before_it_goes() -> None:
    quote = Quote(M, NO, Side.BUY, 4_700, 5 * SHARE, "provide")
    wants = Wants(Targets((quote,), reason="providing"))
    room = Room(wants)
    room.accept(room.book())
    resting = orders(room.said)[0]
    wants.wanted = Targets((quote,), takes=(take(),), reason="taking")
    out = room.book()
    assert cancels(out) == [(resting.intent, "cheap")]
    assert orders(out) == []
    out = room.tell(room.changed(resting, OrderState.CANCELLED))
    assert [(order.outcome, order.post_only) for order in orders(out)] == [(YES, False)]


# The naked leg


def test_a_due_step_of_the_leg_policy_withdraws_the_hedge_and_then_takes() -> None:
    leg = LegParameters(leg_max_loss=2 * DOLLAR, take_after_ms=60_000)
    room = Room(maker(leg), leg=leg)
    room.hold(held(yes=5, yes_cost=240, since_ns=room.now_ns))
    room.accept(room.book(3_100, 3_300))
    hedge = orders(room.said)[0]
    assert (hedge.outcome, hedge.price) == (NO, 5_100)
    assert room.wake_ns == room.now_ns + 60 * S, "time alone makes the step due"
    out = room.later(60_000)
    assert cancels(out) == [(hedge.intent, "leg_take")]
    out = room.tell(room.changed(hedge, OrderState.CANCELLED))
    assert [(o.outcome, o.side, o.price, o.post_only) for o in orders(out)] == [(NO, Side.BUY, 6_900, False)]


def test_a_ceiling_that_has_risen_moves_the_hedge_though_the_mid_stands_still() -> None:
    leg = LegParameters(raise_after_ms=60_000, raise_every_ms=30_000)
    room = Room(maker(leg), leg=leg)
    room.hold(held(yes=5, yes_cost=240, since_ns=room.now_ns))
    room.accept(room.book(3_100, 3_300))
    hedge = orders(room.said)[0]
    assert hedge.price == 5_100
    assert cancels(room.later(60_000)) == [(hedge.intent, "reprice")]
    assert bids(room.tell(room.changed(hedge, OrderState.CANCELLED))) == {NO: (5_200, 5)}


# Groups and bundles


def bundle(*names: str) -> Targets:
    legs = tuple(Take(name, NO, Side.BUY, 5_200, 10 * SHARE, "set", TimeInForce.FOK) for name in names)
    return Targets(bundles=(Bundle(legs, ONE, "set"),), reason="taking_set")


def books(room: Room, *names: str) -> Sequence[object]:
    return [said for name in names for said in room.book(name=name)]


def test_a_bundle_goes_whole_and_not_again_before_all_its_legs_are_over() -> None:
    room = Room(WantsOfGroup(bundle(M, N)), market(M), market(N))
    out = room.tell(book(name=M, at_ns=room.now_ns), book(name=N, at_ns=room.now_ns))
    (sent,) = of_kind(out, PlaceBundle)
    assert [(leg.market, leg.bundle) for leg in sent.legs] == [(M, sent.bundle), (N, sent.bundle)]
    room.tell(*(room.changed(leg, OrderState.PLACING) for leg in sent.legs))
    room.tell(room.changed(sent.legs[0], OrderState.FILLED, filled=10))
    assert of_kind(room.later(5_000) + room.book(), PlaceBundle) == []


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (flow(toxic=True, name=N), "toxic_flow"),
        (book(name=N, unusable="stale", at_ns=1_000_000 * MS), "stale"),
        (MarketResolved(N, ONE, 0), "market_expired"),
    ],
)
def test_one_member_that_is_stopped_stops_the_group_and_is_named(message: object, reason: str) -> None:
    room = Room(WantsOfGroup(bundle(M, N)), market(M), market(N))
    room.tell(book(name=M, at_ns=room.now_ns))
    room.tell(message)  # pyright: ignore[reportArgumentType]
    room.tell(*([] if reason == "stale" else [book(name=N, at_ns=room.now_ns)]))
    assert orders(room.said) == []
    told = room.why(M)
    assert told.reason == reason
    assert [gate.note for gate in told.gates if not gate.passed and gate.note.startswith("slug-n")]


def test_books_of_different_times_are_not_compared() -> None:
    room = Room(WantsOfGroup(bundle(M, N)), market(M), market(N))
    room.tell(book(name=M, at_ns=room.now_ns - 3 * S))
    assert orders(room.tell(book(name=N, at_ns=room.now_ns))) == []
    assert room.why().reason == "group_skew"
    gate = next(gate for gate in room.why().gates if gate.name == "group_skew")
    assert (gate.passed, gate.value, gate.threshold) == (False, 3_000, 2_000)
    assert len(orders(room.tell(book(name=M, at_ns=room.now_ns)))) == 2


def test_a_group_says_its_decision_for_each_member() -> None:
    room = Room(WantsOfGroup(bundle(M, N)), market(M), market(N))
    out = room.tell(book(name=M, at_ns=room.now_ns), book(name=N, at_ns=room.now_ns))
    assert [made.market for made in of_kind(out, DecisionMade)][-2:] == [M, N]


# References and restarts


def test_a_reference_is_shown_to_the_strategy() -> None:
    wants = Wants(Targets(reason="watching"))
    room = Room(wants)
    room.book()
    room.tell(ReferenceUpdated("BTC/USD", 64_000.0, 1))
    assert wants.shown[-1].references["BTC/USD"].value == 64_000.0


def test_a_restarted_coordinator_waits_for_orders_inventory_state_and_book() -> None:
    room = Room(restarted=True)
    said = [
        OrdersSnapshot(TAG, M, 0),
        InventoryUpdated(TAG, M, Position(), 0),
        book(at_ns=room.now_ns),
    ]
    assert orders(room.tell(*said)) == []
    assert room.why().reason == "recovering"
    assert len(orders(room.state())) == 2


def test_an_order_of_an_earlier_life_is_called_back_and_nothing_is_placed_beside_it() -> None:
    old = quoting()
    left = orders(old.said)[0]
    room = Room(restarted=True)
    out = room.tell(room.changed(left, OrderState.WORKING))
    assert cancels(out) == [(left.intent, "recovering")]
    room.state()
    out = room.tell(OrdersSnapshot(TAG, M, 1), InventoryUpdated(TAG, M, Position(), 0), book(at_ns=room.now_ns))
    assert bids(out) == {NO: (4_900, 5)}
    assert room.tell(room.changed(left, OrderState.CANCELLING)) == ()
    assert bids(room.tell(room.changed(left, OrderState.CANCELLED))) == {YES: (4_900, 5)}


def test_a_message_of_a_market_that_is_not_ours_says_nothing() -> None:
    room = quoting()
    assert room.book(name="elsewhere") == ()
