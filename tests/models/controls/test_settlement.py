from functools import partial

import pytest
from msgspec.structs import replace

from models.cells import TradingState
from models.controls.settlement import Settlement, SettlementParameters
from models.exposure import Exposures
from models.markets import NO, YES
from models.messages.orders import FillSettled, FillVoided
from models.messages.position import LedgerSnapshot, Position
from models.messages.recall import Checkpointed
from tests.models.controls.guarded import SECOND, Guarded
from tests.models.supervisor import M, N


def family(parameters: SettlementParameters, exposures: Exposures) -> tuple[Settlement]:
    return (Settlement(parameters, exposures.markets),)


@pytest.fixture
def risk() -> Guarded:
    return Guarded(partial(family, SettlementParameters()))


@pytest.mark.control("settlement_age", "trips")
def test_a_fill_that_is_not_settled_after_five_minutes_leaves_only_what_reduces_in_its_market(risk: Guarded) -> None:
    _, first = risk.fill(risk.order(YES, 4_900))
    risk.later(100)
    _, second = risk.fill(risk.order(YES, 4_900))
    risk.later(199)
    assert risk.state() is TradingState.ACTIVE
    risk.later(1)
    assert (risk.state(), risk.state(N)) == (TradingState.REDUCING, TradingState.ACTIVE)
    (cell,) = risk.states[M].cells
    assert (cell.source, cell.reason) == ("settlement_age", "a fill is not settled after 300 s")
    risk.tell(FillSettled(first, risk.now_ns))
    assert risk.state() is TradingState.ACTIVE, "the next one is younger"
    risk.later(100)
    assert risk.state() is TradingState.REDUCING
    risk.tell(FillVoided(second, risk.now_ns))
    assert risk.state() is TradingState.ACTIVE
    assert risk.readings("settlement_age") == []


@pytest.mark.control("settlement_age", "nearly")
def test_one_that_settles_within_five_minutes_holds_nothing_and_is_warned_of_after_one(risk: Guarded) -> None:
    _, fill = risk.fill(risk.order(YES, 4_900))
    risk.later(60)
    (reading,) = risk.readings("settlement_age")
    assert (reading.scope, reading.value, reading.limit, reading.note) == ("slug-m", 60, 300, "")
    risk.later(239.5)
    (reading,) = risk.readings("settlement_age")
    assert (reading.value, reading.note, reading.holds) == (299.5, "more than 60 s", False)
    risk.tell(FillSettled(fill, risk.now_ns))
    risk.later(1_000)
    assert risk.state() is TradingState.ACTIVE


@pytest.mark.control("settlement_age", "blocks")
def test_what_opens_waits_for_the_chain_and_what_lowers_the_risk_does_not(risk: Guarded) -> None:
    risk.fill(risk.order(YES, 4_900, 10))
    risk.later(300)
    assert risk.refused(YES) == (
        "reducing: REDUCING by settlement_age on market m: a fill is not settled after 300 s"
    )  # fmt: skip
    assert risk.refused(NO) is None
    assert risk.refused(YES, market=N) is None
    assert risk.readings("settlement_age")[0].holds


def test_the_word_on_a_fill_that_nobody_waits_for_changes_nothing(risk: Guarded) -> None:
    _, fill = risk.fill(risk.order(YES, 4_900))
    risk.tell(FillSettled(fill, risk.now_ns))
    risk.tell(FillSettled(fill, risk.now_ns))
    risk.later(1_000)
    assert risk.state() is TradingState.ACTIVE


def test_ages_and_cells_are_those_of_before_after_a_death(risk: Guarded) -> None:
    _, fill = risk.fill(risk.order(YES, 4_900))
    risk.later(250)
    again = risk.recalled()
    assert again.state() is TradingState.ACTIVE
    again.later(50)
    assert again.state() is TradingState.REDUCING
    risk.now_ns += 100 * SECOND
    assert risk.recalled().state() is TradingState.REDUCING
    risk.tell(FillSettled(fill, risk.now_ns))
    assert risk.recalled().state() is TradingState.ACTIVE


def test_what_waited_when_the_journal_was_summed_up_is_followed_on(risk: Guarded) -> None:
    order = risk.order(YES, 4_900)
    risk.sequence += 1
    fills = [replace(risk.fill(order)[1], at_ns=risk.now_ns) for _ in range(2)]
    risk.chain.clear()
    held = LedgerSnapshot("tag", M, Position(provisional=tuple(fills)), risk.now_ns)
    risk.chain.append((risk.now_ns, Checkpointed(0, ((risk.now_ns, held),), ())))
    risk.now_ns += 250 * SECOND
    again = risk.recalled()
    assert again.readings("settlement_age")[0].value == 250
    for fill in fills:
        again.tell(FillSettled(fill, again.now_ns))
    assert again.readings("settlement_age") == []


def test_a_market_that_nobody_knows_goes_by_its_id(risk: Guarded) -> None:
    risk.fill(replace(risk.order(YES, 4_900), market="other"))
    assert risk.readings("settlement_age")[0].scope == "other"
