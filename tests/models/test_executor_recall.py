"""An executor that takes a dead one's place knows what that one knew, from the journal's chain alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.executor import ExecutorParameters
from models.executor_recall import RecalledExecutor
from models.messages.base import Message
from models.messages.market import MarketResolved
from models.messages.orders import (
    FillCounted,
    FillSettled,
    FillVoided,
    MergeReported,
    OrderApproved,
    OrderChanged,
    PositionsRedeemed,
    SubmitCancel,
    SubmitMerge,
    SubmitOrder,
    TradeReported,
)
from models.messages.position import LedgerSnapshot, OrdersSnapshot, Position
from models.messages.runtime import ActorRestarted
from models.orders import TERMINAL, OrderState
from models.positions import cash_flow
from models.repeats import Repeats
from models.units import ONE, SHARE
from tests.models.test_executor_histories import histories, played
from tests.models.venue import Floor, S
from tests.models.wishes import TAG, M, wish

BID = wish(1)
FILLS = (FillCounted, FillSettled, FillVoided)


def of_kind(said: tuple[Message, ...], kind: type[Message]) -> list[Message]:
    return [message for message in said if isinstance(message, kind)]


def last_words(messages: list[Message]) -> dict[str, OrderChanged]:
    """The latest word on each order."""
    return {message.order_id: message for message in messages if isinstance(message, OrderChanged)}


@pytest.mark.proves("I25")
@given(histories)
@settings(max_examples=200)
def test_positions_are_the_same_after_any_history(history) -> None:
    floor = played(history)
    before = {tag: floor.position(tag) for tag in (TAG, "other")}
    floor.begin_anew()
    after = {tag: floor.position(tag) for tag in (TAG, "other")}
    assert after == before


@pytest.mark.proves("I25")
@given(histories)
@settings(max_examples=200)
def test_the_same_orders_are_open_and_none_of_them_is_left_to_rest(history) -> None:
    floor = played(history)
    before = {order_id: word for order_id, word in last_words(floor.said).items() if word.state not in TERMINAL}
    said = floor.begin_anew()
    after = last_words(list(said))
    assert {order_id for order_id, word in after.items() if word.state not in TERMINAL} <= before.keys()
    for order_id, word in before.items():
        assert after[order_id].filled == word.filled
        if word.taken_off is None:
            assert after[order_id].state is not OrderState.WORKING
    assert of_kind(said, SubmitOrder) == []


@pytest.mark.proves("I25")
@given(histories)
@settings(max_examples=200)
def test_a_fill_that_is_told_again_is_not_counted_again(history) -> None:
    floor = played(history)
    before = {tag: floor.position(tag) for tag in (TAG, "other")}
    floor.begin_anew()
    reports = [message for message in floor.told if isinstance(message, TradeReported)]
    counted = [message for report in reports for message in floor.tell(report) if isinstance(message, FILLS)]
    assert counted == []
    assert {tag: floor.position(tag) for tag in (TAG, "other")} == before


@given(histories, st.data())
def test_wherever_a_chain_was_cut_and_stands_twice_telling_all_again_gives_the_same_holdings(history, data) -> None:
    floor = played([(act, order) for act, order in history if "merge" not in act])
    told = [message for message in floor.told if isinstance(message, TradeReported | MarketResolved)]
    before = {tag: holdings(floor.position(tag)) for tag in (TAG, "other")}
    begin = max(index for index, entry in enumerate(floor.chain) if isinstance(entry, SubmitOrder)) + 1
    cut = data.draw(st.integers(begin, len(floor.chain)))
    first = data.draw(st.integers(begin, cut))
    chain, repeats = [*floor.chain[: data.draw(st.integers(first, cut))], *floor.chain[first:cut]], Repeats()
    floor.begin_anew([news for entry in chain for news in repeats.news(entry)])
    for message in told:
        floor.tell(message)
    assert {tag: holdings(floor.position(tag)) for tag in (TAG, "other")} == before


def holdings(position: Position) -> tuple[object, ...]:
    """What does not depend on the order in which fills are told."""
    waiting = {(fill.trade_id, fill.order_id) for fill in position.provisional}
    return (
        position.yes.shares,
        position.no.shares,
        position.yes.settled,
        position.no.settled,
        waiting,
        cash_flow(position),
    )


def test_a_disputed_fill_whose_journal_was_cut_short_is_told_again() -> None:
    floor = Floor()
    floor.working(BID)
    for status in ("MATCHED", "FAILED", "CONFIRMED"):
        floor.trade(BID, status)
    assert [type(entry) for entry in floor.chain if isinstance(entry, FILLS)] == [
        FillCounted, FillVoided, FillCounted, FillSettled,
    ]  # fmt: skip
    repeats = Repeats()
    cut = floor.chain[: [type(entry) for entry in floor.chain].index(FillSettled)]
    floor.begin_anew([news for entry in cut for news in repeats.news(entry)])
    assert floor.position() == Position(), "the count alone says nothing"
    floor.trade(BID, "CONFIRMED")
    assert (floor.position().yes.settled, floor.position().provisional) == (BID.size, ())


def test_what_rests_is_cancelled_and_everybody_is_told_all() -> None:
    floor = Floor()
    order_id = floor.working(BID)
    floor.trade(BID, "MATCHED", size=2 * SHARE)
    said = floor.begin_anew()
    assert of_kind(said, SubmitCancel) == [SubmitCancel(order_id, M, "recovered")]
    snapshot, others = of_kind(said, LedgerSnapshot)
    assert isinstance(snapshot, LedgerSnapshot)
    assert (snapshot.position.yes.shares, len(snapshot.position.provisional)) == (2 * SHARE, 1)
    assert isinstance(others, LedgerSnapshot)
    assert (others.tag, others.position) == ("other", Position())
    assert of_kind(said, OrdersSnapshot) == [OrdersSnapshot(TAG, M, 1), OrdersSnapshot("other", M, 0)]
    floor.cancelled(BID, filled=2 * SHARE)
    assert (floor.state(BID), floor.last(BID).reason) == (OrderState.CANCELLED, "recovered")


def test_an_order_without_an_answer_is_cancelled_as_soon_as_the_venue_has_it() -> None:
    floor = Floor()
    order_id = floor.approve(BID)
    assert of_kind(floor.begin_anew(), SubmitCancel) == []
    assert floor.state(BID) is OrderState.PLACING
    assert of_kind(floor.accept(BID), SubmitCancel) == [SubmitCancel(order_id, M, "recovered")]


def test_an_order_without_an_answer_keeps_its_deadline() -> None:
    floor = Floor()
    floor.approve(BID)
    floor.begin_anew()
    floor.wait(5 * S)
    assert floor.state(BID) is OrderState.UNKNOWN


def test_an_order_that_the_journal_does_not_know_was_never_sent() -> None:
    floor = Floor()
    floor.approve(BID)
    chain = [entry for entry in floor.chain if not isinstance(entry, SubmitOrder)]
    floor.begin_anew(chain)
    assert (floor.state(BID), floor.last(BID).reason) == (OrderState.NEVER_SENT, "not_journalled")


def test_what_was_wished_for_before_the_fall_is_not_sent_after_it() -> None:
    floor = Floor()
    floor.begin_anew()
    late = wish(3, created_ns=floor.now_ns)
    floor.approve(late)
    assert (floor.state(late), floor.last(late).reason) == (OrderState.NEVER_SENT, "recovered")
    newer = wish(4, created_ns=floor.now_ns + 1)
    floor.approve(newer)
    assert floor.state(newer) is OrderState.PLACING


@pytest.mark.proves("I5")
def test_an_intent_has_one_order_for_ever() -> None:
    floor = Floor()
    floor.working(BID)
    floor.cancelled(BID)
    floor.begin_anew()
    assert floor.tell(OrderApproved(BID, 0)) == ()


def test_an_order_taken_off_the_book_waits_for_its_missing_fills_still() -> None:
    floor = Floor()
    floor.working(BID)
    floor.cancelled(BID, filled=3 * SHARE)
    assert of_kind(floor.begin_anew(), SubmitCancel) == []
    assert floor.state(BID) is OrderState.WORKING
    floor.trade(BID, "MATCHED", size=3 * SHARE)
    assert floor.state(BID) is OrderState.CANCELLED


def test_a_merge_under_way_is_sent_again_and_ends_once() -> None:
    floor = Floor()
    for number, outcome in ((1, 0), (2, 1)):
        order = wish(number, outcome=outcome)  # pyright: ignore[reportArgumentType]
        floor.working(order)
        floor.trade(order, "CONFIRMED", f"t{number}")
    requested = floor.merge(5)
    said = floor.begin_anew()
    assert of_kind(said, SubmitMerge) == [SubmitMerge(requested.operation, M, 5 * SHARE)]
    floor.tell(MergeReported(requested.operation, M, "confirmed", 0, 0))
    assert floor.tell(MergeReported(requested.operation, M, "confirmed", 0, 0)) == ()
    assert floor.position().merging == 0
    assert floor.position().yes.shares == 0


@pytest.mark.parametrize("paid", [False, True])
def test_a_resolved_market_is_paid_out_once(paid: bool) -> None:
    floor = Floor()
    floor.working(BID)
    floor.trade(BID, "CONFIRMED")
    floor.tell(MarketResolved(M, ONE, 0))
    if not paid:  # the journal had the result, but died before it had the payout
        floor.chain = [entry for entry in floor.chain if not isinstance(entry, PositionsRedeemed)]
    said = floor.begin_anew()
    assert len(of_kind(said, PositionsRedeemed)) == (0 if paid else 1)
    assert floor.position().yes.shares == 0
    assert floor.position().realized == 5 * SHARE - 2_400_000


def test_a_restart_that_comes_while_it_is_being_recalled_needs_no_answer_of_its_own() -> None:
    machine = RecalledExecutor("run", "paper", ExecutorParameters(), {TAG: {M: (M,)}})
    assert machine.meanwhile(ActorRestarted(f"inventory/{TAG}/{M}", M, 1), 0) == ()
    assert machine.meanwhile(TradeReported("t", "o", M, 0, BID.side, 1, 1, "MATCHED", True, 0), 0) is None
