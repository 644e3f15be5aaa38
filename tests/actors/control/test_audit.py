"""Who may say a command, that it is said once, not too early, and that it is written down."""

from threading import Timer

import pytest

from actors.control.audit import REMEMBERED_MAX, UNCHANGED_MAX, Audit, redacted
from actors.control.ports import Refused
from models.messages.audit import CommandAnswered
from models.messages.base import Message
from models.messages.control import ReadRisk
from models.roles import COMMANDS, Asks, Caller, Role, may, may_add_risk
from tests.little_engine import LittleEngine, StillClock

pytestmark = pytest.mark.proves("I40")


def caller(role: Role = Role.OWNER, request: str = "") -> Caller:
    return Caller("web ana", role, 7, 71, request)


def test_whoever_may_less_may_nothing_that_whoever_may_more_may_not() -> None:
    for verb in COMMANDS:
        said = [may(caller(role), verb) for role in Role]
        assert said == sorted(said), verb


def test_a_viewer_changes_nothing_but_that_a_kill_is_for_everybody() -> None:
    assert [verb for verb, rule in COMMANDS.items() if rule.changes and may(caller(Role.VIEWER), verb)] == ["kill"]


def test_what_an_owner_alone_may_is_what_adds_risk_for_good() -> None:
    assert [verb for verb in COMMANDS if not may(caller(Role.OPERATOR), verb)] == ["clear_kill"]
    assert {verb for verb in COMMANDS if not may_add_risk(caller(Role.OPERATOR), verb)} == {"set", "reload"}


def test_kill_and_pause_never_ask() -> None:
    assert {verb for verb, rule in COMMANDS.items() if rule.asks is not Asks.NEVER} == {
        "resume", "flatten", "set", "reload", "clear_kill",
    }  # fmt: skip


def test_a_refused_caller_changes_nothing_and_stands_in_the_audit() -> None:
    engine = LittleEngine(1)
    engine.control.set_state("pause", [], "cli", 1)
    with pytest.raises(Refused) as refused:
        engine.control.set_state("resume", ["market-1"], caller(Role.VIEWER), 1, confirmed=True)
    assert (refused.value.code, refused.value.hint) == ("not_permitted", "it takes the role operator")
    row = engine.audited[-1]
    assert (row.who, row.role, row.uid, row.pid, row.outcome) == ("web ana", "viewer", 7, 71, "refused")
    assert (row.market, row.arguments) == (engine.id(1), {"markets": "market-1"})


def test_a_call_that_comes_twice_is_carried_out_once() -> None:
    engine = LittleEngine(1)
    engine.control.set_state("pause", [], caller(request="one"), 1)
    engine.control.set_state("resume", [], caller(request="two"), 1)
    with pytest.raises(Refused, match="request one is pause of 2025-11-21") as refused:
        engine.control.set_state("pause", [], caller(request="one"), 1)
    assert refused.value.code == "replayed"
    assert engine.board.look().markets[engine.id(1)].cells == ()
    assert [row.outcome for row in engine.audited] == ["done", "done", "refused"]


def test_so_many_names_of_calls_are_remembered_and_no_more() -> None:
    audit = Audit(lambda _: None, StillClock())
    for number in range(REMEMBERED_MAX + 1):
        audit.once("pause", caller(request=f"request-{number}"))
    audit.once("pause", caller(request="request-0"))
    with pytest.raises(Refused):
        audit.once("pause", caller(request=f"request-{REMEMBERED_MAX}"))
    assert len(audit._said) == REMEMBERED_MAX


def test_what_was_done_is_always_written_and_of_refusals_only_so_many() -> None:
    rows: list[Message] = []
    clock = StillClock()
    audit = Audit(rows.append, clock)
    for _ in range(UNCHANGED_MAX + 7):
        audit.refused(caller(), "POST /v1/kill", "no JSON")
    for _ in range(5):
        audit.note(caller(), "pause", "all paused", clock.now_ns())
    assert len(rows) == UNCHANGED_MAX + 5
    clock.at_ns += 1_000_000_000
    audit.refused(caller(), "POST /v1/kill", "no\n\x1b[2J JSON")
    last = rows[-1]
    assert isinstance(last, CommandAnswered)
    assert last.result == "no [2J JSON (7 calls before it were not written)"
    assert len({row.request for row in rows if isinstance(row, CommandAnswered)}) == len(rows)


@pytest.mark.parametrize(
    "name, text, shown",
    [
        ("reason", f"key 0x{'ab' * 32}", "key [hidden]"),
        ("private_key_file", "/run/key", "[hidden]"),
        ("db", "postgresql://ana:pw@host/keel", "postgresql://[hidden]@host/keel"),
        ("orders", f"0x{'ab' * 32}", f"0x{'ab' * 32}"),
        ("maker.bid_size", "5", "5"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_and_ids_are_not(name: str, text: str, shown: str) -> None:
    assert redacted(name, text) == shown


def test_a_secret_that_the_process_knows_stands_nowhere_in_a_row() -> None:
    engine = LittleEngine(1)
    engine.control.audit.hide = lambda text: text.replace("canary", "-")
    with pytest.raises(Refused):
        engine.control.set_state("pause", ["the-canary"], "cli", 1)
    engine.control.kill("a canary died", "cli", 1)
    assert "canary" not in str([(row.arguments, row.result) for row in engine.audited])


def test_a_key_that_was_typed_for_a_name_is_hidden() -> None:
    rows: list[CommandAnswered] = []
    audit = Audit(lambda row: rows.append(row) if isinstance(row, CommandAnswered) else None, StillClock())
    audit.note(caller(), "set", "done", 0, arguments={f"0x{'ab' * 32}": "5"})
    assert rows[0].arguments == {"[hidden]": "5"}


def test_of_what_was_refused_only_so_much_is_written() -> None:
    rows: list[CommandAnswered] = []
    audit = Audit(lambda row: rows.append(row) if isinstance(row, CommandAnswered) else None, StillClock())
    arguments = {f"{number:03}" * 1_000: "- " * 240 + "7c" * 32 for number in range(200)} | {"reason": "x"}
    audit.note(caller(), "set", "unknown", 0, outcome="refused", arguments=arguments)
    audit.note(caller(), "set", "set", 0, arguments=arguments)
    cut, whole = rows
    assert len(str(cut.arguments)) < 25_000 < len(str(whole.arguments))
    assert "7c7c" not in str(cut.arguments)
    assert len(whole.arguments) == len(arguments)


def test_a_resume_waits_until_risk_knows_what_is_held() -> None:
    engine = LittleEngine(1, recalled=False)
    with pytest.raises(Refused, match="resume was not said") as refused:
        engine.control.set_state("resume", [], "cli", 0.05)
    assert (refused.value.code, refused.value.retryable) == ("starting", True)
    assert engine.control.set_state("pause", [], "cli", 1).proven, "what makes it safer is said at once"
    Timer(0.05, engine.to_risk, [ReadRisk("start-up")]).start()
    assert engine.control.set_state("resume", [], "cli", 10).proven
    assert engine.board.look().markets[engine.id(1)].cells == ()


def test_a_partial_end_is_audited_as_that() -> None:
    engine = LittleEngine(1)
    engine.stuck = {engine.place(1)}
    engine.control.set_state("pause", [], "cli", 0.05)
    assert engine.audited[-1].outcome == "partial"


def test_what_was_said_and_not_answered_in_time_is_no_refusal_and_always_written() -> None:
    engine = LittleEngine(1)
    engine.deaf = True
    for _ in range(UNCHANGED_MAX + 1):
        engine.control.audit.refused(caller(), "POST /v1/kill", "no JSON")
    with pytest.raises(Refused, match="the gate is closed, but risk did not answer"):
        engine.control.kill("drill", "cli", 0.05)
    assert engine.gate == ["closed: drill"]
    row = engine.audited[-1]
    assert (row.verb, row.outcome, row.arguments) == ("kill", "partial", {"reason": "drill"})
