"""A flatten is an operator's cell: whether it is under way or over stands in its reason."""

import pytest

from models.cells import TradingState
from models.flattening import FLATTENED, FLATTENING, OPERATOR, is_flattened, is_over
from models.messages.control import CellNote


@pytest.mark.parametrize(
    ("source", "reason", "flattened", "over"),
    [
        (OPERATOR, FLATTENING, True, False),
        (OPERATOR, FLATTENED, True, True),
        (OPERATOR, "paused", False, False),
        ("losses", FLATTENED, False, False),
    ],
)
def test_only_an_operators_cell_says_that_a_flatten_stands_and_that_it_is_over(
    source: str, reason: str, flattened: bool, over: bool
) -> None:
    cells = (
        CellNote("all", "flow", TradingState.CANCEL_ONLY, "fused", 0),
        CellNote("market m", source, TradingState.REDUCING, reason, 0),
    )
    assert (is_flattened(cells), is_over(cells)) == (flattened, over)


def test_a_market_without_cells_is_not_flattened() -> None:
    assert (is_flattened(()), is_over(())) == (False, False)
