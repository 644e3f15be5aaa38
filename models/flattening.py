"""What an operator's `flatten` is: a cell that stands REDUCING until everything is over, and HALTED from then on.

Why the cell goes back to REDUCING when something comes to be held after all: a fill that raced a cancel, or a sale that
failed on chain, is part of what was to be flattened. A flatten holds until somebody says otherwise.

Why a desk's word alone does not end it: it is believed of the position that risk itself counts, and of no other.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from models.cells import ALL, Cell, TradingState
from models.exposure import MarketExposure
from models.messages.base import MarketId, Tag
from models.messages.control import CellNote, FlattenChanged

OPERATOR: Final = "operator"
SWITCH: Final = "switch"
"""Sources of an operator's cells. `off` has its own, so that `resume` does not switch a market on and `on` does not
lift a pause.
"""

REMOVED: Final = "removed"
"""Reason of the switch's cell on a market that was taken out of the catalogue while the engine ran."""

FLATTENING: Final = "flattening"
FLATTENED: Final = "flattened"
"""Reasons of the cell while something is still to be done, and when all is over."""

_ENDED_BY: Final = frozenset({"pause", "reduce", "resume"})


def is_flattened(cells: Sequence[Cell | CellNote]) -> bool:
    """Whether an operator has said that what is covered by these cells is to be flattened."""
    return bool(cells) and any(is_flatten_cell(cell) for cell in cells)


def is_flatten_cell(cell: Cell | CellNote) -> bool:
    """Whether a cell is that of a flatten, under way or over."""
    return cell.source == OPERATOR and cell.reason in (FLATTENING, FLATTENED)


def is_over(cells: Iterable[Cell | CellNote]) -> bool:
    """Whether all that a flatten covers is flat, or cannot become so."""
    return any(cell.source == OPERATOR and cell.reason == FLATTENED for cell in cells)


def left_alone(cells: Iterable[Cell | CellNote]) -> bool:
    """Whether a market was stopped by a person on its own: a flatten of everything does not touch it."""
    return any(
        str(cell.scope) != str(ALL) and (cell.source == SWITCH or (cell.source == OPERATOR and cell.reason == "paused"))
        for cell in cells
    )


def refusal_of(market: MarketId | None, cells: Iterable[Cell], *, killed: bool) -> str | None:
    """Return why a flatten could do nothing, None where it can. `cells` cover the market."""
    if killed:
        return "killed: a person clears it with `keel kill --clear`"
    if market is None:
        return None
    cells = tuple(cells)
    if any(cell.source == SWITCH for cell in cells):
        return "it is off: `keel markets on` first"
    if any(cell.source == OPERATOR and cell.scope == ALL and cell.state is TradingState.CANCEL_ONLY for cell in cells):
        return "everything is paused: `keel resume` first, or flatten everything"
    return None


class Flattening:
    """What is being flattened (`scopes`: markets, None for everything), and what desks have said cannot be."""

    def __init__(self) -> None:
        self.scopes: dict[MarketId | None, None] = {}
        self._rests: dict[tuple[Tag, MarketId], FlattenChanged] = {}

    def commanded(self, verb: str, market: MarketId | None) -> None:
        """Follow an operator's word; whatever else is said of the same scope ends a flatten."""
        if verb == "flatten":
            self.scopes[market] = None
        elif verb in _ENDED_BY:
            self.scopes.pop(market, None)

    def reported(self, report: FlattenChanged) -> None:
        """Take a desk's word on what it can do."""
        if report.step == "rest":
            self._rests[report.tag, report.market] = report
        else:
            self._rests.pop((report.tag, report.market), None)

    def is_over_in(self, market: MarketId, exposure: MarketExposure) -> bool:
        """Whether nothing is open, and every desk holds nothing or just what it said that it cannot get rid of."""
        if exposure.is_flat:
            return True
        if exposure.orders:
            return False
        return all(
            (position.yes.shares, position.no.shares) == self._rest_of(tag, market) for tag, position in exposure.held()
        )

    def _rest_of(self, tag: Tag, market: MarketId) -> tuple[int, int] | None:
        rest = self._rests.get((tag, market))
        return None if rest is None else (rest.yes_shares, rest.no_shares)
