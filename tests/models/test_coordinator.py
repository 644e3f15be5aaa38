"""The coordinator by its messages alone: what it hears, and what it places, cancels and explains."""

import pytest
from msgspec.structs import replace

from models.cells import TradingState
from models.markets import NO, YES, Side
from models.messages.control import Explain
from models.messages.decisions import DecisionMade, RefusalNote
from models.messages.market import BookEpochChanged, MarketResolved
from models.messages.position import InventoryUpdated
from models.messages.runtime import WakeAt
from models.orders import OrderState
from models.phase import PhaseParameters
from models.quotes import QuoteParameters
from models.strategy import Targets
from models.units import ONE, SHARE
from tests.models.coordination import (
    MS,
    TAG,
    M,
    Room,
    Wants,
    bids,
    book,
    cancels,
    cell,
    decisions,
    flow,
    held,
    market,
    of_kind,
    orders,
    quoting,
    take,
)

S = 1_000 * MS


# Gates, in the order in which they are asked


def test_nothing_is_decided_before_a_book_has_come() -> None:
    room = Room()
    assert decisions(room.tell(flow(toxic=False))) == ["no_book"]
    assert room.why().reason == "no_book"


def test_both_sides_are_quoted_on_a_usable_book() -> None:
    room = Room()
    out = room.book(4_800, 5_200)
    assert bids(out) == {YES: (4_900, 5), NO: (4_900, 5)}
    assert all(order.post_only and order.epoch == 1 for order in orders(out))
    assert decisions(out) == ["providing"]


@pytest.mark.proves("I19")
@pytest.mark.parametrize(
    "unusable", ["gap", "stale", "no_book", "books_not_mirrored", "crossed", "locked", "one_sided"]
)
def test_a_book_that_may_not_be_used_takes_both_quotes_back_with_its_reason(unusable: str) -> None:
    room = quoting()
    out = room.book(unusable=unusable)
    assert [reason for _, reason in cancels(out)] == [unusable, unusable]
    assert decisions(out) == [unusable]
    assert orders(room.book(unusable=unusable)) == []


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        (cell(TradingState.CANCEL_ONLY), "paused"),
        (cell(TradingState.HALTED, "switch", "off"), "off"),
        (cell(TradingState.CANCEL_ONLY, "flow", "fused"), "toxic_flow"),
        (cell(TradingState.KILLED, "kill", "the operator pulled the plug"), "kill"),
        (cell(TradingState.HALTED, "executor", "foreign fill t1 of 0x12"), "executor"),
    ],
)
def test_a_cell_takes_both_quotes_back_with_one_word_for_its_cause(note: object, reason: str) -> None:
    room = quoting()
    out = room.state(note)  # pyright: ignore[reportArgumentType]
    assert [word for _, word in cancels(out)] == [reason, reason]
    room.state()
    room.later(1_000)


@pytest.mark.proves("I20")
def test_a_toxic_flow_takes_both_quotes_back_before_risk_has_said_so() -> None:
    room = quoting()
    assert [reason for _, reason in cancels(room.tell(flow(toxic=True)))] == ["toxic_flow", "toxic_flow"]
    assert room.why().phase == "Fused"


def test_the_first_gate_that_fails_is_the_reason_and_all_are_explained_in_order() -> None:
    room = Room(None, market(end_ns=2 * 10**18))
    room.tell(flow(toxic=True))
    room.state(cell(TradingState.HALTED, "switch", "off"))
    room.book(unusable="gap")
    told = room.why()
    assert told.reason == "off"
    assert [(gate.name, gate.passed) for gate in told.gates] == [
        ("market_open", True), ("trading_state", False), ("book", False), ("flow", False),
    ]  # fmt: skip
    assert (told.gates[3].value, told.gates[3].threshold) == (60 * SHARE, 50 * SHARE)


def test_the_age_of_the_book_is_that_of_the_last_word_on_it() -> None:
    room = Room()
    room.tell(book(at_ns=room.now_ns, proven_ns=room.now_ns - 60 * S))
    room.now_ns += 200 * MS
    gate = next(gate for gate in room.why().gates if gate.name == "book")
    assert gate.value == 200


def test_a_pause_is_the_reason_beside_an_older_fuse_so_that_no_hedge_is_kept_under_it() -> None:
    room = Room(phase=PhaseParameters(fuse_keeps_hedge=True))
    room.hold(held(yes=5, yes_cost=240))
    room.tell(flow(toxic=True, direction=1))
    fuse = cell(TradingState.CANCEL_ONLY, "flow", "fused")
    room.state(fuse, cell(TradingState.CANCEL_ONLY))
    assert orders(room.book()) == []
    assert room.why().reason == "paused"


# The end of a market


@pytest.mark.proves("I22")
def test_quotes_are_taken_back_at_the_end_of_the_market_though_nothing_is_heard() -> None:
    room = Room()
    room = Room(None, market(end_ns=room.now_ns + 60 * S))
    room.accept(room.book())
    assert room.wake_ns == room.now_ns + 60 * S
    assert [reason for _, reason in cancels(room.later(60_000))] == ["market_expired", "market_expired"]


@pytest.mark.proves("I22")
def test_a_resolved_market_is_not_quoted_again() -> None:
    room = quoting()
    out = room.tell(MarketResolved(M, ONE, room.now_ns))
    assert {reason for _, reason in cancels(out)} == {"market_expired"}
    assert orders(room.book()) == []


@pytest.mark.proves("I22")
def test_a_market_that_takes_no_orders_is_not_quoted_and_says_so() -> None:
    room = Room(None, market(accepting_orders=False))
    assert orders(room.book()) == []
    assert room.why().reason == "not_accepting_orders"


# Epochs


@pytest.mark.proves("I19")
@pytest.mark.parametrize("reason", ["gap", "tick_changed", "restarted", "resynchronised"])
def test_a_new_epoch_takes_both_quotes_back_and_waits_for_its_first_book(reason: str) -> None:
    room = quoting()
    out = room.tell(BookEpochChanged(M, 2, 10, reason, "what happened, in words"))
    assert [word for _, word in cancels(out)] == [reason, reason]
    for intent, _ in cancels(out):
        order = next(order for order in orders(room.said) if order.intent == intent)
        room.tell(room.changed(order, OrderState.CANCELLED))
    room.later(500)
    assert orders(room.book()) == [], "a book of the old epoch was still in the mailbox"
    assert {order.epoch for order in orders(room.book(epoch=2, tick=10))} == {2}


# Inventory and phase


def test_a_naked_leg_is_hedged_alone_and_at_once() -> None:
    room = quoting(quotes=QuoteParameters(debounce_ms=60_000))
    yes, no = orders(room.said)
    room.tell(room.changed(yes, OrderState.FILLED, filled=5))
    out = room.hold(held(yes=5, yes_cost=245))
    assert cancels(out) == [(no.intent, "reprice")], "the pair may cost 0.99, so the hedge may stand at 0.50"
    out = room.tell(room.changed(no, OrderState.CANCELLED))
    assert bids(out) == {NO: (5_000, 5)}, "a hedge does not wait for the debounce"
    assert orders(out)[0].reason == "hedge"


def test_a_naked_leg_takes_the_quote_of_its_own_side_back() -> None:
    room = quoting()
    yes = orders(room.said)[0]
    out = room.hold(held(yes=5, yes_cost=250))
    assert cancels(out) == [(yes.intent, "inventory_limit")], "the NO bid stands where the hedge is wanted"
    assert room.why().phase == "Hedge"


def test_a_hedge_waits_for_an_own_bid_that_it_would_trade_with() -> None:
    room = quoting()
    yes, no = orders(room.said)
    room.tell(room.changed(no, OrderState.FILLED, filled=5))
    out = room.tell(InventoryUpdated(TAG, M, held(yes=10, yes_cost=300), room.now_ns), book(4_000, 4_200))
    assert cancels(out) == [(yes.intent, "inventory_limit")]
    assert orders(out) == [], "a hedge at 0.59 and the YES bid at 0.49 are a pair for 1.08"
    assert bids(room.tell(room.changed(yes, OrderState.CANCELLED))) == {NO: (5_900, 10)}


def test_the_quote_that_completes_the_pair_outlives_the_cell_that_comes_before_the_inventory() -> None:
    room = quoting()
    yes, no = orders(room.said)
    hedge_only = cell(TradingState.REDUCING, "inventory", "hedge_only")
    room.later(500)
    out = room.state(hedge_only) + room.tell(room.changed(yes, OrderState.FILLED, filled=5))
    assert (cancels(out), orders(out)) == ([], []), "the filled side does not come back either"
    out = room.hold(held(yes=5, yes_cost=250))
    assert (cancels(out), orders(out)) == ([], [])
    assert [note.outcome for note in room.why().quotes] == [no.outcome]
    paused = room.state(hedge_only, cell(TradingState.CANCEL_ONLY))
    assert cancels(paused) == [(no.intent, "paused")]


def test_what_is_held_back_for_the_inventory_still_follows_the_book() -> None:
    room = quoting()
    _, no = orders(room.said)
    room.state(cell(TradingState.REDUCING, "inventory", "hedge_only"))
    assert (no.intent, "reprice") in cancels(room.book(4_400, 4_800))
    out = room.tell(room.changed(no, OrderState.CANCELLED))
    assert orders(out) == []
    assert room.why().reason == "inventory_limit"


def test_what_another_desk_holds_or_orders_is_not_ours() -> None:
    room = quoting()
    order = orders(room.said)[0]
    theirs = replace(room.changed(order, OrderState.WORKING), tag="other", intent="other/1", order_id="other")
    assert room.tell(theirs) == ()
    assert room.tell(InventoryUpdated("other", M, held(yes=50, yes_cost=2_500), room.now_ns)) == ()
    assert [note.size for note in room.why().quotes] == [5 * SHARE, 5 * SHARE]
    assert room.why().phase == "Balanced"


def test_reducing_admits_only_what_lowers_the_position_whatever_a_strategy_wants() -> None:
    wants = Wants(Targets(takes=(take(YES),), reason="taking"))
    room = Room(wants)
    room.state(cell(TradingState.REDUCING, "inventory", "hedge_only"))
    assert orders(room.book()) == []
    assert room.why().reason == "inventory_limit"
    assert orders(room.hold(held(no=9, no_cost=450))) == [], "ten would pass zero"
    assert bids(room.hold(held(no=10, no_cost=500))) == {YES: (5_200, 10)}


# The fuse


def test_the_fuse_leaves_the_hedge_that_the_flow_runs_towards_where_that_is_configured() -> None:
    room = Room(phase=PhaseParameters(fuse_keeps_hedge=True))
    room.hold(held(yes=5, yes_cost=240))
    room.accept(room.book())
    hedge = orders(room.said)[0]
    assert hedge.outcome == NO
    out = room.tell(flow(toxic=True, direction=1))
    assert cancels(out) == []
    assert decisions(out) == ["fuse_keeps_hedge"]
    out = room.tell(flow(toxic=True, direction=-1))
    assert cancels(out) == [(hedge.intent, "toxic_flow")]


def test_the_fuse_takes_the_hedge_back_by_default() -> None:
    room = Room()
    room.hold(held(yes=5, yes_cost=240))
    room.accept(room.book())
    assert [reason for _, reason in cancels(room.tell(flow(toxic=True, direction=1)))] == ["toxic_flow"]


# Decisions


def test_a_decision_is_counted_only_when_targets_or_their_reason_change() -> None:
    room = Room()
    assert len(decisions(room.book(4_800, 5_200))) == 1
    for _ in range(3):
        room.now_ns += S
        assert of_kind(room.book(4_800, 5_200, shares=70), DecisionMade) == []
    room.tell(flow(toxic=False))
    assert (room.machine.decisions, room.machine.evaluations) == (1, 5)
    assert len(decisions(room.book(4_700, 5_100))) == 1
    assert len(decisions(room.book(4_700, 5_100, unusable="stale"))) == 1
    assert len(decisions(room.book(4_700, 5_100, unusable="gap"))) == 1, "the reason is another one"
    assert room.machine.decisions == 4


def test_why_asks_again_and_decides_nothing() -> None:
    room = quoting()
    before = room.machine.evaluations, room.machine.decisions
    room.now_ns += S
    told = room.why()
    assert told.at_ns == room.now_ns
    assert (room.machine.evaluations, room.machine.decisions) == before
    assert [note.state for note in told.quotes] == ["working", "working"]


def test_a_question_about_a_foreign_market_or_desk_is_not_answered() -> None:
    room = quoting()
    assert room.tell(Explain(TAG, "elsewhere", "r")) == ()
    assert room.tell(Explain("other", M, "r")) == ()


def test_a_refusal_is_in_why_until_the_next_wish_goes_out() -> None:
    room = Room()
    yes, no = orders(room.book())
    room.deny(yes, "open_orders_total", "no room: 60 open orders >= 60")
    room.tell(room.changed(no, OrderState.REJECTED, reason="order crosses book"))
    assert set(room.why().refusals) == {
        RefusalNote(YES, Side.BUY, "open_orders_total", "no room: 60 open orders >= 60"),
        RefusalNote(NO, Side.BUY, "", "order crosses book"),
    }
    assert len(orders(room.later(1_000))) == 2
    assert room.why().refusals == ()


def test_a_market_that_hears_nothing_of_its_wishes_asks_again_by_itself() -> None:
    room = Room()
    assert len(orders(room.book())) == 2
    room.now_ns += 10 * MS
    room.book()
    assert len(orders(room.later(990))) == 2, "the intents died on the way: no more than a second passes"


def test_an_idle_market_asks_for_nothing() -> None:
    room = quoting()
    assert room.wake_ns is None
    assert of_kind(room.book(), WakeAt) == []
