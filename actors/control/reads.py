"""What surfaces ask of an engine: its board, and questions that a desk or risk answers."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Final

from actors.control.audit import Audit
from actors.control.ports import Refused, Settings, Value, View, present
from actors.runtime.clock import Clock
from models.markets import is_called
from models.messages.base import MarketId, Message
from models.messages.control import Explain, ReadRisk, RiskRead
from models.messages.decisions import Explanation
from models.snapshot import Board, DeskLine, MarketLine, OrderLine

_EXPLAIN_S: Final = 1.0
_PREFIX_MIN: Final = 6


class Reads:
    """Looks at the board and asks. `tell` sends a message to all whom it concerns."""

    def __init__(self, board: View, tell: Callable[[Message], object], clock: Clock) -> None:
        self._board = board
        self._tell = tell
        self._clock = clock
        self.audit = Audit(tell, clock)
        # Set by whoever knows the configuration; what is not set refuses its commands.
        self.settings: Settings | None = None

    def look(self) -> Board:
        """Return the newest snapshot."""
        return self._board.look()

    def now_ns(self) -> int:
        """Return the engine's time, against which ages are shown."""
        return self._clock.now_ns()

    def market(self, name: str) -> MarketLine:
        """Return a market by slug, id or condition id. Raises Refused `not_found`, naming the nearest ones."""
        board = self.look()
        found = board.by_name(name)
        ended = next((one for one in board.engine.left_out if is_called(one.market, name)), None)
        if found is None and ended is not None:
            hint = "take it out of `markets` of the configuration"
            raise Refused("not_found", f"{ended.market.slug} is not traded: it is {ended.reason}", hint)
        if found is None:
            slugs = [line.market.slug for line in board.markets.values()]
            near = get_close_matches(name, slugs, n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(near)}?" if near else "list them with: keel markets list"
            raise Refused("not_found", f"no market {name!r}", hint)
        return found

    def order(self, name: str) -> OrderLine:
        """Return an open order by its id, its intent, or the beginning of one of them. Raises Refused `not_found`."""
        found = [line for line in self.look().open_orders() if _is_called(line, name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise Refused("usage", f"{name!r} is the beginning of {len(found)} orders", "write more of it")
        raise Refused("not_found", f"no open order {name!r}", "list them with: keel orders list")

    def get(self, keys: Sequence[str]) -> tuple[Value, ...]:
        """Return values of the configuration, all without keys. Raises Refused: `not_found`, `refused`."""
        return present(self.settings, "configuration that could be asked").get(keys)

    def why(self, names: Sequence[str]) -> tuple[Explanation, ...]:
        """Ask the desks of markets (of all, without names) how they stand now.

        A desk that does not answer in time is shown as it last stood, under the trading state of now. Raises Refused:
        `not_found`, or `undecided` where no desk has ever decided.
        """
        asked = [line.market.id for line in self._named(names)]
        asked_ns = self._clock.now_ns()
        request = self.audit.name()
        for market in asked:
            self._ask(market, request)

        def said(board: Board) -> bool:
            return all(_answers(desk, request, asked_ns) for market in asked for desk in board.desks_of(market))

        board, _ = self._board.wait_for(said, _EXPLAIN_S)
        found = [one for market in asked for one in board.explanations(market)]
        if not found:
            raise Refused("undecided", "nothing was decided yet", "the books have not come", retryable=True)
        return tuple(found)

    def risk(self) -> tuple[Board, RiskRead]:
        """Ask the risk supervisor where its controls stand; return that with the board of the moment.

        Raises Refused `timeout`: a supervisor that does not answer must not look like one that has nothing to say.
        """
        request, asked_ns = self.audit.name(), self._clock.now_ns()
        self._tell(ReadRisk(request))
        board, answered = self._board.wait_for(lambda seen: is_read(seen, request, asked_ns), _EXPLAIN_S)
        if board.risk is None or not answered:
            raise Refused("timeout", "the risk supervisor did not answer", "is it stuck? see its log", retryable=True)
        return board, board.risk

    def ask_why(self, market: MarketId) -> None:
        """Have the desks of a market explain themselves to the board; do not wait for it."""
        self._ask(market, self.audit.name())

    def _ask(self, market: MarketId, request: str) -> None:
        for tag in self.look().engine.tags:
            self._tell(Explain(tag, market, request))

    def _named(self, names: Sequence[str]) -> tuple[MarketLine, ...]:
        """Return markets by name, each once; all of them without names."""
        if not names:
            return tuple(self.look().markets.values())
        return tuple({line.market.id: line for line in map(self.market, names)}.values())


def _is_called(line: OrderLine, name: str) -> bool:
    long_enough = len(name) >= _PREFIX_MIN
    return any(one == name or (long_enough and one.startswith(name)) for one in (line.order_id, line.intent))


def _answers(desk: DeskLine, request: str, asked_ns: int) -> bool:
    """Whether a desk has spoken since it was asked; a newer question takes the place of an older one."""
    return desk.explained == request or (desk.explanation is not None and desk.explanation.at_ns >= asked_ns)


def is_read(board: Board, request: str, asked_ns: int) -> bool:
    """Whether risk has spoken since it was asked; of two questions that wait at once only the newer is answered."""
    return board.risk is not None and (board.risk.request == request or board.risk.at_ns >= asked_ns)
