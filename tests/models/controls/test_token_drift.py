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
def test_a_difference_that_two_reads_agree_on_leaves_only_what_reduces_in_its_market(risk: Guarded) -> None:
    found(risk, 4.5)
    assert (risk.state(), risk.state(N)) == (TradingState.REDUCING, TradingState.ACTIVE)
    (cell,) = risk.states[M].cells
    assert (cell.source, cell.reason) == ("token_drift", "the wallet differs by -0.5 YES, more than 0.01")
    found(risk, 6.2, NO)
    found(risk, 5)
    assert risk.state() is TradingState.REDUCING, "the other token still differs"
    found(risk, 6, NO)
    assert risk.state() is TradingState.ACTIVE


@pytest.mark.control("token_drift", "nearly")
def test_what_may_be_held_is_no_drift(risk: Guarded) -> None:
    found(risk, 5)
    found(risk, 6, NO)
    assert risk.state() is TradingState.ACTIVE
    (reading,) = risk.readings("token_drift")
    assert (reading.scope, reading.value, reading.limit, reading.holds) == ("slug-m", 0, 0.01, False)


@pytest.mark.control("token_drift", "blocks")
def test_nothing_is_opened_where_the_wallet_is_not_as_it_should_be(risk: Guarded) -> None:
    risk.fill(risk.order(YES, 4_900, 10))
    found(risk, 4.5)
    assert risk.refused(YES) == (
        "reducing: REDUCING by token_drift on market m: the wallet differs by -0.5 YES, more than 0.01"
    )
    assert risk.refused(NO) is None
    (reading,) = risk.readings("token_drift")
    assert (reading.value, reading.holds) == (0.5, True)
    risk.say("resume", M)
    assert risk.refused(YES) is None


def test_a_start_looks_at_the_wallet_anew(risk: Guarded) -> None:
    found(risk, 4.5)
    assert risk.recalled().state() is TradingState.ACTIVE
