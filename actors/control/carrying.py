"""How every command is said: authorised, once, not before the engine knows what it holds, proven, and written down.

Why a command waits: "off" is not done when it was said but when nothing of the market can fill any more. So the answer
is given when risk has applied it, the board has read everything that was said before, and neither the executor's orders
nor risk's own count know of an order that the command forbids; else the orders that are left are named. A flatten is
done when risk has halted what it covers, as flat or with its rest named.

Why a kill and a flatten ask the venue too: what they promise is that nothing rests there, and an order that we do not
know of is no less an order. Two listings without one, in a row; else what is listed is named.

Why what waits is written down twice: a process that dies in the midst of it would leave nothing of who said what. The
row says `begun` until what came of it takes its place.

Why most commands wait for the start: as long as risk reads back what is held, it keeps its mail for later, and a resume
could be read before the pause with which every start in live begins.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias, TypeVar

from msgspec.structs import replace

from actors.control.audit import redacted
from actors.control.ports import Listings, Refused
from actors.control.reads import Reads
from models.answers import Answer, Rest, answer, done
from models.messages.audit import Fence
from models.messages.control import ClearKill, Kill, SetOperatorState
from models.roles import COMMANDS, Caller
from models.snapshot import MarketLine

Command: TypeAlias = SetOperatorState | Kill | ClearKill
Who: TypeAlias = str | Caller
"""A caller; a name alone is a part of the engine itself, which may all."""

_PROOF_MIN_S: Final = 0.05
_LISTING_S: Final = 2.0
"""What is left of a command's time for the venue's own listings."""
_EMPTY_AFTER: Final = frozenset({"kill", "flatten"})


class Told(Protocol):
    """What a command came to, in lines for a person; `proven`: nothing of what it promises is left to be done."""

    @property
    def lines(self) -> tuple[str, ...]: ...
    @property
    def proven(self) -> bool: ...


Result = TypeVar("Result", bound=Told)


class Call(NamedTuple):
    """One call of the bus. `names` are the markets that it is about, `until_ns` when its caller gives up."""

    verb: str
    caller: Caller
    asked_ns: int
    until_ns: int
    arguments: dict[str, str]
    names: Sequence[str] = ()
    dry_run: bool = False


class Carrying(Reads):
    """Carries calls out. Those who build the engine set `listings`, where there is a venue that can be asked."""

    listings: Listings | None = None

    def _call(
        self,
        verb: str,
        who: Who,
        timeout_s: float,
        *,
        names: Sequence[str] = (),
        arguments: Mapping[str, str] | None = None,
        dry_run: bool = False,
    ) -> Call:
        caller = who if isinstance(who, Caller) else Caller(who)
        said = {"markets": " ".join(names)} if names else {}
        asked_ns = self._clock.now_ns()
        until_ns = asked_ns + int(timeout_s * 1e9)
        return Call(verb, caller, asked_ns, until_ns, {**said, **(arguments or {})}, names, dry_run)

    def _say(self, call: Call, carry_out: Callable[[str], Result]) -> Result:
        """Have a call carried out under a name of its own, and write down what came of it. Raises Refused."""
        request = self.audit.name()
        try:
            self.audit.permit(call.verb, call.caller)
            self.audit.once(call.verb, call.caller)
            if not (COMMANDS[call.verb].early or call.dry_run):
                self._await_start(call)
            result = carry_out(request)
        except Refused as refused:
            # Whoever gave up waiting has said it all the same, and it may be done; but a lift is taken back.
            late = refused.code == "timeout" and not call.dry_run and call.verb != "clear_kill"
            self._note(call, request, redacted("", str(refused)), "partial" if late else "refused")
            raise
        except Exception as error:  # a mistake of ours: nobody knows how far it came, and who said it must be known
            outcome = "refused" if call.dry_run else "partial"
            self._note(call, request, f"internal: {type(error).__name__}", outcome)
            raise
        outcome = "shown" if call.dry_run else "done" if result.proven else "partial"
        self._note(call, request, "\n".join(result.lines), outcome)
        return result

    def _begin(self, call: Call, request: str) -> None:
        """Write down that a call is carried out from here on."""
        self._note(call, request, "nobody knows what came of it", "begun")

    def _note(self, call: Call, request: str, result: str, outcome: str) -> None:
        about = self.look().by_name(call.names[0]) if len(call.names) == 1 else None
        market = None if about is None else about.market.id
        self.audit.note(
            call.caller, call.verb, result, call.asked_ns,
            outcome=outcome, request=request, market=market, arguments=call.arguments,
        )  # fmt: skip

    def _await_start(self, call: Call) -> None:
        board, known = self._board.wait_for(lambda seen: seen.risk is not None, self._left_s(call))
        if not known:
            what = f"the engine is starting: it reads back what is held; {call.verb} was not said"
            raise Refused("starting", what, f"{len(board.markets)} markets; ask again", retryable=True)

    def _carry_out(self, call: Call, commands: Sequence[Command], lines: Sequence[MarketLine]) -> Answer:
        """Say commands to risk; wait until they are applied, and then until nothing that they forbid can fill."""
        before = self.look()
        for command in commands:
            self._tell(command)
        verb, requests = call.verb, [command.request for command in commands]
        timeout_s = self._left_s(call)
        board, applied = self._board.wait_for(lambda seen: all(one in seen.commands for one in requests), timeout_s)
        if not applied:
            closed = "the gate is closed, but " if verb == "kill" else ""
            raise Refused("timeout", f"{closed}risk did not answer {verb} within {timeout_s:g} s", retryable=True)
        said = [board.commands[request] for request in requests]
        refusal = next((one.refusal for one in said if one.refusal), None)
        if refusal is not None:
            raise Refused("killed" if board.killed is not None else "refused", refusal)
        # Risk's answer overtakes the figures that prove it; once the fence has been read they are in.
        fence = self.audit.name()
        self._tell(Fence(fence))
        everything, asks_venue = said[0].market is None, verb in _EMPTY_AFTER and self.listings is not None
        board, proven = self._board.wait_for(
            lambda seen: (
                fence in seen.fences and all(done(seen, verb, one.market.id, everything=everything) for one in lines)
            ),
            self._left_s(call) - (_LISTING_S if asks_venue else 0),
        )
        changed = any(one.changed for one in said)
        answered = answer(verb, before, board, lines, everything=everything, changed=changed, proven=proven)
        if not (asks_venue and proven):
            return answered
        rests, doubt = self._resting(call, lines)
        return replace(answered, rests=rests, doubt=doubt, proven=answered.proven and not (rests or doubt))

    def _resting(self, call: Call, lines: Sequence[MarketLine]) -> tuple[tuple[Rest, ...], str]:
        """Return what the venue itself lists, and why it has not said it. What a kill finds there, it cancels."""
        assert self.listings is not None
        within_s = max(self._left_s(call), _LISTING_S)
        try:
            if call.verb == "kill":
                return self.listings.swept(within_s), ""
            return self.listings.resting({line.market.id for line in lines}, within_s), ""
        except Refused as refused:
            return (), str(refused)

    def _left_s(self, call: Call) -> float:
        return max((call.until_ns - self._clock.now_ns()) / 1e9, _PROOF_MIN_S)


def requests(request: str, count: int) -> tuple[str, ...]:
    """Return names for the commands of one call: its own, with a number where they are several."""
    return (request,) if count == 1 else tuple(f"{request}.{number}" for number in range(1, count + 1))
