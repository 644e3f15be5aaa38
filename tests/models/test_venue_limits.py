"""How much a live executor sends: tokens, modes of the venue, and what goes first when there is not enough for all."""

import itertools

import pytest
from msgspec.structs import replace

from models.markets import NO, Side
from models.messages.control import SetOperatorState
from models.messages.lanes import LeaveToHeartbeat
from models.messages.orders import OrderAccepted, PlaceOrder
from models.orders import OrderState, TimeInForce
from models.units import SHARE
from tests.models.live_venue import LiveFloor
from tests.models.venue import MS, S
from tests.models.wishes import wish

HELD = wish(1, market="held")
HEDGE = wish(2, market="held", outcome=NO)
EXIT = wish(3, market="held", side=Side.SELL, price="0.60")


def quotes(count: int) -> list[PlaceOrder]:
    """As many quotes, each in a market of its own."""
    return [wish(1, market=f"m{number}") for number in range(count)]


def holding() -> LiveFloor:
    """A floor that holds five shares in a market."""
    floor = LiveFloor()
    floor.working(HELD)
    floor.trade(HELD, "CONFIRMED")
    floor.said.clear()
    floor.now_ns += 10 * S
    return floor


def test_an_order_that_finds_no_token_is_refused_in_figures_and_never_queued() -> None:
    floor = LiveFloor()
    for quote in quotes(46):
        floor.approve(quote)
    assert len(floor.submitted()) == 45
    assert floor.denials() == [("rate_limited", "15 of 60 tokens for orders, 15 of them kept back; the next in 25 ms")]
    assert floor.state(quotes(46)[-1]) is OrderState.NEVER_SENT
    said = floor.wait(S)
    assert not any(getattr(message, "order_id", None) == floor.id_of(quotes(46)[-1]) for message in said)


def test_a_hedge_and_an_exit_go_out_when_quotes_no_longer_do() -> None:
    floor = holding()
    for quote in quotes(60):
        floor.approve(quote)
    sent = len(floor.submitted())
    for useful in (HEDGE, EXIT):
        floor.approve(useful)
    assert floor.submitted()[sent:] == [floor.id_of(HEDGE), floor.id_of(EXIT)]


def test_what_adds_to_a_naked_leg_is_a_quote() -> None:
    floor = holding()
    floor.limits(remaining=15)
    floor.approve(wish(9, market="held"))
    assert [reason for reason, _ in floor.denials()] == ["rate_limited"]


def test_a_quote_that_could_not_be_cancelled_is_not_sent() -> None:
    floor = holding()
    floor.limits("cancels", remaining=10)
    floor.approve(wish(9))
    ((reason, detail),) = floor.denials()
    assert (reason, detail) == (
        "rate_limited",
        "10 of 120 tokens for cancels, 30 of them kept back; the next in 263 ms",
    )
    assert floor.approve(HEDGE) in floor.submitted()


def test_the_venue_wants_to_be_left_alone() -> None:
    floor = LiveFloor()
    floor.limits(retry_after_ms=2_000)
    floor.approve(wish(1))
    assert [reason for reason, _ in floor.denials()] == ["rate_limited"]
    floor.now_ns += 2 * S
    assert floor.approve(wish(2)) in floor.submitted()


def test_re_quotes_wait_for_a_cancel_token_and_stops_do_not() -> None:
    floor = LiveFloor()
    quote, stopped = quotes(2)
    for order in (quote, stopped):
        floor.working(order)
    floor.limits("cancels", remaining=5)
    floor.cancel(quote)
    assert floor.cancels() == []
    floor.cancel_market(stopped.market)
    assert floor.cancels() == [(floor.id_of(stopped), "toxic_flow")]
    floor.wait(340 * MS)
    assert floor.cancels()[1:] == [(floor.id_of(quote), "reprice")]


def test_a_stop_hurries_a_re_quote_that_waits_for_its_token() -> None:
    floor = LiveFloor()
    quote = wish(1)
    floor.working(quote)
    floor.limits("cancels", remaining=5)
    floor.cancel(quote)
    floor.cancel_market()
    assert floor.cancels() == [(floor.id_of(quote), "reprice")]


def test_in_debt_every_cancel_waits_and_each_is_sent_in_the_end() -> None:
    floor = LiveFloor()
    orders = quotes(8)
    for order in orders:
        floor.working(order)
    floor.limits("cancels", remaining=-8)
    floor.cancel_market(None)
    assert floor.cancels() == []
    for _ in range(20):
        floor.wait(20 * MS)
    assert sorted(order_id for order_id, _ in floor.cancels()) == sorted(map(floor.id_of, orders))


@pytest.mark.parametrize("mode", ["restarting", "cancel_only", "disabled", "blocked"])
def test_a_venue_that_takes_no_orders_is_sent_none_and_cancels_go_on(mode: str) -> None:
    floor = LiveFloor()
    floor.working(wish(1))
    floor.venue_mode(mode)
    floor.approve(wish(2))
    assert [reason for reason, _ in floor.denials()] == [mode]
    floor.cancel(wish(1))
    assert len(floor.cancels()) == 1


def test_while_only_post_only_orders_pass_a_take_is_refused() -> None:
    floor = LiveFloor()
    floor.venue_mode("post_only", floor.now_ns + 120 * S)
    floor.approve(replace(wish(1), post_only=False))
    assert [reason for reason, _ in floor.denials()] == ["post_only"]
    assert floor.approve(wish(2)) in floor.submitted()


@pytest.mark.parametrize(
    ("mode", "state"),
    [("disabled", "HALTED"), ("cancel_only", "CANCEL_ONLY"), ("restarting", None), ("post_only", None)],
)
def test_what_the_venue_takes_is_our_state_until_it_is_time_to_ask_again(mode: str, state: str | None) -> None:
    floor = LiveFloor(mode_pause_first_ms=1_000)
    for _ in range(2):
        floor.venue_mode(mode)
    floor.wait(999 * MS)
    assert floor.cells() == ([] if state is None else [(None, "venue", state)])
    floor.wait(MS)
    assert floor.cells() == ([] if state is None else [(None, "venue", state), (None, "venue", "ACTIVE")])


@pytest.mark.parametrize(("mode", "state"), [("blocked", "HALTED"), ("closed_only", "REDUCING")])
def test_being_shut_out_stands_until_a_person_says_resume_and_is_told_again_if_it_is_not_over(
    mode: str, state: str
) -> None:
    floor = LiveFloor()
    for heard in (mode, mode, "restarting"):
        floor.venue_mode(heard)
    floor.wait(3_600 * S)
    floor.tell(SetOperatorState("resume", "m1", "r1", "test"))
    floor.tell(SetOperatorState("pause", None, "r2", "test"))
    assert floor.cells() == [(None, "venue", state)]
    floor.approve(wish(1))
    assert floor.submitted() == []
    floor.tell(SetOperatorState("resume", None, "r3", "test"))
    assert floor.approve(wish(2)) in floor.submitted()
    floor.venue_mode(mode)
    assert [cell[2] for cell in floor.cells()] == [state, "ACTIVE", state]


def test_a_venue_that_takes_us_again_of_itself_needs_no_person() -> None:
    floor = LiveFloor()
    for mode in ("blocked", "normal"):
        floor.venue_mode(mode)
    assert floor.cells() == [(None, "venue", "HALTED"), (None, "venue", "ACTIVE")]


def test_while_the_venue_is_disabled_a_cancel_is_repeated_after_a_second_then_ever_slower() -> None:
    floor = LiveFloor()
    order = wish(1)
    floor.working(order)
    floor.venue_mode("disabled", floor.now_ns + 3_600 * S)
    floor.cancel(order)
    sent, times = 1, [0]
    for tenth in range(1, 400):
        floor.wait(S // 10)
        if len(floor.cancels()) > sent:
            sent += 1
            times.append(tenth)
            floor.refuse_cancel(order, "503 Trading is currently disabled")
    assert [after - before for before, after in itertools.pairwise(times)][:6] == [10, 20, 40, 80, 100, 100]


def test_no_more_orders_rest_than_can_be_cancelled_at_once_and_exits_have_the_last_of_that_room() -> None:
    floor = holding()
    for second in range(3):
        for quote in quotes(40):
            floor.approve(replace(quote, intent=f"{second} {quote.intent}", market=f"{second} {quote.market}"))
        floor.now_ns += 10 * S
    assert len(floor.submitted()) == 90, "a burst of 120, of which 30 are kept for stops"
    assert floor.denials()[0] == ("rate_limited", "90 open orders >= 90 that can be cancelled at once")
    assert floor.approve(HEDGE) in floor.submitted()


@pytest.mark.parametrize(("debt", "lapses"), [(1_000, False), (1_300, True)])
def test_a_stop_that_would_wait_too_long_is_left_to_the_venue_which_is_told_once(debt: int, lapses: bool) -> None:
    floor = LiveFloor()
    for order in quotes(2):
        floor.working(order)
    floor.limits("cancels", remaining=-debt)
    floor.cancel(quotes(1)[0])
    assert floor.heard(LeaveToHeartbeat) == [], "no stop"
    floor.cancel_market(None)
    left = floor.heard(LeaveToHeartbeat)
    assert len(left) == lapses
    assert all(S * 16 < one.until_ns - floor.now_ns < S * 17 for one in left)


@pytest.mark.control("latency", "trips")
def test_one_slow_answer_pulls_all_quotes_and_one_quote_asks_after_a_pause() -> None:
    floor = LiveFloor()
    first, second, third, fourth = quotes(4)
    for order in (first, second):
        floor.approve(order)
    floor.now_ns += 3_001 * MS
    floor.accept(first)
    assert floor.cells() == [(None, "latency", "REDUCING")]
    floor.accept(second)
    floor.approve(replace(third, intent="approved before"))
    assert [reason for reason, _ in floor.denials()] == ["slow_venue"]
    floor.wait(10 * S)
    assert floor.cells()[1:] == [(None, "latency", "ACTIVE")]
    for order in (third, fourth):
        floor.approve(order)
    assert floor.submitted()[2:] == [floor.id_of(third)]
    assert [reason for reason, _ in floor.denials()] == ["slow_venue", "slow_venue"]
    floor.now_ns += 100 * MS
    floor.accept(third)
    assert floor.approve(replace(fourth, intent="again")) in floor.submitted()
    assert len(floor.cells()) == 2


@pytest.mark.parametrize("ahead_ns", [-4 * S, 4 * S])
def test_an_answer_is_as_slow_as_our_clock_says_wherever_the_venues_stands(ahead_ns: int) -> None:
    """The user stream tells of an order by the venue's clock, and often before the lane does."""
    floor = LiveFloor()
    quick, slow = quotes(2)
    for order, took_ns in ((quick, 100 * MS), (slow, 3_001 * MS)):
        assert floor.cells() == []
        floor.approve(order)
        floor.now_ns += took_ns
        floor.tell(OrderAccepted(floor.id_of(order), order.market, floor.now_ns + ahead_ns))
    assert floor.cells() == [(None, "latency", "REDUCING")]


def test_hedges_and_exits_do_not_wait_for_the_question() -> None:
    floor = holding()
    floor.approve(wish(4))
    floor.now_ns += 4 * S
    floor.accept(wish(4))
    floor.wait(10 * S)
    floor.approve(wish(5, market="other"))
    for useful in (HEDGE, EXIT):
        assert floor.approve(useful) in floor.submitted()


def bundle(count: int, name: str = "bundle") -> list[PlaceOrder]:
    """As many legs, each in a market of its own."""
    return [
        replace(wish(1, market=f"{name} {number}"), bundle=name, post_only=False, time_in_force=TimeInForce.FOK)
        for number in range(count)
    ]


def test_after_a_pause_a_whole_bundle_is_the_question() -> None:
    floor = LiveFloor()
    (slow, other), legs = quotes(2), bundle(3)
    floor.approve(slow)
    floor.now_ns += 3_001 * MS
    floor.accept(slow)
    floor.wait(10 * S)
    sent = [floor.approve(leg) for leg in legs]
    floor.approve(other)
    assert floor.submitted()[1:] == sent
    assert [reason for reason, _ in floor.denials()] == ["slow_venue"]


def test_a_bundle_whose_first_leg_finds_a_token_takes_the_rest_from_what_is_kept() -> None:
    floor = LiveFloor()
    floor.limits(remaining=17)
    sent = [floor.approve(leg) for leg in bundle(3)]
    assert floor.submitted() == sent
    floor.approve(quotes(1)[0])
    assert [reason for reason, _ in floor.denials()] == ["rate_limited"]


def test_of_a_bundle_whose_leg_was_refused_no_later_leg_is_sent() -> None:
    floor = LiveFloor()
    first, second, third = bundle(3)
    floor.unknown(wish(7, market=second.market))
    sent = floor.approve(first)
    floor.approve(second)
    floor.approve(third)
    assert floor.submitted()[1:] == [sent]
    ((_, why), (_, same)) = floor.denials()
    assert why == same
    other = bundle(2, "other")
    assert [floor.approve(leg) for leg in other] == floor.submitted()[2:], "another bundle goes out"


def test_of_a_bundle_whose_first_leg_is_refused_none_is_sent() -> None:
    floor = LiveFloor()
    floor.limits(remaining=15)
    for leg in bundle(3):
        floor.approve(leg)
        floor.now_ns += 100 * MS
    assert floor.submitted() == []
    assert [reason for reason, _ in floor.denials()] == ["rate_limited"] * 3


def test_a_token_is_taken_only_by_what_is_sent() -> None:
    floor = LiveFloor()
    floor.unknown(wish(1))
    for number in range(100):
        floor.approve(wish(2 + number))
    assert {reason for reason, _ in floor.denials()} == {"unknown_order"}
    floor.found(wish(1))
    floor.limits(remaining=16)
    assert floor.approve(wish(200, size=SHARE)) in floor.submitted()
