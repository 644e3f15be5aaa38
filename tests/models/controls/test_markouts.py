from functools import partial

import pytest
from msgspec.structs import replace

from models.cells import TradingState
from models.controls.markouts import MarkoutControls, MarkoutParameters
from models.exposure import Exposures
from models.markets import NO, YES, Side
from models.messages.control import MarketHeld
from models.messages.market import MarketResolved
from models.messages.orders import CancelMarket, FillVoided
from models.messages.records import FillMarkedOut
from tests.models.controls.guarded import SECOND, Guarded, of_kind
from tests.models.coordination import book
from tests.models.supervisor import M, N

FEW = MarkoutParameters(adverse_fills=5, decay_fills=4, decay_window=8)
CALM = replace(FEW, picked_off_fills=100, decay_fills=1_000)
QUICK = replace(FEW, adverse_fills=200, decay_fills=1_000)
EDGES = replace(FEW, picked_off_fills=100, adverse_fills=200)


def family(parameters: MarkoutParameters, exposures: Exposures) -> tuple[MarkoutControls]:
    return (MarkoutControls(parameters, exposures.markets),)


def guarded(parameters: MarkoutParameters = FEW) -> Guarded:
    risk = Guarded(partial(family, parameters))
    risk.book(4_900, 5_100)
    return risk


def fills(risk: Guarded, count: int, *to: int, apart_s: int = 6) -> None:
    """Buy at 0.49 with the mid at 0.50; the mid goes to the given prices in turn before five seconds have passed."""
    for number in range(count):
        mid = to[number % len(to)]
        risk.book(4_900, 5_100)
        risk.trade(4_900)
        risk.later(4)
        risk.book(mid - 100, mid + 100)
        risk.later(apart_s - 4)


@pytest.mark.control("adverse_selection", "trips")
def test_quotes_stand_back_once_fills_lose_more_than_their_spread() -> None:
    risk = guarded(CALM)
    fills(risk, 4, 4_790, 4_810)
    assert risk.ticks_back() == 0
    fills(risk, 1, 4_790)
    assert (risk.state(), risk.ticks_back()) == (TradingState.ACTIVE, 1)
    because = risk.states[M].because
    assert because.startswith("5 s mark-out -0.0102 a share over 5 fills of tag BUY: ")
    assert because.endswith("> 3 sigma below zero")


@pytest.mark.control("adverse_selection", "nearly")
def test_fills_that_lose_what_their_spread_earned_hold_nothing_back() -> None:
    risk = guarded(CALM)
    fills(risk, 30, 4_890, 4_911)
    assert risk.ticks_back() == 0
    (reading,) = risk.readings("adverse_selection")
    assert reading.value is not None
    assert -1 < reading.value < 1
    assert (reading.limit, reading.note) == (3.0, "30 of 5 fills, 5 s")
    noisy = guarded(CALM)
    fills(noisy, 30, 4_400, 5_300)
    (reading,) = noisy.readings("adverse_selection")
    assert reading.value is not None
    assert 0 < reading.value < 3
    assert noisy.ticks_back() == 0


@pytest.mark.control("adverse_selection", "blocks")
def test_a_market_whose_fills_stay_bad_though_quotes_stand_back_is_disabled() -> None:
    risk = guarded(CALM)
    fills(risk, 5, 4_790, 4_810)
    assert risk.refused() is None
    fills(risk, 5, 4_790, 4_810)
    assert risk.state() is TradingState.CANCEL_ONLY
    assert CancelMarket(M, "adverse_selection") in risk.said
    refused = risk.refused(YES) or ""
    assert refused.startswith("cancel_only: CANCEL_ONLY by adverse_selection on market m: 5 s mark-out -0.0")
    assert risk.refused(NO) is not None, "also what lowers the risk"
    assert risk.refused(market=N) is None


def test_a_disabled_market_stands_back_when_its_time_is_over_and_is_free_after_as_long_again() -> None:
    risk = guarded(CALM)
    fills(risk, 10, 4_790, 4_810)
    risk.later(1_800)
    assert (risk.state(), risk.ticks_back()) == (TradingState.ACTIVE, 1)
    assert risk.states[M].because.startswith("disabled before: 5 s mark-out")
    risk.later(1_800)
    assert risk.ticks_back() == 0


def test_good_fills_bring_the_quotes_back_at_once() -> None:
    risk = guarded(CALM)
    fills(risk, 5, 4_790, 4_810)
    fills(risk, 5, 5_000)
    assert risk.ticks_back() == 0
    (held, released) = of_kind(risk.said, MarketHeld)
    assert held.until_ns == held.at_ns + 1_800 * SECOND
    assert released.reason == "5 s mark-out +0.0100 a share over 5 fills are good again"


def test_fills_from_before_a_step_say_nothing_of_it() -> None:
    risk = guarded(CALM)
    fills(risk, 4, 4_790, 4_810)
    risk.book(4_900, 5_100)
    risk.trade()
    for _ in range(9):
        risk.later(0.5)
        risk.trade()
    risk.book(4_700, 4_900)
    risk.later(10)
    assert (risk.state(), risk.ticks_back()) == (TradingState.ACTIVE, 1)
    assert risk.readings("adverse_selection")[0].holds


@pytest.mark.parametrize("verb", ["resume", "on"])
def test_a_person_ends_what_holds_a_market(verb: str) -> None:
    risk = guarded(CALM)
    fills(risk, 10, 4_790, 4_810)
    risk.say(verb, N)
    risk.say("pause", M)
    risk.say(verb, None)
    assert risk.state() is TradingState.CANCEL_ONLY
    risk.say("resume", M)
    assert (risk.state(), risk.ticks_back()) == (TradingState.ACTIVE, 0)
    assert of_kind(risk.said, MarketHeld)[-1].reason == "resume by test"


def test_without_a_pause_only_a_person_ends_it() -> None:
    risk = guarded(replace(CALM, pause_s=0))
    fills(risk, 10, 4_790, 4_810)
    risk.later(1_000_000)
    assert risk.state() is TradingState.CANCEL_ONLY
    risk.say("on", M)
    assert risk.state() is TradingState.ACTIVE


def test_the_fills_of_takers_are_not_judged_by_what_they_pay_for_taking() -> None:
    risk = guarded(FEW)
    for _ in range(10):
        order = risk.place(YES, 5_100, takes=True)
        assert not isinstance(order, str)
        risk.trades += 1
        (_, fill) = risk.fill(order)
        assert fill.maker
        risk.machine.step(FillVoided(fill, risk.now_ns), risk.now_ns)
        risk.tell(replace(fill, trade_id=f"taken{risk.trades}", maker=False))
        risk.later(6)
    assert risk.state() is TradingState.ACTIVE
    assert risk.readings("adverse_selection") == []
    assert [reading.value for reading in risk.readings("markout_5s")] == [-1.0]


@pytest.mark.control("picked_off", "trips")
def test_five_fills_that_the_price_ran_away_from_within_a_minute_pause_the_market() -> None:
    risk = guarded(QUICK)
    for _ in range(5):
        run_away(risk, 4_780)
    assert risk.state() is TradingState.CANCEL_ONLY
    (held,) = of_kind(risk.said, MarketHeld)
    assert held.control == "picked_off"
    assert held.reason == "5 fills within 60 s, a second after which the mid was more than a tick against them"
    risk.later(299)
    assert risk.state() is TradingState.CANCEL_ONLY
    risk.later(1)
    assert risk.state() is TradingState.ACTIVE


@pytest.mark.control("picked_off", "nearly")
def test_a_tick_against_us_or_a_minute_between_them_is_none() -> None:
    risk = guarded(QUICK)
    for _ in range(20):
        run_away(risk, 4_800)
    assert risk.readings("picked_off") == []
    for _ in range(20):
        run_away(risk, 4_780)
        risk.later(15)
    assert risk.state() is TradingState.ACTIVE
    (reading,) = risk.readings("picked_off")
    assert (reading.value, reading.limit, reading.unit) == (3, 5, "fills")


@pytest.mark.control("picked_off", "blocks")
def test_a_market_that_is_picked_off_takes_no_order_and_the_others_do() -> None:
    risk = guarded(QUICK)
    for _ in range(6):
        run_away(risk, 4_780)
    refused = risk.refused() or ""
    assert refused.startswith("cancel_only: CANCEL_ONLY by picked_off on market m: 5 fills within 60 s")
    assert risk.refused(NO) is not None
    assert risk.refused(market=N) is None
    assert len(of_kind(risk.said, MarketHeld)) == 1, "what was filled before does not prolong it"


def run_away(risk: Guarded, mid: int) -> None:
    """Buy at 0.49; the mid goes away within a second. Once the market is disabled the fill is a late one."""
    risk.book(4_900, 5_100)
    order = risk.order(YES, 4_900)
    risk.fill(order)
    risk.book(mid - 100, mid + 100)
    risk.later(1)


@pytest.mark.control("edge_decay", "trips")
def test_quotes_stand_back_when_half_of_the_predicted_edge_does_not_come() -> None:
    risk = guarded(EDGES)
    realise(risk, 3, 4_949)
    assert risk.ticks_back() == 0
    realise(risk, 1, 4_949)
    assert risk.ticks_back() == 1
    assert risk.states[M].because == "4 fills realised 0.49 < 0.5 of their predicted edge"


@pytest.mark.control("edge_decay", "nearly")
def test_half_of_the_predicted_edge_is_enough() -> None:
    risk = guarded(EDGES)
    realise(risk, 20, 4_950)
    assert risk.ticks_back() == 0
    (reading,) = risk.readings("edge_decay")
    assert (reading.value, reading.limit, reading.unit, reading.note) == (0.5, 0.5, "ratio", "8 of 4 fills")


@pytest.mark.control("edge_decay", "blocks")
def test_a_market_that_does_not_earn_what_it_promises_is_disabled() -> None:
    risk = guarded(EDGES)
    realise(risk, 8, 4_940)
    assert risk.refused() == (
        "cancel_only: CANCEL_ONLY by edge_decay on market m: 4 fills realised 0.40 < 0.5 of their predicted edge"
    )
    assert risk.refused(market=N) is None
    (reading,) = risk.readings("edge_decay")
    assert reading.holds


def test_the_edge_that_comes_after_all_brings_the_quotes_back() -> None:
    risk = guarded(EDGES)
    realise(risk, 4, 4_940)
    realise(risk, 3, 5_000)
    assert risk.ticks_back() == 1
    (reading, held) = risk.readings("edge_decay")
    assert (reading.value, reading.note, held.holds) == (None, "3 of 4 fills", True)
    realise(risk, 1, 5_000)
    assert risk.ticks_back() == 0
    assert of_kind(risk.said, MarketHeld)[-1].reason == "4 fills realised 1.00 of their predicted edge"


def realise(risk: Guarded, count: int, mid: int) -> None:
    """Buy at 0.49 with the mid at 0.50; a minute later the mid is where it is said."""
    for _ in range(count):
        risk.later(1)
        risk.book(4_900, 5_100)
        risk.trade(4_900)
        risk.later(55)
        risk.book(mid - 100, mid + 100)
        risk.later(5)


def test_an_order_that_promised_nothing_or_was_never_marked_has_no_edge_to_lose() -> None:
    risk = guarded(EDGES)
    for _ in range(6):
        risk.book(4_900, 5_100)
        risk.trade(5_050)
        risk.later(55)
        risk.book(4_700, 4_900)
        risk.later(5)
    risk.book(4_900, 5_100, unusable="gap")
    for _ in range(6):
        risk.trade(4_900)
        risk.later(70)
    assert risk.readings("edge_decay") == []
    assert risk.ticks_back() == 0


def test_every_fill_leaves_a_record_when_its_last_mark_is_made() -> None:
    risk = guarded()
    _, fill = risk.trade(4_900)
    risk.later(2)
    risk.book(4_800, 5_000)
    risk.later(57)
    assert of_kind(risk.said, FillMarkedOut) == []
    risk.later(1)
    (record,) = of_kind(risk.said, FillMarkedOut)
    assert (record.trade_id, record.order_id, record.maker) == (fill.trade_id, fill.order_id, True)
    assert (record.predicted, record.captured) == (10_000, 10_000)
    assert record.markouts == (10_000, 0, 0, 0)
    assert record.at_ns == risk.now_ns - 60 * SECOND


def test_a_payout_is_the_last_mark() -> None:
    risk = guarded()
    risk.trade(4_900)
    out = risk.tell(MarketResolved(M, 10_000, 0))
    (record,) = of_kind(out, FillMarkedOut)
    assert record.markouts == (510_000,) * 4


def test_a_fill_that_failed_on_chain_is_not_marked() -> None:
    risk = guarded()
    _, fill = risk.trade(4_900)
    risk.tell(FillVoided(fill, risk.now_ns))
    risk.later(100)
    assert of_kind(risk.said, FillMarkedOut) == []


def test_marks_are_kept_by_market_desk_and_side_of_yes() -> None:
    risk = guarded()
    risk.book(4_900, 5_100, N)
    risk.trade(4_900, 10)
    risk.trade(4_800, 5)
    risk.trade(4_900, 5, NO)
    risk.trade(4_900, market=N)
    risk.later(60)
    found = {reading.scope: (reading.value, reading.unit, reading.note) for reading in risk.readings("markout_30s")}
    assert found == {
        "slug-m tag buy": (pytest.approx(4 / 3), "cents", "2 fills"),
        "slug-m tag sell": (1.0, "cents", "1 fills"),
        "slug-n tag buy": (1.0, "cents", "1 fills"),
    }


def test_a_sale_of_no_is_a_purchase_of_yes() -> None:
    risk = guarded()
    order = risk.order(NO, 5_100, side=Side.SELL)
    risk.fill(order)
    risk.fill(replace(order, intent="other", outcome=YES))
    risk.later(1)
    assert {reading.scope for reading in risk.readings("markout_1s")} == {"slug-m tag buy", "slug-m tag sell"}


def test_a_market_that_nobody_knows_goes_by_its_id() -> None:
    risk = guarded()
    risk.book(4_900, 5_100, "other")
    risk.fill(replace(risk.order(YES, 4_900), market="other"))
    risk.later(1)
    assert [reading.scope for reading in risk.readings("markout_1s")] == ["other tag buy"]


def test_what_was_promised_is_remembered_of_the_latest_orders() -> None:
    guard = MarkoutControls(FEW, {})
    risk = guarded()
    guard.heard(book(4_900, 5_100, name=M), 0)
    order = risk.order(YES, 4_900)
    for number in range(10_001):
        guard.approved(replace(order, intent=str(number)), 0)
    fill = risk.fill(order)[1]
    guard.heard(replace(fill, intent="0", trade_id="first"), 0)
    guard.heard(replace(fill, intent="1", trade_id="second"), 0)
    records = of_kind(guard.heard(MarketResolved(M, 10_000, 0), 0), FillMarkedOut)
    assert [record.predicted for record in records] == [None, 10_000]


def test_an_order_without_a_good_book_promises_nothing() -> None:
    risk = guarded()
    risk.book(4_900, 5_100, unusable="gap")
    risk.trade(4_900)
    (record,) = of_kind(risk.tell(MarketResolved(M, 10_000, 0)), FillMarkedOut)
    assert (record.predicted, record.captured) == (None, None)


def test_what_holds_a_market_holds_it_after_a_death_for_as_long_as_it_was_to() -> None:
    risk = guarded(replace(CALM, picked_off_fills=5))
    fills(risk, 5, 4_790, 4_810)
    for _ in range(5):
        run_away(risk, 4_780)
    assert (risk.state(), risk.ticks_back()) == (TradingState.CANCEL_ONLY, 1)
    again = risk.recalled()
    assert again.states[M].cells == risk.states[M].cells
    assert (again.ticks_back(), again.states[M].because) == (risk.ticks_back(), risk.states[M].because)
    again.later(300)
    assert again.state() is TradingState.ACTIVE
    again.later(1_800)
    assert again.ticks_back() == 0


def test_what_was_let_go_or_ran_out_meanwhile_is_not_held_after_a_death() -> None:
    risk = guarded()
    for _ in range(5):
        run_away(risk, 4_780)
    late = risk.recalled()
    assert late.state() is TradingState.CANCEL_ONLY
    risk.now_ns += 400 * SECOND
    assert risk.recalled().state() is TradingState.ACTIVE
    risk.say("resume", M)
    assert risk.recalled().state() is TradingState.ACTIVE


def test_what_others_hold_is_none_of_its_business() -> None:
    guard = MarkoutControls(FEW, {})
    others = MarketHeld(None, "rejects_total", TradingState.REDUCING, 0, "20 orders refused", 1, 0)
    assert guard.recall(others, 0) == ()
    assert guard.recalled(10) == ()
