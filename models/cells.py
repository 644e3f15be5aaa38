"""Trading states and the cells that hold them: who said stop, where, and why.

A cell is (scope, source) -> state. The strictest cell that covers an order wins; each is cleared only by its own
raiser, so that one cause going away never lifts another. KILLED is latched: only a person clears it.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class TradingState(IntEnum):
    """What may be done, strictest last. The user's words: balanced = ACTIVE, hedge = REDUCING, global kill = KILLED."""

    ACTIVE = 0
    REDUCING = 1
    CANCEL_ONLY = 2
    HALTED = 3
    KILLED = 4


_CANCEL_WORDS: Final[Mapping[str, str]] = MappingProxyType({"flow": "toxic_flow", "inventory": "inventory_limit"})


def stop_word(state: TradingState, source: str, reason: str) -> str:
    """Return the one word that cancels by a cell are counted under; a reason that is a sentence is its source's."""
    if state is TradingState.KILLED:
        return "kill"
    return _CANCEL_WORDS.get(source) or (reason if reason.isidentifier() else source)


class Scope(NamedTuple):
    """Where a cell applies: kind `all`, `event`, `market` or `strategy`, and its name (empty for all)."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return self.kind if not self.name else f"{self.kind} {self.name}"


class Cell(NamedTuple):
    """One raised cell."""

    scope: Scope
    source: str
    state: TradingState
    reason: str
    since_ns: int


ALL = Scope("all")


class Cells:
    """All raised cells. ACTIVE is the absence of any."""

    def __init__(self) -> None:
        self._cells: dict[tuple[Scope, str], Cell] = {}

    def put(self, scope: Scope, source: str, state: TradingState, reason: str, now_ns: int) -> bool:
        """Set what one source says of one scope; ACTIVE clears it. Returns whether anything changed.

        A KILLED cell is left only by `clear_kill`.
        """
        at = (scope, source)
        standing = self._cells.get(at)
        if standing is not None and standing.state is TradingState.KILLED:
            return False
        if state is TradingState.ACTIVE:
            return self._cells.pop(at, None) is not None
        if standing is not None and standing.state is state and standing.reason == reason:
            return False
        since = standing.since_ns if standing is not None and standing.state is state else now_ns
        self._cells[at] = Cell(scope, source, state, reason, since)
        return True

    def clear_kill(self) -> bool:
        """Drop every KILLED cell; a person's act on the local socket."""
        killed = [at for at, cell in self._cells.items() if cell.state is TradingState.KILLED]
        for at in killed:
            del self._cells[at]
        return bool(killed)

    def state_of(self, *scopes: Scope) -> TradingState:
        """Return the strictest state over the scopes that cover an order (`ALL` is always among them)."""
        return max((cell.state for cell in self.covering(*scopes)), default=TradingState.ACTIVE)

    def covering(self, *scopes: Scope) -> tuple[Cell, ...]:
        """Return the cells that cover the scopes, strictest first, then oldest."""
        wanted = {ALL, *scopes}
        found = [cell for cell in self._cells.values() if cell.scope in wanted]
        return tuple(sorted(found, key=lambda cell: (-cell.state, cell.since_ns, cell.source)))

    def all(self) -> tuple[Cell, ...]:
        """Return every raised cell, in the order of scope and source."""
        return tuple(cell for _, cell in sorted(self._cells.items()))
