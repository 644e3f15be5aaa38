"""Lives of orders, and what is remembered of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.markets import NO, YES, Side
from models.order_register import OrderRecord, OrderRegister
from models.orders import TERMINAL, OrderEvent, OrderState
from models.units import SHARE
from tests.models.wishes import M, wish


def ended(register: OrderRegister, number: int, *, may_forget: bool = True) -> tuple[str, ...]:
    """Add an order and end it; return what was forgotten for it."""
    record = register.add(f"id{number}", wish(number))
    record.happened(OrderEvent.CANCELLED)
    return register.end(record, lambda _: may_forget)


EVENTS = [event for event in OrderEvent if event not in {OrderEvent.REAPPEARED, OrderEvent.CONTRADICTED}]


@pytest.mark.proves("I8")
@given(st.lists(st.one_of(st.sampled_from(EVENTS), st.integers(0, 20 * SHARE)), max_size=20))
def test_no_row_of_events_leaves_a_terminal_state_and_exposure_is_never_negative(events) -> None:
    record = OrderRecord("id", wish(size=5 * SHARE))
    for event in events:
        before = record.state
        if isinstance(event, int):
            record.matched(event)
        else:
            moved = record.happened(event)
            assert moved or record.state is before
        if before in TERMINAL:
            assert record.state is before
        assert 0 <= record.exposure <= 5 * SHARE
        assert record.exposure == 0 or record.is_open


@pytest.mark.parametrize("event", [OrderEvent.CANCELLED, OrderEvent.REJECTED, OrderEvent.NOT_SENT, OrderEvent.EXPIRED])
def test_an_ended_order_that_stands_after_all_has_its_exposure_again(event: OrderEvent) -> None:
    register = OrderRegister(9)
    record = register.add("id", wish(size=5 * SHARE))
    record.happened(event)
    register.end(record, lambda _: True)
    assert record.happened(OrderEvent.REAPPEARED)
    register.reopen(record)
    assert (record.exposure, register.open_in(M)) == (5 * SHARE, (record,))


def test_a_filled_order_cannot_stand_again() -> None:
    record = OrderRecord("id", wish())
    record.happened(OrderEvent.FILLED)
    assert not record.happened(OrderEvent.REAPPEARED)


def test_an_event_that_means_nothing_changes_nothing() -> None:
    record = OrderRecord("id", wish())
    assert record.happened(OrderEvent.ACCEPTED)
    assert not record.happened(OrderEvent.REJECTED)
    assert record.state is OrderState.WORKING


def test_open_orders_are_found_by_market_desk_token_and_side() -> None:
    register = OrderRegister(9)
    orders = [
        wish(1),
        wish(2, outcome=NO),
        wish(3, side=Side.SELL),
        wish(4, tag="other"),
        wish(5, market="elsewhere"),
    ]
    for order in orders:
        register.add(order.intent, order)

    def found(*where: object, **narrowed: object) -> list[int]:
        return [orders.index(record.placed) for record in register.open_in(*where, **narrowed)]  # pyright: ignore[reportArgumentType]

    assert found(None) == [0, 1, 2, 3, 4]
    assert found(M) == [0, 1, 2, 3]
    assert found(M, outcome=YES) == [0, 2, 3]
    assert found(M, outcome=YES, side=Side.BUY) == [0, 3]
    assert found(M, tag="other") == [3]
    assert found("nowhere") == []


@pytest.mark.proves("I36")
def test_the_latest_ended_orders_are_remembered() -> None:
    register = OrderRegister(2)
    assert [ended(register, number) for number in (1, 2, 3)] == [(), (), ("id1",)]
    assert register.of_id("id1") is None
    assert register.of_intent(wish(1).intent) is None
    assert register.of_id("id2") is not None
    assert register.open_in(M) == ()


def test_an_order_whose_fills_are_not_final_is_not_forgotten() -> None:
    register = OrderRegister(1)
    assert [ended(register, number, may_forget=False) for number in (1, 2, 3)] == [(), (), ()]
    assert sorted(ended(register, 4)) == ["id1", "id2", "id3"], "as soon as they may go"
