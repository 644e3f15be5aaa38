"""The command bus: the CLI, the monitor and every later surface say the same typed commands here.

Why a command waits: "off" is not done when it was said but when nothing of the market can fill any more. So the answer
is given when risk has applied it, the board has read everything that was said before, and neither the executor's orders
nor risk's own count know of an order that the command forbids; else the orders that are left are named. A flatten is
done when risk has halted what it covers, as flat or with its rest named.

Why these are plain methods and no actor: they are called from threads of surfaces, which may wait; actors may not.
"""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from itertools import count
from typing import Final, Literal, TypeAlias

from actors.control.ports import Gate, Listings, Markets, Refused, Reloaded, Reloads, Settings, View
from actors.runtime.clock import Clock
from models.answers import Answer, answer, done
from models.flatten_plan import flatten_plan, plan_text
from models.messages.audit import CommandAnswered, Fence
from models.messages.base import MarketId, Message
from models.messages.control import ClearKill, Explain, Kill, ReadRisk, RiskRead, SetOperatorState
from models.messages.decisions import Explanation
from models.snapshot import Board, DeskLine, MarketLine

Verb: TypeAlias = Literal["pause", "resume", "reduce", "flatten", "on", "off"]
Command: TypeAlias = SetOperatorState | Kill | ClearKill

_EXPLAIN_S: Final = 1.0
_PROOF_MIN_S: Final = 0.05
_NO_ARGUMENTS: Final[Mapping[str, str]] = {}


class Control:
    """Says commands and answers them. `tell` sends a message to all whom it concerns; `end` asks the process to end."""

    def __init__(
        self,
        board: View,
        tell: Callable[[Message], object],
        gate: Gate,
        end: Callable[[], object],
        clock: Clock,
    ) -> None:
        self._board = board
        self._tell = tell
        self._gate = gate
        self._end = end
        self._clock = clock
        # Set by whoever built the engine and knows these; what is not set refuses its commands.
        self.reloads: Reloads | None = None
        self.settings: Settings | None = None
        self.markets: Markets | None = None
        self.listings: Listings | None = None
        self._numbers = count(1)
        # A request is named for ever in the audit, so its name must differ between two runs.
        self._prefix = f"control-{clock.now_ns() // 1_000_000}"

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
        if found is None:
            slugs = [line.market.slug for line in board.markets.values()]
            near = get_close_matches(name, slugs, n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(near)}?" if near else "list them with: keel markets list"
            raise Refused("not_found", f"no market {name!r}", hint)
        return found

    def set_state(
        self,
        verb: Verb,
        names: Sequence[str],
        who: str,
        timeout_s: float,
        *,
        confirmed: bool = False,
        dry_run: bool = False,
    ) -> Answer:
        """Pause, resume, reduce, flatten, switch on or off; no names means everything, which `on` and `off` refuse.

        Raises Refused: `not_found`, `usage`, `confirmation_required` (flatten, resume in live), `killed`, `refused`,
        `timeout`.
        """
        lines = self._named(verb, names)
        if dry_run:
            board = self.look()
            return answer(verb, board, board, lines, everything=not names, dry_run=True)
        plan = plan_text(flatten_plan(self.look(), lines, everything=not names)) if verb == "flatten" else ()
        if plan and not confirmed:
            raise Refused("confirmation_required", "\n".join(plan))
        if verb == "resume" and self.look().engine.mode == "live" and not confirmed:
            raise Refused("confirmation_required", "resume in live lets orders with real money go out again")
        wanted = [line.market.id for line in lines] if names else [None]
        commands = [SetOperatorState(verb, market, self._request(), who) for market in wanted]
        arguments = {"plan": "; ".join(line.strip() for line in plan)} if plan else _NO_ARGUMENTS
        return self._carry_out(verb, commands, lines, timeout_s, arguments)

    def kill(self, reason: str, who: str, timeout_s: float, *, dry_run: bool = False) -> Answer:
        """Close the gate, then latch KILLED and have everything cancelled. Never asks. Raises Refused `timeout`."""
        if dry_run:
            board = self.look()
            return answer("kill", board, board, board.markets.values(), everything=True, dry_run=True)
        self._gate.kill(reason, who)
        command = Kill(reason, self._request(), who)
        return self._carry_out("kill", [command], self._everything(), timeout_s, {"reason": reason})

    def clear_kill(self, who: str, timeout_s: float, *, confirmed: bool = False) -> Answer:
        """Lift the latch: risk first, the gate last.

        Raises Refused: `confirmation_required`, `timeout`; `refused` where the file cannot be removed: then all stays
        killed.
        """
        if not confirmed:
            raise Refused("confirmation_required", "clearing the kill lets orders go out again")
        cleared = self._carry_out("clear_kill", [ClearKill(self._request(), who)], self._everything(), timeout_s)
        try:
            self._gate.clear()
        except OSError as error:
            reason = f"the file of the kill cannot be removed: {error.strerror}"
            self._tell(Kill(reason, self._request(), who))
            raise Refused("refused", reason, "remove KILL from the data folder, and clear again") from error
        return cleared

    def reload(self, who: str, *, confirmed: bool = False, dry_run: bool = False) -> Reloaded:
        """Read the configuration anew and go by it, as a whole or not at all; done when risk does.

        Raises Refused: `configuration`, `confirmation_required` (what adds risk), `refused` (what needs a restart),
        `timeout` (risk does not answer).
        """
        if self.reloads is None:
            raise Refused("refused", "this engine was not started from a configuration that could be read anew")
        request, asked_ns = self._request(), self._clock.now_ns()
        try:
            done = self.reloads.reload(who, confirmed=confirmed, dry_run=dry_run)
        except Refused as refused:
            if not dry_run:
                self._tell_reloaded(request, who, str(refused), asked_ns)
            raise
        if done.segment:
            self._tell_reloaded(request, who, "; ".join(done.lines), asked_ns)
            self.risk()
        return done

    def _tell_reloaded(self, request: str, who: str, result: str, asked_ns: int) -> None:
        self._tell(CommandAnswered(request, who, "reload", None, {}, result, asked_ns, self._clock.now_ns()))

    def stop(self, who: str) -> None:
        """Ask the engine to end in good order: no new quotes, orders cancelled, everything written. Returns at once."""
        now_ns = self._clock.now_ns()
        self._tell(CommandAnswered(self._request(), who, "stop", None, {}, "stopping", now_ns, now_ns))
        self._end()

    def why(self, names: Sequence[str]) -> tuple[Explanation, ...]:
        """Ask the desks of markets (of all, without names) how they stand now.

        A desk that does not answer in time is shown as it last stood, under the trading state of now. Raises Refused:
        `not_found`, or `undecided` where no desk has ever decided.
        """
        asked = [line.market.id for line in self._named("why", names)]
        asked_ns = self._clock.now_ns()
        request = self._request()
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
        request, asked_ns = self._request(), self._clock.now_ns()
        self._tell(ReadRisk(request))
        board, answered = self._board.wait_for(lambda seen: _is_read(seen, request, asked_ns), _EXPLAIN_S)
        if board.risk is None or not answered:
            raise Refused("timeout", "the risk supervisor did not answer", "is it stuck? see its log", retryable=True)
        return board, board.risk

    def ask_why(self, market: MarketId) -> None:
        """Have the desks of a market explain themselves to the board; do not wait for it."""
        self._ask(market, self._request())

    def _ask(self, market: MarketId, request: str) -> None:
        for tag in self.look().engine.tags:
            self._tell(Explain(tag, market, request))

    def _carry_out(
        self,
        verb: str,
        commands: Sequence[Command],
        lines: Sequence[MarketLine],
        timeout_s: float,
        arguments: Mapping[str, str] = _NO_ARGUMENTS,
    ) -> Answer:
        asked_ns = self._clock.now_ns()
        before = self.look()
        for command in commands:
            self._tell(command)
        try:
            answered = self._answered(verb, commands, before, lines, timeout_s)
        except Refused as refused:
            self._audit(verb, commands, arguments, str(refused), asked_ns)
            raise
        self._audit(verb, commands, arguments, "; ".join(answered.lines), asked_ns)
        return answered

    def _answered(
        self, verb: str, commands: Sequence[Command], before: Board, lines: Sequence[MarketLine], timeout_s: float
    ) -> Answer:
        """Wait until the commands are applied, and then until they are done and nothing that they forbid can fill."""
        until_ns = self._clock.now_ns() + int(timeout_s * 1e9)
        requests = [command.request for command in commands]
        board, applied = self._board.wait_for(lambda seen: all(one in seen.commands for one in requests), timeout_s)
        if not applied:
            closed = "the gate is closed, but " if verb == "kill" else ""
            raise Refused("timeout", f"{closed}risk did not answer {verb} within {timeout_s:g} s", retryable=True)
        said = [board.commands[request] for request in requests]
        refusal = next((one.refusal for one in said if one.refusal), None)
        if refusal is not None:
            raise Refused("killed" if board.killed is not None else "refused", refusal)
        # Risk's answer overtakes the figures that prove it; once the fence has been read they are in.
        fence = self._request()
        self._tell(Fence(fence))
        everything = said[0].market is None
        board, proven = self._board.wait_for(
            lambda seen: (
                fence in seen.fences and all(done(seen, verb, one.market.id, everything=everything) for one in lines)
            ),
            max((until_ns - self._clock.now_ns()) / 1e9, _PROOF_MIN_S),
        )
        changed = any(one.changed for one in said)
        return answer(verb, before, board, lines, everything=everything, changed=changed, proven=proven)

    def _named(self, verb: str, names: Sequence[str]) -> tuple[MarketLine, ...]:
        if names:
            return tuple({line.market.id: line for line in map(self.market, names)}.values())
        if verb in ("on", "off"):
            raise Refused("usage", f"name the markets to switch {verb}", f"keel markets {verb} MARKET...")
        return self._everything()

    def _everything(self) -> tuple[MarketLine, ...]:
        return tuple(self.look().markets.values())

    def _audit(
        self, verb: str, commands: Sequence[Command], arguments: Mapping[str, str], result: str, asked_ns: int
    ) -> None:
        now_ns = self._clock.now_ns()
        for command in commands:
            market = command.market if isinstance(command, SetOperatorState) else None
            self._tell(
                CommandAnswered(command.request, command.who, verb, market, dict(arguments), result, asked_ns, now_ns)
            )

    def _request(self) -> str:
        return f"{self._prefix}-{next(self._numbers)}"


def _answers(desk: DeskLine, request: str, asked_ns: int) -> bool:
    """Whether a desk has spoken since it was asked; a newer question takes the place of an older one."""
    return desk.explained == request or (desk.explanation is not None and desk.explanation.at_ns >= asked_ns)


def _is_read(board: Board, request: str, asked_ns: int) -> bool:
    """Whether risk has spoken since it was asked; of two questions that wait at once only the newer is answered."""
    return board.risk is not None and (board.risk.request == request or board.risk.at_ns >= asked_ns)
