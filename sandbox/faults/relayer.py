"""What can go wrong with the relayer and with what it took, for which the fault catalogue has no numbers."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sandbox import wire
from sandbox.faults.calls import Rule
from sandbox.faults.table import ENDS, Arguments, Fault
from sandbox.messages import Answer, HttpRequest
from sandbox.trading.relaying import RelayFate

if TYPE_CHECKING:
    from sandbox.faults.switchboard import Faults

_DOWN: Final = {
    "unavailable": Answer(503, wire.encode({"error": "service unavailable"})),
    "error": Answer(500, wire.encode({"error": "internal server error"})),
    "never": Answer(0, "", manner="never"),
    "reset": Answer(0, "", manner="reset"),
}
_COUNT_MAX: Final = 10_000


def _down(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    answer = _DOWN[arguments.choice("how", tuple(_DOWN))]
    which: dict[str, Any] = {
        "method": arguments.text("method", "").upper(),
        "path": arguments.text("path", "/"),
    }
    rule = Rule(service="relayer", instead=lambda request, at_ns: answer, **which, **arguments.ends())
    return faults.arm(rule)


def _answer_lost(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    how: Any = arguments.choice("how", ("never", "reset", "cut", "error"))

    def change(request: HttpRequest, answer: Answer, at_ns: int) -> Answer:
        return _DOWN["error"] if how == "error" else replace(answer, manner=how)

    return faults.arm(Rule(service="relayer", method="POST", path="/submit", change=change, **arguments.ends(1)))


def _failed(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    return _befall(faults, arguments, RelayFate(ends=arguments.choice("state", ("STATE_FAILED", "STATE_INVALID"))))  # type: ignore[arg-type]


def _stuck(faults: "Faults", arguments: Arguments, now_ns: int) -> int:
    state: Any = arguments.choice("state", ("STATE_EXECUTED", "STATE_NEW", "STATE_MINED"))
    return _befall(faults, arguments, RelayFate(stuck_in=state, stuck_ns=arguments.seconds_ns("delay", 60)))


def _befall(faults: "Faults", arguments: Arguments, fate: RelayFate) -> int:
    count = arguments.whole("count", 1, high=_COUNT_MAX)
    faults.parts.relaying.next_fates.extend([fate] * count)
    return count


ROWS: Final = (
    Fault("relayer_down", (), "answer calls of the relayer with 503 or 500, never, or with a reset, and do nothing",
          ("how", "method", "path", *ENDS), "cleared", _down),
    Fault("relayer_answer_lost", (), "take a transaction and never answer (or reset, cut, or say 500)",
          ("how", *ENDS), "count 1", _answer_lost),
    Fault("relayed_failed", (), "let the next transactions that the relayer takes fail on chain, or be invalid",
          ("state", "count"), "count 1", _failed),
    Fault("relayed_stuck", (), "let the next transactions that the relayer takes stay in a state for `delay` longer",
          ("state", "delay", "count"), "count 1", _stuck),
)  # fmt: skip
