"""The command bus: the CLI, the monitor and every later surface say the same typed commands here.

Why these are plain methods and no actor: they are called from threads of surfaces, which may wait; actors may not.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from actors.control.carrying import Call, Carrying, Who, requests
from actors.control.ports import Gate, Listed, Markets, Refused, Reloaded, Reloads, View, present
from actors.control.reads import is_read
from actors.runtime.clock import Clock
from models.answers import Answer, Cancelled, answer, plural
from models.cells import TradingState
from models.flatten_plan import flatten_plan, open_orders, plan_text
from models.messages.audit import Fence
from models.messages.base import MarketId, Message
from models.messages.control import ClearKill, Kill, ReadRisk, SetOperatorState
from models.messages.orders import CancelMarket, CancelOrder
from models.roles import may_add_risk
from models.snapshot import Board, OrderLine

Verb: TypeAlias = Literal["pause", "resume", "reduce", "flatten", "on", "off"]

_RELOAD_S: Final = 10.0
_NAMED_MAX: Final = 5
_REASON: Final = "operator"
_HELD: Final = frozenset({TradingState.CANCEL_ONLY, TradingState.HALTED, TradingState.KILLED})


class Control(Carrying):
    """Says commands and answers them. `tell` sends a message to all whom it concerns; `end` asks the process to end."""

    def __init__(
        self,
        board: View,
        tell: Callable[[Message], object],
        gate: Gate,
        end: Callable[[], object],
        clock: Clock,
    ) -> None:
        super().__init__(board, tell, clock)
        self._gate = gate
        self._end = end
        # Set by whoever built the engine and knows these; what is not set refuses its commands.
        self.reloads: Reloads | None = None
        self.markets: Markets | None = None
        self.hurry = end
        """Asks the process to end at once; as `end`, until whoever built the engine has set it."""
        self.is_lifting = False
        """Whether a kill is being lifted: risk may know of none any more while the gate is still closed."""

    @property
    def killed_by(self) -> str | None:
        """Who or what has latched the kill that stands, None where none does."""
        return self._gate.killed_by

    # States

    def set_state(
        self,
        verb: Verb,
        names: Sequence[str],
        who: Who,
        timeout_s: float,
        *,
        confirmed: bool = False,
        dry_run: bool = False,
    ) -> Answer:
        """Pause, resume, reduce, flatten, switch on or off; no names means everything, which `on` and `off` refuse.

        Raises Refused: `not_permitted`, `replayed`, `not_found`, `usage`, `confirmation_required` (flatten, resume in
        live), `starting`, `killed`, `refused`, `timeout`.
        """
        call = self._call(verb, who, timeout_s, names=names, dry_run=dry_run)

        def carry_out(request: str) -> Answer:
            if verb in ("on", "off") and not names:
                raise Refused("usage", f"name the markets to switch {verb}", f"keel markets {verb} MARKET...")
            lines = self._named(names)
            if dry_run:
                board = self.look()
                return answer(verb, board, board, lines, everything=not names, dry_run=True)
            plan = plan_text(flatten_plan(self.look(), lines, everything=not names)) if verb == "flatten" else ()
            if plan and not confirmed:
                raise Refused("confirmation_required", "\n".join(plan))
            if plan:
                call.arguments["plan"] = "; ".join(line.strip() for line in plan)
            if verb == "resume" and self.look().engine.mode == "live" and not confirmed:
                raise Refused("confirmation_required", "resume in live lets orders with real money go out again")
            wanted = [line.market.id for line in lines] if names else [None]
            self._begin(call, request)
            called = requests(request, len(wanted))
            said = call.caller.name
            commands = [SetOperatorState(verb, *one, said) for one in zip(wanted, called, strict=True)]
            return self._carry_out(call, commands, lines)

        return self._say(call, carry_out)

    # Kill and stop

    def kill(self, reason: str, who: Who, timeout_s: float, *, dry_run: bool = False) -> Answer:
        """Close the gate, then latch KILLED and have everything cancelled. Never asks.

        Raises Refused: `replayed`, `timeout`.
        """
        call = self._call("kill", who, timeout_s, arguments={"reason": reason}, dry_run=dry_run)

        def carry_out(request: str) -> Answer:
            if dry_run:
                board = self.look()
                return answer("kill", board, board, board.markets.values(), everything=True, dry_run=True)
            self._gate.kill(reason, call.caller.name)
            self._begin(call, request)
            return self._carry_out(call, [Kill(reason, request, call.caller.name)], self._named(()))

        return self._say(call, carry_out)

    def clear_kill(
        self, who: Who, timeout_s: float, *, word: str = "", force: bool = False, dry_run: bool = False
    ) -> Answer:
        """Lift the latch: risk first, the gate last. `word` is what a person has to type: see `kill_word`.

        While an order rests or its fate is not known it is refused, unless `force` says that this is meant; that is
        written down with the orders.

        Raises Refused: `not_permitted`, `replayed`, `confirmation_required`, `starting`, `timeout`; `refused` where the
        word is another, an order is left, the file cannot be read or removed, or another kill was said meanwhile: then
        all stays killed.
        """
        arguments = {"force": "yes"} if force else None
        call = self._call("clear_kill", who, timeout_s, arguments=arguments, dry_run=dry_run)
        known: Any = None
        unread = ""
        try:
            known = self._gate.kills()  # here: what is said while this waits for its turn is not lifted
        except OSError as error:
            unread = f"the file of the kill cannot be read: {error.strerror}"

        def carry_out(request: str) -> Answer:
            if unread:
                raise Refused("refused", unread, "see to the data folder, and clear again")
            if dry_run:
                board = self.look()
                return answer("clear_kill", board, board, board.markets.values(), everything=True, dry_run=True)
            if not word:
                raise Refused("confirmation_required", "clearing the kill lets orders go out again")
            if word.lower() != self.kill_word.lower():
                raise Refused("refused", "that is not the word which lifts the kill", "it is asked: keel kill --clear")
            self._require_resolved(call, force=force)
            self._begin(call, request)
            self.is_lifting = True
            try:
                return self._lift(call, known, request)
            finally:
                self.is_lifting = False

        return self._say(call, carry_out)

    @property
    def kill_word(self) -> str:
        """What a person types to lift a kill: the end of the wallet's address, `CLEAR` where no wallet trades."""
        return self.look().engine.wallet[-4:] or "CLEAR"

    def stop(self, who: Who, *, force: bool = False, dry_run: bool = False) -> None:
        """Ask the engine to end in good order: no new quotes, orders cancelled, everything written. Returns at once.

        `force`: all is cancelled, and nothing else is waited for; also said of an end that is under way.

        Raises Refused: `not_permitted`, `replayed`.
        """

        def carry_out(_: str) -> "_Said":
            if dry_run:
                return _Said("would stop")
            (self.hurry if force else self._end)()
            return _Said("stopping at once" if force else "stopping")

        arguments = {"force": "yes"} if force else None
        self._say(self._call("stop", who, 0, arguments=arguments, dry_run=dry_run), carry_out)

    def _require_resolved(self, call: Call, *, force: bool) -> None:
        """Refuse to lift a kill as long as it is not known what all of our orders came to; wait a while for it."""
        within_s = 0 if force else self._left_s(call) / 2
        board, _ = self._board.wait_for(lambda seen: not seen.orders, within_s)
        left = [f"{line.order_id or line.intent} {line.state.value}" for line in board.open_orders()]
        doubt = ""
        if not left and self.listings is not None and not force:
            rests, doubt = self._resting(call, tuple(board.markets.values()))
            left = [f"{one.order_id} rests at the venue" for one in rests]
        shown = "; ".join(left[:_NAMED_MAX]) + ("; ..." if len(left) > _NAMED_MAX else "")
        if force and left:
            call.arguments["orders"] = shown
        if force or not (left or doubt):
            return
        problem = (
            f"{plural(len(left), 'order')} may still fill: {shown}" if left else f"nobody knows what rests: {doubt}"
        )
        hint = (
            "wait until it is known, or cancel: keel cancel --all; who knows better says --force, which is written down"
        )
        raise Refused("refused", f"all stays killed: {problem}", hint, retryable=True)

    def _lift(self, call: Call, known: Any, request: str) -> Answer:
        """Have risk lift a kill, and then the gate; what does not come to its end leaves both killed."""
        standing = self.look().killed
        try:
            cleared = self._carry_out(call, [ClearKill(request, call.caller.name)], self._named(()))
        except Refused:
            # Risk may come to it yet, and would then approve what the gate lets nobody send.
            self._tell(Kill("kill" if standing is None else standing.reason, self.audit.name(), call.caller.name))
            raise
        problem, hint = "it was killed again meanwhile", "look why, and clear again: keel kill --status"
        try:
            lifted = self._gate.clear(known)
        except OSError as error:
            lifted, problem = False, f"the file of the kill cannot be removed: {error.strerror}"
            hint = "remove KILL from the data folder, and clear again"
        if not lifted:
            self._tell(Kill(problem, self.audit.name(), call.caller.name))
            raise Refused("refused", problem, hint)
        return cleared

    # Orders

    def cancel(
        self,
        orders: Sequence[str],
        who: Who,
        timeout_s: float,
        *,
        market: str | None = None,
        dry_run: bool = False,
    ) -> Cancelled:
        """Cancel orders by name; without names all of a market, or of all markets. Done when none can fill any more.

        Raises Refused: `not_permitted`, `replayed`, `not_found`, `usage` (orders and a market), `starting` (orders by
        name), `timeout` (it was said, and nobody knows yet which orders there are).
        """
        names = () if market is None else (market,)
        arguments = {"orders": " ".join(orders) or "all"}
        call = self._call("cancel", who, timeout_s, names=names, arguments=arguments, dry_run=dry_run)

        def carry_out(request: str) -> Cancelled:
            if orders and market is not None:
                raise Refused("usage", "name orders, or a market whose orders are all meant")
            where = None if market is None else self.market(market).market.id
            if orders:
                self._await_start(call)
            asked = [self.order(name) for name in orders] or self.look().open_orders(where)
            if dry_run:
                return Cancelled((), tuple(asked), (), dry_run=True)
            self._begin(call, request)
            known = {line.intent for line in asked}
            if not orders:
                self._tell(CancelMarket(where, _REASON))
                asked += (line for line in self._all_named(call, where) if line.intent not in known)
            for line in asked:
                if orders or line.intent not in known:
                    self._tell(CancelOrder(line.intent, line.market, _REASON))
            intents = {line.intent for line in asked}
            board = self._board.wait_for(lambda seen: intents.isdisjoint(seen.orders), self._left_s(call))[0]
            left = {line.intent for line in board.open_orders() if line.intent in intents}
            touched = dict.fromkeys(line.market for line in asked)
            return Cancelled(
                tuple(line for line in asked if line.intent not in left),
                tuple(line for line in asked if line.intent in left),
                tuple(board.markets[one].market.slug for one in touched if board.markets[one].state not in _HELD),
                dry_run=False,
            )

        return self._say(call, carry_out)

    def _all_named(self, call: Call, where: MarketId | None) -> list[OrderLine]:
        """Return the orders of a market or of all, once the board names each that risk has approved before now."""
        request, asked_ns = self.audit.name(), self._clock.now_ns()
        self._tell(ReadRisk(request))
        self._board.wait_for(lambda seen: is_read(seen, request, asked_ns), self._left_s(call))
        self._tell(Fence(request))
        meant = tuple(self.look().markets) if where is None else (where,)

        def each_named(seen: Board) -> bool:
            told = is_read(seen, request, asked_ns) and request in seen.fences
            return told and all(open_orders(seen, one) == len(seen.open_orders(one)) for one in meant)

        board, named = self._board.wait_for(each_named, self._left_s(call))
        if not named:
            late = "cancel was said, but nobody knows yet which orders are open"
            raise Refused("timeout", late, "look, and ask again: keel orders list", retryable=True)
        return board.open_orders(where)

    # Configuration and catalogue

    def reload(self, who: Who, *, confirmed: bool = False, dry_run: bool = False) -> Reloaded:
        """Read the configuration anew and go by it, as a whole or not at all; done when risk does.

        Raises Refused: `not_permitted`, `replayed`, `starting`, `configuration`, `confirmation_required` (what adds
        risk), `refused` (what needs a restart), `timeout` (risk does not answer).
        """
        call = self._call("reload", who, _RELOAD_S, dry_run=dry_run)

        def carry_out(_: str) -> Reloaded:
            port = present(self.reloads, "configuration that could be read anew")
            may = may_add_risk(call.caller, "reload")
            return self._taken_up(port.reload(call.caller.name, confirmed=confirmed, dry_run=dry_run, may_add_risk=may))

        return self._say(call, carry_out)

    def set(
        self,
        changes: Mapping[str, str],
        who: Who,
        *,
        persist: bool = False,
        confirmed: bool = False,
        dry_run: bool = False,
    ) -> Reloaded:
        """Go by other values of keys, all of them or none; `persist` writes them to the file too. Done when risk does.

        Raises Refused: as `reload`, and `not_found` (an unknown key), `usage` (a value).
        """
        arguments = {**changes, "persist": "yes"} if persist else changes
        call = self._call("set", who, _RELOAD_S, arguments=arguments, dry_run=dry_run)

        def carry_out(_: str) -> Reloaded:
            if not changes:
                raise Refused("usage", "name what to set", "keel set KEY=VALUE...")
            port = present(self.settings, "configuration that could be set")
            may = may_add_risk(call.caller, "set")
            said = call.caller.name
            return self._taken_up(
                port.change(changes, said, persist=persist, confirmed=confirmed, dry_run=dry_run, may_add_risk=may)
            )

        return self._say(call, carry_out)

    def add_market(self, name: str, who: Who, timeout_s: float, *, dry_run: bool = False) -> Listed:
        """Trade a market too. Raises Refused: `not_permitted`, `replayed`, `starting`, and as `Markets.add`."""
        call = self._call("add", who, timeout_s, names=(name,), dry_run=dry_run)

        def carry_out(_: str) -> Listed:
            port = present(self.markets, "catalogue that could be changed")
            return port.add(name, call.caller.name, self._left_s(call), dry_run=dry_run)

        return self._say(call, carry_out)

    def remove_market(self, name: str, who: Who, timeout_s: float, *, dry_run: bool = False) -> Listed:
        """Forget a market. Raises Refused: `not_permitted`, `replayed`, `starting`, and as `Markets.remove`."""
        call = self._call("remove", who, timeout_s, names=(name,), dry_run=dry_run)

        def carry_out(request: str) -> Listed:
            port = present(self.markets, "catalogue that could be changed")
            market = self.market(name).market.id
            if not dry_run:
                self._begin(call, request)
            return port.remove(market, call.caller.name, self._left_s(call), dry_run=dry_run)

        return self._say(call, carry_out)

    def _taken_up(self, changed: Reloaded) -> Reloaded:
        """Wait until risk answers, by the new values, where there are any."""
        if changed.segment:
            self.risk()
        return changed


class _Said:
    """One line, of a command that has nothing else to say."""

    proven = True

    def __init__(self, line: str) -> None:
        self.lines = (line,)
