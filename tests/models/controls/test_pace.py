import pytest
from msgspec.structs import replace

from models.controls.pace import Pace, PaceParameters
from models.markets import NO
from models.messages.orders import PlaceOrder
from tests.models.wishes import wish

MS = 1_000_000
WINDOW = 250 * MS


def refused(pace: Pace, order: PlaceOrder, at_ns: int) -> str | None:
    refusal = pace.refusal(order, (), True, at_ns)
    return None if refusal is None else refusal.reason


def approve(pace: Pace, order: PlaceOrder, at_ns: int) -> None:
    assert refused(pace, order, at_ns) is None
    pace.approved(order, at_ns)


@pytest.fixture
def pace() -> Pace:
    return Pace(PaceParameters())


@pytest.mark.control("duplicate", "trips")
def test_the_same_order_of_another_intent_is_refused_within_the_window(pace: Pace) -> None:
    approve(pace, wish("a"), 0)
    refusal = pace.refusal(wish("b"), (), True, WINDOW - MS)
    assert refusal is not None
    assert refusal == ("duplicate", "the same order 249 ms ago < 250 ms")


@pytest.mark.control("duplicate", "nearly")
def test_it_passes_once_the_window_is_over(pace: Pace) -> None:
    approve(pace, wish("a"), 0)
    assert refused(pace, wish("b"), WINDOW) is None


@pytest.mark.control("duplicate", "blocks")
def test_it_stops_an_order_that_lowers_the_risk_as_well_and_no_other_order(pace: Pace) -> None:
    order = wish("a")
    approve(pace, order, 0)
    assert pace.refusal(replace(order, intent="b"), (), False, MS) is not None
    others = (
        replace(order, outcome=NO), replace(order, price=order.price + 100), replace(order, size=order.size + 1),
        replace(order, market="other"),
    )  # fmt: skip
    assert [refused(pace, other, MS) for other in others] == [None] * 4


def test_two_legs_of_a_bundle_may_not_be_the_same_order(pace: Pace) -> None:
    assert pace.refusal(wish("b"), (wish("a"),), True, 0) == ("duplicate", "twice in one bundle")


def test_a_later_order_begins_the_window_anew(pace: Pace) -> None:
    approve(pace, wish("a"), 0)
    approve(pace, wish("b"), WINDOW)
    assert refused(pace, wish("c"), WINDOW + WINDOW - MS) == "duplicate"
    assert refused(pace, wish("c"), 2 * WINDOW) is None
