import pytest

from models.cells import ALL, Cells, Scope, TradingState, stop_word

M = Scope("market", "m")


def test_the_strictest_cell_that_covers_an_order_wins() -> None:
    cells = Cells()
    cells.put(ALL, "operator", TradingState.CANCEL_ONLY, "paused", 1)
    cells.put(M, "inventory", TradingState.REDUCING, "hedge_only", 2)
    assert cells.state_of(M) is TradingState.CANCEL_ONLY
    assert [cell.source for cell in cells.covering(M)] == ["operator", "inventory"]


def test_a_cell_is_cleared_only_by_its_own_raiser() -> None:
    cells = Cells()
    cells.put(M, "feed", TradingState.CANCEL_ONLY, "stale", 1)
    cells.put(M, "flow", TradingState.CANCEL_ONLY, "fused", 2)
    cells.put(M, "flow", TradingState.ACTIVE, "", 3)
    assert cells.state_of(M) is TradingState.CANCEL_ONLY
    assert [cell.source for cell in cells.covering(M)] == ["feed"]


def test_a_resume_of_all_does_not_clear_a_markets_own_cell() -> None:
    cells = Cells()
    cells.put(M, "operator", TradingState.CANCEL_ONLY, "paused", 1)
    cells.put(ALL, "operator", TradingState.CANCEL_ONLY, "paused", 2)
    cells.put(ALL, "operator", TradingState.ACTIVE, "", 3)
    assert cells.state_of(M) is TradingState.CANCEL_ONLY


@pytest.mark.proves("I45")
def test_killed_is_latched_until_a_person_clears_it() -> None:
    cells = Cells()
    cells.put(ALL, "kill", TradingState.KILLED, "loss", 1)
    assert not cells.put(ALL, "kill", TradingState.ACTIVE, "", 2)
    assert cells.state_of(M) is TradingState.KILLED
    assert cells.clear_kill()
    assert cells.state_of(M) is TradingState.ACTIVE


def test_repeating_a_cell_changes_nothing_and_keeps_its_beginning() -> None:
    cells = Cells()
    assert cells.put(M, "flow", TradingState.CANCEL_ONLY, "fused", 1)
    assert not cells.put(M, "flow", TradingState.CANCEL_ONLY, "fused", 9)
    assert cells.all()[0].since_ns == 1


@pytest.mark.parametrize(
    ("state", "source", "reason", "word"),
    [
        (TradingState.CANCEL_ONLY, "operator", "paused", "paused"),
        (TradingState.CANCEL_ONLY, "flow", "fused", "toxic_flow"),
        (TradingState.REDUCING, "inventory", "hedge_only", "inventory_limit"),
        (TradingState.HALTED, "executor", "foreign fill t1 of 0xabc", "executor"),
        (TradingState.KILLED, "kill", "the operator pulled the plug", "kill"),
    ],
)
def test_cancels_by_a_cell_are_counted_under_one_word(state: TradingState, source: str, reason: str, word: str) -> None:
    assert stop_word(state, source, reason) == word
