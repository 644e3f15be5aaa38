"""A flatten is answered when all is flat or its rest is named, and else with what is still to be done."""

from collections.abc import Callable, Collection
from functools import partial
from threading import Thread

import pytest
from msgspec.structs import replace

from actors.control.ports import Refused, Reloaded
from models.answers import Rest
from models.messages.orders import FillSettled
from models.messages.position import InventoryUpdated, Position
from models.snapshot import DeskLine
from models.units import SHARE
from tests.bin.processes import until
from tests.little_engine import TAG, LittleEngine


def once_begun(engine: LittleEngine, number: int, *steps: Callable[[], object]) -> Thread:
    """Take steps beside the command, as soon as it has begun."""

    def take() -> None:
        until(lambda: engine.flattens(number), "the flatten has begun")
        for step in steps:
            step()

    thread = Thread(target=take)
    thread.start()
    return thread


def holding(engine: LittleEngine, number: int, shares: int) -> None:
    engine.to_risk(FillSettled(engine.fill(number, shares=shares), engine.clock.now_ns()))


def test_it_asks_on_every_venue_and_shows_the_steps() -> None:
    engine = LittleEngine(2)
    engine.place(1)
    with pytest.raises(Refused) as refused:
        engine.control.set_state("flatten", [], "cli", 1)
    assert refused.value.code == "confirmation_required"
    assert str(refused.value).splitlines()[:2] == ["flatten 2 markets:", "  1. cancel 1 order"]
    assert len(engine.board.look().open_orders()) == 1
    (row,) = engine.audited
    assert (row.verb, row.outcome) == ("flatten", "refused")


def test_what_a_dry_run_shows_is_what_is_asked_and_changes_nothing() -> None:
    engine = LittleEngine(2)
    engine.place(1)
    shown = engine.control.set_state("flatten", [], "cli", 1, dry_run=True)
    with pytest.raises(Refused) as refused:
        engine.control.set_state("flatten", [], "cli", 1)
    assert "\n".join(shown.lines) == str(refused.value)
    assert len(engine.board.look().open_orders()) == 1
    assert engine.board.look().markets[engine.id(1)].cells == ()


def test_flat_markets_are_answered_at_once_and_audited_with_the_plan() -> None:
    engine = LittleEngine(2)
    engine.place(1)
    answer = engine.control.set_state("flatten", [], "cli", 1, confirmed=True)
    assert answer.lines == ("all flattened: 1 order cancelled, 0 open in 2 markets",)
    assert (answer.proven, answer.markets[0].after) == (True, ("FLAT",))
    (row,) = engine.audited
    assert (row.verb, row.result) == ("flatten", answer.lines[0])
    assert row.arguments["plan"].startswith("flatten 2 markets:; 1. cancel 1 order;")
    assert (
        engine.control.set_state("flatten", [], "cli", 1, confirmed=True).lines[0].startswith("all already flattened")
    )


def test_it_waits_until_the_rest_is_named() -> None:
    engine = LittleEngine(1)
    holding(engine, 1, 3)
    later = once_begun(engine, 1, partial(engine.flatten_changed, 1, "rest", "3 YES below the minimum of 5", 3))
    answer = engine.control.set_state("flatten", ["market-1"], "cli", 10, confirmed=True)
    later.join()
    assert answer.lines == (
        "market-1 flattened: 0 orders cancelled, 0 open, holding 3 YES (3 YES below the minimum of 5)",
    )
    assert answer.proven


def test_a_word_that_came_before_the_position_is_waited_for() -> None:
    engine = LittleEngine(1)
    holding(engine, 1, 3)
    engine.show(InventoryUpdated(TAG, engine.id(1), Position(), engine.clock.now_ns()))
    engine.show(engine_position(engine, 4))

    later = once_begun(
        engine, 1, partial(engine.flatten_changed, 1, "rest", "3 YES below the minimum of 5", 3),
        lambda: engine.show(engine_position(engine, 3)),
    )  # fmt: skip
    answer = engine.control.set_state("flatten", ["market-1"], "cli", 10, confirmed=True)
    later.join()
    assert answer.markets[0].yes == 3 * SHARE


def engine_position(engine: LittleEngine, shares: int) -> InventoryUpdated:
    position = engine.positions[engine.id(1)]
    leg = replace(position.yes, shares=shares * SHARE)
    return InventoryUpdated(TAG, engine.id(1), replace(position, yes=leg), engine.clock.now_ns())


def test_at_the_end_of_the_time_it_says_what_is_still_to_be_done() -> None:
    engine = LittleEngine(3)
    holding(engine, 1, 8)
    waiting = partial(engine.flatten_changed, 1, "waiting", "8 YES: too little bid within 0.050 of the mid", 8)
    later = once_begun(engine, 1, waiting)
    answer = engine.control.set_state("flatten", [], "cli", 1, confirmed=True)
    later.join()
    assert not answer.proven
    assert answer.lines == (
        "not all flattened yet: 0 orders cancelled, 0 open in 3 markets",
        "  market-1: holding 8 YES (8 YES: too little bid within 0.050 of the mid)",
        "the engine goes on with it; how far it is: keel status, keel why",
    )
    assert (
        engine.control.set_state("flatten", ["market-1"], "cli", 0.05, confirmed=True)
        .lines[0]
        .startswith("market-1 not flattened yet: 0 orders cancelled, 0 open, holding 8 YES")
    )


def test_an_order_that_will_not_go_keeps_it_from_being_done() -> None:
    engine = LittleEngine(1)
    engine.stuck = {engine.place(1)}
    answer = engine.control.set_state("flatten", [], "cli", 0.1, confirmed=True)
    assert not answer.proven
    assert [order.intent for order in answer.markets[0].left] == list(engine.stuck)


def test_a_market_that_was_stopped_by_itself_is_left_alone_and_named() -> None:
    engine = LittleEngine(2)
    holding(engine, 1, 8)
    engine.control.set_state("off", ["market-1"], "cli", 1)
    answer = engine.control.set_state("flatten", [], "cli", 5, confirmed=True)
    assert answer.lines == (
        "all flattened: 0 orders cancelled, 0 open in 2 markets",
        "  market-1: holding 8 YES (left alone, it is OFF)",
    )
    assert not answer.proven
    with pytest.raises(Refused, match="it is off") as refused:
        engine.control.set_state("flatten", ["market-1"], "cli", 1, confirmed=True)
    assert refused.value.code == "refused"


def test_what_was_killed_is_not_flattened() -> None:
    engine = LittleEngine(1)
    engine.control.kill("drill", "cli", 1)
    with pytest.raises(Refused) as refused:
        engine.control.set_state("flatten", [], "cli", 1, confirmed=True)
    assert refused.value.code == "killed"


def test_the_board_shows_the_steps_and_forgets_them_with_the_flatten() -> None:
    engine = LittleEngine(1)
    engine.decide(1)
    holding(engine, 1, 8)
    engine.flatten_changed(1, "waiting", "of an earlier one", 8)
    assert line(engine).flatten is None
    engine.control.set_state("flatten", [], "cli", 0.05, confirmed=True)
    assert engine.board.look().word(line(engine)) == "FLATTENING"
    engine.flatten_changed(1, "unwinding", "unwinding 8 YES", 8)
    assert [one.text for one in engine.board.look().log][-1] == "flatten: unwinding 8 YES"
    said = line(engine).flatten
    assert said is not None
    assert said.detail == "unwinding 8 YES"
    engine.control.set_state("resume", [], "cli", 1)
    assert line(engine).flatten is None


def line(engine: LittleEngine) -> DeskLine:
    return engine.board.look().desks[(TAG, engine.id(1))]


class Venue:
    """A venue that lists what a test says, and remembers what it was asked."""

    def __init__(self, *listed: Rest, silent: bool = False) -> None:
        self.listed = listed
        self.silent = silent
        self.asked: list[object] = []

    def resting(self, markets: Collection[str], within_s: float) -> tuple[Rest, ...]:
        self.asked.append(sorted(markets))
        if self.silent:
            raise Refused("unproven", "not within 2 s")
        return self.listed

    def swept(self, within_s: float) -> tuple[Rest, ...]:
        self.asked.append("all")
        return self.resting((), within_s)


def test_it_is_not_done_while_the_venue_lists_an_order_that_nobody_here_knows() -> None:
    engine = LittleEngine(2)
    engine.control.listings = venue = Venue(Rest("0xfeed", engine.id(1), "BUY", "0.48", "5"))
    answer = engine.control.set_state("flatten", ["market-1"], "cli", 3, confirmed=True)
    assert (answer.proven, venue.asked) == (False, [[engine.id(1)]])
    assert answer.lines[-1] == "the venue still lists BUY 5 @ 0.48 (0xfeed)"
    venue.listed = ()
    assert engine.control.set_state("flatten", ["market-1"], "cli", 3, confirmed=True).proven


@pytest.mark.proves("I9")
def test_a_kill_is_not_proven_by_a_venue_that_says_nothing() -> None:
    engine = LittleEngine(1)
    engine.control.listings = venue = Venue(silent=True)
    answer = engine.control.kill("drill", "cli", 3)
    assert (answer.proven, venue.asked) == (False, ["all", []])
    assert answer.lines[-1] == "the venue has not said what rests there: not within 2 s"
    assert engine.gate == ["closed: drill"]


def test_a_pause_does_not_ask_the_venue() -> None:
    engine = LittleEngine(1)
    engine.control.listings = venue = Venue(silent=True)
    assert engine.control.set_state("pause", [], "cli", 3).proven
    assert venue.asked == []


@pytest.mark.parametrize(("dry_run", "outcome"), [(False, "partial"), (True, "refused")])
def test_what_breaks_in_the_midst_of_a_command_is_written_down_with_who_said_it(dry_run: bool, outcome: str) -> None:
    engine = LittleEngine(1)

    class Broken:
        def reload(self, who: str, *, confirmed: bool, dry_run: bool, may_add_risk: bool = True) -> Reloaded:
            raise ZeroDivisionError("not said: it may tell a secret")

    engine.control.reloads = Broken()
    with pytest.raises(ZeroDivisionError):
        engine.control.reload("cli", dry_run=dry_run)
    (row,) = engine.audited
    assert (row.who, row.verb, row.result, row.outcome) == ("cli", "reload", "internal: ZeroDivisionError", outcome)
