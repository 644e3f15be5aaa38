"""The trading state of every market: what holds it or keeps its quotes behind, and what was last said of it."""

from collections.abc import Iterable, Mapping

from models.cells import ALL, Cell, Cells, Scope, TradingState
from models.markets import Market
from models.messages.base import MarketId, Tag
from models.messages.control import CellNote, TradingStateChanged


class TradingStates:
    """Cells by scope, and the `TradingStateChanged` that follow from them: said once, and again when asked for."""

    def __init__(self, markets: Mapping[MarketId, Market]) -> None:
        self._markets = markets
        self._cells = Cells()
        self._said: dict[MarketId, TradingStateChanged] = {}
        self._back: dict[MarketId, dict[str, tuple[int, str]]] = {}

    def put(self, market: MarketId | None, source: str, state: TradingState, reason: str, now_ns: int) -> bool:
        """Set what a source says of a market, or of all (None); returns whether that changed anything."""
        scope = ALL if market is None else Scope("market", market)
        return self._cells.put(scope, source, state, reason, now_ns)

    def stand_back(self, market: MarketId, source: str, ticks: int, because: str) -> None:
        """Set by how many ticks a source wants a market's quotes behind; 0 clears it. The one that wants most wins."""
        wanted = self._back.setdefault(market, {})
        wanted.pop(source, None)
        if ticks:
            wanted[source] = (ticks, because)

    def clear_kill(self) -> bool:
        """Lift the latch; a person's act."""
        return self._cells.clear_kill()

    @property
    def killed(self) -> bool:
        """Whether the latch is down."""
        return self._cells.state_of(ALL) is TradingState.KILLED

    def covering(self, market: MarketId, tag: Tag | None = None) -> tuple[Cell, ...]:
        """Return the cells that cover a market, and a desk on it, strictest first."""
        known = self._markets.get(market)
        scopes = [Scope("market", market)]
        if known is not None and known.group is not None:
            scopes.append(Scope("event", known.group))
        if tag is not None:
            scopes.append(Scope("strategy", tag))
        return self._cells.covering(*scopes)

    def changed(self, markets: Iterable[MarketId], now_ns: int) -> tuple[TradingStateChanged, ...]:
        """Say the state of those markets for which it differs from what was said last."""
        out: list[TradingStateChanged] = []
        for market in markets:
            if market not in self._markets:
                continue
            cells = tuple(
                CellNote(str(cell.scope), cell.source, cell.state, cell.reason, cell.since_ns)
                for cell in self.covering(market)
            )
            state = cells[0].state if cells else TradingState.ACTIVE
            back = max(self._back.get(market, {}).values(), default=(0, ""))
            said = self._said.get(market)
            if said is None or (said.state, said.cells, (said.ticks_back, said.because)) != (state, cells, back):
                self._said[market] = TradingStateChanged(market, state, cells, now_ns, *back)
                out.append(self._said[market])
        return tuple(out)

    def forget(self, markets: Iterable[MarketId]) -> None:
        """Have the states of markets said again: somebody has come up who was told nothing yet."""
        for market in markets:
            self._said.pop(market, None)
