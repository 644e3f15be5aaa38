from functools import partial

import pytest
from msgspec.structs import replace

from models.cells import TradingState
from models.controls.repetition import Repetition, RepetitionParameters
from models.exposure import Exposures
from models.markets import NO, YES, Outcome, Side
from models.messages.control import RaiseCell
from models.messages.orders import CancelMarket
from tests.models.controls.guarded import SECOND, Guarded
from tests.models.supervisor import M, N


def family(parameters: RepetitionParameters, exposures: Exposures) -> tuple[Repetition]:
    return (Repetition(parameters, exposures.markets),)


@pytest.fixture
def risk() -> Guarded:
    return Guarded(partial(family, RepetitionParameters()))


def bought(risk: Guarded, count: int, outcome: Outcome = YES, side: Side = Side.BUY, apart_s: float = 1) -> None:
    for _ in range(count):
        risk.fill(risk.order(outcome, 4_900, side=side))
        risk.later(apart_s)


@pytest.mark.control("repetition", "trips")
def test_six_orders_of_one_side_filled_within_a_minute_pause_the_market(risk: Guarded) -> None:
    bought(risk, 6)
    assert risk.state() is TradingState.CANCEL_ONLY
    (cell,) = risk.states[M].cells
    assert cell.source == "repetition"
    assert cell.reason == "6 orders that buy YES were filled within 60 s >= 6, and none of the other side"
    assert CancelMarket(M, "repetition") in risk.said
    risk.later(298)
    assert risk.state() is TradingState.CANCEL_ONLY
    risk.later(1)
    assert risk.state() is TradingState.ACTIVE


@pytest.mark.control("repetition", "nearly")
def test_a_fill_of_the_other_side_or_a_minute_begins_anew(risk: Guarded) -> None:
    bought(risk, 5)
    bought(risk, 1, NO)
    bought(risk, 5)
    bought(risk, 1, YES, Side.SELL)
    bought(risk, 4, NO)
    (reading,) = risk.readings("repetition")
    assert (reading.value, reading.limit, reading.scope, reading.note) == (5, 6, "slug-m", "buy NO")
    bought(risk, 1, NO, Side.SELL)
    risk.later(60)
    bought(risk, 20, apart_s=12.1)
    assert risk.state() is TradingState.ACTIVE


@pytest.mark.control("repetition", "blocks")
def test_a_market_that_repeats_itself_takes_no_order_and_the_others_do(risk: Guarded) -> None:
    bought(risk, 6, NO)
    assert risk.refused() == (
        "cancel_only: CANCEL_ONLY by repetition on market m: 6 orders that buy NO were filled within 60 s >= 6, and "
        "none of the other side"
    )
    assert risk.refused(NO) is not None
    assert risk.refused(market=N) is None
    assert risk.readings("repetition")[0].holds


def test_one_order_that_is_filled_in_parts_counts_once(risk: Guarded) -> None:
    order = risk.order(YES, 4_900)
    for _ in range(20):
        risk.fill(order, 1)
    assert risk.readings("repetition")[0].value == 1


def test_fills_that_come_in_a_pause_do_not_prolong_it_before_there_are_six_again(risk: Guarded) -> None:
    bought(risk, 11)
    assert len([said for said in risk.said if isinstance(said, CancelMarket)]) == 1
    bought(risk, 1)
    risk.later(293)
    assert risk.state() is TradingState.CANCEL_ONLY, "from the twelfth on"
    risk.later(8)
    assert risk.state() is TradingState.ACTIVE


def test_a_person_ends_the_pause(risk: Guarded) -> None:
    bought(risk, 6)
    risk.say("reduce", M)
    risk.say("resume", N)
    risk.say("resume", None)
    assert risk.state() is TradingState.CANCEL_ONLY
    risk.say("resume", M)
    assert risk.state() is TradingState.ACTIVE
    assert risk.say("resume", M)[0] != RaiseCell(M, "repetition", TradingState.ACTIVE, "")


def test_count_and_pause_are_those_of_before_after_a_death(risk: Guarded) -> None:
    bought(risk, 5)
    again = risk.recalled()
    assert again.readings("repetition")[0].value == 5
    bought(risk, 1)
    again = risk.recalled()
    assert again.states[M].cells == risk.states[M].cells
    again.later(299)
    assert again.state() is TradingState.ACTIVE
    risk.now_ns += 299 * SECOND
    assert risk.recalled().state() is TradingState.ACTIVE


def test_what_a_person_ended_is_not_held_after_a_death(risk: Guarded) -> None:
    bought(risk, 6)
    risk.say("resume", M)
    assert risk.recalled().state() is TradingState.ACTIVE


def test_a_market_that_nobody_knows_goes_by_its_id(risk: Guarded) -> None:
    risk.fill(replace(risk.order(YES, 4_900), market="other"))
    assert risk.readings("repetition")[0].scope == "other"
