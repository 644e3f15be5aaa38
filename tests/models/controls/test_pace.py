import pytest
from msgspec.structs import replace

from models.controls.pace import Pace, PaceParameters
from models.markets import NO
from models.messages.control import Reading
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


@pytest.mark.proves("I18")
@pytest.mark.control("duplicate", "trips")
def test_the_same_order_of_another_intent_is_refused_within_the_window(pace: Pace) -> None:
    approve(pace, wish(1), 0)
    refusal = pace.refusal(wish(2), (), True, WINDOW - MS)
    assert refusal is not None
    assert refusal == ("duplicate", "the same order 249 ms ago < 250 ms")


@pytest.mark.control("duplicate", "nearly")
def test_it_passes_once_the_window_is_over(pace: Pace) -> None:
    approve(pace, wish(1), 0)
    assert refused(pace, wish(2), WINDOW) is None


@pytest.mark.control("duplicate", "blocks")
def test_it_stops_an_order_that_lowers_the_risk_as_well_and_no_other_order(pace: Pace) -> None:
    order = wish(1)
    approve(pace, order, 0)
    assert pace.refusal(replace(order, intent="b"), (), False, MS) is not None
    others = (
        replace(order, outcome=NO), replace(order, price=order.price + 100), replace(order, size=order.size + 1),
        replace(order, market="other"),
    )  # fmt: skip
    assert [refused(pace, other, MS) for other in others] == [None] * 4


def test_two_legs_of_a_bundle_may_not_be_the_same_order(pace: Pace) -> None:
    assert pace.refusal(wish(2), (wish(1),), True, 0) == ("duplicate", "twice in one bundle")


def test_a_later_order_begins_the_window_anew(pace: Pace) -> None:
    approve(pace, wish(1), 0)
    approve(pace, wish(2), WINDOW)
    assert refused(pace, wish(3), WINDOW + WINDOW - MS) == "duplicate"
    assert refused(pace, wish(3), 2 * WINDOW) is None


def rated(markets: int = 1, tier: str = "Standard", **parameters: int) -> Pace:
    return Pace(PaceParameters(duplicate_window_ms=0, **parameters), markets, tier)


def sent_at_once(pace: Pace, at_ns: int, most: int = 2_000, *, opens: bool = True) -> int:
    """Send different orders until one is refused."""
    for number in range(most):
        if pace.refusal(wish(number), (), opens, at_ns) is not None:
            return number
        pace.approved(wish(number), at_ns)
    return most


@pytest.mark.proves("I18")
@pytest.mark.control("order_rate", "trips")
@pytest.mark.control("order_rate", "nearly")
def test_so_many_orders_may_be_sent_at_once_and_then_so_many_a_second() -> None:
    pace = rated()
    assert sent_at_once(pace, 0) == 10
    refusal = pace.refusal(wish(11), (), True, 0)
    assert refusal == ("order_rate", "10 at once and 3 a second have been sent; the next in 334 ms")
    assert sent_at_once(pace, 333 * MS) == 0
    assert sent_at_once(pace, 334 * MS) == 1
    assert sent_at_once(pace, 1_000 * MS) == 2


@pytest.mark.control("order_rate", "blocks")
def test_what_lowers_the_risk_is_counted_and_not_held_up() -> None:
    pace = rated()
    assert sent_at_once(pace, 0, 15, opens=False) == 15
    assert sent_at_once(pace, 1_000 * MS) == 0, "five more than the burst were sent"
    assert sent_at_once(pace, 2_000 * MS) == 1
    assert sent_at_once(pace, 3_000 * MS, 100, opens=False) == 100
    assert sent_at_once(pace, 7_000 * MS) == 2, "no more than the burst is ever owed"


@pytest.mark.parametrize(
    ("markets", "tier", "most"), [(1, "Standard", 10), (3, "Standard", 30), (50, "Standard", 60), (50, "Silver", 300)]
)
def test_the_rate_grows_with_the_markets_up_to_the_signers_tier(markets: int, tier: str, most: int) -> None:
    assert sent_at_once(rated(markets, tier), 0) == most


def test_the_legs_of_a_bundle_need_room_for_all_of_them() -> None:
    pace = rated()
    assert sent_at_once(pace, 0, 8) == 8
    legs = (wish(9, "0.1"), wish(10, "0.2"), wish(11, "0.3"))
    assert pace.refusal(legs[0], legs[1:2], True, 0) is None
    assert pace.refusal(legs[0], legs[1:], True, 0) is not None


def test_it_says_how_much_of_the_burst_is_used() -> None:
    pace = rated()
    sent_at_once(pace, 0, 4)
    assert list(pace.readings(0)) == [
        Reading("duplicate", "all", None, 0, "ms"),
        Reading("order_rate", "all", 4, 10, "count", note="3 come back a second"),
    ]
    sent_at_once(pace, 0)
    assert list(pace.readings(0))[1].holds
