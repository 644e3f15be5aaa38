"""A coordinator whose market is flattened: orders first, then pairs, then the residual, each said as it is done."""

from collections.abc import Iterable

from msgspec.structs import replace

from models.cells import TradingState
from models.flattening import FLATTENED, FLATTENING
from models.markets import NO, YES, Side
from models.messages.base import Message
from models.messages.control import CellNote, FlattenChanged, TradingStateChanged
from models.messages.market import BookEpochChanged, MarketResolved, RequestSnapshot
from models.messages.orders import MergePairs
from models.messages.position import OrdersSnapshot, Position
from models.messages.runtime import WakeAt
from models.orders import OrderState, TimeInForce
from models.strategy import Quote, Targets
from models.units import SHARE
from models.unwind import FlattenParameters
from tests.models.coordination import (
    MS,
    TAG,
    M,
    N,
    Room,
    Wants,
    WantsOfGroup,
    bids,
    cancels,
    cell,
    decisions,
    flow,
    held,
    market,
    of_kind,
    orders,
    quoting,
)

FLATTEN = cell(TradingState.REDUCING, "operator", FLATTENING)
OVER = cell(TradingState.HALTED, "operator", FLATTENED)


def said(out: Iterable[Message]) -> list[tuple[str, str]]:
    return [(report.step, report.detail) for report in of_kind(out, FlattenChanged)]


def merges(out: Iterable[Message]) -> list[int]:
    return [merge.size // SHARE for merge in of_kind(out, MergePairs)]


def holding(position: Position, *cells: CellNote, **given: object) -> Room:
    """A coordinator that is told to flatten a position on a usable book."""
    room = Room(**given)  # pyright: ignore[reportArgumentType]
    room.state(cell(TradingState.CANCEL_ONLY))
    room.book()
    room.hold(position)
    room.later(2_000)
    room.said.clear()
    room.state(*(cells or (FLATTEN,)))
    return room


def test_its_orders_are_cancelled_and_nothing_else_is_done_until_they_are_gone() -> None:
    room = quoting()
    placed = orders(room.said)
    room.hold(held(yes=8, no=5, yes_cost=400, no_cost=250))
    room.later(2_000)
    out = room.state(FLATTEN)
    assert [reason for _, reason in cancels(out)] == [FLATTENING, FLATTENING]
    assert said(out) == [("waiting", "2 orders not over yet")]
    assert decisions(out) == [FLATTENING]
    assert said(room.tell(room.changed(placed[0], OrderState.CANCELLED))) == [("waiting", "1 order not over yet")]
    assert merges(room.said) == []
    out = room.tell(room.changed(placed[1], OrderState.CANCELLED))
    assert merges(out) == [5]
    assert said(out) == [("merging", "merging 5 pairs")]


def test_pairs_are_merged_then_the_residual_is_sold_then_it_is_flat() -> None:
    room = holding(held(yes=12, no=5))
    assert merges(room.said) == [5]
    assert orders(room.said) == []
    out = room.hold(replace(held(yes=12, no=5), merging=5 * SHARE))
    (order,) = orders(out)
    assert (order.outcome, order.side, order.price, order.size) == (YES, Side.SELL, 4_800, 7 * SHARE)
    assert (order.time_in_force, order.post_only, order.reason) == (TimeInForce.FAK, False, FLATTENING)
    room.accept(out)
    room.tell(room.changed(order, OrderState.FILLED, 7))
    assert said(room.hold(replace(held(yes=5, no=5), merging=5 * SHARE))) == [("merging", "merging 5 pairs")]
    assert said(room.hold(Position())) == [("flat", "flat")]
    assert merges(room.said) == [5]


def test_one_unwinding_order_at_a_time_and_not_again_at_once() -> None:
    room = holding(held(yes=12))
    (order,) = orders(room.said)
    assert orders(room.book(4_700, 5_200)) == []
    room.accept(room.said)
    room.tell(room.changed(order, OrderState.CANCELLED, 4, "killed"))
    assert orders(room.hold(held(yes=8))) == []
    (again,) = orders(room.later(1_000))
    assert again.size == 8 * SHARE


def test_a_refused_order_is_tried_again_once_a_second() -> None:
    room = holding(held(yes=8))
    asked = len(orders(room.said))
    for _ in range(20):
        (newest,) = orders(room.said)[-1:]
        room.deny(newest, "reducing", "REDUCING by operator on all: flattening")
        room.book(4_800, 5_200)
        room.later(250)
    assert asked == 1
    assert len(orders(room.said)) <= 7


def test_a_merge_that_nobody_begins_is_asked_for_again_and_then_its_pairs_are_named() -> None:
    room = holding(held(yes=5, no=5), flatten=FlattenParameters(merge_retry_ms=5_000, merge_tries=2))
    assert merges(room.said) == [5]
    assert merges(room.book(4_700, 5_200)) == []
    assert merges(room.later(5_000)) == [5]
    out = room.later(5_000)
    assert merges(out) == []
    assert said(out) == [("rest", "5 pairs locked until resolution, merge unavailable")]


def test_where_nothing_can_merge_its_pairs_are_named_at_once_and_none_are_bought() -> None:
    room = holding(held(yes=12, no=5), merges=False)
    (sale,) = orders(room.said)
    assert (sale.side, sale.size) == (Side.SELL, 7 * SHARE)
    assert merges(room.said) == []
    room.accept(room.said)
    room.tell(room.changed(sale, OrderState.FILLED, 7))
    assert said(room.hold(held(yes=5, no=5))) == [("rest", "5 pairs locked until resolution, merge unavailable")]


def test_a_merge_that_failed_on_chain_is_tried_again_and_one_that_went_through_is_no_failure() -> None:
    room = holding(held(yes=5, no=5), flatten=FlattenParameters(merge_tries=1))
    room.hold(replace(held(5, 5), merging=5 * SHARE))
    room.hold(held(5, 5))
    assert said(room.later(5_000))[-1][0] == "rest"
    other = holding(held(yes=5, no=5), flatten=FlattenParameters(merge_tries=1))
    other.hold(replace(held(5, 5), merging=5 * SHARE))
    other.hold(Position())
    assert merges(other.hold(held(5, 5))) == [5]


def test_a_fill_that_raced_the_cancel_is_unwound_as_well() -> None:
    room = holding(Position())
    assert said(room.said) == [("flat", "flat")]
    room.state(OVER)
    out = room.hold(held(yes=6))
    assert said(out) == [("unwinding", "unwinding 6 YES")]
    assert orders(out) == []
    assert bids(room.state(FLATTEN)) == {YES: (4_800, 6)}


def test_it_says_how_far_it_is_again_to_a_risk_supervisor_that_is_new() -> None:
    room = holding(held(yes=3))
    assert said(room.said) == [("rest", "3 YES below the minimum of 5")]
    assert said(room.book(4_700, 5_200)) == []
    assert said(room.state(FLATTEN)) == [("rest", "3 YES below the minimum of 5")]
    (report,) = of_kind(room.state(OVER), FlattenChanged)
    assert (report.yes_shares, report.no_shares) == (3 * SHARE, 0)


def test_a_coordinator_that_died_in_the_middle_goes_on_when_it_was_told_all() -> None:
    room = Room(restarted=True)
    room.book()
    assert said(room.state(FLATTEN)) == [("waiting", "recovering")]
    room.tell(OrdersSnapshot(TAG, M, 0))
    assert orders(room.said) == []
    assert bids(room.hold(held(yes=8))) == {YES: (4_800, 8)}


def test_a_stale_book_is_read_once_a_second_and_the_residual_waits() -> None:
    room = holding(held(yes=8), cell(TradingState.CANCEL_ONLY))
    old_ns = room.now_ns - 6_000 * MS
    silent = {"unusable": "stale", "event_ns": old_ns, "proven_ns": old_ns}
    room.book(**silent)
    out = room.state(FLATTEN)
    assert said(out) == [("waiting", "8 YES: no book to trade on, stale")]
    assert len(of_kind(out, RequestSnapshot)) == 1
    assert of_kind(room.book(**silent), RequestSnapshot) == []
    for _ in range(3):
        assert len(of_kind(room.later(1_000), RequestSnapshot)) == 1
    assert bids(room.book()) == {YES: (4_800, 8)}


def test_the_exit_goes_out_on_the_book_that_was_read_while_the_stream_is_silent() -> None:
    room = holding(held(yes=8), cell(TradingState.CANCEL_ONLY))
    old_ns = room.now_ns - 6_000 * MS
    room.book(unusable="stale", event_ns=old_ns, proven_ns=old_ns)
    room.state(FLATTEN)
    out = room.book(4_700, 5_200, unusable="stale", event_ns=room.now_ns, proven_ns=room.now_ns)
    assert bids(out) == {YES: (4_700, 8)}
    room.deny(orders(out)[0], "reducing")
    out = room.later(1_000)
    assert len(of_kind(out, RequestSnapshot)) == 1
    assert bids(out) == {YES: (4_700, 8)}
    room.deny(orders(out)[0], "reducing")
    assert said(room.later(2_000)) == [("waiting", "8 YES: no book to trade on, stale")]


def test_a_new_book_epoch_is_waited_for() -> None:
    room = holding(held(yes=8), cell(TradingState.CANCEL_ONLY))
    room.tell(BookEpochChanged(M, 2, 100, "gap"))
    assert orders(room.state(FLATTEN)) == []
    assert orders(room.book(epoch=1)) == []
    assert bids(room.book(epoch=2)) == {YES: (4_800, 8)}


def test_a_pause_a_fuse_and_a_kill_stop_it_and_it_goes_on_after_them() -> None:
    room = holding(held(yes=8), cell(TradingState.CANCEL_ONLY))
    assert orders(room.said) == []
    for other, why in (
        (cell(TradingState.CANCEL_ONLY, "flow", "fused"), "8 YES: CANCEL_ONLY by flow: fused"),
        (cell(TradingState.HALTED, "switch", "off"), "HALTED by switch: off"),
        (cell(TradingState.KILLED, "kill", "drill"), "KILLED by kill: drill"),
    ):
        out = room.state(other, FLATTEN)
        assert orders(out) == []
        assert said(out) == [("waiting", why)]
    assert bids(room.state(FLATTEN)) == {YES: (4_800, 8)}


def test_a_pause_that_replaces_the_flatten_ends_it() -> None:
    room = holding(held(yes=8, no=5))
    assert said(room.state(cell(TradingState.CANCEL_ONLY))) == []
    assert orders(room.said) == []
    assert merges(room.said) == [5]
    assert merges(room.state(FLATTEN)) == [5]


def test_the_flow_is_not_asked() -> None:
    room = holding(held(yes=8), cell(TradingState.CANCEL_ONLY))
    room.tell(flow(toxic=True))
    assert bids(room.state(FLATTEN)) == {YES: (4_800, 8)}


def test_a_market_that_resolves_meanwhile_is_over() -> None:
    room = holding(held(yes=8), cell(TradingState.CANCEL_ONLY))
    room.tell(MarketResolved(M, 10_000, room.now_ns))
    out = room.state(cell(TradingState.HALTED, "venue", "market_resolved"), FLATTEN)
    assert said(out) == [("rest", "8 YES until it pays out: resolved")]
    assert said(room.hold(Position())) == [("flat", "flat")]


def test_what_it_waits_for_is_what_why_says() -> None:
    room = holding(held(yes=3))
    told = room.why()
    assert told.reason == FLATTENING
    (gate,) = (gate for gate in told.gates if gate.name == "flatten")
    assert (gate.passed, gate.blocks, gate.note) == (False, "all", "3 YES below the minimum of 5")


def test_resumed_it_quotes_as_before() -> None:
    room = holding(Position())
    room.state(OVER)
    assert bids(room.state()) == {YES: (4_900, 5), NO: (4_900, 5)}
    assert room.why().reason == "providing"


def test_one_member_of_a_group_is_flattened_and_the_others_only_stop() -> None:
    wanted = Quote(N, YES, Side.BUY, 4_000, 5 * SHARE, "provide")
    room = Room(WantsOfGroup(Targets(quotes=(wanted,))), market(M), market(N))
    room.hold(held(yes=8))
    room.hold(held(yes=9), name=N)
    room.book(name=M)
    placed = orders(room.book(name=N))
    room.accept(placed)
    room.said.clear()
    out = room.state(FLATTEN)
    assert [(order.market, order.size) for order in orders(out)] == [(M, 8 * SHARE)]
    assert [intent for intent, _ in cancels(out)] == [placed[0].intent]
    (gate,) = (gate for gate in room.why(N).gates if gate.name == "flatten")
    assert gate.note == "slug-m: unwinding 8 YES"


def test_it_asks_for_no_timer_when_there_is_nothing_to_wait_for() -> None:
    room = holding(Position())
    assert [wake.at_ns for wake in of_kind(room.said, WakeAt) if wake.at_ns is not None] == []
    asleep = Room(Wants(Targets()))
    asleep.book()
    out = asleep.tell(TradingStateChanged(M, TradingState.REDUCING, (FLATTEN,), asleep.now_ns))
    assert of_kind(out, WakeAt) == []
