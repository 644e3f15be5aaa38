"""Whatever is said to an executor, in any order: what can never happen."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cells import TradingState
from models.inventory import InventoryMachine, InventoryParameters
from models.markets import NO, Side
from models.messages.market import MarketResolved
from models.messages.orders import (
    FillCounted,
    FillSettled,
    FillVoided,
    MergeChanged,
    MergeReported,
    OrderChanged,
    OrderNotJournalled,
    PlaceOrder,
)
from models.orders import TERMINAL, OrderState
from models.units import ONE, SHARE, Size
from tests.models.venue import Floor, S
from tests.models.wishes import TAG, M, wish

ORDERS = [
    wish(1),
    wish(2, outcome=NO),
    wish(3, price="0.6", side=Side.SELL, size=3 * SHARE),
    wish(4, tag="other", size=4 * SHARE),
]
STATUSES = ["MATCHED", "MINED", "CONFIRMED", "FAILED", "NEWS"]
Act = Callable[[Floor, PlaceOrder], object]
ACTS: dict[str, Act] = {
    "approve": Floor.approve,
    "accept": Floor.accept,
    "reject": Floor.reject,
    "cancel": Floor.cancel,
    "cancelled": Floor.cancelled,
    "cancelled with fills": lambda floor, order: floor.cancelled(order, 2 * SHARE),
    "refuse cancel": Floor.refuse_cancel,
    "not journalled": lambda floor, order: floor.tell(OrderNotJournalled(floor.id_of(order), "disk full")),
    "cancel market": lambda floor, _: floor.cancel_market(),
    "halt": lambda floor, _: floor.set_state(TradingState.HALTED),
    "go on": lambda floor, _: floor.set_state(TradingState.ACTIVE),
    "epoch": lambda floor, _: floor.set_epoch(2),
    "wait": lambda floor, _: floor.wait(3 * S),
    "merge": lambda floor, _: floor.merge(9, floor.now_ns),
    "merge ends": lambda floor, _: [
        floor.tell(MergeReported(changed.operation, M, "confirmed", 0, 0)) for changed in floor.heard(MergeChanged)[-1:]
    ],
    "resolve": lambda floor, _: floor.tell(MarketResolved(M, ONE, 0)),
    **{
        f"{status} {trade_id}": lambda floor, order, status=status, trade_id=trade_id: floor.trade(
            order, status, trade_id, SHARE
        )
        for status in STATUSES
        for trade_id in ("t1", "t2", "t3")
    },
}
histories = st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from(ORDERS)), max_size=40)


def played(history: list[tuple[str, PlaceOrder]]) -> Floor:
    """Approve every order, then let anything happen."""
    floor = Floor()
    for order in ORDERS:
        floor.approve(order)
    for act, order in history:
        ACTS[act](floor, order)
    return floor


@pytest.mark.proves("I5")
@given(histories)
@settings(max_examples=200)
def test_no_order_leaves_its_end_or_is_sent_twice_or_has_less_than_no_exposure(history) -> None:
    floor = played(history)
    assert len(floor.submitted()) == len(set(floor.submitted()))
    ended: dict[str, OrderState] = {}
    filled: dict[str, Size] = {}
    for changed in floor.heard(OrderChanged):
        assert ended.get(changed.intent, changed.state) is changed.state
        assert filled.get(changed.intent, 0) <= changed.filled <= changed.size
        filled[changed.intent] = changed.filled
        if changed.state in TERMINAL:
            ended[changed.intent] = changed.state


@pytest.mark.proves("I1")
@given(histories)
@settings(max_examples=200)
def test_whoever_applies_the_events_comes_to_the_executors_positions(history) -> None:
    floor = played(history)
    for tag in (TAG, "other"):
        inventory = InventoryMachine(tag, M, InventoryParameters(auto_merge="off"))
        for message in floor.said:
            if getattr(getattr(message, "fill", message), "tag", None) == tag:
                inventory.step(message, 0)
        assert inventory.position == floor.position(tag)


@pytest.mark.proves("I1")
@given(histories)
@settings(max_examples=200)
def test_a_fill_is_counted_before_it_is_settled_or_voided_and_never_twice(history) -> None:
    counted: set[tuple[str, str]] = set()
    ended: set[tuple[str, str]] = set()
    for message in played(history).said:
        match message:
            case FillCounted():
                key = (message.trade_id, message.order_id)
                assert key not in counted
                counted.add(key)
            case FillSettled() | FillVoided():
                key = (message.fill.trade_id, message.fill.order_id)
                assert key in counted
                assert key not in ended
                (ended.add if isinstance(message, FillSettled) else counted.discard)(key)
            case _:
                pass
