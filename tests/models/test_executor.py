"""The life of an order, event by event."""

import pytest

from models.cells import TradingState
from models.markets import NO, YES, Side
from models.messages.control import CellNote, RaiseCell, TradingStateChanged
from models.messages.market import TradeSeen
from models.messages.orders import (
    CancelOrder,
    IntentDenied,
    OrderApproved,
    OrderChanged,
    OrderNotJournalled,
    SubmitCancel,
    SubmitOrder,
)
from models.messages.position import LedgerSnapshot, OrdersSnapshot
from models.messages.runtime import ActorFailed, ActorRestarted, WakeAt
from models.orders import OrderState
from models.units import SHARE
from tests.models.venue import MS, Floor, S
from tests.models.wishes import TAG, M, wish

YES_BID = wish(1)
NO_BID = wish(2, outcome=NO)


def test_an_approved_order_is_submitted_under_its_own_name() -> None:
    floor = Floor()
    submit, changed, timer = floor.tell(OrderApproved(YES_BID, 0))
    assert submit == SubmitOrder(floor.id_of(YES_BID), YES_BID, floor.now_ns)
    assert isinstance(changed, OrderChanged)
    assert (changed.state, changed.reason, changed.order_id) == (OrderState.PLACING, "provide", floor.id_of(YES_BID))
    assert timer == WakeAt(floor.now_ns + 5 * S, "orders")


@pytest.mark.proves("I5")
def test_the_same_intent_never_makes_two_orders() -> None:
    floor = Floor()
    floor.approve(YES_BID)
    floor.accept(YES_BID)
    assert floor.tell(OrderApproved(YES_BID, 0)) == ()
    floor.cancel(YES_BID)
    floor.cancelled(YES_BID)
    assert floor.tell(OrderApproved(YES_BID, 0)) == ()
    assert len(floor.submitted()) == 1


def test_in_observe_mode_an_order_is_recorded_and_goes_nowhere() -> None:
    floor = Floor("observe")
    floor.approve(YES_BID)
    assert floor.said == [floor.last(YES_BID)]
    assert (floor.last(YES_BID).state, floor.last(YES_BID).reason) == (OrderState.NEVER_SENT, "observe")


def test_acceptance_fill_and_end() -> None:
    floor = Floor()
    floor.working(YES_BID)
    assert floor.state(YES_BID) is OrderState.WORKING
    floor.trade(YES_BID, "MATCHED", "t1", 2 * SHARE)
    assert (floor.state(YES_BID), floor.last(YES_BID).filled) == (OrderState.WORKING, 2 * SHARE)
    floor.trade(YES_BID, "MATCHED", "t2", 3 * SHARE)
    assert (floor.state(YES_BID), floor.last(YES_BID).filled) == (OrderState.FILLED, 5 * SHARE)


def test_a_rejection_ends_an_order_with_the_venues_words() -> None:
    floor = Floor()
    floor.approve(YES_BID)
    floor.reject(YES_BID, "invalid post-only order: order crosses book")
    assert floor.state(YES_BID) is OrderState.REJECTED
    assert floor.last(YES_BID).reason == "invalid post-only order: order crosses book"


def test_a_rejection_of_an_accepted_order_is_reported_and_changes_nothing() -> None:
    floor = Floor()
    floor.working(YES_BID)
    floor.reject(YES_BID, "no")
    assert (floor.state(YES_BID), floor.last(YES_BID).reason) == (OrderState.WORKING, "ignored, it was accepted: no")


def test_an_order_that_was_not_journalled_was_never_sent() -> None:
    floor = Floor()
    order_id = floor.approve(YES_BID)
    floor.tell(OrderNotJournalled(order_id, "disk full"))
    assert (floor.state(YES_BID), floor.last(YES_BID).reason) == (OrderState.NEVER_SENT, "disk full")


@pytest.mark.proves("I15")
def test_an_order_of_an_older_epoch_is_denied_and_given_back() -> None:
    floor = Floor()
    floor.set_epoch(2)
    floor.approve(YES_BID)
    (denied,) = floor.heard(IntentDenied)
    assert (denied.intent, denied.reason) == (YES_BID.intent, "epoch")
    assert denied.detail == "priced in book epoch 1, now 2"
    assert floor.state(YES_BID) is OrderState.NEVER_SENT, "risk must get its reservation back"
    floor.approve(wish(3, epoch=2))
    assert len(floor.submitted()) == 1


# Answers that do not come


def test_an_order_without_an_answer_is_of_unknown_fate() -> None:
    floor = Floor()
    floor.approve(YES_BID)
    assert floor.wait(5 * S - 1) == (WakeAt(15 * S, "orders"),)
    floor.wait(1)
    assert (floor.state(YES_BID), floor.last(YES_BID).reason) == (OrderState.UNKNOWN, "no answer in 5000 ms")
    assert floor.wait(60 * S) == (), "it keeps its exposure until the venue has spoken"
    floor.accept(YES_BID)
    assert floor.state(YES_BID) is OrderState.WORKING


def test_an_unknown_order_of_which_the_journal_says_at_last_that_it_never_left_was_never_sent() -> None:
    floor = Floor()
    order_id = floor.approve(YES_BID)
    floor.wait(5 * S)
    floor.tell(OrderNotJournalled(order_id, "disk full"))
    assert floor.state(YES_BID) is OrderState.NEVER_SENT


def test_an_answered_order_wakes_nobody_for_long() -> None:
    floor = Floor()
    floor.working(YES_BID)
    assert floor.wait(5 * S) == ()


def test_an_unanswered_cancel_is_repeated_and_keeps_its_exposure() -> None:
    floor = Floor()
    order_id = floor.working(YES_BID)
    submit, changed, timer = floor.cancel(YES_BID, "reprice")
    assert submit == SubmitCancel(order_id, M, "reprice")
    assert isinstance(changed, OrderChanged)
    assert (changed.state, changed.reason) == (OrderState.CANCELLING, "reprice")
    assert timer == WakeAt(12 * S, "orders")
    for _ in range(3):
        assert floor.wait(2 * S) == (submit, WakeAt(floor.now_ns + 2 * S, "orders"))
    floor.cancelled(YES_BID)
    assert floor.state(YES_BID) is OrderState.CANCELLED
    assert floor.last(YES_BID).reason == "reprice", "an order is cancelled for the reason that we had"
    assert floor.wait(2 * S) == ()


def test_a_refused_cancel_leaves_the_order_working_and_is_sent_again_later() -> None:
    floor = Floor()
    order_id = floor.working(YES_BID)
    floor.cancel(YES_BID)
    floor.refuse_cancel(YES_BID, "try later")
    assert (floor.state(YES_BID), floor.last(YES_BID).reason) == (OrderState.WORKING, "try later")
    assert floor.cancel(YES_BID) == (), "not at once: the venue has just refused"
    floor.wait(2 * S)
    assert floor.cancels() == [(order_id, "reprice")] * 2
    assert floor.state(YES_BID) is OrderState.CANCELLING


def test_a_cancel_is_asked_for_once_and_its_first_reason_stays() -> None:
    floor = Floor()
    order_id = floor.working(YES_BID)
    floor.cancel(YES_BID, "reprice")
    floor.cancel(YES_BID, "again")
    floor.cancel_market()
    assert floor.cancels() == [(order_id, "reprice")]


def test_an_order_that_the_venue_cancels_by_itself_says_its_text() -> None:
    floor = Floor()
    floor.working(YES_BID)
    floor.cancelled(YES_BID, text="CANCELED_NOT_ENOUGH_BALANCE")
    assert (floor.state(YES_BID), floor.last(YES_BID).reason) == (OrderState.CANCELLED, "CANCELED_NOT_ENOUGH_BALANCE")


# Stops


def test_a_cancel_of_a_market_takes_all_its_orders_or_one_side() -> None:
    floor = Floor()
    orders = [YES_BID, NO_BID, wish(3, side=Side.SELL, price="0.6"), wish(4, market="elsewhere")]
    ids = [floor.working(order) for order in orders]
    floor.cancel_market(outcome=YES, side=Side.BUY)
    assert floor.cancels() == [(ids[0], "toxic_flow")]
    floor.cancel_market()
    assert [order_id for order_id, _ in floor.cancels()] == ids[:3]
    floor.cancel_market(None, "kill")
    assert floor.cancels()[-1] == (ids[3], "kill")


def test_a_cancel_that_comes_before_the_answer_is_sent_when_it_is_accepted() -> None:
    floor = Floor()
    order_id = floor.approve(YES_BID)
    assert floor.cancel(YES_BID) == ()
    assert floor.state(YES_BID) is OrderState.PLACING
    floor.accept(YES_BID)
    assert floor.cancels() == [(order_id, "reprice")]
    assert floor.state(YES_BID) is OrderState.CANCELLING


def test_a_cancel_that_comes_before_the_approval_means_that_nothing_is_sent() -> None:
    floor = Floor()
    floor.cancel(YES_BID, "reprice")
    floor.approve(YES_BID)
    assert floor.submitted() == []
    assert (floor.state(YES_BID), floor.last(YES_BID).reason) == (OrderState.NEVER_SENT, "reprice")
    assert floor.heard(IntentDenied) == [], "its owner no longer wants it: nothing was refused"


def test_early_cancels_are_bounded() -> None:
    floor = Floor()
    floor.cancel(YES_BID)
    for number in range(4_096):
        floor.tell(CancelOrder(f"intent {number}", M, ""))
    floor.approve(YES_BID)
    assert floor.submitted() == [floor.id_of(YES_BID)]


def test_a_cancel_of_a_market_covers_an_order_that_it_has_overtaken() -> None:
    floor = Floor()
    floor.cancel_market(outcome=YES)
    floor.approve(wish(1, created_ns=floor.now_ns))
    assert floor.submitted() == []
    floor.approve(wish(2, outcome=NO, created_ns=floor.now_ns))
    floor.approve(wish(3, created_ns=floor.now_ns + 1))
    assert len(floor.submitted()) == 2, "the other token, and what was wished for later, may go"


@pytest.mark.proves("I11")
@pytest.mark.parametrize("state", [TradingState.CANCEL_ONLY, TradingState.HALTED, TradingState.KILLED])
def test_order_accepted_while_halted_is_cancelled(state: TradingState) -> None:
    floor = Floor()
    order_id = floor.approve(YES_BID)
    floor.set_state(state)
    floor.accept(YES_BID)
    assert floor.cancels() == [(order_id, state.name.lower())]
    assert floor.state(YES_BID) is OrderState.CANCELLING


def test_an_approval_that_a_halt_has_overtaken_is_denied() -> None:
    floor = Floor()
    floor.set_state(TradingState.HALTED)
    floor.approve(YES_BID)
    floor.approve(wish(3, created_ns=floor.now_ns + 1))
    assert floor.submitted() == []
    assert [denied.reason for denied in floor.heard(IntentDenied)] == ["halted", "halted"]
    floor.set_state(TradingState.ACTIVE)
    floor.approve(NO_BID)
    assert len(floor.submitted()) == 1


def test_a_denial_names_what_holds_the_market_and_not_only_how() -> None:
    floor = Floor()
    held = CellNote("market", "operator", TradingState.CANCEL_ONLY, "paused", floor.now_ns)
    floor.tell(TradingStateChanged(M, TradingState.CANCEL_ONLY, (held,), floor.now_ns))
    floor.approve(YES_BID)
    assert [denied.reason for denied in floor.heard(IntentDenied)] == ["paused"]


def test_a_hedge_that_was_approved_under_the_fuse_stands() -> None:
    floor = Floor()
    floor.set_state(TradingState.CANCEL_ONLY)
    floor.now_ns += 100 * MS
    floor.set_state(TradingState.CANCEL_ONLY)
    hedge = wish(3, outcome=NO, created_ns=floor.now_ns - 1)
    floor.working(hedge)
    assert floor.state(hedge) is OrderState.WORKING
    assert floor.cancels() == []


# Supervision


@pytest.mark.parametrize("actor", [f"book/{M}", f"flow/{M}", f"inventory/{TAG}/{M}", f"coordinator/{TAG}/{M}"])
def test_the_death_of_an_actor_of_a_market_cancels_that_market_only(actor: str) -> None:
    floor = Floor()
    ids = [floor.working(order) for order in (YES_BID, NO_BID, wish(3, market="elsewhere"))]
    floor.tell(ActorFailed(name=actor, scope=M, error="boom"))
    assert floor.cancels() == [(ids[0], "actor_failed"), (ids[1], "actor_failed")]


def test_the_death_of_a_global_actor_is_for_others_to_handle() -> None:
    floor = Floor()
    floor.working(YES_BID)
    assert floor.tell(ActorFailed(name="board", scope="", error="boom")) == ()


def test_the_death_of_a_group_coordinator_cancels_its_members() -> None:
    floor = Floor(groups={"event": (M, "sibling")})
    ids = [floor.working(order) for order in (YES_BID, wish(2, market="sibling"), wish(3, market="elsewhere"))]
    floor.tell(ActorFailed(name=f"coordinator/{TAG}/event", scope="event", error="boom"))
    assert [order_id for order_id, _ in floor.cancels()] == ids[:2]


def test_a_restarted_inventory_is_given_the_ledgers_position() -> None:
    floor = Floor()
    floor.working(YES_BID)
    floor.trade(YES_BID, "CONFIRMED")
    (snapshot,) = floor.tell(ActorRestarted(name=f"inventory/{TAG}/{M}", scope=M, restarts=1))
    assert isinstance(snapshot, LedgerSnapshot)
    assert (snapshot.tag, snapshot.market, snapshot.position.yes.settled) == (TAG, M, 5 * SHARE)


def test_a_restarted_coordinator_is_given_its_open_orders_and_their_end() -> None:
    floor = Floor()
    for order in (YES_BID, NO_BID, wish(3, tag="other")):
        floor.working(order)
    floor.cancel(NO_BID)
    said = floor.tell(ActorRestarted(name=f"coordinator/{TAG}/{M}", scope=M, restarts=1))
    assert [type(message) for message in said] == [LedgerSnapshot, OrderChanged, OrderChanged, OrdersSnapshot]
    assert [message.state for message in said if isinstance(message, OrderChanged)] == ["working", "cancelling"]
    assert said[-1] == OrdersSnapshot(TAG, M, 2)


def test_a_restarted_book_is_told_which_orders_are_ours() -> None:
    floor = Floor()
    for order in (YES_BID, wish(3, tag="other")):
        floor.working(order)
    said = floor.tell(ActorRestarted(name=f"book/{M}", scope=M, restarts=1))
    assert [type(message) for message in said] == [OrderChanged, OrderChanged]


def test_messages_of_others_are_ignored() -> None:
    floor = Floor()
    assert floor.tell(TradeSeen(M, YES, Side.BUY, 4_800, SHARE, 0)) == ()
    assert floor.heard(RaiseCell) == []
