"""A command is answered when what it forbids can no longer happen, and not before."""

from collections.abc import Collection
from threading import Timer

import pytest
from msgspec.structs import replace

from actors.control.audit import UNCHANGED_MAX
from actors.control.ports import Refused
from models.answers import Rest
from models.cells import TradingState
from models.markets import Side
from models.messages.audit import CommandAnswered
from models.messages.base import Message
from models.messages.control import ExposureUpdated, ReadRisk
from models.messages.orders import OrderChanged, PlaceOrder
from models.orders import OrderState, TimeInForce
from models.roles import Caller
from models.units import SHARE
from tests.little_engine import NO, TAG, LittleEngine


def test_off_answers_with_what_happened() -> None:
    engine = LittleEngine(10)
    for number in range(1, 11):
        engine.place(number)
    engine.place(3, NO, 5_000)
    engine.place(3, NO, 4_900)
    engine.fill(3, shares=12)
    engine.decide(3)
    answer = engine.control.set_state("off", ["market-3"], "cli", 1)
    # The naked YES cancelled its own side's bid at once, so that one is not the command's doing.
    assert answer.lines == ("market-3 off: 2 orders cancelled, 0 open, holding 12 YES",)
    assert (answer.proven, answer.changed, answer.markets[0].after) == (True, True, ("OFF",))
    assert answer.markets[0].before == ("HEDGE",)
    board = engine.board.look()
    assert len(board.open_orders()) == 9
    assert {board.word(desk) for desk in board.desks.values() if desk.market != engine.id(3)} == {"BALANCED"}


def test_on_brings_a_market_back() -> None:
    engine = LittleEngine(2)
    engine.control.set_state("off", ["market-1"], "cli", 1)
    assert not engine.board.look().markets[engine.id(1)].on
    answer = engine.control.set_state("on", ["market-1"], "cli", 1)
    assert answer.lines == ("market-1 on: 0 orders cancelled, 0 open, flat",)
    assert engine.board.look().markets[engine.id(1)].on
    assert not engine.control.set_state("on", ["market-1"], "cli", 1).changed


def test_several_markets_are_answered_each_on_its_line() -> None:
    engine = LittleEngine(3)
    engine.place(2)
    answer = engine.control.set_state("off", ["market-2", "market-1", "market-2"], "cli", 1)
    assert answer.lines == (
        "market-2 off: 1 order cancelled, 0 open, flat",
        "market-1 off: 0 orders cancelled, 0 open, flat",
    )
    assert engine.board.look().markets[engine.id(3)].on


def test_pause_and_resume_of_everything() -> None:
    engine = LittleEngine(3)
    engine.place(1)
    engine.place(2)
    assert engine.control.set_state("pause", [], "cli", 1).lines == (
        "all paused: 2 orders cancelled, 0 open in 3 markets",
    )
    board = engine.board.look()
    assert {board.word(desk) for desk in board.desks.values()} == {"PAUSED"}
    assert engine.control.set_state("pause", [], "cli", 1).lines[0].startswith("all already paused")
    engine.control.set_state("resume", [], "cli", 1)
    board = engine.board.look()
    assert {board.word(desk) for desk in board.desks.values()} == {"BALANCED"}


def test_a_command_that_names_hundreds_of_markets_is_answered() -> None:
    engine = LittleEngine(205)
    names = [f"market-{number}" for number in range(1, 206)]
    assert len(engine.control.set_state("pause", names, "cli", 1).lines) == 205


def test_resume_without_a_market_never_clears_a_markets_own_pause() -> None:
    engine = LittleEngine(2)
    engine.control.set_state("pause", ["market-1"], "cli", 1)
    engine.control.set_state("resume", [], "cli", 1)
    board = engine.board.look()
    assert [board.word(desk) for desk in board.desks.values()] == ["PAUSED", "BALANCED"]


def test_an_order_that_will_not_go_is_named_and_nothing_is_called_proven() -> None:
    engine = LittleEngine(1)
    engine.stuck = {engine.place(1), engine.place(1, NO)}
    engine.place(1, NO, 4_700)
    answer = engine.control.set_state("pause", ["market-1"], "cli", 0.1)
    assert not answer.proven
    assert answer.lines == ("market-1 paused: 1 order cancelled, 2 open, flat",)
    assert {order.intent for order in answer.markets[0].left} == engine.stuck


def test_an_unknown_order_is_not_taken_for_gone() -> None:
    engine = LittleEngine(1)
    intent = engine.place(1)
    engine.change(replace(engine.orders[intent], state=OrderState.UNKNOWN, reason="no answer"))
    answer = engine.control.set_state("pause", [], "cli", 0.1)
    assert not answer.proven
    assert answer.markets[0].left[0].state is OrderState.UNKNOWN


def test_an_order_that_only_risk_knows_of_keeps_the_command_waiting() -> None:
    engine = LittleEngine(1)
    engine.show(ExposureUpdated(engine.id(1), 0, 0, 1, engine.clock.now_ns()))
    answer = engine.control.set_state("pause", [], "cli", 0.05)
    assert (answer.proven, answer.markets[0].open, answer.markets[0].left) == (False, 1, ())


def test_the_answer_waits_for_the_cancel_that_comes_late() -> None:
    engine = LittleEngine(1)
    intent = engine.place(1)
    engine.stuck = {intent}
    gone = replace(engine.orders[intent], state=OrderState.CANCELLED, reason="paused")
    later = Timer(0.05, engine.change, [gone])
    later.start()
    answer = engine.control.set_state("pause", [], "cli", 10)
    later.join()
    assert answer.proven
    assert answer.lines == ("all paused: 1 order cancelled, 0 open in 1 market",)


def test_reduce_leaves_the_order_that_completes_the_pair() -> None:
    engine = LittleEngine(1)
    engine.fill(1, shares=7)
    hedge = engine.place(1, NO, 4_000)
    answer = engine.control.set_state("reduce", ["market-1"], "cli", 1)
    assert answer.proven
    assert answer.lines == ("market-1 reduced: 0 orders cancelled, 0 open, holding 7 YES",)
    assert [order.intent for order in engine.board.look().open_orders()] == [hedge]


@pytest.mark.proves("I10")
def test_kill_closes_the_gate_before_anything_else_and_cancels_everything() -> None:
    engine = LittleEngine(2)
    engine.place(1)
    engine.place(2)
    engine.deaf = True
    with pytest.raises(Refused, match="the gate is closed, but risk did not answer kill") as refused:
        engine.control.kill("drill", "cli", 0.05)
    assert refused.value.code == "timeout"
    assert engine.gate == ["closed: drill"]
    engine.deaf = False
    answer = engine.control.kill("drill", "cli", 1)
    assert answer.lines == ("all killed: 2 orders cancelled, 0 open in 2 markets",)
    killed = engine.board.look().killed
    assert killed is not None
    assert (killed.state, killed.reason) == (TradingState.KILLED, "drill")


@pytest.mark.proves("I45")
def test_only_a_confirmed_person_lifts_the_kill_and_the_gate_opens_last() -> None:
    engine = LittleEngine(1)
    engine.control.kill("drill", "cli", 1)
    with pytest.raises(Refused) as refused:
        engine.control.set_state("resume", [], "cli", 1)
    assert refused.value.code == "killed"
    with pytest.raises(Refused) as refused:
        engine.control.clear_kill("cli", 1)
    assert refused.value.code == "confirmation_required"
    assert engine.gate == ["closed: drill"]
    assert engine.control.clear_kill("cli", 1, word="CLEAR").lines[0].startswith("all released")
    assert engine.gate == ["closed: drill", "opened"]
    assert engine.board.look().killed is None


@pytest.mark.proves("I45")
def test_the_engine_itself_asks_for_the_end_of_the_wallet_and_takes_nothing_else() -> None:
    engine = LittleEngine(1, mode="live", wallet="0x00000000000000000000000000000000000aBcDe")
    engine.control.kill("drill", "cli", 1)
    for word in ("CLEAR", "yes", "bcd", "0x00000000000000000000000000000000000aBcDe"):
        with pytest.raises(Refused, match="not the word") as refused:
            engine.control.clear_kill("cli", 1, word=word)
        assert refused.value.code == "refused"
        assert engine.audited[-1].outcome == "refused"
    assert engine.gate == ["closed: drill"]
    assert engine.control.clear_kill("cli", 1, word="BcDe").proven


class Lists:
    """A venue that lists what a test says."""

    def __init__(self, *rests: Rest) -> None:
        self.rests = rests

    def resting(self, markets: Collection[str], within_s: float) -> tuple[Rest, ...]:
        return self.rests

    def swept(self, within_s: float) -> tuple[Rest, ...]:
        return ()


def test_a_kill_is_not_lifted_while_an_order_is_left_unless_a_person_says_that_it_is_meant() -> None:
    engine = LittleEngine(1)
    order = engine.place(1)
    engine.stuck = {order}
    engine.control.kill("drill", "cli", 0.05)
    with pytest.raises(Refused, match="all stays killed: 1 order may still fill: ") as refused:
        engine.control.clear_kill("cli", 0.05, word="CLEAR")
    assert (refused.value.code, refused.value.retryable) == ("refused", True)
    assert "keel cancel --all" in refused.value.hint
    assert "--force" in refused.value.hint
    assert engine.gate == ["closed: drill"]
    engine.control.clear_kill("cli", 0.05, word="CLEAR", force=True)
    assert engine.gate == ["closed: drill", "opened"]
    row = engine.audited[-1]
    assert row.arguments["force"] == "yes"
    assert "working" in row.arguments["orders"]


def test_a_kill_is_not_lifted_while_the_venue_lists_an_order_that_nobody_knows() -> None:
    engine = LittleEngine(1)
    engine.control.listings = lists = Lists(Rest("0xdead", engine.id(1), "BUY", "0.5", "5"))
    engine.control.kill("drill", "cli", 1)
    with pytest.raises(Refused, match="0xdead rests at the venue"):
        engine.control.clear_kill("cli", 0.05, word="CLEAR")
    lists.rests = ()
    assert engine.control.clear_kill("cli", 1, word="CLEAR").proven


def test_the_gate_stays_closed_when_risk_does_not_clear() -> None:
    engine = LittleEngine(1)
    engine.control.kill("drill", "cli", 1)
    engine.deaf = True
    with pytest.raises(Refused):
        engine.control.clear_kill("cli", 0.05, word="CLEAR")
    assert engine.gate == ["closed: drill"]


def test_who_clears_too_late_for_the_person_who_waited_does_not_let_go_of_what_the_gate_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = LittleEngine(1)
    engine.control.kill("drill", "cli", 1)
    hear, waiting = engine.to_risk, list[Message]()
    monkeypatch.setattr(engine, "to_risk", waiting.append)
    with pytest.raises(Refused, match="risk did not answer clear_kill"):
        engine.control.clear_kill("cli", 0.05, word="CLEAR")
    for message in waiting:
        hear(message)
    killed = engine.board.look().killed
    assert killed is not None
    assert killed.reason == "drill"
    assert engine.gate == ["closed: drill"]


def test_where_the_file_of_a_kill_cannot_be_removed_all_stays_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = LittleEngine(1)
    engine.control.kill("drill", "cli", 1)

    def refuse(known: int) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(engine, "clear", refuse)
    with pytest.raises(Refused, match="the file of the kill cannot be removed: Permission denied") as refused:
        engine.control.clear_kill("cli", 1, word="CLEAR")
    assert refused.value.code == "refused"
    killed = engine.board.look().killed
    assert killed is not None
    assert killed.reason == "the file of the kill cannot be removed: Permission denied"


def test_a_kill_whose_file_cannot_be_read_is_not_lifted_and_who_asked_stands_in_the_audit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = LittleEngine(1)
    engine.control.kill("drill", "cli", 1)

    def unreadable() -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(engine, "kills", unreadable)
    with pytest.raises(Refused, match="the file of the kill cannot be read: Permission denied") as refused:
        engine.control.clear_kill("cli anna", 1, word="CLEAR")
    assert refused.value.code == "refused"
    row = engine.audited[-1]
    assert (row.who, row.verb, row.outcome) == ("cli anna", "clear_kill", "refused")
    assert (engine.gate, engine.board.look().killed is None) == (["closed: drill"], False)


def test_a_kill_that_was_said_while_another_was_lifted_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = LittleEngine(1)
    engine.control.kill("drill", "cli", 1)
    monkeypatch.setattr(engine, "clear", lambda known: False)
    with pytest.raises(Refused, match="killed again meanwhile"):
        engine.control.clear_kill("cli", 1, word="CLEAR")
    assert engine.board.look().killed is not None


def test_orders_that_are_read_back_after_they_were_cancelled_are_waited_for() -> None:
    engine = LittleEngine(2, recalled=False)
    engine.deaf = True
    with pytest.raises(Refused, match="cancel was said, but nobody knows yet which orders are open") as refused:
        engine.control.cancel([], "cli", 0.05)
    assert (refused.value.code, refused.value.retryable) == ("timeout", True)
    assert engine.audited[-1].outcome == "partial"

    def recall() -> None:
        engine.place(1)
        engine.place(2)
        engine.to_risk(ReadRisk("start-up"))

    Timer(0.05, recall).start()
    cancelled = engine.control.cancel([], "cli", 10, market="market-1")
    assert cancelled.lines[0] == "1 order cancelled, 0 open"
    assert [order.market for order in engine.board.look().open_orders()] == [engine.id(2)]


def test_an_order_by_name_is_looked_for_once_it_is_known_what_is_open() -> None:
    engine = LittleEngine(1, recalled=False)
    with pytest.raises(Refused, match="it reads back what is held; cancel was not said") as refused:
        engine.control.cancel(["order-intent-1"], "cli", 0.05)
    assert refused.value.code == "starting"


def test_an_order_that_was_approved_and_has_no_name_yet_is_cancelled_with_the_others() -> None:
    engine = LittleEngine(1)
    engine.place(1)
    order = PlaceOrder(
        "late", TAG, engine.id(1), NO, Side.BUY, 4_700, 5 * SHARE, True, TimeInForce.GTC, "provide", 1,
        engine.clock.now_ns(),
    )  # fmt: skip
    engine.to_risk(order)
    with pytest.raises(Refused, match="nobody knows yet which orders are open"):
        engine.control.cancel([], "cli", 0.05)
    named = OrderChanged(
        "order-late", "late", TAG, order.market, NO, Side.BUY, 4_700, order.size, 0, OrderState.WORKING, "accepted",
        engine.clock.now_ns(),
    )  # fmt: skip
    Timer(0.05, engine.change, [named]).start()
    cancelled = engine.control.cancel([], "cli", 10)
    assert [line.intent for line in cancelled.cancelled] == ["late"]
    assert (cancelled.proven, engine.board.look().open_orders()) == (True, [])


def test_resume_asks_in_live_only() -> None:
    live = LittleEngine(1, mode="live")
    with pytest.raises(Refused) as refused:
        live.control.set_state("resume", [], "cli", 1)
    assert refused.value.code == "confirmation_required"
    assert live.control.set_state("resume", [], "cli", 1, confirmed=True).proven
    assert LittleEngine(1).control.set_state("resume", [], "cli", 1).proven


def test_a_dry_run_says_what_would_happen_and_changes_nothing() -> None:
    engine = LittleEngine(2)
    engine.place(1)
    engine.place(1, NO)
    answer = engine.control.set_state("off", ["market-1"], "cli", 1, dry_run=True)
    assert answer.lines == ("market-1 would be off: 2 orders would be cancelled, flat",)
    assert engine.control.kill("drill", "cli", 1, dry_run=True).dry_run
    assert engine.gate == []
    assert [(row.verb, row.outcome) for row in engine.audited] == [("off", "shown"), ("kill", "shown")]
    assert len(engine.board.look().open_orders()) == 2


def test_a_name_that_nobody_has_is_refused_with_the_nearest() -> None:
    engine = LittleEngine(3)
    with pytest.raises(Refused, match="no market 'markt-2'") as refused:
        engine.control.set_state("off", ["market-1", "markt-2"], "cli", 1)
    assert refused.value.code == "not_found"
    assert refused.value.hint.startswith("did you mean market-2")
    assert engine.board.look().markets[engine.id(1)].on


def test_off_without_a_name_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        LittleEngine(1).control.set_state("off", [], "cli", 1)
    assert refused.value.code == "usage"


def test_silence_is_a_timeout_and_not_success() -> None:
    engine = LittleEngine(1)
    engine.deaf = True
    with pytest.raises(Refused) as refused:
        engine.control.set_state("pause", [], "cli", 0.05)
    assert (refused.value.code, refused.value.retryable) == ("timeout", True)


def test_a_forced_stop_ends_at_once_and_is_written_down_as_such() -> None:
    engine, hurried = LittleEngine(1), list[str]()
    engine.control.hurry = lambda: hurried.append("at once")
    engine.control.stop("cli", force=True, dry_run=True)
    assert hurried == []
    engine.control.stop("cli", force=True)
    assert (hurried, engine.ended) == (["at once"], False)
    assert (engine.audited[-1].arguments, engine.audited[-1].result) == ({"force": "yes"}, "stopping at once")


@pytest.mark.proves("I40")
def test_every_command_is_audited_with_who_what_and_what_came_of_it() -> None:
    engine = LittleEngine(2)
    engine.place(1)
    engine.control.set_state("off", ["market-1", "market-2"], "cli anna", 1)
    engine.control.kill("drill", "tui", 1)
    engine.control.stop("cli")
    engine.deaf = True
    with pytest.raises(Refused):
        engine.control.set_state("pause", [], "cli", 0.05)
    rows = [(row.who, row.verb, row.market, row.arguments, row.result) for row in engine.audited]
    names = {"markets": "market-1 market-2"}
    both = "market-1 off: 1 order cancelled, 0 open, flat; market-2 off: 0 orders cancelled, 0 open, flat"
    assert rows == [
        ("cli anna", "off", None, names, both),
        ("tui", "kill", None, {"reason": "drill"}, "all killed: 0 orders cancelled, 0 open in 2 markets"),
        ("cli", "stop", None, {}, "stopping"),
        ("cli", "pause", None, {}, "risk did not answer pause within 0.05 s"),
    ]
    assert len({row.request for row in engine.audited}) == 4
    assert [row.outcome for row in engine.audited] == ["done", "done", "done", "partial"], "of the last nobody knows"
    assert engine.ended


@pytest.mark.proves("I40")
@pytest.mark.parametrize("verb", ["pause", "flatten", "kill", "cancel", "clear_kill"])
def test_what_is_carried_out_is_in_the_audit_before_anything_of_it_is_said(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = LittleEngine(1)
    engine.place(1)
    if verb == "clear_kill":
        engine.control.kill("drill", "cli", 1)
    engine.noted.clear()
    seen: list[str] = []

    def tell(message: Message) -> None:
        if not isinstance(message, CommandAnswered):
            seen.append(engine.noted[-1].outcome if engine.noted else "nothing")
        engine.tell(message)

    monkeypatch.setattr(engine.control, "_tell", tell)
    match verb:
        case "kill":
            engine.control.kill("drill", "cli", 1)
        case "clear_kill":
            engine.control.clear_kill("cli", 1, word="CLEAR")
        case "cancel":
            engine.control.cancel([], "cli", 1)
        case "pause" | "flatten":
            engine.control.set_state(verb, [], "cli", 1, confirmed=True)
        case _:
            raise AssertionError(verb)
    assert seen[0] == "begun"
    begun, ended = engine.noted
    assert (begun.request, begun.verb, ended.outcome) == (ended.request, verb, "done")


def test_what_was_begun_and_then_refused_is_written_however_many_refusals_there_were() -> None:
    engine = LittleEngine(1)
    engine.control.kill("drill", "cli", 1)
    for _ in range(UNCHANGED_MAX + 1):
        engine.control.audit.refused(Caller("cli"), "POST /v1/kill", "no JSON")
    with pytest.raises(Refused):
        engine.control.set_state("resume", [], "cli", 1)
    assert (engine.audited[-1].verb, engine.audited[-1].outcome) == ("resume", "refused")


def test_why_asks_the_desk_now() -> None:
    engine = LittleEngine(1)
    engine.decide(1, reason="providing")
    engine.clock.at_ns += 1_000_000_000
    (said,) = engine.control.why(["market-1"])
    assert (said.reason, said.at_ns) == ("providing", engine.clock.at_ns)


def test_why_of_a_desk_that_does_not_answer_shows_how_it_last_stood_under_the_state_of_now() -> None:
    engine = LittleEngine(1)
    old = engine.decide(1)
    engine.clock.at_ns += 1_000_000_000
    engine.mute = True
    engine.control.set_state("off", ["market-1"], "cli", 1)
    (said,) = engine.control.why(["market-1"])
    assert said.at_ns == old.at_ns
    assert (said.state, said.cells[0].source) == (TradingState.HALTED, "switch")


def test_why_of_everything_asks_every_desk() -> None:
    engine = LittleEngine(3)
    engine.decide(1)
    engine.decide(2)
    engine.decide(3)
    assert [said.slug for said in engine.control.why([])] == ["market-1", "market-2", "market-3"]


def test_why_of_a_market_without_any_decision_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        LittleEngine(1).control.why(["market-1"])
    assert refused.value.code == "undecided"


def test_a_late_fill_after_off_is_held_and_shown() -> None:
    engine = LittleEngine(1)
    engine.place(1)
    engine.control.set_state("off", ["market-1"], "cli", 1)
    engine.fill(1, shares=5)
    board = engine.board.look()
    assert board.holding(engine.id(1)) == (5 * SHARE, 0)
    assert board.word(board.desks[(TAG, engine.id(1))]) == "OFF"
