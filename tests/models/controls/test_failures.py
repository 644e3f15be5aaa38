from functools import partial

import pytest
from msgspec.structs import replace

from models.cells import TradingState
from models.controls.failures import FailedTrades, FailureParameters
from models.exposure import Exposures
from models.markets import NO, YES
from models.messages.control import ClearKill, Kill
from models.messages.orders import CancelMarket, FillVoided
from tests.models.controls.guarded import SECOND, Guarded
from tests.models.supervisor import M, N

HOUR = 3_600


def family(parameters: FailureParameters, exposures: Exposures) -> tuple[FailedTrades]:
    return (FailedTrades(parameters, exposures.markets),)


DEFAULTS = FailureParameters()


def guarded(parameters: FailureParameters = DEFAULTS) -> Guarded:
    return Guarded(partial(family, parameters))


def failed(risk: Guarded, count: int = 1, market: str = M, apart_s: float = 60) -> None:
    for _ in range(count):
        _, fill = risk.fill(risk.order(YES, 4_900, market=market))
        risk.tell(FillVoided(fill, risk.now_ns))
        risk.later(apart_s)


@pytest.mark.control("failed_trades_market", "trips")
def test_two_failed_trades_within_an_hour_pause_the_market_until_there_are_fewer() -> None:
    risk = guarded()
    failed(risk, 2)
    assert (risk.state(), risk.state(N)) == (TradingState.CANCEL_ONLY, TradingState.ACTIVE)
    (cell,) = risk.states[M].cells
    assert (cell.source, cell.reason) == ("failed_trades_market", "2 trades failed on chain within an hour >= 2")
    assert CancelMarket(M, "failed_trades_market") in risk.said
    risk.later(HOUR - 120)
    assert risk.state() is TradingState.CANCEL_ONLY
    risk.later(1)
    assert risk.state() is TradingState.ACTIVE


@pytest.mark.control("failed_trades_market", "nearly")
def test_one_failed_trade_an_hour_pauses_nothing() -> None:
    risk = guarded()
    failed(risk, 5, apart_s=HOUR + 1)
    failed(risk)
    assert risk.state() is TradingState.ACTIVE
    (reading,) = risk.readings("failed_trades_market")
    assert (reading.scope, reading.value, reading.limit, reading.holds) == ("slug-m", 1, 2, False)


@pytest.mark.control("failed_trades_market", "blocks")
def test_a_market_whose_trades_fail_takes_no_order() -> None:
    risk = guarded()
    failed(risk, 2)
    assert risk.refused() == (
        "cancel_only: CANCEL_ONLY by failed_trades_market on market m: 2 trades failed on chain within an hour >= 2"
    )
    assert risk.refused(market=N) is None
    assert risk.readings("failed_trades_market")[0].holds


@pytest.mark.control("failed_trades_total", "trips")
def test_five_failed_trades_in_all_leave_only_what_reduces() -> None:
    risk = guarded(FailureParameters(market=100))
    failed(risk, 3, M)
    failed(risk, 2, N)
    assert (risk.state(), risk.state(N)) == (TradingState.REDUCING, TradingState.REDUCING)
    (cell,) = risk.states[M].cells
    assert (cell.scope, cell.source) == ("all", "failed_trades_total")
    assert cell.reason == "5 trades failed on chain within an hour >= 5"


@pytest.mark.control("failed_trades_total", "nearly")
def test_four_failed_trades_within_an_hour_leave_all_as_it_is() -> None:
    risk = guarded(FailureParameters(market=100))
    failed(risk, 20, apart_s=901)
    assert risk.state() is TradingState.ACTIVE
    (reading,) = risk.readings("failed_trades_total")
    assert (reading.value, reading.limit, reading.holds) == (3, 5, False)


@pytest.mark.control("failed_trades_total", "blocks")
def test_what_opens_waits_for_five_minutes_at_least() -> None:
    risk = guarded(FailureParameters(market=100))
    failed(risk, 4, apart_s=890)
    failed(risk, 1, apart_s=0)
    risk.fill(risk.order(YES, 4_900, 10))
    assert (risk.refused(YES) or "").startswith("reducing: REDUCING by failed_trades_total on all: 5 trades failed")
    assert risk.refused(NO) is None
    assert risk.readings("failed_trades_total")[0].holds
    risk.later(299)
    assert risk.state(N) is TradingState.REDUCING
    risk.later(1)
    assert risk.state(N) is TradingState.ACTIVE


def test_a_person_may_let_go_what_is_held() -> None:
    risk = guarded()
    failed(risk, 5)
    risk.say("resume", None)
    assert risk.state() is TradingState.CANCEL_ONLY
    risk.say("resume", M)
    assert risk.state() is TradingState.ACTIVE


def test_a_resume_that_a_kill_has_refused_lets_nothing_go() -> None:
    risk = guarded()
    failed(risk, 5)
    risk.tell(Kill("drill", "k", "test"))
    risk.say("resume", M)
    risk.tell(ClearKill("c", "test"))
    assert risk.state() is TradingState.CANCEL_ONLY
    risk.say("resume", M)
    assert risk.state() is TradingState.REDUCING, "what holds all is let go by its own word"


def test_counts_and_cells_are_those_of_before_after_a_death() -> None:
    risk = guarded()
    failed(risk, 5)
    again = risk.recalled()
    assert again.states[M].cells == risk.states[M].cells
    assert again.readings("failed_trades_total") == risk.readings("failed_trades_total")
    risk.now_ns += HOUR * SECOND
    assert risk.recalled().state() is TradingState.ACTIVE


def test_a_market_that_nobody_knows_goes_by_its_id() -> None:
    risk = guarded()
    _, fill = risk.fill(replace(risk.order(YES, 4_900), market="other"))
    risk.tell(FillVoided(fill, risk.now_ns))
    assert risk.readings("failed_trades_market")[0].scope == "other"
