"""Orders whose fate nobody knows: asked for until it is known, and counted as standing until then."""

import pytest
from msgspec.structs import replace

from models.markets import NO, Side
from models.messages.orders import (
    OrderChanged,
    OrderNotJournalled,
    SubmitCancel,
    SubmitOrder,
)
from models.orders import OrderState, TimeInForce
from models.units import SHARE
from tests.models.live_venue import HALTED, LiveFloor
from tests.models.venue import MS, S
from tests.models.wishes import wish

BID = wish(1)
OTHER = wish(2, outcome=NO)
ELSEWHERE = wish(3, market="elsewhere")


def test_a_live_order_has_the_name_that_it_was_given() -> None:
    floor = LiveFloor()
    floor.approve(BID)
    assert floor.submitted() == [f"0x{BID.intent}"]


def test_a_live_machine_needs_to_be_told_how_orders_are_named() -> None:
    floor = LiveFloor()
    with pytest.raises(ValueError, match="signed hash"):
        type(floor.machine)("run", "live", floor.parameters, floor.desks)


@pytest.mark.proves("I6")
def test_an_order_without_an_answer_is_asked_for_at_once_and_blocks_its_market() -> None:
    floor = LiveFloor()
    order_id = floor.unknown(BID)
    assert floor.state(BID) is OrderState.UNKNOWN
    assert floor.questions() == [order_id]
    floor.now_ns += 300 * MS
    floor.approve(OTHER)
    assert floor.denials() == [("unknown_order", f"{order_id} was sent 300 ms ago and may stand")]
    assert floor.approve(ELSEWHERE) in floor.submitted(), "another market goes on"


def test_silence_is_an_unknown_fate_too() -> None:
    floor = LiveFloor()
    order_id = floor.approve(BID)
    floor.wait(5 * S)
    assert (floor.state(BID), floor.questions()) == (OrderState.UNKNOWN, [order_id])


@pytest.mark.proves("I7")
def test_it_is_asked_for_again_until_there_is_an_answer() -> None:
    floor = LiveFloor()
    order_id = floor.unknown(BID)
    for _ in range(4):
        floor.query_failed(BID)
        floor.wait(4 * S)
    assert floor.questions() == [order_id] * 5
    assert floor.state(BID) is OrderState.UNKNOWN


def test_an_order_that_is_found_works_and_its_market_is_free() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    floor.found(BID)
    assert floor.state(BID) is OrderState.WORKING
    floor.working(OTHER)
    floor.wait(9 * S)
    assert floor.questions() == [floor.id_of(BID)], "nobody asks any more"


def test_the_answer_that_comes_after_all_is_taken() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    floor.accept(BID)
    assert floor.state(BID) is OrderState.WORKING
    asked = len(floor.questions())
    floor.wait(9 * S)
    assert len(floor.questions()) == asked


def test_a_late_refusal_ends_it() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    floor.reject(BID, "not enough balance / allowance")
    assert floor.state(BID) is OrderState.REJECTED
    assert floor.approve(OTHER) in floor.submitted()


def test_an_order_that_was_filled_keeps_its_exposure_until_its_fills_are_told() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    floor.found(BID, "matched", 5 * SHARE)
    last = floor.last(BID)
    assert (last.state, last.taken_off, last.filled) == (OrderState.UNKNOWN, 5 * SHARE, 0)
    floor.trade(BID, "MATCHED")
    assert (floor.state(BID), floor.held()) == (OrderState.FILLED, 5 * SHARE)


def test_an_order_that_was_cancelled_with_a_fill_waits_for_that_fill() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    floor.found(BID, "cancelled", 2 * SHARE)
    assert floor.state(BID) is OrderState.UNKNOWN
    floor.trade(BID, "MATCHED", size=2 * SHARE)
    assert floor.state(BID) is OrderState.CANCELLED


def test_an_order_that_was_cancelled_without_a_fill_is_over() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    floor.found(BID, "cancelled")
    assert (floor.state(BID), floor.last(BID).reason) == (OrderState.CANCELLED, "CANCELLED")


# Nowhere to be found


@pytest.mark.proves("I7")
def test_an_order_that_is_nowhere_often_and_late_enough_was_never_accepted() -> None:
    floor = LiveFloor()
    began_ns = floor.now_ns
    floor.unknown(BID)
    floor.absent_for_good(BID)
    assert floor.state(BID) is OrderState.NEVER_ACCEPTED
    assert 24 * S <= floor.now_ns - began_ns <= 30 * S
    assert floor.approve(OTHER) in floor.submitted()


def test_before_the_window_is_over_no_answer_counts() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    for _ in range(39):
        floor.not_found(BID)
        floor.wait(500 * MS)
    assert floor.state(BID) is OrderState.UNKNOWN


@pytest.mark.proves("I7")
def test_a_line_that_is_broken_for_ten_minutes_is_no_evidence() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    for _ in range(60):
        floor.query_failed(BID)
        floor.wait(10 * S)
    assert floor.state(BID) is OrderState.UNKNOWN


def test_nothing_is_believed_while_the_user_feed_is_silent_nor_what_was_counted_before() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    floor.wait(20 * S)
    floor.not_found(BID)
    floor.wait(2 * S)
    floor.not_found(BID)
    floor.lose()
    for _ in range(20):
        floor.wait(2 * S)
        floor.not_found(BID)
    assert floor.state(BID) is OrderState.UNKNOWN
    floor.connect()
    floor.wait(8 * S)
    floor.not_found(BID)
    floor.wait(2 * S)
    floor.not_found(BID)
    assert floor.state(BID) is OrderState.UNKNOWN, "two of three"
    floor.absent_for_good(BID)
    assert floor.state(BID) is OrderState.NEVER_ACCEPTED


def test_an_answer_to_a_question_that_nobody_asked_changes_nothing() -> None:
    floor = LiveFloor()
    floor.working(BID)
    for _ in range(9):
        floor.now_ns += 60 * S
        floor.not_found(BID)
    assert floor.state(BID) is OrderState.WORKING


def test_an_answer_about_an_order_that_is_over_ends_the_questions_and_changes_nothing() -> None:
    floor = LiveFloor()
    order_id = floor.unknown(BID)
    floor.reject(BID)
    assert floor.not_found(BID) == ()
    floor.wait(60 * S)
    assert (floor.state(BID), floor.questions()) == (OrderState.REJECTED, [order_id])


def test_an_order_whose_fills_are_awaited_is_not_asked_away() -> None:
    floor = LiveFloor()
    order_id = floor.unknown(BID)
    floor.cancelled(BID, 2 * SHARE)
    floor.wait(60 * S)
    asked = len(floor.questions())
    floor.not_found(BID)
    floor.wait(60 * S)
    assert (floor.state(BID), floor.questions()) == (OrderState.UNKNOWN, [order_id] * asked)
    floor.trade(BID, "MATCHED", size=2 * SHARE)
    assert floor.state(BID) is OrderState.CANCELLED


def test_answers_about_an_order_that_nobody_knows_change_nothing() -> None:
    floor = LiveFloor()
    for said in (floor.unanswered(BID), floor.cancel_unanswered(BID), floor.found(BID), floor.not_found(BID)):
        assert said == ()


# It stands after all


def never_accepted() -> LiveFloor:
    floor = LiveFloor()
    floor.unknown(BID)
    floor.absent_for_good(BID)
    floor.said.clear()
    return floor


@pytest.mark.parametrize("told", ["accept", "found"])
def test_an_order_that_stands_after_all_counts_again_and_is_cancelled_with_an_alarm(told: str) -> None:
    floor = never_accepted()
    getattr(floor, told)(BID)
    assert [changed.state for changed in floor.heard(OrderChanged)] == [OrderState.WORKING, OrderState.CANCELLING]
    assert floor.cancels() == [(floor.id_of(BID), "accepted_after_all")]
    assert floor.cells() == [HALTED]
    floor.cancelled(BID)
    assert floor.state(BID) is OrderState.CANCELLED


def test_a_fill_of_an_order_that_never_stood_is_counted_and_its_rest_cancelled() -> None:
    floor = never_accepted()
    floor.trade(BID, "MATCHED", size=2 * SHARE)
    assert (floor.state(BID), floor.last(BID).filled, floor.held()) == (OrderState.CANCELLING, 2 * SHARE, 2 * SHARE)
    assert floor.cancels() == [(floor.id_of(BID), "accepted_after_all")]
    assert floor.cells() == [HALTED]


def test_a_whole_fill_of_an_order_that_never_stood_leaves_nothing_to_cancel() -> None:
    floor = never_accepted()
    floor.trade(BID, "MATCHED")
    assert (floor.state(BID), floor.held(), floor.cancels()) == (OrderState.NEVER_ACCEPTED, 5 * SHARE, [])
    assert floor.cells() == [HALTED]


def test_an_order_that_the_venue_has_already_counts_as_accepted_and_is_asked_for() -> None:
    floor = LiveFloor()
    order_id = floor.approve(BID)
    floor.reject(BID, f"order {order_id} is invalid. Duplicated.")
    assert (floor.state(BID), floor.questions()) == (OrderState.WORKING, [order_id])


# Cancels


def test_a_cancel_that_is_wanted_meanwhile_is_sent_and_sent_again_when_the_order_is_found() -> None:
    floor = LiveFloor()
    order_id = floor.unknown(BID)
    floor.cancel(BID)
    assert floor.cancels() == [(order_id, "reprice")]
    assert floor.state(BID) is OrderState.UNKNOWN, "a cancel is no evidence"
    floor.refuse_cancel(BID, "Order not found or already canceled")
    assert floor.state(BID) is OrderState.UNKNOWN
    floor.found(BID)
    assert floor.cancels() == [(order_id, "reprice")] * 2
    assert floor.state(BID) is OrderState.CANCELLING


def test_a_cancel_that_was_wanted_before_is_sent_with_the_question() -> None:
    floor = LiveFloor()
    order_id = floor.approve(BID)
    floor.cancel(BID)
    assert floor.cancels() == []
    floor.unanswered(BID)
    assert (floor.questions(), floor.cancels()) == ([order_id], [(order_id, "reprice")])


def test_a_cancelled_order_of_unknown_fate_is_over() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    floor.cancel(BID)
    floor.cancelled(BID)
    assert floor.state(BID) is OrderState.CANCELLED


def test_a_cancel_without_an_answer_is_repeated_ever_slower_and_keeps_its_exposure() -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.cancel(BID)
    floor.cancel_unanswered(BID)
    at: list[int] = []
    began_ns = floor.now_ns
    for _ in range(400):
        if any(isinstance(message, SubmitCancel) for message in floor.wait(100 * MS)):
            at.append((floor.now_ns - began_ns) // MS)
    assert at == [2_000, 6_000, 14_000, 24_000, 34_000]
    assert floor.state(BID) is OrderState.CANCELLING


def test_an_order_that_the_venue_does_not_cancel_is_asked_for() -> None:
    floor = LiveFloor()
    order_id = floor.working(BID)
    floor.cancel(BID)
    floor.refuse_cancel(BID, "already canceled or matched")
    assert floor.questions() == [order_id]
    floor.found(BID, "matched", 5 * SHARE)
    assert floor.last(BID).taken_off == 5 * SHARE
    floor.trade(BID, "MATCHED")
    assert floor.state(BID) is OrderState.FILLED


def test_an_order_that_can_neither_be_cancelled_nor_found_is_gone() -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.wait(30 * S)
    floor.cancel(BID)
    floor.cancel_unanswered(BID)
    assert floor.questions() == [], "the user feed says it in a moment"
    floor.wait(2 * S)
    floor.cancel_unanswered(BID)
    floor.absent_for_good(BID)
    assert (floor.state(BID), floor.last(BID).reason) == (OrderState.CANCELLED, "reprice")


# After a restart


def test_what_was_under_way_when_the_process_died_is_asked_for_and_cancelled_and_nothing_is_sent_again() -> None:
    floor = LiveFloor()
    order_id = floor.approve(BID)
    said = floor.begin_anew()
    assert floor.state(BID) is OrderState.UNKNOWN
    assert floor.questions() == [order_id]
    assert floor.cancels() == [(order_id, "recovered")]
    assert not any(isinstance(message, SubmitOrder) for message in said)
    assert floor.reads() == ["restart"]
    floor.found(BID)
    assert floor.state(BID) is OrderState.CANCELLING


def test_an_order_that_stood_after_all_is_recalled_as_standing() -> None:
    floor = never_accepted()
    floor.accept(BID)
    floor.begin_anew()
    assert floor.state(BID) is OrderState.CANCELLING


def test_an_order_that_was_never_sent_says_so_when_it_is_of_unknown_fate() -> None:
    floor = LiveFloor()
    order_id = floor.unknown(BID)
    floor.tell(OrderNotJournalled(order_id, "expired"))
    assert floor.state(BID) is OrderState.NEVER_SENT


def test_an_order_that_its_trades_alone_know_stood_and_is_over_once_it_was_nowhere_else_often_enough() -> None:
    floor = LiveFloor()
    floor.unknown(BID)
    floor.trade(BID, "MATCHED", size=SHARE)
    floor.found(BID, "traded", SHARE)
    assert floor.state(BID) is OrderState.WORKING
    for _ in range(60):
        floor.wait(S)
        floor.found(BID, "traded", SHARE)
    assert (floor.state(BID), floor.last(BID).filled, floor.cells()) == (OrderState.CANCELLED, SHARE, [])
    floor.found(BID, "traded", SHARE)
    assert (floor.state(BID), floor.cells()) == (OrderState.CANCELLED, []), "its trades do not say that it stands"


def test_a_take_that_its_trades_alone_know_is_over() -> None:
    floor = LiveFloor()
    take = replace(BID, post_only=False, time_in_force=TimeInForce.FAK)
    floor.unknown(take)
    floor.trade(take, "MATCHED", size=SHARE)
    floor.found(take, "traded", SHARE)
    assert (floor.state(take), floor.last(take).filled) == (OrderState.CANCELLED, SHARE)


@pytest.mark.proves("I6")
def test_an_order_of_unknown_fate_holds_up_what_would_add_to_its_event_but_no_exit() -> None:
    floor = LiveFloor(siblings={"elsewhere": (BID.market,)})
    order_id = floor.unknown(BID)
    floor.approve(ELSEWHERE)
    assert floor.denials() == [("unknown_order", f"{order_id} was sent 0 ms ago and may stand")]
    assert floor.approve(replace(wish(4, market="elsewhere"), side=Side.SELL)) in floor.submitted()


def test_what_was_matched_of_a_cancelled_order_and_never_told_counts_until_it_is() -> None:
    floor = LiveFloor()
    floor.working(BID)
    floor.cancelled(BID)
    assert floor.state(BID) is OrderState.CANCELLED
    floor.cancelled(BID, filled=2 * SHARE)
    standing = floor.last(BID)
    assert (standing.state, standing.taken_off, standing.filled) == (OrderState.WORKING, 2 * SHARE, 0)
    floor.trade(BID, "MATCHED", size=2 * SHARE)
    assert (floor.state(BID), floor.held(), floor.cells()) == (OrderState.CANCELLED, 2 * SHARE, [])
    floor.cancelled(BID, filled=2 * SHARE)
    assert floor.state(BID) is OrderState.CANCELLED


def test_an_order_that_was_never_accepted_and_is_said_to_be_filled_halts_and_waits_for_the_fill() -> None:
    floor = LiveFloor()
    floor.approve(BID)
    floor.reject(BID)
    floor.cancelled(BID, filled=5 * SHARE)
    assert floor.cells() == [HALTED]
    floor.trade(BID, "MATCHED")
    assert (floor.state(BID), floor.held()) == (OrderState.FILLED, 5 * SHARE)
