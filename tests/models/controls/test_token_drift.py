import pytest

from models.cells import TradingState
from models.controls.token_drift import TokenDrift
from models.executor_parameters import ExecutorParameters
from models.exposure import Exposures
from models.markets import NO, YES, Outcome
from models.messages.lanes import DriftFound
from models.units import SHARE
from tests.models.controls.guarded import Guarded
from tests.models.supervisor import M, N


def family(exposures: Exposures) -> tuple[TokenDrift]:
    return (TokenDrift(ExecutorParameters(), exposures.markets),)


@pytest.fixture
def risk() -> Guarded:
    return Guarded(family)


def found(risk: Guarded, held: float, outcome: Outcome = YES, market: str = M) -> None:
    """Have the wallet hold so many shares of a token, of which there should be between 5 and 6."""
    risk.tell(DriftFound(market, outcome, int(held * SHARE), 5 * SHARE, 6 * SHARE, risk.now_ns))


@pytest.mark.control("token_drift", "trips")
def test_shares_that_are_missing_leave_only_what_reduces_in_their_market(risk: Guarded) -> None:
    found(risk, 4.5)
    assert (risk.state(), risk.state(N)) == (TradingState.REDUCING, TradingState.ACTIVE)
    (cell,) = risk.states[M].cells
    assert (cell.source, cell.reason) == ("token_drift", "the wallet lacks 0.5 YES, more than 0.01")
    found(risk, 4.9, NO)
    found(risk, 5)
    assert risk.state() is TradingState.REDUCING, "some of the other token are still missing"
    found(risk, 6, NO)
    assert risk.state() is TradingState.ACTIVE


@pytest.mark.control("token_drift", "nearly")
def test_shares_that_may_be_held_or_were_sent_by_somebody_hold_nothing_back(risk: Guarded) -> None:
    found(risk, 5)
    found(risk, 7, NO)
    found(risk, 4.99, market=N)
    assert (risk.state(), risk.state(N)) == (TradingState.ACTIVE, TradingState.ACTIVE)
    first, second = risk.readings("token_drift")
    assert (first.scope, first.value, first.limit, first.holds) == ("slug-m", 0, 0.01, False)
    assert (second.scope, second.value, second.holds) == ("slug-n", 0.01, False)


def test_what_the_executor_halts_for_is_not_held_twice(risk: Guarded) -> None:
    found(risk, 4)
    assert risk.state() is TradingState.REDUCING
    found(risk, 3.9)
    assert risk.state() is TradingState.ACTIVE


@pytest.mark.control("token_drift", "blocks")
def test_nothing_is_opened_where_shares_are_missing(risk: Guarded) -> None:
    risk.fill(risk.order(YES, 4_900, 10))
    found(risk, 4.5)
    assert risk.refused(YES) == (
        "reducing: REDUCING by token_drift on market m: the wallet lacks 0.5 YES, more than 0.01"
    )  # fmt: skip
    assert risk.refused(NO) is None
    (reading,) = risk.readings("token_drift")
    assert (reading.value, reading.holds) == (0.5, True)
    risk.say("resume", M)
    assert risk.refused(YES) is None


def test_a_start_looks_at_the_wallet_anew(risk: Guarded) -> None:
    found(risk, 4.5)
    assert risk.recalled().state() is TradingState.ACTIVE
