"""Of many events that break something those few are shown that do."""

from models.markets import NO
from models.orders import OrderState
from research.prove.sim.claims import first_violation
from research.prove.sim.slice import lines_of, sliced
from tests.research.prove.claims_run import N, Run, bid


def test_a_slice_has_no_event_that_is_not_needed():
    run = Run()
    for number in range(2, 12):
        other = bid(NO, 3_000 + 100 * number, number=number, market_id=N)
        run.later(400).sent(other, number).ended(other, number).changed(other, OrderState.CANCELLED, salt=number)
    run.sent(bid()).changed(bid(), OrderState.FILLED)
    violation = first_violation(run.facts, run.events)
    assert violation is not None
    assert violation.invariant == "I8"
    found = sliced(run.events, violation, lambda some: first_violation(run.facts, some))
    assert len(run.events) > 100
    assert 1 <= len(found) <= 8
    again = first_violation(run.facts, found)
    assert again is not None
    assert again.invariant == "I8"


def test_a_slice_is_written_line_by_line_with_its_time_and_short_names():
    run = Run().later(1_500).sent(bid())
    lines = list(lines_of(run.events))
    assert len(lines) == len(run.events)
    assert "1.500 s" in lines[-1]
    assert all(len(line) < 300 for line in lines)
    assert run.order_id(bid()) not in "\n".join(lines)
